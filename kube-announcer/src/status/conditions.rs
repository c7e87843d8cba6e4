//! What became of BgpPeers and BgpAdvertisements, as conditions in them. Every node that may write one comes to the same
//! words, so that it does not matter which of them does, and two never write in turns.

use super::{
    bounded,
    election::{self, hash},
    kept::{ACCEPTED, Kept, OVERLAPPING, Ours},
};
use crate::{
    crd::{Condition, check::Mistake},
    object::{Key, Kind, Name},
    plan::{Code, Conflict, Plan, Refusal, Weight},
    snapshot::Snapshot,
    wish::Selector,
};
use std::collections::BTreeMap;

/// The longest message, in octets; the API server takes 32 KiB.
const LONGEST: usize = 1000;

/// Why there is no session with a peer, where that is the same on all nodes; the rest is for each node's BgpNodeState.
const EVERYWHERE: [Code; 4] = [Code::KindForbidden, Code::NoPassword, Code::BadPassword, Code::MeshTooLarge];

/// What an object should say of itself, and does not yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The generation that this is about.
    pub generation: i64,
    /// All conditions of ours. Those without a time changed, and are given one when they are written.
    pub conditions: Vec<Condition>,
    /// How many nodes come before this one.
    pub rank: u32,
}

/// What is to be said of one object.
struct Said {
    accepted: bool,
    reason: String,
    message: String,
}

impl Said {
    fn new(accepted: bool, reason: &str, message: impl Into<String>) -> Self {
        Said { accepted, reason: reason.to_owned(), message: message.into() }
    }
}

/// `NoPassword` of `no-password`.
pub(super) fn pascal(code: Code) -> String {
    let words = code.name().split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    });
    words.collect()
}

/// All objects of ours that say something else than they should.
pub(super) fn judge(snapshot: &Snapshot, plan: &Plan, kept: &Kept) -> BTreeMap<Key, Judgement> {
    let mut mistakes: BTreeMap<&Key, Vec<&Mistake>> = BTreeMap::new();
    for mistake in snapshot.refused() {
        mistakes.entry(&mistake.object).or_default().push(mistake);
    }
    let found = kept.ours.iter().filter_map(|(key, has)| {
        let wrong = mistakes.get(key).map(Vec::as_slice).unwrap_or_default();
        let judgement = judge_one(snapshot, plan, key, has, wrong)?;
        Some((key.clone(), judgement))
    });
    found.collect()
}

fn judge_one(
    snapshot: &Snapshot,
    plan: &Plan,
    key: &Key,
    has: &Ours,
    mistakes: &[&Mistake],
) -> Option<Judgement> {
    // Of what is refused every node knows the same, but not which version was good before.
    let selector = if mistakes.is_empty() { selector(snapshot, key) } else { None };
    let all = || snapshot.nodes().map(|(name, _)| name);
    let chosen: Vec<&Name> = match selector {
        Some(selector) => {
            let nodes = snapshot.nodes().filter(|(_, node)| snapshot.selects(selector, &node.tags));
            nodes.map(|(name, _)| name).collect()
        }
        None => all().collect(),
    };
    let said = if !mistakes.is_empty() {
        refused(mistakes)
    } else if chosen.is_empty() {
        Said::new(true, "NoNode", "nodeSelector chooses no node")
    } else if !chosen.contains(&&plan.node) {
        // What holds there is known there.
        return None;
    } else {
        in_force(plan, key)
    };
    let candidates: Vec<&Name> = if chosen.is_empty() { all().collect() } else { chosen };
    let accepted = condition(ACCEPTED, &said, has);
    let before = has.condition(ACCEPTED);
    if before == Some(&accepted) && key.kind == Kind::BgpPeer {
        return None;
    }
    let candidates = candidates.into_iter().map(|name| hash([&**name]));
    let rank = election::rank(hash([&*key.to_string()]), hash([&*plan.node]), candidates)?;
    let overlapping = overlapping(plan, key, has, rank);
    let conditions: Vec<_> = [Some(accepted), overlapping].into_iter().flatten().collect();
    // Who stands in leaves words alone: another version of us may choose others.
    let differs = match (rank, before) {
        (0, _) => conditions != has.conditions,
        (_, Some(before)) => {
            let [accepted, ..] = &conditions[..] else { return None };
            before.status != accepted.status || before.observed_generation != accepted.observed_generation
        }
        (_, None) => true,
    };
    differs.then_some(Judgement { generation: has.generation, conditions, rank })
}

fn selector<'s>(snapshot: &'s Snapshot, key: &Key) -> Option<&'s Selector> {
    match key.kind {
        Kind::BgpPeer => {
            let mut peers = snapshot.peers();
            peers.find(|peer| peer.name == key.name).map(|peer| &peer.node_selector)
        }
        _ => {
            let mut wishes = snapshot.advertisements();
            wishes.find(|wish| wish.name == key.name).map(|wish| &wish.node_selector)
        }
    }
}

fn refused(mistakes: &[&Mistake]) -> Said {
    let sentences = mistakes.iter().map(|Mistake { field, message, .. }| match field.is_empty() {
        true => message.clone(),
        false => format!("{field}: {message}"),
    });
    let sentences: Vec<_> = sentences.collect();
    let message = bounded(&sentences.join("; "), LONGEST);
    Said::new(false, "Invalid", message + ". Nodes that know an earlier version that was right keep to it")
}

/// What holds of an object that can be read: the gravest thing about it.
fn in_force(plan: &Plan, key: &Key) -> Said {
    let absent = plan.absent.iter().filter(|refusal| EVERYWHERE.contains(&refusal.reason.code));
    let own = plan.refusals.get(key).into_iter().flatten();
    let all: Vec<&Refusal> = absent.filter(|refusal| refusal.object == *key).chain(own).collect();
    let weight = |refusal: &Refusal| refusal.reason.code.weight();
    // The first of the gravest ones: `max_by_key` would take the last.
    let gravest = all.iter().map(|refusal| weight(refusal)).max().filter(|weight| *weight > Weight::Plain);
    let Some(gravest) = gravest else { return Said::new(true, "Accepted", "it is in force") };
    let mut grave = all.into_iter().filter(|refusal| weight(refusal) == gravest);
    let Some(first) = grave.next() else { return Said::new(true, "Accepted", "it is in force") };
    let sentences: Vec<_> =
        [first].into_iter().chain(grave).map(|refusal| refusal.sentence(&plan.node)).collect();
    let message = bounded(&sentences.join("; "), LONGEST);
    Said { accepted: gravest < Weight::Refused, reason: pascal(first.reason.code), message }
}

fn condition(kind: &str, said: &Said, has: &Ours) -> Condition {
    let status = if said.accepted { "True" } else { "False" };
    let before = has.condition(kind).filter(|before| before.status == status);
    Condition {
        kind: kind.to_owned(),
        status: status.to_owned(),
        observed_generation: Some(has.generation),
        last_transition_time: before.map(|before| before.last_transition_time.clone()).unwrap_or_default(),
        reason: said.reason.clone(),
        message: said.message.clone(),
    }
}

/// Whether others as specific say something else of prefixes that this node announces. Only the first node decides: what
/// is announced differs between nodes, and two that see different things would write in turns.
fn overlapping(plan: &Plan, key: &Key, has: &Ours, rank: u32) -> Option<Condition> {
    if rank > 0 {
        return has.condition(OVERLAPPING).cloned();
    }
    let conflicts = plan.classes.values().flat_map(|class| &class.conflicts);
    let mut sentences: Vec<_> = conflicts.filter_map(|conflict| overlap(key, conflict)).collect();
    sentences.sort();
    sentences.dedup();
    if sentences.is_empty() {
        return None;
    }
    let message = bounded(&sentences.join("; "), LONGEST);
    Some(condition(OVERLAPPING, &Said::new(true, "Attributes", message), has))
}

fn overlap(key: &Key, conflict: &Conflict) -> Option<String> {
    let Conflict::Attributes { field, advertisements } = conflict else { return None };
    if key.kind != Kind::BgpAdvertisement || !advertisements.contains(&key.name) {
        return None;
    }
    let others: Vec<_> = advertisements.iter().filter(|name| **name != key.name).cloned().collect();
    let holds = advertisements.first().map_or("", |name| &**name);
    Some(format!(
        "{} of BgpAdvertisement {} differs, for prefixes that both announce and neither is more specific about; \
         that of {holds} holds, the first by name",
        field,
        crate::report::names(&others)
    ))
}
