//! What a rule changes in a route that it accepts.

use super::communities::{AnyCommunity, Pattern};
use bgp_proto::{
    attr::{next_hop::NextHop, set::PathAttributes},
    numbers::{Asn, Origin},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Changes to a route, resolved. Applying them cannot fail.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Changes {
    pub(super) local_pref: Option<u32>,
    pub(super) med: Option<MedChange>,
    pub(super) origin: Option<Origin>,
    pub(super) next_hop: Option<NextHopChange>,
    pub(super) remove_communities: Box<[Pattern]>,
    pub(super) add_communities: Box<[AnyCommunity]>,
    pub(super) prepend: Option<Prepend>,
}

/// What happens to the MED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MedChange {
    Set(u32),
    Add(i64),
    Remove,
}

/// An AS put in front of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prepend {
    /// `None`: our own.
    pub(super) asn: Option<Asn>,
    pub(super) times: u8,
}

/// Which next hop is written. The addresses behind the words are the session's: see
/// [`standard::next_hop`](super::standard::next_hop).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextHopChange {
    /// Our own address.
    Own,
    /// The one that the route has.
    Unchanged,
    /// A given address, of one family or of each.
    Addresses {
        /// For IPv4 prefixes.
        ipv4: Option<Ipv4Addr>,
        /// For IPv6 prefixes, and for IPv4 ones where no IPv4 address is given (RFC 8950).
        ipv6: Option<Ipv6Addr>,
    },
}

impl NextHopChange {
    /// The given address for prefixes of a family. `None`: none is given, and the next hop stays as it would be.
    pub fn address(self, for_ipv4: bool) -> Option<NextHop> {
        let NextHopChange::Addresses { ipv4, ipv6 } = self else { return None };
        let (ipv4, ipv6) = (ipv4.filter(|_| for_ipv4).map(IpAddr::V4), ipv6.map(IpAddr::V6));
        ipv4.or(ipv6).map(NextHop::from)
    }
}

impl Changes {
    /// Changes the attributes. `own` is our AS as the peer knows it.
    pub fn apply(&self, attributes: &mut PathAttributes, own: Asn) {
        attributes.local_pref = self.local_pref.or(attributes.local_pref);
        attributes.origin = self.origin.or(attributes.origin);
        attributes.med = match self.med {
            None => attributes.med,
            Some(MedChange::Set(med)) => Some(med),
            Some(MedChange::Remove) => None,
            Some(MedChange::Add(more)) => {
                let sum = i64::from(attributes.med.unwrap_or(0)).saturating_add(more);
                Some(sum.clamp(0, i64::from(u32::MAX)) as u32)
            }
        };
        self.remove_communities.iter().for_each(|pattern| pattern.remove_from(attributes));
        self.add_communities.iter().for_each(|community| community.add_to(attributes));
        if let Some(Prepend { asn, times }) = self.prepend {
            attributes.as_path.prepend(asn.unwrap_or(own), usize::from(times));
        }
    }

    /// Which next hop is to be written, where the rule says so.
    pub fn next_hop(&self) -> Option<NextHopChange> {
        self.next_hop
    }

    /// Whether only the next hop changes, or nothing: then attributes are shared as they are.
    pub fn keep_attributes(&self) -> bool {
        *self == Changes { next_hop: self.next_hop, ..Changes::default() }
    }
}
