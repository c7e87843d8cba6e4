//! AGGREGATOR: who formed an aggregate.

use crate::numbers::Asn;
use alloc::vec::Vec;
use core::{fmt, net::Ipv4Addr};

/// The AS and the address of the speaker that formed the aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Aggregator {
    /// Its AS.
    pub asn: Asn,
    /// Its address: a BGP identifier, which may be any four octets.
    pub address: Ipv4Addr,
}

impl Aggregator {
    /// Reads a value of 8 or 6 octets.
    #[inline]
    pub(crate) fn decode(value: &[u8]) -> Option<Aggregator> {
        let (asn, address) = value.split_last_chunk::<4>()?;
        let asn = match *asn {
            [a, b] => u32::from(u16::from_be_bytes([a, b])),
            [a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
            _ => return None,
        };
        Some(Aggregator { asn: Asn(asn), address: (*address).into() })
    }

    pub(crate) fn encode(self, four_octet_as: bool, out: &mut Vec<u8>) {
        if four_octet_as {
            out.extend_from_slice(&self.asn.0.to_be_bytes());
        } else {
            out.extend_from_slice(&self.asn.two_octets().to_be_bytes());
        }
        out.extend_from_slice(&self.address.octets());
    }
}

impl fmt::Display for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.asn, self.address)
    }
}
