//! One peer as a plain value: its session, its connections, and what is to be shown of it.

pub(crate) mod offer;
pub(crate) mod overheard;
pub(crate) mod shown;
pub(crate) mod tally;
pub(crate) mod wire;

use crate::{
    config::{PeerSettings, Remote},
    engine::{Key, Next, Options, Path, PathSeen, PeerId, Who},
    rib::SenderId,
};
use bgp_proto::{
    family::Family,
    session::{ConnectionId, Reason, Session, SessionState, Terms},
    time::Time,
};
use overheard::Overheard;
use std::{fmt, net::IpAddr};
use tally::Tally;
use wire::Wire;

/// A peer.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) remote: Remote,
    pub(crate) group: Option<Box<str>>,
    /// It was not configured by itself: it is there while it is connected.
    pub(crate) dynamic: bool,
    pub(crate) settings: PeerSettings,
    pub(crate) session: Session,
    pub(crate) sender: SenderId,
    pub(crate) wires: Vec<Wire>,
    pub(crate) up: Option<Up>,
    /// It had a session since we started.
    pub(crate) was_up: bool,
    /// Families of which stale routes are kept.
    pub(crate) stale: Vec<Family>,
    /// Families that it is sending again, and until when that may take.
    pub(crate) refreshing: Vec<(Family, Time)>,
    /// Why it is not to come up.
    pub(crate) kept_down: Option<KeptDown>,
    /// When it is started again.
    pub(crate) start_at: Time,
    /// The state that was last seen, and since when.
    pub(crate) state: SessionState,
    pub(crate) since: Time,
    /// What the system said of the connection that is about to end.
    pub(crate) why: Option<Box<str>>,
    pub(crate) last: Option<Ended>,
    /// Why it did not come up, as was said since it was up last.
    pub(crate) said: Vec<(Reason, Option<Box<str>>)>,
    pub(crate) tally: Tally,
    /// Its messages are shown.
    pub(crate) overheard: Option<Overheard>,
    /// Our address on its last session, and its own.
    pub(crate) at: Option<(IpAddr, IpAddr)>,
    /// The BFD session that it is to have, and how it is.
    pub(crate) path: Option<(Path, PathSeen)>,
    /// Its entry among the deadlines.
    pub(crate) scheduled: Time,
    /// Something happened that may leave octets to write.
    pub(crate) touched: bool,
    /// The RIB may have more for it.
    pub(crate) hungry: bool,
}

/// A session that is up.
pub(crate) struct Up {
    pub(crate) connection: ConnectionId,
    pub(crate) terms: Box<Terms>,
    /// Families that are nearly full, as was said.
    pub(crate) warned: Vec<Family>,
    /// Families that are over their limit, as was said.
    pub(crate) exceeded: Vec<Family>,
    /// Families of which all was sent.
    pub(crate) complete: Vec<Family>,
}

/// Why a peer is down on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptDown {
    /// The configuration says so.
    Configured(Box<str>),
    /// Somebody did it.
    Asked(Box<str>),
    /// It sent more prefixes of a family than it may.
    Prefixes(Family, u32),
}

impl fmt::Display for KeptDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |f: &mut fmt::Formatter<'_>, by: &str, text: &str| {
            write!(f, "shut down by {by}")?;
            if text.is_empty() { Ok(()) } else { write!(f, ": {}", shown::Shown(text)) }
        };
        match self {
            KeptDown::Configured(text) => said(f, "the configuration", text),
            KeptDown::Asked(text) => said(f, "a person", text),
            KeptDown::Prefixes(family, limit) => write!(f, "sent more than {limit} prefixes of {family}"),
        }
    }
}

/// How a connection ended that was not just one too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: Time,
    /// Why.
    pub reason: Reason,
    /// What the system said of a dial that failed or of a connection that broke.
    pub why: Option<Box<str>>,
}

impl Peer {
    pub(crate) fn who(&self) -> Who {
        let (remote, description) = (self.remote.clone(), self.settings.description.clone());
        Who { id: self.id, remote, description }
    }

    pub(crate) fn key(&self, connection: ConnectionId) -> Key {
        Key { peer: self.id, connection }
    }

    pub(crate) fn options(&self) -> Options {
        Options { distance: self.settings.distance, password: self.settings.password.clone() }
    }

    pub(crate) fn wire(&mut self, connection: ConnectionId) -> Option<&mut Wire> {
        self.wires.iter_mut().find(|wire| wire.id == connection)
    }

    /// When time matters to it.
    pub(crate) fn deadline(&self) -> Time {
        let refreshing = self.refreshing.iter().map(|(_, until)| *until);
        let session = self.session.deadline().unwrap_or(Time::NEVER);
        refreshing.fold(session.min(self.start_at), Time::min)
    }

    /// Nothing is left of it that would have to be remembered.
    pub(crate) fn is_over(&self) -> bool {
        self.dynamic
            && self.session.connections().next().is_none()
            && self.stale.is_empty()
            && self.kept_down.is_none()
    }

    /// What comes after a session that went down.
    pub(crate) fn next(&self, now: Time) -> Next {
        match self.session.deadline() {
            _ if self.start_at != Time::NEVER => Next::Retry(self.start_at - now),
            _ if self.kept_down.is_some() => Next::Stopped,
            _ if self.dynamic => Next::Forgotten,
            _ if self.settings.passive => Next::Wait,
            Some(due) if self.session.state() == SessionState::Idle => Next::Retry(due - now),
            _ => Next::Wait,
        }
    }
}
