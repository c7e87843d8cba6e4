//! The table of path attributes: code, name, flags, and what a mistake costs (RFC 7606 and the attributes' own RFCs).

use super::{
    aigp,
    as_path::{AsPath, SegmentKind},
};
use crate::{
    agreed::PeerKind,
    fault::{ErrorCode, Fault},
    numbers::registry,
};
use core::fmt;

/// What becomes of an UPDATE with a malformed attribute, weakest first (RFC 7606 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Treatment {
    /// The attribute is dropped; the routes stand.
    Discard,
    /// The announced prefixes are taken as withdrawn.
    Withdraw,
    /// The session ends with a NOTIFICATION.
    Reset,
}

/// Flag bits of an attribute (RFC 4271 §4.3).
pub mod flags {
    /// The attribute may be unknown to a speaker.
    pub const OPTIONAL: u8 = 0x80;
    /// A speaker that does not know the attribute passes it on.
    pub const TRANSITIVE: u8 = 0x40;
    /// Some speaker on the way did not know the attribute.
    pub const PARTIAL: u8 = 0x20;
    /// The length takes two octets.
    pub const EXTENDED: u8 = 0x10;
}

const WELL_KNOWN: u8 = flags::TRANSITIVE;
const OPTIONAL: u8 = flags::OPTIONAL;
const TRANSITIVE: u8 = flags::OPTIONAL | flags::TRANSITIVE;

/// A mistake in one attribute: what it costs and the subcode of its UPDATE fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) treatment: Treatment,
    pub(crate) subcode: u8,
}

impl Mistake {
    pub(crate) const fn fault(self) -> Fault {
        Fault::new(ErrorCode::UPDATE, self.subcode)
    }
}

pub(crate) const fn discard(subcode: u8) -> Option<Mistake> {
    Some(Mistake { treatment: Treatment::Discard, subcode })
}

pub(crate) const fn withdraw(subcode: u8) -> Option<Mistake> {
    Some(Mistake { treatment: Treatment::Withdraw, subcode })
}

/// What an attribute's check may depend on beside its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) peer_kind: PeerKind,
    pub(crate) four_octet_as: bool,
    pub(crate) aigp: bool,
}

impl Scope {
    const fn internal(self) -> bool {
        matches!(self.peer_kind, PeerKind::Internal)
    }

    const fn external(self) -> bool {
        matches!(self.peer_kind, PeerKind::External)
    }
}

/// UPDATE fault subcodes (RFC 4271 §6.3).
pub(crate) mod subcode {
    pub(crate) const MALFORMED_LIST: u8 = 1;
    pub(crate) const UNKNOWN_WELL_KNOWN: u8 = 2;
    pub(crate) const MISSING: u8 = 3;
    pub(crate) const FLAGS: u8 = 4;
    pub(crate) const LENGTH: u8 = 5;
    pub(crate) const ORIGIN: u8 = 6;
    pub(crate) const NEXT_HOP: u8 = 8;
    pub(crate) const OPTIONAL: u8 = 9;
    pub(crate) const NETWORK: u8 = 10;
    pub(crate) const AS_PATH: u8 = 11;
}

/// Declares the attributes this crate knows. Each row: slot, code, constant, name, flags, what wrong flags cost, and
/// the check of the value (`v`) within a scope (`s`).
macro_rules! attributes {
    ($($slot:ident $code:literal $konst:ident $name:literal $flags:ident $wrong:ident |$v:pat_param, $s:pat_param| $check:expr;)*) => {
        registry! {
            /// The type code of a path attribute.
            AttributeCode(u8) {
                $($konst = $code, $name;)*
                PMSI_TUNNEL = 22, "PMSI_TUNNEL";
                BGP_LS = 29, "BGP-LS";
                PREFIX_SID = 40, "BGP Prefix-SID";
            }
        }

        /// Where a known attribute's place is kept while a message is looked at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Slot { $($slot),* }

        /// How many known attributes there are.
        pub(crate) const SLOTS: usize = [$(Slot::$slot),*].len();

        /// The rows by code: a load instead of a jump that depends on the code, which the CPU would guess badly.
        const ROWS: [Option<Slot>; 256] = {
            let mut rows = [None; 256];
            $(rows[$code] = Some(Slot::$slot);)*
            rows
        };

        /// The row of a code.
        #[inline]
        pub(crate) fn slot(code: AttributeCode) -> Option<Slot> {
            ROWS.get(usize::from(code.0)).copied().flatten()
        }

        /// The flags of each row.
        const FLAGS: [u8; SLOTS] = [$($flags),*];

        #[cold]
        fn wrong_flags(slot: Slot) -> Option<Mistake> {
            match slot {
                $(Slot::$slot => $wrong(subcode::FLAGS),)*
            }
        }

        /// Checks a known attribute's flags and value.
        #[inline]
        pub(crate) fn check(slot: Slot, attribute_flags: u8, value: &[u8], scope: Scope) -> Option<Mistake> {
            // RFC 7606 §3 (c): only Optional and Transitive are compared.
            let expected = FLAGS.get(slot as usize).copied().unwrap_or_default();
            if (attribute_flags ^ expected) & (flags::OPTIONAL | flags::TRANSITIVE) != 0 {
                return wrong_flags(slot);
            }
            match slot {
                $(Slot::$slot => {
                    let ($v, $s) = (value, scope);
                    $check
                })*
            }
        }

        impl AttributeCode {
            /// The flags with which this attribute is sent; `None` for one that has no row here.
            pub const fn flags(self) -> Option<u8> {
                match self.0 {
                    $($code => Some($flags),)*
                    _ => None,
                }
            }
        }
    };
}

attributes! {
    // RFC 7606 §7.1 to §7.17, RFC 6793 §6, RFC 7607 §2, RFC 7311 §3, RFC 8092 §6, RFC 9012 §13, RFC 9234 §5.
    Origin            1 ORIGIN                    "ORIGIN"                 WELL_KNOWN withdraw |v, _| origin(v);
    AsPath            2 AS_PATH                   "AS_PATH"                WELL_KNOWN withdraw |v, s| as_path(v, s);
    NextHop           3 NEXT_HOP                  "NEXT_HOP"               WELL_KNOWN withdraw |v, _| exactly(4, v);
    Med               4 MED                       "MULTI_EXIT_DISC"        OPTIONAL   withdraw |v, _| exactly(4, v);
    LocalPref         5 LOCAL_PREF                "LOCAL_PREF"             WELL_KNOWN withdraw |v, s| unless(s.external(), || exactly(4, v));
    AtomicAggregate   6 ATOMIC_AGGREGATE          "ATOMIC_AGGREGATE"       WELL_KNOWN withdraw |v, _| if v.is_empty() { None } else { discard(subcode::LENGTH) };
    Aggregator        7 AGGREGATOR                "AGGREGATOR"             TRANSITIVE withdraw |v, s| aggregator(v, s.four_octet_as);
    Communities       8 COMMUNITIES               "COMMUNITIES"            TRANSITIVE withdraw |v, _| multiple(4, v);
    OriginatorId      9 ORIGINATOR_ID             "ORIGINATOR_ID"          OPTIONAL   withdraw |v, s| unless(!s.internal(), || exactly(4, v));
    ClusterList      10 CLUSTER_LIST              "CLUSTER_LIST"           OPTIONAL   withdraw |v, s| unless(!s.internal(), || multiple(4, v));
    MpReach          14 MP_REACH                  "MP_REACH_NLRI"          OPTIONAL   withdraw |_, _| None;
    MpUnreach        15 MP_UNREACH                "MP_UNREACH_NLRI"        OPTIONAL   withdraw |_, _| None;
    Extended         16 EXTENDED_COMMUNITIES      "EXTENDED COMMUNITIES"   TRANSITIVE withdraw |v, _| multiple(8, v);
    As4Path          17 AS4_PATH                  "AS4_PATH"               TRANSITIVE withdraw |v, s| unless(s.four_octet_as, || as4_path(v));
    As4Aggregator    18 AS4_AGGREGATOR            "AS4_AGGREGATOR"         TRANSITIVE withdraw |v, s| unless(s.four_octet_as, || aggregator(v, true));
    TunnelEncap      23 TUNNEL_ENCAPSULATION      "TUNNEL_ENCAPSULATION"   TRANSITIVE withdraw |_, _| None;
    ExtendedIpv6     25 EXTENDED_COMMUNITIES_IPV6 "IPv6 EXTENDED COMMUNITIES" TRANSITIVE withdraw |v, _| multiple(20, v);
    Aigp             26 AIGP                      "AIGP"                   OPTIONAL   discard  |v, s| unless(!s.aigp, || aigp_list(v));
    LargeCommunities 32 LARGE_COMMUNITIES         "LARGE_COMMUNITY"        TRANSITIVE withdraw |v, _| multiple(12, v);
    OnlyToCustomer   35 ONLY_TO_CUSTOMER          "ONLY_TO_CUSTOMER"       TRANSITIVE withdraw |v, _| exactly(4, v);
}

/// An attribute that does not belong here is dropped, whatever it holds; elsewhere its check decides.
#[inline]
fn unless(foreign: bool, check: impl FnOnce() -> Option<Mistake>) -> Option<Mistake> {
    if foreign { discard(subcode::OPTIONAL) } else { check() }
}

#[inline]
fn exactly(octets: usize, value: &[u8]) -> Option<Mistake> {
    if value.len() == octets { None } else { withdraw(subcode::LENGTH) }
}

#[inline]
fn multiple(octets: usize, value: &[u8]) -> Option<Mistake> {
    if !value.is_empty() && value.len().is_multiple_of(octets) { None } else { withdraw(subcode::OPTIONAL) }
}

#[inline]
fn origin(value: &[u8]) -> Option<Mistake> {
    match value {
        [0..=2] => None,
        [_] => withdraw(subcode::ORIGIN),
        _ => withdraw(subcode::LENGTH),
    }
}

#[inline]
fn as_path(value: &[u8], scope: Scope) -> Option<Mistake> {
    // RFC 5065 §5: confederation segments come from members of the confederation only, and from those in another
    // member AS they lead. RFC 7607 §2: no AS 0.
    let belongs = |confederation: bool| match scope.peer_kind {
        PeerKind::Internal => true,
        PeerKind::External => !confederation,
        PeerKind::Confederation => value.first() == Some(&SegmentKind::CONFED_SEQUENCE.0),
    };
    match AsPath::check(value, scope.four_octet_as) {
        Some(found) if !found.zero && belongs(found.confederation) => None,
        _ => withdraw(subcode::AS_PATH),
    }
}

fn as4_path(value: &[u8]) -> Option<Mistake> {
    // RFC 6793 §6: structural damage drops the attribute; confederation segments in it are skipped when it is used.
    match AsPath::check(value, true) {
        Some(found) if !found.zero && !value.is_empty() => None,
        _ => discard(subcode::OPTIONAL),
    }
}

fn aggregator(value: &[u8], four_octet_as: bool) -> Option<Mistake> {
    let asn = if four_octet_as { value.split_at_checked(4) } else { value.split_at_checked(2) };
    match asn {
        Some((asn, address)) if address.len() == 4 && asn.iter().any(|octet| *octet != 0) => None,
        _ => discard(subcode::OPTIONAL),
    }
}

fn aigp_list(value: &[u8]) -> Option<Mistake> {
    // RFC 7606 §4: only AS_PATH and ATOMIC_AGGREGATE may be empty.
    if !value.is_empty() && aigp::is_well_formed(value) { None } else { discard(subcode::OPTIONAL) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn treatments_are_ordered_by_strength() {
        assert!(Treatment::Discard < Treatment::Withdraw && Treatment::Withdraw < Treatment::Reset);
    }

    #[test]
    fn every_row_has_its_own_slot() {
        let slots = (0..=255u8).filter_map(|code| slot(AttributeCode(code))).map(|slot| slot as usize);
        let slots = slots.collect::<alloc::vec::Vec<_>>();
        assert_eq!(slots, (0..SLOTS).collect::<alloc::vec::Vec<_>>());
    }
}
