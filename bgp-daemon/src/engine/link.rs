//! Connections as the engine names them: which there are, between whom, and with which options.

use crate::config::{Distance, Password, Remote};
use bgp_proto::session::ConnectionId;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// A peer of an engine. Numbers are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One TCP connection of one peer. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The peer.
    pub peer: PeerId,
    /// Which of its connections.
    pub connection: ConnectionId,
}

/// `7/1`: the first connection of peer 7.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.peer, self.connection)
    }
}

/// What is known of a TCP connection that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// The interface that our address is on.
    pub interface: Option<Box<str>>,
    /// An IPv4 address of that interface, for next hops.
    pub interface_ipv4: Option<Ipv4Addr>,
    /// An IPv6 address of that interface that is no link-local one, for next hops.
    pub interface_ipv6: Option<Ipv6Addr>,
}

impl Link {
    /// A connection of which nothing is known but its ends.
    pub fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Link { local, remote, interface: None, interface_ipv4: None, interface_ipv6: None }
    }

    /// Our address; an IPv4 one on a socket of both families is itself.
    pub fn own(&self) -> IpAddr {
        self.local.ip().to_canonical()
    }

    /// The other side's address, likewise.
    pub fn address(&self) -> IpAddr {
        self.remote.ip().to_canonical()
    }
}

/// Socket options of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How far away the peer may be.
    pub distance: Distance,
    /// What segments are signed with.
    pub password: Option<Password>,
}

/// A dial that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Whom to dial. The address behind an interface is found by whoever dials.
    pub remote: Remote,
    /// The port.
    pub port: u16,
    /// The address to dial from.
    pub from: Option<IpAddr>,
    /// Options to set before.
    pub options: Options,
    /// How long it may take. The engine gives up by itself then, and says so.
    pub bound: Duration,
}
