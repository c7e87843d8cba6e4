//! What the kernel says, read where it stands.

use super::numbers::{self as n, flag, kind, route};
use crate::fib::{
    Buckets, Event, Gateway, KernelRoute, Kind, Path, Paths,
    resolve::{Link, Object},
};
use ipnet::IpNet;
use std::net::IpAddr;

/// One message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    /// The number of the request that it answers.
    pub(super) number: u32,
    body: &'a [u8],
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|octets| u16::from_ne_bytes(*octets))
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|octets| u32::from_ne_bytes(*octets))
}

/// The first piece of octets that begin with their length, without its first `head` octets; what is behind stays.
fn piece<'a>(octets: &mut &'a [u8], len: usize, head: usize) -> Option<&'a [u8]> {
    let piece = octets.get(head..len)?;
    *octets = octets.get(len.next_multiple_of(4)..).unwrap_or_default();
    Some(piece)
}

/// The messages of a datagram.
pub(super) fn messages(mut octets: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let len = u32_at(octets, 0)? as usize;
        let (kind, flags, number) = (u16_at(octets, 4)?, u16_at(octets, 6)?, u32_at(octets, 8)?);
        let body = piece(&mut octets, len, 16)?;
        Some(Message { kind, flags, number, body })
    })
}

/// Attributes: their numbers and values.
fn attributes(mut octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (len, kind) = (u16_at(octets, 0)?, u16_at(octets, 2)?);
        // The highest bits say how the value is built.
        piece(&mut octets, len.into(), 4).map(|value| (kind & 0x3fff, value))
    })
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => octets.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
        16 => octets.first_chunk::<16>().map(|octets| IpAddr::from(*octets)),
        _ => None,
    }
}

/// Why the kernel refused a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The number of the request.
    pub(super) number: u32,
    /// As the system names it.
    pub(super) error: i32,
    /// In words, where the kernel has any.
    pub(super) words: Option<String>,
}

impl<'a> Message<'a> {
    /// How a request ended; `None`: this is no such message. No error: well.
    pub(super) fn ending(&self) -> Option<Refusal> {
        let error = u32_at(self.body, 0).map_or(0, |error| (error as i32).saturating_neg());
        match self.kind {
            n::DONE => Some(Refusal { number: self.number, error, words: None }),
            n::ERROR => {
                let head = if self.flags & flag::CAPPED != 0 { 16 } else { u32_at(self.body, 4)? as usize };
                let rest = self.body.get(4 + head.next_multiple_of(4)..);
                let rest = rest.filter(|_| self.flags & flag::ATTRIBUTES != 0).unwrap_or_default();
                let words = attributes(rest)
                    .find(|(kind, _)| *kind == n::WHY)
                    .map(|(_, words)| String::from_utf8_lossy(words).trim_end_matches('\0').to_owned());
                Some(Refusal { number: self.number, error, words })
            }
            _ => None,
        }
    }

    /// Whether the kernel changed while it told all there is: it may have left something out.
    pub(super) fn is_interrupted(&self) -> bool {
        self.flags & flag::DUMP_INTERRUPTED != 0
    }

    /// What it tells of, if that is of interest.
    pub(super) fn event(&self) -> Option<Event> {
        match self.kind {
            n::NEW_LINK | n::DELETE_LINK => self.link(),
            n::NEW_ADDRESS | n::DELETE_ADDRESS => self.address(),
            n::NEW_OBJECT | n::DELETE_OBJECT => self.object(),
            n::NEW_ROUTE | n::DELETE_ROUTE => {
                let (there, replaces) = (self.kind == n::NEW_ROUTE, self.flags & flag::REPLACE != 0);
                Some(Event::Route { route: self.route()?, there, replaces })
            }
            _ => None,
        }
    }

    fn split(&self, head: usize) -> Option<(&'a [u8], &'a [u8])> {
        self.body.split_at_checked(head)
    }

    fn link(&self) -> Option<Event> {
        let (head, rest) = self.split(16)?;
        let (device, flags) = (u32_at(head, 4)?, u32_at(head, 8)?);
        // A bridge tells of its ports with its own family, and of their leaving it as if they were gone.
        if head[0] != 0 {
            return None;
        }
        let name = || attributes(rest).find(|(kind, _)| *kind == n::LINK_NAME).map(|(_, name)| name);
        let link = match self.kind {
            n::NEW_LINK => {
                let enabled = flags & n::LINK_ENABLED != 0;
                let up = enabled && flags & (n::LINK_RUNNING | n::LINK_CARRIER) != 0;
                let name = String::from_utf8_lossy(name()?).trim_end_matches('\0').into();
                Some(Link { name, enabled, up })
            }
            _ => None,
        };
        Some(Event::Link(device, link))
    }

    fn address(&self) -> Option<Event> {
        let (head, rest) = self.split(8)?;
        let device = u32_at(head, 4)?;
        let of =
            |wanted| attributes(rest).find(|(kind, _)| *kind == wanted).and_then(|(_, value)| address(value));
        let own = of(n::OWN_ADDRESS).or_else(|| of(n::ADDRESS))?;
        let net = IpNet::new(own, head[1]).ok()?;
        Some(Event::Address { net, device, there: self.kind == n::NEW_ADDRESS })
    }

    fn object(&self) -> Option<Event> {
        let (head, rest) = self.split(8)?;
        let (protocol, onlink) = (head[2], u32_at(head, 4)? & u32::from(route::ONLINK) != 0);
        let (mut id, mut object, mut gateway) = (None, None, Gateway { via: None, device: 0, onlink });
        let mut buckets = None;
        for (kind, value) in attributes(rest) {
            match kind {
                n::object::RESILIENT => buckets = read_buckets(value),
                n::object::ID => id = u32_at(value, 0),
                n::object::BLACKHOLE => object = Some(Object::Discard),
                n::object::DEVICE => gateway.device = u32_at(value, 0)?,
                n::object::GATEWAY => gateway.via = address(value),
                n::object::GROUP => {
                    let member =
                        |octets: &[u8; 8]| (u32_at(octets, 0).unwrap_or_default(), u16::from(octets[4]) + 1);
                    object = Some(Object::Group(value.as_chunks().0.iter().map(member).collect(), None));
                }
                _ => {}
            }
        }
        if let Some(Object::Group(_, of)) = &mut object {
            *of = buckets;
        }
        let object = (self.kind == n::NEW_OBJECT).then(|| object.unwrap_or(Object::Single(gateway)));
        Some(Event::Object { id: id?, protocol, object })
    }

    fn route(&self) -> Option<KernelRoute> {
        let (head, rest) = self.split(12)?;
        let &[family, len, source_len, tos, table, protocol, _, kind, ref flags @ ..] = head else {
            return None;
        };
        let flags = u32_at(flags, 0)?;
        let mut to = match family {
            n::INET => IpAddr::from([0; 4]),
            n::INET_6 => IpAddr::from([0; 16]),
            _ => return None,
        };
        if flags & route::CLONED != 0 {
            return None;
        }
        let kind = match kind {
            // Routes for some packets to a prefix only.
            _ if tos != 0 || source_len != 0 => Kind::Other,
            kind::UNICAST => Kind::Unicast,
            kind::BLACKHOLE | kind::UNREACHABLE | kind::PROHIBIT => Kind::Discard,
            _ => Kind::Other,
        };
        let (mut table, mut metric, mut source) = (u32::from(table), 0, None);
        let (mut object, mut many) = (None, None);
        let mut gateway = Gateway { via: None, device: 0, onlink: flags & u32::from(route::ONLINK) != 0 };
        for (kind, value) in attributes(rest) {
            match kind {
                route::DST => to = address(value)?,
                route::TABLE => table = u32_at(value, 0)?,
                route::METRIC => metric = u32_at(value, 0)?,
                route::SOURCE => source = address(value),
                route::OBJECT => object = u32_at(value, 0),
                route::MULTIPATH => many = Some(paths(value)),
                _ => read_gateway(kind, value, &mut gateway),
            }
        }
        let paths = match (object, many) {
            (Some(id), _) => Paths::Object(id),
            (None, Some(many)) => many.into(),
            (None, None) if gateway.device != 0 && kind != Kind::Discard => Paths::One(gateway.into()),
            _ => Paths::None,
        };
        let net = IpNet::new(to, len).ok()?;
        Some(KernelRoute { net, table, protocol, metric, kind, paths, source })
    }
}

/// What a group is made with that keeps flows where they are.
fn read_buckets(octets: &[u8]) -> Option<Buckets> {
    let of = |wanted| attributes(octets).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    let number = |wanted| of(wanted).and_then(|value| u32_at(value, 0)).unwrap_or_default();
    let count = of(n::resilient::BUCKETS).and_then(|value| u16_at(value, 0))?;
    Some(Buckets { count, idle: number(n::resilient::IDLE), unbalanced: number(n::resilient::UNBALANCED) })
}

fn read_gateway(kind: u16, value: &[u8], gateway: &mut Gateway) {
    match kind {
        route::DEVICE => gateway.device = u32_at(value, 0).unwrap_or_default(),
        route::GATEWAY => gateway.via = address(value),
        route::VIA => gateway.via = value.get(2..).and_then(address),
        _ => {}
    }
}

/// The gateways of a route that has several.
fn paths(mut octets: &[u8]) -> Vec<Path> {
    let mut paths = Vec::new();
    while let (Some(len), Some(device)) = (u16_at(octets, 0), u32_at(octets, 4)) {
        let (flags, weight) = (octets[2], u16::from(octets[3]) + 1);
        let Some(rest) = piece(&mut octets, len.into(), 8) else { break };
        let mut gateway = Gateway { via: None, device, onlink: flags & route::ONLINK != 0 };
        attributes(rest).for_each(|(kind, value)| read_gateway(kind, value, &mut gateway));
        paths.push(Path { gateway, weight });
    }
    paths
}
