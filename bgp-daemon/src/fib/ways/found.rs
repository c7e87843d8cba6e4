//! Ways as the kernel has them: what a dump shows, and what went without being asked for.

use super::{Single, Way, Ways};
use crate::fib::{
    Gateway, Path,
    plan::WayId,
    resolve::Object,
    route::{Buckets, normal},
};
use std::collections::BTreeMap;

impl Ways {
    /// The kernel took ways out away, without being asked, and out of all groups. Returns the ways whose groups went
    /// along, and with them their routes.
    pub(in crate::fib) fn lost(&mut self, gone: impl Fn(&Gateway) -> bool) -> Vec<WayId> {
        for (_, single) in self.singles.iter_mut().filter(|(gateway, _)| gone(gateway)) {
            single.placed = false;
        }
        let mut empty = Vec::new();
        for id in 1..self.ways.len() as WayId {
            let Some(way) = self.of(id) else { continue };
            let (lost, left): (Vec<_>, Vec<_>) = way.placed.iter().partition(|path| gone(&path.gateway));
            if !lost.is_empty() {
                if left.is_empty() {
                    empty.push(id);
                }
                way.placed = left;
                self.dirty.insert(id);
                self.unplace(&lost);
            }
        }
        empty
    }

    /// Somebody took an object of ours away. Returns the ways whose routes went along.
    pub(in crate::fib) fn object_gone(&mut self, object: u32) -> Vec<WayId> {
        if let Some(gateway) = self.numbers.get(&object).copied() {
            return self.lost(|of| *of == gateway);
        }
        let Some(id) = self.groups.get(&object).copied() else { return Vec::new() };
        let placed = self.of(id).map(|way| std::mem::take(&mut way.placed)).unwrap_or_default();
        self.unplace(&placed);
        self.dirty.insert(id);
        if placed.is_empty() { Vec::new() } else { vec![id] }
    }

    /// These are the objects that the kernel holds of ours: what we believed does not count.
    pub(in crate::fib) fn found(&mut self, objects: &BTreeMap<u32, Object>) {
        if !self.objects {
            // From a start that used them.
            self.strays = objects.keys().copied().collect();
            return;
        }
        self.singles.values_mut().for_each(|single| (single.placed, single.refs) = (false, 0));
        self.strays.clear();
        for (id, object) in objects {
            let Object::Single(gateway) = object else { continue };
            let single = self.singles.entry(*gateway).or_insert(Single { id: *id, placed: false, refs: 0 });
            if single.id == *id {
                single.placed = true;
                self.numbers.insert(*id, *gateway);
            } else {
                self.strays.insert(*id);
            }
        }
        for id in 1..self.ways.len() as WayId {
            if let Some(way) = self.of(id) {
                way.placed = Vec::new();
                self.dirty.insert(id);
            }
        }
        for (id, object) in objects {
            if let Object::Group(members, buckets) = object {
                self.found_group(*id, members, *buckets);
            }
        }
        self.idle
            .extend(self.singles.iter().filter(|(_, single)| single.refs == 0).map(|(gateway, _)| *gateway));
    }

    fn found_group(&mut self, group: u32, members: &[(u32, u16)], buckets: Option<Buckets>) {
        let path = |(id, weight): &(u32, u16)| {
            let gateway =
                self.numbers.get(id).filter(|gateway| self.singles.get(gateway).is_some_and(|s| s.placed));
            Some((*gateway?, u64::from(*weight)))
        };
        let known: Option<Vec<_>> = members.iter().map(path).collect();
        let Some(placed) = known.map(|paths| normal(paths, usize::MAX)) else {
            self.strays.insert(group);
            return;
        };
        // The kernel never makes a group one of another kind.
        let known = self.groups.get(&group).copied();
        if let Some(way) = known.and_then(|id| self.of(id)).filter(|way| way.buckets != buckets) {
            way.group = 0;
            self.groups.remove(&group);
            self.strays.insert(group);
            return;
        }
        for path in &placed {
            if let Some(single) = self.singles.get_mut(&path.gateway) {
                single.refs += 1;
            }
        }
        match known {
            Some(id) => {
                if let Some(way) = self.of(id) {
                    way.placed = placed;
                }
            }
            None => {
                let id = self.place(Way { placed, group, buckets, ..Way::default() });
                self.groups.insert(group, id);
                self.adopted.insert(id);
                self.unused.insert(id);
            }
        }
    }

    /// The way that a route found in the kernel goes, by the group that it names.
    pub(in crate::fib) fn of_group(&self, group: u32) -> Option<WayId> {
        self.groups.get(&group).copied().filter(|id| self.is_ready(*id) || self.adopted.contains(id))
    }

    /// The same by the gateways that the route itself names.
    pub(in crate::fib) fn of_paths(&mut self, paths: Vec<Path>) -> Option<WayId> {
        if self.objects || paths.is_empty() {
            return None;
        }
        let is = |way: &Way| if way.hops.is_some() { way.wanted == paths } else { way.placed == paths };
        let ids = 1..self.ways.len() as WayId;
        if let Some(id) = ids.into_iter().find(|id| self.get(*id).is_some_and(is)) {
            return Some(id);
        }
        let id = self.place(Way { placed: paths, ..Way::default() });
        self.adopted.insert(id);
        Some(id)
    }
}
