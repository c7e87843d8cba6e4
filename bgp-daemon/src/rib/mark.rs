//! Marks: whether what was known at some moment is on every wire.

use super::{Rib, half::Half};
use bgp_proto::prefix::Address;

/// A moment in the life of a RIB: see [`Rib::mark`].
#[derive(Clone, Debug)]
pub struct Mark([Stage; 2]);

/// How far the consequences of what came before the mark have come in one half.
#[derive(Clone, Debug)]
enum Stage {
    /// These many jobs are to be done first.
    Working(u64),
    /// Of each group, these many chains are to be told; and then those that prefixes were moved on to by that.
    Pending(Vec<(u64, u64)>),
    Moved(Vec<(u64, u64)>),
    /// Of each group, the runs before this one are to be taken by all members.
    Encoded(Vec<(u64, u64)>),
}

impl Rib {
    /// Marks this moment. [`Rib::is_told`] says when every member of every group has taken all that follows from what
    /// the RIB was told before.
    pub fn mark(&self) -> Mark {
        Mark([Stage::Working(self.v4.jobs_begun()), Stage::Working(self.v6.jobs_begun())])
    }

    /// Whether everything from before the mark has been taken by every peer whose session is up. It takes note in the
    /// mark of how far that has come, so ask with the same one each time.
    pub fn is_told(&self, mark: &mut Mark) -> bool {
        if !self.are_aggregates_settled() {
            return false;
        }
        let [v4, v6] = &mut mark.0;
        v4.is_over(&self.v4) & v6.is_over(&self.v6)
    }
}

impl Stage {
    fn is_over<A: Address>(&mut self, half: &Half<A>) -> bool {
        let groups = || half.groups.iter().flatten();
        let queued = || groups().map(|group| (group.serial, group.queued())).collect();
        // A group that is gone owes nobody anything.
        let find = |serial: u64| groups().find(|group| group.serial == serial);
        let runs = |queued: &[(u64, u64)]| {
            let told = queued.iter().filter_map(|(serial, queued)| Some((find(*serial)?, *queued)));
            told.map(|(group, queued)| Some((group.serial, group.told_to(queued)?)))
                .collect::<Option<Vec<_>>>()
        };
        if let Stage::Working(jobs) = self
            && half.are_jobs_done(*jobs)
        {
            *self = Stage::Pending(queued());
        }
        if let Stage::Pending(first) = self
            && runs(first).is_some()
        {
            *self = Stage::Moved(queued());
        }
        if let Stage::Moved(last) = self
            && let Some(runs) = runs(last)
        {
            *self = Stage::Encoded(runs);
        }
        let Stage::Encoded(runs) = self else { return false };
        runs.iter()
            .filter_map(|(serial, run)| Some((find(*serial)?, *run)))
            .all(|(group, run)| group.have_taken(run))
    }
}
