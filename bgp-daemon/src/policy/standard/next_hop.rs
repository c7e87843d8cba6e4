//! Which next hop is written.

use super::{super::NextHopChange, export::Provenance};
use bgp_proto::{agreed::PeerKind, attr::next_hop::NextHop, family::Family};
use std::net::IpAddr;

/// What is known of our own addresses on a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OwnAddresses {
    /// The session's own, with the interface's link-local address where it belongs beside it (RFC 2545 §3).
    pub session: NextHop,
    /// An IPv4 address of the session's interface.
    pub interface_ipv4: Option<NextHop>,
    /// An IPv6 address of the session's interface.
    pub interface_ipv6: Option<NextHop>,
    /// What is configured: `next_hop = ADDRESS` of the peer.
    pub configured: NextHopChange,
}

/// Our next hop for a family: the session's own address where it is of that family, or stands for it as agreed
/// (RFC 8950); else an address of the session's interface; else the one configured. A loopback address is nobody's next
/// hop: on every machine it is that machine. `None`: the family is not announced on the session.
pub fn own(addresses: &OwnAddresses, family: Family, extended_next_hop: bool) -> Option<NextHop> {
    let for_ipv4 = family == Family::IPV4;
    let interface = if for_ipv4 { addresses.interface_ipv4 } else { addresses.interface_ipv6 };
    let ways = [Some(addresses.session), interface, addresses.configured.address(for_ipv4)];
    let serves =
        |next_hop: &NextHop| fits(*next_hop, family, extended_next_hop) && !next_hop.address().is_loopback();
    ways.into_iter().flatten().find(serves)
}

/// Whether a next hop can be written for a family.
pub fn fits(next_hop: NextHop, family: Family, extended_next_hop: bool) -> bool {
    let ipv6 = matches!(next_hop, NextHop::Ipv6 { .. });
    if family == Family::IPV4 { !ipv6 || extended_next_hop } else { ipv6 }
}

/// How next hops are written on a session: the part of a group's key that decides them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NextHops {
    /// Inside or outside of our AS.
    pub kind: PeerKind,
    /// The family.
    pub family: Family,
    /// IPv4 prefixes may have an IPv6 next hop (RFC 8950).
    pub extended_next_hop: bool,
    /// Our own, by [`own`].
    pub own: NextHop,
    /// What the peer's configuration says: `next_hop = "self" | "unchanged" | ADDRESS`.
    pub configured: Option<NextHopChange>,
}

/// The next hop that is written for a route: what the policy says; else what the session says; else our own towards
/// other ASes and for routes of ours that have none, and the route's where it stays inside.
///
/// `route` is the route's own, `None` for one that leads to ourselves. What cannot be written on the session (an IPv6
/// address for an IPv4 prefix that the peer did not agree to) gives way to our own.
pub fn written(
    session: &NextHops,
    provenance: Provenance,
    route: Option<NextHop>,
    policy: Option<NextHopChange>,
) -> NextHop {
    // RFC 4456 §10: a reflected route keeps its next hop, unless a policy wants otherwise.
    let stays = matches!(provenance, Provenance::Inside | Provenance::Reflected(_));
    let by_session = session.configured.filter(|change| !(stays && *change == NextHopChange::Own));
    let by_rule =
        if session.kind == PeerKind::External { NextHopChange::Own } else { NextHopChange::Unchanged };
    let changed = |change: NextHopChange| match change {
        NextHopChange::Own => Some(session.own),
        NextHopChange::Unchanged => route,
        given @ NextHopChange::Addresses { .. } => given.address(session.family == Family::IPV4),
    };
    let ways = [policy, by_session, Some(by_rule)].into_iter().flatten();
    let fits = |next_hop: &NextHop| fits(*next_hop, session.family, session.extended_next_hop);
    let next_hop = ways.filter_map(changed).find(fits).unwrap_or(session.own);
    for_session(next_hop, session, route)
}

/// The next hop of a route that is accepted: the one that the policy gives, or the route's own. `self` and `unchanged`
/// say nothing of a route that comes in.
pub fn accepted(family: Family, route: Option<NextHop>, policy: Option<NextHopChange>) -> Option<NextHop> {
    policy.and_then(|change| change.address(family == Family::IPV4)).or(route)
}

/// RFC 2545 §3: a link-local address is only for those on the same link, so one that the route came with is left out.
fn for_session(next_hop: NextHop, session: &NextHops, route: Option<NextHop>) -> NextHop {
    match next_hop.address() {
        IpAddr::V6(global)
            if Some(next_hop) == route && next_hop != session.own && !global.is_unicast_link_local() =>
        {
            NextHop::Ipv6 { global, link_local: None }
        }
        _ => next_hop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::standard::{LearnedFrom, export::ExportSide};
    use bgp_proto::numbers::{Asn, RouterId};

    fn hop(text: &str) -> NextHop {
        NextHop::from(text.parse::<IpAddr>().unwrap())
    }

    fn given(texts: &[&str]) -> NextHopChange {
        let (mut ipv4, mut ipv6) = (None, None);
        for text in texts {
            match text.parse().unwrap() {
                IpAddr::V4(address) => ipv4 = Some(address),
                IpAddr::V6(address) => ipv6 = Some(address),
            }
        }
        NextHopChange::Addresses { ipv4, ipv6 }
    }

    #[test]
    fn our_own_is_the_sessions_then_the_interfaces_then_the_configured_one() {
        let (four, six) = (hop("192.0.2.1"), hop("2001:db8::1"));
        let (interface_four, interface_six) = (hop("192.0.2.2"), hop("2001:db8::2"));
        let configured = given(&["192.0.2.3", "2001:db8::3"]);
        let none = given(&[]);
        // The session, with interface addresses, what is configured, extended next hop; IPv4's and IPv6's.
        let rows = [
            (four, true, configured, false, Some(four), Some(interface_six)),
            (six, true, configured, false, Some(interface_four), Some(six)),
            (six, true, configured, true, Some(six), Some(six)),
            (four, false, configured, false, Some(four), Some(hop("2001:db8::3"))),
            (six, false, configured, false, Some(hop("192.0.2.3")), Some(six)),
            (six, false, given(&["2001:db8::3"]), false, None, Some(six)),
            (four, false, none, true, Some(four), None),
            (hop("127.0.0.1"), false, none, true, None, None),
            (hop("127.0.0.1"), true, none, false, Some(interface_four), Some(interface_six)),
            (hop("::1"), false, configured, true, Some(hop("192.0.2.3")), Some(hop("2001:db8::3"))),
        ];
        for (session, interfaces, configured, extended, ipv4, ipv6) in rows {
            let addresses = OwnAddresses {
                session,
                interface_ipv4: Some(interface_four).filter(|_| interfaces),
                interface_ipv6: Some(interface_six).filter(|_| interfaces),
                configured,
            };
            assert_eq!(own(&addresses, Family::IPV4, extended), ipv4, "{addresses:?}");
            assert_eq!(own(&addresses, Family::IPV6, extended), ipv6, "{addresses:?}");
        }
    }

    #[test]
    fn policy_beats_session_beats_the_rule() {
        use NextHopChange::{Own, Unchanged};
        use PeerKind::{External, Internal};
        let set = Some(given(&["192.0.2.3"]));
        // To whom, learned from whom (None: ours), the route's, the session's setting, the policy's, what is written.
        let rows = [
            (External, Some(External), Some("10.0.0.1"), None, None, "192.0.2.1"),
            (External, Some(Internal), Some("10.0.0.1"), None, None, "192.0.2.1"),
            (External, Some(External), Some("10.0.0.1"), Some(Unchanged), None, "10.0.0.1"),
            (External, Some(External), Some("10.0.0.1"), Some(Unchanged), Some(Own), "192.0.2.1"),
            (External, Some(External), Some("10.0.0.1"), None, Some(Unchanged), "10.0.0.1"),
            (External, None, None, None, None, "192.0.2.1"),
            (External, None, Some("10.0.0.1"), None, None, "192.0.2.1"),
            (External, None, None, Some(Unchanged), None, "192.0.2.1"),
            (External, Some(External), Some("10.0.0.1"), set, None, "192.0.2.3"),
            (Internal, Some(External), Some("10.0.0.1"), None, None, "10.0.0.1"),
            (Internal, Some(External), Some("10.0.0.1"), Some(Own), None, "192.0.2.1"),
            (Internal, None, None, None, None, "192.0.2.1"),
            (Internal, None, Some("10.0.0.1"), None, None, "10.0.0.1"),
            (Internal, None, Some("10.0.0.1"), Some(Own), None, "192.0.2.1"),
            // Reflected: `self` of the session is not meant for it, a policy's is.
            (Internal, Some(Internal), Some("10.0.0.1"), Some(Own), None, "10.0.0.1"),
            (Internal, Some(Internal), Some("10.0.0.1"), None, Some(Own), "192.0.2.1"),
            // An IPv6 next hop cannot be written for an IPv4 prefix here.
            (Internal, Some(External), Some("2001:db8::9"), None, None, "192.0.2.1"),
            (Internal, Some(External), Some("10.0.0.1"), Some(given(&["2001:db8::3"])), None, "10.0.0.1"),
        ];
        for (kind, learned, route, configured, policy, expected) in rows {
            let own = hop("192.0.2.1");
            let session = NextHops { kind, family: Family::IPV4, extended_next_hop: false, own, configured };
            let router_id = RouterId::new(1).unwrap();
            let learned = learned.map(|kind| LearnedFrom { kind, router_id, client: true });
            let provenance = ExportSide::new(kind, Asn(1)).provenance(learned);
            let found = written(&session, provenance, route.map(hop), policy);
            assert_eq!(found, hop(expected), "to {kind:?} from {learned:?}: {configured:?}, {policy:?}");
        }
    }

    #[test]
    fn an_accepted_route_has_the_next_hop_that_the_policy_gives() {
        let both = given(&["192.0.2.3", "2001:db8::3"]);
        let rows = [
            (Family::IPV4, None, "10.0.0.1"),
            (Family::IPV4, Some(NextHopChange::Own), "10.0.0.1"),
            (Family::IPV4, Some(NextHopChange::Unchanged), "10.0.0.1"),
            (Family::IPV4, Some(both), "192.0.2.3"),
            (Family::IPV6, Some(both), "2001:db8::3"),
            (Family::IPV6, Some(given(&["192.0.2.3"])), "10.0.0.1"),
        ];
        for (family, policy, expected) in rows {
            assert_eq!(
                accepted(family, Some(hop("10.0.0.1")), policy),
                Some(hop(expected)),
                "{family} {policy:?}"
            );
        }
    }

    #[test]
    fn an_ipv6_next_hop_serves_ipv4_where_agreed_and_a_foreign_link_local_stays_behind() {
        let own =
            NextHop::Ipv6 { global: "2001:db8::1".parse().unwrap(), link_local: "fe80::1".parse().ok() };
        let both =
            NextHop::Ipv6 { global: "2001:db8::9".parse().unwrap(), link_local: "fe80::9".parse().ok() };
        let session =
            |kind, family| NextHops { kind, family, extended_next_hop: true, own, configured: None };
        for family in [Family::IPV4, Family::IPV6] {
            let same = written(&session(PeerKind::Internal, family), Provenance::Ours, Some(own), None);
            assert_eq!(same, own, "our own link-local address is no foreign one");
            assert_eq!(
                written(&session(PeerKind::External, family), Provenance::Ours, Some(both), None),
                own
            );
            let kept = written(&session(PeerKind::Internal, family), Provenance::Ours, Some(both), None);
            assert_eq!(kept, hop("2001:db8::9"));
        }
        let given = Some(given(&["192.0.2.3", "2001:db8::3"]));
        for (family, expected) in [(Family::IPV4, "192.0.2.3"), (Family::IPV6, "2001:db8::3")] {
            assert_eq!(
                written(&session(PeerKind::External, family), Provenance::Ours, None, given),
                hop(expected)
            );
        }
    }
}
