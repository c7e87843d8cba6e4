//! Routes of our own, by owner, and changes that are made as one.

use super::{Engine, NotDone, seconds};
use crate::{
    config::Config,
    rib::{LocalRoute, SenderId, TooManySenders},
};
use bgp_proto::time::Time;
use ipnet::IpNet;

/// The owner of routes that stand in the configuration.
pub(super) const CONFIG: &str = "config";

/// A change that is made as a whole or not at all: a new configuration, new routes of sources, or both.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub(super) config: Option<Box<Config>>,
    pub(super) routes: Vec<(Box<str>, Routes)>,
}

/// What becomes of a source's routes.
#[derive(Clone, Debug)]
pub(super) enum Routes {
    /// These are all.
    Replace(Vec<LocalRoute>),
    /// These too, and not those.
    Update(Vec<LocalRoute>, Vec<IpNet>),
    /// None, and there is no such source any more.
    End,
}

impl Change {
    /// Changes nothing.
    pub fn new() -> Self {
        Change::default()
    }

    /// From now on this is the configuration.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(Box::new(config));
        self
    }

    /// Where the new configuration listens, if there is one.
    #[cfg(feature = "speaker")]
    pub(crate) fn listen(&self) -> Option<&[std::net::SocketAddr]> {
        self.config.as_ref().map(|config| &*config.listen)
    }

    /// From now on these are all the routes of an owner. A set of many thousands is taken in a slice at a time
    /// ([`Engine::work`]); what it withdraws goes last.
    #[must_use]
    pub fn replace(mut self, owner: &str, routes: Vec<LocalRoute>) -> Self {
        self.routes.push((owner.into(), Routes::Replace(routes)));
        self
    }

    /// An owner announces these routes, and withdraws those that it had to these prefixes.
    #[must_use]
    pub fn update(mut self, owner: &str, announce: Vec<LocalRoute>, withdraw: Vec<IpNet>) -> Self {
        self.routes.push((owner.into(), Routes::Update(announce, withdraw)));
        self
    }

    /// An owner is no more, and its routes with it.
    #[must_use]
    pub fn end(mut self, owner: &str) -> Self {
        self.routes.push((owner.into(), Routes::End));
        self
    }
}

impl Engine {
    /// The source of an owner's routes, made where there is none: the same owner, the same source.
    pub fn source(&mut self, owner: &str) -> Result<SenderId, TooManySenders> {
        if let Some(known) = self.sources.get(owner) {
            return Ok(*known);
        }
        let id = self.rib.add_source(owner)?;
        self.sources.insert(owner.into(), id);
        Ok(id)
    }

    /// Makes what is in a change possible, or says why it is not.
    pub(super) fn prepare_sources(&mut self, change: &Change) -> Result<(), NotDone> {
        if let Some((owner, _)) = change.routes.iter().find(|(owner, _)| &**owner == CONFIG) {
            return Err(NotDone::OwnerTaken(owner.to_string()));
        }
        for (owner, routes) in &change.routes {
            if !matches!(routes, Routes::End) {
                self.source(owner)?;
            }
        }
        Ok(())
    }

    /// Changes the routes of a source.
    pub(super) fn change_routes(&mut self, now: Time, owner: &str, routes: Routes) {
        let Some(id) = self.sources.get(owner).copied() else { return };
        let Some(routes) = self.put_off(owner, id, routes) else { return };
        self.dirty = true;
        match routes {
            Routes::Replace(routes) => {
                self.rib.replace(id, &routes, seconds(now));
                self.known(now, owner);
            }
            Routes::Update(announce, withdraw) => {
                self.update(now, id, &announce, &withdraw);
            }
            Routes::End => {
                self.rib.remove(id);
                self.sources.remove(owner);
                self.known(now, owner);
            }
        }
    }

    pub(super) fn update(&mut self, now: Time, id: SenderId, announce: &[LocalRoute], withdraw: &[IpNet]) {
        withdraw.iter().for_each(|prefix| self.rib.withdraw(id, *prefix));
        announce.iter().for_each(|route| self.rib.announce(id, route, seconds(now)));
    }
}
