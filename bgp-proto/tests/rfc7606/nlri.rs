//! RFC 7606 §5 and §7.11, §7.12: prefixes, the next hops in front of them, and families that were not agreed.

use super::case::{Carrier, Case, Expect, GLOBAL, PEERS, V4, good, reach_value, with};
use crate::common::{attr, update};
use Expect::{Clean, Reset, Withdraw};
use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    family::Family,
};

/// Optional Attribute Error: RFC 4760 §7.
const OPTIONAL: u8 = 9;
/// Invalid Network Field.
const NETWORK: u8 = 10;

pub(crate) fn cases() -> Vec<Case> {
    let of = |peer_kind| {
        let agreed = with(peer_kind);
        [body(agreed), prefixes(agreed), next_hop_lengths(agreed), short(agreed), not_hosts(agreed)]
    };
    let mut cases: Vec<Case> = PEERS.into_iter().flat_map(of).flatten().collect();
    cases.extend(not_agreed());
    cases.extend(end_of_rib());
    cases
}

/// An agreement in which these families carry path identifiers.
fn add_path(peer_kind: PeerKind) -> Agreed {
    let with_ids = |family| FamilyAgreed { receive_add_path: true, ..FamilyAgreed::plain(family) };
    Agreed::new(peer_kind).with_families(Family::KNOWN.iter().copied().map(with_ids))
}

/// §5.3: the NLRI and the Withdrawn Routes field. Nothing tells where the next prefix would begin.
fn body(agreed: Agreed) -> Vec<Case> {
    let with_ids = add_path(agreed.peer_kind);
    let broken: [(&str, Agreed, &[u8]); 12] = [
        ("a length of 33", agreed, &[33, 192, 0, 2, 0, 0]),
        ("a length of 255", agreed, &[&[255][..], &[1; 32]].concat()),
        ("a last prefix without octets", agreed, &[24, 192, 0, 2, 8]),
        ("a last prefix one octet short", agreed, &[24, 192, 0, 2, 32, 1, 2, 3]),
        ("a good prefix behind a bad one", agreed, &[40, 1, 2, 3, 4, 5, 24, 192, 0, 2]),
        ("/1 without octets", agreed, &[1]),
        ("path identifiers where none were agreed", agreed, &[0, 0, 0, 1, 24, 192, 0]),
        ("an identifier of three octets", with_ids, &[0, 0, 1]),
        ("an identifier alone", with_ids, &[0, 0, 0, 1]),
        ("no identifier", with_ids, &[24, 192, 0, 2]),
        ("an identifier and a length of 33", with_ids, &[0, 0, 0, 1, 33, 192, 0, 2, 0, 0]),
        ("an identifier and a torn prefix", with_ids, &[0, 0, 0, 1, 24, 192, 0]),
    ];
    let mut cases = Vec::new();
    for (what, agreed, field) in broken {
        let attributes = good(&agreed, Carrier::Body, &[]);
        let row = |what: String, message| Case {
            section: "§5.3",
            what,
            agreed,
            message,
            code: None,
            announced: vec![],
            expect: Reset(NETWORK, None),
        };
        cases.push(row(format!("{what} in NLRI"), update(&[], &attributes, field)));
        // §3 (i): the Withdrawn Routes field is checked as the NLRI field is.
        cases.push(row(format!("{what} in Withdrawn Routes"), update(field, &[], &[])));
        cases.push(row(format!("{what} withdrawn beside a route"), update(field, &attributes, &V4)));
    }
    let whole = |what: &str, agreed, nlri: &[u8], announced: &str| Case {
        section: "§5.3",
        what: what.to_owned(),
        agreed,
        message: update(&[8, 10], &good(&agreed, Carrier::Body, &[]), nlri),
        code: None,
        announced: vec![announced.to_owned()],
        expect: Clean,
    };
    cases.push(whole("the shortest prefix", agreed, &[0], "0.0.0.0/0"));
    cases.push(whole("the longest prefix", agreed, &[32, 192, 0, 2, 1], "192.0.2.1/32"));
    // RFC 4271 §4.3: what trails a prefix within its last octet is irrelevant.
    cases.push(whole("bits behind the prefix", agreed, &[20, 192, 0, 0xff], "192.0.240.0/20"));
    cases
}

/// The octets of a next hop that a family takes.
fn next_hop(family: Family) -> Vec<u8> {
    let rd = if family.safi.0 == 128 { 8 } else { 0 };
    let address: &[u8] = if family.afi.0 == 1 { &[192, 0, 2, 1] } else { &GLOBAL };
    [&vec![0; rd][..], address].concat()
}

/// §5.3: a length that the family cannot have, or octets that are not there, in either MP attribute.
fn prefixes(agreed: Agreed) -> Vec<Case> {
    let label = [0, 0, 0x11];
    let vpn = [&label[..], &[0; 8]].concat();
    let (v4, v6) = (Family::IPV4, Family::IPV6);
    let long = |front: &[u8], bits: u8, octets: usize| [&[bits][..], front, &vec![1; octets]].concat();
    let broken: [(&str, Family, Vec<u8>); 16] = [
        ("IPv4 /33", v4, long(&[], 33, 5)),
        ("IPv6 /129", v6, long(&[], 129, 17)),
        ("IPv6 /255", v6, long(&[], 255, 32)),
        ("IPv6 /32 of three octets", v6, vec![32, 1, 2, 3]),
        ("IPv6 /1 without octets", v6, vec![1]),
        ("IPv4 multicast /33", Family::IPV4_MULTICAST, long(&[], 33, 5)),
        ("IPv6 multicast /129", Family::IPV6_MULTICAST, long(&[], 129, 17)),
        ("labelled IPv4 without a label", Family::IPV4_LABELLED, vec![8, 10]),
        ("labelled IPv4 /33", Family::IPV4_LABELLED, long(&label, 57, 5)),
        ("labelled IPv6 /129", Family::IPV6_LABELLED, long(&label, 153, 17)),
        ("labels without a bottom", Family::IPV4_LABELLED, vec![48, 0, 1, 0, 0, 1, 0]),
        ("labelled IPv4 torn", Family::IPV4_LABELLED, vec![48, 0, 0, 0x11, 192, 0]),
        ("VPNv4 without a route distinguisher", Family::IPV4_VPN, vec![24, 0, 0, 0x11]),
        ("VPNv4 with half a one", Family::IPV4_VPN, vec![56, 0, 0, 0x11, 0, 0, 0, 1]),
        ("VPNv4 /33", Family::IPV4_VPN, long(&vpn, 121, 5)),
        ("VPNv6 /129", Family::IPV6_VPN, long(&vpn, 217, 17)),
    ];
    let mut cases = Vec::new();
    for (what, family, nlri) in broken {
        let reach = attr(0x80, 14, &reach_value(family.afi.0, family.safi.0, &next_hop(family), &nlri));
        let unreach = attr(0x80, 15, &[&[0, family.afi.0 as u8, family.safi.0][..], &nlri].concat());
        for (what, bad) in [(format!("{what} announced"), reach), (format!("{what} withdrawn"), unreach)] {
            for carrier in [Carrier::Body, Carrier::Nothing] {
                let expect = Reset(OPTIONAL, Some(bad.clone()));
                cases.push(Case::route("§5.3", what.clone(), agreed, carrier, &bad, expect));
            }
        }
    }
    cases
}

/// §7.11: the length of the next hop must be one that the family has, or the prefixes cannot be located. RFC 4760 §3,
/// 2545 §3, 4364 §4.3.4, 4659 §3.2.1, 8277 §2 and, where it was agreed, 8950 §3.
fn next_hop_lengths(agreed: Agreed) -> Vec<Case> {
    let mut cases = Vec::new();
    for family in Family::KNOWN.iter().copied() {
        for extended_next_hop in [false, true] {
            let agreement = FamilyAgreed { extended_next_hop, ..FamilyAgreed::plain(family) };
            let agreed = Agreed::new(agreed.peer_kind).with_families([agreement]);
            let allowed: &[usize] = match (family.afi.0, family.safi.0 == 128, extended_next_hop) {
                (1, false, false) => &[4],
                (1, false, true) => &[4, 16, 32],
                (1, true, false) => &[12],
                (1, true, true) => &[12, 24, 48],
                (_, false, _) => &[16, 32],
                (_, true, _) => &[24, 48],
            };
            for len in [0, 1, 3, 4, 5, 8, 12, 15, 16, 17, 20, 24, 28, 31, 32, 33, 40, 47, 48, 49, 64, 255] {
                let octets = vec![1; len];
                let bad = attr(0x80, 14, &reach_value(family.afi.0, family.safi.0, &octets, &[]));
                let attributes = [&good(&agreed, Carrier::Nothing, &[])[..], &bad].concat();
                let expect = if allowed.contains(&len) { Clean } else { Reset(OPTIONAL, Some(bad.clone())) };
                let what = format!("{family}, next hop of {len}, extended {extended_next_hop}");
                cases.push(Case::of("§7.11", what, agreed, Carrier::Nothing, &attributes, None, expect));
            }
        }
    }
    cases
}

/// MP attributes too short for their own fields (RFC 4760 §3, §4, §7).
fn short(agreed: Agreed) -> Vec<Case> {
    let mut whole = vec![0, 2, 1, 16];
    whole.extend_from_slice(&GLOBAL);
    let mut cases = Vec::new();
    // Up to 20 octets: the family, the length of the next hop, the next hop; then the reserved octet is still missing.
    for len in 0..=whole.len() {
        let bad = attr(0x80, 14, &whole[..len]);
        for carrier in [Carrier::Body, Carrier::Nothing] {
            let expect = Reset(OPTIONAL, Some(bad.clone()));
            cases.push(Case::route("§7.11", format!("{len} octets"), agreed, carrier, &bad, expect));
        }
    }
    for len in 0..3 {
        let bad = attr(0x80, 15, &whole[..len]);
        for carrier in [Carrier::Body, Carrier::Nothing] {
            let expect = Reset(OPTIONAL, Some(bad.clone()));
            cases.push(Case::route("§7.12", format!("{len} octets"), agreed, carrier, &bad, expect));
        }
    }
    cases
}

/// RFC 4271 §6.3 and RFC 4760 §7 by analogy: prefixes are located, so a next hop that no host can have costs the routes
/// and not the session.
fn not_hosts(agreed: Agreed) -> Vec<Case> {
    let v6 = [32, 0x20, 0x01, 0x0d, 0xb8];
    let loopback = core::net::Ipv6Addr::LOCALHOST.octets();
    let link_local = core::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).octets();
    let multicast = core::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).octets();
    let row = |what: &str, afi, next_hop: &[u8], nlri: &[u8], announced: &str, expect| {
        let bad = attr(0x80, 14, &reach_value(afi, 1, next_hop, nlri));
        let mut case = Case::route("RFC 4271 §6.3", what, agreed, Carrier::Reach, &bad, expect);
        case.announced = vec![announced.to_owned()];
        case
    };
    let (one, two) = ("2001:db8::/32", "192.0.2.0/24");
    vec![
        row("next hop ::", 2, &[0; 16], &v6, one, Withdraw(OPTIONAL)),
        row("next hop ::1", 2, &loopback, &v6, one, Withdraw(OPTIONAL)),
        row("next hop ff02::1", 2, &multicast, &v6, one, Withdraw(OPTIONAL)),
        row("next hop 0.0.0.0 of IPv4 in MP_REACH_NLRI", 1, &[0; 4], &V4, two, Withdraw(OPTIONAL)),
        row("next hop 127.0.0.1 of IPv4 in MP_REACH_NLRI", 1, &[127, 0, 0, 1], &V4, two, Withdraw(OPTIONAL)),
        row("IPv4 in MP_REACH_NLRI", 1, &[192, 0, 2, 1], &V4, two, Clean),
        // RFC 2545 §3 has two addresses; BIRD writes :: for a link-local one that it does not have.
        // The other way round: what has no global address writes :: for it, and the link-local one is one to reach it at.
        row(":: and a link-local one", 2, &[&[0; 16][..], &link_local].concat(), &v6, one, Clean),
        row(":: and ff02::1", 2, &[&[0; 16][..], &multicast].concat(), &v6, one, Withdraw(OPTIONAL)),
        row("a link-local ::", 2, &[&GLOBAL[..], &[0; 16]].concat(), &v6, one, Clean),
    ]
}

/// A family that the session does not carry: ignored whatever it holds behind its two numbers (RFC 4760 §6; no peer can
/// be sure which of our families we would still know).
fn not_agreed() -> Vec<Case> {
    let mut cases = Vec::new();
    for peer_kind in PEERS {
        let agreed = Agreed::new(peer_kind);
        let families: [(u8, u8, u8); 5] = [(0, 2, 1), (0, 25, 70), (0x40, 4, 71), (0, 1, 133), (99, 99, 99)];
        for (high, low, safi) in families {
            let head = [high, low, safi];
            let reach = |rest: &[u8]| attr(0x80, 14, &[&head[..], rest].concat());
            let unreach = |rest: &[u8]| attr(0x80, 15, &[&head[..], rest].concat());
            let bad = [
                reach(&[&[16][..], &GLOBAL, &[0, 32, 1, 2, 3, 4]].concat()),
                reach(&[4, 1, 2, 3, 4, 0]),
                reach(&[255, 1]),
                reach(&[]),
                unreach(&[]),
                unreach(&[32, 1, 2, 3, 4]),
                unreach(&[255, 255]),
            ];
            for bad in bad {
                for carrier in [Carrier::Body, Carrier::Nothing] {
                    let what = format!("a family that was not agreed: {bad:02x?}");
                    cases.push(Case::route("RFC 4760 §6", what, agreed, carrier, &bad, Clean));
                }
            }
        }
        // The other way round: a session without IPv4 unicast takes nothing from the body.
        let only_v6 = Agreed::new(peer_kind).with_families([FamilyAgreed::plain(Family::IPV6)]);
        for nlri in [&V4[..], &[255, 1]] {
            let attributes = good(&only_v6, Carrier::Body, &[]);
            let mut case =
                Case::of("RFC 4760 §6", "IPv4 in the body", only_v6, Carrier::Body, &attributes, None, Clean);
            (case.message, case.announced) = (update(nlri, &attributes, nlri), vec![]);
            cases.push(case);
        }
    }
    cases
}

/// §5.2 and RFC 4724 §2: what ends a RIB announces nothing and is no mistake.
fn end_of_rib() -> Vec<Case> {
    let mut cases = Vec::new();
    for peer_kind in PEERS {
        let agreed = with(peer_kind);
        let row = |what: &str, attributes: &[u8]| {
            Case::of("§5.2", what, agreed, Carrier::Nothing, attributes, None, Clean)
        };
        cases.push(row("an empty UPDATE", &[]));
        for family in Family::KNOWN {
            let unreach = [0, family.afi.0 as u8, family.safi.0];
            cases.push(row(&format!("End-of-RIB of {family}"), &attr(0x80, 15, &unreach)));
            cases.push(row(&format!("End-of-RIB of {family}, long form"), &attr(0x90, 15, &unreach)));
        }
        let origin = attr(0x40, 1, &[0]);
        cases.push(row("no prefixes and a good attribute", &origin));
        cases.push(row(
            "an MP_REACH_NLRI without prefixes",
            &attr(0x80, 14, &reach_value(2, 1, &GLOBAL, &[])),
        ));
        cases.push(row("an empty withdrawal beside", &[origin, attr(0x80, 15, &[0, 2, 1])].concat()));
    }
    cases
}
