//! What is known of a connection that is there: the interface it goes through, and our other addresses there.

use super::{
    dial::Ends,
    interfaces::{self, Assigned},
};
use crate::engine::Link;
use bgp_proto::time::Time;
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// How long the machine's addresses are taken for known: strangers that connect one after the other do not have them
/// read each time.
const FRESH: Duration = Duration::from_secs(1);

/// The machine's addresses as they were a moment ago.
#[derive(Default)]
pub(super) struct Links {
    assigned: Vec<Assigned>,
    read: Option<Time>,
}

impl Links {
    /// What is known of a connection between these.
    pub(super) fn between(&mut self, now: Time, (local, remote): Ends) -> Link {
        if self.read.is_none_or(|read| now.since(read) >= FRESH) {
            self.read = Some(now);
            self.assigned = interfaces::assigned().unwrap_or_else(|error| {
                tracing::error!("the addresses of this machine cannot be read: {error}");
                Vec::new()
            });
        }
        link(&self.assigned, local, remote, scope(local))
    }
}

/// The interface that a link-local address counts on.
fn scope(local: SocketAddr) -> Option<Box<str>> {
    match local {
        SocketAddr::V6(local) if local.scope_id() != 0 => interfaces::name(local.scope_id()),
        _ => None,
    }
}

fn link(assigned: &[Assigned], local: SocketAddr, remote: SocketAddr, scope: Option<Box<str>>) -> Link {
    let ours = local.ip().to_canonical();
    let holder = || assigned.iter().find(|one| one.address == ours).map(|one| one.interface.clone());
    let interface = scope.or_else(holder);
    let theirs = |one: &&Assigned| Some(&one.interface) == interface.as_ref() && one.is_global();
    let addresses = || assigned.iter().filter(theirs).map(|one| one.address);
    Link {
        interface_ipv4: addresses().find_map(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        }),
        interface_ipv6: addresses().find_map(|address| match address {
            IpAddr::V6(address) => Some(address),
            IpAddr::V4(_) => None,
        }),
        interface,
        ..Link::new(local, remote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_the_other_addresses_of_its_interface() {
        let assigned: Vec<Assigned> = [
            ("lo", "127.0.0.1"),
            ("eth0", "10.0.0.1"),
            ("eth1", "10.0.1.1"),
            ("eth0", "fe80::1"),
            ("eth1", "fe80::1"),
            ("eth0", "fd00::1"),
            ("eth1", "fd01::1"),
        ]
        .map(|(interface, address)| Assigned {
            interface: interface.into(),
            address: address.parse().unwrap(),
            loopback: interface == "lo",
        })
        .into();
        let of = |local: &str, scope: Option<&str>| {
            let local = SocketAddr::new(local.parse().unwrap(), 179);
            let link = link(&assigned, local, local, scope.map(Into::into));
            let shown = [link.interface_ipv4.map(IpAddr::V4), link.interface_ipv6.map(IpAddr::V6)];
            (link.interface, shown.map(|address| address.map(|address| address.to_string())))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("10.0.1.1", None), (Some("eth1".into()), [some("10.0.1.1"), some("fd01::1")]));
        assert_eq!(of("::ffff:10.0.0.1", None).0, Some("eth0".into()));
        assert_eq!(of("fe80::1", Some("eth1")), (Some("eth1".into()), [some("10.0.1.1"), some("fd01::1")]));
        assert_eq!(of("127.0.0.1", None), (Some("lo".into()), [None, None]));
        assert_eq!(of("192.0.2.1", None), (None, [None, None]));
    }
}
