//! Learned routes in a real kernel, one case after the other.

#![cfg(feature = "kernel")]

mod nodes;

use bgp_daemon::{engine::Shutdown, kernel::State};
use nodes::{World, route};

#[test]
fn routes_are_installed_and_go_when_they_are_withdrawn() {
    let Some(world) = World::new(1) else { return };
    let (node, router) =
        world.with_routes(&[("203.0.113.0/24", "10.0.1.2"), ("2001:db8:ffff::/48", "2001:db8:1::2")]);
    assert!(world.shown("203.0.113.0/24").contains("via 10.0.1.2 dev r1 metric 179"), "{}", world.ours());
    let shown = world.shown("2001:db8:ffff::/48");
    assert!(shown.contains("via 2001:db8:1::2 dev r1") && shown.contains("metric 179"), "{shown}");
    let page = node.page();
    assert_eq!((page.totals.installed, page.rows.len()), (2, 2));
    assert!(page.rows.iter().all(|row| row.state == State::Installed), "{page:?}");
    assert_eq!(page.rows[0].gateways, ["via 10.0.1.2 dev r1"]);
    router.announce(vec![route("203.0.113.0/24", "10.0.1.2")]);
    world.wait_no_route("2001:db8:ffff::/48");
    router.end(Shutdown::Leave(None));
    world.wait_no_route("203.0.113.0/24");
    assert_eq!(world.node.ip("nexthop show proto 179"), "");
}
