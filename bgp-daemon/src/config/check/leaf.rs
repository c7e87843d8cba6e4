//! Leaves: a text each, what it means, and what to say where it means nothing.

use crate::{
    config::{Distance, KernelRoutes, Password, duration::Lasting},
    policy::{Wrong, number, standard::path::RemovePrivate},
};
use bgp_proto::{
    attr::{next_hop::NextHop, table::AttributeCode},
    family::Family,
    numbers::{Asn, HoldTime, Origin, Role, RouterId},
};
use ipnet::IpNet;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU8,
    path::PathBuf,
    time::Duration,
};

type Leaf<T> = Result<T, Wrong>;

pub(super) fn yes(text: &str) -> Leaf<bool> {
    text.parse().map_err(|_| Wrong::new(text, "is neither true nor false", "true or false"))
}

/// A number of a range.
pub(super) fn whole(text: &str, from: u32, to: u32) -> Leaf<u32> {
    let inside = number(text).filter(|number| (from..=to).contains(number));
    inside.ok_or_else(|| Wrong::new(text, "is not a number that fits", format_args!("{from} to {to}")))
}

pub(super) fn octet(text: &str, from: u8) -> Leaf<u8> {
    // It fits: the range says so.
    whole(text, from.into(), u8::MAX.into()).map(|number| number as u8)
}

/// Several AS numbers are nobody's: 0 (RFC 7607), AS_TRANS (RFC 6793) and the last of each width (RFC 7300).
pub(super) fn asn(text: &str) -> Leaf<Asn> {
    let asn: Asn = text.parse().map_err(|_| {
        Wrong::new(text, "is not an AS number", "1 to 4294967294, or two halves in quotes as \"1.10\"")
    })?;
    match asn.0 {
        0 | 23456 | 65535 | u32::MAX => Err(Wrong::new(
            text,
            "is reserved, and no network's AS number",
            "the AS number that you were given",
        )),
        _ => Ok(asn),
    }
}

pub(super) fn router_id(text: &str) -> Leaf<RouterId> {
    text.parse()
        .map_err(|_| Wrong::new(text, "is no router id", "four octets like \"192.0.2.1\", not 0.0.0.0"))
}

pub(super) fn cluster_id(text: &str) -> Leaf<u32> {
    let id = text.parse().ok().map(Ipv4Addr::to_bits).filter(|id| *id != 0);
    id.ok_or_else(|| Wrong::new(text, "is no cluster id", "four octets like \"192.0.2.1\", not 0.0.0.0"))
}

/// Where sockets listen.
pub(super) fn listen(text: &str) -> Leaf<SocketAddr> {
    let with_port = |_| match text.parse::<IpAddr>() {
        Ok(address) => Wrong::new(text, "has no port", format_args!("\"{}\"", SocketAddr::new(address, 179))),
        Err(_) => {
            Wrong::new(text, "is not an address with a port", "one like \"0.0.0.0:179\" or \"[::]:179\"")
        }
    };
    let address: SocketAddr = text.parse().map_err(with_port)?;
    match address.port() {
        0 => Err(Wrong::new(text, "has port 0, which no peer could connect to", "a port of 1 to 65535")),
        _ => Ok(address),
    }
}

/// A machine's address, loopback ones included.
pub(super) fn address(text: &str) -> Leaf<IpAddr> {
    let address: IpAddr = text.parse().map_err(|_| match text.split_once('%') {
        Some((address, interface)) if address.parse::<IpAddr>().is_ok() => {
            let remedy = format_args!("\"{address}\", and interface = \"{interface}\"").to_string();
            Wrong::new(text, "names an interface, which is a key of its own", remedy)
        }
        _ => Wrong::new(text, "is not an address", "one like \"192.0.2.1\" or \"2001:db8::1\""),
    })?;
    if let IpAddr::V6(v6) = address
        && let Some(mapped) = v6.to_ipv4_mapped()
    {
        return Err(Wrong::new(text, "is an IPv4 address in disguise", format_args!("\"{mapped}\"")));
    }
    let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    if address.is_unspecified() || address.is_multicast() || broadcast {
        return Err(Wrong::new(text, "is no machine's address", "one like \"192.0.2.1\" or \"2001:db8::1\""));
    }
    Ok(address)
}

fn host(text: &str) -> Option<NextHop> {
    text.parse().ok().map(|address: IpAddr| NextHop::from(address)).filter(|hop| hop.is_host())
}

/// An address that packets can be sent to.
pub(super) fn next_hop(text: &str) -> Leaf<NextHop> {
    host(text).ok_or_else(|| {
        Wrong::new(text, "is no next hop", "self, unchanged, or the address of a router like \"192.0.2.1\"")
    })
}

/// The address of a route of ours; `discard` is read before.
pub(super) fn route_next_hop(text: &str) -> Leaf<NextHop> {
    let remedy = "\"discard\", or the address of a router like \"192.0.2.1\"";
    host(text).ok_or_else(|| Wrong::new(text, "is no next hop", remedy))
}

/// An address of ours that others can send packets to.
pub(super) fn own_address(text: &str) -> Leaf<NextHop> {
    let remedy = "an address of this machine like \"192.0.2.1\"";
    host(text).ok_or_else(|| Wrong::new(text, "is no address that others can send to", remedy))
}

/// A name that Linux takes (`dev_valid_name`).
pub(super) fn interface(text: &str) -> Leaf<Box<str>> {
    let fits = (1..=15).contains(&text.len()) && text != "." && text != "..";
    let odd = |c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control();
    match fits && !text.contains(odd) {
        true => Ok(text.into()),
        false => Err(Wrong::new(
            text,
            "is no interface's name",
            "one like \"eth1\": 1 to 15 octets without blanks, slashes and colons",
        )),
    }
}

pub(super) fn prefix(text: &str) -> Leaf<IpNet> {
    let net: IpNet = text.parse().map_err(|_| match text.parse::<IpAddr>() {
        Ok(address) => Wrong::new(text, "has no length", format_args!("\"{}\"", IpNet::from(address))),
        Err(_) => Wrong::new(text, "is not a prefix", "one like \"192.0.2.0/24\" or \"2001:db8::/32\""),
    })?;
    match net.trunc() {
        same if same == net => Ok(net),
        meant => Err(Wrong::new(text, "has bits set behind its length", format_args!("\"{meant}\""))),
    }
}

pub(super) fn family(text: &str) -> Leaf<Family> {
    let carried = [Family::IPV4, Family::IPV6].into_iter().find(|family| family.name() == Some(text));
    carried.ok_or_else(|| Wrong::new(text, "is not a family that is carried here", "ipv4 or ipv6"))
}

pub(super) fn role(text: &str) -> Leaf<Role> {
    let remedy = "provider, customer, peer, route-server or route-server-client";
    text.parse().map_err(|_| Wrong::new(text, "is no role", remedy))
}

pub(super) fn origin(text: &str) -> Leaf<Origin> {
    text.parse().map_err(|_| Wrong::new(text, "is not an origin", "igp, egp or incomplete"))
}

pub(super) fn lasting(text: &str) -> Leaf<Duration> {
    text.parse().map(|Lasting(time)| time)
}

/// A time as the kernel counts it: up to a year, of which there are hundredths of a second.
pub(super) fn hundredths(text: &str) -> Leaf<Duration> {
    const MOST: Duration = Duration::from_secs(365 * 86_400);
    let time = lasting(text)?;
    if time <= MOST && time.subsec_millis().is_multiple_of(10) {
        return Ok(time);
    }
    Err(Wrong::new(text, "is not allowed", "hundredths of a second, like \"500ms\", at most \"365d\""))
}

/// A time of whole seconds, as messages carry them.
fn seconds(text: &str, most: u16) -> Leaf<u16> {
    let time = lasting(text)?;
    let seconds =
        u16::try_from(time.as_secs()).ok().filter(|seconds| time.subsec_nanos() == 0 && *seconds <= most);
    seconds
        .ok_or_else(|| Wrong::new(text, "is not allowed", format_args!("whole seconds, at most \"{most}s\"")))
}

pub(super) fn hold(text: &str) -> Leaf<HoldTime> {
    let remedy = "\"0s\" (off) or at least \"3s\"";
    HoldTime::new(seconds(text, u16::MAX)?).ok_or_else(|| Wrong::new(text, "is not allowed", remedy))
}

/// RFC 4724 §3: twelve bits of seconds.
pub(super) fn restart_time(text: &str) -> Leaf<Duration> {
    seconds(text, 4095).map(|seconds| Duration::from_secs(seconds.into()))
}

/// Less than ten milliseconds no ordinary machine keeps up.
pub(super) fn bfd_interval(text: &str) -> Leaf<Duration> {
    let time = lasting(text)?;
    match (10..=60_000).contains(&time.as_millis()) {
        true => Ok(time),
        false => Err(Wrong::new(text, "is not allowed", "\"10ms\" to \"60s\"")),
    }
}

/// With one, a single lost packet would be a broken path.
pub(super) fn bfd_multiplier(text: &str) -> Leaf<NonZeroU8> {
    octet(text, 2).map(|octet| NonZeroU8::new(octet).unwrap_or(NonZeroU8::MIN))
}

pub(super) fn at_least_a_second(text: &str) -> Leaf<Duration> {
    let time = lasting(text)?;
    match time >= Duration::from_secs(1) {
        true => Ok(time),
        false => Err(Wrong::new(text, "is too short", "at least \"1s\"")),
    }
}

/// A text that is shown to people.
pub(super) fn line(text: &str, most: usize) -> Leaf<Box<str>> {
    if text.chars().any(char::is_control) {
        return Err(Wrong::new(text, "has line breaks or control characters", "one line of text"));
    }
    match text.len() <= most {
        true => Ok(text.into()),
        false => {
            let problem = format_args!("has {} octets", text.len()).to_string();
            Err(Wrong::new(text, problem, format_args!("at most {most}")))
        }
    }
}

/// RFC 9003: at most 255 octets.
pub(super) fn shutdown(text: &str) -> Leaf<Option<Box<str>>> {
    match text {
        "false" => Ok(None),
        "true" => Ok(Some("".into())),
        _ => line(text, 255).map(Some),
    }
}

/// A key is never shown.
pub(super) fn password(text: &str, whose: impl fmt::Display) -> Leaf<Password> {
    Password::new(text).ok_or_else(|| {
        let (octets, most) = (text.len(), Password::MAX);
        Wrong(format!("{whose} has {octets} octets; write 1 to {most}"))
    })
}

pub(super) fn add_path(text: &str) -> Leaf<bool> {
    match text {
        "receive" => Ok(true),
        "off" => Ok(false),
        _ => Err(Wrong::new(text, "is no direction that is supported", "receive or off")),
    }
}

pub(super) fn remove_private(text: &str) -> Leaf<Option<RemovePrivate>> {
    match text {
        "none" => Ok(None),
        "leading" => Ok(Some(RemovePrivate::Leading)),
        "all" => Ok(Some(RemovePrivate::All)),
        "replace" => Ok(Some(RemovePrivate::Replace)),
        _ => Err(Wrong::new(text, "does not say which private ASes", "leading, all, replace or none")),
    }
}

/// By number, or by its registered name in any case.
pub(super) fn attribute(text: &str) -> Leaf<AttributeCode> {
    let plain = |name: &str| name.to_lowercase().replace(['-', ' '], "_");
    let named = |code: &AttributeCode| code.name().is_some_and(|name| plain(name) == plain(text));
    let numbered = number(text).and_then(|code| u8::try_from(code).ok()).map(AttributeCode);
    let code = numbered.or_else(|| (0..=u8::MAX).map(AttributeCode).find(named));
    code.ok_or_else(|| {
        Wrong::new(text, "is no attribute", "a name like \"LARGE_COMMUNITY\", or a number of 0 to 255")
    })
}

pub(super) fn kernel_routes(text: &str) -> Leaf<KernelRoutes> {
    match text {
        "connected" => Ok(KernelRoutes::Connected),
        "static" => Ok(KernelRoutes::Static),
        _ => {
            let protocol =
                number(text).and_then(|number| u8::try_from(number).ok()).map(KernelRoutes::Protocol);
            let remedy = "connected, static, or a protocol number of 0 to 255";
            protocol.ok_or_else(|| Wrong::new(text, "names no routes of the kernel", remedy))
        }
    }
}

/// A table's number. 255 holds the machine's own addresses.
pub(super) fn table(text: &str) -> Leaf<u32> {
    let number = match text {
        "main" => Some(254),
        _ => number(text).filter(|number| *number != 0),
    };
    match number {
        Some(255) => Err(Wrong::new(
            text,
            "is the kernel's table of the machine's own addresses",
            "\"main\" or another number",
        )),
        Some(number) => Ok(number),
        None => Err(Wrong::new(text, "is no table", "\"main\" or a number of 1 to 4294967295")),
    }
}

/// Whose routes the kernel makes itself or an operator makes by hand: we would take them for ours and sweep them.
pub(super) fn protocol(text: &str) -> Leaf<u8> {
    match octet(text, 0)? {
        number @ 0..=4 => {
            let whose = ["nobody", "redirects", "the kernel", "the boot", "operators"];
            let whose = whose.get(usize::from(number)).copied().unwrap_or_default();
            let problem = format!("marks routes of {whose}, which would be taken for ours and removed");
            Err(Wrong::new(text, problem, "a number of 5 to 255 that nobody else uses, like 179"))
        }
        number => Ok(number),
    }
}

/// A path that a unix socket can have.
pub(super) fn socket(text: &str) -> Leaf<PathBuf> {
    match text.starts_with('/') && text.len() <= 107 && !text.ends_with('/') && !text.contains('\0') {
        true => Ok(text.into()),
        false => Err(Wrong::new(
            text,
            "is no path of a socket",
            "a whole path like \"/run/bgp-daemon/api.sock\", at most 107 octets",
        )),
    }
}

/// Who may use a file, in octal digits as `chmod` takes them.
pub(super) fn mode(text: &str) -> Leaf<u32> {
    let digits = text.len() == 4 && text.starts_with('0') && text.bytes().all(|digit| digit.is_ascii_digit());
    u32::from_str_radix(text, 8).ok().filter(|_| digits).ok_or_else(|| {
        Wrong::new(text, "is no mode of a file", "one in quotes like \"0660\", for the owner and its group")
    })
}

/// How far away: what `ttl_security` and `multihop` say together.
pub(super) fn distance(ttl_security: Option<bool>, multihop: Option<u8>) -> Option<Distance> {
    match (ttl_security, multihop) {
        (_, Some(hops)) => Some(Distance::Multihop(hops)),
        (Some(true), None) => Some(Distance::Secured),
        (Some(false), None) => Some(Distance::Adjacent),
        (None, None) => None,
    }
}
