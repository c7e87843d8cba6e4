//! One line for each decision that is another than before, with its reason.

use super::Line;
use crate::{
    plan::{Outcome, Plan, Weight},
    report::{names, node},
};
use ipnet::IpNet;
use std::collections::BTreeSet;

/// As many prefixes are named when many change at once.
const NAMED: usize = 100;

/// After the first plan.
pub(super) fn first(plan: &Plan) -> Vec<Line> {
    let all = plan.prefixes.len();
    let announced = plan.prefixes.values().filter(|decision| decision.outcome.class().is_some()).count();
    let peers: Vec<_> = plan.sessions.iter().map(|session| session.wish.name.clone()).collect();
    let whom =
        if peers.is_empty() { "nobody yet: no BgpPeer is for this node".to_owned() } else { names(&peers) };
    vec![Line::plain(format!("{announced} of {all} prefixes are announced by {}, to {whom}", plan.node))]
}

/// After a later one.
pub(super) fn changed(plan: &Plan, prefixes: &BTreeSet<IpNet>) -> Vec<Line> {
    let mut lines: Vec<_> = prefixes.iter().take(NAMED).map(|prefix| line(plan, *prefix)).collect();
    let more = prefixes.len().saturating_sub(NAMED);
    if more > 0 {
        lines.push(Line::plain(format!("the decisions on {more} more prefixes changed")));
    }
    lines
}

fn line(plan: &Plan, prefix: IpNet) -> Line {
    let Some(decision) = plan.prefixes.get(&prefix) else {
        return Line::plain(format!("{prefix} is not announced any more: no object has it"));
    };
    let node::Route { objects, told, reason, .. } = node::route(plan, prefix, decision);
    let Some(why) = reason else {
        let told: Vec<_> = told.iter().map(heard).collect();
        return Line::plain(format!("{prefix} is announced for {}, to {}", names(&objects), names(&told)));
    };
    let weight = match &decision.outcome {
        Outcome::Withheld(refusal) => refusal.reason.code.weight(),
        Outcome::Announced { .. } => Weight::Plain,
    };
    let text = format!("{prefix} is not announced: {} ({})", why.sentence, why.code);
    Line { warns: weight == Weight::Refused, text }
}

/// A peer with what it is told.
fn heard(said: &node::Said) -> String {
    let words = said.attributes.words();
    if words.is_empty() { said.peer.clone() } else { format!("{} with {words}", said.peer) }
}
