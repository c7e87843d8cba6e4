//! The tables of one family: prefix → slot → routes.

use super::{
    intern::AttrId,
    peers::SenderId,
    slab::{self, NONE, Slab},
};
use bgp_proto::prefix::{Address, Prefix};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// One path to a prefix, from one sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The next route of the same slot, `NONE` at the end.
    pub(crate) next: u32,
    pub(crate) sender: SenderId,
    /// Which session of the sender it came on: an older one than the latest makes it stale.
    pub(crate) epoch: u8,
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
    /// The prefix; `None` for a free slot.
    #[inline]
    pub(crate) fn prefix(&self) -> Option<Prefix<A>> {
        Prefix::new(self.bits, self.len)
    }
}

/// How many parts the index has: each grows by itself, so that growing never takes long.
const PARTS: usize = 256;

/// Slots and routes of one family, with the one index that finds them.
pub(crate) struct Table<A> {
    index: Vec<HashTable<u32>>,
    hasher: FixedState,
    pub(crate) slots: Slab<Slot<A>>,
    pub(crate) routes: Slab<Route>,
}

impl<A: Address> Table<A> {
    pub(crate) fn new(seed: u64) -> Self {
        let index = (0..PARTS).map(|_| HashTable::new()).collect();
        Table { index, hasher: FixedState::with_seed(seed), slots: Slab::new(), routes: Slab::new() }
    }

    /// Octets of memory held.
    pub(crate) fn octets(&self) -> usize {
        let index = self.index.iter().map(HashTable::allocation_size).sum::<usize>();
        index + self.slots.octets() + self.routes.octets()
    }

    #[inline]
    pub(crate) fn hash(&self, prefix: Prefix<A>) -> u64 {
        self.hasher.hash_one((prefix.bits(), prefix.len()))
    }

    #[inline]
    fn part(hash: u64) -> usize {
        // The table itself uses the lowest and the highest bits.
        (hash >> 40) as usize % PARTS
    }

    #[inline]
    fn same(slots: &Slab<Slot<A>>, id: u32, prefix: Prefix<A>) -> bool {
        let slot = slots.get(id);
        slot.bits == prefix.bits() && slot.len == prefix.len()
    }

    /// The slot of a prefix.
    #[inline]
    pub(crate) fn find(&self, hash: u64, prefix: Prefix<A>) -> Option<u32> {
        self.index[Self::part(hash)].find(hash, |id| Self::same(&self.slots, *id, prefix)).copied()
    }

    /// The slot of a prefix, made if there is none.
    #[inline]
    pub(crate) fn find_or_insert(&mut self, hash: u64, prefix: Prefix<A>) -> u32 {
        let (slots, hasher) = (&mut self.slots, &self.hasher);
        let part = &mut self.index[Self::part(hash)];
        if let Some(id) = part.find(hash, |id| Self::same(slots, *id, prefix)) {
            return *id;
        }
        let id = slots.insert(Slot { bits: prefix.bits(), len: prefix.len(), ..Slot::default() });
        part.insert_unique(hash, id, |id| {
            let slot = slots.get(*id);
            hasher.hash_one((slot.bits, slot.len))
        });
        id
    }

    /// Gives an empty slot back.
    pub(crate) fn remove_slot(&mut self, id: u32) {
        let slot = self.slots.remove(id);
        let Some(prefix) = slot.prefix() else { return };
        let hash = self.hash(prefix);
        let part = &mut self.index[Self::part(hash)];
        if let Ok(entry) = part.find_entry(hash, |at| *at == id) {
            entry.remove();
        }
        if part.capacity() > 64 && part.len() * 8 < part.capacity() {
            let (slots, hasher) = (&self.slots, &self.hasher);
            part.shrink_to(part.len() * 2, |id| {
                let slot = slots.get(*id);
                hasher.hash_one((slot.bits, slot.len))
            });
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
