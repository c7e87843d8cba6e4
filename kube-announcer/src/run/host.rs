//! What a node's kernel knows and its cluster does not: the default gateways.

mod routes;

use nix::{
    net::if_::if_indextoname,
    sys::socket::{
        AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt,
    },
    sys::time::TimeVal,
};
use std::{
    collections::BTreeSet,
    io,
    net::IpAddr,
    os::fd::{AsRawFd, OwnedFd},
};

/// A default gateway, with its interface where the address counts on one link only.
pub type Gateway = (IpAddr, Option<Box<str>>);

/// The longest that the kernel is waited for, in seconds.
const PATIENCE: i64 = 5;
/// As much as the kernel says at once.
const ANSWER: usize = 64 * 1024;

/// All default gateways of the machine, those of routes with several next hops too: each once, IPv4 first.
///
/// # Errors
/// The kernel does not say.
pub fn gateways() -> io::Result<Vec<Gateway>> {
    let mut found = BTreeSet::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        for (address, interface) in ask(family)? {
            match address {
                IpAddr::V6(ip) if ip.is_unicast_link_local() => {
                    // One that is gone by now is no gateway any more.
                    if let Ok(name) = if_indextoname(interface) {
                        found.insert((address, Some(name.to_string_lossy().into())));
                    }
                }
                _ => drop(found.insert((address, None))),
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// The gateways of a family's default routes, with the numbers of their interfaces.
fn ask(family: AddressFamily) -> io::Result<Vec<(IpAddr, u32)>> {
    let kernel =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    setsockopt(&kernel, sockopt::ReceiveTimeout, &TimeVal::new(PATIENCE, 0))?;
    let family = u8::try_from(family as i32).unwrap_or_default();
    send(kernel.as_raw_fd(), &routes::question(family), MsgFlags::empty())?;
    let mut gateways = Vec::new();
    while read(&kernel, &mut gateways)? {}
    Ok(gateways)
}

/// Takes in a part of the answer. False: it was the last.
fn read(kernel: &OwnedFd, gateways: &mut Vec<(IpAddr, u32)>) -> io::Result<bool> {
    let mut octets = vec![0; ANSWER];
    let length = recv(kernel.as_raw_fd(), &mut octets, MsgFlags::empty())?;
    match routes::answer(octets.get(..length).unwrap_or_default(), gateways) {
        routes::End::Open => Ok(true),
        routes::End::Done => Ok(false),
        routes::End::Refused(number) => Err(io::Error::from_raw_os_error(number)),
    }
}
