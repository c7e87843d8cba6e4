//! The tables of one family: prefix → slot → routes.

use super::{
    intern::AttrId,
    peers::SenderId,
    slab::{self, Index, NONE, Slab},
};
use bgp_proto::{
    prefix::{Address, Prefix},
    wire::nlri::Path,
};
use foldhash::fast::FixedState;
use std::{hash::BuildHasher, hint::black_box};

/// One path to a prefix, from one sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The next route of the same slot, `NONE` at the end.
    pub(crate) next: u32,
    pub(crate) sender: SenderId,
    /// When it came, by its sender's sessions and refreshes.
    pub(crate) epoch: u16,
    /// The attributes as they came.
    pub(crate) learned: AttrId,
    /// The attributes past import policy; none: rejected.
    pub(crate) accepted: AttrId,
    pub(crate) path_id: u32,
    /// When it came, in seconds.
    pub(crate) since: u32,
}

impl Default for Route {
    fn default() -> Self {
        let (learned, accepted) = (AttrId::NONE, AttrId::NONE);
        Route { next: NONE, sender: SenderId(0), epoch: 0, learned, accepted, path_id: 0, since: 0 }
    }
}

impl slab::Entry for Route {
    fn link(&self) -> u32 {
        self.next
    }
    fn set_link(&mut self, link: u32) {
        self.next = link;
    }
}

/// A prefix that somebody has a route to. Free while it has no length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot<A> {
    bits: A,
    /// The first of its routes; while free: the next free slot.
    pub(crate) first: u32,
    /// The selected route.
    pub(crate) best: u32,
    len: u8,
    /// Some candidate has a MED, so that a new route may change the order of two others.
    pub(crate) med: bool,
}

const FREE: u8 = u8::MAX;

impl<A: Address> Default for Slot<A> {
    fn default() -> Self {
        Slot { bits: A::default(), first: NONE, best: NONE, len: FREE, med: false }
    }
}

impl<A: Address> slab::Entry for Slot<A> {
    fn link(&self) -> u32 {
        self.first
    }
    fn set_link(&mut self, link: u32) {
        self.first = link;
    }
}

impl<A: Address> Slot<A> {
    #[inline]
    fn is(&self, prefix: Prefix<A>) -> bool {
        self.bits == prefix.bits() && self.len == prefix.len()
    }

    /// The prefix; `None` for a free slot.
    #[inline]
    pub(crate) fn prefix(&self) -> Option<Prefix<A>> {
        Prefix::new(self.bits, self.len)
    }
}

/// Slots and routes of one family, with the one index that finds them.
pub(crate) struct Table<A> {
    index: Index,
    hasher: FixedState,
    pub(crate) slots: Slab<Slot<A>>,
    pub(crate) routes: Slab<Route>,
}

impl<A: Address> Table<A> {
    pub(crate) fn new(seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        Table { index: Index::new(), hasher, slots: Slab::new(), routes: Slab::new() }
    }

    /// Octets of memory held.
    pub(crate) fn octets(&self) -> usize {
        self.index.octets() + self.slots.octets() + self.routes.octets()
    }

    #[inline]
    pub(crate) fn hash(&self, prefix: Prefix<A>) -> u32 {
        (self.hasher.hash_one((prefix.bits(), prefix.len())) >> 32) as u32
    }

    /// The slot of a prefix.
    #[inline]
    pub(crate) fn find(&self, hash: u32, prefix: Prefix<A>) -> Option<u32> {
        self.index.find(hash, |id| self.slots.get(id).is(prefix))
    }

    /// The slots of several prefixes, `NONE` where there is none. Nothing waits for what one prefix alone needs: first
    /// the index is read for all of them, then the slots.
    #[inline]
    pub(crate) fn find_each(&self, prefixes: &[(Path<Prefix<A>>, u32)], slots: &mut [u32]) {
        black_box(prefixes.iter().fold(0, |all, (_, hash)| all ^ self.index.touch(*hash)));
        for (slot, (_, hash)) in slots.iter_mut().zip(prefixes) {
            *slot = self.index.find(*hash, |_| true).unwrap_or(NONE);
        }
        for (slot, (path, hash)) in slots.iter_mut().zip(prefixes) {
            if *slot != NONE && !self.slots.get(*slot).is(path.item) {
                // Another prefix with the same hash came first.
                *slot = self.find(*hash, path.item).unwrap_or(NONE);
            }
        }
    }

    /// The slot of a prefix, made if there is none.
    #[inline]
    pub(crate) fn find_or_insert(&mut self, hash: u32, prefix: Prefix<A>) -> u32 {
        let slots = &mut self.slots;
        match self.index.find_or_place(hash, |id| slots.get(id).is(prefix)) {
            Ok(id) => id,
            Err(place) => {
                let id = slots.insert(Slot { bits: prefix.bits(), len: prefix.len(), ..Slot::default() });
                self.index.insert_at(place, id);
                id
            }
        }
    }

    /// Whether a slot is, or still is, that of a prefix.
    #[inline]
    pub(crate) fn is_at(&self, slot: u32, prefix: Prefix<A>) -> bool {
        self.slots.peek(slot).is_some_and(|slot| slot.is(prefix))
    }

    /// Reads where the index holds these slots, so that nothing waits for one of them alone.
    #[inline]
    pub(crate) fn touch(&self, slots: &[u32]) {
        let prefixes = slots.iter().filter_map(|slot| self.slots.peek(*slot)?.prefix());
        black_box(prefixes.fold(0, |all, prefix| all ^ self.index.touch(self.hash(prefix))));
    }

    /// Gives an empty slot back.
    pub(crate) fn remove_slot(&mut self, id: u32) {
        if let Some(prefix) = self.slots.remove(id).prefix() {
            self.index.remove(self.hash(prefix), id);
        }
    }

    /// The routes of a slot, in no order that means anything.
    pub(crate) fn routes_of(&self, slot: u32) -> impl Iterator<Item = (u32, &Route)> {
        let first = self.slots.get(slot).first;
        std::iter::successors((first != NONE).then(|| (first, self.routes.get(first))), |(_, route)| {
            (route.next != NONE).then(|| (route.next, self.routes.get(route.next)))
        })
    }

    /// The route of this sender and path, with the route before it in the chain.
    #[inline]
    pub(crate) fn find_route(&self, slot: u32, sender: SenderId, path_id: u32) -> Option<(u32, u32)> {
        let (mut before, mut at) = (NONE, self.slots.get(slot).first);
        while at != NONE {
            let route = self.routes.get(at);
            if route.sender == sender && route.path_id == path_id {
                return Some((at, before));
            }
            (before, at) = (at, route.next);
        }
        None
    }

    /// Adds a route to a slot.
    #[inline]
    pub(crate) fn push_route(&mut self, slot: u32, route: Route) -> u32 {
        let first = self.slots.get(slot).first;
        let id = self.routes.insert(Route { next: first, ..route });
        self.slots.get_mut(slot).first = id;
        id
    }

    /// Takes a route out of its slot.
    #[inline]
    pub(crate) fn take_route(&mut self, slot: u32, id: u32, before: u32) -> Route {
        let route = self.routes.remove(id);
        if before == NONE {
            self.slots.get_mut(slot).first = route.next;
        } else {
            self.routes.get_mut(before).next = route.next;
        }
        route
    }
}
