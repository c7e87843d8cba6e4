//! Learned routes in a real kernel, one case after the other.

#![cfg(feature = "kernel")]

mod nodes;

use bgp_daemon::{
    config::{Config, Kernel},
    engine::Shutdown,
    kernel::State,
    policy::standard::import::Blackhole,
    rib::LocalRoute,
};
use bgp_proto::attr::{
    community::{Community, Extended},
    next_hop::NextHop,
    set::PathAttributes,
};
use nodes::{World, node, peer, route, route_with, router};

const PREFIX: &str = "203.0.113.0/24";

#[test]
fn routes_are_installed_and_go_when_they_are_withdrawn() {
    let Some(world) = World::new(1) else { return };
    let (node, router) = world.with_routes(&[(PREFIX, "10.0.1.2"), ("2001:db8:ffff::/48", "2001:db8:1::2")]);
    assert!(world.shown(PREFIX).contains("via 10.0.1.2 dev r1 metric 179"), "{}", world.ours());
    let shown = world.shown("2001:db8:ffff::/48");
    assert!(shown.contains("via 2001:db8:1::2 dev r1") && shown.contains("metric 179"), "{shown}");
    let page = node.page();
    assert_eq!((page.totals.installed, page.rows.len()), (2, 2));
    assert!(page.rows.iter().all(|row| row.state == State::Installed), "{page:?}");
    assert_eq!(page.rows[0].gateways, ["via 10.0.1.2 dev r1"]);
    router.announce(vec![route(PREFIX, "10.0.1.2")]);
    world.wait_no_route("2001:db8:ffff::/48");
    router.end(Shutdown::Leave(None));
    world.wait_no_route(PREFIX);
    world.lab.wait_until("no next hop object of ours", nodes::BOUND, || {
        world.node.ip("nexthop show proto 179").is_empty()
    });
}

#[test]
fn equal_routes_share_packets_by_weight() {
    let Some(world) = World::new(2) else { return };
    let node = world.start(&world.node, node(2));
    for (n, rate) in [(1, 1e9), (2, 3e9)] {
        let bandwidth = Extended::LinkBandwidth { asn: 1, rate, transitive: true };
        let with =
            PathAttributes { extended_communities: vec![bandwidth.into()], ..PathAttributes::default() };
        let router_of = world.start(&world.routers[n - 1], router(n));
        router_of.announce(vec![route_with(PREFIX, &format!("10.0.{n}.2"), with)]);
        std::mem::forget(router_of);
    }
    world.wait_shown(PREFIX, &["via 10.0.1.2 dev r1 weight 1", "via 10.0.2.2 dev r2 weight 3"]);
    for router in &world.routers {
        router.ip("addr add 203.0.113.1/32 dev lo");
    }
    let row = node.row(PREFIX).unwrap();
    assert_eq!(row.gateways, ["via 10.0.1.2 dev r1 weight 1", "via 10.0.2.2 dev r2 weight 3"]);
    let [few, many] = world.spread("203.0.113.1", 400);
    assert!(few + many == 400 && (50..150).contains(&few), "{few} and {many} packets");
}

#[test]
fn an_ipv4_route_goes_over_an_ipv6_gateway_and_packets_follow() {
    let Some(world) = World::new(1) else { return };
    let node = world.start(&world.node, Config { peers: vec![peer("2001:db8:1::2", 65001)], ..node(1) });
    let config = Config { peers: vec![peer("2001:db8:1::1", 65000)], ..router(1) };
    let router = world.start(&world.routers[0], config);
    router.announce(vec![route(PREFIX, "2001:db8:1::2")]);
    world.wait_shown(PREFIX, &["via inet6 2001:db8:1::2 dev r1"]);
    world.routers[0].ip("addr add 203.0.113.1/32 dev lo");
    world.node.ip("addr add 198.51.100.7/32 dev lo");
    world.routers[0].ip("route add 198.51.100.7 via inet6 2001:db8:1::1");
    world.ping("203.0.113.1", Some("198.51.100.7"));
    drop(node);
}

#[test]
fn a_link_local_next_hop_is_reached_over_its_link() {
    let Some(world) = World::new(1) else { return };
    let address = |at: &lab::Namespace, device: &str| {
        let shown = at.ip(&format!("-6 -brief addr show dev {device} scope link"));
        let address = shown.split_whitespace().find(|word| word.starts_with("fe80")).unwrap().to_owned();
        address.split('/').next().unwrap().to_owned()
    };
    let (ours, theirs) = (address(&world.node, "r1"), address(&world.routers[0], "node"));
    let on = |address: &str, link: &str, asn| {
        let mut peer = peer(address, asn);
        peer.remote = bgp_daemon::config::Remote::Address(address.parse().unwrap(), Some(link.into()));
        peer
    };
    let node = world.start(&world.node, Config { peers: vec![on(&theirs, "r1", 65001)], ..node(1) });
    let config = Config { peers: vec![on(&ours, "node", 65000)], ..router(1) };
    let router = world.start(&world.routers[0], config);
    let next_hop = NextHop::Ipv6 { global: theirs.parse().unwrap(), link_local: None };
    let to =
        |prefix: &str| LocalRoute { next_hop: Some(next_hop), ..LocalRoute::new(prefix.parse().unwrap()) };
    router.announce(vec![to("2001:db8:ffff::/48"), to(PREFIX)]);
    world.wait_shown("2001:db8:ffff::/48", &[&format!("via {theirs} dev r1")]);
    world.wait_shown(PREFIX, &[&format!("via inet6 {theirs} dev r1")]);
    drop(node);
}

#[test]
fn a_gateway_that_only_our_own_table_knows_is_on_link() {
    let Some(world) = World::new(1) else { return };
    world.node.ip("route add 172.31.0.9/32 dev r1 table 100");
    let kernel = Kernel { table: 100, ..Kernel::default() };
    let node = world.start(&world.node, Config { kernel: Some(kernel), ..node(1) });
    let router = world.start(&world.routers[0], router(1));
    router.announce(vec![route(PREFIX, "172.31.0.9")]);
    let shown = || world.node.ip("route show table 100 proto 179");
    world.lab.wait_until("the route in table 100", nodes::BOUND, || shown().contains(PREFIX));
    assert!(shown().contains("via 172.31.0.9 dev r1") && shown().contains("onlink"), "{}", shown());
    assert_eq!(world.ours(), "");
    drop(node);
}

#[test]
fn what_is_to_be_discarded_is() {
    let Some(world) = World::new(1) else { return };
    let mut with_discards = node(1);
    with_discards.routes = vec![LocalRoute::new("198.51.100.0/24".parse().unwrap())];
    with_discards.discards = ["198.51.100.0/24".parse().unwrap()].into();
    with_discards.peers[0].settings.blackhole = Some(Blackhole::HOSTS);
    let node = world.start(&world.node, with_discards);
    let router = world.start(&world.routers[0], router(1));
    let with = PathAttributes { communities: vec![Community::BLACKHOLE], ..PathAttributes::default() };
    router.announce(vec![
        route(PREFIX, "10.0.1.2"),
        route_with("203.0.113.9/32", "10.0.1.2", with.clone()),
        route_with("2001:db8:f::9/128", "2001:db8:1::2", with),
    ]);
    for prefix in ["198.51.100.0/24", "203.0.113.9", "2001:db8:f::9"] {
        world.wait_shown(prefix, &["blackhole"]);
    }
    let row = node.row("203.0.113.9/32").unwrap();
    assert_eq!((row.gateways, row.state), (vec!["discard".to_owned()], State::Installed));
}

#[test]
fn a_route_of_somebody_else_stays_and_ours_is_shown_as_shadowed() {
    let Some(world) = World::new(1) else { return };
    world.node.ip(&format!("route add {PREFIX} via 10.0.1.99 proto static"));
    world.node.ip("route add 198.51.100.0/24 via 10.0.1.99 proto static metric 179");
    let before = world.node.ip("route show proto static");
    let node = world.start(&world.node, node(1));
    let router = world.start(&world.routers[0], router(1));
    router.announce(vec![route(PREFIX, "10.0.1.2"), route("198.51.100.0/24", "10.0.1.2")]);
    world.wait_route(PREFIX);
    let shadowed = world.wait_state(&node, PREFIX, State::Shadowed);
    assert!(shadowed.note.unwrap().contains("protocol 4"));
    let held = world.wait_state(&node, "198.51.100.0/24", State::Held);
    assert!(held.note.unwrap().contains("with our metric"));
    assert_eq!(world.node.ip("route show proto static"), before);
    world.node.ip("route del 198.51.100.0/24 proto static");
    world.wait_route("198.51.100.0/24");
    router.end(Shutdown::Leave(None));
    world.wait_no_route(PREFIX);
    world.node.ip(&format!("route del {PREFIX} proto static"));
}

#[test]
fn what_somebody_deletes_or_changes_comes_back() {
    let Some(world) = World::new(1) else { return };
    let (node, _router) = world.with_routes(&[(PREFIX, "10.0.1.2"), ("2001:db8:ffff::/48", "2001:db8:1::2")]);
    let good = world.ours();
    world.node.ip(&format!("route del {PREFIX}"));
    world.node.ip("-6 route del 2001:db8:ffff::/48");
    world.lab.wait_until("both routes", nodes::BOUND, || world.ours() == good);
    world.node.ip(&format!("route replace blackhole {PREFIX} proto 179 metric 179"));
    world.lab.wait_until("the route as it was", nodes::BOUND, || world.ours() == good);
    world.node.ip("nexthop flush proto 179");
    world.wait_route(PREFIX);
    world.wait_route("2001:db8:ffff::/48");
    world.node.ip("route add 192.0.2.0/24 via 10.0.1.2 proto 179 metric 179");
    world.wait_no_route("192.0.2.0/24");
    assert_eq!(node.page().totals.installed, 2);
}

#[test]
fn a_link_that_goes_down_takes_its_share_along_and_brings_it_back() {
    let Some(world) = World::new(2) else { return };
    let _node = world.start(&world.node, node(2));
    let routers = [1, 2].map(|n| {
        let running = world.start(&world.routers[n - 1], router(n));
        running.announce(vec![route(PREFIX, &format!("10.0.{n}.2"))]);
        running
    });
    world.wait_shown(PREFIX, &["via 10.0.1.2 dev r1", "via 10.0.2.2 dev r2"]);
    // The link loses its carrier.
    world.routers[0].ip("link set node down");
    world.lab.wait_until("one gateway", nodes::BOUND, || {
        let shown = world.shown(PREFIX);
        shown.contains("10.0.2.2") && !shown.contains("10.0.1.2")
    });
    world.routers[0].ip("link set node up");
    world.wait_shown(PREFIX, &["via 10.0.1.2 dev r1", "via 10.0.2.2 dev r2"]);
    // Somebody takes it down.
    world.node.ip("link set r1 down");
    world.lab.wait_until("one gateway", nodes::BOUND, || {
        let shown = world.shown(PREFIX);
        shown.contains("10.0.2.2") && !shown.contains("10.0.1.2")
    });
    world.node.ip("link set r1 up");
    world.wait_shown(PREFIX, &["via 10.0.1.2 dev r1", "via 10.0.2.2 dev r2"]);
    drop(routers);
}

#[test]
fn a_next_hop_is_followed_as_the_route_to_it_moves() {
    let Some(world) = World::new(2) else { return };
    world.node.ip("route add 172.31.0.0/16 via 10.0.2.2 metric 20");
    let (node, _router) = world.with_routes(&[(PREFIX, "172.31.0.9")]);
    world.wait_shown(PREFIX, &["via 10.0.2.2 dev r2"]);
    world.node.ip("route replace 172.31.0.0/16 via 10.0.1.2 metric 20");
    world.wait_shown(PREFIX, &["via 10.0.1.2 dev r1"]);
    world.node.ip("route add 172.31.0.0/24 metric 20 nexthop via 10.0.1.2 weight 2 nexthop via 10.0.2.2");
    world.wait_shown(PREFIX, &["via 10.0.1.2 dev r1 weight 2", "via 10.0.2.2 dev r2 weight 1"]);
    world.node.ip("route del 172.31.0.0/24 metric 20");
    world.node.ip("route del 172.31.0.0/16 metric 20");
    world.wait_no_route(PREFIX);
    world.node.ip("route add 172.31.0.0/16 via 10.0.2.2 metric 20");
    world.wait_shown(PREFIX, &["via 10.0.2.2 dev r2"]);
    drop(node);
}

#[test]
fn what_would_cut_the_node_off_is_not_installed() {
    let Some(world) = World::new(1) else { return };
    let kernel = Kernel {
        protected: vec!["100.64.0.0/10".parse().unwrap()],
        max_routes: Some(1),
        ..Kernel::default()
    };
    let node = world.start(&world.node, Config { kernel: Some(kernel), ..node(1) });
    let router = world.start(&world.routers[0], router(1));
    let barred = ["0.0.0.0/0", "::/0", "10.0.1.128/25", "10.0.1.1/32", "2001:db8:1::/64", "100.64.1.0/24"];
    let via = |prefix: &&str| route(prefix, if prefix.contains(':') { "2001:db8:1::2" } else { "10.0.1.2" });
    router.announce(barred.iter().map(via).collect());
    for prefix in barred {
        world.wait_state(&node, prefix, State::Held);
    }
    assert_eq!(world.ours(), "");
    // An address that goes lets others have it.
    world.node.ip("addr add 203.0.113.7/24 dev lo");
    router.announce(vec![route(PREFIX, "10.0.1.2"), route("198.51.100.0/24", "10.0.1.2")]);
    world.wait_route("198.51.100.0/24");
    world.wait_state(&node, PREFIX, State::Held);
    world.node.ip("addr del 203.0.113.7/24 dev lo");
    let held = world
        .wait_row(&node, PREFIX, |row| row.note.as_ref().is_some_and(|note| note.contains("max_routes")));
    assert_eq!(held.state, State::Held);
    router.announce(vec![route(PREFIX, "10.0.1.2")]);
    world.wait_route(PREFIX);
}

#[test]
fn single_addresses_of_a_connected_network_are_installed_where_that_is_allowed() {
    let Some(world) = World::new(1) else { return };
    let kernel = Kernel { allow_connected: vec!["10.0.1.128/25".parse().unwrap()], ..Kernel::default() };
    let node = world.start(&world.node, Config { kernel: Some(kernel), ..node(1) });
    let router = world.start(&world.routers[0], router(1));
    world.node.ip("addr add 10.0.1.201/24 dev r1");
    let (vip, network, outside, own) = ("10.0.1.200/32", "10.0.1.128/25", "10.0.1.100/32", "10.0.1.201/32");
    router.announce([vip, network, outside, own].map(|prefix| route(prefix, "10.0.1.2")).into());
    world.wait_shown(vip, &["via 10.0.1.2 dev r1"]);
    for held in [network, outside, own] {
        world.wait_state(&node, held, State::Held);
    }
    world.routers[0].ip("addr add 10.0.1.200/32 dev lo");
    assert!(world.node.ip("route get 10.0.1.200").contains("via 10.0.1.2"));
    world.ping("10.0.1.200", None);
    world.node.ip("addr del 10.0.1.201/24 dev r1");
    world.wait_shown(own, &["via 10.0.1.2 dev r1"]);
}
