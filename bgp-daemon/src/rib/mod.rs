//! The RIB: routes learned and local, the best of each prefix, and what every group of peers is told of them.
//!
//! A [`Rib`] is a plain value with one owner. It is told things (`learn`, `replace`, `peer_up`, `next_hop`, …) and
//! asked for things ([`Rib::take`] yields a peer's next octets). What takes long is a cursor: call [`Rib::work`]
//! until it says that nothing is left, a slice at a time, with other things in between.

mod group;
mod half;
mod intern;
mod next_hop;
mod peers;
mod pending;
mod ring;
mod select;
mod slab;
mod table;
mod view;

use bgp_proto::{
    agreed::{Agreed, PeerKind},
    attr::{next_hop::NextHop, set::PathAttributes, table::Treatment},
    family::Family,
    numbers::{Asn, RouterId},
    prefix::{Address, Prefix},
    wire::{
        nlri::{Items, Nlri},
        update::Update,
    },
};
use bytes::Bytes;
use half::{Half, Shared};
use intern::{AttrId, Scope, Sets};
use peers::Sender;
use std::net::IpAddr;
use view::View;

pub use peers::{SenderId, SenderKind};
pub use select::Settings as Selection;

/// What a RIB is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our AS.
    pub local_asn: Asn,
    /// Where the order of hash tables comes from: the same seed and the same calls give the same octets.
    pub seed: u64,
    /// Next hops have to be resolved ([`Rib::next_hop`]); off in reflectors and collectors.
    pub resolve_next_hops: bool,
    /// How routes are compared.
    pub selection: Selection,
}

/// A peer as the RIB knows it.
#[derive(Clone, Debug)]
pub struct PeerSettings {
    /// Its name, for people.
    pub name: String,
    /// Its BGP identifier.
    pub router_id: RouterId,
    /// Its address.
    pub address: IpAddr,
    /// What the two OPENs settled.
    pub agreed: Agreed,
    /// The next hop written in what it is told; none: as it was learned.
    pub next_hop: Option<NextHop>,
}

/// Routes, selection, and what each peer is told.
pub struct Rib {
    settings: Settings,
    sets: Sets,
    v4: Half<u32>,
    v6: Half<u128>,
    senders: Vec<Option<Sender>>,
    peers: Vec<Option<Peer>>,
    complete: bool,
}

/// A peer whose session is up.
struct Peer {
    agreed: Agreed,
    scope: Scope,
    /// Its groups, for IPv4 and IPv6.
    v4: Option<usize>,
    v6: Option<usize>,
}

/// Calls a block for the half of each width, so that no width has code of its own.
macro_rules! both {
    ($rib:ident, |$half:ident, $shared:ident| $body:expr) => {{
        let settings = $rib.settings.selection;
        let mut shared = Shared { sets: &mut $rib.sets, senders: &$rib.senders, settings };
        let $shared = &mut shared;
        {
            let $half = &mut $rib.v4;
            $body;
        }
        let $half = &mut $rib.v6;
        $body
    }};
}

/// The largest number of senders: their numbers take two octets, and one of these says "nobody".
const MAX_SENDERS: usize = u16::MAX as usize;

/// There is no room for one more sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySenders;

impl Rib {
    /// An empty RIB.
    pub fn new(settings: Settings) -> Self {
        let seed = settings.seed;
        Rib {
            sets: Sets::new(seed, settings.resolve_next_hops),
            v4: Half::new(seed),
            v6: Half::new(seed),
            senders: Vec::new(),
            peers: Vec::new(),
            complete: true,
            settings,
        }
    }

    fn add(&mut self, sender: Sender) -> Result<SenderId, TooManySenders> {
        let free = self.senders.iter().position(Option::is_none).unwrap_or(self.senders.len());
        if free == MAX_SENDERS {
            return Err(TooManySenders);
        }
        if free == self.senders.len() {
            self.senders.push(None);
            self.peers.push(None);
        }
        self.senders[free] = Some(sender);
        Ok(SenderId(free as u16))
    }

    /// A peer's session is up: from now on it can be learned from, and it is told everything.
    pub fn peer_up(&mut self, peer: &PeerSettings) -> Result<SenderId, TooManySenders> {
        let agreed = peer.agreed;
        let id = self.add(Sender::peer(&peer.name, agreed.peer_kind, peer.router_id, peer.address))?;
        let view = |family| {
            let own = agreed.family(family).map(|own| agreed.with_families([own]))?;
            Some(View::new(family, own, self.settings.local_asn, peer.next_hop))
        };
        let (v4, v6) = (view(Family::IPV4), view(Family::IPV6));
        let v4 = v4.map(|view| self.v4.join(view, id.0));
        let v6 = v6.map(|view| self.v6.join(view, id.0));
        let kind = match agreed.peer_kind {
            PeerKind::Internal => 0,
            PeerKind::External => 1,
            PeerKind::Confederation => 2,
        };
        let scope = Scope(kind | u8::from(agreed.four_octet_as) << 2 | u8::from(agreed.aigp) << 3);
        self.peers[usize::from(id.0)] = Some(Peer { agreed, scope, v4, v6 });
        Ok(id)
    }

    /// A peer's session is down: it is told nothing more, and its routes go, a slice at a time ([`Rib::work`]).
    pub fn peer_down(&mut self, id: SenderId) {
        self.peers[usize::from(id.0)] = None;
        both!(self, |half, shared| {
            half.leave(id.0, shared.sets);
            half.end_epoch(id, false)
        });
    }

    /// Takes over an UPDATE.
    pub fn learn(&mut self, id: SenderId, update: &Update<'_>, now: u32) {
        let Some(peer) = self.peers.get(usize::from(id.0)).and_then(Option::as_ref) else { return };
        let scope = peer.scope;
        let mut shared =
            Shared { sets: &mut self.sets, senders: &self.senders, settings: self.settings.selection };
        self.v4.withdraw(id, update.withdrawn(), &mut shared);
        if let Some(unreach) = update.unreach() {
            match unreach.nlri {
                Nlri::Ipv4(items) => self.v4.withdraw(id, items, &mut shared),
                Nlri::Ipv6(items) => self.v6.withdraw(id, items, &mut shared),
                _ => {}
            }
        }
        let gone = update.treatment() == Some(Treatment::Withdraw);
        let body = (!update.announced().is_empty()).then(|| update.announced());
        let reach = update.reach();
        let parts = [
            body.map(|items| (Nlri::Ipv4(items), update.attributes().next_hop().map(NextHop::Ipv4))),
            reach.map(|reach| (reach.nlri, reach.next_hop)),
        ];
        for (nlri, next_hop) in parts.into_iter().flatten() {
            if gone {
                match nlri {
                    Nlri::Ipv4(items) => self.v4.withdraw(id, items, &mut shared),
                    Nlri::Ipv6(items) => self.v6.withdraw(id, items, &mut shared),
                    _ => {}
                }
                continue;
            }
            let learned = shared.sets.learn(update.attributes(), next_hop, scope);
            let with = half::Learned { sender: id, learned, accepted: learned, since: now };
            match nlri {
                Nlri::Ipv4(items) => self.v4.learn(with, items, &mut shared),
                Nlri::Ipv6(items) => self.v6.learn(with, items, &mut shared),
                _ => 0,
            };
            shared.sets.release(learned);
        }
    }

    /// The next octets to write to a peer: whole UPDATEs. `None`: it was told all there is.
    pub fn take(&mut self, id: SenderId) -> Option<Bytes> {
        let peer = self.peers.get(usize::from(id.0))?.as_ref()?;
        let (v4, v6) = (peer.v4, peer.v6);
        let told = v4.and_then(|group| self.v4.take(group, id.0, &mut self.sets, self.complete));
        told.or_else(|| v6.and_then(|group| self.v6.take(group, id.0, &mut self.sets, self.complete)))
    }

    /// Does a slice of what takes long: about `slots` prefixes of each family. False: nothing is left to do.
    pub fn work(&mut self, slots: u32) -> bool {
        let mut any = false;
        both!(self, |half, shared| any |= half.work(slots, shared));
        any
    }

    /// Octets of memory held by tables and attribute sets, the allocator's own not counted.
    pub fn octets(&self) -> usize {
        self.v4.octets() + self.v6.octets() + self.sets.octets()
    }

    /// How many different attribute sets there are.
    pub fn attribute_sets(&self) -> usize {
        self.sets.len()
    }
}
