//! Real routers, the host's and today's, peer with each other: routes of both families, both ways, with next hop and path.

use lab::{BIRD, Config, EXABGP, FRR, GOBGP, KINDS, Lab, Model, Need, OPENBGPD, Peer, Route};

/// Two routers in two namespaces, an IPv4 and an IPv6 session between them.
fn peer_and_exchange(left: Model, right: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(left), Need::Router(right)]) else { return };
    let (west, east) = (lab.namespace("west"), lab.namespace("east"));
    lab.link((&west, &["10.0.0.1/24", "2001:db8::1/64"]), (&east, &["10.0.0.2/24", "2001:db8::2/64"]));
    let to_east = Config::new(65001, "10.0.0.1")
        .peer(Peer::new("10.0.0.1", "10.0.0.2", 4_200_000_002))
        .peer(Peer::new("2001:db8::1", "2001:db8::2", 4_200_000_002))
        .announce("192.0.2.0/24")
        .announce("2001:db8:1::/48");
    let to_west = Config::new(4_200_000_002, "10.0.0.2")
        .peer(Peer::new("10.0.0.2", "10.0.0.1", 65001))
        .peer(Peer::new("2001:db8::2", "2001:db8::1", 65001))
        .announce("198.51.100.0/24")
        .announce("2001:db8:2::/48");

    let (left, right) = (left.start(&west, &to_east), right.start(&east, &to_west));

    for peer in ["10.0.0.2", "2001:db8::2"] {
        left.wait_established(peer);
    }
    expect(&right.wait_route("192.0.2.0/24"), "10.0.0.1", 65001);
    expect(&right.wait_route("2001:db8:1::/48"), "2001:db8::1", 65001);
    expect(&left.wait_route("198.51.100.0/24"), "10.0.0.2", 4_200_000_002);
    expect(&left.wait_route("2001:db8:2::/48"), "2001:db8::2", 4_200_000_002);
}

fn expect(route: &Route, next_hop: &str, asn: u32) {
    assert_eq!(route.next_hop.to_string(), next_hop, "{route:?}");
    assert_eq!(route.as_path, [asn], "{route:?}");
}

macro_rules! pairs {
    ($($name:ident: $left:expr, $right:expr;)*) => {
        $(#[test] fn $name() { peer_and_exchange($left, $right); })*
    };
}

#[test]
#[ignore = "every pair there is takes minutes: by hand, with --ignored"]
fn every_router_of_every_age_peers_with_every_other() {
    let models: Vec<_> = KINDS.into_iter().flat_map(|kind| [kind.host(), kind.current()]).collect();
    for (index, left) in models.iter().enumerate() {
        for right in &models[index..] {
            println!("{left} and {right}");
            peer_and_exchange(*left, *right);
        }
    }
}

pairs! {
    bird_peers_with_frr: BIRD.current(), FRR.current();
    bird_peers_with_gobgp: BIRD.current(), GOBGP.current();
    bird_peers_with_openbgpd: BIRD.current(), OPENBGPD.current();
    bird_peers_with_exabgp: BIRD.current(), EXABGP.current();
    frr_peers_with_gobgp: FRR.current(), GOBGP.current();
    frr_peers_with_openbgpd: FRR.current(), OPENBGPD.current();
    frr_peers_with_exabgp: FRR.current(), EXABGP.current();
    gobgp_peers_with_openbgpd: GOBGP.current(), OPENBGPD.current();
    gobgp_peers_with_exabgp: GOBGP.current(), EXABGP.current();
    openbgpd_peers_with_exabgp: OPENBGPD.current(), EXABGP.current();
    bird_peers_with_old_bird: BIRD.current(), BIRD.host();
    bird_peers_with_old_frr: BIRD.current(), FRR.host();
    bird_peers_with_old_gobgp: BIRD.current(), GOBGP.host();
    bird_peers_with_old_openbgpd: BIRD.current(), OPENBGPD.host();
    bird_peers_with_old_exabgp: BIRD.current(), EXABGP.host();
    frr_peers_with_old_bird: FRR.current(), BIRD.host();
    frr_peers_with_old_frr: FRR.current(), FRR.host();
    frr_peers_with_old_gobgp: FRR.current(), GOBGP.host();
    frr_peers_with_old_openbgpd: FRR.current(), OPENBGPD.host();
    frr_peers_with_old_exabgp: FRR.current(), EXABGP.host();
    old_bird_peers_with_old_frr: BIRD.host(), FRR.host();
}
