//! Aggregates as one half sees them: how many selected routes contribute to each, kept up as routes come and go.

use super::{super::slab::NONE, Half, Shared, jobs::Job};
use bgp_proto::prefix::{Address, Prefix};

/// A prefix whose contributors are counted.
pub(super) struct Watch<A> {
    prefix: Prefix<A>,
    /// Contributors are not told to anybody.
    summary_only: bool,
    contributors: u32,
    /// Slots below this one are counted; the job that counts the rest is on its way.
    counted_to: u32,
}

/// A contributor is more specific.
fn contributes<A: Address>(watch: &Watch<A>, prefix: Prefix<A>) -> bool {
    watch.prefix.len() < prefix.len() && watch.prefix.covers(prefix)
}

impl<A: Address> Half<A> {
    /// Begins to count what contributes to a prefix.
    pub(in super::super) fn watch(&mut self, prefix: Prefix<A>, summary_only: bool) {
        self.watches.push(Watch { prefix, summary_only, contributors: 0, counted_to: 0 });
        self.begin(Job::Count(prefix));
    }

    /// Stops that.
    pub(in super::super) fn unwatch(&mut self, prefix: Prefix<A>) {
        let hidden =
            self.watches.extract_if(.., |watch| watch.prefix == prefix).any(|watch| watch.summary_only);
        self.jobs.cancel(&Job::Count(prefix));
        if hidden {
            self.begin(Job::Offer);
        }
    }

    /// How many routes are known to contribute to a prefix.
    pub(in super::super) fn contributors(&self, prefix: Prefix<A>) -> u32 {
        self.watches.iter().find(|watch| watch.prefix == prefix).map_or(0, |watch| watch.contributors)
    }

    /// Whether nobody is told of a prefix because an aggregate stands for it.
    #[inline]
    pub(in super::super) fn is_hidden(&self, prefix: Prefix<A>) -> bool {
        self.watches.iter().any(|watch| watch.summary_only && contributes(watch, prefix))
    }

    /// A slot has a selected route from now on, or has none any more.
    #[cold]
    pub(super) fn count(&mut self, slot: u32, is_selected: bool) {
        let Some(prefix) = self.table.slots.get(slot).prefix() else { return };
        for watch in self.watches.iter_mut().filter(|watch| slot < watch.counted_to) {
            if contributes(watch, prefix) {
                watch.contributors = watch.contributors.wrapping_add_signed(if is_selected { 1 } else { -1 });
            }
        }
    }

    /// The job's turn at one slot.
    pub(super) fn count_slot(&mut self, slot: u32, of: Prefix<A>, shared: &mut Shared<'_>) {
        let entry = self.table.slots.get(slot);
        let (Some(prefix), true) = (entry.prefix(), entry.best != NONE) else { return };
        let Some(watch) = self.watches.iter_mut().find(|watch| watch.prefix == of) else { return };
        if contributes(watch, prefix) {
            watch.contributors += 1;
            if watch.summary_only {
                self.offer(slot, shared);
            }
        }
    }

    /// The job has come so far.
    pub(super) fn counted(&mut self, of: Prefix<A>, to: u32) {
        if let Some(watch) = self.watches.iter_mut().find(|watch| watch.prefix == of) {
            watch.counted_to = to;
        }
    }
}
