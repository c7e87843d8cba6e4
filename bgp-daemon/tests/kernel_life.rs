//! Learned routes through the life of a speaker: starts, stops, refusals, and others beside it.

#![cfg(feature = "kernel")]

mod nodes;

use bgp_daemon::{
    config::{Config, Group, Kernel, KernelRoutes, PeerSettings, Redistribute},
    engine::{Change, Shutdown},
    kernel::State,
    policy::Policy,
};
use bgp_proto::session::RemoteAs;
use lab::{BIRD, FRR, Lab, Need, Packets};
use nodes::{BOUND, Running, World, node, route, router};
use std::{collections::BTreeSet, process::Command, time::Duration};

const PREFIX: &str = "203.0.113.0/24";
const WIDE: &str = "2001:db8:ffff::/48";

/// Packets for about three seconds.
const STREAM: Packets = Packets { count: 1500, interval: Duration::from_millis(2) };

/// A stream to an address behind the routes, while something happens.
fn lost(world: &World, to: &str, meanwhile: impl FnOnce()) -> u32 {
    let tally = STREAM.flow(&world.node, &world.routers[0], to, meanwhile);
    println!("{tally:?}");
    tally.lost
}

#[test]
fn a_restart_keeps_the_routes_and_leaving_takes_them_along() {
    let Some(world) = World::new(1) else { return };
    let (first, router) = world.with_routes(&[(PREFIX, "10.0.1.2"), (WIDE, "2001:db8:1::2")]);
    world.routers[0].ip("addr add 203.0.113.1/32 dev lo");
    let (shown, objects) = (world.ours(), world.node.ip("nexthop show"));
    let mut second = None;
    let lost = lost(&world, "203.0.113.1", || {
        first.end(Shutdown::Restart);
        assert_eq!((world.ours(), world.node.ip("nexthop show")), (shown.clone(), objects.clone()));
        let started = world.start(&world.node, node(1));
        assert_eq!(started.row(PREFIX).unwrap().state, State::Kept);
        world.wait_state(&started, PREFIX, State::Installed);
        world.wait_state(&started, WIDE, State::Installed);
        second = Some(started);
    });
    assert_eq!(lost, 0);
    assert_eq!((world.ours(), world.node.ip("nexthop show")), (shown, objects));
    second.unwrap().end(Shutdown::Leave(None));
    assert_eq!((world.ours(), world.node.ip("nexthop show")), (String::new(), String::new()));
    drop(router);
}

#[test]
fn what_was_withdrawn_while_nobody_looked_goes_after_the_restart() {
    let Some(world) = World::new(1) else { return };
    let (first, router) = world.with_routes(&[(PREFIX, "10.0.1.2"), (WIDE, "2001:db8:1::2")]);
    first.end(Shutdown::Restart);
    router.announce(vec![route(PREFIX, "10.0.1.2")]);
    world.wait_route(WIDE);
    let _second = world.start(&world.node, node(1));
    world.wait_no_route(WIDE);
    world.wait_route(PREFIX);
}

#[test]
fn routes_of_peers_that_have_to_come_by_themselves_wait_for_them() {
    let Some(world) = World::new(1) else { return };
    let dynamic = || {
        let mut settings = PeerSettings::new(RemoteAs::External);
        settings.import = Some(Policy::all());
        let accept_from = vec!["10.0.0.0/8".parse().unwrap()];
        let group = Group { name: "all".into(), accept_from, max_peers: 9, settings };
        Config { peers: Vec::new(), groups: vec![group], ..node(0) }
    };
    let first = world.start(&world.node, dynamic());
    let router = world.start(&world.routers[0], router(1));
    router.announce(vec![route(PREFIX, "10.0.1.2")]);
    world.wait_route(PREFIX);
    world.routers[0].ip("addr add 203.0.113.1/32 dev lo");
    let lost = lost(&world, "203.0.113.1", || {
        first.end(Shutdown::Restart);
        let second = world.start(&world.node, dynamic());
        world.wait_state(&second, PREFIX, State::Installed);
        second.end(Shutdown::Restart);
    });
    assert_eq!(lost, 0);
    drop(router);
}

/// What a test starts as a process of its own, to be able to kill it.
const KILLED: &str = "a_speaker_that_other_tests_kill";

#[test]
#[ignore = "other tests start it as a process: it runs until it is killed"]
fn a_speaker_that_other_tests_kill() {
    let running = Running::here(node(1));
    running.wait_for_the_end();
}

#[test]
fn a_speaker_that_is_killed_and_started_again_loses_no_packet() {
    let Some(world) = World::new(1) else { return };
    let start = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", KILLED, "--nocapture"]);
        world.node.start("speaker", command)
    };
    let first = start();
    let router = world.start(&world.routers[0], router(1));
    router.announce(vec![route(PREFIX, "10.0.1.2"), route(WIDE, "2001:db8:1::2")]);
    world.wait_route(PREFIX);
    world.wait_route(WIDE);
    world.routers[0].ip("addr add 203.0.113.1/32 dev lo");
    let mut second = None;
    let lost = lost(&world, "203.0.113.1", || {
        drop(first);
        router.announce(vec![route(PREFIX, "10.0.1.2")]);
        second = Some(start());
        world.wait_no_route(WIDE);
    });
    assert_eq!(lost, 0);
    world.wait_route(PREFIX);
}

#[test]
fn a_second_instance_with_the_same_mark_is_refused_and_with_another_one_is_not() {
    let Some(world) = World::new(1) else { return };
    let (first, _router) = world.with_routes(&[(PREFIX, "10.0.1.2")]);
    let quiet = |kernel| Config { listen: Vec::new(), kernel: Some(kernel), ..node(0) };
    let error = world.try_start(&world.node, quiet(Kernel::default())).err().unwrap().to_string();
    assert!(error.contains("another instance installs routes of protocol 179 in table 254"), "{error}");
    let other = Kernel { protocol: 180, ..Kernel::default() };
    let second = world.start(&world.node, quiet(other.clone()));
    second.end(Shutdown::Leave(None));
    let again = world.start(&world.node, quiet(Kernel { table: 100, ..Kernel::default() }));
    again.end(Shutdown::Leave(None));
    world.wait_route(PREFIX);
    first.end(Shutdown::Restart);
    let third = world.start(&world.node, quiet(other));
    assert_eq!(third.page().totals.installed, 0);
    third.end(Shutdown::Leave(None));
    world.wait_route(PREFIX);
}

#[test]
fn what_the_kernel_refuses_is_shown_with_its_reason_and_tried_again_when_something_changed() {
    let Some(world) = World::new(1) else { return };
    let kernel = Kernel { source_ipv4: Some([192, 0, 2, 1].into()), ..Kernel::default() };
    let node = world.start(&world.node, Config { kernel: Some(kernel), ..node(1) });
    let router = world.start(&world.routers[0], router(1));
    router.announce(vec![route(PREFIX, "10.0.1.2"), route(WIDE, "2001:db8:1::2")]);
    world.wait_state(&node, WIDE, State::Installed);
    let held = world.wait_state(&node, PREFIX, State::Held);
    assert!(held.note.as_ref().unwrap().contains("refused"), "{held:?}");
    assert!(node.page().errors.values().any(|count| *count > 0), "{:?}", node.page());
    world.node.ip("addr add 192.0.2.1/32 dev lo");
    world.wait_shown(PREFIX, &["src 192.0.2.1"]);
    world.node.ip("addr del 192.0.2.1/32 dev lo");
    world.wait_state(&node, PREFIX, State::Held);
    assert_eq!(node.page().totals.installed, 1);
}

#[test]
fn routes_of_the_kernel_are_announced_as_our_own() {
    let Some(world) = World::new(1) else { return };
    let mut config = node(1);
    let all = |from| Redistribute { from, policy: Policy::all() };
    config.redistribute = vec![all(KernelRoutes::Connected), all(KernelRoutes::Static)];
    let node = world.start(&world.node, config.clone());
    let router = world.start(&world.routers[0], router(1));
    let hears = |wanted: &[&str]| {
        let mut wanted: Vec<String> = wanted.iter().map(|prefix| (*prefix).to_owned()).collect();
        wanted.sort();
        world.lab.wait_until(
            format!("{wanted:?} at the router; it has {:?}", router.learned()),
            BOUND,
            || router.learned() == wanted,
        );
    };
    hears(&["10.0.1.0/24", "2001:db8:1::/64"]);
    world.node.ip("addr add 192.0.2.1/24 dev r1");
    world.node.ip("route add 198.51.100.0/24 via 10.0.1.2");
    hears(&["10.0.1.0/24", "2001:db8:1::/64", "192.0.2.0/24", "198.51.100.0/24"]);
    world.node.ip("addr del 192.0.2.1/24 dev r1");
    hears(&["10.0.1.0/24", "2001:db8:1::/64", "198.51.100.0/24"]);
    config.redistribute = vec![all(KernelRoutes::Static)];
    node.change(Change::new().config(config));
    hears(&["198.51.100.0/24"]);
}

/// All that is not ours, line by line.
fn of_others(world: &World) -> BTreeSet<String> {
    let all = ["-4 route show", "-6 route show", "nexthop show"].map(|words| world.node.ip(words));
    let is_ours = |line: &&str| line.contains("proto 179") || line.contains("proto 180");
    let others = all.iter().flat_map(|text| text.lines()).filter(|line| !is_ours(line));
    others.map(str::to_owned).collect()
}

#[test]
fn other_routers_beside_us_keep_what_is_theirs_and_we_ours() {
    let needs = [Need::Router(FRR.host()), Need::Router(BIRD.host())];
    if Lab::needing(&needs).is_none() {
        return;
    }
    let Some(world) = World::new(1) else { return };
    // They learn from the router, each by a session of its own, what is theirs alone.
    let (_node, router) = world.with_routes(&[(PREFIX, "10.0.1.2"), (WIDE, "2001:db8:1::2")]);
    let ours = world.ours();
    for (model, port, prefix) in
        [(FRR.host(), 1179, "198.51.100.0/25"), (BIRD.host(), 2179, "198.51.100.128/25")]
    {
        let from = world.lab.namespace(if port == 1179 { "frr" } else { "bird" });
        let net = port / 1000;
        world
            .lab
            .link((&world.node, &[&format!("10.9.{net}.1/24")]), (&from, &[&format!("10.9.{net}.2/24")]));
        let announcer = lab::Config::new(65100 + net, &format!("10.9.{net}.2"))
            .peer(lab::Peer::new(&format!("10.9.{net}.2"), &format!("10.9.{net}.1"), 65200).port(port as u16))
            .announce(prefix);
        let announcer = BIRD.host().start(&from, &announcer);
        let beside = lab::Config::new(65200, &format!("10.9.{net}.1"))
            .port(port as u16)
            .forwarding()
            .peer(lab::Peer::new(&format!("10.9.{net}.1"), &format!("10.9.{net}.2"), 65100 + net).passive());
        let installed = || world.node.ip(&format!("route show {prefix}")).contains("via");
        let running = model.start(&world.node, &beside);
        world.lab.wait_until(format!("the route of {model}"), BOUND, installed);
        assert_eq!(world.ours(), ours, "{model} started");
        let theirs = of_others(&world);
        // We come and go beside it.
        let again = world.beside(180);
        // What zebra makes of our routes for itself comes and goes with them.
        assert!(of_others(&world).is_superset(&theirs), "{theirs:?}");
        again.end(Shutdown::Leave(None));
        assert!(of_others(&world).is_superset(&theirs), "we left {model} alone: {theirs:?}");
        drop(running);
        assert_eq!(world.ours(), ours, "{model} ended");
        let running = model.start(&world.node, &beside);
        world.lab.wait_until(format!("the route of {model}"), BOUND, installed);
        assert_eq!(world.ours(), ours, "{model} started again");
        drop((running, announcer));
    }
    drop(router);
}
