//! A policy decides as somebody does who reads its rules from the top, looking at everything each time.

use bgp_daemon::policy::{
    self, Names, Policy, Source, Verdict,
    raw::{RawAsPath, RawCommunities, RawMatch, RawPolicies, RawPolicy, RawRule, Texts},
};
use bgp_proto::{
    agreed::PeerKind,
    attr::{as_path::AsPathBuf, community::Community, next_hop::NextHop, set::PathAttributes},
    numbers::Asn,
    prefix::{Address, Prefix},
};
use proptest::{option::of, prelude::*};
use std::net::{IpAddr, Ipv4Addr};

/// A rule in numbers. Few of each, so that rules match, overlap and hide each other.
#[derive(Clone, Debug)]
struct Rule {
    /// Bits of the first nibble, length, and how much longer the shortest and the longest match is.
    prefixes: Option<Vec<(u8, u8, u8, u8)>>,
    ipv6: bool,
    family: Option<bool>,
    med: Option<(u32, u32)>,
    contains: Option<Vec<u32>>,
    starts: Option<u32>,
    any: Option<Vec<(u16, Option<u16>)>>,
    all: Option<Vec<(u16, Option<u16>)>>,
    none: Option<Vec<(u16, Option<u16>)>>,
    next_hop: Option<u8>,
    external: Option<bool>,
    group: Option<u8>,
    accept: bool,
}

#[derive(Clone, Debug)]
struct Route {
    ipv6: bool,
    bits: u8,
    len: u8,
    med: Option<u32>,
    path: Vec<u32>,
    communities: Vec<(u16, u16)>,
    next_hop: Option<u8>,
    /// `None`: ours.
    peer: Option<(bool, u8)>,
}

impl Rule {
    fn raw(&self) -> RawRule {
        let prefix = |(bits, len, shortest, longest): &(u8, u8, u8, u8)| {
            let (ge, le) = (len + shortest, len + shortest + longest);
            let network = if self.ipv6 {
                format!("{:x}::", u32::from(*bits) << 12)
            } else {
                format!("{}.0.0.0", bits << 4)
            };
            format!("{network}/{len} ge {ge} le {le}")
        };
        let community = |(high, low): &(u16, Option<u16>)| match low {
            Some(low) => format!("{high}:{low}"),
            None => format!("{high}:*"),
        };
        let communities =
            |list: &Option<Vec<_>>| list.as_ref().map(|list| list.iter().map(community).collect());
        RawRule {
            matches: RawMatch {
                prefix: self.prefixes.as_ref().map(|list| list.iter().map(prefix).collect()),
                family: self.family.map(|ipv6| Texts::One(if ipv6 { "ipv6" } else { "ipv4" }.into())),
                med: self.med.map(|(from, more)| format!("ge {from} le {}", from + more).into()),
                as_path: RawAsPath {
                    contains: self.contains.as_ref().map(|list| list.iter().collect()),
                    starts: self.starts.map(|asn| Texts::One(asn.into())),
                    ..RawAsPath::default()
                },
                communities: RawCommunities {
                    any: communities(&self.any),
                    all: communities(&self.all),
                    none: communities(&self.none),
                },
                next_hop: self.next_hop.map(|host| Texts::One(format!("192.0.2.{host}/32").into())),
                source: self
                    .external
                    .map(|external| Texts::One(if external { "external" } else { "internal" }.into())),
                group: self.group.map(|group| Texts::One(format!("group-{group}").into())),
                ..RawMatch::default()
            },
            then: Some(if self.accept { "accept" } else { "reject" }.into()),
            ..RawRule::default()
        }
    }

    fn holds(&self, route: &Route) -> bool {
        let within = |(bits, len, shortest, longest): &(u8, u8, u8, u8)| {
            let inside = len.eq(&0) || bits >> (4 - len) == route.bits >> (4 - len);
            inside && (len + shortest..=len + shortest + longest).contains(&route.len)
        };
        let has = |(high, low): &(u16, Option<u16>)| {
            route.communities.iter().any(|(h, l)| h == high && low.is_none_or(|low| low == *l))
        };
        let conditions = [
            self.prefixes.as_ref().is_none_or(|list| self.ipv6 == route.ipv6 && list.iter().any(within)),
            self.family.is_none_or(|ipv6| ipv6 == route.ipv6),
            self.med.is_none_or(|(from, more)| (from..=from + more).contains(&route.med.unwrap_or(0))),
            self.contains.as_ref().is_none_or(|list| list.iter().any(|asn| route.path.contains(asn))),
            self.starts.is_none_or(|asn| route.path.first() == Some(&asn)),
            self.any.as_ref().is_none_or(|list| list.iter().any(has)),
            self.all.as_ref().is_none_or(|list| list.iter().all(has)),
            self.none.as_ref().is_none_or(|list| !list.iter().any(has)),
            self.next_hop.is_none_or(|host| route.next_hop == Some(host)),
            self.external.is_none_or(|external| route.peer.is_some_and(|(is, _)| is == external)),
            self.group.is_none_or(|group| route.peer.is_some_and(|(_, its)| its == group)),
        ];
        conditions.iter().all(|holds| *holds)
    }
}

const GROUPS: [&str; 3] = ["group-0", "group-1", "group-2"];

impl Route {
    fn attributes(&self) -> PathAttributes {
        let asns: Vec<Asn> = self.path.iter().copied().map(Asn).collect();
        let community = |(high, low): &(u16, u16)| Community(u32::from(*high) << 16 | u32::from(*low));
        PathAttributes {
            med: self.med,
            as_path: AsPathBuf::sequence(&asns),
            communities: self.communities.iter().map(community).collect(),
            ..PathAttributes::default()
        }
    }

    fn decide(&self, policy: &Policy) -> Option<usize> {
        fn at<A: Address>(policy: &Policy, route: &Route, bits: A) -> Option<usize> {
            let next_hop = route.next_hop.map(|host| NextHop::Ipv4(Ipv4Addr::new(192, 0, 2, host)));
            let attributes = policy.attribute_mask(&route.attributes(), next_hop);
            let source = policy.source_mask(&route.source());
            let prefix = Prefix::new(bits, route.len).expect("no prefix here is longer than an address");
            policy.decide(&attributes, &source, prefix).map(|index| usize::from(index.number()))
        }
        let nibble = u32::from(self.bits) << 28;
        if self.ipv6 { at(policy, self, u128::from(nibble) << 96) } else { at(policy, self, nibble) }
    }

    fn source(&self) -> Source<'static> {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        match self.peer {
            None => Source::Local { owner: "model" },
            Some((external, group)) => Source::Peer {
                address,
                interface: None,
                group: Some(GROUPS[usize::from(group)]),
                kind: if external { PeerKind::External } else { PeerKind::Internal },
            },
        }
    }
}

fn rule() -> impl Strategy<Value = Rule> {
    // The bits of a prefix are those of its length.
    let prefix = (0u8..16, 0u8..=4, 0u8..3, 0u8..3).prop_map(|(bits, len, shortest, longest)| {
        ((bits >> (4 - len)) << (4 - len), len, shortest, longest)
    });
    let communities = || of(prop::collection::vec((1u16..3, of(0u16..3)), 1..3));
    // Mostly one or two conditions to a rule: with all of them none would ever match.
    let rare = 0.2;
    let route = (
        of(prop::collection::vec(prefix, 1..4)),
        any::<bool>(),
        prop::option::weighted(rare, any::<bool>()),
        prop::option::weighted(rare, (0u32..4, 0u32..2)),
        prop::option::weighted(rare, prop::collection::vec(1u32..6, 1..3)),
        prop::option::weighted(rare, 1u32..6),
    );
    let rest = (
        communities(),
        communities(),
        communities(),
        0u8..8,
        of(0u8..3),
        prop::option::weighted(rare, any::<bool>()),
        prop::option::weighted(rare, 0u8..3),
        any::<bool>(),
    );
    (route, rest).prop_map(
        |(
            (prefixes, ipv6, family, med, contains, starts),
            (any, all, none, which, host, external, group, accept),
        )| Rule {
            prefixes,
            ipv6,
            family,
            med,
            contains,
            starts,
            any: any.filter(|_| which == 0),
            all: all.filter(|_| which == 1),
            none: none.filter(|_| which < 4),
            next_hop: host.filter(|_| which == 5),
            external,
            group,
            accept,
        },
    )
}

fn route() -> impl Strategy<Value = Route> {
    let communities = prop::collection::vec((1u16..3, 0u16..3), 0..4);
    let path = prop::collection::vec(1u32..6, 0..4);
    (any::<bool>(), 0u8..16, 0u8..8, of(0u32..5), path, communities, of(0u8..3), of((any::<bool>(), 0u8..3)))
        .prop_map(|(ipv6, bits, len, med, path, communities, next_hop, peer)| {
            // Host bits are zero in a prefix.
            let bits = if len < 4 { (bits >> (4 - len)) << (4 - len) } else { bits };
            Route { ipv6, bits, len, med, path, communities, next_hop, peer }
        })
}

proptest! {
    #[test]
    fn the_first_rule_that_holds_decides(
        rules in prop::collection::vec(rule(), 0..80),
        routes in prop::collection::vec(route(), 1..40),
    ) {
        let raw = RawPolicy { rules: rules.iter().map(Rule::raw).collect() };
        let checked = policy::check(&RawPolicies::from([("model".to_owned(), raw)]), &Names::default());
        let policies = checked.map_err(|mistakes| TestCaseError::fail(format!("{mistakes:?}")))?;
        let policy = policies.find("model").expect("it was checked");
        for route in &routes {
            let expected = rules.iter().position(|rule| rule.holds(route));
            prop_assert_eq!(route.decide(policy), expected, "{:?}", route);
            let accepted = expected.is_some_and(|rule| rules[rule].accept);
            let index = expected.map(|rule| policy::RuleIndex::from(u16::try_from(rule).expect("few rules")));
            prop_assert_eq!(policy.verdict(index) == Verdict::Accept, accepted);
        }
    }

    #[test]
    fn no_text_makes_a_check_panic(text in "\\PC{0,24}", leaf in 0usize..14) {
        let texts = || Some(Texts::One(text.as_str().into()));
        let mut rule = RawRule { then: Some("accept".into()), ..RawRule::default() };
        match leaf {
            0 => rule.matches.prefix = texts(),
            1 => rule.matches.family = texts(),
            2 => rule.matches.source = texts(),
            3 => rule.matches.as_path.contains = texts(),
            4 => rule.matches.as_path.pattern = texts(),
            5 => rule.matches.as_path.length = Some(text.as_str().into()),
            6 => rule.matches.communities.none = texts(),
            7 => rule.matches.next_hop = texts(),
            8 => rule.matches.med = Some(text.as_str().into()),
            9 => rule.matches.origin = texts(),
            10 => rule.set.next_hop = texts(),
            11 => rule.set.communities = texts(),
            12 => rule.set.add_med = Some(text.as_str().into()),
            _ => rule.then = Some(text.as_str().into()),
        }
        let raw = RawPolicies::from([("p".to_owned(), RawPolicy { rules: vec![rule] })]);
        if let Err(mistakes) = policy::check(&raw, &Names::default()) {
            for mistake in mistakes {
                prop_assert!(mistake.path.starts_with("policy.p.rules[0]."), "{}", mistake);
                prop_assert!(mistake.message.contains("; write ") , "{}", mistake);
                prop_assert!(!mistake.to_string().contains('\n'), "{}", mistake);
            }
        }
    }
}
