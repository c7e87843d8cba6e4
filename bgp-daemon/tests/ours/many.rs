//! Many routes with many attributes, as the lab's routers and we are told to announce them.

use super::Held;
use lab::{Announcement, Route};
use std::{fmt::Write, net::IpAddr};

/// 500 prefixes of each family with attributes of many kinds; `block` keeps those of two sides apart, and IPv6 ones
/// have this next hop where it is not the router itself.
pub(crate) fn thousand(block: u8, ipv6_next_hop: Option<&str>) -> Vec<Announcement> {
    let ipv4 =
        (0..500_u32).map(|n| (n, format!("100.{}.{}.0/24", u32::from(block) + n / 250, n % 250), None));
    let ipv6 =
        (0..500_u32).map(|n| (n, format!("2001:db8:{:x}::/48", u32::from(block) * 512 + n), ipv6_next_hop));
    let next_hop = |hop: Option<&str>| hop.map(|hop| hop.parse().unwrap());
    ipv4.chain(ipv6)
        .map(|(n, prefix, hop)| Announcement { next_hop: next_hop(hop), ..coloured(&prefix, n % 16) })
        .collect()
}

/// A prefix with attributes of every kind that `number` chooses.
pub(crate) fn coloured(prefix: &str, number: u32) -> Announcement {
    let mut one = Announcement::new(prefix);
    if number & 1 != 0 {
        one.communities = (0..=number % 3).map(|n| format!("65010:{}", 100 + number % 10 + n)).collect();
    }
    if number & 2 != 0 {
        one.large_communities = vec![format!("65010:{}:4200000000", number % 7)];
    }
    if number & 4 != 0 {
        one.route_targets = vec![format!("65010:{}", 1 + number % 5)];
    }
    one.med = (number & 8 != 0).then_some(10 + number % 11);
    one
}

/// The same in our configuration.
pub(crate) fn routes_text(announced: &[Announcement]) -> String {
    let mut text = String::new();
    for one in announced {
        let targets = one.route_targets.iter().map(|target| format!("rt:{target}"));
        let communities: Vec<_> =
            one.communities.iter().chain(&one.large_communities).cloned().chain(targets).collect();
        let _ = write!(text, "[[route]]\nprefix = \"{}\"\ncommunities = {communities:?}\n", one.prefix);
        if let Some(med) = one.med {
            let _ = writeln!(text, "med = {med}");
        }
    }
    text
}

/// Fails unless these routes are those that were announced, with this path and, by family, these next hops. Some
/// routers say MED 0 where there is none.
#[track_caller]
pub(crate) fn compare(who: &str, found: Vec<Route>, announced: &[Announcement], asn: u32, hops: [&str; 2]) {
    let hops: [IpAddr; 2] = hops.map(|hop| hop.parse().unwrap());
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    let expected = |one: &Announcement| Route {
        prefix: one.prefix,
        next_hop: hops[usize::from(one.prefix.addr().is_ipv6())],
        as_path: vec![asn],
        communities: sorted(&one.communities),
        large_communities: sorted(&one.large_communities),
        med: one.med,
    };
    let mut expected: Vec<_> = announced.iter().map(expected).collect();
    expected.sort();
    let found = found.into_iter().map(|route| Route { med: route.med.filter(|med| *med != 0), ..route });
    let mut found: Vec<_> = found.collect();
    found.sort();
    let wrong: Vec<_> = expected.iter().zip(&found).filter(|(expected, found)| expected != found).collect();
    assert_eq!(found.len(), expected.len(), "{who}");
    assert!(wrong.is_empty(), "{who}: {} of {} differ, first {:#?}", wrong.len(), found.len(), wrong[0]);
}

/// Fails unless we hold exactly what was announced, with extended communities too.
#[track_caller]
pub(crate) fn compare_held(held: &[Held], announced: &[Announcement], asn: u32, hops: [&str; 2]) {
    let routes = held.iter().map(|held| held.route.clone()).collect();
    compare("ours", routes, announced, asn, hops);
    for one in announced {
        let held = held.iter().find(|held| held.route.prefix == one.prefix).unwrap();
        let targets: Vec<_> = one.route_targets.iter().map(|target| format!("rt:{target}")).collect();
        assert_eq!(held.extended, targets, "{}", one.prefix);
    }
}
