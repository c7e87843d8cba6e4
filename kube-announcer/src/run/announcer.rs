//! What one node announces, kept as its cluster changes.

use super::{Line, complaints::Complaints, lines};
use crate::{
    object::Name,
    plan::{Facts, Plan, Planner},
    report::{Cluster, why},
    snapshot::Changes,
    source::{Change, Told, manifest::Mistake},
    speak::{Speech, Telling},
    wish::Peer,
};
use ipnet::IpNet;
use std::sync::Arc;

/// What follows from what a source told.
#[derive(Debug, Default)]
pub struct Step {
    /// What the speaker is told.
    pub telling: Telling,
    /// What people are told.
    pub lines: Vec<Line>,
}

/// What one node announces: objects in, what a speaker is told out.
pub struct Announcer {
    cluster: Cluster,
    planner: Planner,
    speech: Speech,
    /// What changed since the last plan.
    changes: Changes,
    /// All that the source knows was told once: before that nothing is announced, for it could be wrong.
    whole: bool,
    complaints: Complaints,
}

impl Announcer {
    /// The announcer of a node, that knows of nothing yet.
    pub fn new(node: &Name, facts: &Facts) -> Self {
        Announcer {
            cluster: Cluster::new(facts.clone()),
            planner: Planner::new(node, facts.clone()),
            speech: Speech::new(),
            changes: Changes::default(),
            whole: false,
            complaints: Complaints::default(),
        }
    }

    /// The plan as it is now.
    pub fn plan(&self) -> &Plan {
        self.planner.plan()
    }

    /// The BgpPeers in force.
    pub fn peers(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.cluster.snapshot.peers()
    }

    /// Takes in what a source tells. `None`: there is more to come.
    pub fn hear(&mut self, told: Told) -> Option<Step> {
        match told {
            Told::Change(Change::Apply(object)) => {
                let changes = self.cluster.snapshot.apply(&object);
                self.changes.extend(changes);
            }
            Told::Change(Change::Remove(key)) => {
                let changes = self.cluster.snapshot.remove(&key);
                self.changes.extend(changes);
            }
            Told::Mistakes(mistakes) => self.mistakes(mistakes),
            Told::Ignored(unread) => self.cluster.ignored.push(unread),
            Told::Whole => return Some(self.step()),
        }
        None
    }

    fn mistakes(&mut self, mistakes: Vec<Mistake>) {
        self.cluster.unreadable = mistakes;
        self.changes.refusals = true;
    }

    /// What is known of the node beside its cluster is another.
    pub fn set_facts(&mut self, facts: Facts) -> Option<Step> {
        self.planner.set_facts(facts);
        self.changes.everything = true;
        self.whole.then(|| self.step())
    }

    /// Plans anew, and says what that changes.
    fn step(&mut self) -> Step {
        let changes = std::mem::take(&mut self.changes);
        let first = !std::mem::replace(&mut self.whole, true);
        let update = self.planner.update(&self.cluster.snapshot, (!first).then_some(&changes));
        let plan = self.planner.plan();
        let telling = self.speech.follow(plan, (!first).then_some(&update));
        let mut lines = if first { lines::first(plan) } else { lines::changed(plan, &update.prefixes) };
        lines.extend(self.complaints.follow(&self.cluster, plan));
        Step { telling, lines }
    }

    /// Everything about an address.
    pub fn why(&self, asked: IpNet) -> why::Answer {
        why::answer(&self.cluster, &self.planner, asked)
    }
}
