//! What the lab's words mean to each router: attributes, signed sessions, changes while running.

use std::time::Duration;

use lab::{Announcement, BIRD, Config, EXABGP, FRR, GOBGP, Lab, Model, Need, OPENBGPD, Packets, Peer, Route};

const BOUND: Duration = Duration::from_secs(30);

/// The router under test against today's BIRD, which understands every attribute.
fn speaks_the_lab_s_words(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model), Need::Router(BIRD.current())]) else { return };
    let (west, east) = (lab.namespace("west"), lab.namespace("east"));
    lab.link((&west, &["10.0.0.1/24"]), (&east, &["10.0.0.2/24"]));
    let to_bird = Config::new(65001, "10.0.0.1")
        .peer(Peer::new("10.0.0.1", "10.0.0.2", 65002).password("s3cret"))
        .announce(coloured("192.0.2.0/24"));
    let from_bird = Config::new(65002, "10.0.0.2")
        .peer(Peer::new("10.0.0.2", "10.0.0.1", 65001).password("s3cret").passive())
        .announce(coloured("198.51.100.0/24"));

    let bird = BIRD.current().start(&east, &from_bird);
    let router = model.start(&west, &to_bird);

    router.wait_established("10.0.0.2");
    expect_colours(&bird.wait_route("192.0.2.0/24"));
    expect_colours(&router.wait_route("198.51.100.0/24"));

    router.announce(&Announcement::new("203.0.113.0/24"));
    bird.wait_route("203.0.113.0/24");
    router.withdraw("203.0.113.0/24");
    bird.wait_routes("one route", |routes| routes.len() == 1);

    bird.withdraw("198.51.100.0/24");
    router.wait_routes("no route", <[Route]>::is_empty);
    assert!(router.is_established("10.0.0.2".parse().unwrap()));
}

/// What the router learned leads packets to today's BIRD, and no longer does once it is withdrawn.
fn forwards_what_it_learned(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model), Need::Router(BIRD.current())]) else { return };
    let (west, east) = (lab.namespace("west"), lab.namespace("east"));
    lab.link((&west, &["10.0.0.1/24"]), (&east, &["10.0.0.2/24"]));
    east.ip("addr add 203.0.113.1/32 dev lo");
    let to_bird = Config::new(65001, "10.0.0.1").peer(Peer::new("10.0.0.1", "10.0.0.2", 65002)).forwarding();
    let from_bird = Config::new(65002, "10.0.0.2")
        .peer(Peer::new("10.0.0.2", "10.0.0.1", 65001))
        .announce("203.0.113.1/32");
    let bird = BIRD.current().start(&east, &from_bird);
    let router = model.start(&west, &to_bird);
    let installed = || west.ip("route show 203.0.113.1").contains("via 10.0.0.2");
    let stream = Packets { count: 50, interval: Duration::from_millis(1) };

    router.wait_route("203.0.113.1/32");
    lab.wait_until("the route in the kernel", BOUND, installed);
    assert_eq!(stream.flow(&west, &east, "203.0.113.1", || {}).lost, 0);

    bird.withdraw("203.0.113.1/32");
    lab.wait_until("the route to leave the kernel", BOUND, || !installed());
    let tally = stream.flow(&west, &east, "203.0.113.1", || {});
    assert_eq!((tally.sent, tally.received), (0, 0), "the sender has no route");
}

fn coloured(prefix: &str) -> Announcement {
    Announcement {
        communities: vec!["65001:100".into(), "65001:200".into()],
        large_communities: vec!["65001:1:4200000000".into(), "65001:2:3".into()],
        route_targets: vec!["65001:7".into()],
        med: Some(50),
        ..Announcement::new(prefix)
    }
}

fn expect_colours(route: &Route) {
    assert_eq!(route.communities, ["65001:100", "65001:200"], "{route:?}");
    assert_eq!(route.large_communities, ["65001:1:4200000000", "65001:2:3"], "{route:?}");
    assert_eq!(route.med, Some(50), "{route:?}");
}

macro_rules! routers {
    ($($name:ident: $check:ident($model:expr);)*) => {
        $(#[test] fn $name() { $check($model); })*
    };
}

routers! {
    bird_forwards_what_it_learned: forwards_what_it_learned(BIRD.host());
    frr_forwards_what_it_learned: forwards_what_it_learned(FRR.current());
    old_frr_forwards_what_it_learned: forwards_what_it_learned(FRR.host());
    openbgpd_forwards_what_it_learned: forwards_what_it_learned(OPENBGPD.current());
    bird_speaks_the_lab_s_words: speaks_the_lab_s_words(BIRD.current());
    frr_speaks_the_lab_s_words: speaks_the_lab_s_words(FRR.current());
    gobgp_speaks_the_lab_s_words: speaks_the_lab_s_words(GOBGP.current());
    openbgpd_speaks_the_lab_s_words: speaks_the_lab_s_words(OPENBGPD.current());
    exabgp_speaks_the_lab_s_words: speaks_the_lab_s_words(EXABGP.current());
    old_bird_speaks_the_lab_s_words: speaks_the_lab_s_words(BIRD.host());
    old_frr_speaks_the_lab_s_words: speaks_the_lab_s_words(FRR.host());
    old_gobgp_speaks_the_lab_s_words: speaks_the_lab_s_words(GOBGP.host());
    old_openbgpd_speaks_the_lab_s_words: speaks_the_lab_s_words(OPENBGPD.host());
    old_exabgp_speaks_the_lab_s_words: speaks_the_lab_s_words(EXABGP.host());
}
