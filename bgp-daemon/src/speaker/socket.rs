//! Sockets: how they listen, dial and sign, and who may be how far away.

#![expect(unsafe_code, reason = "options that socket2 does not know are set and read by libc")]

use crate::config::{Distance, Password};
use ipnet::IpNet;
use libc::{c_int, socklen_t};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, AsRawFd},
    ptr,
};

/// How many connections the kernel holds for us until they are accepted.
const BACKLOG: c_int = 256;
/// CS6, network control.
const CLASS: c_int = 0xc0;
/// What only who is on the same link can send (RFC 5082).
const ADJACENT: c_int = 255;

/// The numbers of the options that each family has under names of its own.
struct Row {
    level: c_int,
    ttl: c_int,
    min_ttl: c_int,
    class: c_int,
    /// Where the TTL is in a packet.
    ttl_at: usize,
}

const fn row(address: IpAddr) -> Row {
    match address {
        IpAddr::V4(_) => Row {
            level: libc::IPPROTO_IP,
            ttl: libc::IP_TTL,
            min_ttl: libc::IP_MINTTL,
            class: libc::IP_TOS,
            ttl_at: 8,
        },
        IpAddr::V6(_) => Row {
            level: libc::IPPROTO_IPV6,
            ttl: libc::IPV6_UNICAST_HOPS,
            min_ttl: libc::IPV6_MINHOPCOUNT,
            class: libc::IPV6_TCLASS,
            ttl_at: 7,
        },
    }
}

/// A socket that listens. It answers with TTL 255, so that a peer may insist on that, and remembers with which TTL
/// others came, so that we may.
pub(super) fn listening(address: SocketAddr) -> io::Result<Socket> {
    let socket = stream(address.ip())?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    let row = row(address.ip());
    set(&socket, row.level, row.ttl, &ADJACENT)?;
    set(&socket, libc::IPPROTO_TCP, libc::TCP_SAVE_SYN, &1)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// A socket that is ready to dial from an address and an interface, where they are given.
pub(super) fn dialling(
    remote: SocketAddr,
    from: Option<IpAddr>,
    interface: Option<&str>,
    distance: Distance,
    password: Option<&Password>,
) -> io::Result<Socket> {
    let socket = stream(remote.ip())?;
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    if let Some(from) = from {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    set_distance(&socket, remote.ip(), distance)?;
    if password.is_some() {
        set_key(&socket, remote.ip().into(), password)?;
    }
    Ok(socket)
}

fn stream(address: IpAddr) -> io::Result<Socket> {
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    prepare(&socket, address)?;
    Ok(socket)
}

/// What every connection has, accepted or dialled.
pub(super) fn prepare(socket: &Socket, address: IpAddr) -> io::Result<()> {
    let row = row(address);
    set(socket, row.level, row.class, &CLASS)?;
    // We write whole batches: what is small is urgent.
    socket.set_tcp_nodelay(true)
}

/// How far away a peer may be.
pub(super) fn set_distance(socket: &impl AsFd, peer: IpAddr, distance: Distance) -> io::Result<()> {
    let (ttl, least) = match distance {
        Distance::Adjacent => (ADJACENT, 0),
        Distance::Secured => (ADJACENT, ADJACENT),
        Distance::Multihop(hops) => (c_int::from(hops.max(1)), 0),
    };
    let row = row(peer);
    set(socket, row.level, row.ttl, &ttl)?;
    set(socket, row.level, row.min_ttl, &least)
}

/// Whether the first packet of an accepted connection had a TTL that only an adjacent peer's has. Until the least TTL
/// is set, the kernel takes what comes.
pub(super) fn came_from_adjacent(socket: &impl AsFd, peer: IpAddr) -> io::Result<bool> {
    let mut packet = [0; 128];
    let length = get(socket, libc::IPPROTO_TCP, libc::TCP_SAVED_SYN, &mut packet)?;
    let ttl = packet.get(..length).and_then(|packet| packet.get(row(peer).ttl_at));
    Ok(ttl.is_some_and(|ttl| c_int::from(*ttl) == ADJACENT))
}

/// A key as the kernel takes it: `struct tcp_md5sig`.
#[repr(C)]
struct Key {
    address: [u8; 128],
    flags: u8,
    prefix_length: u8,
    key_length: u16,
    interface: c_int,
    key: [u8; Password::MAX],
}

/// The prefix length of a [`Key`] counts.
const WITH_PREFIX: u8 = 1;

/// Signs what goes to these addresses and drops what comes from them unsigned (RFC 2385); `None`: no more. On a
/// listening socket, on one that is to dial, and on one that is connected.
pub(super) fn set_key(socket: &impl AsFd, peers: IpNet, password: Option<&Password>) -> io::Result<()> {
    let octets = password.map(Password::octets).unwrap_or_default();
    let mut key = Key {
        address: [0; 128],
        flags: 0,
        prefix_length: peers.prefix_len(),
        key_length: 0,
        interface: 0,
        key: [0; Password::MAX],
    };
    let family = if peers.addr().is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let family = libc::sa_family_t::try_from(family).map_err(io::Error::other)?;
    key.address[..2].copy_from_slice(&family.to_ne_bytes());
    // The address stands behind the port, IPv6's also behind the flow.
    match peers.network() {
        IpAddr::V4(address) => key.address[4..8].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => key.address[8..24].copy_from_slice(&address.octets()),
    }
    key.key_length = u16::try_from(octets.len()).map_err(io::Error::other)?;
    key.key.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
    if peers.prefix_len() < peers.max_prefix_len() {
        key.flags |= WITH_PREFIX;
    }
    let option = if key.flags == 0 { libc::TCP_MD5SIG } else { libc::TCP_MD5SIG_EXT };
    match set(socket, libc::IPPROTO_TCP, option, &key) {
        // There was none to remove.
        Err(error) if password.is_none() && error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        done => done,
    }
}

/// `T` is what the kernel reads for this option: numbers all through.
fn set<T>(socket: &impl AsFd, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    let length = socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed and open, and `length` octets at `value` can be read during the call.
    let done = unsafe { libc::setsockopt(socket, level, option, ptr::from_ref(value).cast(), length) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// How many octets the kernel wrote for this option.
fn get(socket: &impl AsFd, level: c_int, option: c_int, value: &mut [u8]) -> io::Result<usize> {
    let mut length = socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed and open, and `length` octets at `value` can be written during the call.
    let done = unsafe { libc::getsockopt(socket, level, option, value.as_mut_ptr().cast(), &raw mut length) };
    if done == 0 {
        usize::try_from(length).map_err(io::Error::other)
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests;
