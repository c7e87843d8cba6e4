//! Capabilities (RFC 5492): a row each, unknown ones kept as they came.

use super::{Parsed, Short, put_text};
use crate::{
    family::Family,
    numbers::{Afi, Asn, CapabilityCode, Role, Safi, registry},
};
use alloc::vec::Vec;
use core::fmt;
use nom::{
    Parser,
    combinator::all_consuming,
    multi::length_data,
    number::complete::{be_u8, be_u16, be_u24, be_u32},
};

/// What a capability that is a list of families says about one of them. Fixed width on the wire.
pub trait Entry: Copy {
    #[doc(hidden)]
    const LEN: usize;
    #[doc(hidden)]
    fn decode(input: &[u8]) -> Option<Self>;
    #[doc(hidden)]
    fn encode(self, out: &mut Vec<u8>);
}

/// A nom parser over a whole entry, for all entries alike.
fn entry<'a, T>(input: &'a [u8], parser: impl Parser<&'a [u8], Output = T, Error = Short>) -> Option<T> {
    all_consuming(parser).parse(input).ok().map(|(_, entry)| entry)
}

fn family(input: &[u8]) -> Parsed<'_, Family> {
    (be_u16, be_u8).map(|(afi, safi)| Family::new(Afi(afi), Safi(safi))).parse(input)
}

fn put_family(family: Family, out: &mut Vec<u8>) {
    out.extend_from_slice(&family.afi.0.to_be_bytes());
    out.push(family.safi.0);
}

registry! {
    /// What a sender of ADD-PATH can do for a family (RFC 7911 §4). Other values are to be ignored.
    AddPathMode(u8) {
        RECEIVE = 1, "receive";
        SEND = 2, "send";
        BOTH = 3, "send and receive";
    }
}

impl AddPathMode {
    /// Whether the sender of this mode reads several paths.
    pub const fn receives(self) -> bool {
        matches!(self, AddPathMode::RECEIVE | AddPathMode::BOTH)
    }

    /// Whether the sender of this mode sends several paths.
    pub const fn sends(self) -> bool {
        matches!(self, AddPathMode::SEND | AddPathMode::BOTH)
    }
}

/// ADD-PATH for one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AddPathEntry {
    /// The family.
    pub family: Family,
    /// The directions.
    pub mode: AddPathMode,
}

impl Entry for AddPathEntry {
    const LEN: usize = 4;
    fn decode(input: &[u8]) -> Option<Self> {
        entry(input, (family, be_u8).map(|(family, mode)| AddPathEntry { family, mode: AddPathMode(mode) }))
    }
    fn encode(self, out: &mut Vec<u8>) {
        put_family(self.family, out);
        out.push(self.mode.0);
    }
}

/// A family whose next hops may be of another address family (RFC 8950).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ExtendedNextHopEntry {
    /// The family of the prefixes.
    pub family: Family,
    /// The address family of the next hop.
    pub next_hop: Afi,
}

impl Entry for ExtendedNextHopEntry {
    const LEN: usize = 6;
    fn decode(input: &[u8]) -> Option<Self> {
        let make = |(afi, safi, next_hop)| {
            // The SAFI takes two octets here and nowhere else.
            let family = Family::new(Afi(afi), Safi(u8::try_from(safi).ok()?));
            Some(ExtendedNextHopEntry { family, next_hop: Afi(next_hop) })
        };
        entry(input, (be_u16, be_u16, be_u16)).and_then(make)
    }
    fn encode(self, out: &mut Vec<u8>) {
        for half in [self.family.afi.0, u16::from(self.family.safi.0), self.next_hop.0] {
            out.extend_from_slice(&half.to_be_bytes());
        }
    }
}

/// A family that takes part in graceful restart (RFC 4724).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RestartEntry {
    /// The family.
    pub family: Family,
    /// The F bit: the sender kept its forwarding state through the restart.
    pub forwarding: bool,
}

const FORWARDING: u8 = 0x80;

impl Entry for RestartEntry {
    const LEN: usize = 4;
    fn decode(input: &[u8]) -> Option<Self> {
        entry(
            input,
            (family, be_u8)
                .map(|(family, flags)| RestartEntry { family, forwarding: flags & FORWARDING != 0 }),
        )
    }
    fn encode(self, out: &mut Vec<u8>) {
        put_family(self.family, out);
        out.push(if self.forwarding { FORWARDING } else { 0 });
    }
}

/// A family that takes part in long-lived graceful restart (RFC 9494).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LongLivedEntry {
    /// The family.
    pub family: Family,
    /// The F bit: the sender kept its forwarding state through the restart.
    pub forwarding: bool,
    /// For how many seconds stale routes may be kept; 24 bits.
    pub stale_time: u32,
}

impl Entry for LongLivedEntry {
    const LEN: usize = 7;
    fn decode(input: &[u8]) -> Option<Self> {
        let make = |(family, flags, stale_time)| LongLivedEntry {
            family,
            forwarding: flags & FORWARDING != 0,
            stale_time,
        };
        entry(input, (family, be_u8, be_u24).map(make))
    }
    fn encode(self, out: &mut Vec<u8>) {
        put_family(self.family, out);
        let word =
            self.stale_time.min(0xff_ffff) | if self.forwarding { u32::from(FORWARDING) << 24 } else { 0 };
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// A list of entries: a view over whole ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries<'a, T> {
    bytes: &'a [u8],
    kind: core::marker::PhantomData<T>,
}

impl<'a, T: Entry> Entries<'a, T> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        bytes.len().is_multiple_of(T::LEN).then_some(Entries { bytes, kind: core::marker::PhantomData })
    }
}

impl<T: Entry> Iterator for Entries<'_, T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        loop {
            let (entry, rest) = self.bytes.split_at_checked(T::LEN)?;
            self.bytes = rest;
            if let Some(entry) = T::decode(entry) {
                return Some(entry);
            }
        }
    }
}

/// The flags and the time of graceful restart (RFC 4724 §3, N bit of RFC 8538 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RestartFlags {
    /// The R bit: the sender has just restarted.
    pub restarting: bool,
    /// The N bit: a NOTIFICATION other than a Hard Reset keeps the routes too.
    pub notification: bool,
    /// How many seconds the sender needs to come back; 12 bits.
    pub time: u16,
}

impl RestartFlags {
    fn of(word: u16) -> Self {
        RestartFlags { restarting: word & 0x8000 != 0, notification: word & 0x4000 != 0, time: word & 0x0fff }
    }

    fn word(self) -> u16 {
        u16::from(self.restarting) << 15 | u16::from(self.notification) << 14 | self.time.min(0x0fff)
    }
}

/// One capability: a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability<'a> {
    /// A family that the sender wants to exchange (RFC 4760).
    Multiprotocol(Family),
    /// ROUTE-REFRESH is understood (RFC 2918).
    RouteRefresh,
    /// Next hops of another address family (RFC 8950).
    ExtendedNextHop(Entries<'a, ExtendedNextHopEntry>),
    /// Messages of up to 65,535 octets (RFC 8654).
    ExtendedMessage,
    /// The sender's role (RFC 9234).
    Role(Role),
    /// Graceful restart (RFC 4724).
    GracefulRestart(RestartFlags, Entries<'a, RestartEntry>),
    /// The sender's AS number in four octets (RFC 6793).
    FourOctetAs(Asn),
    /// Several paths per prefix (RFC 7911).
    AddPath(Entries<'a, AddPathEntry>),
    /// Marks around a refresh (RFC 7313).
    EnhancedRouteRefresh,
    /// Long-lived graceful restart (RFC 9494).
    LongLivedGracefulRestart(Entries<'a, LongLivedEntry>),
    /// The sender's host and domain name (draft-walton-bgp-hostname-capability), as sent: print them escaped.
    Fqdn {
        /// The host's name.
        host: &'a str,
        /// Its domain.
        domain: &'a str,
    },
    /// The sender's software (draft-abraitis-bgp-version-capability), as sent: print it escaped.
    SoftwareVersion(&'a str),
    /// A capability that this crate does not know, or whose value is not what its code demands.
    Unknown {
        /// The code.
        code: CapabilityCode,
        /// The value.
        value: &'a [u8],
    },
}

fn text(input: &[u8]) -> Parsed<'_, &str> {
    length_data(be_u8).map_opt(|octets| core::str::from_utf8(octets).ok()).parse(input)
}

impl<'a> Capability<'a> {
    /// Reads one capability's value. RFC 5492 knows no malformed capability but one that does not fit its parameter:
    /// a value that is not what the code demands is kept and means nothing.
    pub fn decode(code: CapabilityCode, value: &'a [u8]) -> Capability<'a> {
        Capability::known(code, value).unwrap_or(Capability::Unknown { code, value })
    }

    fn known(code: CapabilityCode, value: &'a [u8]) -> Option<Capability<'a>> {
        let empty = |capability| value.is_empty().then_some(capability);
        match code {
            // The third octet is reserved.
            CapabilityCode::MULTIPROTOCOL => entry(value, (be_u16, be_u8, be_u8))
                .map(|(afi, _, safi)| Capability::Multiprotocol(Family::new(Afi(afi), Safi(safi)))),
            CapabilityCode::ROUTE_REFRESH => empty(Capability::RouteRefresh),
            CapabilityCode::EXTENDED_NEXT_HOP => Entries::new(value).map(Capability::ExtendedNextHop),
            CapabilityCode::EXTENDED_MESSAGE => empty(Capability::ExtendedMessage),
            CapabilityCode::ROLE => entry(value, be_u8).map(|role| Capability::Role(Role(role))),
            CapabilityCode::GRACEFUL_RESTART => {
                let (families, word) = be_u16::<_, Short>(value).ok()?;
                Some(Capability::GracefulRestart(RestartFlags::of(word), Entries::new(families)?))
            }
            CapabilityCode::FOUR_OCTET_AS => {
                entry(value, be_u32).map(|asn| Capability::FourOctetAs(Asn(asn)))
            }
            CapabilityCode::ADD_PATH => Entries::new(value).map(Capability::AddPath),
            CapabilityCode::ENHANCED_ROUTE_REFRESH => empty(Capability::EnhancedRouteRefresh),
            CapabilityCode::LONG_LIVED_GRACEFUL_RESTART => {
                Entries::new(value).map(Capability::LongLivedGracefulRestart)
            }
            CapabilityCode::FQDN => {
                entry(value, (text, text)).map(|(host, domain)| Capability::Fqdn { host, domain })
            }
            CapabilityCode::SOFTWARE_VERSION => entry(value, text).map(Capability::SoftwareVersion),
            _ => None,
        }
    }

    /// The code.
    pub const fn code(&self) -> CapabilityCode {
        match self {
            Capability::Multiprotocol(_) => CapabilityCode::MULTIPROTOCOL,
            Capability::RouteRefresh => CapabilityCode::ROUTE_REFRESH,
            Capability::ExtendedNextHop(_) => CapabilityCode::EXTENDED_NEXT_HOP,
            Capability::ExtendedMessage => CapabilityCode::EXTENDED_MESSAGE,
            Capability::Role(_) => CapabilityCode::ROLE,
            Capability::GracefulRestart(..) => CapabilityCode::GRACEFUL_RESTART,
            Capability::FourOctetAs(_) => CapabilityCode::FOUR_OCTET_AS,
            Capability::AddPath(_) => CapabilityCode::ADD_PATH,
            Capability::EnhancedRouteRefresh => CapabilityCode::ENHANCED_ROUTE_REFRESH,
            Capability::LongLivedGracefulRestart(_) => CapabilityCode::LONG_LIVED_GRACEFUL_RESTART,
            Capability::Fqdn { .. } => CapabilityCode::FQDN,
            Capability::SoftwareVersion(_) => CapabilityCode::SOFTWARE_VERSION,
            Capability::Unknown { code, .. } => *code,
        }
    }

    /// Appends code, length and value.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.code().0);
        let at = out.len();
        out.push(0);
        match self {
            Capability::Multiprotocol(family) => {
                out.extend_from_slice(&family.afi.0.to_be_bytes());
                out.extend_from_slice(&[0, family.safi.0]);
            }
            Capability::RouteRefresh | Capability::ExtendedMessage | Capability::EnhancedRouteRefresh => {}
            Capability::ExtendedNextHop(entries) => out.extend_from_slice(entries.bytes),
            Capability::Role(role) => out.push(role.0),
            Capability::GracefulRestart(flags, entries) => {
                out.extend_from_slice(&flags.word().to_be_bytes());
                out.extend_from_slice(entries.bytes);
            }
            Capability::FourOctetAs(asn) => out.extend_from_slice(&asn.0.to_be_bytes()),
            Capability::AddPath(entries) => out.extend_from_slice(entries.bytes),
            Capability::LongLivedGracefulRestart(entries) => out.extend_from_slice(entries.bytes),
            Capability::Fqdn { host, domain } => {
                put_text(host, 253, out);
                put_text(domain, (at + 255).saturating_sub(out.len()), out);
            }
            Capability::SoftwareVersion(version) => put_text(version, 254, out),
            Capability::Unknown { value, .. } => out.extend_from_slice(value),
        }
        // A capability's value has 255 octets at the most: what an owned one holds beyond is cut off here.
        out.truncate(at + 256);
        let len = (out.len() - at - 1) as u8;
        if let Some(field) = out.get_mut(at) {
            *field = len;
        }
    }

    /// The capability with a copy of its value.
    pub fn to_owned(&self) -> CapabilityBuf {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes.drain(..2);
        CapabilityBuf { code: self.code(), value: bytes }
    }
}

/// One capability that owns its value. Make one from a [`Capability`], or from lists by the functions below.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CapabilityBuf {
    code: CapabilityCode,
    value: Vec<u8>,
}

impl CapabilityBuf {
    /// The capability as a view.
    pub fn view(&self) -> Capability<'_> {
        Capability::decode(self.code, &self.value)
    }

    /// Extended next hop for these families (RFC 8950).
    pub fn extended_next_hop(entries: &[ExtendedNextHopEntry]) -> Self {
        Self::list(CapabilityCode::EXTENDED_NEXT_HOP, Vec::new(), entries)
    }

    /// Graceful restart for these families (RFC 4724).
    pub fn graceful_restart(flags: RestartFlags, entries: &[RestartEntry]) -> Self {
        Self::list(CapabilityCode::GRACEFUL_RESTART, flags.word().to_be_bytes().to_vec(), entries)
    }

    /// ADD-PATH for these families (RFC 7911).
    pub fn add_path(entries: &[AddPathEntry]) -> Self {
        Self::list(CapabilityCode::ADD_PATH, Vec::new(), entries)
    }

    /// Long-lived graceful restart for these families (RFC 9494).
    pub fn long_lived_graceful_restart(entries: &[LongLivedEntry]) -> Self {
        Self::list(CapabilityCode::LONG_LIVED_GRACEFUL_RESTART, Vec::new(), entries)
    }

    fn list<T: Entry>(code: CapabilityCode, mut value: Vec<u8>, entries: &[T]) -> Self {
        // As many whole entries as 255 octets hold: more families than that do not exist.
        let room = (255 - value.len()) / T::LEN;
        entries.iter().take(room).for_each(|entry| entry.encode(&mut value));
        CapabilityBuf { code, value }
    }
}

impl From<Capability<'_>> for CapabilityBuf {
    fn from(capability: Capability<'_>) -> Self {
        capability.to_owned()
    }
}

impl fmt::Debug for CapabilityBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

/// One capability of a parameter's value: code and value.
#[inline]
pub(super) fn raw(input: &[u8]) -> Parsed<'_, (CapabilityCode, &[u8])> {
    (be_u8.map(CapabilityCode), length_data(be_u8)).parse(input)
}

/// The capabilities of an OPEN in the order sent.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities<'a> {
    parameters: &'a [u8],
    extended: bool,
    current: &'a [u8],
}

impl<'a> Capabilities<'a> {
    pub(super) fn new(parameters: &'a [u8], extended: bool) -> Self {
        Capabilities { parameters, extended, current: &[] }
    }

    /// Code and whole octets (code and length included) of each.
    pub(super) fn raw(mut self) -> impl Iterator<Item = (CapabilityCode, &'a [u8])> {
        core::iter::from_fn(move || self.step())
    }

    #[inline]
    fn step(&mut self) -> Option<(CapabilityCode, &'a [u8])> {
        while self.current.is_empty() {
            let (rest, (_, value)) = super::open::parameter(self.parameters, self.extended).ok()?;
            (self.parameters, self.current) = (rest, value);
        }
        let (rest, (code, _)) = raw(self.current).ok()?;
        let whole = self.current.get(..self.current.len() - rest.len())?;
        self.current = rest;
        Some((code, whole))
    }
}

impl<'a> Iterator for Capabilities<'a> {
    type Item = Capability<'a>;
    fn next(&mut self) -> Option<Capability<'a>> {
        let (code, whole) = self.step()?;
        Some(Capability::decode(code, whole.get(2..).unwrap_or_default()))
    }
}

/// A one-line form for logs: the code's name, and what a person asks of it.
impl fmt::Display for Capability<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Capability::Unknown { code, value } => {
                write!(f, "capability {} ({} octets)", code.0, value.len())
            }
            Capability::Multiprotocol(family) => write!(f, "{family}"),
            Capability::Role(role) => write!(f, "role {role}"),
            Capability::FourOctetAs(asn) => write!(f, "4-octet AS {asn}"),
            Capability::GracefulRestart(flags, _) => write!(f, "graceful restart {}s", flags.time),
            Capability::Fqdn { host, domain } => {
                write!(f, "FQDN {}.{}", host.escape_debug(), domain.escape_debug())
            }
            Capability::SoftwareVersion(version) => write!(f, "software {}", version.escape_debug()),
            other => write!(f, "{}", other.code()),
        }
    }
}
