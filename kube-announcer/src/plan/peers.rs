//! The sessions that a node should have: which BgpPeers are for it, and where each of them is.

use super::{
    Facts,
    reason::{Code, Reason, Refusal},
};
use crate::{
    object::{Key, Kind, Name},
    snapshot::{Node, Snapshot},
    wish::{Peer, Place, Selector},
};
use bgp_daemon::config::{Password, Remote};
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

/// A session that the node should have.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The BgpPeer.
    pub wish: Arc<Peer>,
    /// Where it is.
    pub remote: Remote,
    /// Its password.
    pub password: Option<Password>,
    /// The other side dials too, so we listen.
    pub listens: bool,
}

/// The most nodes of a mesh.
const LARGEST_MESH: usize = 100;

/// All sessions of a node, and what there is no session with.
pub(super) fn sessions(snapshot: &Snapshot, node: &Name, facts: &Facts) -> (Vec<Session>, Vec<Refusal>) {
    let mut finding = Finding {
        snapshot,
        node: snapshot.node(node),
        name: node,
        facts,
        taken: BTreeSet::new(),
        sessions: Vec::new(),
        absent: Vec::new(),
    };
    snapshot.peers().for_each(|peer| finding.find(peer));
    (finding.sessions, finding.absent)
}

struct Finding<'a> {
    snapshot: &'a Snapshot,
    node: Option<&'a Node>,
    name: &'a Name,
    facts: &'a Facts,
    taken: BTreeSet<Remote>,
    sessions: Vec<Session>,
    absent: Vec<Refusal>,
}

impl Finding<'_> {
    fn find(&mut self, peer: &Arc<Peer>) {
        if !self.is_here(&peer.node_selector) {
            return self.refuse(peer, Code::NodeNotChosen);
        }
        let password = match self.password(peer) {
            Ok(password) => password,
            Err(reason) => return self.refuse(peer, reason),
        };
        for place in self.places(peer) {
            match place.and_then(|remote| self.free(remote)) {
                Ok(remote) => {
                    self.taken.insert(remote.clone());
                    let listens = matches!(peer.place, Place::Nodes(_));
                    let session = Session { wish: peer.clone(), remote, password: password.clone(), listens };
                    self.sessions.push(session);
                }
                Err(reason) => self.refuse(peer, reason),
            }
        }
    }

    fn refuse(&mut self, peer: &Peer, reason: impl Into<Reason>) {
        let object = Key { kind: Kind::BgpPeer, name: peer.name.clone() };
        self.absent.push(Refusal { object, reason: reason.into() });
    }

    /// Whether a selector chooses the node. Without a Node there are no labels.
    fn is_here(&self, selector: &Selector) -> bool {
        match self.node {
            Some(node) => self.snapshot.selects(selector, &node.tags),
            None => selector.chooses(|_| None),
        }
    }

    /// A peer whose password is missing is not started: an empty one would be no password.
    fn password(&self, peer: &Peer) -> Result<Option<Password>, Reason> {
        let Some(secret) = &peer.password else { return Ok(None) };
        if self.snapshot.is_forbidden(Kind::Secret) {
            return Err(Reason::with(Code::KindForbidden, Kind::Secret));
        }
        let secret = format!("{}/{secret}", self.facts.namespace);
        match self.snapshot.secret(&secret) {
            None => Err(Reason::with(Code::NoPassword, secret)),
            Some(None) => Err(Reason::with(Code::BadPassword, secret)),
            Some(Some(password)) => Ok(Some(password.clone())),
        }
    }

    fn places(&self, peer: &Peer) -> Vec<Result<Remote, Reason>> {
        match &peer.place {
            Place::Address(address, zone) => vec![Ok(Remote::Address(*address, zone.clone()))],
            Place::Interface(name) => vec![Ok(Remote::Interface(name.clone()))],
            Place::Gateway if self.facts.gateways.is_empty() => vec![Err(Code::NoGateway.into())],
            Place::Gateway => {
                let gateways = self.facts.gateways.iter();
                gateways.map(|(address, zone)| Ok(Remote::Address(*address, zone.clone()))).collect()
            }
            Place::Annotation(key) => self.annotated(key),
            Place::Nodes(selector) => self.mesh(selector),
        }
    }

    fn annotated(&self, key: &str) -> Vec<Result<Remote, Reason>> {
        let Some(text) = self.node.and_then(|node| self.snapshot.annotation(&node.tags, key)) else {
            return vec![Err(Reason::with(Code::NoAnnotation, key))];
        };
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let places: Vec<_> = words
            .map(|word| {
                let (address, zone) = word.split_once('%').map_or((word, None), |(a, zone)| (a, Some(zone)));
                let address =
                    address.parse::<IpAddr>().ok().filter(|a| !a.is_unspecified() && !a.is_multicast());
                address.map(|address| Remote::Address(address, zone.map(Into::into))).ok_or_else(|| {
                    let word: String = word.chars().take(80).flat_map(char::escape_debug).collect();
                    Reason::with(Code::BadAnnotation, format_args!("{key}: \"{word}\""))
                })
            })
            .collect();
        if places.is_empty() { vec![Err(Reason::with(Code::NoAnnotation, key))] } else { places }
    }

    fn mesh(&self, selector: &Selector) -> Vec<Result<Remote, Reason>> {
        if !self.is_here(selector) {
            return vec![Err(Code::NotInMesh.into())];
        }
        let nodes = self.snapshot.nodes();
        let chosen: Vec<_> = nodes.filter(|(_, node)| self.snapshot.selects(selector, &node.tags)).collect();
        let members = chosen.len();
        if members > LARGEST_MESH {
            return vec![Err(Reason::with(Code::MeshTooLarge, members))];
        }
        let others = chosen.into_iter().filter(|(name, _)| *name != self.name);
        others
            .map(|(name, node)| {
                let address = node.internal_addresses().first().copied();
                let place = address.map(|address| Remote::Address(address, None));
                place.ok_or_else(|| Reason::with(Code::MeshWithoutAddress, name))
            })
            .collect()
    }

    /// Whether a session can be there: two peers cannot be at one place, and none at our own.
    fn free(&self, remote: Remote) -> Result<Remote, Reason> {
        let own = match &remote {
            Remote::Address(address, _) => self.node.is_some_and(|node| node.addresses.contains(address)),
            Remote::Interface(_) => false,
        };
        match own {
            true => Err(Reason::with(Code::PeerIsSelf, remote)),
            false if self.taken.contains(&remote) => Err(Reason::with(Code::SamePlace, remote)),
            false => Ok(remote),
        }
    }
}
