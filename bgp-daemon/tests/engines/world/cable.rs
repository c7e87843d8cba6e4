//! What is between two speakers.

use super::millis;
use bgp_daemon::{config::Remote, engine::Link};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    time::Duration,
};

/// What the session over a cable goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Ipv4,
    Ipv6,
    /// Link-local addresses, of which nobody is told.
    Interface,
}

#[derive(Clone, Debug)]
pub(crate) struct Cable {
    pub(crate) number: usize,
    pub(crate) over: Over,
    pub(crate) ends: [usize; 2],
    pub(crate) latency: Duration,
    /// What comes on top of it, at the most.
    pub(crate) jitter: Duration,
    /// Octets of one direction that are on their way, or there and not read.
    pub(crate) window: usize,
    /// Whatever is sent is kept while it is not, and comes later.
    pub(crate) up: bool,
    /// The sides that take nothing off their sockets.
    pub(crate) deaf: [bool; 2],
    /// No session is expected over it.
    pub(crate) idle: bool,
}

impl Cable {
    pub(crate) fn new(number: usize, over: Over, ends: [usize; 2]) -> Self {
        Cable {
            number,
            over,
            ends,
            latency: millis(1),
            jitter: Duration::from_micros(500),
            window: 64 << 10,
            up: true,
            deaf: [false; 2],
            idle: false,
        }
    }

    pub(crate) fn side_of(&self, node: usize) -> usize {
        self.ends.iter().position(|end| *end == node).unwrap()
    }

    fn interface(&self) -> Box<str> {
        format!("eth{}", self.number).into()
    }

    fn ipv4(&self, side: usize) -> Ipv4Addr {
        let [.., high, low] = self.number.to_be_bytes();
        [10, high, low, side as u8 + 1].into()
    }

    fn ipv6(&self, side: usize) -> Ipv6Addr {
        [0x2001, 0xdb8, 0xcab, self.number as u16, 0, 0, 0, side as u16 + 1].into()
    }

    /// The address of a side.
    pub(crate) fn address(&self, side: usize) -> IpAddr {
        match self.over {
            Over::Ipv4 => self.ipv4(side).into(),
            Over::Ipv6 => self.ipv6(side).into(),
            Over::Interface => {
                Ipv6Addr::from([0xfe80, 0, 0, 0, 0, 0, self.number as u16, side as u16 + 1]).into()
            }
        }
    }

    /// Whom a side sees at the other.
    pub(crate) fn remote(&self, side: usize) -> Remote {
        match self.over {
            Over::Interface => Remote::Interface(self.interface()),
            _ => Remote::Address(self.address(1 - side), None),
        }
    }

    /// A connection as one side sees it.
    pub(crate) fn link(&self, side: usize, ports: [u16; 2]) -> Link {
        let [local, remote] = [side, 1 - side].map(|side| match self.address(side) {
            IpAddr::V4(address) => SocketAddr::from((address, ports[side])),
            IpAddr::V6(address) => SocketAddrV6::new(address, ports[side], 0, 0).into(),
        });
        Link {
            interface: Some(self.interface()),
            interface_ipv4: Some(self.ipv4(side)),
            interface_ipv6: Some(self.ipv6(side)),
            ..Link::new(local, remote)
        }
    }
}
