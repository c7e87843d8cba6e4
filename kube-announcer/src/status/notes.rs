//! What Events say: what nobody can announce, and who should not claim a prefix together. Each is told once in the
//! cluster, and a node that starts or stops is none of it.

use super::{
    bounded,
    conditions::pascal,
    election::{self, hash},
};
use crate::{
    object::{Key, Kind},
    plan::{Code, Conflict, Outcome, Plan, Reason, Weight},
    snapshot::Snapshot,
};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// As many nodes try, one after the other: the first ones may run no announcer. Who finds it told leaves it.
const TRIES: u32 = 8;
/// As many are looked at, and as many of them are this node's to tell at a time.
const LOOKED_AT: usize = 5000;
const HELD: usize = 200;
/// The longest message, in octets; the API server takes as many.
const LONGEST: usize = 1024;

/// What is about a node, or about what an operator wrote elsewhere: owners of Services cannot mend it.
const NOT_THEIRS: [Code; 4] = [Code::KindForbidden, Code::NoPeer, Code::NoPeerOfFamily, Code::NoNextHop];

/// What an Event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The object.
    pub about: Key,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// How many nodes come before this one.
    pub rank: u32,
}

/// Something to tell, before it is known who does.
struct Found<'p> {
    about: &'p Key,
    what: What<'p>,
}

enum What<'p> {
    Refused(&'p Reason, Option<IpNet>),
    Conflict(IpNet, &'p Conflict, &'p [Key]),
}

/// Whose turn each is: found once, as long as there is something to tell.
#[derive(Debug, Default)]
pub(super) struct Turns(BTreeMap<u64, Option<u32>>);

impl Turns {
    /// What this node is to tell, at once or when nobody before it did.
    pub(super) fn notes(&mut self, snapshot: &Snapshot, plan: &Plan) -> BTreeMap<u64, Note> {
        let before = std::mem::take(&mut self.0);
        let mut candidates = None;
        let mut notes = BTreeMap::new();
        for found in found(plan).take(LOOKED_AT) {
            let mark = found.mark();
            let known = before.get(&mark).copied();
            let rank = known.unwrap_or_else(|| {
                let candidates = candidates.get_or_insert_with(|| candidates_of(snapshot));
                rank(snapshot, plan, found.about, candidates)
            });
            self.0.insert(mark, rank);
            if let Some(rank) = rank.filter(|rank| *rank < TRIES)
                && notes.len() < HELD
            {
                notes.entry(mark).or_insert_with(|| found.note(&plan.node, rank));
            }
        }
        notes
    }
}

/// All that is to be told of what a node decides.
fn found(plan: &Plan) -> impl Iterator<Item = Found<'_>> {
    // Conditions say it of our own kinds, and a Node's own is in its BgpNodeState.
    let theirs = |about: &Key, code: Code| {
        let of_users = !matches!(about.kind, Kind::BgpPeer | Kind::BgpAdvertisement);
        of_users && code.weight() == Weight::Refused && !NOT_THEIRS.contains(&code)
    };
    let parts = plan.refusals.values().flatten();
    let parts = parts.filter(move |part| theirs(&part.object, part.reason.code));
    let parts = parts.map(|part| Found { about: &part.object, what: What::Refused(&part.reason, None) });
    let withheld = plan.prefixes.iter().filter_map(move |(prefix, decision)| match &decision.outcome {
        Outcome::Withheld(refusal) if theirs(&refusal.object, refusal.reason.code) => {
            Some(Found { about: &refusal.object, what: What::Refused(&refusal.reason, Some(*prefix)) })
        }
        _ => None,
    });
    let conflicts = plan.prefixes.iter().flat_map(|(prefix, decision)| {
        let all = decision.conflicts.iter().filter_map(|conflict| match conflict {
            Conflict::Namespaces(owners) | Conflict::Ports(owners) => Some((conflict, owners)),
            // Only the node of the pods sees theirs.
            Conflict::Attributes { .. } | Conflict::Pods { .. } => None,
        });
        all.flat_map(move |(conflict, owners)| {
            owners.iter().map(move |about| Found { about, what: What::Conflict(*prefix, conflict, owners) })
        })
    });
    parts.chain(withheld).chain(conflicts)
}

impl Found<'_> {
    /// The same on all nodes.
    fn mark(&self) -> u64 {
        let about = self.about.to_string();
        let (code, prefix, detail) = match &self.what {
            What::Refused(reason, prefix) => {
                let prefix = prefix.map(|prefix| prefix.to_string());
                (reason.code.name(), prefix, reason.detail.as_deref().unwrap_or_default())
            }
            What::Conflict(prefix, conflict, _) => (word(conflict), Some(prefix.to_string()), ""),
        };
        hash([&*about, code, prefix.as_deref().unwrap_or_default(), detail])
    }

    fn note(&self, node: &str, rank: u32) -> Note {
        let (reason, message) = match &self.what {
            What::Refused(reason, prefix) => {
                (pascal(reason.code), reason.sentence(self.about, node, *prefix))
            }
            What::Conflict(prefix, conflict, owners) => {
                let others: Vec<_> =
                    owners.iter().filter(|owner| *owner != self.about).map(ToString::to_string).collect();
                let others = crate::report::names(&others);
                let message = match conflict {
                    Conflict::Ports(_) => format!(
                        "{prefix} is also the address of {others}, with a port in common: traffic to it reaches only one \
                         of them; give each its own address, or other ports"
                    ),
                    _ => format!(
                        "{prefix} is also claimed by {others}, of another namespace: traffic to it reaches any of them; \
                         leave it to one"
                    ),
                };
                (word(conflict).to_owned(), message)
            }
        };
        Note { about: self.about.clone(), reason, message: bounded(&message, LONGEST), rank }
    }
}

fn word(conflict: &Conflict) -> &'static str {
    match conflict {
        Conflict::Ports(_) => "SharedPort",
        Conflict::Namespaces(_) => "SharedPrefix",
        Conflict::Pods { .. } => "OlderPod",
        Conflict::Attributes { .. } => "Attributes",
    }
}

/// Nodes that announce anything: without a peer, or without an advertisement, none sees what is wrong.
fn candidates_of(snapshot: &Snapshot) -> Vec<u64> {
    let nodes = snapshot.nodes().filter(|(_, node)| {
        let chosen = |selector| snapshot.selects(selector, &node.tags);
        snapshot.peers().any(|peer| chosen(&peer.node_selector))
            && snapshot.advertisements().any(|wish| chosen(&wish.node_selector))
    });
    nodes.map(|(name, _)| hash([&**name])).collect()
}

/// A pod is its own node's to speak of.
fn rank(snapshot: &Snapshot, plan: &Plan, about: &Key, candidates: &[u64]) -> Option<u32> {
    if about.kind == Kind::Pod {
        let here = snapshot.pod(&about.name).and_then(|pod| pod.node.as_ref()) == Some(&plan.node);
        return here.then_some(0);
    }
    if about.kind == Kind::Node {
        return (about.name == plan.node).then_some(0);
    }
    election::rank(hash([&*about.to_string()]), hash([&*plan.node]), candidates.iter().copied())
}
