//! What a new configuration would tell peers, found out without applying it.

use super::{
    Engine, PeerId,
    accept::group_of,
    open::{self, Basis},
};
use crate::{
    config::{self, Config, PeerSettings, Remote},
    peer::Peer,
    rib::{Difference, Export, Import, Proposal, SenderId},
};
use bgp_proto::numbers::RouterId;
use std::collections::BTreeMap;

/// A configuration with what is found out about it once for all peers.
pub(super) struct Ground<'a> {
    pub(super) config: &'a Config,
    pub(super) router_id: RouterId,
    cluster_id: Option<u32>,
    peers: BTreeMap<&'a Remote, &'a config::Peer>,
}

/// What is to be told to the RIB, all at once.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) imports: Vec<(SenderId, Import)>,
    pub(super) exports: Vec<(SenderId, Export)>,
}

impl<'a> Ground<'a> {
    pub(super) fn new(config: &'a Config, router_id: RouterId) -> Self {
        let cluster_id = open::cluster_id(config, router_id);
        let peers = config.peers.iter().map(|peer| (&peer.remote, peer)).collect();
        Ground { config, router_id, cluster_id, peers }
    }

    /// What a peer is to be, with its group. `None`: it is not to be there.
    pub(super) fn wanted(&self, peer: &Peer) -> Option<(&'a PeerSettings, Option<&'a str>)> {
        match (&peer.remote, peer.dynamic) {
            (remote, false) => self.peers.get(remote).map(|known| (&known.settings, known.group.as_deref())),
            (remote @ Remote::Address(address, _), true) if !self.peers.contains_key(remote) => {
                let group = group_of(&self.config.groups, *address)?;
                (Some(&group.name) == peer.group.as_ref()).then_some((&group.settings, Some(&*group.name)))
            }
            _ => None,
        }
    }

    fn rules(&self, peer: &Peer, settings: &PeerSettings) -> Option<(Import, Export)> {
        let up = peer.up.as_ref()?;
        let link = peer.wires.iter().find(|wire| wire.id == up.connection)?.link.as_ref()?;
        let Ground { config, router_id, cluster_id, .. } = *self;
        let basis = Basis { asn: config.asn, router_id, cluster_id, settings, terms: &up.terms, link };
        Some((basis.import(), basis.export()))
    }
}

/// Takes down what changes for the routes of a peer that is up. Whether anything does.
pub(super) fn note_rules(
    rules: &mut Rules,
    peer: &Peer,
    before: &Ground<'_>,
    (after, settings): (&Ground<'_>, &PeerSettings),
) -> bool {
    let (Some(old), Some(new)) = (before.rules(peer, &peer.settings), after.rules(peer, settings)) else {
        return false;
    };
    let (import, export) = (old.0 != new.0, old.1 != new.1);
    rules.imports.extend(import.then_some((peer.sender, new.0)));
    rules.exports.extend(export.then_some((peer.sender, new.1)));
    import || export
}

impl Engine {
    /// Begins to find out what peers would be told if this was the configuration; of each kind of difference up to
    /// `keep` prefixes are named. Sessions are taken to stay up as they are.
    pub fn propose(&self, config: &Config, keep: usize) -> Proposal {
        let before = Ground::new(&self.config, self.router_id());
        let after = Ground::new(config, config.router_id.unwrap_or(self.start.router_id));
        let mut rules = Rules::default();
        for peer in self.peers.values() {
            if let Some((settings, _)) = after.wanted(peer) {
                note_rules(&mut rules, peer, &before, (&after, settings));
            }
        }
        Proposal::new(rules.imports, rules.exports, keep)
    }

    /// Finds out a part of it, well under a millisecond. False: all is found out.
    pub fn compare(&mut self, proposal: &mut Proposal) -> bool {
        self.rib.compare(proposal, super::fill::SLICE)
    }

    /// What was found out so far, by peer.
    pub fn differences<'a>(&self, proposal: &'a Proposal) -> impl Iterator<Item = (PeerId, &'a Difference)> {
        let all = proposal.differences().iter();
        all.filter_map(|(sender, difference)| Some((*self.by_sender.get(sender)?, difference)))
    }
}
