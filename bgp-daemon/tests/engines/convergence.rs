//! Speakers that find each other and come to agree.

use crate::{
    model::{self, found},
    world::{Over, Random, World, all_routes, millis},
};
use bgp_daemon::rib::Standing;
use std::time::Duration;

/// A prefix of each family for every node.
fn announce_own(world: &mut World) {
    for node in 0..world.nodes.len() {
        world.announce(node, &[&format!("10.0.{node}.0/24"), &format!("2001:db8:{node}::/48")]);
    }
}

/// Latencies up to so much, as the seed has it.
fn spread_latencies(world: &mut World, most: Duration) {
    let mut random = Random::new(world.random.next());
    for cable in &mut world.cables {
        cable.latency = random.span(most);
    }
}

#[test]
fn two_speakers_learn_what_the_other_announces_over_each_kind_of_link() {
    for over in [Over::Ipv4, Over::Ipv6, Over::Interface] {
        let mut world = World::new(1);
        let [a, b] = [65001, 65002].map(|asn| world.node(asn));
        world.cable_over(over, a, b);
        world.start();
        announce_own(&mut world);
        world.settle();
        model::check(&world);
        assert_eq!((found(&world, a).len(), found(&world, b).len()), (4, 4));
    }
}

/// Speakers of so many ASes in a row, with latencies.
fn chain(seed: u64, length: usize) -> World {
    let mut world = World::new(seed);
    let nodes: Vec<_> = (0..length).map(|number| world.node(65001 + number as u32)).collect();
    nodes.windows(2).for_each(|pair| _ = world.cable(pair[0], pair[1]));
    spread_latencies(&mut world, millis(20));
    world.start();
    announce_own(&mut world);
    world
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let run = |seed| {
        let mut world = chain(seed, 4);
        world.settle();
        (world.steps, world.trace)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).1, run(2).1);
}

#[test]
fn a_chain_comes_to_know_everybody_from_end_to_end() {
    let mut world = chain(2, 12);
    world.settle();
    model::check(&world);
    let far = &found(&world, 0)[&"10.0.11.0/24".parse().unwrap()];
    assert_eq!(far.path, (65002..65013).collect::<Vec<_>>());
    world.withdraw(11, &["10.0.11.0/24"]);
    let took = world.settle();
    model::check(&world);
    assert!(took < millis(300), "a withdrawal goes as fast as the links: {took:?}");
}

#[test]
fn a_ring_turns_around_where_it_is_cut() {
    let mut world = World::new(3);
    let nodes: Vec<_> = (0..8).map(|number| world.node(65001 + number)).collect();
    let cables: Vec<_> = (0..8).map(|number| world.cable(nodes[number], nodes[(number + 1) % 8])).collect();
    spread_latencies(&mut world, millis(20));
    world.start();
    announce_own(&mut world);
    world.settle();
    model::check(&world);
    let from_1 = |world: &World| found(world, 0)[&"10.0.1.0/24".parse().unwrap()].path.clone();
    assert_eq!(from_1(&world), [65002]);
    world.cables[cables[0]].idle = true;
    world.cut(cables[0]);
    world.run_until("the hold time is over", |world| !world.is_up(cables[0]));
    world.settle();
    model::check(&world);
    assert_eq!(from_1(&world), (65002..65009).rev().collect::<Vec<_>>());
    world.cables[cables[0]].idle = false;
    world.mend(cables[0]);
    world.settle();
    model::check(&world);
    assert_eq!(from_1(&world), [65002]);
}

#[test]
fn a_full_mesh_inside_an_as_knows_what_its_borders_learn() {
    let mut world = World::new(4);
    let inside: Vec<_> = (0..6).map(|_| world.node(65000)).collect();
    for (at, a) in inside.iter().enumerate() {
        inside[at + 1..].iter().for_each(|b| _ = world.cable(*a, *b));
    }
    for (number, border) in inside.iter().enumerate().take(3) {
        let outside = world.node(65001 + number as u32);
        world.cable(*border, outside);
    }
    spread_latencies(&mut world, millis(20));
    world.start();
    announce_own(&mut world);
    // All three borders hear of one prefix: each keeps its own way.
    (6..9).for_each(|outside| world.announce(outside, &["192.0.2.0/24"]));
    world.settle();
    model::check(&world);
    let shared = "192.0.2.0/24".parse().unwrap();
    assert_eq!(found(&world, 2)[&shared].path, [65003]);
    assert_eq!(found(&world, 5)[&shared].path, [65001], "the border with the lowest identifier");
}

#[test]
fn reflectors_tell_their_clients_and_nothing_goes_in_circles() {
    let mut world = World::new(5);
    let reflectors: Vec<_> = (0..2).map(|_| world.node(65000)).collect();
    let clients: Vec<_> = (0..5).map(|_| world.node(65000)).collect();
    let plain = world.node(65000);
    world.cable(reflectors[0], reflectors[1]);
    for reflector in &reflectors {
        world.cable(*reflector, plain);
        for client in &clients {
            let cable = world.cable(*reflector, *client);
            world.settings(*reflector, cable).client = true;
        }
    }
    let outside = world.node(65001);
    world.cable(clients[0], outside);
    spread_latencies(&mut world, millis(20));
    world.start();
    announce_own(&mut world);
    world.settle();
    model::check(&world);
    assert_eq!(found(&world, clients[4]).len(), 18, "all of them, in both families");
    let reflected = &found(&world, clients[4])[&"10.0.8.0/24".parse().unwrap()];
    assert_eq!((reflected.originator, &reflected.clusters[..]), (Some(3), &[1][..]));
    world.kill(outside);
    world.cables.last_mut().unwrap().idle = true;
    world.settle();
    model::check(&world);
    assert!(!found(&world, clients[4]).contains_key(&"10.0.8.0/24".parse().unwrap()));
}

/// Two spines, four leaves, two nodes of a cluster at each leaf, which all announce one address.
fn clos(seed: u64) -> World {
    let mut world = World::new(seed);
    let spines: Vec<_> = (0..2).map(|_| world.node(65100)).collect();
    let leaves: Vec<_> = (0..4).map(|number| world.node(65001 + number)).collect();
    for leaf in &leaves {
        spines.iter().for_each(|spine| _ = world.cable_over(Over::Interface, *spine, *leaf));
    }
    for leaf in &leaves {
        for _ in 0..2 {
            let node = world.node(65200);
            world.cable(*leaf, node);
        }
    }
    for node in &mut world.nodes {
        node.config.selection.multipath_relax = true;
    }
    spread_latencies(&mut world, millis(2));
    world.start();
    announce_own(&mut world);
    (6..14).for_each(|node| world.announce(node, &["192.0.2.1/32"]));
    world
}

/// How many ways a node has to the address that all announce, as good as the best.
fn ways(world: &World, node: usize) -> usize {
    let all = all_routes(world.engine(node));
    let shared = all.filter(|(prefix, _)| *prefix == "192.0.2.1/32".parse().unwrap());
    let good = |standing| matches!(standing, Standing::Best | Standing::Equal);
    shared.flat_map(|(_, routes)| routes).filter(|route| good(route.standing)).count()
}

#[test]
fn a_clos_of_two_tiers_has_all_equal_ways_and_loses_only_what_fails() {
    let mut world = clos(6);
    world.settle();
    model::check(&world);
    assert_eq!((ways(&world, 0), ways(&world, 2), ways(&world, 6)), (4, 2, 1));
    // A leaf's way to a prefix behind another leaf: over both spines.
    let far = all_routes(world.engine(2)).find(|(prefix, _)| *prefix == "10.0.3.0/24".parse().unwrap());
    assert_eq!(far.unwrap().1.len(), 2);
    let since = world.now;
    world.kill(6);
    world.settle();
    assert_eq!((ways(&world, 0), ways(&world, 2)), (4, 1));
    let told = world.nodes[7].said_since(since);
    assert!(told.is_empty(), "its twin's session saw nothing of it: {told:?}");
    world.boot(6, false);
    world.settle();
    model::check(&world);
    assert_eq!((ways(&world, 0), ways(&world, 2)), (4, 2));
}
