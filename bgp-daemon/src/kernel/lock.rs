//! One instance for each protocol and table of a network namespace: two would sweep each other's routes.

use super::Error;
use crate::fib::{Mark, OBJECTS, first_object};
use std::{
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
};

/// The right to change routes and next hop objects with our mark, while this value is there.
pub(super) struct Lock {
    _name: UnixListener,
}

impl Lock {
    /// Takes the right, if nobody else has it.
    pub(super) fn take(mark: Mark) -> Result<Self, Error> {
        // A name that is in no folder belongs to the network namespace, and goes with whoever has it. Instances whose
        // numbers of next hop objects are the same exclude each other too.
        let range = first_object(mark.table) / OBJECTS;
        let name = format!("bgp-daemon/kernel/{}/{range}", mark.protocol);
        let taken = SocketAddr::from_abstract_name(&name).and_then(|name| UnixListener::bind_addr(&name));
        match taken {
            Ok(name) => Ok(Lock { _name: name }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Error::Taken(mark)),
            Err(error) => Err(Error::System("cannot claim the kernel's routes", error)),
        }
    }
}
