//! What goes through all slots, a slice at a time.

use super::{
    super::{peers::SenderId, slab::NONE, table::Route},
    Change, Half, Shared, find, release,
};
use bgp_proto::prefix::{Address, Prefix};
use std::collections::VecDeque;

/// A long job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job<A> {
    /// Withdraw what does not count any more of a sender's routes, and compare anew where one has become stale.
    Sweep(SenderId),
    /// Offer every slot to a group that is new or whose view changed.
    Evaluate(usize),
    /// Judge a sender's routes anew.
    Import(SenderId),
    /// Compare anew where a route points to this next hop.
    Resolve(u32),
    /// Count what contributes to an aggregate.
    Count(Prefix<A>),
    /// Offer every slot to every group.
    Offer,
    /// Compare anew everywhere.
    Select,
    /// Free the slots that only a group that is gone had something to say of.
    GiveBack,
}

/// Jobs in the order in which they were begun; the first is under way, and its cursor is a slot.
pub(super) struct Jobs<A> {
    waiting: VecDeque<(Job<A>, u64)>,
    cursor: u32,
    begun: u64,
    /// The next hops that one pass through the slots looks for, and where it ends: what comes to new slots is compared
    /// by what is known of next hops by then.
    resolving: Vec<u32>,
    end: u32,
}

impl<A> Default for Jobs<A> {
    fn default() -> Self {
        Jobs { waiting: VecDeque::new(), cursor: 0, begun: 0, resolving: Vec::new(), end: 0 }
    }
}

impl<A: PartialEq> Jobs<A> {
    pub(super) fn begin(&mut self, job: Job<A>) {
        // The same job, not under way yet, will do.
        if self.waiting.iter().skip(1).all(|(other, _)| *other != job) {
            self.waiting.push_back((job, self.begun));
            self.begun += 1;
        }
    }

    /// Whether a job is not done yet.
    pub(super) fn has(&self, job: &Job<A>) -> bool {
        self.waiting.iter().any(|(other, _)| other == job)
    }

    /// There is nothing to do it for any more.
    pub(super) fn cancel(&mut self, job: &Job<A>) {
        if self.waiting.front().is_some_and(|(first, _)| first == job) {
            self.cursor = 0;
        }
        self.waiting.retain(|(other, _)| other != job);
    }

    /// One pass for all next hops that wait for theirs; the first of these jobs stands for all.
    fn gather(&mut self, end: u32) {
        let next_hop = |(job, _): &(Job<A>, u64)| match job {
            Job::Resolve(next_hop) => Some(*next_hop),
            _ => None,
        };
        self.resolving = self.waiting.iter().filter_map(next_hop).collect();
        let mut is_first = true;
        self.waiting.retain(|job| next_hop(job).is_none() || std::mem::take(&mut is_first));
        self.end = end;
    }
}

impl<A: Address> Half<A> {
    pub(super) fn begin(&mut self, job: Job<A>) {
        self.jobs.begin(job);
    }

    /// How many jobs were begun.
    pub(in super::super) fn jobs_begun(&self) -> u64 {
        self.jobs.begun
    }

    /// Whether the first so many jobs are done.
    pub(in super::super) fn are_jobs_done(&self, begun: u64) -> bool {
        self.jobs.waiting.iter().all(|(_, number)| *number >= begun)
    }

    /// Does a slice of the first job: about `slots` slots. False: there is none.
    pub(in super::super) fn work(&mut self, slots: u32, shared: &mut Shared<'_>) -> bool {
        let Some((job, _)) = self.jobs.waiting.front().copied() else { return false };
        let (from, mut end) = (self.jobs.cursor, self.table.slots.end());
        if matches!(job, Job::Resolve(_)) {
            if from == 0 {
                self.jobs.gather(end);
            }
            end = self.jobs.end;
        }
        let to = end.min(from.saturating_add(slots));
        for slot in from..to {
            if self.is_there(slot) {
                self.work_on(slot, job, shared);
            }
        }
        self.jobs.cursor = to;
        if let Job::Count(prefix) = job {
            self.counted(prefix, if to < end { to } else { NONE });
        }
        if to >= end {
            self.jobs.cursor = 0;
            self.jobs.waiting.pop_front();
            if let Job::Evaluate(group) = job
                && let Some(Some(group)) = self.groups.get_mut(group)
            {
                group.evaluated();
            }
        }
        true
    }

    fn work_on(&mut self, slot: u32, job: Job<A>, shared: &mut Shared<'_>) {
        match job {
            Job::Sweep(sender) => self.sweep_slot(slot, sender, shared),
            Job::Import(sender) => self.judge_slot(slot, sender, shared),
            Job::Resolve(_) => {
                let next_hops = &self.jobs.resolving;
                let points = |route: &Route| {
                    next_hops.iter().any(|next_hop| shared.sets.points_to(route.accepted, *next_hop))
                };
                if self.table.routes_of(slot).any(|(_, route)| points(route)) {
                    self.reselect(slot, Change::Any, shared);
                }
            }
            Job::Count(prefix) => self.count_slot(slot, prefix, shared),
            Job::Offer => self.offer(slot, shared),
            Job::Select => self.reselect(slot, Change::Any, shared),
            Job::Evaluate(group) => self.offer_to(group, slot, shared),
            Job::GiveBack => self.give_back(slot),
        }
    }

    fn offer_to(&mut self, group: usize, slot: u32, shared: &mut Shared<'_>) {
        let entry = self.table.slots.get(slot);
        let Some(prefix) = entry.prefix() else { return };
        let told = entry.best != NONE && !self.is_hidden(prefix);
        let best = told.then(|| self.table.routes.get(entry.best));
        let best = best.and_then(|best| Some((best, find(shared.senders, best.sender)?)));
        if let Some(Some(group)) = self.groups.get_mut(group) {
            group.offer(slot, prefix, best, shared.sets);
        }
    }

    fn sweep_slot(&mut self, slot: u32, sender: SenderId, shared: &mut Shared<'_>) {
        let epoch = self.epoch(sender);
        let theirs = |route: &Route| route.sender == sender;
        let gone = |half: &Self| {
            let mut routes = half.is_there(slot).then(|| half.table.routes_of(slot))?;
            routes.find(|(_, route)| theirs(route) && epoch.is_gone(route)).map(|(_, route)| route.path_id)
        };
        while let Some(path_id) = gone(self) {
            self.withdraw_one(slot, sender, path_id, shared);
        }
        if self.is_there(slot)
            && self.table.routes_of(slot).any(|(_, route)| theirs(route) && epoch.is_stale(route))
        {
            self.reselect(slot, Change::Any, shared);
        }
    }

    /// Whether a slot is not, or not any more, a free one.
    fn is_there(&self, slot: u32) -> bool {
        self.table.slots.peek(slot).is_some_and(|slot| slot.prefix().is_some())
    }

    fn judge_slot(&mut self, slot: u32, sender: SenderId, shared: &mut Shared<'_>) {
        let Some(prefix) = self.table.slots.get(slot).prefix() else { return };
        let theirs: Vec<_> = self
            .table
            .routes_of(slot)
            .filter(|(_, route)| route.sender == sender)
            .map(|(id, _)| id)
            .collect();
        for id in theirs {
            let old = *self.table.routes.get(id);
            let accepted = shared.accept(sender, old.learned, prefix);
            if accepted == old.accepted {
                continue;
            }
            if !accepted.is_some() && !shared.keep_rejected {
                self.withdraw_one(slot, sender, old.path_id, shared);
                continue;
            }
            if accepted.is_some() {
                shared.sets.retain(accepted);
            }
            shared.sets.retain(old.learned);
            self.table.routes.get_mut(id).accepted = accepted;
            self.count_accepted(sender, old.accepted, accepted);
            self.reselect(slot, Change::Replaced(id), shared);
            release(&old, shared.sets);
        }
    }
}
