//! How a node is doing: small, whatever the cluster.

use super::bounded;
use crate::{
    crd::{NodeState, PeerState},
    plan::{Outcome, Plan, Refusal, Verdict, Weight},
    run::Session,
    snapshot::Snapshot,
};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// As many sessions and refusals are named.
const PEERS: usize = 1000;
const REFUSALS: usize = 100;
/// The longest sentence, in octets.
const SENTENCE: usize = 300;

/// A session that is up.
pub(super) const UP: &str = "Established";
/// One that is not: which of the states it tries in goes to and fro, and is for `kube-announcer peers`.
const DOWN: &str = "Down";

/// Two readings of one moment by two clocks are no further apart, in seconds.
const APART: i64 = 3;

/// Sessions, and since when each of them is up or down.
#[derive(Debug, Default)]
pub(super) struct Sessions(BTreeMap<(String, String), (bool, Timestamp)>);

impl Sessions {
    /// What is said of sessions that are seen now.
    pub(super) fn follow(&mut self, seen: &[Session], now: Timestamp) -> Vec<PeerState> {
        let before = std::mem::take(&mut self.0);
        let said = seen.iter().take(PEERS).map(|session| {
            let (name, address, up) = (&session.peer, &session.address, session.is_up());
            let ago = SignedDuration::from_secs(i64::try_from(session.seconds).unwrap_or(i64::MAX));
            let begun = now.saturating_sub(ago).unwrap_or(now);
            let key = (name.clone(), address.clone());
            // One that is down changes its state with every try.
            let same = |since: &Timestamp| !up || (since.as_second() - begun.as_second()).abs() <= APART;
            let known = before.get(&key).filter(|(was, since)| *was == up && same(since));
            let since = known.map_or(begun, |(_, since)| *since);
            self.0.insert(key, (up, since));
            PeerState {
                name: name.clone(),
                address: address.clone(),
                state: if up { UP } else { DOWN }.to_owned(),
                since: written(since),
                last_error: session.last.as_deref().map(|why| bounded(why, SENTENCE)),
            }
        });
        said.collect()
    }
}

/// RFC 3339, in whole seconds, as the API server writes times itself.
pub(super) fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How a node is doing.
pub(super) fn state(snapshot: &Snapshot, plan: &Plan, peers: Vec<PeerState>) -> NodeState {
    let up = peers.iter().filter(|peer| peer.state == UP).count();
    let mut state = NodeState { peers_up: format!("{up}/{}", peers.len()), peers, ..NodeState::default() };
    for mistake in snapshot.refused() {
        refuse(&mut state, || mistake.to_string());
    }
    let is_wrong = |refusal: &&Refusal| refusal.reason.code.weight() == Weight::Refused;
    for refusal in plan.absent.iter().chain(plan.refusals.values().flatten()).filter(is_wrong) {
        refuse(&mut state, || refusal.sentence(&plan.node));
    }
    let (mut sources, mut reasons) = (BTreeMap::new(), BTreeMap::new());
    for (prefix, decision) in &plan.prefixes {
        match &decision.outcome {
            Outcome::Announced { .. } => {
                state.announced += 1;
                let yes = |verdict: &Verdict| matches!(verdict, Verdict::Yes | Verdict::Last);
                if let Some(claim) = decision.claims.iter().find(|claim| yes(&claim.verdict)) {
                    *sources.entry(claim.kind.name()).or_default() += 1;
                }
            }
            Outcome::Withheld(Refusal { object, reason }) => {
                *reasons.entry(reason.code.name()).or_default() += 1;
                if reason.code.weight() == Weight::Refused {
                    refuse(&mut state, || reason.sentence(object, &plan.node, Some(*prefix)));
                }
            }
        }
    }
    let named = |counts: BTreeMap<&'static str, i64>| {
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    };
    (state.sources, state.reasons) = (named(sources), named(reasons));
    state
}

/// All are counted, the first are told.
fn refuse(state: &mut NodeState, sentence: impl Fn() -> String) {
    state.refused += 1;
    if state.refusals.len() < REFUSALS {
        state.refusals.push(bounded(&sentence(), SENTENCE));
    }
}
