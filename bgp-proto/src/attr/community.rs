//! Communities of all four kinds, with the words people write for them.

use crate::{
    numbers::Asn,
    text::{ParseError, serde_as_text},
};
use core::{fmt, marker::PhantomData, net::Ipv4Addr, net::Ipv6Addr, str::FromStr};

/// A value of fixed width that an attribute holds a list of.
pub trait Fixed: Copy {
    #[doc(hidden)]
    const LEN: usize;
    #[doc(hidden)]
    fn decode(octets: &[u8]) -> Self;
    #[doc(hidden)]
    fn encode(self, out: &mut alloc::vec::Vec<u8>);
}

macro_rules! fixed {
    ($name:ty, $len:literal, |$octets:ident| $decode:expr, |$value:ident| $encode:expr) => {
        impl Fixed for $name {
            const LEN: usize = $len;
            #[inline]
            fn decode(octets: &[u8]) -> Self {
                let $octets: [u8; $len] = octets.first_chunk().copied().unwrap_or([0; $len]);
                $decode
            }
            #[inline]
            fn encode(self, out: &mut alloc::vec::Vec<u8>) {
                let $value = self;
                out.extend_from_slice(&$encode);
            }
        }
    };
}

/// The values of a list attribute, in order.
#[derive(Clone, Copy, Debug)]
pub struct List<'a, T> {
    bytes: &'a [u8],
    kind: PhantomData<T>,
}

impl<'a, T: Fixed> List<'a, T> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        List { bytes, kind: PhantomData }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl<T: Fixed> Iterator for List<'_, T> {
    type Item = T;
    #[inline]
    fn next(&mut self) -> Option<T> {
        let (value, rest) = self.bytes.split_at_checked(T::LEN)?;
        self.bytes = rest;
        Some(T::decode(value))
    }
    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.bytes.len() / T::LEN, Some(self.bytes.len() / T::LEN))
    }
}

impl<T: Fixed> ExactSizeIterator for List<'_, T> {}

/// A community (RFC 1997): usually an AS and a number of its choosing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(pub u32);

fixed!(Community, 4, |o| Community(u32::from_be_bytes(o)), |v| v.0.to_be_bytes());

macro_rules! well_known {
    ($($konst:ident $value:literal $text:literal $what:literal;)*) => {
        impl Community {
            $(#[doc = $what] pub const $konst: Community = Community($value);)*
            const WELL_KNOWN: &[(Community, &'static str)] = &[$((Community::$konst, $text)),*];
        }
    };
}

well_known! {
    GRACEFUL_SHUTDOWN   0xffff_0000 "graceful-shutdown"   "About to go: prefer anything else (RFC 8326).";
    ACCEPT_OWN          0xffff_0001 "accept-own"          "Accept although it is our own (RFC 7611).";
    LLGR_STALE          0xffff_0006 "llgr-stale"          "Kept although its origin is gone (RFC 9494).";
    NO_LLGR             0xffff_0007 "no-llgr"             "Never keep long-lived (RFC 9494).";
    BLACKHOLE           0xffff_029a "blackhole"           "Discard what is sent there (RFC 7999).";
    NO_EXPORT           0xffff_ff01 "no-export"           "Not beyond the AS or confederation (RFC 1997).";
    NO_ADVERTISE        0xffff_ff02 "no-advertise"        "Not to any peer (RFC 1997).";
    NO_EXPORT_SUBCONFED 0xffff_ff03 "no-export-subconfed" "Not beyond the member AS (RFC 1997).";
    NO_PEER             0xffff_ff04 "no-peer"             "Not across bilateral peerings (RFC 3765).";
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Community::WELL_KNOWN.iter().find(|(community, _)| community == self) {
            Some((_, name)) => f.pad(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff),
        }
    }
}

impl FromStr for Community {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let named =
            Community::WELL_KNOWN.iter().find(|(_, name)| *name == text).map(|(community, _)| *community);
        let pair = || {
            let (high, low) = text.split_once(':')?;
            Some(Community(u32::from(high.parse::<u16>().ok()?) << 16 | u32::from(low.parse::<u16>().ok()?)))
        };
        named.or_else(pair).ok_or_else(|| {
            ParseError::new("a community", text, "65000:100 (each half up to 65535) or a name like no-export")
        })
    }
}

/// A large community (RFC 8092): an AS and two numbers of its choosing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity {
    /// The AS whose number space it is.
    pub admin: Asn,
    /// The first number.
    pub first: u32,
    /// The second number.
    pub second: u32,
}

fixed!(
    LargeCommunity,
    12,
    |o| {
        let [a, b, c, d, e, g, h, i, j, k, l, m] = o;
        let number = u32::from_be_bytes;
        LargeCommunity {
            admin: Asn(number([a, b, c, d])),
            first: number([e, g, h, i]),
            second: number([j, k, l, m]),
        }
    },
    |v| (u128::from(v.admin.0) << 96 | u128::from(v.first) << 64 | u128::from(v.second) << 32)
        .to_be_bytes()
        .first_chunk::<12>()
        .copied()
        .unwrap_or_default()
);

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.admin, self.first, self.second)
    }
}

impl FromStr for LargeCommunity {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        // RFC 8092 §5: canonical text is three plain decimal numbers.
        let mut numbers = text.split(':').map(str::parse::<u32>);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(admin)), Some(Ok(first)), Some(Ok(second)), None) => {
                Ok(LargeCommunity { admin: Asn(admin), first, second })
            }
            _ => Err(ParseError::new("a large community", text, "three numbers like 65000:1:2")),
        }
    }
}

/// An extended community (RFC 4360): eight octets, typed on request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedCommunity(pub [u8; 8]);

fixed!(ExtendedCommunity, 8, |o| ExtendedCommunity(o), |v| v.0);

/// What an extended community says, where this crate knows its type.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Extended {
    /// A route target (RFC 4360 §4).
    RouteTarget(Admin),
    /// A route origin (RFC 4360 §5).
    RouteOrigin(Admin),
    /// The bandwidth of the link to the next hop, in octets a second (draft-ietf-idr-link-bandwidth).
    LinkBandwidth {
        /// The AS that says so.
        asn: u16,
        /// Octets a second.
        rate: f32,
        /// Whether it is passed on between ASes.
        transitive: bool,
    },
    /// The tunnel to use to the next hop (RFC 9012 §4.1).
    Encapsulation(u16),
    /// A colour (RFC 9012 §4.3).
    Color {
        /// The flags.
        flags: u16,
        /// The colour.
        color: u32,
    },
}

/// The administrator and number of a route target or origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin {
    /// A two-octet AS and a number of four octets.
    As2(u16, u32),
    /// An IPv4 address and a number of two octets.
    Ipv4(Ipv4Addr, u16),
    /// A four-octet AS and a number of two octets.
    As4(Asn, u16),
}

const TARGET: u8 = 2;
const ORIGIN: u8 = 3;
const BANDWIDTH: u8 = 4;

impl ExtendedCommunity {
    /// Whether it is passed on between ASes.
    pub const fn is_transitive(self) -> bool {
        let [kind, ..] = self.0;
        kind & 0x40 == 0
    }

    /// What it says, if the type is one this crate knows.
    pub fn decode(self) -> Option<Extended> {
        let [kind, sub, a, b, c, d, e, g] = self.0;
        let admin = match kind {
            0 => Some(Admin::As2(u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, g]))),
            1 => Some(Admin::Ipv4([a, b, c, d].into(), u16::from_be_bytes([e, g]))),
            2 => Some(Admin::As4(Asn(u32::from_be_bytes([a, b, c, d])), u16::from_be_bytes([e, g]))),
            _ => None,
        };
        match (kind, sub, admin) {
            (_, TARGET, Some(admin)) => Some(Extended::RouteTarget(admin)),
            (_, ORIGIN, Some(admin)) => Some(Extended::RouteOrigin(admin)),
            (0 | 0x40, BANDWIDTH, _) => Some(Extended::LinkBandwidth {
                asn: u16::from_be_bytes([a, b]),
                rate: f32::from_bits(u32::from_be_bytes([c, d, e, g])),
                transitive: kind == 0,
            }),
            (3, 0x0b, _) => Some(Extended::Color {
                flags: u16::from_be_bytes([a, b]),
                color: u32::from_be_bytes([c, d, e, g]),
            }),
            (3, 0x0c, _) => Some(Extended::Encapsulation(u16::from_be_bytes([e, g]))),
            _ => None,
        }
    }
}

impl From<Extended> for ExtendedCommunity {
    fn from(extended: Extended) -> Self {
        let (kind, sub, value): (u8, u8, u64) = match extended {
            Extended::RouteTarget(admin) => admin.parts(TARGET),
            Extended::RouteOrigin(admin) => admin.parts(ORIGIN),
            Extended::LinkBandwidth { asn, rate, transitive } => {
                let value = u64::from(asn) << 32 | u64::from(rate.to_bits());
                (if transitive { 0 } else { 0x40 }, BANDWIDTH, value)
            }
            Extended::Encapsulation(tunnel) => (3, 0x0c, u64::from(tunnel)),
            Extended::Color { flags, color } => (3, 0x0b, u64::from(flags) << 32 | u64::from(color)),
        };
        ExtendedCommunity((u64::from(kind) << 56 | u64::from(sub) << 48 | value).to_be_bytes())
    }
}

impl Admin {
    fn parts(self, sub: u8) -> (u8, u8, u64) {
        match self {
            Admin::As2(asn, number) => (0, sub, u64::from(asn) << 32 | u64::from(number)),
            Admin::Ipv4(address, number) => (1, sub, u64::from(address.to_bits()) << 16 | u64::from(number)),
            Admin::As4(asn, number) => (2, sub, u64::from(asn.0) << 16 | u64::from(number)),
        }
    }

    fn parse(text: &str) -> Option<Admin> {
        let (admin, number) = text.split_once(':')?;
        if let Ok(address) = admin.parse() {
            return Some(Admin::Ipv4(address, number.parse().ok()?));
        }
        // A trailing L asks for the wide form of a number that would fit the narrow one.
        if let Some(wide) = admin.strip_suffix('L') {
            return Some(Admin::As4(Asn(wide.parse().ok()?), number.parse().ok()?));
        }
        match admin.parse::<u16>() {
            Ok(asn) => Some(Admin::As2(asn, number.parse().ok()?)),
            Err(_) => Some(Admin::As4(admin.parse().ok()?, number.parse().ok()?)),
        }
    }
}

impl fmt::Display for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Admin::As2(asn, number) => write!(f, "{asn}:{number}"),
            Admin::Ipv4(address, number) => write!(f, "{address}:{number}"),
            Admin::As4(asn, number) if asn.0 <= 0xffff => write!(f, "{asn}L:{number}"),
            Admin::As4(asn, number) => write!(f, "{asn}:{number}"),
        }
    }
}

/// `rt:65000:1`, `ro:…`, `bandwidth:65000:125000000`, `encap:8`, `color:0:100`, or `0x` and sixteen hex digits.
impl fmt::Display for ExtendedCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let canonical = self.decode().filter(|extended| ExtendedCommunity::from(*extended) == *self);
        match canonical {
            Some(Extended::RouteTarget(admin)) => write!(f, "rt:{admin}"),
            Some(Extended::RouteOrigin(admin)) => write!(f, "ro:{admin}"),
            Some(Extended::LinkBandwidth { asn, rate, transitive }) if rate.is_finite() => {
                write!(f, "{}:{asn}:{rate}", if transitive { "bandwidth-transitive" } else { "bandwidth" })
            }
            Some(Extended::Encapsulation(tunnel)) => write!(f, "encap:{tunnel}"),
            Some(Extended::Color { flags, color }) => write!(f, "color:{flags}:{color}"),
            _ => write!(f, "0x{:016x}", u64::from_be_bytes(self.0)),
        }
    }
}

impl FromStr for ExtendedCommunity {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bandwidth = |rest: &str, transitive| {
            let (asn, rate) = rest.split_once(':')?;
            let rate = rate.parse().ok().filter(|rate: &f32| rate.is_finite())?;
            Some(Extended::LinkBandwidth { asn: asn.parse().ok()?, rate, transitive })
        };
        let parse = || {
            if let Some(hex) = text.strip_prefix("0x") {
                return u64::from_str_radix(hex, 16)
                    .ok()
                    .map(|octets| ExtendedCommunity(octets.to_be_bytes()));
            }
            let (kind, rest) = text.split_once(':')?;
            let extended = match kind {
                "rt" => Extended::RouteTarget(Admin::parse(rest)?),
                "ro" => Extended::RouteOrigin(Admin::parse(rest)?),
                "bandwidth" => bandwidth(rest, false)?,
                "bandwidth-transitive" => bandwidth(rest, true)?,
                "encap" => Extended::Encapsulation(rest.parse().ok()?),
                "color" => {
                    let (flags, color) = rest.split_once(':')?;
                    Extended::Color { flags: flags.parse().ok()?, color: color.parse().ok()? }
                }
                _ => return None,
            };
            Some(extended.into())
        };
        parse().ok_or_else(|| {
            let remedy = "rt:65000:1, ro:192.0.2.1:1, bandwidth:65000:125000000, encap:8, color:0:100 or 0x and 16 hex digits";
            ParseError::new("an extended community", text, remedy)
        })
    }
}

/// An extended community with an IPv6 address as its administrator (RFC 5701).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedCommunityIpv6 {
    /// The type; the bit `0x40` of the first octet says "not transitive".
    pub kind: [u8; 2],
    /// The administrator.
    pub admin: Ipv6Addr,
    /// The number.
    pub number: u16,
}

fixed!(
    ExtendedCommunityIpv6,
    20,
    |o| {
        let ([k, l, admin @ ..], [n, m]) =
            (o.first_chunk::<18>().copied().unwrap_or_default(), [o[18], o[19]]);
        ExtendedCommunityIpv6 { kind: [k, l], admin: admin.into(), number: u16::from_be_bytes([n, m]) }
    },
    |v| {
        let mut octets = [0; 20];
        let parts = v.kind.into_iter().chain(v.admin.octets()).chain(v.number.to_be_bytes());
        octets.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        octets
    }
);

impl fmt::Display for ExtendedCommunityIpv6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            [0, TARGET] => write!(f, "rt:[{}]:{}", self.admin, self.number),
            [0, ORIGIN] => write!(f, "ro:[{}]:{}", self.admin, self.number),
            kind => write!(f, "0x{:04x}:[{}]:{}", u16::from_be_bytes(kind), self.admin, self.number),
        }
    }
}

impl FromStr for ExtendedCommunityIpv6 {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let (kind, rest) = text.split_once(":[")?;
            let (admin, number) = rest.split_once("]:")?;
            let kind = match kind {
                "rt" => [0, TARGET],
                "ro" => [0, ORIGIN],
                hex => u16::from_str_radix(hex.strip_prefix("0x")?, 16).ok()?.to_be_bytes(),
            };
            Some(ExtendedCommunityIpv6 { kind, admin: admin.parse().ok()?, number: number.parse().ok()? })
        };
        parse().ok_or_else(|| {
            ParseError::new("an IPv6 extended community", text, "rt:[2001:db8::1]:100 or ro:[…]:…")
        })
    }
}

macro_rules! debug_as_text {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    )*};
}
debug_as_text!(Community LargeCommunity ExtendedCommunity ExtendedCommunityIpv6);
serde_as_text!(Community, LargeCommunity, ExtendedCommunity, ExtendedCommunityIpv6);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_text_form_comes_back() {
        for text in ["65000:100", "0:0", "no-export", "blackhole", "graceful-shutdown"] {
            assert_eq!(text.parse::<Community>().unwrap().to_string(), text);
        }
        for text in [
            "rt:65000:4000000000",
            "ro:192.0.2.1:7",
            "rt:4200000000:1",
            "rt:65000L:1",
            "bandwidth:65000:125000000",
            "bandwidth-transitive:1:0.5",
            "encap:8",
            "color:0:100",
            "0x8000000000000001",
        ] {
            assert_eq!(text.parse::<ExtendedCommunity>().unwrap().to_string(), text);
        }
        assert_eq!("65000:1:4294967295".parse::<LargeCommunity>().unwrap().to_string(), "65000:1:4294967295");
        assert_eq!(
            "rt:[2001:db8::1]:9".parse::<ExtendedCommunityIpv6>().unwrap().to_string(),
            "rt:[2001:db8::1]:9"
        );
    }

    #[test]
    fn a_wrong_text_names_the_value_and_the_remedy() {
        let error = "65536:1".parse::<Community>().unwrap_err().to_string();
        assert_eq!(
            error,
            "\"65536:1\" is not a community; write 65000:100 (each half up to 65535) or a name like no-export"
        );
        assert!("1:2".parse::<LargeCommunity>().is_err() && "1:2:3:4".parse::<LargeCommunity>().is_err());
        assert!(
            "rt:1".parse::<ExtendedCommunity>().is_err()
                && "bandwidth:1:inf".parse::<ExtendedCommunity>().is_err()
        );
    }
}
