//! What the two OPENs of a session settled: the parameters that decoding and encoding depend on, as one value.

use crate::family::Family;

/// Whether the peer is inside our AS, outside of it, or in another member of our confederation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum PeerKind {
    /// iBGP.
    Internal,
    /// eBGP.
    External,
    /// eBGP between members of one confederation (RFC 5065).
    Confederation,
}

/// What was agreed for one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FamilyAgreed {
    /// The family.
    pub family: Family,
    /// The peer sends path identifiers and we read them (RFC 7911).
    pub receive_add_path: bool,
    /// We send path identifiers.
    pub send_add_path: bool,
    /// IPv4 prefixes may have an IPv6 next hop (RFC 8950).
    pub extended_next_hop: bool,
}

impl FamilyAgreed {
    /// A family without any extra.
    pub const fn plain(family: Family) -> Self {
        FamilyAgreed { family, receive_add_path: false, send_add_path: false, extended_next_hop: false }
    }
}

/// How many families one session carries at the most; further ones are not agreed.
pub const MAX_FAMILIES: usize = 16;

/// What the two OPENs settled. Plain and `Copy`: everything that a message's meaning depends on beside its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Agreed {
    /// iBGP or eBGP.
    pub peer_kind: PeerKind,
    /// AS numbers are four octets wide in AS_PATH and AGGREGATOR (RFC 6793).
    pub four_octet_as: bool,
    /// Messages but OPEN and KEEPALIVE may be up to 65,535 octets long (RFC 8654).
    pub extended_message: bool,
    /// AIGP is accepted from this peer (RFC 7311); where not, it is dropped.
    pub aigp: bool,
    families: [Option<FamilyAgreed>; MAX_FAMILIES],
}

impl Agreed {
    /// IPv4 unicast only and no extension but 4-octet AS numbers.
    pub const fn new(peer_kind: PeerKind) -> Agreed {
        let mut families = [None; MAX_FAMILIES];
        families[0] = Some(FamilyAgreed::plain(Family::IPV4));
        Agreed { peer_kind, four_octet_as: true, extended_message: false, aigp: false, families }
    }

    /// The same with exactly these families, up to [`MAX_FAMILIES`].
    #[must_use]
    pub fn with_families(mut self, families: impl IntoIterator<Item = FamilyAgreed>) -> Agreed {
        let mut given = families.into_iter();
        self.families = core::array::from_fn(|_| given.next());
        self
    }

    /// The agreed families.
    pub fn families(&self) -> impl Iterator<Item = FamilyAgreed> + '_ {
        self.families.iter().flatten().copied()
    }

    /// What was agreed for this family; `None` when the session does not carry it.
    #[inline]
    pub fn family(&self, family: Family) -> Option<FamilyAgreed> {
        self.families.iter().flatten().find(|agreed| agreed.family == family).copied()
    }

    /// The longest message that either side may send, in octets.
    #[inline]
    pub const fn max_message(&self) -> usize {
        if self.extended_message { crate::wire::MAX_EXTENDED } else { crate::wire::MAX_MESSAGE }
    }
}
