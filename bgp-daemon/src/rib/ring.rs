//! A group's encoded runs, each made once and read by every member at its own pace.

use bytes::Bytes;
use std::collections::VecDeque;

/// Which members a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    All,
    /// All but this one: it is where the routes came from.
    AllBut(u16),
    /// This one alone.
    Only(u16),
}

impl To {
    pub(crate) fn includes(self, member: u16) -> bool {
        match self {
            To::All => true,
            To::AllBut(source) => source != member,
            To::Only(only) => only == member,
        }
    }
}

/// Whole UPDATEs, encoded.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) octets: Bytes,
    pub(crate) to: To,
}

/// The latest runs, up to a bound in octets. A run's number never changes; the oldest fall off.
#[derive(Clone)]
pub(crate) struct Ring {
    runs: VecDeque<Run>,
    /// The number of the oldest run that is still here.
    first: u64,
    octets: usize,
    bound: usize,
}

impl Ring {
    pub(crate) fn new(bound: usize) -> Self {
        Ring { runs: VecDeque::new(), first: 0, octets: 0, bound }
    }

    /// Octets of all runs.
    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    /// The number that the next run will have.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.runs.len() as u64
    }

    /// The number of the oldest run.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Run> {
        self.runs.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    pub(crate) fn push(&mut self, run: Run) {
        self.octets += run.octets.len();
        self.runs.push_back(run);
    }

    /// The run that falls off because the ring is over its bound; the newest never does.
    pub(crate) fn overflow(&mut self) -> Option<Run> {
        if self.octets <= self.bound || self.runs.len() < 2 {
            return None;
        }
        self.pop()
    }

    /// Drops runs that nobody waits for any more.
    pub(crate) fn forget_before(&mut self, number: u64) {
        while self.first < number && self.pop().is_some() {}
    }

    fn pop(&mut self) -> Option<Run> {
        let run = self.runs.pop_front()?;
        self.octets -= run.octets.len();
        self.first += 1;
        Some(run)
    }
}
