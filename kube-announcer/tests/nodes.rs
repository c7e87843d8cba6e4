//! Routes into the nodes, with packets: pods of other nodes, ranges behind pods, aggregates, and what is lost when
//! something breaks.

mod routed;

use routed::{BOUND, MESH, PODS, World, tor};

/// Pods of two nodes talk, each by its own address, and afterwards the nodes are as they were.
fn pods_talk(bgp: &str, with_router: bool) {
    let Some(world) = World::new() else { return };
    world.write("bgp.yaml", &(bgp.to_owned() + PODS));
    let before = [1, 2].map(|n| world.tables(n));
    let router = with_router.then(|| world.frr());
    let announcers = [1, 2].map(|n| world.announcer(n));
    for (n, other) in [(1, 2), (2, 1)] {
        let node = &world.nodes[n - 1];
        world.wait_route(node, &format!("10.244.{other}.0/24"), "dev router proto 179 metric 179");
        world.wait_route(node, &format!("fd00:10:244:{other}::/64"), "dev router proto 179 metric 179");
        let shown = node.ip(&format!("route get 10.244.{other}.10"));
        assert!(shown.contains(&format!("via 192.0.2.1{other}")), "the next hop is the other node: {shown}");
    }
    world.talk("10.244.1.10", "10.244.2.10");
    world.talk("fd00:10:244:1::10", "fd00:10:244:2::10");
    for n in [1, 2] {
        let foreign = |tables: &str| -> Vec<String> {
            tables.lines().filter(|line| !line.contains("proto 179")).map(str::to_owned).collect()
        };
        assert_eq!(foreign(&world.tables(n)), foreign(&before[n - 1]), "what is others' is as it was");
    }
    let why = world.ask(1, &["why", "10.244.2.0/24"]);
    assert!(why.contains("best (accepted by policy import") && why.contains("(installed)"), "{why}");
    for (n, announcer) in [1, 2].into_iter().zip(announcers) {
        world.leave(n, announcer);
    }
    for n in [1, 2] {
        assert_eq!(world.tables(n), before[n - 1]);
    }
    if let Some(router) = router {
        router.wait_routes("nothing", |routes| routes.is_empty());
    }
}

#[test]
fn pods_talk_by_a_mesh() {
    pods_talk(MESH, false);
}

#[test]
fn pods_talk_through_a_router_that_leaves_the_path() {
    pods_talk(&tor("podRoutes: true, allowOwnAsn: true"), true);
}

#[test]
fn pods_talk_through_a_router_that_overrides_the_as() {
    pods_talk(&tor("podRoutes: true"), true);
}
