//! Roles and ONLY_TO_CUSTOMER (RFC 9234 §5): what keeps a route that came from above or beside from going up again.
//!
//! All four procedures are decided by our own role on the session; without one none applies. They are for eBGP only.

use bgp_proto::numbers::{Asn, Role};

/// What a role demands, a row each.
struct Row {
    role: Role,
    /// A route with the mark that comes in was leaked: always, or unless the peer itself set the mark.
    incoming_mark: Incoming,
    /// A route without the mark gets the peer's AS as its mark when it comes in.
    marks_incoming: bool,
    /// A route without the mark gets our AS as its mark when it goes out.
    marks_outgoing: bool,
    /// A route with the mark does not go out.
    keeps_marked: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Incoming {
    Fine,
    Leak,
    LeakUnlessThePeers,
}

/// RFC 9234 §5, from the side of the one who holds the role: a provider's peer is its customer, and so on.
const ROWS: [Row; 5] = [
    row(Role::PROVIDER, Incoming::Leak, false, true, false),
    row(Role::ROUTE_SERVER, Incoming::Leak, false, true, false),
    row(Role::CUSTOMER, Incoming::Fine, true, false, true),
    row(Role::ROUTE_SERVER_CLIENT, Incoming::Fine, true, false, true),
    row(Role::PEER, Incoming::LeakUnlessThePeers, true, true, true),
];

const fn row(
    role: Role,
    incoming_mark: Incoming,
    marks_incoming: bool,
    marks_outgoing: bool,
    keeps_marked: bool,
) -> Row {
    Row { role, incoming_mark, marks_incoming, marks_outgoing, keeps_marked }
}

fn of(role: Option<Role>) -> Option<&'static Row> {
    ROWS.iter().find(|row| Some(row.role) == role)
}

/// Whether a route with this mark, received in this role, was leaked: it is not to be used.
pub fn is_leak(role: Option<Role>, mark: Option<Asn>, peer: Asn) -> bool {
    match (of(role).map(|row| row.incoming_mark), mark) {
        (Some(Incoming::Leak), Some(_)) => true,
        (Some(Incoming::LeakUnlessThePeers), Some(mark)) => mark != peer,
        _ => false,
    }
}

/// The mark that a received route has from here on.
pub fn incoming_mark(role: Option<Role>, mark: Option<Asn>, peer: Asn) -> Option<Asn> {
    mark.or_else(|| of(role).filter(|row| row.marks_incoming).map(|_| peer))
}

/// Whether a route with this mark is not sent in this role.
pub fn keeps(role: Option<Role>, mark: Option<Asn>) -> bool {
    mark.is_some() && of(role).is_some_and(|row| row.keeps_marked)
}

/// The mark that a route has when it is sent.
pub fn outgoing_mark(role: Option<Role>, mark: Option<Asn>, own: Asn) -> Option<Asn> {
    mark.or_else(|| of(role).filter(|row| row.marks_outgoing).map(|_| own))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Asn = Asn(1);
    const PEER: Asn = Asn(2);
    const OTHER: Asn = Asn(3);

    #[test]
    fn routes_with_a_mark_from_below_or_anothers_mark_from_beside_are_leaks() {
        // Our role; whether a route is a leak without a mark, with the peer's, with another's.
        let rows = [
            (Some(Role::PROVIDER), [false, true, true]),
            (Some(Role::ROUTE_SERVER), [false, true, true]),
            (Some(Role::CUSTOMER), [false, false, false]),
            (Some(Role::ROUTE_SERVER_CLIENT), [false, false, false]),
            (Some(Role::PEER), [false, false, true]),
            (None, [false, false, false]),
            (Some(Role(9)), [false, false, false]),
        ];
        for (role, expected) in rows {
            assert_eq!(
                [None, Some(PEER), Some(OTHER)].map(|mark| is_leak(role, mark, PEER)),
                expected,
                "{role:?}"
            );
        }
    }

    #[test]
    fn marks_are_set_on_what_comes_from_above_or_beside_and_on_what_goes_down_or_beside() {
        // Our role; the mark that a route without one has after import, and when sent; whether a marked one is kept.
        let rows = [
            (Some(Role::PROVIDER), None, Some(OWN), false),
            (Some(Role::ROUTE_SERVER), None, Some(OWN), false),
            (Some(Role::CUSTOMER), Some(PEER), None, true),
            (Some(Role::ROUTE_SERVER_CLIENT), Some(PEER), None, true),
            (Some(Role::PEER), Some(PEER), Some(OWN), true),
            (None, None, None, false),
        ];
        for (role, incoming, outgoing, kept) in rows {
            assert_eq!(incoming_mark(role, None, PEER), incoming, "{role:?}");
            assert_eq!(outgoing_mark(role, None, OWN), outgoing, "{role:?}");
            assert_eq!(keeps(role, Some(OTHER)), kept, "{role:?}");
            assert!(!keeps(role, None));
            // A mark that is there stays.
            assert_eq!(incoming_mark(role, Some(OTHER), PEER), Some(OTHER));
            assert_eq!(outgoing_mark(role, Some(OTHER), OWN), Some(OTHER));
        }
    }
}
