//! A source of routes of our own.

use super::{Error, Speaker};
use crate::{engine::Change, rib::LocalRoute};
use ipnet::IpNet;

/// The routes of one owner: whoever decides what is announced.
#[derive(Clone, Debug)]
pub struct Source {
    speaker: Speaker,
    owner: Box<str>,
}

impl Source {
    pub(super) fn new(speaker: Speaker, owner: &str) -> Self {
        Source { speaker, owner: owner.into() }
    }

    /// Who owns them, as policies know it.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// From now on these are all its routes: what is not among them is withdrawn, what is the same stays untouched.
    pub async fn replace(&self, routes: Vec<LocalRoute>) -> Result<(), Error> {
        self.change(Change::new().replace(&self.owner, routes)).await
    }

    /// Announces these routes, and withdraws those to these prefixes.
    pub async fn update(&self, announce: Vec<LocalRoute>, withdraw: Vec<IpNet>) -> Result<(), Error> {
        self.change(Change::new().update(&self.owner, announce, withdraw)).await
    }

    /// Withdraws all its routes, and forgets that there was such an owner.
    pub async fn end(self) -> Result<(), Error> {
        self.change(Change::new().end(&self.owner)).await
    }

    /// Returns when all that was changed before has been taken by the socket of every peer whose session is up.
    pub async fn written(&self) -> Result<(), Error> {
        self.speaker.written().await
    }

    async fn change(&self, change: Change) -> Result<(), Error> {
        self.speaker.change(change).await.map(|_| ())
    }
}
