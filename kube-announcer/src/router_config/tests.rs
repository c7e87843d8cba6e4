use super::{Facts, Group, Node, PLACEHOLDER, Place, ROUTERS, Range, Router};
use bgp_daemon::config::Bfd;
use bgp_proto::{attr::community::Community, family::Family, numbers::Asn};
use ipnet::IpNet;
use std::{fmt::Write, time::Duration};

fn range(text: &str, shortest: u8, longest: u8) -> Range {
    Range { prefix: text.parse().unwrap(), shortest, longest }
}

fn whole(text: &str) -> Range {
    text.parse::<IpNet>().unwrap().into()
}

fn node(name: &str, place: &str) -> Node {
    let place = match place.parse() {
        Ok(address) => Place::Address(address),
        Err(_) => Place::Link(place.to_owned()),
    };
    Node { name: name.to_owned(), place }
}

fn group(name: &str, asn: u32, nodes: &[(&str, &str)]) -> Group {
    Group {
        name: name.to_owned(),
        asn: Asn(asn),
        families: vec![Family::IPV4, Family::IPV6],
        multihop: None,
        password: None,
        graceful_restart: true,
        bfd: None,
        accepts: vec![whole("203.0.113.0/24"), whole("2001:db8:1::/64")],
        sends: Vec::new(),
        as_override: false,
        max_prefixes: 1000,
        community: None,
        nodes: nodes.iter().map(|(name, place)| node(name, place)).collect(),
    }
}

fn facts(groups: Vec<Group>) -> Facts {
    Facts { asn: Asn(65000), router_id: "192.0.2.1".parse().unwrap(), groups }
}

/// What a site may look like, each with its name.
fn sites() -> Vec<(&'static str, Facts)> {
    let ipv4 = Group {
        families: vec![Family::IPV4],
        accepts: vec![range("203.0.113.0/24", 32, 32), range("198.51.100.7/32", 32, 32)],
        password: Some("tor-password".to_owned()),
        ..group("tokyo-tor", 64512, &[("node-1", "192.0.2.11"), ("node-2", "192.0.2.12")])
    };
    let ipv6 = Group {
        families: vec![Family::IPV6],
        accepts: vec![whole("2001:db8:1::/64")],
        ..group("tokyo-tor", 64512, &[("node-1", "2001:db8::11")])
    };
    let tokyo = Group {
        community: Some(Community(65000 << 16 | 1)),
        ..group("tokyo-tor", 64512, &[("node-1", "192.0.2.11")])
    };
    let osaka = Group {
        community: Some(Community(65000 << 16 | 2)),
        ..group("osaka-tor", 64513, &[("node-9", "2001:db8::19")])
    };
    let inside = Group {
        sends: vec![range("10.0.0.0/8", 16, 24)],
        bfd: Some(Bfd { interval: Duration::from_secs(1), ..Bfd::default() }),
        ..group("inside", 65000, &[("node-1", "192.0.2.11")])
    };
    let far = Group {
        families: vec![Family::IPV4],
        multihop: Some(4),
        graceful_restart: false,
        bfd: Some(Bfd::default()),
        sends: vec![whole("10.0.0.0/8")],
        as_override: true,
        accepts: Vec::new(),
        ..group("far", 4_200_000_000, &[("node-1", "192.0.2.11")])
    };
    vec![
        ("IPv4 alone, with a password", facts(vec![ipv4])),
        ("IPv6 alone", facts(vec![ipv6])),
        ("two clusters that share addresses, IPv4 routes over IPv6 too", facts(vec![tokyo, osaka])),
        ("nodes in the router's own AS that speak BFD and hear of each other's pods", facts(vec![inside])),
        (
            "nodes some hops away that speak BFD, may say nothing and are told of pods in their own AS",
            facts(vec![far]),
        ),
        ("a node at the other end of a link", facts(vec![group("link", 64512, &[("node-1", "eth1")])])),
    ]
}

/// All sites in one language.
fn written(router: &Router) -> String {
    let mut text = String::new();
    for (name, facts) in sites() {
        let written = router.write(&facts).unwrap_or_else(|mistakes| mistakes.join("\n") + "\n");
        let _ = write!(text, "======== {name}\n{written}\n");
    }
    text
}

#[test]
fn every_router_is_told_every_site_in_its_own_language() {
    for router in &ROUTERS {
        insta::assert_snapshot!(router.name, written(router));
    }
}

#[test]
fn a_password_is_never_printed_and_its_place_is_marked_once_for_a_group_or_a_peer() {
    let (_, facts) = sites().remove(0);
    for router in &ROUTERS {
        let text = router.write(&facts).unwrap();
        assert!(text.contains("field `password` of the Secret tor-password"), "{}: {text}", router.name);
        // Once in the note, then where it goes: FortiGate and GoBGP say it differently often.
        let places = text.matches(PLACEHOLDER).count() - 1;
        assert!((1..=2).contains(&places), "{}: {places} places in {text}", router.name);
    }
}

#[test]
fn a_router_without_unnumbered_peers_refuses_them_with_the_remedy() {
    let (_, facts) = sites().pop().unwrap();
    let refused = Router::named("FortiGate").unwrap().write(&facts).unwrap_err();
    assert_eq!(refused, ["node-1: FortiGate peers only with addresses; give the BgpPeer an `address`"]);
}

#[test]
fn an_unknown_router_is_answered_with_the_known_ones() {
    let Err(refused) = Router::named("quagga") else { panic!("there is no quagga") };
    assert_eq!(
        refused,
        "--for quagga: there is no such router; use one of frr, bird, gobgp, fortigate, eos, junos, iosxe"
    );
}

#[test]
fn names_that_would_end_a_line_are_refused() {
    let odd =
        Group { password: Some("a\nb".to_owned()), ..group("no names", 64512, &[("x\"", "192.0.2.11")]) };
    let refused = Router::named("frr").unwrap().write(&facts(vec![odd])).unwrap_err();
    assert_eq!(refused.len(), 3, "{refused:?}");
    let nobody = Router::named("frr").unwrap().write(&facts(Vec::new())).unwrap_err();
    assert!(nobody[0].starts_with("no node peers with this router"), "{nobody:?}");
}
