//! What is accepted and told, and how that changes while everybody goes on.

use crate::{
    model::{self, found},
    world::{Rule, World, millis, secs},
};
use bgp_daemon::{
    config::MaxPrefixes,
    engine::{Reset, Which},
};
use bgp_proto::numbers::RouterId;
use ipnet::IpNet;

fn prefixes(from: u32, to: u32) -> Vec<IpNet> {
    let net =
        |number: u32| IpNet::new(std::net::IpAddr::V4((0x0a00_0000 + (number << 8)).into()), 24).unwrap();
    (from..to).map(net).collect()
}

/// `source - hub`, and three that the hub tells, with the cables.
fn star(seed: u64) -> (World, usize, usize, Vec<usize>) {
    let mut world = World::new(seed);
    let [source, hub] = [65001, 65000].map(|asn| world.node(asn));
    let mut cables = vec![world.cable(source, hub)];
    for number in 0..3 {
        let member = world.node(65002 + number);
        cables.push(world.cable(hub, member));
    }
    world.start();
    world.announce_all(source, &prefixes(0, 200));
    world.settle();
    (world, source, hub, cables)
}

/// Announced and withdrawn prefixes on each of these cables, as the hub has told them.
fn counts(world: &World, hub: usize, cables: &[usize]) -> Vec<(usize, usize)> {
    let told = cables.iter().map(|cable| world.told_by(hub, *cable));
    told.map(|told| (told.announced, told.withdrawn)).collect()
}

#[test]
fn a_reload_in_the_midst_of_traffic_tells_only_the_differences() {
    let (mut world, source, hub, cables) = star(1);
    let before = counts(&world, hub, &cables[1..]);
    assert_eq!(before, [(200, 0); 3]);
    // New routes are on their way while the first member loses ten and the second gains a mark on all it has.
    world.announce_all(source, &prefixes(200, 300));
    world.run(millis(1));
    world.set_rule(hub, cables[1], true, Rule::Without(prefixes(195, 205).into_iter().collect()));
    world.set_rule(hub, cables[2], true, Rule::Marked(0xfde8_0001));
    let changed = world.reload(hub);
    assert_eq!(changed.peers.len(), 2, "{changed:?}");
    world.settle();
    model::check(&world);
    let after = counts(&world, hub, &cables[1..]);
    // Of those that were on their way the member may have been told before the reload, or not.
    assert!((295..=300).contains(&after[0].0) && (5..=10).contains(&after[0].1), "{after:?}");
    assert!((500..=600).contains(&after[1].0) && after[1].1 == 0, "{after:?}");
    assert_eq!(after[2], (300, 0));
    assert_eq!(
        world.nodes[hub].events.iter().filter(|(_, event)| event.to_string().contains("down")).count(),
        0
    );
    // The same once more changes nothing.
    assert!(world.reload(hub).peers.is_empty());
    world.settle();
    assert_eq!(counts(&world, hub, &cables[1..]), after);
    // What the hub does not accept any more is taken back everywhere, and only that.
    world.set_rule(hub, cables[0], false, Rule::Without(prefixes(0, 20).into_iter().collect()));
    world.reload(hub);
    world.settle();
    model::check(&world);
    let last = counts(&world, hub, &cables[1..]);
    let more: Vec<_> =
        last.iter().zip(&after).map(|(last, after)| (last.0 - after.0, last.1 - after.1)).collect();
    assert_eq!(more, [(0, 20); 3]);
}

#[test]
fn a_refresh_tells_all_again_and_nobody_else_anything() {
    let (mut world, source, hub, cables) = star(2);
    let before = counts(&world, hub, &cables[1..]);
    assert_eq!(world.with(hub, |engine, now| engine.refresh(now, &Which::All)), 4);
    world.settle();
    assert_eq!(world.told_by(source, cables[0]).announced, 400);
    assert_eq!(world.told_by(source, cables[0]).refreshes, 4, "a begin and an end for each family");
    assert_eq!(counts(&world, hub, &cables[1..]), before);
    // The other way round.
    let asked = world.with(hub, |engine, now| engine.reset(now, &Which::All, &Reset::Soft));
    assert_eq!(asked, 4);
    world.settle();
    model::check(&world);
    assert_eq!(counts(&world, hub, &cables[1..]), [(400, 0); 3]);
    assert_eq!(world.told_by(source, cables[0]).announced, 600);
    let flaps: u64 = world.engine(hub).peers().map(|peer| peer.flaps).sum();
    assert_eq!(flaps, 0);
}

#[test]
fn who_sends_too_much_is_stopped_and_tried_again_until_it_behaves() {
    let (mut world, source, hub, cables) = star(3);
    let max = MaxPrefixes { limit: 240, warn: 220, only_warn: false, restart_after: Some(secs(60)) };
    world.settings(hub, cables[0]).max_prefixes = Some(max);
    world.reload(hub);
    world.settle();
    let since = world.now;
    world.announce_all(source, &prefixes(200, 400));
    world.run(secs(200));
    let said = world.nodes[hub].said_since(since);
    let over = said.iter().filter(|line| line.contains("more than the 240 prefixes")).count();
    assert!((3..=4).contains(&over), "{said:#?}");
    assert_eq!(found(&world, 2).len(), 0, "what was kept of it is gone");
    world.withdraw_all(source, &prefixes(220, 400));
    world.run(secs(70));
    world.settle();
    model::check(&world);
    assert_eq!(found(&world, 2).len(), 220);
}

#[test]
fn two_peers_with_the_same_identifier_are_told_apart_by_their_addresses() {
    let mut world = World::new(4);
    let [hub, a, b] = [65000, 65001, 65002].map(|asn| world.node(asn));
    let cables = [a, b].map(|twin| world.cable(hub, twin));
    world.nodes[b].config.router_id = RouterId::new(2);
    world.start();
    world.announce(a, &["192.0.2.0/24"]);
    world.announce(b, &["192.0.2.0/24"]);
    world.settle();
    model::check(&world);
    let best = |world: &World| found(world, hub)[&"192.0.2.0/24".parse().unwrap()].from;
    assert_eq!(best(&world), Some(cables[0]));
    world.withdraw(a, &["192.0.2.0/24"]);
    world.settle();
    assert_eq!(best(&world), Some(cables[1]));
    model::check(&world);
}

#[test]
fn a_peer_with_our_own_identifier_is_refused_inside_our_as_only() {
    let mut world = World::new(5);
    let [hub, twin, outside, other] = [65000, 65000, 65001, 65000].map(|asn| world.node(asn));
    let [to_twin, to_outside, to_other] = [twin, outside, other].map(|node| world.cable(hub, node));
    for node in [twin, outside] {
        world.nodes[node].config.router_id = RouterId::new(1);
    }
    world.cables[to_twin].idle = true;
    world.start();
    world.announce(outside, &["192.0.2.0/24"]);
    world.settle();
    world.run(secs(60));
    world.settle();
    model::check(&world);
    assert!(world.is_up(to_outside) && world.is_up(to_other) && !world.is_up(to_twin));
    let said = world.nodes[hub].said_since(bgp_proto::time::Time::START);
    let about = |cable: usize| {
        let remote = world.cables[cable].remote(0).to_string();
        said.iter().filter(|line| line.contains(&format!("peer {remote} "))).collect::<Vec<_>>()
    };
    assert!((1..=3).contains(&about(to_twin).len()), "{:#?}", about(to_twin));
    assert_eq!(world.peer(hub, to_other).unwrap().flaps, 0);
}
