//! Ways of single prefixes, whose flows stay where they are: as the next hops of the prefix change its group stays the
//! same, and only the flows of members that went move.

use super::{Way, Ways};
use crate::{
    fib::{plan::WayId, resolve::Resolver, route::Resilient},
    rib::Hop,
};
use ipnet::IpNet;
use std::sync::Arc;

impl Ways {
    /// The way to these next hops for a prefix; which way its route goes in the kernel is asked if it matters.
    pub(in crate::fib) fn to(
        &mut self,
        net: IpNet,
        hops: &Arc<[Hop]>,
        installed: impl FnOnce() -> Option<WayId>,
        resolver: &Resolver,
    ) -> WayId {
        let Some(resilient) = &self.resilient else { return self.intern(hops, resolver) };
        if let Some(id) = self.owned.get(&net).copied() {
            self.redirect(id, hops, resolver);
            return id;
        }
        let buckets = Some(resilient.buckets);
        let left = |id: &WayId| {
            let way = self.get(*id).filter(|_| self.adopted.contains(id));
            way.is_some_and(|way| way.buckets == buckets && way.refs < 2)
        };
        let id = match installed().filter(left) {
            Some(id) => id,
            // One that has one next hop has nothing to keep yet.
            None if hops.len() < 2 || !resilient.holds(net) => return self.intern(hops, resolver),
            None => self.place(Way::default()),
        };
        let kept = self.adopted.remove(&id) && !self.is_complete;
        if let Some(way) = self.of(id) {
            (way.own, way.buckets, way.kept) = (Some(net), buckets, kept);
        }
        self.owned.insert(net, id);
        self.redirect(id, hops, resolver);
        // Nobody may come to use it after all.
        self.unused.insert(id);
        id
    }

    /// All that there is was chosen: what is missing among members is gone.
    pub(in crate::fib) fn complete(&mut self, resolver: &Resolver) {
        self.is_complete = true;
        for id in self.owned.values().copied().collect::<Vec<_>>() {
            if let Some(way) = self.of(id)
                && std::mem::take(&mut way.kept)
                && let Some(hops) = way.hops.clone()
            {
                self.redirect(id, &hops, resolver);
            }
        }
    }

    /// A prefix goes to other next hops from now on.
    fn redirect(&mut self, id: WayId, hops: &Arc<[Hop]>, resolver: &Resolver) {
        let mut wanted = self.gateways(hops, resolver);
        if let Some(way) = self.of(id) {
            // Peers come back one by one.
            if way.kept && !way.placed.is_empty() {
                wanted.clone_from(&way.placed);
            }
            (way.hops, way.wanted, way.error) = (Some(Arc::clone(hops)), wanted, None);
            self.dirty.insert(id);
        }
    }
}

impl Resilient {
    fn holds(&self, net: IpNet) -> bool {
        self.prefixes.is_empty() || self.prefixes.iter().any(|range| range.contains(&net))
    }
}
