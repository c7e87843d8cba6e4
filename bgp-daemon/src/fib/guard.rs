//! What is never installed, whoever announces it: what would cut the machine off.

use ipnet::IpNet;
use std::{collections::BTreeSet, fmt};

/// Prefixes that routes must not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    default_route: bool,
    protected: Ranges,
    /// Where single addresses may be in the networks of links.
    allowed: Ranges,
    /// The machine's own addresses and the networks of its links.
    own: Ranges,
    /// The addresses alone.
    addresses: BTreeSet<IpNet>,
}

/// Prefixes of which none holds another, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ranges(Vec<IpNet>);

impl Ranges {
    fn new(nets: impl IntoIterator<Item = IpNet>) -> Self {
        let sorted: BTreeSet<_> = nets.into_iter().map(|net| net.trunc()).collect();
        let mut outer: Vec<IpNet> = Vec::new();
        for net in sorted {
            // What holds this one comes right before it.
            if outer.last().is_none_or(|last| !last.contains(&net)) {
                outer.push(net);
            }
        }
        Ranges(outer)
    }

    /// The range that this prefix is in.
    fn around(&self, net: IpNet) -> Option<IpNet> {
        let after = self.0.partition_point(|range| range.network() <= net.network());
        self.0[..after].last().filter(|range| range.contains(&net)).copied()
    }
}

/// Why a route is not installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    /// It is a default route.
    Default,
    /// It is in a network that a link of ours has, or is one of our addresses.
    Own(IpNet),
    /// It is in a protected range.
    Protected(IpNet),
    /// It is for packets that no router passes on.
    Special,
}

impl fmt::Display for Barred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Barred::Default => {
                f.write_str("a default route is installed only where kernel.default_route = true")
            }
            Barred::Own(net) => write!(f, "it is in {net}, which a link of this machine has"),
            Barred::Protected(net) => write!(f, "it is in {net}, which kernel.protected lists"),
            Barred::Special => f.write_str("it is link-local, loopback or multicast"),
        }
    }
}

/// Never routed between machines.
pub(super) fn is_special(net: IpNet) -> bool {
    match net {
        IpNet::V4(net) => {
            let network = net.network();
            net.prefix_len() > 0
                && (network.is_loopback() || network.is_multicast() || network.is_link_local())
        }
        IpNet::V6(net) => {
            let network = net.network();
            let host = net.prefix_len() == 128 && (network.is_loopback() || network.is_unspecified());
            host || network.is_multicast() || network.is_unicast_link_local()
        }
    }
}

impl Guard {
    /// A guard with these wishes of an operator: whether a default route is installed, ranges where nothing is, and ranges
    /// of which single addresses are even in the networks of links.
    pub fn new(default_route: bool, protected: &[IpNet], allowed: &[IpNet]) -> Self {
        let [protected, allowed] = [protected, allowed].map(|nets| Ranges::new(nets.iter().copied()));
        Guard { default_route, protected, allowed, ..Guard::default() }
    }

    /// These are the machine's addresses now, each with the length of its network. Returns the networks that came or
    /// went: what is in them has to be asked again.
    pub fn set_own(&mut self, addresses: impl Iterator<Item = IpNet>) -> Vec<IpNet> {
        let nets: Vec<_> = addresses.collect();
        let addresses = nets.iter().map(|net| IpNet::from(net.addr())).collect();
        let before = std::mem::replace(&mut self.addresses, addresses);
        let own = nets.iter().map(IpNet::trunc).chain(self.addresses.iter().copied());
        // A link behind which all of the world is, as that of some tunnels, bars nothing but itself.
        let own = Ranges::new(own.filter(|net| net.prefix_len() > 0));
        let old = std::mem::replace(&mut self.own, own);
        let in_one = |one: &Ranges, other: &Ranges| {
            one.0.iter().filter(|net| other.0.binary_search(net).is_err()).copied().collect::<Vec<_>>()
        };
        let mut changed = [in_one(&old, &self.own), in_one(&self.own, &old)].concat();
        changed.extend(before.symmetric_difference(&self.addresses).filter(|net| self.is_allowed(**net)));
        changed
    }

    /// Why a route to this prefix is not installed; `None`: it is.
    pub fn bars(&self, net: IpNet) -> Option<Barred> {
        if net.prefix_len() == 0 {
            return (!self.default_route).then_some(Barred::Default);
        }
        if is_special(net) {
            return Some(Barred::Special);
        }
        let protected = self.protected.around(net).map(Barred::Protected);
        let own = || match self.is_allowed(net) {
            true => self.addresses.get(&net).copied(),
            false => self.own.around(net),
        };
        protected.or_else(|| own().map(Barred::Own))
    }

    fn is_allowed(&self, net: IpNet) -> bool {
        net.prefix_len() == net.max_prefix_len() && self.allowed.around(net).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn guard() -> Guard {
        let mut guard = Guard::new(false, &[net("100.64.0.0/10")], &[]);
        guard.set_own(["192.0.2.7/24", "10.1.2.3/32", "2001:db8::1/64", "0.0.0.0/0"].map(net).into_iter());
        guard
    }

    #[test]
    fn what_would_cut_the_machine_off_is_barred_with_its_reason() {
        let own = |text| Some(Barred::Own(net(text)));
        for (prefix, barred) in [
            ("0.0.0.0/0", Some(Barred::Default)),
            ("::/0", Some(Barred::Default)),
            ("192.0.2.0/24", own("192.0.2.0/24")),
            ("192.0.2.128/25", own("192.0.2.0/24")),
            ("192.0.2.7/32", own("192.0.2.0/24")),
            ("192.0.0.0/16", None),
            ("10.1.2.3/32", own("10.1.2.3/32")),
            ("10.1.2.0/24", None),
            ("2001:db8::/64", own("2001:db8::/64")),
            ("2001:db8:0:1::/64", None),
            ("100.64.0.0/10", Some(Barred::Protected(net("100.64.0.0/10")))),
            ("100.100.0.0/16", Some(Barred::Protected(net("100.64.0.0/10")))),
            ("127.0.0.0/8", Some(Barred::Special)),
            ("224.0.0.0/4", Some(Barred::Special)),
            ("fe80::/64", Some(Barred::Special)),
            ("0.0.0.0/1", None),
        ] {
            assert_eq!(guard().bars(net(prefix)), barred, "{prefix}");
        }
        let mut asked_for = Guard::new(true, &[], &[]);
        assert_eq!(asked_for.bars(net("0.0.0.0/0")), None);
        asked_for.set_own(std::iter::once(net("0.0.0.0/0")));
        assert_eq!(asked_for.bars(net("198.51.100.0/24")), None);
    }

    #[test]
    fn single_addresses_in_the_network_of_a_link_are_installed_where_that_is_allowed() {
        let mut guard = Guard::new(false, &[net("192.0.2.250/32")], &[net("192.0.2.128/25")]);
        guard.set_own(std::iter::once(net("192.0.2.200/24")));
        let own = |text| Some(Barred::Own(net(text)));
        for (prefix, barred) in [
            ("192.0.2.129/32", None),
            ("192.0.2.128/25", own("192.0.2.0/24")),
            ("192.0.2.128/31", own("192.0.2.0/24")),
            ("192.0.2.127/32", own("192.0.2.0/24")),
            ("192.0.2.200/32", own("192.0.2.200/32")),
            ("192.0.2.250/32", Some(Barred::Protected(net("192.0.2.250/32")))),
        ] {
            assert_eq!(guard.bars(net(prefix)), barred, "{prefix}");
        }
        // An address that moves within its network.
        let changed = guard.set_own(std::iter::once(net("192.0.2.201/24")));
        assert_eq!(changed, [net("192.0.2.200/32"), net("192.0.2.201/32")]);
        assert_eq!(guard.bars(net("192.0.2.200/32")), None);
    }

    #[test]
    fn an_address_that_comes_or_goes_names_the_networks_to_ask_again() {
        let mut guard = guard();
        let changed = guard.set_own(["192.0.2.7/24", "2001:db8::1/64"].map(net).into_iter());
        assert_eq!(changed, [net("0.0.0.0/32"), net("10.1.2.3/32")]);
        assert_eq!(guard.set_own(["192.0.2.9/24", "2001:db8::1/64"].map(net).into_iter()), []);
        assert_eq!(guard.set_own(["2001:db8::1/64"].map(net).into_iter()), [net("192.0.2.0/24")]);
    }
}
