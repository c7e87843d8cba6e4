//! What changed in a snapshot: what a planner has to look at again.

use crate::object::Name;
use std::collections::BTreeSet;

/// What changed in a [`Snapshot`](super::Snapshot).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What all decisions stand on: peers, announcements, passwords, ranges of Services, what may be read.
    pub everything: bool,
    /// Services of which something changed, or their endpoints.
    pub services: BTreeSet<Name>,
    /// Pods.
    pub pods: BTreeSet<Name>,
    /// Nodes.
    pub nodes: BTreeSet<Name>,
    /// What is refused changed: no decision stands on it.
    pub refusals: bool,
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        !self.everything
            && !self.refusals
            && self.services.is_empty()
            && self.pods.is_empty()
            && self.nodes.is_empty()
    }

    /// Adds what changed later.
    pub fn extend(&mut self, later: Changes) {
        self.everything |= later.everything;
        self.refusals |= later.refusals;
        self.services.extend(later.services);
        self.pods.extend(later.pods);
        self.nodes.extend(later.nodes);
    }
}
