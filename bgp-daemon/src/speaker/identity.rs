//! Who we are where nobody says: an identifier from an address of the machine, and a seed.

use super::{Error, interfaces};
use bgp_proto::numbers::RouterId;
use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
};

/// An identifier made of an address, and which that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) router_id: RouterId,
    pub(super) interface: Box<str>,
    pub(super) address: IpAddr,
}

/// An identifier for this machine, the same as long as its addresses are.
pub(super) fn of_this_machine() -> Result<Identity, Error> {
    let assigned = interfaces::assigned().map_err(Error::System)?;
    choose(assigned).ok_or(Error::NoRouterId)
}

/// An IPv4 address that others can reach; one of an interface that goes nowhere is the least likely to change. Of
/// several the highest. Where there is none, a digest of such an IPv6 address.
fn choose(assigned: Vec<interfaces::Assigned>) -> Option<Identity> {
    let global = assigned.into_iter().filter(interfaces::Assigned::is_global);
    let best = global.max_by_key(|one| (one.address.is_ipv4(), one.loopback, one.address))?;
    let router_id = match best.address {
        IpAddr::V4(address) => RouterId::new(address.to_bits()),
        IpAddr::V6(address) => RouterId::new(digest(&address.octets())),
    };
    Some(Identity { router_id: router_id?, interface: best.interface, address: best.address })
}

/// FNV-1a, never zero.
fn digest(octets: &[u8]) -> u32 {
    let step = |hash: u32, octet: &u8| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193);
    octets.iter().fold(0x811c_9dc5, step).max(1)
}

/// A number that nobody can guess.
pub(super) fn seed() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::{super::interfaces::Assigned, *};

    fn assigned(interface: &str, address: &str) -> Assigned {
        let address = address.parse().unwrap();
        Assigned { interface: interface.into(), address, loopback: interface == "lo" }
    }

    #[test]
    fn the_address_that_is_least_likely_to_change_identifies_us() {
        let of = |addresses: &[(&str, &str)]| {
            let identity = choose(addresses.iter().map(|(name, address)| assigned(name, address)).collect());
            identity.map(|identity| (identity.router_id.to_string(), identity.interface.to_string()))
        };
        let known = [("lo", "127.0.0.1"), ("lo", "::1"), ("eth0", "fe80::1"), ("eth1", "169.254.0.1")];
        let found = |router_id: &str, interface: &str| Some((router_id.to_owned(), interface.to_owned()));
        assert_eq!(of(&known), None);
        let mut known = known.to_vec();
        known.push(("eth0", "2001:db8::1"));
        assert_eq!(of(&known).unwrap().1, "eth0");
        known.push(("eth0", "10.0.0.9"));
        known.push(("eth1", "10.0.0.7"));
        assert_eq!(of(&known), found("10.0.0.9", "eth0"));
        known.push(("lo", "10.0.0.1"));
        assert_eq!(of(&known), found("10.0.0.1", "lo"));
    }

    #[test]
    fn two_seeds_differ() {
        assert_ne!(seed(), seed());
    }
}
