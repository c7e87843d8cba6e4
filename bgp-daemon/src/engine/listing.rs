//! What there is to be seen: peers, routes with the reasons, and what listening sockets have to know.

use super::{Ended, Engine, Faulty, KeptDown, Messages, PathSeen, PeerId};
use crate::{
    config::{self, Password, Remote},
    peer::Peer,
    rib::{Listed, Place, Seen, SenderId},
};
use bgp_proto::{
    family::Family,
    session::{RemoteAs, SessionState, Terms},
    time::Time,
};
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr, ops::Bound};

/// What there is to be seen of a peer.
#[derive(Clone, Debug)]
pub struct PeerView<'a> {
    /// Its number.
    pub id: PeerId,
    /// As who it sends routes.
    pub sender: SenderId,
    /// Which AS it may be in.
    pub asn: &'a RemoteAs,
    /// Where it is.
    pub remote: &'a Remote,
    /// The address it is connected from or to.
    pub address: Option<IpAddr>,
    /// Our address on the session.
    pub local_address: Option<IpAddr>,
    /// What people call it.
    pub description: Option<&'a str>,
    /// Its group.
    pub group: Option<&'a str>,
    /// It was not configured by itself.
    pub dynamic: bool,
    /// The state of its session, and since when it is in it.
    pub state: SessionState,
    /// Since when.
    pub since: Time,
    /// Why it is down on purpose.
    pub kept_down: Option<&'a KeptDown>,
    /// What was agreed, while the session is up.
    pub terms: Option<&'a Terms>,
    /// How its last connection ended.
    pub last: Option<&'a Ended>,
    /// Its BFD session, if it is to have one.
    pub path: Option<&'a PathSeen>,
    /// How often its BFD session came up.
    pub path_ups: u64,
    /// How often it went down.
    pub path_flaps: u64,
    /// Families of which routes are kept although the session that they came by is over.
    pub stale: &'a [Family],
    /// Routes, by family.
    pub routes: Vec<RouteCounts>,
    /// Messages that came, all its sessions together.
    pub received: Messages,
    /// Messages that were sent.
    pub sent: Messages,
    /// Malformed messages by what they cost: an attribute, the routes, the session.
    pub malformed: [u64; 3],
    /// The last messages at fault.
    pub faulty: Vec<&'a Faulty>,
    /// How often its session came up.
    pub ups: u64,
    /// How often it went down.
    pub flaps: u64,
}

/// How many routes of a family there are of a peer and for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteCounts {
    /// The family.
    pub family: Family,
    /// Routes that it sent and that are held.
    pub received: u32,
    /// Of those, the ones that were accepted.
    pub accepted: u32,
    /// Routes that it is told.
    pub advertised: u32,
}

/// A page of routes.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The routes to each prefix.
    pub prefixes: Vec<(IpNet, Vec<Listed>)>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<Place>,
}

/// Who sent a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent<'a> {
    /// A peer.
    Peer(PeerId, &'a Remote),
    /// An owner of routes of our own.
    Owner(&'a str),
}

/// `fe80::/10`.
const LINK_LOCAL: IpNet =
    IpNet::V6(ipnet::Ipv6Net::new_assert(std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10));

impl Engine {
    /// All peers, in the order in which they came.
    pub fn peers(&self) -> impl Iterator<Item = PeerView<'_>> {
        self.peers.values().map(|peer| self.view(peer))
    }

    /// The peers behind a place in that order.
    pub fn peers_from(&self, from: Bound<PeerId>) -> impl Iterator<Item = PeerView<'_>> {
        self.peers.range((from, Bound::Unbounded)).map(|(_, peer)| self.view(peer))
    }

    /// One peer.
    pub fn peer(&self, id: PeerId) -> Option<PeerView<'_>> {
        self.peers.get(&id).map(|peer| self.view(peer))
    }

    fn view<'a>(&'a self, peer: &'a Peer) -> PeerView<'a> {
        let link = peer.up.as_ref().and_then(|up| {
            peer.wires.iter().find(|wire| wire.id == up.connection).and_then(|wire| wire.link.as_ref())
        });
        let counts = |family: &Family| RouteCounts {
            family: *family,
            received: self.rib.held(peer.sender, *family),
            accepted: self.rib.accepted(peer.sender, *family),
            advertised: self.rib.advertised(peer.sender, *family),
        };
        PeerView {
            id: peer.id,
            sender: peer.sender,
            asn: &peer.settings.asn,
            remote: &peer.remote,
            address: link.map(super::Link::address),
            local_address: link.map(super::Link::own),
            description: peer.settings.description.as_deref(),
            group: peer.group.as_deref(),
            dynamic: peer.dynamic,
            state: peer.state,
            since: peer.since,
            kept_down: peer.kept_down.as_ref(),
            terms: peer.up.as_ref().map(|up| &*up.terms),
            last: peer.last.as_ref(),
            path: peer.path.as_ref().map(|(_, seen)| seen),
            path_ups: peer.tally.path_ups,
            path_flaps: peer.tally.path_flaps,
            stale: &peer.stale,
            routes: peer.settings.families.iter().map(counts).collect(),
            received: peer.tally.received,
            sent: peer.tally.sent,
            malformed: peer.tally.malformed,
            faulty: peer.tally.faulty.iter().collect(),
            ups: peer.tally.ups,
            flaps: peer.tally.flaps,
        }
    }

    /// Who it is that sent a route. `None`: it is gone.
    pub fn sender(&self, id: SenderId) -> Option<Sent<'_>> {
        let peer = self.by_sender.get(&id).and_then(|peer| self.peers.get(peer));
        let peer = peer.map(|peer| Sent::Peer(peer.id, &peer.remote));
        let owner =
            || self.sources.iter().find(|(_, source)| **source == id).map(|(owner, _)| Sent::Owner(owner));
        let aggregates = || (self.aggregates == Some(id)).then_some(Sent::Owner(super::source::CONFIG));
        peer.or_else(owner).or_else(aggregates)
    }

    /// Everybody who sends routes.
    pub fn senders(&self) -> impl Iterator<Item = (SenderId, Sent<'_>)> {
        let peers = self.peers.values().map(|peer| (peer.sender, Sent::Peer(peer.id, &peer.remote)));
        let owners = self.sources.iter().map(|(owner, id)| (*id, Sent::Owner(owner)));
        let aggregates = self.aggregates.map(|id| (id, Sent::Owner(super::source::CONFIG)));
        peers.chain(owners).chain(aggregates)
    }

    /// Watches from now on to which prefixes something happens: see [`Rib::changed`](crate::rib::Rib::changed).
    pub fn watch(&mut self) -> Seen {
        self.rib.watch()
    }

    /// Whether all is known that our first End-of-RIB waits for.
    pub fn is_complete(&self) -> bool {
        self.waiting.is_none()
    }

    /// The routes to a prefix, with what became of each and why.
    pub fn routes(&self, prefix: IpNet) -> Vec<Listed> {
        self.rib.routes(prefix)
    }

    /// The routes to up to so many prefixes, from a place on. What was there all along is seen once, whatever comes and
    /// goes meanwhile.
    pub fn page(&self, from: Place, limit: usize) -> Page {
        let (prefixes, next) = self.rib.prefixes(from, limit);
        let routes = prefixes.into_iter().map(|prefix| (prefix, self.rib.routes(prefix))).collect();
        Page { prefixes: routes, next }
    }

    /// The links on which a peer is to find us, because it is the one that dials.
    pub fn awaited_on(&self) -> BTreeSet<Box<str>> {
        let waits = |peer: &&config::Peer| peer.settings.passive && peer.settings.shutdown.is_none();
        let interface = |peer: &config::Peer| match &peer.remote {
            Remote::Interface(interface) => Some(interface.clone()),
            Remote::Address(..) => None,
        };
        self.config.peers.iter().filter(waits).filter_map(interface).collect()
    }

    /// What listening sockets need before the first segment comes: whose segments are signed, on which interface where
    /// the addresses are link-local, and with what.
    pub fn keys(&self) -> Vec<(IpNet, Option<Box<str>>, Password)> {
        let peers = self.config.peers.iter().filter_map(|peer| {
            let password = peer.settings.password.clone()?;
            Some(match &peer.remote {
                Remote::Address(address, interface) => ((*address).into(), interface.clone(), password),
                Remote::Interface(interface) => (LINK_LOCAL, Some(interface.clone()), password),
            })
        });
        let groups = self.config.groups.iter().flat_map(|group| {
            let key = |range: &IpNet| Some((*range, None, group.settings.password.clone()?));
            group.accept_from.iter().filter_map(key)
        });
        peers.chain(groups).collect()
    }
}
