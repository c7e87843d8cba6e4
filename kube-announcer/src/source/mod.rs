//! Where a cluster's objects come from, one at a time: the same changes whatever the source.

pub mod cluster;
mod defaults;
pub mod folder;
pub mod manifest;
pub mod scope;

use crate::{
    crd::check,
    object::{Key, Name, Object},
};
use scope::Scope;
use std::collections::BTreeSet;

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
    /// An object is there that cannot be read; its last good version stays.
    Refused(check::Mistake),
    /// An object of a scope is gone from it.
    Gone(Scope, Key),
    /// All objects of a scope have been told, and these are their names: no other is there.
    Listed(Scope, BTreeSet<Name>),
    /// Objects of a scope may not be read.
    Forbidden(Scope),
    /// Objects of a scope are none that the server knows.
    Unserved(Scope),
    /// Of pods these scopes are read from now on, and no others.
    Pods(BTreeSet<Scope>),
}
