//! Leaves: from a text to a value, or what is wrong with it and what to write.

use super::Wrong;
use crate::{
    crd::Text,
    object::Name,
    wish::{NextHop, TaintMatch},
};
use bgp_proto::{
    family::Family,
    numbers::{Asn, HoldTime},
    session::RemoteAs,
};
use ipnet::IpNet;
use std::{
    fmt::Display,
    net::{IpAddr, Ipv6Addr},
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

type Leaf<T> = Result<T, Wrong>;

fn wrong<T>(problem: impl Display, remedy: impl Display) -> Leaf<T> {
    Err(Wrong { problem: problem.to_string(), remedy: remedy.to_string() })
}

pub(super) fn flag(text: &Text) -> Leaf<bool> {
    match text {
        Text::Flag(flag) => Ok(*flag),
        Text::Word(_) | Text::Number(_) => {
            wrong("is neither true nor false", "true or false, without quotes")
        }
    }
}

/// A whole number, within bounds.
pub(super) fn number<T: TryFrom<i64>>(bounds: RangeInclusive<i64>) -> impl Fn(&Text) -> Leaf<T> {
    move |text| {
        let within = match text {
            Text::Number(number) if bounds.contains(number) => T::try_from(*number).ok(),
            _ => None,
        };
        let remedy = format!("a number from {} to {}", bounds.start(), bounds.end());
        within.map_or_else(|| wrong("is not allowed", remedy), Ok)
    }
}

/// One of several words.
pub(super) fn word<T: Copy>(words: &[(T, &str)]) -> impl Fn(&Text) -> Leaf<T> {
    move |text| {
        let text = text.to_string();
        let found = words.iter().find(|(_, word)| *word == text).map(|(value, _)| *value);
        let all: Vec<_> = words.iter().map(|(_, word)| *word).collect();
        found.map_or_else(|| wrong("is not allowed", format!("one of {}", all.join(", "))), Ok)
    }
}

pub(super) fn local_asn(text: &Text) -> Leaf<Asn> {
    number(1..=i64::from(u32::MAX))(text).map(Asn)
}

pub(super) fn asn(text: &Text) -> Leaf<RemoteAs> {
    match text {
        Text::Word(word) if word == "internal" => Ok(RemoteAs::Internal),
        Text::Word(word) if word == "external" => Ok(RemoteAs::External),
        Text::Number(number) if (1..=i64::from(u32::MAX)).contains(number) => {
            // Compared just now.
            Ok(RemoteAs::Fixed(Asn(*number as u32)))
        }
        _ => wrong("is no AS that a peer can be in", "a number from 1 to 4294967295, internal or external"),
    }
}

/// A length of time: a number and `ms`, `s`, `m` or `h`.
pub(super) fn duration(text: &Text) -> Leaf<Duration> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let text = text.to_string();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let unit = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, length)| *length);
    let length = digits.parse::<u64>().ok().zip(unit).and_then(|(n, unit)| n.checked_mul(unit));
    length.map_or_else(
        || wrong("is no length of time", "a number with ms, s, m or h, like 90s"),
        |milliseconds| Ok(Duration::from_millis(milliseconds)),
    )
}

pub(super) fn hold(text: &Text) -> Leaf<HoldTime> {
    let length = duration(text)?;
    let seconds = u16::try_from(length.as_secs()).ok().filter(|_| length.subsec_millis() == 0);
    seconds
        .and_then(|seconds| if seconds == 0 { Some(HoldTime::OFF) } else { HoldTime::new(seconds) })
        .map_or_else(|| wrong("is not allowed", "0s (off), or 3s to 65535s"), Ok)
}

/// Seconds as the capability holds them, 12 bits; none: off.
pub(super) fn restart_time(text: &Text) -> Leaf<Option<Duration>> {
    let length = duration(text)?;
    if length > Duration::from_secs(4095) || length.subsec_millis() != 0 {
        return wrong("is not allowed", "0s (off) to 4095s, in whole seconds");
    }
    Ok(Some(length).filter(|length| !length.is_zero()))
}

pub(super) fn connect_retry(text: &Text) -> Leaf<Duration> {
    let length = duration(text)?;
    let bounds = Duration::from_millis(100)..=Duration::from_secs(3600);
    if bounds.contains(&length) { Ok(length) } else { wrong("is not allowed", "100ms to 1h") }
}

pub(super) fn bfd_interval(text: &Text) -> Leaf<Duration> {
    let length = duration(text)?;
    let bounds = Duration::from_millis(10)..=Duration::from_secs(60);
    if bounds.contains(&length) { Ok(length) } else { wrong("is not allowed", "10ms to 60s") }
}

/// The name of an object.
pub(super) fn name(text: &Text) -> Leaf<Name> {
    let text = text.to_string();
    if text.is_empty() || text.len() > 253 || text.contains(['/', ' ']) {
        return wrong("is no name of an object", "the name alone, like tor");
    }
    Ok(text.into())
}

/// The name of an object of ours, as the API server takes it: it becomes part of other names.
pub(super) fn own_name(text: &Text) -> Leaf<Name> {
    let name = name(text)?;
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !name.chars().all(inside) || !edge(name.chars().next()) || !edge(name.chars().next_back()) {
        return wrong("is not allowed", "small letters, digits, - and . between them");
    }
    Ok(name)
}

/// The key of a label or an annotation.
pub(super) fn key(text: &Text) -> Leaf<Name> {
    let text = text.to_string();
    let (prefix, name) = text.rsplit_once('/').unwrap_or(("", &text));
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let edges = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric());
    let prefix_holds =
        prefix.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c));
    let slash_holds = !text.starts_with('/');
    if !edges
        || !name.chars().all(inside)
        || name.len() > 63
        || prefix.len() > 253
        || !prefix_holds
        || !slash_holds
    {
        return wrong("is no key of a label or an annotation", "a name like example.com/tor");
    }
    Ok(text.into())
}

pub(super) fn interface(text: &Text) -> Leaf<Box<str>> {
    let text = text.to_string();
    if text.is_empty() || text.len() > 15 || text.contains(['/', ' ', ':', '%']) {
        return wrong("is no name of an interface", "one like eth1");
    }
    Ok(text.into())
}

/// A peer's address, with its interface where it is link-local.
pub(super) fn place(text: &Text) -> Leaf<(IpAddr, Option<Box<str>>)> {
    let text = text.to_string();
    let (address, zone) =
        text.split_once('%').map_or((&*text, None), |(address, zone)| (address, Some(zone)));
    let Ok(address) = address.parse::<IpAddr>() else {
        return wrong("is no address", "one like 192.0.2.1 or fe80::1%eth1");
    };
    let link_local = matches!(address, IpAddr::V6(address) if is_link_local(address));
    match zone {
        None if link_local => {
            wrong("is link-local, and on which link is not said", format!("{address}%eth1"))
        }
        Some(_) if !link_local => wrong("is not link-local, so it has no interface", address),
        Some(zone) => Ok((address, Some(interface(&zone.into())?))),
        None if !is_host(address) => wrong("is the address of no host", "the router's own address"),
        None => Ok((address, None)),
    }
}

fn is_link_local(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local()
}

/// An address that one machine can have and others can talk to; the machine itself may be meant.
fn is_host(address: IpAddr) -> bool {
    !address.is_unspecified()
        && !address.is_multicast()
        && !matches!(address, IpAddr::V4(address) if address.is_broadcast())
}

/// An address that a router can send packets to, whatever link it is on.
fn is_forwarded_to(address: IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => is_link_local(address),
    };
    is_host(address) && !address.is_loopback() && !link_local
}

pub(super) fn family(text: &Text) -> Leaf<Family> {
    word(&[(Family::IPV4, "ipv4"), (Family::IPV6, "ipv6")])(text)
}

/// A prefix without host bits.
pub(super) fn cidr(text: &Text) -> Leaf<IpNet> {
    let Ok(prefix) = text.to_string().parse::<IpNet>() else {
        return wrong("is no prefix", "an address and a length, like 203.0.113.0/24");
    };
    if prefix == prefix.trunc() {
        Ok(prefix)
    } else {
        wrong("has bits set behind its length", prefix.trunc())
    }
}

/// A community, of which text forms are the protocol's.
pub(super) fn community<T: FromStr>(remedy: &'static str) -> impl Fn(&Text) -> Leaf<T> {
    move |text| text.to_string().parse().or_else(|_| wrong("is no community", remedy))
}

pub(super) fn next_hop(text: &Text) -> Leaf<NextHop> {
    let text = text.to_string();
    match &*text {
        "self" => return Ok(NextHop::Own),
        "internalIP" => return Ok(NextHop::InternalIp),
        _ => {}
    }
    let (mut ipv4, mut ipv6) = (None, None);
    for word in text.split(',') {
        let taken = match word.trim().parse().ok().filter(|address| is_forwarded_to(*address)) {
            Some(IpAddr::V4(address)) => ipv4.replace(address).is_some(),
            Some(IpAddr::V6(address)) => ipv6.replace(address).is_some(),
            None => {
                let remedy = "self, internalIP, an address, or one of each family with a comma between";
                return wrong("is no next hop", remedy);
            }
        };
        if taken {
            return wrong("has two addresses of one family", "at most one of each");
        }
    }
    Ok(NextHop::Addresses { ipv4, ipv6 })
}

pub(super) fn taint(text: &Text) -> Leaf<TaintMatch> {
    const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    let text = text.to_string();
    let (rest, effect) = text.split_once(':').map_or((&*text, None), |(rest, effect)| (rest, Some(effect)));
    let (name, value) = rest.split_once('=').map_or((rest, None), |(name, value)| (name, Some(value)));
    let known = effect.is_none_or(|effect| EFFECTS.contains(&effect));
    if !known || key(&name.into()).is_err() {
        return wrong(
            "is no taint",
            "a taint's key, key=value or key:effect, like example.com/gone:NoExecute",
        );
    }
    Ok(TaintMatch { key: name.into(), value: value.map(Into::into), effect: effect.map(Into::into) })
}
