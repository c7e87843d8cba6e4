//! What is wrong with objects: said when it is new, and when it is mended.

use super::Line;
use crate::{
    plan::{Plan, Refusal, Weight},
    report::{Cluster, node},
};
use std::collections::BTreeSet;

/// What is wrong now.
#[derive(Debug, Default)]
pub(super) struct Complaints(BTreeSet<String>);

impl Complaints {
    /// What is new since the last time.
    pub(super) fn follow(&mut self, cluster: &Cluster, plan: &Plan) -> Vec<Line> {
        let now = all(cluster, plan);
        let mut lines: Vec<_> = now.difference(&self.0).map(|text| Line::warning(text.clone())).collect();
        let mended = self.0.difference(&now).map(|text| Line::plain(format!("not so any more: {text}")));
        lines.extend(mended);
        self.0 = now;
        lines
    }
}

fn all(cluster: &Cluster, plan: &Plan) -> BTreeSet<String> {
    let unreadable = cluster.unreadable.iter().map(ToString::to_string);
    let refused = cluster.snapshot.refused().map(ToString::to_string);
    let is_wrong = |refusal: &&Refusal| refusal.reason.code.weight() == Weight::Refused;
    let parts = plan.refusals.iter().flat_map(|(key, refusals)| {
        refusals
            .iter()
            .filter(is_wrong)
            .map(move |refusal| format!("{key}: {}", refusal.sentence(&plan.node)))
    });
    let absent = plan.absent.iter().filter(is_wrong).map(|refusal| refusal.sentence(&plan.node));
    let shared = plan.prefixes.iter().flat_map(|(prefix, decision)| {
        decision.conflicts.iter().map(|conflict| node::conflict(*prefix, conflict))
    });
    let mut all: BTreeSet<_> = unreadable.chain(refused).chain(parts).chain(absent).chain(shared).collect();
    if cluster.snapshot.node(&plan.node).is_none() {
        all.insert(format!(
            "there is no Node {}: nothing of it is announced; name a node of the cluster, or write its manifest",
            plan.node
        ));
    }
    all
}
