//! One address width of the RIB: the table of its routes and the groups that are told of them.

use super::{
    group::{Around, Group},
    intern::{AttrId, Sets},
    peers::{Sender, SenderId},
    pending::{NOBODY, Wish},
    select::{self, Candidate, Settings},
    slab::NONE,
    table::{Route, Table},
    view::View,
};
use bgp_proto::{
    prefix::{Address, Prefix},
    wire::nlri::Path,
};
use bytes::Bytes;
use std::collections::VecDeque;

/// What both widths share.
pub(super) struct Shared<'a> {
    pub(super) sets: &'a mut Sets,
    pub(super) senders: &'a [Option<Sender>],
    pub(super) settings: Settings,
}

/// Work that goes through all slots, a slice at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    /// Withdraw what does not count any more of a sender's routes, and compare anew where one has become stale.
    Sweep(SenderId),
    /// Offer every slot to a group that is new or whose view changed.
    Evaluate(usize),
    /// Compare anew where a route points to this next hop.
    Resolve(u32),
}

/// A sender's routes of one width: those of the latest epoch count, those of the one before may be kept as stale.
#[derive(Clone, Copy, Debug, Default)]
struct Epoch {
    latest: u8,
    keep: bool,
    routes: u32,
}

impl Epoch {
    /// How many epochs ago the route came: 0 is fresh, 1 stale.
    fn age(self, route: &Route) -> u8 {
        self.latest.wrapping_sub(route.epoch)
    }

    /// Whether the route does not count any more and only waits for the sweep.
    fn is_gone(self, route: &Route) -> bool {
        self.age(route) > u8::from(self.keep)
    }
}

/// Routes of one UPDATE, past import policy.
#[derive(Clone, Copy)]
pub(super) struct Learned {
    pub(super) sender: SenderId,
    pub(super) learned: AttrId,
    pub(super) accepted: AttrId,
    pub(super) since: u32,
}

/// The tables and groups of one address width.
pub(super) struct Half<A> {
    pub(super) table: Table<A>,
    pub(super) groups: Vec<Option<Group<A>>>,
    /// By sender.
    epochs: Vec<Epoch>,
    /// The first is under way, with its cursor.
    jobs: VecDeque<(Job, u32)>,
    idle: Vec<u32>,
    seed: u64,
}

/// Prefixes that are looked up together: their cache misses overlap.
const TOGETHER: usize = 32;

impl<A: Address> Half<A> {
    pub(super) fn new(seed: u64) -> Self {
        Half {
            table: Table::new(seed),
            groups: Vec::new(),
            epochs: Vec::new(),
            jobs: VecDeque::new(),
            idle: Vec::new(),
            seed,
        }
    }

    pub(super) fn octets(&self) -> usize {
        self.table.octets() + self.groups.iter().flatten().map(Group::octets).sum::<usize>()
    }

    /// Takes over announced routes.
    pub(super) fn learn(
        &mut self,
        with: Learned,
        mut paths: impl Iterator<Item = Path<Prefix<A>>>,
        shared: &mut Shared<'_>,
    ) {
        let mut batch = [(Path { id: 0, item: Prefix::default() }, 0u64); TOGETHER];
        loop {
            let mut filled = 0;
            for (place, path) in batch.iter_mut().zip(paths.by_ref()) {
                *place = (path, self.table.hash(path.item));
                filled += 1;
            }
            let mut slots = [0u32; TOGETHER];
            for (slot, (path, hash)) in slots.iter_mut().zip(&batch[..filled]) {
                *slot = self.table.find_or_insert(*hash, path.item);
            }
            for (slot, (path, _)) in slots.into_iter().zip(&batch[..filled]) {
                self.learn_one(slot, *path, with, shared);
            }
            if filled < TOGETHER {
                return;
            }
        }
    }

    #[inline]
    fn learn_one(&mut self, slot: u32, path: Path<Prefix<A>>, with: Learned, shared: &mut Shared<'_>) {
        shared.sets.retain(with.learned);
        if with.accepted.is_some() {
            shared.sets.retain(with.accepted);
        }
        let Learned { sender, learned, accepted, since } = with;
        let epoch = self.epoch(sender).latest;
        let route = Route { next: NONE, sender, epoch, learned, accepted, path_id: path.id, since };
        match self.table.find_route(slot, sender, path.id) {
            Some((id, _)) => {
                let at = self.table.routes.get_mut(id);
                let old = std::mem::replace(at, Route { next: at.next, ..route });
                if (old.accepted, old.epoch) != (accepted, epoch) {
                    self.reselect(slot, Change::Replaced(id), shared);
                }
                release(&old, shared.sets);
            }
            None => {
                let id = self.table.push_route(slot, route);
                self.epoch_mut(sender).routes += 1;
                self.reselect(slot, Change::Added(id), shared);
            }
        }
    }

    /// Takes over withdrawn routes.
    pub(super) fn withdraw(
        &mut self,
        sender: SenderId,
        mut paths: impl Iterator<Item = Path<Prefix<A>>>,
        shared: &mut Shared<'_>,
    ) {
        let mut batch = [(Path { id: 0, item: Prefix::default() }, 0u64); TOGETHER];
        loop {
            let mut filled = 0;
            for (place, path) in batch.iter_mut().zip(paths.by_ref()) {
                *place = (path, self.table.hash(path.item));
                filled += 1;
            }
            let mut slots = [NONE; TOGETHER];
            for (slot, (path, hash)) in slots.iter_mut().zip(&batch[..filled]) {
                *slot = self.table.find(*hash, path.item).unwrap_or(NONE);
            }
            for (slot, (path, _)) in slots.into_iter().zip(&batch[..filled]).filter(|(slot, _)| *slot != NONE)
            {
                // A prefix that stands twice in one message may be gone by its second turn.
                if self.table.slots.get(slot).prefix() == Some(path.item) {
                    self.withdraw_one(slot, sender, path.id, shared);
                }
            }
            if filled < TOGETHER {
                return;
            }
        }
    }

    #[inline]
    fn withdraw_one(&mut self, slot: u32, sender: SenderId, path_id: u32, shared: &mut Shared<'_>) {
        let Some((id, before)) = self.table.find_route(slot, sender, path_id) else { return };
        let gone = self.table.take_route(slot, id, before);
        self.epoch_mut(sender).routes -= 1;
        self.reselect(slot, Change::Removed(id), shared);
        release(&gone, shared.sets);
        self.give_back(slot);
    }

    /// Frees a slot without routes about which nothing is said any more.
    #[inline]
    fn give_back(&mut self, slot: u32) {
        let empty = self.table.slots.peek(slot).is_some_and(|s| s.first == NONE && s.prefix().is_some());
        if empty && self.groups.iter().flatten().all(|group| group.is_idle(slot)) {
            self.table.remove_slot(slot);
        }
    }
}

/// What happened to a slot's routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Added(u32),
    Replaced(u32),
    Removed(u32),
    /// Anything: all candidates are compared anew.
    Any,
}

fn release(route: &Route, sets: &mut Sets) {
    sets.release(route.learned);
    if route.accepted.is_some() {
        sets.release(route.accepted);
    }
}

impl<A: Address> Half<A> {
    /// Selects the best route of a slot again and offers it to every group.
    #[inline]
    fn reselect(&mut self, slot: u32, change: Change, shared: &mut Shared<'_>) {
        let old = self.table.slots.get(slot).best;
        let best = self.select(slot, old, change, shared);
        let same =
            best == old && !matches!(change, Change::Replaced(id) if id == best) && change != Change::Any;
        if same {
            return;
        }
        self.table.slots.get_mut(slot).best = best;
        self.offer(slot, shared.sets);
    }

    #[inline]
    fn select(&mut self, slot: u32, old: u32, change: Change, shared: &Shared<'_>) -> u32 {
        let entry = *self.table.slots.get(slot);
        let candidate = |id: u32| {
            let route = self.table.routes.get(id);
            let sender = shared.senders.get(usize::from(route.sender.0))?.as_ref()?;
            let epoch = self.epoch(route.sender);
            if epoch.is_gone(route) {
                return None;
            }
            Candidate::of(id, route, epoch.age(route) > 0, sender, shared.sets)
        };
        if entry.first == NONE {
            return NONE;
        }
        if self.table.routes.get(entry.first).next == NONE {
            let only = candidate(entry.first);
            let med = only.is_some_and(|only| only.has_med());
            self.table.slots.get_mut(slot).med = med;
            return if only.is_some() { entry.first } else { NONE };
        }
        // With a MED among the candidates a route can change the order of two others (RFC 4271 §9.1.2.2 (c)).
        let plain = !entry.med;
        match change {
            Change::Added(id) if plain && old != NONE => match (candidate(id), candidate(old)) {
                (Some(new), Some(best)) if !new.has_med() => {
                    return if select::beats(&new, &best, shared.sets) { id } else { old };
                }
                (None, Some(_)) => return old,
                _ => {}
            },
            Change::Removed(id) if plain && id != old => return old,
            _ => {}
        }
        let mut all: Vec<_> = self.table.routes_of(slot).filter_map(|(id, _)| candidate(id)).collect();
        let med = all.iter().any(Candidate::has_med);
        let best = select::select(&mut all, shared.settings, shared.sets, |_, _| {})
            .map_or(NONE, |found| found.best);
        self.table.slots.get_mut(slot).med = med;
        best
    }

    /// Offers a slot's best route to every group.
    #[inline]
    fn offer(&mut self, slot: u32, sets: &mut Sets) {
        let entry = self.table.slots.get(slot);
        let Some(prefix) = entry.prefix() else { return };
        let best = (entry.best != NONE).then(|| self.table.routes.get(entry.best));
        for group in self.groups.iter_mut().flatten() {
            let wish = best.map(|best| wish(best, group));
            group.offer(slot, prefix, wish, sets);
        }
    }
}

/// What a group's members are to be told of a route.
#[inline]
fn wish<A: Address>(route: &Route, group: &Group<A>) -> Wish {
    let source = if group.has(route.sender.0) { route.sender.0 } else { NOBODY };
    Wish { attributes: route.accepted, rule: 0, source }
}

impl<A: Address> Half<A> {
    /// Puts a peer into the group with this view, which is made if there is none.
    pub(super) fn join(&mut self, view: View, member: u16, ring: usize) -> usize {
        let found =
            self.groups.iter().position(|group| group.as_ref().is_some_and(|group| group.view == view));
        let group = found.unwrap_or_else(|| {
            let free = self.groups.iter().position(Option::is_none).unwrap_or(self.groups.len());
            if free == self.groups.len() {
                self.groups.push(None);
            }
            self.groups[free] = Some(Group::new(view, self.seed, ring));
            self.jobs.push_back((Job::Evaluate(free), 0));
            free
        });
        if let Some(group) = &mut self.groups[group] {
            group.join(member);
        }
        group
    }

    /// Takes a peer out of all groups; groups without members go.
    pub(super) fn leave(&mut self, member: u16, sets: &mut Sets) {
        for place in &mut self.groups {
            let Some(group) = place.as_mut().filter(|group| group.has(member)) else { continue };
            group.leave(member);
            if group.is_empty() {
                group.clear(sets);
                *place = None;
            }
        }
    }

    /// Tells a member of a group everything again.
    pub(super) fn refresh(&mut self, group: usize, member: u16) {
        if let Some(Some(group)) = self.groups.get_mut(group) {
            group.refresh(member);
        }
    }

    /// How many runs were encoded for groups, and again for single members.
    pub(super) fn encoded(&self) -> (u64, u64) {
        self.groups
            .iter()
            .flatten()
            .fold((0, 0), |(a, b), group| (a + group.encoded, b + group.encoded_again))
    }

    /// The next octets for a member of a group.
    pub(super) fn take(
        &mut self,
        group: usize,
        member: u16,
        sets: &mut Sets,
        complete: bool,
    ) -> Option<Bytes> {
        let Half { table, groups, idle, .. } = self;
        let group = groups.get_mut(group)?.as_mut()?;
        let told = group.take(member, Around { table, sets, idle, complete });
        while let Some(slot) = self.idle.pop() {
            self.give_back(slot);
        }
        told
    }

    #[inline]
    fn epoch(&self, sender: SenderId) -> Epoch {
        self.epochs.get(usize::from(sender.0)).copied().unwrap_or_default()
    }

    fn epoch_mut(&mut self, sender: SenderId) -> &mut Epoch {
        let at = usize::from(sender.0);
        if self.epochs.len() <= at {
            self.epochs.resize(at + 1, Epoch::default());
        }
        &mut self.epochs[at]
    }

    /// How many routes a sender has here.
    pub(super) fn routes_of(&self, sender: SenderId) -> u32 {
        self.epoch(sender).routes
    }

    /// Ends a sender's epoch: its routes are stale from now on, or do not count any more. What was stale before is
    /// gone in either case (RFC 4724 §4.2: consecutive restarts).
    pub(super) fn end_epoch(&mut self, sender: SenderId, keep: bool) {
        let epoch = self.epoch_mut(sender);
        (epoch.latest, epoch.keep) = (epoch.latest.wrapping_add(1), keep);
        if epoch.routes > 0 {
            self.jobs.push_back((Job::Sweep(sender), 0));
        }
    }

    /// Drops what is left of a sender's older epochs.
    pub(super) fn sweep(&mut self, sender: SenderId) {
        let epoch = self.epoch_mut(sender);
        if std::mem::take(&mut epoch.keep) && epoch.routes > 0 {
            self.jobs.push_back((Job::Sweep(sender), 0));
        }
    }

    /// Compares anew where a route points to this next hop.
    pub(super) fn resolve(&mut self, next_hop: u32) {
        self.jobs.push_back((Job::Resolve(next_hop), 0));
    }

    /// Does a slice of the first job: about `slots` slots. False: there is none.
    pub(super) fn work(&mut self, slots: u32, shared: &mut Shared<'_>) -> bool {
        let Some((job, from)) = self.jobs.pop_front() else { return false };
        let end = self.table.slots.end();
        let to = end.min(from.saturating_add(slots));
        for slot in from..to {
            if self.table.slots.peek(slot).is_some_and(|slot| slot.prefix().is_some()) {
                self.work_on(slot, job, shared);
            }
        }
        if to < end {
            self.jobs.push_front((job, to));
        } else if let Job::Evaluate(group) = job
            && let Some(Some(group)) = self.groups.get_mut(group)
        {
            group.evaluated = true;
        }
        true
    }

    fn work_on(&mut self, slot: u32, job: Job, shared: &mut Shared<'_>) {
        match job {
            Job::Sweep(sender) => {
                let epoch = self.epoch(sender);
                let theirs = |route: &Route| route.sender == sender;
                let gone =
                    self.table.routes_of(slot).filter(|(_, route)| theirs(route) && epoch.is_gone(route));
                let gone: Vec<_> = gone.map(|(_, route)| route.path_id).collect();
                gone.into_iter().for_each(|path_id| self.withdraw_one(slot, sender, path_id, shared));
                let left = self.table.slots.peek(slot).is_some_and(|slot| slot.prefix().is_some());
                if left && self.table.routes_of(slot).any(|(_, route)| theirs(route) && epoch.age(route) > 0)
                {
                    self.reselect(slot, Change::Any, shared);
                }
            }
            Job::Resolve(next_hop) => {
                if self
                    .table
                    .routes_of(slot)
                    .any(|(_, route)| shared.sets.points_to(route.accepted, next_hop))
                {
                    self.reselect(slot, Change::Any, shared);
                }
            }
            Job::Evaluate(group) => {
                let entry = self.table.slots.get(slot);
                let (prefix, best) = (entry.prefix(), entry.best);
                let best = (best != NONE).then(|| self.table.routes.get(best));
                if let (Some(prefix), Some(Some(group))) = (prefix, self.groups.get_mut(group)) {
                    let wish = best.map(|best| wish(best, group));
                    group.offer(slot, prefix, wish, shared.sets);
                }
            }
        }
    }
}
