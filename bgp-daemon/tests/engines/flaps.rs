//! Connections that come, go, meet and stall.

use crate::{
    model,
    world::{Over, World, millis, secs},
};
use bgp_daemon::{engine::WINDOW, rib::LocalRoute};
use bgp_proto::{attr::set::OpaqueAttribute, numbers::HoldTime, session::SessionState};
use ipnet::IpNet;

/// So many prefixes of 10.`second`.0.0/16 on.
fn prefixes(second: u8, count: u32) -> Vec<IpNet> {
    let first = u32::from_be_bytes([10, second, 0, 0]);
    (0..count)
        .map(|number| IpNet::new(std::net::IpAddr::V4((first + (number << 8)).into()), 24).unwrap())
        .collect()
}

#[test]
fn links_that_flap_every_second_leave_everything_as_it_was() {
    let mut world = World::new(1);
    let nodes: Vec<_> = (0..5).map(|number| world.node(65001 + number)).collect();
    let cables: Vec<_> = (0..5).map(|at| world.cable(nodes[at], nodes[(at + 1) % 5])).collect();
    cables.iter().for_each(|cable| world.settings_of(*cable, |peer| peer.graceful_restart = None));
    world.start();
    nodes.iter().for_each(|node| world.announce_all(*node, &prefixes(*node as u8, 20)));
    world.settle();
    for second in 0..30 {
        world.reset(cables[second % 2]);
        world.run(secs(1));
    }
    world.settle();
    model::check(&world);
    assert_eq!(model::found(&world, nodes[0]).len(), 100);
    // Whom it did not concern has kept the session.
    let flaps = cables.iter().map(|cable| world.peer(world.cables[*cable].ends[0], *cable).unwrap().flaps);
    let flaps: Vec<_> = flaps.collect();
    assert!(flaps[0] > 0 && flaps[1] > 0 && flaps[2..] == [0, 0, 0], "{flaps:?}");
}

#[test]
fn two_that_dial_each_other_at_once_keep_one_connection() {
    let (mut met, mut twice) = (0, 0);
    for seed in 0..60 {
        let mut world = World::new(seed);
        let [a, b] = [65001, 65002].map(|asn| world.node(asn));
        let cable = world.cable(a, b);
        world.cables[cable].latency = millis(seed % 30);
        world.cables[cable].jitter = millis(seed % 40);
        world.boot(a, false);
        world.announce(a, &["10.0.0.0/24"]);
        let late = world.random.span(millis(60));
        world.run(late).boot(b, false);
        let took = world.settle();
        assert!(took < secs(8), "seed {seed}: {took:?}");
        met += usize::from(world.trace.iter().filter(|line| line.contains("accepts")).count() > 1);
        let ups = |world: &World| [a, b].map(|node| world.peer(node, cable).unwrap().ups);
        let before = ups(&world);
        world.run(secs(100));
        world.settle();
        assert_eq!(ups(&world), before, "seed {seed}");
        // A connection that comes milliseconds after the session is up cannot be told from that of a restart, and
        // takes its place.
        assert!(before == [1, 1] || before == [2, 2], "seed {seed}: {before:?}");
        twice += before[0] - 1;
    }
    assert!(met > 20 && twice < 6, "they met {met} times, and came up twice {twice} times");
}

/// Routes to so many prefixes of which so much is said that few of them fill a window.
fn wordy(round: u32, count: u32) -> Vec<LocalRoute> {
    let route = |prefix: IpNet| {
        let mut route = LocalRoute::new(prefix);
        let mut value = vec![0; 1600];
        value[..4].copy_from_slice(&round.to_be_bytes());
        value[4..8].copy_from_slice(&prefix.addr().to_string().as_bytes()[3..7]);
        let unknown = OpaqueAttribute { flags: 0xc0, code: 200, value };
        route.attributes.opaque.push(unknown);
        route
    };
    prefixes(1, count).into_iter().map(route).collect()
}

#[test]
fn a_member_that_stops_reading_catches_up_with_exactly_what_is_left() {
    let mut world = World::new(2);
    let [source, hub] = [65001, 65000].map(|asn| world.node(asn));
    let members: Vec<_> = (0..3).map(|number| world.node(65002 + number)).collect();
    world.cable(source, hub);
    let cables: Vec<_> = members.iter().map(|member| world.cable(hub, *member)).collect();
    world.start();
    world.settle();
    let since = world.now;
    world.deafen(members[0], cables[0]);
    // More than is kept for those who lag behind.
    for round in 1..=28 {
        world.announce_routes(source, wordy(round, 100));
        world.run(millis(500));
        let stuck = world.waiting_octets(cables[0]);
        assert!(stuck <= WINDOW + world.cables[cables[0]].window, "{stuck}");
        // The others are told at once.
        let last = |member: usize| world.told_by(hub, cables[member]).announced;
        assert_eq!([last(1), last(2)], [round as usize * 100; 2]);
    }
    world.withdraw_all(source, &prefixes(1, 30));
    world.run(millis(500));
    assert_eq!(world.engine(members[1]).rib().route_count(), 70);
    let stuck = world.waiting_octets(cables[0]);
    world.hear(members[0], cables[0]);
    let took = world.settle();
    assert!(took < secs(2), "{took:?}");
    let attributes = |member: usize| {
        let told = world.told_by(hub, cables[member]).routes.iter();
        told.map(|(prefix, route)| (*prefix, route.0.clone())).collect::<Vec<_>>()
    };
    assert!(attributes(0).len() == 70 && attributes(0) == attributes(1));
    for member in &members {
        assert_eq!(world.nodes[*member].said_since(since), [""; 0], "no session ended");
    }
    // It was spared what had come and gone.
    let announced = world.told_by(hub, cables[0]).announced;
    assert!(announced < stuck / 1600 + 100, "{announced}");
}

#[test]
fn who_takes_nothing_for_too_long_is_given_up_and_costs_nobody_else_anything() {
    let mut world = World::new(3);
    let [hub, deaf, other] = [65000, 65001, 65002].map(|asn| world.node(asn));
    let cables = [deaf, other].map(|node| world.cable(hub, node));
    world.start();
    world.settle();
    let since = world.now;
    world.deafen(deaf, cables[0]);
    world.announce_all(hub, &prefixes(1, 1000));
    world.run(secs(45));
    assert!(world.nodes[deaf].said_since(since)[0].contains("Hold Timer Expired"));
    assert_eq!(world.nodes[other].said_since(since), [""; 0]);
    world.hear(deaf, cables[0]);
    world.settle();
    model::check(&world);
}

#[test]
fn who_had_sent_something_is_not_declared_dead_when_the_clock_jumps() {
    let mut world = World::new(4);
    let hub = world.node(65000);
    let peers: Vec<_> = (0..4).map(|number| world.node(65001 + number)).collect();
    let cables: Vec<_> = peers.iter().map(|peer| world.cable_over(Over::Ipv6, hub, *peer)).collect();
    for cable in &cables {
        world.settings_of(*cable, |peer| peer.graceful_restart = None);
    }
    world.start();
    world.settle();
    // What the first three say now waits when the clock is looked at again; the last says nothing.
    world.pause(hub);
    for peer in &peers[..3] {
        world.announce(*peer, &[&format!("10.0.{peer}.0/24")]);
    }
    world.run(millis(50));
    world.jump(hub, secs(3600));
    world.go_on(hub);
    world.run(millis(10));
    let state = |cable: &usize| world.peer(hub, *cable).unwrap().state;
    let up: Vec<_> = cables.iter().map(|cable| state(cable) == SessionState::Established).collect();
    assert_eq!(up, [true, true, true, false], "{}", world.trace.join("\n"));
    world.settle();
    model::check(&world);
}

#[test]
fn a_process_that_stood_still_for_less_than_the_hold_time_loses_nothing() {
    let mut world = World::new(5);
    let [a, b] = [65001, 65002].map(|asn| world.node(asn));
    let cable = world.cable(a, b);
    world.settings_of(cable, |peer| peer.timers.hold = HoldTime::new(9).unwrap());
    world.start();
    world.announce_all(a, &prefixes(1, 300));
    world.settle();
    world.pause(b);
    world.announce_all(a, &prefixes(2, 300));
    world.run(millis(5900));
    world.go_on(b);
    world.settle();
    model::check(&world);
    assert_eq!(world.peer(a, cable).unwrap().flaps, 0);
}
