//! BFD beside the sessions (RFC 5882): which peers are to have it, and what follows when a path breaks.

use super::{Action, Engine, Event, PeerId};
use crate::{
    config::{Bfd, Distance, Remote},
    peer::Peer,
};
use bgp_proto::{
    bfd::{Refused, State},
    session::Cause,
    time::Time,
};
use std::{net::IpAddr, time::Duration};

/// A BFD session that a peer is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The peer's address.
    pub address: IpAddr,
    /// The link that it counts on, where it is link-local.
    pub interface: Option<Box<str>>,
    /// The address that we send from; `None`: whichever the kernel takes.
    pub source: Option<IpAddr>,
    /// The peer is hops away (RFC 5883).
    pub multihop: bool,
    /// How fast.
    pub pace: Bfd,
}

impl Path {
    /// Whether it is the same session, at another pace perhaps.
    pub(crate) fn is_same(&self, other: &Path) -> bool {
        Path { pace: self.pace, ..other.clone() } == *self
    }
}

/// How a BFD session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathSeen {
    /// Its state.
    pub state: State,
    /// Since when it is in it.
    pub since: Time,
    /// When it was last up and is not any more, and why.
    pub last: Option<(Time, Box<str>)>,
    /// When the path last broke.
    pub broke: Option<Time>,
    /// How often we send at least; `None`: the peer wants no packets.
    pub interval: Option<Duration>,
    /// How long of silence is a broken path; `None`: nothing came yet.
    pub silence: Option<Duration>,
    /// The peer's BFD does not share the fate of its control plane (the C bit).
    pub independent: bool,
    /// Why the last packet from there was discarded, if it was.
    pub refused: Option<Refused>,
}

impl PathSeen {
    /// One that looks for its peer.
    pub fn new(now: Time) -> Self {
        PathSeen {
            state: State::Down,
            since: now,
            last: None,
            broke: None,
            interval: None,
            silence: None,
            independent: false,
            refused: None,
        }
    }
}

/// The session that a peer is to have: from when its address is known, and not while it is down on purpose. It is there
/// whether or not BGP is, so that both sides agree on the path before anything depends on it.
fn wanted(peer: &Peer) -> Option<Path> {
    let pace = peer.settings.bfd.filter(|_| peer.kept_down.is_none())?;
    let source = peer.settings.source_address;
    let multihop = matches!(peer.settings.distance, Distance::Multihop(_));
    let path = |address, interface, source| Path { address, interface, source, multihop, pace };
    Some(match &peer.remote {
        // Whoever connects from a range gets no packets before it has said who it is.
        Remote::Address(address, interface) if peer.dynamic => {
            let (own, _) = peer.at.filter(|_| peer.up.is_some())?;
            path(*address, interface.clone(), Some(own))
        }
        Remote::Address(address, interface) => path(*address, interface.clone(), source),
        Remote::Interface(interface) => path(peer.at?.1, Some(interface.clone()), source),
    })
}

/// Takes note of which session a peer is to have now. `Some`: another than before.
pub(super) fn renew(now: Time, peer: &mut Peer) -> Option<Action> {
    if peer.settings.bfd.is_none() && peer.path.is_none() {
        return None;
    }
    let wanted = wanted(peer);
    if wanted.as_ref() == peer.path.as_ref().map(|(path, _)| path) {
        return None;
    }
    let known = peer.path.take();
    peer.path = wanted.clone().map(|wanted| {
        let seen = known.filter(|(path, _)| path.is_same(&wanted)).map(|(_, seen)| seen);
        (wanted, seen.unwrap_or_else(|| PathSeen::new(now)))
    });
    Some(Action::Bfd(peer.id, wanted))
}

impl Engine {
    /// How a peer's BFD session is by now.
    pub fn path(&mut self, now: Time, id: PeerId, seen: &PathSeen) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let who = peer.who();
        let Some((_, known)) = &mut peer.path else { return };
        // Nothing new, or what is said of a session that this one took the place of.
        if seen == known || seen.since < known.since {
            return;
        }
        let before = std::mem::replace(known, seen.clone());
        let breaks = seen.broke > before.broke;
        // It may have come and gone since it was last looked at.
        let is_other = seen.state != before.state || seen.since != before.since;
        if before.state == State::Up && is_other {
            peer.tally.path_flaps += 1;
            let why = seen.last.as_ref().map_or_else(|| "".into(), |(_, why)| why.clone());
            self.actions.push_back(Action::Event(Event::PathDown {
                who: who.clone(),
                why,
                is_failure: breaks,
            }));
        }
        if seen.state == State::Up && is_other {
            peer.tally.path_ups += 1;
            self.actions.push_back(Action::Event(Event::PathUp(who)));
        }
        if breaks {
            self.path_broke(now, id, seen.independent);
        }
        self.settle(now, id);
    }

    /// A session ends at once, and its routes go, whatever was agreed of restarts: a restart closes its connections, so
    /// one that is still there is no restart. Routes that are kept for a peer which is away go where its BFD would have
    /// outlived its restart (RFC 5882 §4.3); else its silence is part of that.
    ///
    /// Only that a path breaks ends a session, not that it is broken: one that comes up without BFD stays, whether the
    /// peer speaks BFD no more or something filters it. Each that ends so counts as failed, and is tried again later.
    fn path_broke(&mut self, now: Time, id: PeerId, independent: bool) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if peer.up.is_some() || independent && !peer.stale.is_empty() {
            peer.session.hard_reset(now, &Cause::BfdDown);
        }
    }
}
