//! What the kernel holds that is not ours: routes, found by the longest match, and the next hop objects of others.

use super::{KernelRoute, Kind, Paths};
use ipnet::IpNet;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
};

/// A route of somebody else to some prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The table that it is in.
    pub table: u32,
    /// Who put it there.
    pub protocol: u8,
    /// Of several the lowest counts.
    pub metric: u32,
    /// What becomes of packets.
    pub kind: Kind,
    /// Where they go.
    pub paths: Paths,
    /// The address that the machine's own packets carry.
    pub source: Option<IpAddr>,
}

impl From<KernelRoute> for Known {
    fn from(route: KernelRoute) -> Self {
        let KernelRoute { table, protocol, metric, kind, paths, source, .. } = route;
        Known { table, protocol, metric, kind, paths, source }
    }
}

/// All addresses of a prefix.
pub(super) fn span(net: IpNet) -> RangeInclusive<IpAddr> {
    net.network()..=net.broadcast()
}

/// Routes by prefix.
#[derive(Debug, Default)]
pub(super) struct Routes {
    routes: BTreeMap<IpNet, Vec<Known>>,
    /// Of each width, how many prefixes have each length.
    lengths: [Vec<u32>; 2],
}

fn width(net: IpNet) -> usize {
    usize::from(matches!(net, IpNet::V6(_)))
}

impl Routes {
    /// The routes to exactly this prefix.
    pub(super) fn at(&self, net: IpNet) -> &[Known] {
        self.routes.get(&net).map_or(&[], Vec::as_slice)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (IpNet, &Known)> {
        self.routes.iter().flat_map(|(net, known)| known.iter().map(move |known| (*net, known)))
    }

    /// Takes a route in, beside or in place of another with the same metric. True: that changed something.
    pub(super) fn insert(&mut self, net: IpNet, route: Known, replaces: bool) -> bool {
        let known = self.routes.entry(net).or_default();
        if known.is_empty() {
            let lengths = &mut self.lengths[width(net)];
            lengths.resize(129, 0);
            lengths[usize::from(net.prefix_len())] += 1;
        }
        // IPv6 tells of a route with one more path as a whole, without saying that it replaces what was there.
        let grows = |old: &Known| {
            net.network().is_ipv6()
                && (old.protocol, old.kind) == (route.protocol, route.kind)
                && old.paths.iter().all(|path| route.paths.contains(path))
        };
        let alike = |old: &Known| (old.table, old.metric) == (route.table, route.metric);
        match known.iter_mut().find(|old| alike(old) && (replaces || **old == route || grows(old))) {
            Some(old) if *old == route => return false,
            Some(old) => *old = route,
            None => known.push(route),
        }
        // The kernel asks the lowest metric first, and of equal ones the first.
        known.sort_by_key(|known| known.metric);
        true
    }

    /// Takes a route out, or the paths of it that are named. True: that changed something.
    pub(super) fn remove(&mut self, net: IpNet, route: &Known) -> bool {
        let Some(known) = self.routes.get_mut(&net) else { return false };
        let alike = |old: &Known| {
            (old.table, old.metric, old.protocol) == (route.table, route.metric, route.protocol)
        };
        let exact = known.iter().position(|old| alike(old) && old.paths == route.paths);
        let at = exact.or_else(|| known.iter().position(alike));
        let Some(at) = at else { return false };
        let left: Vec<_> =
            known[at].paths.iter().filter(|path| !route.paths.contains(path)).copied().collect();
        if left.is_empty() || net.network().is_ipv4() {
            known.remove(at);
        } else {
            known[at].paths = left.into();
        }
        self.settle(net);
        true
    }

    fn settle(&mut self, net: IpNet) {
        if self.routes.get(&net).is_some_and(Vec::is_empty) {
            self.routes.remove(&net);
            self.lengths[width(net)][usize::from(net.prefix_len())] -= 1;
        }
    }

    /// Takes out what does not stay. Returns the prefixes that lost something.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(IpNet, &mut Known) -> bool) -> Vec<IpNet> {
        let mut lost = Vec::new();
        for (net, known) in &mut self.routes {
            let before = known.len();
            known.retain_mut(|known| stays(*net, known));
            if known.len() < before {
                lost.push(*net);
            }
        }
        lost.iter().for_each(|net| self.settle(*net));
        lost
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Routes::default();
    }

    /// The routes to an address, those of the longest prefix first, and of these those with the lowest metric.
    pub(super) fn matches(&self, address: IpAddr) -> impl Iterator<Item = (IpNet, &Known)> {
        let zero = match address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let longest = IpNet::from(zero).prefix_len();
        let lengths = &self.lengths[usize::from(address.is_ipv6())];
        let used = move |len: &u8| lengths.get(usize::from(*len)).is_some_and(|count| *count > 0);
        let nets = (0..=longest).rev().filter(used).filter_map(move |len| IpNet::new(address, len).ok());
        nets.map(|net| net.trunc()).flat_map(|net| self.at(net).iter().map(move |known| (net, known)))
    }
}
