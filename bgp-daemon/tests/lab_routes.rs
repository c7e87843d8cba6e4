//! Routes to and from real routers while sessions are up: packed, told anew, asked for again, several to one prefix,
//! IPv4 over IPv6.

#![cfg(feature = "cli")]

mod ours;

use lab::{Announcement, BIRD, Config, EXABGP, FRR, Family, GOBGP, Lab, Model, Need, OPENBGPD, Peer};
use ours::{BOUND, OURS, Ours, THEIRS, link, peer};
use std::collections::BTreeSet;

const PEER: &str = "10.0.0.2";
const US: &str = "10.0.0.1";

/// How many prefixes of one family share all their attributes: more than one message holds.
const ALIKE: u64 = 1500;
/// The most UPDATEs: 2 of IPv4 and 3 of IPv6 hold them all, twice that where a run ends with a slice of the table's
/// walk, and End-of-RIB of each family. A router that takes long messages needs fewer.
const MOST: u64 = 2 * (2 + 3) + 2;

fn alike(community: &str) -> String {
    let mut tables = format!(
        "[policy.marked]\nrules = [{{ set = {{ add_communities = [\"{community}\"] }}, then = \"accept\" }}]\n\n"
    );
    tables += &peer(PEER, "").replace("export = \"all\"", "export = \"marked\"");
    for n in 0..ALIKE {
        tables += &format!("[[route]]\nprefix = \"100.{}.{}.0/24\"\n", 64 + n / 250, n % 250);
        tables += &format!("[[route]]\nprefix = \"2001:db8:{:x}::/48\"\n", 0x1000 + n);
    }
    tables
}

/// Prefixes that share their attributes share messages; another export community costs as many again, and no session.
fn packs_and_reloads(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let (west, east) = link(&lab);
    let to_us = Peer::new(PEER, US, OURS).families(&[Family::Ipv4, Family::Ipv6]);
    let theirs = model.start(&east, &Config::new(THEIRS, PEER).peer(to_us));
    let ours = Ours::start(&lab, &west, &alike("65001:1"));
    let all_with = |community: &str| {
        let what = format!("all with {community}");
        theirs.wait_routes(&what, |routes| {
            routes.len() as u64 == 2 * ALIKE && routes.iter().all(|route| route.communities == [community])
        });
    };
    all_with("65001:1");
    let (before, _) = ours.messages(PEER, "update");
    assert!(before <= MOST, "{before} UPDATEs");
    let (sessions, session) = (ours.ups_and_flaps(PEER), ours.peer(PEER)["seconds"].as_u64());
    ours.reload(&alike("65001:2"));
    all_with("65001:2");
    let (after, _) = ours.messages(PEER, "update");
    assert!(after - before <= MOST, "{} UPDATEs of a changed community", after - before);
    assert_eq!(ours.ups_and_flaps(PEER), sessions);
    assert!(ours.peer(PEER)["seconds"].as_u64() >= session, "the session is another one");
}

/// Each asks the other to send everything again.
fn refreshes(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let (west, east) = link(&lab);
    // Passive: ExaBGP ends a session of its own when both have dialled.
    let config = Config::new(THEIRS, PEER).peer(Peer::new(PEER, US, OURS).passive()).announce("192.0.2.0/24");
    let theirs = model.start(&east, &config);
    let tables = peer(PEER, "families = [\"ipv4\"]") + "[[route]]\nprefix = \"198.51.100.0/24\"\n";
    let ours = Ours::start(&lab, &west, &tables);
    ours.wait_held("their route", |held| held.len() == 1);
    theirs.wait_route("198.51.100.0/24");
    // ExaBGP up to 4.2 ends the session when it is asked (its issue 1237).
    if model.kind() != EXABGP {
        let (_, before) = ours.messages(PEER, "update");
        ours.ask(&["reset", PEER, "--soft", "in"]);
        lab.wait_until("their route again", BOUND, || ours.messages(PEER, "update").1 > before);
    }
    let (before, asked) = (ours.messages(PEER, "update").0, ours.messages(PEER, "route-refresh").1);
    if let Err(why) = theirs.refresh(US.parse().unwrap()) {
        // Its own words: it keeps what we sent, and need not ask.
        println!("{model}: {why}");
    } else {
        let (kind, told) = ("route-refresh", "update");
        lab.wait_until("our route to be asked for", BOUND, || ours.messages(PEER, kind).1 > asked);
        lab.wait_until("our route again", BOUND, || ours.messages(PEER, told).0 > before);
    }
    assert_eq!((ours.held().len(), ours.ups_and_flaps(PEER)), (1, (1, 0)));
}

/// IPv4 routes whose next hops are IPv6 addresses (RFC 8950), both ways.
fn ipv4_over_ipv6(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let [west, east] = ["west", "east"].map(|name| lab.namespace(name));
    lab.link((&west, &["2001:db8::1/64"]), (&east, &["2001:db8::2/64"]));
    let to_us = Peer::new("2001:db8::2", "2001:db8::1", OURS).families(&[Family::Ipv4, Family::Ipv6]);
    let hop = || Some("2001:db8::2".parse().unwrap());
    let announced = ["192.0.2.0/24", "2001:db8:1::/48"];
    let announced = announced.map(|prefix| Announcement { next_hop: hop(), ..Announcement::new(prefix) });
    // FRR cannot set an IPv6 next hop on an IPv4 route, and does not need to be told.
    let announced = match model.kind() {
        kind if kind == GOBGP => announced.to_vec(),
        _ => announced.into_iter().map(|one| Announcement { next_hop: None, ..one }).collect(),
    };
    let config = Config::new(THEIRS, PEER).peer(to_us.extended_next_hop()).announce(announced);
    let theirs = model.start(&east, &config);
    let tables = peer("2001:db8::2", "")
        + "[[route]]\nprefix = \"198.51.100.0/24\"\n[[route]]\nprefix = \"2001:db8:2::/48\"\n";
    let ours = Ours::start(&lab, &west, &tables);
    for held in ours.wait_held("both routes", |held| held.len() == 2) {
        assert_eq!(held.route.next_hop.to_string(), "2001:db8::2", "{held:?}");
    }
    for prefix in ["198.51.100.0/24", "2001:db8:2::/48"] {
        let route = theirs.wait_route(prefix);
        assert_eq!(route.next_hop.to_string(), "2001:db8::1", "{route:?}");
    }
}

/// A session between link-local addresses, which we know by the link alone; IPv4 over it too.
fn unnumbered(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let [west, east] = ["west", "east"].map(|name| lab.namespace(name));
    lab.link((&west, &["fe80::1/64"]), (&east, &["fe80::2/64"]));
    let to_us = Peer::new("fe80::2", "fe80::1", OURS).families(&[Family::Ipv4, Family::Ipv6]);
    let config = Config::new(THEIRS, PEER).peer(to_us.interface("west").extended_next_hop());
    let tables = peer("", "interface = \"east\"").replace("address = \"\"\n", "")
        + "[[route]]\nprefix = \"198.51.100.0/24\"\n[[route]]\nprefix = \"2001:db8:2::/48\"\n";
    let ours = Ours::start(&lab, &west, &tables);
    let theirs = model.start(&east, &config.announce("192.0.2.0/24").announce("2001:db8:1::/48"));
    for held in ours.wait_held("both routes", |held| held.len() == 2) {
        assert!(held.route.next_hop.to_string().starts_with("fe80::"), "{held:?}");
    }
    theirs.wait_routes("both routes", |routes| routes.len() == 2);
}

/// Two of ours announce a prefix to a router, and the third hears both from it (RFC 7911).
fn several_paths(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let east = lab.namespace("east");
    let mut config = Config::new(THEIRS, "10.0.0.2");
    let mut ours = Vec::new();
    for n in 0..3 {
        let west = lab.namespace(&format!("west{n}"));
        let (us, them) = (format!("10.0.{n}.1"), format!("10.0.{n}.2"));
        lab.link((&west, &[&format!("{us}/24")]), (&east, &[&format!("{them}/24")]));
        let to_us = Peer::new(&them, &us, OURS + 10 + n);
        config = config.peer(if n == 2 { to_us.add_path() } else { to_us });
        let route = ["[[route]]\nprefix = \"198.51.100.0/24\"\n", ""][usize::from(n == 2)];
        let settings = ["", "add_path = \"receive\""][usize::from(n == 2)];
        let tables = peer(&them, &format!("families = [\"ipv4\"]\n{settings}")) + route;
        ours.push(Ours::start_as(&lab, &west, OURS + 10 + n, &tables));
    }
    let _theirs = model.start(&east, &config);
    let held = ours[2].wait_held("two routes to one prefix", |held| held.len() == 2);
    let ids: BTreeSet<_> = held.iter().map(|held| held.path_id).collect();
    let paths: BTreeSet<_> = held.iter().map(|held| held.route.as_path.clone()).collect();
    assert_eq!(ids.len(), 2, "{held:?}");
    assert_eq!(paths, BTreeSet::from([vec![THEIRS, OURS + 10], vec![THEIRS, OURS + 11]]));
    ours[0].ask(&["leave"]);
    ours[2].wait_held("the other one", |held| held.len() == 1 && held[0].route.as_path[1] == OURS + 11);
}

macro_rules! rows {
    ($($name:ident: $check:ident($model:expr);)*) => {
        $(#[test] fn $name() { $check($model); })*
    };
}

rows! {
    frr_is_told_in_few_messages: packs_and_reloads(FRR.current());
    old_frr_is_told_in_few_messages: packs_and_reloads(FRR.host());
    bird_is_told_in_few_messages: packs_and_reloads(BIRD.current());
    gobgp_is_told_in_few_messages: packs_and_reloads(GOBGP.current());
    openbgpd_is_told_in_few_messages: packs_and_reloads(OPENBGPD.current());
    frr_refreshes: refreshes(FRR.current());
    old_frr_refreshes: refreshes(FRR.host());
    bird_refreshes: refreshes(BIRD.current());
    old_bird_refreshes: refreshes(BIRD.host());
    gobgp_refreshes: refreshes(GOBGP.current());
    openbgpd_refreshes: refreshes(OPENBGPD.current());
    exabgp_refreshes: refreshes(EXABGP.current());
    frr_carries_ipv4_over_ipv6: ipv4_over_ipv6(FRR.current());
    old_frr_carries_ipv4_over_ipv6: ipv4_over_ipv6(FRR.host());
    bird_carries_ipv4_over_ipv6: ipv4_over_ipv6(BIRD.current());
    old_bird_carries_ipv4_over_ipv6: ipv4_over_ipv6(BIRD.host());
    gobgp_carries_ipv4_over_ipv6: ipv4_over_ipv6(GOBGP.current());
    bird_is_unnumbered: unnumbered(BIRD.current());
    old_bird_is_unnumbered: unnumbered(BIRD.host());
    frr_tells_several_paths: several_paths(FRR.current());
    bird_tells_several_paths: several_paths(BIRD.current());
    gobgp_tells_several_paths: several_paths(GOBGP.current());
    openbgpd_tells_several_paths: several_paths(OPENBGPD.current());
}
