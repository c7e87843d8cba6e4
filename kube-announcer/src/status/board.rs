//! What there is to write, drawn from what an announcer knows.

use super::{
    Judgement, Picture,
    conditions::judge,
    kept::Kept,
    notes::Turns,
    state::{self, Sessions},
};
use crate::{
    object::{Key, Name, Object},
    plan::{Plan, Update},
    run::Session,
    snapshot::{Changes, Snapshot},
};
use k8s_openapi::jiff::Timestamp;
use std::collections::BTreeMap;

/// What an announcer knows beside its plan, for what it writes back.
#[derive(Debug)]
pub struct Board {
    kept: Kept,
    sessions: Sessions,
    turns: Turns,
    judgements: BTreeMap<Key, Judgement>,
    /// Something changed that judgements stand on.
    unjudged: bool,
    /// Something changed since the last picture.
    stale: bool,
}

impl Board {
    /// One of a node, that knows of nothing yet.
    pub fn new(node: &Name) -> Self {
        Board {
            kept: Kept::new(node),
            sessions: Sessions::default(),
            turns: Turns::default(),
            judgements: BTreeMap::new(),
            unjudged: true,
            stale: true,
        }
    }

    /// An object is there, or is another than it was.
    pub fn see(&mut self, object: &Object) {
        let is_new = self.kept.see(object);
        self.unjudged |= is_new;
        self.stale |= is_new;
    }

    /// An object is gone.
    pub fn forget(&mut self, key: &Key) {
        let is_new = self.kept.forget(key);
        self.unjudged |= is_new;
        self.stale |= is_new;
    }

    /// A plan was made of this, and is another by that.
    pub fn planned(&mut self, changes: &Changes, update: &Update) {
        let everywhere = changes.everything || changes.refusals || !changes.nodes.is_empty();
        self.unjudged |= everywhere;
        self.stale |= everywhere || update.shown || !update.is_empty();
    }

    /// Whether a picture would show something new, as far as objects go.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// What should be written now, with the sessions as they are seen.
    pub fn picture(
        &mut self,
        snapshot: &Snapshot,
        plan: &Plan,
        sessions: &[Session],
        now: Timestamp,
    ) -> Picture {
        self.stale = false;
        // A class's conflict comes and goes with prefixes; nothing else in a judgement does.
        let overlaps = plan.classes.values().any(|class| !class.conflicts.is_empty());
        if std::mem::take(&mut self.unjudged) || overlaps || self.kept.says_overlapping() {
            self.judgements = judge(snapshot, plan, &self.kept);
        }
        let peers = self.sessions.follow(sessions, now);
        Picture {
            owner: self.kept.owner.clone().filter(|_| snapshot.node(&plan.node).is_some()),
            state: state::state(snapshot, plan, peers),
            conditions: self.judgements.clone(),
            notes: self.turns.notes(snapshot, plan),
        }
    }
}

#[cfg(test)]
mod tests;
