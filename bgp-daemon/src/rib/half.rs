//! One address width of the RIB: the table of its routes and the groups that are told of them.

mod epoch;
mod jobs;
mod watch;

use super::{
    chosen::Following,
    group::{Around, Group, Joining},
    import::Judge,
    intern::{AttrId, Sets},
    peers::{Sender, SenderId},
    recent::Recent,
    select::{self, Candidate, Settings},
    session::Export,
    slab::{self, NONE},
    table::{Route, Slot, Table},
    view::View,
};
use bgp_proto::{
    prefix::{Address, Prefix},
    wire::nlri::Path,
};
use bytes::Bytes;
use epoch::Epoch;
use jobs::{Job, Jobs};
use watch::Watch;

/// What both widths share.
pub(super) struct Shared<'a> {
    pub(super) sets: &'a mut Sets,
    pub(super) senders: &'a [Option<Sender>],
    pub(super) judge: &'a mut Judge,
    pub(super) settings: Settings,
    /// Routes that are not accepted are held all the same.
    pub(super) keep_rejected: bool,
}

/// The sender of this number.
#[inline]
pub(super) fn find(senders: &[Option<Sender>], id: SenderId) -> Option<&Sender> {
    senders.get(usize::from(id.0))?.as_ref()
}

impl Shared<'_> {
    /// What a route of this sender is accepted with; `NONE`: it is not.
    #[inline]
    fn accept<A: Address>(&mut self, sender: SenderId, learned: AttrId, prefix: Prefix<A>) -> AttrId {
        match find(self.senders, sender).and_then(Sender::import) {
            Some(import) => self.judge.accept((sender, learned), import, prefix, self.sets),
            None => learned,
        }
    }
}

/// Routes of one UPDATE.
#[derive(Clone, Copy)]
pub(super) struct Learned {
    pub(super) sender: SenderId,
    pub(super) learned: AttrId,
    pub(super) since: u32,
}

/// The tables and groups of one address width.
pub(super) struct Half<A> {
    pub(super) table: Table<A>,
    pub(super) groups: Vec<Option<Group<A>>>,
    /// By sender.
    epochs: Vec<Epoch>,
    jobs: Jobs<A>,
    watches: Vec<Watch<A>>,
    /// For those who watch.
    pub(super) recent: Recent<A>,
    /// For a forwarder, if there is one.
    pub(super) following: Option<Following>,
    /// How many groups were ever made.
    made: u64,
    /// How many runs were ever encoded.
    runs: u64,
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
            jobs: Jobs::default(),
            watches: Vec::new(),
            recent: Recent::new(),
            following: None,
            made: 0,
            runs: 0,
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
        let mut batch = [(Path { id: 0, item: Prefix::default() }, 0u32); TOGETHER];
        loop {
            let mut filled = 0;
            for (place, path) in batch.iter_mut().zip(paths.by_ref()) {
                *place = (path, self.table.hash(path.item));
                filled += 1;
            }
            let mut slots = [NONE; TOGETHER];
            self.table.find_each(&batch[..filled], &mut slots);
            for (slot, (path, hash)) in slots.into_iter().zip(&batch[..filled]) {
                let slot = if slot == NONE { self.table.find_or_insert(*hash, path.item) } else { slot };
                self.learn_one(slot, *path, with, shared);
            }
            if filled < TOGETHER {
                return;
            }
        }
    }

    #[inline]
    fn learn_one(&mut self, slot: u32, path: Path<Prefix<A>>, with: Learned, shared: &mut Shared<'_>) {
        let Learned { sender, learned, since } = with;
        let accepted = shared.accept(sender, learned, path.item);
        if accepted.is_some() {
            shared.sets.retain(accepted);
        } else if !shared.keep_rejected {
            return self.forgo(slot, path, sender, shared);
        }
        shared.sets.retain(learned);
        let epoch = self.epoch(sender).latest;
        let route = Route { next: NONE, sender, epoch, learned, accepted, path_id: path.id, since };
        match self.table.find_route(slot, sender, path.id) {
            Some((id, _)) => {
                let at = self.table.routes.get_mut(id);
                let old = std::mem::replace(at, Route { next: at.next, ..route });
                self.count_accepted(sender, old.accepted, accepted);
                if old.accepted != accepted || self.epoch(sender).is_stale(&old) {
                    self.reselect(slot, Change::Replaced(id), shared);
                }
                release(&old, shared.sets);
            }
            None => {
                let id = self.table.push_route(slot, route);
                self.epoch_mut(sender).routes += 1;
                self.count_accepted(sender, AttrId::NONE, accepted);
                self.reselect(slot, Change::Added(id), shared);
            }
        }
    }

    /// A route that is not accepted is not held, and the one it replaces goes.
    fn forgo(&mut self, slot: u32, path: Path<Prefix<A>>, sender: SenderId, shared: &mut Shared<'_>) {
        // A prefix that stands twice in one message may be gone by its second turn.
        if self.table.is_at(slot, path.item) {
            self.withdraw_one(slot, sender, path.id, shared);
            self.give_back(slot);
        }
    }

    /// Takes over withdrawn routes.
    pub(super) fn withdraw(
        &mut self,
        sender: SenderId,
        mut paths: impl Iterator<Item = Path<Prefix<A>>>,
        shared: &mut Shared<'_>,
    ) {
        let mut batch = [(Path { id: 0, item: Prefix::default() }, 0u32); TOGETHER];
        loop {
            let mut filled = 0;
            for (place, path) in batch.iter_mut().zip(paths.by_ref()) {
                *place = (path, self.table.hash(path.item));
                filled += 1;
            }
            let mut slots = [NONE; TOGETHER];
            self.table.find_each(&batch[..filled], &mut slots);
            for (slot, (path, _)) in slots.into_iter().zip(&batch[..filled]).filter(|(slot, _)| *slot != NONE)
            {
                // A prefix that stands twice in one message may be gone by its second turn.
                if self.table.is_at(slot, path.item) {
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
        self.count_accepted(sender, gone.accepted, AttrId::NONE);
        self.reselect(slot, Change::Removed(id), shared);
        release(&gone, shared.sets);
        self.give_back(slot);
    }

    /// Whether some group is told of a prefix although there is no route to it.
    fn is_originated(&self, prefix: Prefix<A>) -> bool {
        prefix.len() == 0 && self.groups.iter().flatten().any(|group| group.view().originates())
    }

    /// Frees the slots about which nothing is said any more.
    fn give_back_idle(&mut self) {
        let mut idle = std::mem::take(&mut self.idle);
        for together in idle.chunks(TOGETHER) {
            self.table.touch(together);
            together.iter().for_each(|slot| self.give_back(*slot));
        }
        idle.clear();
        self.idle = idle;
    }

    /// Frees a slot without routes about which nothing is said any more.
    #[inline]
    pub(super) fn give_back(&mut self, slot: u32) {
        let unused =
            |s: &Slot<A>| s.first == NONE && s.prefix().is_some_and(|prefix| !self.is_originated(prefix));
        let followed = || self.following.as_ref().is_none_or(|following| following.is_idle(slot));
        if self.table.slots.peek(slot).is_some_and(unused)
            && followed()
            && self.groups.iter().flatten().all(|group| group.is_idle(slot))
        {
            self.table.remove_slot(slot);
            if self.table.slots.is_given_back(slot) {
                let chunk = slot / slab::CHUNK as u32;
                self.groups.iter_mut().flatten().for_each(|group| group.give_back(chunk));
            }
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
        if self.recent.is_watched() {
            self.remember(slot);
        }
        let old = self.table.slots.get(slot).best;
        let best = self.select(slot, old, change, shared);
        let same =
            best == old && !matches!(change, Change::Replaced(id) if id == best) && change != Change::Any;
        if same {
            if best != NONE {
                self.note_equals(slot);
            }
            return;
        }
        self.note(slot);
        self.table.slots.get_mut(slot).best = best;
        if (old == NONE) != (best == NONE) && !self.watches.is_empty() {
            self.count(slot, best != NONE);
        }
        self.offer(slot, shared);
    }

    /// The best route stays, but one that is as good may have come or gone.
    #[inline]
    fn note_equals(&mut self, slot: u32) {
        if self.following.as_ref().is_some_and(|following| following.multipath) {
            self.note(slot);
        }
    }

    #[inline]
    fn select(&mut self, slot: u32, old: u32, change: Change, shared: &Shared<'_>) -> u32 {
        let entry = *self.table.slots.get(slot);
        let candidate = |id: u32| {
            let route = self.table.routes.get(id);
            let sender = find(shared.senders, route.sender)?;
            let epoch = self.epoch(route.sender);
            if epoch.is_gone(route) {
                return None;
            }
            Candidate::of(id, route, epoch.is_stale(route), sender, shared.sets)
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

    /// Something happened to a slot's routes that somebody may want to see.
    #[cold]
    fn remember(&mut self, slot: u32) {
        if let Some(prefix) = self.table.slots.get(slot).prefix() {
            self.recent.note(prefix);
        }
    }

    /// Offers a slot's best route to every group.
    #[inline]
    fn offer(&mut self, slot: u32, shared: &mut Shared<'_>) {
        let entry = self.table.slots.get(slot);
        let Some(prefix) = entry.prefix() else { return };
        let told = entry.best != NONE && !self.is_hidden(prefix);
        let best = told.then(|| self.table.routes.get(entry.best));
        let best = best.and_then(|best| Some((best, find(shared.senders, best.sender)?)));
        for group in self.groups.iter_mut().flatten() {
            group.offer(slot, prefix, best, shared.sets);
        }
    }

    /// What was found out about senders may not hold any more.
    pub(super) fn forget(&mut self) {
        self.groups.iter_mut().flatten().for_each(Group::forget);
    }
}

impl<A: Address> Half<A> {
    /// Puts a peer into the group with this view, which is made if there is none.
    pub(super) fn join(&mut self, view: View, joining: Joining, ring: usize, sets: &Sets) -> usize {
        let found =
            self.groups.iter().position(|group| group.as_ref().is_some_and(|group| *group.view() == view));
        let at = found.unwrap_or_else(|| self.place(Group::new(view, self.seed, ring)));
        if let Some(group) = &mut self.groups[at] {
            group.join(joining);
            // It is not to be told what leads to itself.
            if found.is_some() && sets.next_hops.is_known(joining.address) {
                self.begin(Job::Evaluate(at));
            }
        }
        at
    }

    /// Offers every slot to a group, and that of the default route where the group is told one anyway.
    fn evaluate(&mut self, group: usize) {
        if self.groups[group].as_ref().is_some_and(|group| group.view().originates()) {
            let default = Prefix::default();
            self.table.find_or_insert(self.table.hash(default), default);
        }
        self.begin(Job::Evaluate(group));
    }

    /// Takes a group in, to which every slot is going to be offered.
    fn place(&mut self, mut group: Group<A>) -> usize {
        let free = self.groups.iter().position(Option::is_none).unwrap_or(self.groups.len());
        if free == self.groups.len() {
            self.groups.push(None);
        }
        self.made += 1;
        group.serial = self.made;
        self.groups[free] = Some(group);
        self.evaluate(free);
        free
    }

    /// Gives members of groups other views. A group whose members all get the same one changes as a whole; else those
    /// who get it go apart, with all that they were told. Returns who is in which group now.
    pub(super) fn set_exports(
        &mut self,
        exports: &[(SenderId, Export)],
        sets: &mut Sets,
    ) -> Vec<(u16, usize)> {
        let mut moved = Vec::new();
        for number in 0..self.groups.len() {
            let Some(Some(group)) = self.groups.get_mut(number) else { continue };
            for (view, members) in group.views_of(exports) {
                let Some(Some(group)) = self.groups.get_mut(number) else { continue };
                if members.len() == group.len() {
                    group.set_view(view);
                    self.evaluate(number);
                } else {
                    let spared = group.is_pointed_to(&members, sets);
                    let apart = group.split(&members, view, sets);
                    let at = self.place(apart);
                    if spared {
                        self.begin(Job::Evaluate(number));
                    }
                    moved.extend(members.into_iter().map(|member| (member, at)));
                }
            }
        }
        moved
    }

    /// Judges a sender's routes anew, by what applies to them now.
    pub(super) fn set_import(&mut self, sender: SenderId) {
        if self.epoch(sender).routes > 0 {
            self.begin(Job::Import(sender));
        }
    }

    /// Takes a peer out of all groups; groups without members go.
    pub(super) fn leave(&mut self, member: u16, sets: &mut Sets) {
        for (number, place) in self.groups.iter_mut().enumerate() {
            let Some(group) = place.as_mut().filter(|group| group.has(member)) else { continue };
            let spared = group.is_pointed_to(&[member], sets);
            group.leave(member);
            if group.is_empty() {
                group.clear(sets);
                *place = None;
                self.jobs.cancel(&Job::Evaluate(number));
                self.jobs.begin(Job::GiveBack);
            } else if spared {
                // Nobody has to be spared what leads to the one who left.
                self.jobs.begin(Job::Evaluate(number));
            }
        }
    }

    /// Tells a member of a group everything again.
    pub(super) fn refresh(&mut self, group: usize, member: u16) {
        if let Some(Some(group)) = self.groups.get_mut(group) {
            group.refresh(member);
        }
    }

    /// What was found out about senders does not hold any more: every slot is offered anew.
    pub(super) fn offer_all(&mut self) {
        self.forget();
        self.begin(Job::Offer);
    }

    /// A sender is another one than before: what was kept of its routes is compared and offered anew.
    pub(super) fn peer_up(&mut self, sender: SenderId) {
        self.forget();
        if self.epoch(sender).routes > 0 {
            self.begin(Job::Sweep(sender));
        }
    }

    /// How many runs were encoded for groups, and again for single members.
    pub(super) fn encoded(&self) -> (u64, u64) {
        self.groups
            .iter()
            .flatten()
            .fold((0, 0), |(a, b), group| (a + group.encoded, b + group.encoded_again))
    }

    /// How many attribute sets could not be told.
    pub(super) fn untold(&self) -> u64 {
        self.groups.iter().flatten().map(Group::untold).sum()
    }

    /// The next octets for a member of a group.
    pub(super) fn take(
        &mut self,
        group: usize,
        member: u16,
        sets: &mut Sets,
        complete: bool,
    ) -> Option<Bytes> {
        let Half { table, groups, idle, runs, .. } = self;
        let group = groups.get_mut(group)?.as_mut()?;
        let before = group.encoded + group.encoded_again;
        let told = group.take(member, Around { table, sets, idle, complete });
        *runs += group.encoded + group.encoded_again - before;
        self.give_back_idle();
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

    /// Whether a route is stale. `None`: it does not count any more.
    pub(super) fn staleness(&self, route: &Route) -> Option<bool> {
        let epoch = self.epoch(route.sender);
        (!epoch.is_gone(route)).then(|| epoch.is_stale(route))
    }

    /// Which members of groups were told of a slot's route.
    pub(super) fn told(&self, slot: u32) -> Vec<SenderId> {
        self.groups.iter().flatten().flat_map(|group| group.told(slot)).collect()
    }

    /// A sender's route was accepted with the one set, and is now with the other.
    #[inline]
    fn count_accepted(&mut self, sender: SenderId, old: AttrId, new: AttrId) {
        if old.is_some() != new.is_some() {
            let accepted = &mut self.epoch_mut(sender).accepted;
            *accepted = if new.is_some() { *accepted + 1 } else { *accepted - 1 };
        }
    }

    /// How many of a sender's routes were accepted.
    pub(super) fn accepted_of(&self, sender: SenderId) -> u32 {
        self.epoch(sender).accepted
    }

    /// Whether some of a sender's routes may not count any more and only wait for the sweep.
    pub(super) fn is_sweeping(&self, sender: SenderId) -> bool {
        self.jobs.has(&Job::Sweep(sender))
    }

    /// How many routes a member of a group is told.
    pub(super) fn advertised(&self, group: usize, member: u16) -> u32 {
        self.groups.get(group).and_then(Option::as_ref).map_or(0, |group| group.advertised(member))
    }

    /// How many runs were ever encoded.
    pub(super) fn runs(&self) -> u64 {
        self.runs
    }

    /// Compares all routes anew.
    pub(super) fn select_all(&mut self) {
        self.begin(Job::Select);
    }

    /// Compares anew where a route points to this next hop.
    pub(super) fn resolve(&mut self, next_hop: u32) {
        self.begin(Job::Resolve(next_hop));
    }
}
