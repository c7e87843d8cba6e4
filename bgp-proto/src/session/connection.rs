//! One TCP connection of a session: where it stands, and what is still to be sent on it.

use super::{
    action::ConnectionId,
    collision::{Stage, identity},
    settings::Settings,
    terms::Terms,
};
use crate::{random::SHORTEST, time::Time, wire::open::Offer};
use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;

/// A connection, dialled or accepted.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) dialled: bool,
    /// It came up when the session was established on another.
    pub(super) later: bool,
    pub(super) out: Outbox,
    pub(super) state: State,
}

/// Where a connection stands; each state owns what is known in it.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// TCP is being set up.
    Connecting,
    /// TCP is up, our OPEN is held back: DelayOpen, or another connection is further and the peer must say first
    /// that it means this one.
    Delaying { open_at: Time, hold_until: Time },
    /// Our OPEN is out: this one.
    OpenSent { ours: Box<Offer>, hold_until: Time },
    /// Both OPENs are out and the peer must choose between this connection and another. `heard`: its KEEPALIVE came.
    Waiting { opened: Box<Opened>, heard: bool, hold_until: Time },
    /// Our KEEPALIVE is out.
    OpenConfirm { opened: Box<Opened>, timers: Timers },
    /// Up.
    Established { opened: Box<Opened>, timers: Timers, since: Time },
}

/// What both sides said, and what follows.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) ours: Offer,
    pub(super) theirs: Offer,
    pub(super) terms: Terms,
}

/// The deadlines of a connection on which both OPENs are out, and the spans they are set to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timers {
    pub(super) hold: Duration,
    pub(super) keepalive: Duration,
    pub(super) send_hold: Duration,
    pub(super) hold_until: Time,
    pub(super) keepalive_at: Time,
    pub(super) send_hold_until: Time,
}

impl Timers {
    /// RFC 9687 §3.2: eight minutes or twice the hold time; off with the hold time.
    pub(super) fn new(terms: &Terms, settings: &Settings, now: Time) -> Timers {
        let (hold, third) = (terms.hold(), terms.keepalive());
        let keepalive = match settings.keepalive {
            Some(set) if hold != Duration::MAX => set.clamp(SHORTEST, third),
            _ => third,
        };
        let send_hold = match settings.send_hold {
            _ if hold == Duration::MAX => Duration::MAX,
            Some(set) => set.max(SHORTEST),
            None => hold.saturating_mul(2).max(Duration::from_secs(480)),
        };
        let (hold_until, keepalive_at, send_hold_until) = (now + hold, now + keepalive, now + send_hold);
        Timers { hold, keepalive, send_hold, hold_until, keepalive_at, send_hold_until }
    }

    /// The peer was heard.
    #[inline]
    pub(super) fn heard(&mut self, now: Time) {
        self.hold_until = now + self.hold;
    }

    /// The socket took something.
    #[inline]
    pub(super) fn wrote(&mut self, now: Time) {
        self.keepalive_at = now + self.keepalive;
        self.send_hold_until = now + self.send_hold;
    }

    fn deadline(&self) -> Time {
        self.hold_until.min(self.keepalive_at).min(self.send_hold_until)
    }
}

impl Connection {
    pub(super) const fn new(id: ConnectionId, dialled: bool) -> Connection {
        Connection { id, dialled, later: false, out: Outbox::new(), state: State::Connecting }
    }

    /// The next instant at which something is due.
    pub(super) fn deadline(&self) -> Time {
        match &self.state {
            State::Connecting => Time::NEVER,
            State::Delaying { open_at, hold_until } => *open_at.min(hold_until),
            State::OpenSent { hold_until, .. } | State::Waiting { hold_until, .. } => *hold_until,
            State::OpenConfirm { timers, .. } | State::Established { timers, .. } => timers.deadline(),
        }
    }

    /// How far it is, as a collision sees it.
    pub(super) fn stage(&self) -> Stage {
        match &self.state {
            State::Connecting => Stage::Connecting,
            State::Delaying { .. } | State::OpenSent { .. } | State::Waiting { .. } => Stage::Opening,
            State::OpenConfirm { .. } => Stage::Confirming,
            State::Established { opened, .. } => Stage::Established(identity(&opened.theirs)),
        }
    }

    pub(super) const fn is_established(&self) -> bool {
        matches!(self.state, State::Established { .. })
    }

    /// Our KEEPALIVE went out on it.
    pub(super) const fn is_confirmed(&self) -> bool {
        matches!(self.state, State::OpenConfirm { .. } | State::Established { .. })
    }

    pub(super) fn timers(&mut self) -> Option<&mut Timers> {
        match &mut self.state {
            State::OpenConfirm { timers, .. } | State::Established { timers, .. } => Some(timers),
            _ => None,
        }
    }

    pub(super) fn opened(&self) -> Option<&Opened> {
        match &self.state {
            State::Connecting | State::Delaying { .. } | State::OpenSent { .. } => None,
            State::Waiting { opened, .. }
            | State::OpenConfirm { opened, .. }
            | State::Established { opened, .. } => Some(opened),
        }
    }
}

/// Octets that wait for the socket.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    octets: Vec<u8>,
    sent: usize,
}

impl Outbox {
    pub(super) const fn new() -> Outbox {
        Outbox { octets: Vec::new(), sent: 0 }
    }

    pub(super) fn holding(octets: Vec<u8>) -> Outbox {
        Outbox { octets, sent: 0 }
    }

    pub(super) fn unsent(&self) -> &[u8] {
        self.octets.get(self.sent..).unwrap_or_default()
    }

    /// The end to append to. What was sent is dropped when that costs no more than it frees.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        if self.sent >= self.octets.len() - self.sent {
            self.octets.drain(..self.sent);
            self.sent = 0;
        }
        &mut self.octets
    }

    /// So many octets went out; more than there are count as all.
    pub(super) fn sent(&mut self, octets: usize) {
        self.sent = self.sent.saturating_add(octets).min(self.octets.len());
        if self.sent == self.octets.len() {
            self.octets.clear();
            self.sent = 0;
        }
    }

    pub(super) fn take(mut self) -> Vec<u8> {
        self.octets.drain(..self.sent);
        self.octets
    }
}
