//! Where a cluster's objects come from, one at a time: the same changes whatever the source.

pub mod cluster;
mod defaults;
pub mod folder;
pub mod manifest;

use crate::object::{Key, Object};

/// Something that happened to an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It is new, or it is like this now.
    Apply(Box<Object>),
    /// It is gone.
    Remove(Key),
}

impl Change {
    /// The object that is there now, unless it is gone.
    pub fn applied(self) -> Option<Object> {
        match self {
            Change::Apply(object) => Some(*object),
            Change::Remove(_) => None,
        }
    }
}

/// What a source tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Something happened to an object.
    Change(Change),
    /// All that the source knows has been told: the time to plan.
    Whole,
    /// What cannot be read now; nothing: all of it can. Its last good version stays, where there was one.
    Mistakes(Vec<manifest::Mistake>),
    /// A kind of object that no plan reads, the first time that it is met.
    Ignored(manifest::Unread),
}
