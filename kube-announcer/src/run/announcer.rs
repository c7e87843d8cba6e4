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
use std::{collections::BTreeSet, sync::Arc};

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
    /// What people are told at the next step.
    lines: Vec<Line>,
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
            lines: Vec::new(),
        }
    }

    /// The plan as it is now.
    pub fn plan(&self) -> &Plan {
        self.planner.plan()
    }

    /// The ports of the node that somebody wants asked.
    pub fn probes(&self) -> BTreeSet<u16> {
        self.planner.probes()
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
            Told::Ignored(unread) => {
                self.lines
                    .push(Line::plain(format!("{unread} objects are not read: no plan stands on them")));
            }
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
        let changes = self.planner.set_facts(facts);
        self.changes.extend(changes);
        self.whole.then(|| self.step())
    }

    /// Plans anew, and says what that changes.
    fn step(&mut self) -> Step {
        let changes = std::mem::take(&mut self.changes);
        let first = !std::mem::replace(&mut self.whole, true);
        let update = self.planner.update(&self.cluster.snapshot, (!first).then_some(&changes));
        let plan = self.planner.plan();
        let telling = self.speech.follow(plan, (!first).then_some(&update));
        let mut lines = std::mem::take(&mut self.lines);
        lines.extend(if first { lines::first(plan) } else { lines::changed(plan, &update.prefixes) });
        lines.extend(self.complaints.follow(&self.cluster, plan));
        Step { telling, lines }
    }

    /// Everything about an address.
    pub fn why(&self, asked: IpNet) -> why::Answer {
        why::answer(&self.cluster, &self.planner, asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        object::{Key, Kind},
        source::folder::Folder,
    };
    use std::path::Path;

    fn texts(step: Step) -> Vec<String> {
        step.lines
            .into_iter()
            .map(|Line { warns, text }| if warns { format!("! {text}") } else { text })
            .collect()
    }

    #[test]
    fn a_change_of_decision_is_one_line_with_its_reason() {
        let mut announcer = Announcer::new(&"node-2".into(), &Facts::default());
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/cluster");
        let (_, outcome) = Folder::read(&example).unwrap();
        for change in outcome.changes {
            assert!(announcer.hear(Told::Change(change)).is_none(), "it waits for all of them");
        }
        let step = announcer.hear(Told::Whole).unwrap();
        assert!(step.telling.config.is_some());
        assert_eq!(
            texts(step),
            [
                "8 of 18 prefixes are announced by node-2, to tor",
                "! 192.0.2.99/32 is not announced: 192.0.2.99 of Service play/borrowed is not inside allowedCidrs; \
                 choose another, or allow it (outside-allowed-cidrs)",
            ]
        );

        let slice = Key { kind: Kind::EndpointSlice, name: "shop/web-ipv4".into() };
        announcer.hear(Told::Change(Change::Remove(slice)));
        let step = announcer.hear(Told::Whole).unwrap();
        assert!(step.telling.config.is_none() && step.telling.routes.len() == 1, "{:?}", step.telling);
        let line = "203.0.113.10/32 is not announced: Service shop/web has no usable endpoint of IPv4; it has endpoints \
                    of IPv6 (no-endpoints)";
        assert_eq!(texts(step), [line]);

        let node = Key { kind: Kind::Node, name: "node-2".into() };
        announcer.hear(Told::Change(Change::Remove(node)));
        let last = texts(announcer.hear(Told::Whole).unwrap()).pop();
        let line = "! there is no Node node-2: nothing of it is announced; name a node of the cluster, or write its \
                    manifest";
        assert_eq!(last.as_deref(), Some(line));
    }
}
