//! Sockets of BFD: datagrams to its ports, and what only a peer on the link can have sent.

use crate::speaker::interfaces;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket},
    ops::RangeInclusive,
};
use tokio::io::{Interest, unix::AsyncFd};

/// Where packets go that take one hop (RFC 5881 §4), and those that take several (RFC 5883 §5).
const PORTS: [u16; 2] = [3784, 4784];
/// Where they come from (RFC 5881 §4).
const SOURCES: RangeInclusive<u16> = 49152..=65535;
/// CS6, network control.
const CLASS: u32 = 0xc0;
/// What only who is on the same link can send (RFC 5881 §5).
const ADJACENT: u8 = 255;

pub(super) fn port(multihop: bool) -> u16 {
    PORTS[usize::from(multihop)]
}

/// Every address of a family.
pub(super) fn any(like: IpAddr) -> IpAddr {
    if like.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

fn datagrams(like: IpAddr) -> io::Result<Socket> {
    let domain = if like.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if like.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// Where packets come in, in the runtime that this is called in.
#[expect(unsafe_code, reason = "the runtime wants to be told that the descriptor is ours")]
pub(super) fn receiving(address: IpAddr, multihop: bool) -> io::Result<AsyncFd<UdpSocket>> {
    let socket = datagrams(address)?;
    if !multihop {
        // Before anything can come in.
        socket.attach_filter(&filter(address))?;
    }
    socket.bind(&SocketAddr::new(address, port(multihop)).into())?;
    // SAFETY: the descriptor is that of a socket which is moved in, and is closed only when that is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(UdpSocket::from(socket), Interest::READABLE) }?)
}

/// A program for the kernel: take only what has not crossed a router.
fn filter(address: IpAddr) -> [SockFilter; 4] {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
    const EQUALS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    /// From here on the network header is counted.
    const NETWORK: u32 = libc::SKF_NET_OFF as u32;
    let ttl_at = if address.is_ipv4() { 8 } else { 7 };
    [
        SockFilter::new(LOAD, 0, 0, NETWORK + ttl_at),
        SockFilter::new(EQUALS, 0, 1, ADJACENT.into()),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// Where the packets of one session go out, each from a port of its own. `name` spreads the ports.
pub(super) fn sending(to: SocketAddr, source: Option<IpAddr>, name: u32) -> io::Result<UdpSocket> {
    let socket = datagrams(to.ip())?;
    match to.ip() {
        IpAddr::V4(_) => {
            socket.set_ttl_v4(ADJACENT.into())?;
            socket.set_tos_v4(CLASS)?;
        }
        IpAddr::V6(_) => {
            socket.set_unicast_hops_v6(ADJACENT.into())?;
            socket.set_tclass_v6(CLASS)?;
        }
    }
    bind(&socket, scoped(source.unwrap_or_else(|| any(to.ip())), scope(to)), name)?;
    socket.connect(&to.into())?;
    Ok(socket.into())
}

/// Binds to a port that is free.
fn bind(socket: &Socket, mut at: SocketAddr, name: u32) -> io::Result<()> {
    let (first, count) = (*SOURCES.start(), u32::from(SOURCES.end() - SOURCES.start()) + 1);
    let mut tries = (0..count).map(|further| first + ((name.wrapping_add(further)) % count) as u16);
    let is_taken = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
    loop {
        at.set_port(tries.next().ok_or(io::ErrorKind::AddrInUse)?);
        match socket.bind(&at.into()) {
            Err(error) if is_taken(&error) => {}
            done => return done,
        }
    }
}

/// Where a peer is, with the number of the link where its address counts on one.
pub(super) fn place(address: IpAddr, interface: Option<&str>, multihop: bool) -> io::Result<SocketAddr> {
    let scope = interface.map_or(Ok(0), interfaces::index)?;
    let mut place = scoped(address, scope);
    place.set_port(port(multihop));
    Ok(place)
}

fn scope(of: SocketAddr) -> u32 {
    if let SocketAddr::V6(of) = of { of.scope_id() } else { 0 }
}

fn scoped(address: IpAddr, scope: u32) -> SocketAddr {
    match address {
        IpAddr::V6(address) if address.is_unicast_link_local() => {
            SocketAddrV6::new(address, 0, 0, scope).into()
        }
        address => SocketAddr::new(address, 0),
    }
}
