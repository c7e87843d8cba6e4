//! What is remembered of objects for what is written back, beside what a plan reads of them.

use crate::{
    crd::{Condition, Conditions},
    object::{Key, Kind, Name, Object},
};
use std::{collections::BTreeMap, sync::Arc};

/// Types of conditions that are ours.
pub(super) const ACCEPTED: &str = "Accepted";
pub(super) const OVERLAPPING: &str = "Overlapping";

/// What is remembered.
#[derive(Debug)]
pub(super) struct Kept {
    node: Name,
    /// The UID of the own Node.
    pub(super) owner: Option<Arc<str>>,
    /// BgpPeers and BgpAdvertisements.
    pub(super) ours: BTreeMap<Key, Ours>,
}

/// What a BgpPeer or BgpAdvertisement says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ours {
    /// Another whenever somebody writes something else.
    pub(super) generation: i64,
    /// What was said of it, of our types.
    pub(super) conditions: Vec<Condition>,
}

impl Ours {
    pub(super) fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }
}

impl Kept {
    pub(super) fn new(node: &Name) -> Self {
        Kept { node: node.clone(), owner: None, ours: BTreeMap::new() }
    }

    /// An object is there, or is another than it was. True: that is of interest here.
    pub(super) fn see(&mut self, object: &Object) -> bool {
        let status = match object {
            Object::Node(node) if node.metadata.name.as_deref() == Some(&self.node) => {
                let owner = node.metadata.uid.as_deref();
                let is_new = self.owner.as_deref() != owner;
                self.owner = owner.map(Into::into);
                return is_new;
            }
            Object::BgpPeer(peer) => peer.status.as_ref(),
            Object::BgpAdvertisement(advertisement) => advertisement.status.as_ref(),
            _ => return false,
        };
        let now = Ours {
            generation: object.metadata().generation.unwrap_or_default(),
            conditions: status.map(ours).unwrap_or_default(),
        };
        let known = self.ours.entry(object.key()).or_default();
        let is_new = *known != now;
        *known = now;
        is_new
    }

    /// Whether an object says that it overlaps with another.
    pub(super) fn says_overlapping(&self) -> bool {
        self.ours.values().any(|ours| ours.condition(OVERLAPPING).is_some())
    }

    /// An object is gone.
    pub(super) fn forget(&mut self, key: &Key) -> bool {
        if key.kind == Kind::Node && key.name == self.node {
            return self.owner.take().is_some();
        }
        self.ours.remove(key).is_some()
    }
}

fn ours(status: &Conditions) -> Vec<Condition> {
    let all = status.conditions.iter().flatten();
    all.filter(|condition| [ACCEPTED, OVERLAPPING].contains(&&*condition.kind)).cloned().collect()
}
