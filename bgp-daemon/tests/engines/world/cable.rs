//! What is between two speakers.

use super::millis;
use bgp_daemon::{config::Remote, engine::Link};
use std::{
    net::{IpAddr, SocketAddr, SocketAddrV6},
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
    /// The second of the ends never dials.
    pub(crate) waits: bool,
    /// The second of the ends takes whoever comes.
    pub(crate) dynamic: bool,
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
            waits: false,
            dynamic: false,
        }
    }

    pub(crate) fn side_of(&self, node: usize) -> usize {
        self.ends.iter().position(|end| *end == node).unwrap()
    }

    fn interface(&self) -> Box<str> {
        format!("eth{}", self.number).into()
    }

    /// The address of a side.
    pub(crate) fn address(&self, side: usize) -> IpAddr {
        self.address_for(self.over, side)
    }

    fn address_for(&self, over: Over, side: usize) -> IpAddr {
        let (number, host) = (self.number as u16, side as u16 + 1);
        let [high, low] = number.to_be_bytes();
        match over {
            Over::Ipv4 => [10, high, low, host as u8].into(),
            Over::Ipv6 => [0x2001, 0xdb8, 0xcab, number, 0, 0, 0, host].into(),
            Over::Interface => [0xfe80, 0, 0, 0, 0, 0, number, host].into(),
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
        let mut link = Link::new(local, remote);
        link.interface = Some(self.interface());
        for over in [Over::Ipv4, Over::Ipv6] {
            match self.address_for(over, side) {
                IpAddr::V4(address) => link.interface_ipv4 = Some(address),
                IpAddr::V6(address) => link.interface_ipv6 = Some(address),
            }
        }
        link
    }
}
