//! What a forwarder is told: where packets to each prefix go.

mod world;

use bgp_daemon::{
    policy::standard::import::Blackhole,
    rib::{Follow, Rib, SenderId, Settings, Verdict},
};
use bgp_proto::{
    agreed::PeerKind,
    attr::{
        community::{Community, Extended},
        next_hop::NextHop,
        set::PathAttributes,
    },
};
use std::collections::{BTreeMap, BTreeSet};
use world::{announce, attributes, learn, local, session, up, withdraw};

fn follow(multipath: usize) -> Follow {
    Follow { multipath, discards: BTreeSet::new() }
}

/// All that is new, by prefix.
fn told(rib: &mut Rib) -> BTreeMap<String, String> {
    while rib.work(100) {}
    let mut told = BTreeMap::new();
    while rib.chosen(3, |chosen| {
        let text = match &chosen.verdict {
            Verdict::Nothing => "nothing".to_owned(),
            Verdict::Discard => "discard".to_owned(),
            Verdict::Hops(hops) => {
                let hops = hops.iter().map(|hop| {
                    let on = hop.interface.as_ref().map(|name| format!("%{name}")).unwrap_or_default();
                    format!("{}{on}*{}", hop.address, hop.weight)
                });
                hops.collect::<Vec<_>>().join(" ")
            }
        };
        assert!(told.insert(chosen.prefix.to_string(), text).is_none(), "{} twice", chosen.prefix);
    }) {}
    told
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(prefix, text)| ((*prefix).to_owned(), (*text).to_owned())).collect()
}

/// The same route as [`world::announce`] sends, with another next hop.
fn from(rib: &mut Rib, peer: SenderId, next_hop: &str, attributes: &PathAttributes, prefix: &str) {
    let octets = announce(attributes, &[prefix]);
    let at = octets.windows(4).position(|octets| octets == [192, 0, 2, 9]).unwrap();
    let mut octets = octets;
    octets[at..at + 4].copy_from_slice(&next_hop.parse::<std::net::Ipv4Addr>().unwrap().octets());
    learn(rib, peer, &octets);
}

#[test]
fn only_what_changes_is_told_and_once() {
    let mut rib = Rib::new(Settings::default());
    let peer = up(&mut rib, 1);
    learn(&mut rib, peer, &announce(&attributes(&[1]), &["10.1.0.0/16"]));
    rib.follow(follow(1));
    learn(&mut rib, peer, &announce(&attributes(&[1]), &["10.2.0.0/16"]));
    let both = pairs(&[("10.1.0.0/16", "192.0.2.9*1"), ("10.2.0.0/16", "192.0.2.9*1")]);
    assert_eq!(told(&mut rib), both);
    learn(&mut rib, peer, &announce(&attributes(&[1]), &["10.2.0.0/16"]));
    assert_eq!(told(&mut rib), pairs(&[]));
    learn(&mut rib, peer, &withdraw(&["10.1.0.0/16"]));
    assert_eq!(told(&mut rib), pairs(&[("10.1.0.0/16", "nothing")]));
    rib.peer_down(peer, &[]);
    assert_eq!(told(&mut rib), pairs(&[("10.2.0.0/16", "nothing")]));
}

#[test]
fn a_prefix_that_is_gone_is_told_before_its_place_is_used_again() {
    let mut rib = Rib::new(Settings::default());
    let peer = up(&mut rib, 1);
    rib.follow(follow(1));
    learn(&mut rib, peer, &announce(&attributes(&[1]), &["10.1.0.0/16"]));
    told(&mut rib);
    learn(&mut rib, peer, &withdraw(&["10.1.0.0/16"]));
    learn(&mut rib, peer, &announce(&attributes(&[1]), &["10.2.0.0/16"]));
    assert_eq!(told(&mut rib), pairs(&[("10.1.0.0/16", "nothing"), ("10.2.0.0/16", "192.0.2.9*1")]));
}

#[test]
fn equal_routes_share_packets_by_their_bandwidth() {
    let mut rib = Rib::new(Settings::default());
    let peers = [up(&mut rib, 1), up(&mut rib, 2)];
    rib.follow(follow(8));
    let prefix = "10.1.0.0/16";
    from(&mut rib, peers[0], "192.0.2.1", &attributes(&[1]), prefix);
    assert_eq!(told(&mut rib), pairs(&[(prefix, "192.0.2.1*1")]));
    from(&mut rib, peers[1], "192.0.2.2", &attributes(&[1]), prefix);
    assert_eq!(told(&mut rib), pairs(&[(prefix, "192.0.2.1*1 192.0.2.2*1")]));
    for (at, rate) in [(0, 1e9), (1, 3e9)] {
        let bandwidth = Extended::LinkBandwidth { asn: 1, rate, transitive: true };
        let with = PathAttributes { extended_communities: vec![bandwidth.into()], ..attributes(&[1]) };
        from(&mut rib, peers[at], ["192.0.2.1", "192.0.2.2"][at], &with, prefix);
    }
    assert_eq!(told(&mut rib), pairs(&[(prefix, "192.0.2.1*1 192.0.2.2*3")]));
    learn(&mut rib, peers[1], &withdraw(&[prefix]));
    assert_eq!(told(&mut rib), pairs(&[(prefix, "192.0.2.1*1")]));
}

#[test]
fn another_as_is_no_equal_and_no_more_than_asked_for_are_told() {
    let mut rib = Rib::new(Settings::default());
    let peers = [1, 2, 3, 4].map(|number| up(&mut rib, number));
    rib.follow(follow(2));
    for (at, asn) in [(0, 1), (1, 1), (2, 1), (3, 2)] {
        from(
            &mut rib,
            peers[at],
            ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"][at],
            &attributes(&[asn]),
            "10.1.0.0/16",
        );
    }
    assert_eq!(told(&mut rib), pairs(&[("10.1.0.0/16", "192.0.2.1*1 192.0.2.2*1")]));
}

#[test]
fn a_blackhole_is_discarded_where_the_peer_may_ask_for_it() {
    let mut rib = Rib::new(Settings::default());
    let peer = rib.add_peer().unwrap();
    let mut allowed = session(PeerKind::External, 1);
    allowed.import.side.blackhole = Some(Blackhole::HOSTS);
    rib.peer_up(peer, &allowed);
    rib.follow(follow(8));
    let with = PathAttributes { communities: vec![Community::BLACKHOLE], ..attributes(&[1]) };
    learn(&mut rib, peer, &announce(&with, &["10.1.2.3/32", "10.1.0.0/16"]));
    assert_eq!(told(&mut rib), pairs(&[("10.1.2.3/32", "discard")]));
}

#[test]
fn routes_of_our_own_are_told_where_they_are_to_end_here_or_lead_elsewhere() {
    let mut rib = Rib::new(Settings::default());
    let source = rib.add_source("config").unwrap();
    rib.follow(Follow { multipath: 8, discards: ["10.1.0.0/16".parse().unwrap()].into() });
    rib.announce(source, &local("10.1.0.0/16", &[]), 0);
    rib.announce(source, &local("10.2.0.0/16", &[]), 0);
    let mut elsewhere = local("10.3.0.0/16", &[]);
    elsewhere.next_hop = Some(NextHop::Ipv4([192, 0, 2, 7].into()));
    rib.announce(source, &elsewhere, 0);
    let expected = [("10.1.0.0/16", "discard"), ("10.2.0.0/16", "nothing"), ("10.3.0.0/16", "192.0.2.7*1")];
    assert_eq!(told(&mut rib), pairs(&expected));
}

#[test]
fn a_link_local_next_hop_comes_with_its_link() {
    let mut rib = Rib::new(Settings::default());
    let peer = rib.add_peer().unwrap();
    let mut unnumbered = session(PeerKind::External, 1);
    unnumbered.interface = Some("eth1".into());
    rib.peer_up(peer, &unnumbered);
    rib.follow(follow(8));
    let source = rib.add_source("config").unwrap();
    let mut route = local("2001:db8::/32", &[]);
    let (global, link_local) = ("2001:db8::9".parse().unwrap(), Some("fe80::9".parse().unwrap()));
    route.next_hop = Some(NextHop::Ipv6 { global, link_local });
    rib.announce(source, &route, 0);
    assert_eq!(told(&mut rib), pairs(&[("2001:db8::/32", "2001:db8::9*1")]));
}

#[test]
fn next_hops_are_told_as_routes_begin_and_cease_to_point_to_them() {
    let mut rib = Rib::new(Settings { resolve_next_hops: true, ..Settings::default() });
    let peer = up(&mut rib, 1);
    learn(&mut rib, peer, &announce(&attributes(&[1]), &["10.1.0.0/16"]));
    let address = "192.0.2.9".parse().unwrap();
    assert_eq!(rib.changed_next_hops().collect::<Vec<_>>(), [(address, true)]);
    assert_eq!(rib.changed_next_hops().count(), 0);
    rib.next_hop(address, Some(0));
    rib.follow(follow(1));
    assert_eq!(told(&mut rib), pairs(&[("10.1.0.0/16", "192.0.2.9*1")]));
    rib.next_hop(address, None);
    assert_eq!(told(&mut rib), pairs(&[("10.1.0.0/16", "nothing")]));
    learn(&mut rib, peer, &withdraw(&["10.1.0.0/16"]));
    while rib.take(peer).is_some() {}
    assert_eq!(rib.changed_next_hops().collect::<Vec<_>>(), [(address, false)]);
}
