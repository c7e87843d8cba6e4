//! The addresses of the machine's interfaces.

use ipnet::Ipv6Net;
use nix::{
    ifaddrs::getifaddrs,
    net::if_::{InterfaceFlags, if_indextoname, if_nametoindex},
    sys::socket::SockaddrStorage,
};
use std::{
    io,
    net::{IpAddr, Ipv6Addr},
};

/// An address, and the interface that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assigned {
    pub(super) interface: Box<str>,
    pub(super) address: IpAddr,
    /// The interface goes nowhere.
    pub(super) loopback: bool,
}

impl Assigned {
    /// Others can send to it, from wherever they are.
    pub(super) fn is_global(&self) -> bool {
        let Assigned { address, .. } = self;
        !(address.is_loopback()
            || address.is_unspecified()
            || address.is_multicast()
            || is_link_local(*address))
    }
}

/// Whether it counts on one link only.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    const LINK: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10);
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => LINK.contains(&address),
    }
}

/// All addresses of the machine, in the kernel's order.
pub(super) fn assigned() -> io::Result<Vec<Assigned>> {
    let address = |of: SockaddrStorage| {
        let ipv4 = of.as_sockaddr_in().map(|of| IpAddr::V4(of.ip()));
        ipv4.or_else(|| of.as_sockaddr_in6().map(|of| IpAddr::V6(of.ip())))
    };
    let all = getifaddrs()?.filter_map(|one| {
        Some(Assigned {
            address: address(one.address?)?,
            loopback: one.flags.contains(InterfaceFlags::IFF_LOOPBACK),
            interface: one.interface_name.into(),
        })
    });
    Ok(all.collect())
}

/// The number of an interface.
pub(super) fn index(interface: &str) -> io::Result<u32> {
    if_nametoindex(interface).map_err(|_| {
        let why =
            format!("there is no interface {interface:?} on this machine; use one that `ip link` lists");
        io::Error::new(io::ErrorKind::NotFound, why)
    })
}

/// The name of an interface by its number.
pub(super) fn name(index: u32) -> Option<Box<str>> {
    let name = if_indextoname(index).ok()?;
    name.into_string().ok().map(Into::into)
}
