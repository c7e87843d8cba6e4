//! The numbers of the protocol as types: registries with names, AS numbers, router ids, hold times.

use crate::text::{ParseError, serde_as_text};
use core::{fmt, net::Ipv4Addr, str::FromStr};

/// An IANA registry: an integer that keeps any value and knows the names of some.
macro_rules! registry {
    ($(#[$meta:meta])* $name:ident($repr:ty) { $($(#[$doc:meta])* $konst:ident = $value:literal, $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
        pub struct $name(pub $repr);

        impl $name {
            $($(#[$doc])* #[doc = concat!("`", stringify!($value), "`: ", $text, ".")] pub const $konst: Self = Self($value);)*

            /// The registered name, if this crate knows one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => fmt::Display::fmt(&self.0, f),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)?;
                self.name().map_or(Ok(()), |name| write!(f, " {name}"))
            }
        }
    };
}
pub(crate) use registry;

registry! {
    /// The type octet of a message header.
    MessageType(u8) {
        OPEN = 1, "OPEN";
        UPDATE = 2, "UPDATE";
        NOTIFICATION = 3, "NOTIFICATION";
        KEEPALIVE = 4, "KEEPALIVE";
        ROUTE_REFRESH = 5, "ROUTE-REFRESH";
    }
}

registry! {
    /// An address family identifier.
    Afi(u16) {
        IPV4 = 1, "IPv4";
        IPV6 = 2, "IPv6";
        L2VPN = 25, "L2VPN";
        BGP_LS = 16388, "BGP-LS";
    }
}

registry! {
    /// A subsequent address family identifier.
    Safi(u8) {
        UNICAST = 1, "unicast";
        MULTICAST = 2, "multicast";
        LABELLED = 4, "labelled unicast";
        EVPN = 70, "EVPN";
        BGP_LS = 71, "BGP-LS";
        VPN = 128, "VPN";
        ROUTE_TARGET = 132, "route target";
        FLOWSPEC = 133, "flow specification";
    }
}

registry! {
    /// The code of a capability (RFC 5492).
    CapabilityCode(u8) {
        MULTIPROTOCOL = 1, "multiprotocol";
        ROUTE_REFRESH = 2, "route refresh";
        EXTENDED_NEXT_HOP = 5, "extended next hop";
        EXTENDED_MESSAGE = 6, "extended message";
        ROLE = 9, "role";
        GRACEFUL_RESTART = 64, "graceful restart";
        FOUR_OCTET_AS = 65, "4-octet AS";
        ADD_PATH = 69, "ADD-PATH";
        ENHANCED_ROUTE_REFRESH = 70, "enhanced route refresh";
        LONG_LIVED_GRACEFUL_RESTART = 71, "long-lived graceful restart";
        FQDN = 73, "FQDN";
        SOFTWARE_VERSION = 75, "software version";
    }
}

registry! {
    /// The value of ORIGIN: how the announcing AS came to know the prefix.
    Origin(u8) {
        IGP = 0, "IGP";
        EGP = 1, "EGP";
        INCOMPLETE = 2, "incomplete";
    }
}

impl FromStr for Origin {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let known = [Origin::IGP, Origin::EGP, Origin::INCOMPLETE];
        let named = |o: &Origin| o.name().is_some_and(|name| name.eq_ignore_ascii_case(text));
        known
            .into_iter()
            .find(named)
            .ok_or_else(|| ParseError::new("an origin", text, "igp, egp or incomplete"))
    }
}

registry! {
    /// A BGP role as its sender sees itself (RFC 9234).
    Role(u8) {
        PROVIDER = 0, "provider";
        ROUTE_SERVER = 1, "route-server";
        ROUTE_SERVER_CLIENT = 2, "route-server-client";
        CUSTOMER = 3, "customer";
        PEER = 4, "peer";
    }
}

impl Role {
    /// The one role that the other side may have (RFC 9234 §4.2, table 2).
    pub const fn counterpart(self) -> Option<Role> {
        match self {
            Role::PROVIDER => Some(Role::CUSTOMER),
            Role::CUSTOMER => Some(Role::PROVIDER),
            Role::ROUTE_SERVER => Some(Role::ROUTE_SERVER_CLIENT),
            Role::ROUTE_SERVER_CLIENT => Some(Role::ROUTE_SERVER),
            Role::PEER => Some(Role::PEER),
            _ => None,
        }
    }
}

impl FromStr for Role {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let known =
            [Role::PROVIDER, Role::ROUTE_SERVER, Role::ROUTE_SERVER_CLIENT, Role::CUSTOMER, Role::PEER];
        known.into_iter().find(|r| r.name() == Some(text)).ok_or_else(|| {
            ParseError::new(
                "a BGP role",
                text,
                "provider, customer, peer, route-server or route-server-client",
            )
        })
    }
}

/// An autonomous system number, four octets wide (RFC 6793).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Asn(pub u32);

impl Asn {
    /// AS_TRANS: stands for a number that does not fit two octets (RFC 6793).
    pub const TRANS: Asn = Asn(23456);

    /// The number in two octets, or AS_TRANS where it does not fit.
    pub const fn two_octets(self) -> u16 {
        if self.0 <= 0xffff { self.0 as u16 } else { Asn::TRANS.0 as u16 }
    }

    /// Whether the number is reserved for private use (RFC 6996).
    pub const fn is_private(self) -> bool {
        matches!(self.0, 64512..=65534 | 4_200_000_000..=4_294_967_294)
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Asn {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let plain = || text.parse().ok();
        let dotted = || {
            let (high, low) = text.split_once('.')?;
            Some(u32::from(high.parse::<u16>().ok()?) << 16 | u32::from(low.parse::<u16>().ok()?))
        };
        let number: Option<u32> = plain().or_else(dotted);
        number
            .map(Asn)
            .ok_or_else(|| ParseError::new("an AS number", text, "0 to 4294967295, or two halves as 1.10"))
    }
}

/// A BGP identifier: four octets, not zero, written like an IPv4 address (RFC 6286).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouterId(u32);

impl RouterId {
    /// An identifier, unless the number is zero, which no speaker may have.
    pub const fn new(number: u32) -> Option<RouterId> {
        if number == 0 { None } else { Some(RouterId(number)) }
    }

    /// The identifier as an integer, which is how collisions compare it.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Ipv4Addr::from_bits(self.0), f)
    }
}

impl FromStr for RouterId {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let number = text.parse::<Ipv4Addr>().ok().and_then(|a| RouterId::new(a.to_bits()));
        number.ok_or_else(|| ParseError::new("a router id", text, "four octets like 192.0.2.1, not 0.0.0.0"))
    }
}

serde_as_text!(RouterId);

/// A hold time in seconds: off, or at least three (RFC 4271 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "u16", into = "u16")
)]
pub struct HoldTime(u16);

impl HoldTime {
    /// No keepalives and no expiry.
    pub const OFF: HoldTime = HoldTime(0);

    /// A hold time, unless it is one or two seconds.
    pub const fn new(seconds: u16) -> Option<HoldTime> {
        if seconds == 1 || seconds == 2 { None } else { Some(HoldTime(seconds)) }
    }

    /// The seconds; zero means off.
    pub const fn seconds(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for HoldTime {
    type Error = &'static str;
    fn try_from(seconds: u16) -> Result<Self, Self::Error> {
        HoldTime::new(seconds).ok_or("a hold time is 0 (off) or at least 3 seconds")
    }
}

impl From<HoldTime> for u16 {
    fn from(time: HoldTime) -> u16 {
        time.0
    }
}

impl fmt::Display for HoldTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.pad("off") } else { write!(f, "{}s", self.0) }
    }
}
