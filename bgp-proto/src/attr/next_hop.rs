//! Next hops: what NEXT_HOP and MP_REACH_NLRI say where to send packets.

use crate::{agreed::FamilyAgreed, family::Shape, numbers::Afi};
use alloc::vec::Vec;
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// A next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum NextHop {
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address, perhaps with the link-local one of the same router (RFC 2545 §3).
    Ipv6 {
        /// The global address; link-local too where the sender has no other.
        global: Ipv6Addr,
        /// The link-local address.
        link_local: Option<Ipv6Addr>,
    },
}

impl NextHop {
    /// The address, the global one of two.
    pub const fn address(self) -> IpAddr {
        match self {
            NextHop::Ipv4(address) => IpAddr::V4(address),
            NextHop::Ipv6 { global, .. } => IpAddr::V6(global),
        }
    }

    /// Whether a packet can be sent to this address at all: no unspecified, loopback or multicast one.
    pub fn is_host(self) -> bool {
        match self {
            NextHop::Ipv4(address) => is_host(address),
            NextHop::Ipv6 { global, .. } => {
                !(global.is_unspecified() || global.is_loopback() || global.is_multicast())
            }
        }
    }

    /// Reads the next hop field of an MP_REACH_NLRI of a family whose layout is known. `None`: the length is not one
    /// that the family and what was agreed for it allow (RFC 4760 §3, 2545 §3, 4364 §4.3.2, 4659 §3.2.1, 8950 §3).
    #[inline]
    pub fn decode(field: &[u8], agreed: FamilyAgreed) -> Option<NextHop> {
        // The route distinguisher in front of a VPN next hop is zero and says nothing.
        let skip = if agreed.family.shape() == Shape::Vpn { 8 } else { 0 };
        let (_, address) = field.split_at_checked(skip)?;
        let v6 = agreed.family.afi == Afi::IPV6 || agreed.extended_next_hop;
        match address.len() {
            4 if agreed.family.afi == Afi::IPV4 => {
                address.first_chunk().map(|octets: &[u8; 4]| NextHop::Ipv4((*octets).into()))
            }
            len if v6 && (len == 16 || len == 32 + skip) => {
                let (global, rest) = address.split_first_chunk::<16>()?;
                let global = Ipv6Addr::from(*global);
                match rest.last_chunk::<16>().map(|octets| Ipv6Addr::from(*octets)) {
                    // BIRD without a global address writes :: in its place.
                    Some(only) if global.is_unspecified() && only.is_unicast_link_local() => {
                        Some(NextHop::Ipv6 { global: only, link_local: None })
                    }
                    link_local => Some(NextHop::Ipv6 { global, link_local }),
                }
            }
            _ => None,
        }
    }

    /// The next hop as a family of this AFI writes it.
    pub(crate) fn mapped_into(self, afi: Afi) -> NextHop {
        match self {
            NextHop::Ipv4(address) if afi == Afi::IPV6 => {
                NextHop::Ipv6 { global: address.to_ipv6_mapped(), link_local: None }
            }
            other => other,
        }
    }

    /// Appends the next hop field of an MP_REACH_NLRI with its length in front.
    pub fn encode(self, shape: Shape, out: &mut Vec<u8>) {
        let at = out.len();
        out.push(0);
        let rd: &[u8] = if shape == Shape::Vpn { &[0; 8] } else { &[] };
        out.extend_from_slice(rd);
        match self {
            NextHop::Ipv4(address) => out.extend_from_slice(&address.octets()),
            NextHop::Ipv6 { global, link_local } => {
                out.extend_from_slice(&global.octets());
                if let Some(link_local) = link_local {
                    out.extend_from_slice(rd);
                    out.extend_from_slice(&link_local.octets());
                }
            }
        }
        let len = (out.len() - at - 1) as u8;
        if let Some(field) = out.get_mut(at) {
            *field = len;
        }
    }
}

/// RFC 4271 §6.3: a next hop is a valid host address. 0/8, 127/8, multicast and class E are none.
#[inline]
pub(crate) fn is_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    !matches!(first, 0 | 127 | 224..)
}

impl From<IpAddr> for NextHop {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => NextHop::Ipv4(address),
            IpAddr::V6(global) => NextHop::Ipv6 { global, link_local: None },
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NextHop::Ipv6 { global, link_local: Some(link_local) } => write!(f, "{global} ({link_local})"),
            other => fmt::Display::fmt(&other.address(), f),
        }
    }
}
