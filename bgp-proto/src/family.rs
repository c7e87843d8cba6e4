//! Address families: AFI and SAFI as one value, with a name and what its NLRI looks like as a row of a table.

use crate::{
    numbers::{Afi, Safi},
    text::{ParseError, serde_as_text},
};
use core::{fmt, str::FromStr};

/// An address family: AFI and SAFI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family {
    /// The address family identifier.
    pub afi: Afi,
    /// The subsequent address family identifier.
    pub safi: Safi,
}

/// How the NLRI of a family is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// A length in bits and that many bits of an address.
    Prefix,
    /// The same with a label stack in front (RFC 8277).
    Labelled,
    /// The same with a label stack and a route distinguisher in front (RFC 4364, 4659).
    Vpn,
    /// Octets that this crate carries and does not read.
    Opaque,
}

macro_rules! families {
    ($($konst:ident $afi:ident $safi:ident $shape:ident $name:literal;)*) => {
        impl Family {
            $(#[doc = concat!("`", $name, "`.")] pub const $konst: Family = Family { afi: Afi::$afi, safi: Safi::$safi };)*

            /// Every family whose NLRI this crate reads, in the order of their names' table.
            pub const KNOWN: &[Family] = &[$(Family::$konst),*];

            /// The name that configuration, command line and logs use.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Family::$konst => Some($name),)*
                    _ => None,
                }
            }

            /// How this family's NLRI is laid out.
            pub const fn shape(self) -> Shape {
                match self {
                    $(Family::$konst => Shape::$shape,)*
                    _ => Shape::Opaque,
                }
            }
        }
    };
}

families! {
    IPV4           IPV4 UNICAST   Prefix   "ipv4";
    IPV6           IPV6 UNICAST   Prefix   "ipv6";
    IPV4_MULTICAST IPV4 MULTICAST Prefix   "ipv4-multicast";
    IPV6_MULTICAST IPV6 MULTICAST Prefix   "ipv6-multicast";
    IPV4_LABELLED  IPV4 LABELLED  Labelled "ipv4-labelled";
    IPV6_LABELLED  IPV6 LABELLED  Labelled "ipv6-labelled";
    IPV4_VPN       IPV4 VPN       Vpn      "ipv4-vpn";
    IPV6_VPN       IPV6 VPN       Vpn      "ipv6-vpn";
}

impl Family {
    /// The family of these two numbers.
    pub const fn new(afi: Afi, safi: Safi) -> Family {
        Family { afi, safi }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{}/{}", self.afi.0, self.safi.0),
        }
    }
}

impl FromStr for Family {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let numbers = || {
            let (afi, safi) = text.split_once('/')?;
            Some(Family::new(Afi(afi.parse().ok()?), Safi(safi.parse().ok()?)))
        };
        let known = Family::KNOWN.iter().copied().find(|family| family.name() == Some(text));
        known.or_else(numbers).ok_or_else(|| {
            ParseError::new(
                "an address family",
                text,
                "ipv4, ipv6 or another name, or AFI/SAFI as numbers like 25/70",
            )
        })
    }
}

serde_as_text!(Family);
