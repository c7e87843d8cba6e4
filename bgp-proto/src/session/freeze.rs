//! Freezing an established session into a plain value, and going on with it elsewhere.

use super::{
    ConnectionId, Phase, Session, Settings,
    connection::{Connection, Opened, Outbox, State, Timers},
    negotiate::negotiate,
    stale::{Stale, StaleFamily},
    terms::Refusal,
};
use crate::{
    random::Random,
    time::Time,
    wire::open::{Offer, OpenTooLong},
};
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

/// An established session at rest: all that another process needs to go on with it as if nothing had happened, beside
/// the socket and the settings. Plain, so that it can be written in any format; `version` says how to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Frozen {
    /// The version of this layout: [`Frozen::VERSION`].
    pub version: u16,
    /// The established connection.
    pub connection: ConnectionId,
    /// We dialled it.
    pub dialled: bool,
    /// What we said in our OPEN.
    pub ours: Offer,
    /// What the peer said in its.
    pub theirs: Offer,
    /// Since when the session is up.
    pub since: Time,
    /// When the peer has been silent for too long.
    pub hold_until: Time,
    /// When to send a KEEPALIVE.
    pub keepalive_at: Time,
    /// When the peer has taken nothing for too long.
    pub send_hold_until: Time,
    /// Families with stale routes.
    pub stale: Vec<StaleFamily>,
    /// ConnectRetryCounter.
    pub failures: u32,
    /// The next connection's number.
    pub next_connection: u32,
    /// Where the jitter goes on.
    pub random: u64,
    /// Octets that were read from the socket and are not a whole message yet: give them to
    /// [`Session::receive`] in front of what is read next.
    pub unread: Vec<u8>,
    /// Octets that the socket did not take yet.
    pub unsent: Vec<u8>,
}

impl Frozen {
    /// The layout that this version of the crate writes and reads.
    pub const VERSION: u16 = 1;
}

/// Why a session cannot be frozen now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFrozen {
    /// It is not established.
    NotEstablished,
    /// There are actions that were not taken from [`Session::poll`].
    ActionsLeft,
}

impl fmt::Display for NotFrozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            NotFrozen::NotEstablished => {
                "the session is not established; only an established one can be handed over"
            }
            NotFrozen::ActionsLeft => "the session has actions left; take them from `poll` first",
        })
    }
}

impl core::error::Error for NotFrozen {}

/// Why a frozen session cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotThawed {
    /// It was written by another version of this crate.
    Version(u16),
    /// The settings do not allow any more what the two OPENs settled.
    Refused(Refusal),
    /// The offer of the settings does not fit an OPEN.
    Offer(OpenTooLong),
}

impl fmt::Display for NotThawed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotThawed::Version(version) => write!(
                f,
                "the frozen session has version {version} and this program reads {}; let the session restart",
                Frozen::VERSION
            ),
            NotThawed::Refused(refusal) => {
                write!(f, "the settings no longer allow the session ({refusal}); let it restart")
            }
            NotThawed::Offer(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for NotThawed {}

impl Session {
    /// The session as a value that another process continues; drop this one afterwards, and close every connection
    /// but the established one. `unread` is what `receive` left of the input.
    pub fn freeze(&self, unread: &[u8]) -> Result<Frozen, NotFrozen> {
        let live = self.connections.iter().find(|connection| connection.is_established());
        let Some(Connection {
            id, dialled, out, state: State::Established { opened, timers, since }, ..
        }) = live
        else {
            return Err(NotFrozen::NotEstablished);
        };
        if !self.actions.is_empty() {
            return Err(NotFrozen::ActionsLeft);
        }
        Ok(Frozen {
            version: Frozen::VERSION,
            connection: *id,
            dialled: *dialled,
            ours: opened.ours.clone(),
            theirs: opened.theirs.clone(),
            since: *since,
            hold_until: timers.hold_until,
            keepalive_at: timers.keepalive_at,
            send_hold_until: timers.send_hold_until,
            stale: self.stale.families.clone(),
            failures: self.failures,
            next_connection: self.next_connection,
            random: self.random.0,
            unread: unread.to_vec(),
            unsent: out.unsent().to_vec(),
        })
    }

    /// Goes on with a frozen session. The terms follow from both OPENs again, under these settings.
    pub fn thaw(settings: Settings, frozen: Frozen) -> Result<Session, NotThawed> {
        if frozen.version != Frozen::VERSION {
            return Err(NotThawed::Version(frozen.version));
        }
        let Frozen { ours, theirs, hold_until, keepalive_at, send_hold_until, since, .. } = frozen;
        let terms = negotiate(&settings, &ours, &theirs).map_err(NotThawed::Refused)?;
        let spans = Timers::new(&terms, &settings, Time::START);
        let timers = Timers { hold_until, keepalive_at, send_hold_until, ..spans };
        let mut session = Session::new(settings, frozen.random).map_err(NotThawed::Offer)?;
        session.connections.push(Connection {
            id: frozen.connection,
            dialled: frozen.dialled,
            later: false,
            out: Outbox::holding(frozen.unsent),
            state: State::Established { opened: Box::new(Opened { ours, theirs, terms }), timers, since },
        });
        session.phase = Phase::Running { retry_at: Time::NEVER };
        session.random = Random(frozen.random);
        (session.failures, session.next_connection) = (frozen.failures, frozen.next_connection);
        session.stale = Stale { families: frozen.stale };
        Ok(session)
    }
}
