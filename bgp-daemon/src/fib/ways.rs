//! The ways that routes go: each set of next hops once, with the kernel's group of gateways that stands for it. A group
//! whose members change takes all its routes along, by one message.

mod found;
mod own;

use super::{
    Gateway, MAX_PATHS, Path, Settings,
    plan::{Op, WayId},
    resolve::{Object, Resolver},
    route::{Buckets, Resilient, normal},
};
use crate::rib::Hop;
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Packets are dropped: a way that is always there.
pub const DISCARD: WayId = 0;

/// A set of next hops that routes go to.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// The next hops; `None`: it was found in the kernel, and nobody has asked for it.
    hops: Option<Arc<[Hop]>>,
    /// The one prefix whose packets go this way, wherever that leads; `None`: any prefix with these next hops.
    own: Option<IpNet>,
    /// Its group keeps flows where they are while members come and go.
    buckets: Option<Buckets>,
    /// It was there at the start, and keeps its members until all is said.
    kept: bool,
    /// Routes that want to go or do go this way.
    refs: u32,
    /// The gateways, as its next hops resolve now.
    pub(super) wanted: Vec<Path>,
    /// The gateways of the group in the kernel; none: there is no group.
    placed: Vec<Path>,
    /// The number of the group; 0: it has none yet.
    pub(super) group: u32,
    /// What the kernel said against it.
    pub(super) error: Option<Arc<str>>,
}

/// A way out that groups have among their members.
#[derive(Debug)]
struct Single {
    id: u32,
    /// It is in the kernel.
    placed: bool,
    /// How many groups in the kernel have it.
    refs: u32,
}

/// All ways.
#[derive(Debug)]
pub(super) struct Ways {
    /// Groups and their members stand for ways; else each route names its gateways.
    pub(super) objects: bool,
    /// The first number of a next hop object of ours.
    first: u32,
    next: u32,
    multipath: usize,
    /// Which prefixes have ways of their own.
    resilient: Option<Resilient>,
    /// All that there is was chosen.
    is_complete: bool,
    ways: Vec<Option<Way>>,
    free: Vec<WayId>,
    index: BTreeMap<Arc<[Hop]>, WayId>,
    owned: BTreeMap<IpNet, WayId>,
    last: Option<(Arc<[Hop]>, WayId)>,
    groups: BTreeMap<u32, WayId>,
    singles: BTreeMap<Gateway, Single>,
    numbers: BTreeMap<u32, Gateway>,
    /// Found in the kernel and not asked for.
    adopted: BTreeSet<WayId>,
    /// Their groups differ from what they should be.
    dirty: BTreeSet<WayId>,
    /// Nothing uses them any more.
    unused: BTreeSet<WayId>,
    idle: BTreeSet<Gateway>,
    /// Objects of ours that stand for nothing.
    strays: BTreeSet<u32>,
}

/// How many next hop objects one instance may have.
pub const OBJECTS: u32 = 1 << 20;

/// The first number of the next hop objects of an instance with this table: the kernel has one set of numbers for all
/// tables, and an instance with another table and the same protocol must know its own.
pub fn first_object(table: u32) -> u32 {
    (1 << 30) + (table % 1024) * OBJECTS
}

impl Way {
    /// The gateways, as the kernel has them or as they are to be.
    pub(super) fn gateways(&self) -> &[Path] {
        if self.wanted.is_empty() { &self.placed } else { &self.wanted }
    }
}

impl Ways {
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { objects, .. } = *settings;
        let first = first_object(settings.mark.table);
        let discard = Way { refs: 1, ..Way::default() };
        Ways {
            objects,
            first,
            next: first,
            multipath: settings.multipath.clamp(1, MAX_PATHS),
            resilient: settings.resilient.clone().filter(|_| objects),
            is_complete: false,
            ways: vec![Some(discard)],
            free: Vec::new(),
            index: BTreeMap::new(),
            owned: BTreeMap::new(),
            last: None,
            groups: BTreeMap::new(),
            singles: BTreeMap::new(),
            numbers: BTreeMap::new(),
            adopted: BTreeSet::new(),
            dirty: BTreeSet::new(),
            unused: BTreeSet::new(),
            idle: BTreeSet::new(),
            strays: BTreeSet::new(),
        }
    }

    pub(super) fn get(&self, id: WayId) -> Option<&Way> {
        self.ways.get(id as usize)?.as_ref()
    }

    fn of(&mut self, id: WayId) -> Option<&mut Way> {
        self.ways.get_mut(id as usize)?.as_mut()
    }

    /// Whether a number is in the range of ours.
    pub(super) fn is_own(&self, object: u32) -> bool {
        (self.first..self.first + OBJECTS).contains(&object)
    }

    /// How many ways there are that somebody asked for.
    pub(super) fn len(&self) -> usize {
        self.index.len() + self.owned.len()
    }

    /// Those that somebody asked for.
    fn asked_for(&self) -> Vec<WayId> {
        self.index.values().chain(self.owned.values()).copied().collect()
    }

    /// The way to these next hops, whichever prefix goes there.
    fn intern(&mut self, hops: &Arc<[Hop]>, resolver: &Resolver) -> WayId {
        if let Some((last, id)) = &self.last
            && Arc::ptr_eq(last, hops)
        {
            return *id;
        }
        let id = match self.index.get(hops) {
            Some(id) => *id,
            None => self.add(hops, resolver),
        };
        self.last = Some((Arc::clone(hops), id));
        id
    }

    fn add(&mut self, hops: &Arc<[Hop]>, resolver: &Resolver) -> WayId {
        let wanted = self.gateways(hops, resolver);
        let same = |id: &&WayId| {
            !wanted.is_empty()
                && self.get(**id).is_some_and(|way| way.placed == wanted && way.buckets.is_none())
        };
        let id = match self.adopted.iter().find(same).copied() {
            Some(id) => {
                self.adopted.remove(&id);
                id
            }
            None => self.place(Way::default()),
        };
        if let Some(way) = self.of(id) {
            (way.hops, way.wanted) = (Some(Arc::clone(hops)), wanted);
        }
        self.index.insert(Arc::clone(hops), id);
        self.dirty.insert(id);
        // Nobody may come to use it after all.
        self.unused.insert(id);
        id
    }

    fn place(&mut self, way: Way) -> WayId {
        match self.free.pop() {
            Some(id) => {
                self.ways[id as usize] = Some(way);
                id
            }
            None => {
                self.ways.push(Some(way));
                self.ways.len() as WayId - 1
            }
        }
    }

    fn gateways(&self, hops: &[Hop], resolver: &Resolver) -> Vec<Path> {
        let mut paths = Vec::new();
        let found: Vec<_> = hops.iter().map(|hop| (hop.weight, resolver.paths(hop))).collect();
        // A next hop has its share of the packets, however many gateways lead to it.
        let sum = |paths: &[Path]| paths.iter().map(|path| u64::from(path.weight)).sum::<u64>().max(1);
        let whole = found.iter().map(|(_, paths)| sum(paths)).fold(1, |all, sum| lcm(all, sum).min(1 << 32));
        for (weight, of) in &found {
            let each = (whole / sum(of)).max(1) * u64::from(*weight);
            paths.extend(of.iter().map(|path| (path.gateway, u64::from(path.weight) * each)));
        }
        normal(paths, self.multipath)
    }

    pub(super) fn retain(&mut self, id: WayId) {
        if let Some(way) = self.of(id) {
            way.refs += 1;
            if way.refs == 1 {
                self.dirty.insert(id);
            }
        }
    }

    pub(super) fn release(&mut self, id: WayId) {
        if let Some(way) = self.of(id) {
            way.refs = way.refs.saturating_sub(1);
            if way.refs == 0 {
                self.unused.insert(id);
            }
        }
    }

    /// Whether routes can be put on this way.
    pub(super) fn is_ready(&self, id: WayId) -> bool {
        id == DISCARD
            || self
                .get(id)
                .is_some_and(|way| if self.objects { !way.placed.is_empty() } else { !way.wanted.is_empty() })
    }

    /// Whether some group is not what it should be.
    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Whether an object of ours is as it was placed.
    pub(super) fn is_as_placed(&self, id: u32, object: &Object) -> bool {
        match object {
            Object::Single(gateway) => self.numbers.get(&id) == Some(gateway),
            Object::Discard => false,
            Object::Group(members, buckets) => {
                let path = |(id, weight): &(u32, u16)| Some((*self.numbers.get(id)?, u64::from(*weight)));
                let paths = members.iter().map(path).collect::<Option<Vec<_>>>();
                let way = self.groups.get(&id).and_then(|way| self.get(*way));
                let is_same = |(paths, way): (_, &Way)| {
                    way.buckets == *buckets && normal(paths, usize::MAX) == way.placed
                };
                paths.zip(way).is_some_and(is_same)
            }
        }
    }

    /// Whether a way leads nowhere now.
    pub(super) fn is_empty(&self, id: WayId) -> bool {
        id != DISCARD && self.get(id).is_none_or(|way| way.wanted.is_empty())
    }

    /// Resolves all next hops again. Returns the ways that lead elsewhere now.
    pub(super) fn resolve(&mut self, resolver: &Resolver) -> Vec<WayId> {
        let mut changed = Vec::new();
        for id in self.asked_for() {
            let Some(hops) = self.get(id).and_then(|way| way.hops.clone()) else { continue };
            let mut wanted = self.gateways(&hops, resolver);
            let Some(way) = self.of(id) else { continue };
            if way.kept && !way.placed.is_empty() {
                wanted.clone_from(&way.placed);
            }
            if way.wanted != wanted {
                (way.wanted, way.error) = (wanted, None);
                changed.push(id);
                self.dirty.insert(id);
            }
        }
        changed
    }

    /// Asks the kernel again for what it refused.
    pub(super) fn retry(&mut self) {
        for id in self.asked_for() {
            if self.of(id).is_some_and(|way| way.error.take().is_some()) {
                self.dirty.insert(id);
            }
        }
    }
}

/// What goes to the kernel.
impl Ways {
    /// Messages that make the groups what they should be: to be sent before any route. Returns the ways that can be
    /// used from now on.
    pub(super) fn place_groups(&mut self, resolver: &Resolver, ops: &mut Vec<Op>) -> Vec<WayId> {
        let mut ready = Vec::new();
        let dirty = std::mem::take(&mut self.dirty);
        for id in dirty {
            let used = self.get(id).is_some_and(|way| way.refs > 0 && way.error.is_none());
            if !used || self.is_empty(id) {
                continue;
            }
            if self.objects {
                self.place_group(id, resolver, ops);
            }
            ready.push(id);
        }
        ready
    }

    fn place_group(&mut self, id: WayId, resolver: &Resolver, ops: &mut Vec<Op>) {
        let Some(way) = self.get(id) else { return };
        let (wanted, old) = (way.wanted.clone(), way.placed.clone());
        if wanted == old {
            return;
        }
        let members: Vec<_> =
            wanted.iter().map(|path| (self.place_single(path.gateway, resolver, ops), path.weight)).collect();
        let group = match self.get(id).map_or(0, |way| way.group) {
            0 => self.number(resolver),
            group => group,
        };
        let buckets = self.get(id).and_then(|way| way.buckets);
        ops.push(Op::Group { id: group, members, buckets, replaces: !old.is_empty() });
        self.groups.insert(group, id);
        self.unplace(&old);
        if let Some(way) = self.of(id) {
            (way.group, way.placed) = (group, wanted);
        }
    }

    /// The object of a way out, with one more group that has it.
    fn place_single(&mut self, gateway: Gateway, resolver: &Resolver, ops: &mut Vec<Op>) -> u32 {
        let id = match self.singles.get(&gateway) {
            Some(single) => single.id,
            None => self.number(resolver),
        };
        let single = self.singles.entry(gateway).or_insert(Single { id, placed: false, refs: 0 });
        single.refs += 1;
        if !std::mem::replace(&mut single.placed, true) {
            ops.push(Op::Object { id, gateway });
        }
        self.numbers.insert(id, gateway);
        self.idle.remove(&gateway);
        id
    }

    /// A group does not have these members any more.
    fn unplace(&mut self, paths: &[Path]) {
        for path in paths {
            if let Some(single) = self.singles.get_mut(&path.gateway) {
                single.refs = single.refs.saturating_sub(1);
                if single.refs == 0 {
                    self.idle.insert(path.gateway);
                }
            }
        }
    }

    /// A number that no object has.
    fn number(&mut self, resolver: &Resolver) -> u32 {
        let taken = |id: &u32| {
            self.groups.contains_key(id)
                || self.numbers.contains_key(id)
                || self.strays.contains(id)
                || resolver.has_object(*id)
        };
        let mut id = self.next;
        while taken(&id) {
            id = if id + 1 == self.first + OBJECTS { self.first } else { id + 1 };
        }
        self.next = if id + 1 == self.first + OBJECTS { self.first } else { id + 1 };
        id
    }

    /// Messages that take away what nothing uses: to be sent when all routes are as they should be. What was found in
    /// the kernel goes only when `all` does.
    pub(super) fn drop_unused(&mut self, all: bool, ops: &mut Vec<Op>) {
        for id in std::mem::take(&mut self.unused) {
            let Some(way) = self.get(id).filter(|way| way.refs == 0) else { continue };
            if way.hops.is_none() && !all {
                self.unused.insert(id);
                continue;
            }
            let (group, placed) = (way.group, way.placed.clone());
            if !placed.is_empty() && self.objects {
                ops.push(Op::DropObject { id: group });
            }
            self.unplace(&placed);
            self.groups.remove(&group);
            self.forget(id);
        }
        for gateway in std::mem::take(&mut self.idle) {
            if let Some(single) = self.singles.get(&gateway).filter(|single| single.refs == 0) {
                let (id, placed) = (single.id, single.placed);
                if placed {
                    ops.push(Op::DropObject { id });
                }
                self.singles.remove(&gateway);
                self.numbers.remove(&id);
            }
        }
        if all {
            ops.extend(std::mem::take(&mut self.strays).into_iter().map(|id| Op::DropObject { id }));
        }
    }

    fn forget(&mut self, id: WayId) {
        let way = self.ways.get_mut(id as usize).and_then(Option::take);
        match way {
            Some(Way { own: Some(net), .. }) => drop(self.owned.remove(&net)),
            Some(Way { hops: Some(hops), .. }) => drop(self.index.remove(&hops)),
            _ => {}
        }
        self.last = None;
        self.adopted.remove(&id);
        self.dirty.remove(&id);
        self.free.push(id);
    }

    /// The kernel refused an object.
    pub(super) fn object_refused(&mut self, object: u32, why: &Arc<str>) {
        let Some(gateway) = self.numbers.get(&object).copied() else { return };
        if let Some(single) = self.singles.get_mut(&gateway) {
            single.placed = false;
        }
        for way in self.ways.iter_mut().flatten() {
            if way.wanted.iter().any(|path| path.gateway == gateway) {
                way.error = Some(Arc::clone(why));
            }
        }
    }

    /// The kernel refused a group: it is not there, or has none of the members that it should. Returns its way.
    pub(super) fn group_refused(&mut self, group: u32, why: &Arc<str>) -> Option<WayId> {
        let id = *self.groups.get(&group)?;
        let way = self.of(id)?;
        way.error.get_or_insert_with(|| Arc::clone(why));
        let placed = std::mem::take(&mut way.placed);
        self.unplace(&placed);
        Some(id)
    }
}

fn lcm(a: u64, b: u64) -> u64 {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    a / x.max(1) * b
}
