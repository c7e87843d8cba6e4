//! Attributes that an operator takes out of whatever comes in: what a router farther on stumbles over, say.

use bgp_proto::attr::{set::PathAttributes, table::AttributeCode};
use std::{fmt, mem};

/// Types of attributes that are taken out of routes as they come in, known and unknown ones alike. The rules of the
/// protocol (loops, leaks) still see what was received; policies do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Discards([u64; 4]);

/// An attribute that cannot be discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotDiscarded(pub AttributeCode);

impl fmt::Display for NotDiscarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotDiscarded(code) = self;
        match PARTS.iter().find(|(part, _)| part == code) {
            Some((_, whole)) => {
                write!(f, "{code} cannot be discarded: it is a part of {whole}, which it comes and goes with")
            }
            None => write!(f, "{code} cannot be discarded: a route is none without it; take it off the list"),
        }
    }
}

impl std::error::Error for NotDiscarded {}

/// What makes a route.
const NEEDED: [AttributeCode; 5] = [
    AttributeCode::ORIGIN,
    AttributeCode::AS_PATH,
    AttributeCode::NEXT_HOP,
    AttributeCode::MP_REACH,
    AttributeCode::MP_UNREACH,
];

/// What is merged into another attribute as it is received.
const PARTS: [(AttributeCode, AttributeCode); 2] = [
    (AttributeCode::AS4_PATH, AttributeCode::AS_PATH),
    (AttributeCode::AS4_AGGREGATOR, AttributeCode::AGGREGATOR),
];

/// Takes a field away. Whether there was anything in it.
fn clear<T: Default + PartialEq>(field: &mut T) -> bool {
    mem::take(field) != T::default()
}

type Row = (AttributeCode, fn(&mut PathAttributes) -> bool);

/// The attributes that have a field of their own.
const FIELDS: [Row; 12] = [
    (AttributeCode::MED, |a| clear(&mut a.med)),
    (AttributeCode::LOCAL_PREF, |a| clear(&mut a.local_pref)),
    (AttributeCode::ATOMIC_AGGREGATE, |a| clear(&mut a.atomic_aggregate)),
    (AttributeCode::AGGREGATOR, |a| clear(&mut a.aggregator)),
    (AttributeCode::COMMUNITIES, |a| clear(&mut a.communities)),
    (AttributeCode::ORIGINATOR_ID, |a| clear(&mut a.originator_id)),
    (AttributeCode::CLUSTER_LIST, |a| clear(&mut a.cluster_list)),
    (AttributeCode::EXTENDED_COMMUNITIES, |a| clear(&mut a.extended_communities)),
    (AttributeCode::EXTENDED_COMMUNITIES_IPV6, |a| clear(&mut a.extended_communities_ipv6)),
    (AttributeCode::AIGP, |a| clear(&mut a.aigp)),
    (AttributeCode::LARGE_COMMUNITIES, |a| clear(&mut a.large_communities)),
    (AttributeCode::ONLY_TO_CUSTOMER, |a| clear(&mut a.only_to_customer)),
];

impl Discards {
    /// These types. The first one that a route cannot do without is refused.
    pub fn new(codes: impl IntoIterator<Item = AttributeCode>) -> Result<Self, NotDiscarded> {
        let mut discards = Discards::default();
        for code in codes {
            if NEEDED.contains(&code) || PARTS.iter().any(|(part, _)| *part == code) {
                return Err(NotDiscarded(code));
            }
            discards.0[usize::from(code.0 / 64)] |= 1 << (code.0 % 64);
        }
        Ok(discards)
    }

    /// Whether attributes of this type are taken out.
    pub fn contains(&self, code: AttributeCode) -> bool {
        self.0[usize::from(code.0 / 64)] >> (code.0 % 64) & 1 == 1
    }

    /// Takes them out. Whether there were any.
    pub fn apply(&self, attributes: &mut PathAttributes) -> bool {
        if self.0 == [0; 4] {
            return false;
        }
        let opaque = attributes.opaque.len();
        attributes.opaque.retain(|attribute| !self.contains(AttributeCode(attribute.code)));
        let rows = FIELDS.iter().filter(|(code, _)| self.contains(*code));
        rows.fold(attributes.opaque.len() < opaque, |any, (_, take)| take(attributes) || any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bgp_proto::attr::set::OpaqueAttribute;

    #[test]
    fn what_a_route_needs_cannot_be_discarded_and_everything_else_can() {
        let refused: Vec<_> =
            (0..=255).filter(|code| Discards::new([AttributeCode(*code)]).is_err()).collect();
        assert_eq!(refused, [1, 2, 3, 14, 15, 17, 18]);
        let said = |code| Discards::new([code]).unwrap_err().to_string();
        assert_eq!(
            said(AttributeCode::ORIGIN),
            "ORIGIN cannot be discarded: a route is none without it; take it off the list"
        );
        assert_eq!(
            said(AttributeCode::AS4_AGGREGATOR),
            "AS4_AGGREGATOR cannot be discarded: it is a part of AGGREGATOR, which it comes and goes with"
        );
    }

    #[test]
    fn every_known_attribute_is_taken_out_by_its_own_code() {
        for (number, (code, _)) in FIELDS.iter().enumerate() {
            // The other rows find the attributes as empty as they leave them.
            let mut attributes = full();
            assert!(Discards::new([*code]).unwrap().apply(&mut attributes), "{code}");
            let left = FIELDS.iter().enumerate().filter(|(_, (_, take))| take(&mut attributes));
            let left: Vec<_> = left.map(|(row, _)| row).collect();
            assert_eq!(left, (0..FIELDS.len()).filter(|row| *row != number).collect::<Vec<_>>(), "{code}");
        }
    }

    #[test]
    fn unknown_attributes_are_taken_out_by_code_and_nothing_is_said_to_change_where_none_is_there() {
        let discards = Discards::new([AttributeCode(99), AttributeCode(255)]).unwrap();
        let opaque = |code| OpaqueAttribute { flags: 0xc0, code, value: vec![1] };
        let mut attributes = PathAttributes { opaque: [98, 99, 100].map(opaque).into(), ..full() };
        assert!(discards.apply(&mut attributes));
        assert_eq!(attributes.opaque, [98, 100].map(opaque));
        assert!(!discards.apply(&mut attributes));
        assert_eq!(attributes, PathAttributes { opaque: [98, 100].map(opaque).into(), ..full() });
    }

    fn full() -> PathAttributes {
        use bgp_proto::{
            attr::{
                aggregator::Aggregator,
                community::{Community, ExtendedCommunity, ExtendedCommunityIpv6, LargeCommunity},
            },
            numbers::{Asn, RouterId},
        };
        let ipv6 = ExtendedCommunityIpv6 { kind: [0, 2], admin: [1; 16].into(), number: 1 };
        PathAttributes {
            med: Some(1),
            local_pref: Some(2),
            atomic_aggregate: true,
            aggregator: Some(Aggregator { asn: Asn(3), address: [192, 0, 2, 1].into() }),
            communities: vec![Community(4)],
            originator_id: RouterId::new(5),
            cluster_list: vec![6],
            extended_communities: vec![ExtendedCommunity([7; 8])],
            extended_communities_ipv6: vec![ipv6],
            aigp: Some(8),
            large_communities: vec![LargeCommunity { admin: Asn(1), first: 2, second: 3 }],
            only_to_customer: Some(Asn(9)),
            ..PathAttributes::default()
        }
    }
}
