//! Who may connect, with real routers: signed sessions (RFC 2385), sessions that never leave the link (RFC 5082), and
//! sessions over several hops.

#![cfg(feature = "cli")]

mod ours;

use lab::{BIRD, Config, EXABGP, FRR, GOBGP, Lab, Model, Namespace, Need, OPENBGPD, Peer};
use ours::{BOUND, OURS, Ours, THEIRS, link, peer};

/// With the wrong key the session stays down, says so once, and harms nothing else; with the right one it comes up.
fn signed(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let (west, east) = link(&lab);
    let (signed, plain) =
        (Peer::new("10.0.0.2", "10.0.0.1", OURS), Peer::new("2001:db8::2", "2001:db8::1", OURS));
    let config =
        Config::new(THEIRS, "10.0.0.2").peer(signed.password("right").passive()).peer(plain.passive());
    let _theirs = model.start(&east, &config.announce("192.0.2.0/24").announce("2001:db8:1::/48"));
    let with_key = |key: &str| {
        peer("10.0.0.2", &format!("families = [\"ipv4\"]\npassword = \"{key}\""))
            + &peer("2001:db8::2", "families = [\"ipv6\"]")
    };
    let ours = Ours::start(&lab, &west, &with_key("wrong"));
    ours.wait_established("2001:db8::2");
    // More segments than one dial sends: what comes after the first failure is news for nobody.
    lab.wait_until("segments with the wrong key", BOUND, || refused(&east) > 5);
    ours.wait_log("peer 10.0.0.2 does not come up", 1);
    assert!(!ours.is_established("10.0.0.2"));
    assert_eq!(ours.log().matches("peer 10.0.0.2 ").count(), 1, "{}", ours.log());
    ours.reload(&with_key("right"));
    ours.wait_established("10.0.0.2");
    ours.wait_held("a route over each", |held| held.len() == 2);
    assert_eq!(ours.ups_and_flaps("2001:db8::2"), (1, 0));
    assert_eq!(ours.ups_and_flaps("10.0.0.2"), (1, 0));
}

/// How many segments the kernel refused for their signatures.
fn refused(at: &Namespace) -> u64 {
    let text = at.run(|| std::fs::read_to_string("/proc/thread-self/net/netstat").unwrap());
    let lines: Vec<Vec<_>> = text
        .lines()
        .filter(|line| line.starts_with("TcpExt:"))
        .map(|line| line.split(' ').collect())
        .collect();
    let at = lines[0].iter().position(|name| *name == "TCPMD5Failure").unwrap();
    lines[1][at].parse().unwrap()
}

/// Both insist on the link, whoever dials.
fn secured(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let (west, east) = link(&lab);
    let to_us = |local: &str, address: &str| Peer::new(local, address, OURS).ttl_security();
    let config = Config::new(THEIRS, "10.0.0.2")
        .peer(to_us("10.0.0.2", "10.0.0.1").passive())
        .peer(to_us("2001:db8::2", "2001:db8::1"));
    let tables = peer("10.0.0.2", "families = [\"ipv4\"]\nttl_security = true")
        + &peer("2001:db8::2", "families = [\"ipv6\"]\nttl_security = true\npassive = true");
    let ours = Ours::start(&lab, &west, &tables);
    let _theirs = model.start(&east, &config.announce("192.0.2.0/24").announce("2001:db8:1::/48"));
    ours.wait_held("a route over each", |held| held.len() == 2);
}

/// A router between the two.
fn multihop(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let [west, middle, east] = ["west", "middle", "east"].map(|name| lab.namespace(name));
    lab.link((&west, &["10.0.0.1/24"]), (&middle, &["10.0.0.254/24"]));
    lab.link((&middle, &["10.0.1.254/24"]), (&east, &["10.0.1.2/24"]));
    west.ip("route add 10.0.1.0/24 via 10.0.0.254");
    east.ip("route add 10.0.0.0/24 via 10.0.1.254");
    let ours = Ours::start(
        &lab,
        &west,
        &(peer("10.0.1.2", "multihop = 3") + "[[route]]\nprefix = \"198.51.100.0/24\"\n"),
    );
    let to_us = Peer::new("10.0.1.2", "10.0.0.1", OURS).multihop(3);
    let theirs = model.start(&east, &Config::new(THEIRS, "10.0.1.2").peer(to_us).announce("192.0.2.0/24"));
    ours.wait_held("a route", |held| held.len() == 1);
    assert_eq!(theirs.wait_route("198.51.100.0/24").next_hop.to_string(), "10.0.0.1");
}

macro_rules! rows {
    ($($name:ident: $check:ident($model:expr);)*) => {
        $(#[test] fn $name() { $check($model); })*
    };
}

rows! {
    frr_is_signed: signed(FRR.current());
    old_frr_is_signed: signed(FRR.host());
    bird_is_signed: signed(BIRD.current());
    old_bird_is_signed: signed(BIRD.host());
    gobgp_is_signed: signed(GOBGP.current());
    openbgpd_is_signed: signed(OPENBGPD.current());
    exabgp_is_signed: signed(EXABGP.current());
    frr_is_secured: secured(FRR.current());
    old_frr_is_secured: secured(FRR.host());
    bird_is_secured: secured(BIRD.current());
    old_bird_is_secured: secured(BIRD.host());
    gobgp_is_secured: secured(GOBGP.current());
    old_gobgp_is_secured: secured(GOBGP.host());
    openbgpd_is_secured: secured(OPENBGPD.current());
    frr_is_hops_away: multihop(FRR.current());
    bird_is_hops_away: multihop(BIRD.current());
    gobgp_is_hops_away: multihop(GOBGP.current());
    openbgpd_is_hops_away: multihop(OPENBGPD.current());
}
