//! The machine: what starting, stopping, connections coming and going, and time do to a session (RFC 4271 §8.2.2).

use super::{
    Action, Cause, ConnectionId, Phase, Reason, Session,
    collision::identity,
    connection::{Connection, Opened, State, Timers},
};
use crate::{
    fault::ErrorCode,
    time::Time,
    wire::{
        capability::{Capability, CapabilityBuf},
        message,
        notification::{NotificationBuf, cease},
    },
};
use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;

/// Where a session goes that lost its only connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Idle until started.
    Stop,
    /// Idle, and start again after a while. `counted`: ConnectRetryCounter goes up.
    Idle { counted: bool },
    /// Active: listen, and dial after a while.
    Listen,
}

/// Failed again, and that is counted.
pub(super) const FAILED: Then = Then::Idle { counted: true };

pub(super) const fn plain(code: ErrorCode, subcode: u8) -> NotificationBuf {
    NotificationBuf { code, subcode, data: Vec::new() }
}

const COLLISION: Reason = Reason::Sent(plain(ErrorCode::CEASE, cease::CONNECTION_COLLISION));

impl Session {
    /// Starts the session (ManualStart); one that is down and waits to start by itself starts at once.
    pub fn start(&mut self, now: Time) {
        match self.phase {
            Phase::Running { .. } => return,
            Phase::Stopped => (self.failures, self.failed_dials) = (0, 0),
            Phase::Held { .. } => {}
        }
        self.begin(now);
    }

    /// Ends the session and keeps it down (ManualStop): we leave. With graceful restart the cause goes out as a Hard
    /// Reset (RFC 8538), since the peer would keep our routes otherwise.
    pub fn stop(&mut self, now: Time, cause: &Cause) {
        self.end_all(now, Then::Stop, |known| said(cause, known, true));
        (self.phase, self.failures, self.failed_dials) = (Phase::Stopped, 0, 0);
        self.forget_stale();
    }

    /// Ends the session and lets it start again (AutomaticStop). Routes are kept on both sides where RFC 8538 was
    /// agreed.
    pub fn reset(&mut self, now: Time, cause: &Cause) {
        self.end_all(now, FAILED, |known| said(cause, known, false));
    }

    /// The same, and routes go on both sides whatever was agreed (Hard Reset).
    pub fn hard_reset(&mut self, now: Time, cause: &Cause) {
        self.end_all(now, FAILED, |known| said(cause, known, true));
        self.forget_stale();
    }

    /// Ends the session for a restart of ours and keeps it down: without a NOTIFICATION, so that a peer that agreed
    /// to graceful restart keeps our routes until we are back. A connection that is not established gets a Cease.
    pub fn restart(&mut self, now: Time) {
        self.end_all(now, Then::Stop, |known| {
            if known.is_established() { Reason::Restarting } else { said(&Cause::Reset(None), known, false) }
        });
        (self.phase, self.failures, self.failed_dials) = (Phase::Stopped, 0, 0);
        self.forget_stale();
    }

    /// The peer dialled. `None`: close that connection; else how it is called from now on.
    pub fn accept(&mut self, now: Time) -> Option<ConnectionId> {
        match self.phase {
            Phase::Stopped | Phase::Held { damped: true, .. } => return None,
            Phase::Held { damped: false, .. } => self.phase = Phase::Running { retry_at: Time::NEVER },
            Phase::Running { .. } => {}
        }
        // A peer dials one connection at a time: an older one that came to nothing is dead.
        let pending = self.connections.iter().find(|known| !known.dialled && !known.is_established());
        if let Some(pending) = pending.map(|pending| pending.id) {
            self.end(now, pending, COLLISION, Then::Listen);
        }
        if self.connections.len() >= 2 {
            return None;
        }
        let id = self.add(false);
        self.up(now, id);
        Some(id)
    }

    /// The dial of [`Action::Connect`] succeeded.
    pub fn connected(&mut self, now: Time, connection: ConnectionId) {
        let known = self.connection(connection);
        if known.is_some_and(|known| matches!(known.state, State::Connecting)) {
            self.up(now, connection);
        }
    }

    /// The dial failed, or the connection ended: the peer closed it, or the network broke it.
    pub fn closed(&mut self, now: Time, connection: ConnectionId) {
        let Some(known) = self.connections.iter().find(|known| known.id == connection) else { return };
        let (reason, then) = match (&known.state, known.dialled) {
            (State::Connecting, _) => {
                self.failed_dials = self.failed_dials.saturating_add(1);
                (Reason::DialFailed, Then::Idle { counted: false })
            }
            (State::Delaying { .. }, true) | (State::OpenSent { .. }, _) => (Reason::Lost, Then::Listen),
            _ => (Reason::Lost, FAILED),
        };
        self.end(now, connection, reason, then);
    }

    /// The socket took so many octets of [`transmit`](Session::transmit).
    pub fn sent(&mut self, now: Time, connection: ConnectionId, octets: usize) {
        if let Some(known) = self.connection(connection).filter(|_| octets > 0) {
            known.out.sent(octets);
            known.timers().into_iter().for_each(|timers| timers.wrote(now));
        }
    }

    /// The socket took so many octets of messages that the caller wrote past the session.
    pub fn wrote(&mut self, now: Time, connection: ConnectionId, octets: usize) {
        if let Some(known) = self.connection(connection).filter(|_| octets > 0) {
            known.timers().into_iter().for_each(|timers| timers.wrote(now));
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Time) {
        let due: Vec<_> =
            self.connections.iter().filter(|known| known.deadline() <= now).map(|known| known.id).collect();
        due.into_iter().for_each(|id| self.tick_connection(now, id));
        match self.phase {
            Phase::Held { until, .. } if until <= now => {
                // RFC 4271 §8.2.2, Idle: a start by itself counts anew, unless oscillations are damped.
                if !self.settings.damp_oscillations {
                    self.failures = 0;
                }
                self.begin(now);
            }
            Phase::Running { retry_at } if retry_at <= now => self.retry(now),
            _ => {}
        }
        self.stale.tick(now, &mut self.actions);
    }

    fn tick_connection(&mut self, now: Time, id: ConnectionId) {
        let Some(known) = self.connection(id) else { return };
        match &known.state {
            State::Connecting => {}
            State::Delaying { open_at, .. } if *open_at <= now => self.send_open(now, id),
            State::Waiting { .. } => self.end(now, id, COLLISION, FAILED),
            State::Delaying { .. } | State::OpenSent { .. } => {
                self.fail(now, id, plain(ErrorCode::HOLD_TIMER_EXPIRED, 0));
            }
            State::OpenConfirm { timers, .. } | State::Established { timers, .. } => {
                let timers = *timers;
                if timers.hold_until <= now {
                    self.fail(now, id, plain(ErrorCode::HOLD_TIMER_EXPIRED, 0));
                } else if timers.send_hold_until <= now {
                    self.fail(now, id, plain(ErrorCode::SEND_HOLD_TIMER_EXPIRED, 0));
                } else if timers.keepalive_at <= now {
                    self.keep_alive(now, id, timers.keepalive);
                }
            }
        }
    }

    /// Says that we are here, unless something that says so waits already.
    fn keep_alive(&mut self, now: Time, id: ConnectionId, interval: Duration) {
        let next = now + self.random.jitter(interval);
        let Some(known) = self.connection(id) else { return };
        if known.out.unsent().is_empty() {
            message::keepalive(known.out.end());
        }
        known.timers().into_iter().for_each(|timers| timers.keepalive_at = next);
    }

    fn begin(&mut self, now: Time) {
        self.phase = Phase::Running { retry_at: Time::NEVER };
        if !self.settings.passive {
            self.dial(now);
        }
    }

    fn dial(&mut self, now: Time) {
        self.phase = Phase::Running { retry_at: now + self.random.jitter(self.settings.connect_retry) };
        let id = self.add(true);
        self.actions.push_back(Action::Connect(id));
    }

    /// ConnectRetryTimer expired.
    fn retry(&mut self, now: Time) {
        self.phase = Phase::Running { retry_at: Time::NEVER };
        let dialling = self.connections.iter().find(|known| matches!(known.state, State::Connecting));
        if let Some(id) = dialling.map(|known| known.id) {
            self.end(now, id, Reason::DialTimedOut, Then::Listen);
        }
        if self.connections.is_empty() && !self.settings.passive {
            self.dial(now);
        }
    }

    fn add(&mut self, dialled: bool) -> ConnectionId {
        let id = ConnectionId(self.next_connection);
        self.next_connection = self.next_connection.wrapping_add(1);
        self.connections.push(Connection::new(id, dialled));
        id
    }

    /// TCP is up.
    fn up(&mut self, now: Time, id: ConnectionId) {
        let ours = identity(&self.settings.offer);
        let ahead = self.other(id).filter(|other| other.is_confirmed());
        let wins = |other: &Connection| other.opened().is_some_and(|opened| ours > identity(&opened.theirs));
        let ahead = ahead.map(|other| (other.is_established(), wins(other)));
        let Some(known) = self.connection(id) else { return };
        known.later = ahead.is_some_and(|(established, _)| established);
        let dialled = known.dialled;
        match (ahead, self.settings.delay_open) {
            // Sent now, our OPEN could only cost the connection that is further.
            (Some((established, we_win)), _) if dialled && (established || !we_win) => {
                self.end(now, id, Reason::NotNeeded, Then::Listen);
            }
            (Some(_), _) if !dialled => self.delay(now, id, Time::NEVER),
            (_, Some(delay)) => self.delay(now, id, now + delay),
            (_, None) => self.send_open(now, id),
        }
        if dialled {
            self.failed_dials = 0;
        }
        self.stop_retry();
    }

    fn delay(&mut self, now: Time, id: ConnectionId, open_at: Time) {
        let hold_until = now + self.settings.open_hold;
        if let Some(known) = self.connection(id) {
            known.state = State::Delaying { open_at, hold_until };
        }
    }

    /// ConnectRetryTimer runs while a dial is out, or while there is nothing else.
    fn stop_retry(&mut self) {
        let dialling = self.connections.iter().any(|known| matches!(known.state, State::Connecting));
        if let (Phase::Running { retry_at }, false) = (&mut self.phase, dialling) {
            *retry_at = Time::NEVER;
        }
    }

    pub(super) fn send_open(&mut self, now: Time, id: ConnectionId) {
        let hold_until = now + self.settings.open_hold;
        if let Some(index) = self.index(id)
            && let Some(known) = self.connections.get_mut(index)
        {
            known.out.end().extend_from_slice(&self.open);
            known.state = State::OpenSent { ours: Box::new(self.settings.offer.clone()), hold_until };
        }
    }

    /// The OPEN on this connection is accepted: says so, and awaits the same of the peer.
    pub(super) fn confirm(&mut self, now: Time, id: ConnectionId, opened: Box<Opened>) {
        let timers = Timers::new(&opened.terms, self.settings.send_hold, now);
        if let Some(known) = self.connection(id) {
            message::keepalive(known.out.end());
            known.state = State::OpenConfirm { opened, timers };
        }
    }

    /// The peer accepted our OPEN too: the session is up on this connection.
    pub(super) fn establish(&mut self, now: Time, id: ConnectionId) {
        if let Some(old) = self.established() {
            self.end(now, old, Reason::Replaced, FAILED);
        }
        let Some(known) = self.connection(id) else { return };
        match core::mem::replace(&mut known.state, State::Connecting) {
            State::OpenConfirm { opened, mut timers } => {
                timers.heard(now);
                let terms = opened.terms.clone();
                known.state = State::Established { opened, timers, since: now };
                self.failed_dials = 0;
                self.stale.up(now, &terms, self.settings.stale_time, &mut self.actions);
                self.actions.push_back(Action::Established { connection: id, terms: Box::new(terms) });
            }
            other => known.state = other,
        }
        let dialling = self.connections.iter().find(|known| matches!(known.state, State::Connecting));
        if let Some(id) = dialling.map(|known| known.id) {
            self.end(now, id, Reason::NotNeeded, Then::Listen);
        }
        self.stop_retry();
        self.said_restarting();
    }

    /// The R bit was said once: from now on a new session is no restart of ours (RFC 4724 §3).
    fn said_restarting(&mut self) {
        let mut changed = false;
        for capability in &mut self.settings.offer.capabilities {
            let cleared = match capability.view() {
                Capability::GracefulRestart(mut flags, entries) if flags.restarting => {
                    flags.restarting = false;
                    Some(CapabilityBuf::graceful_restart(flags, &entries.collect::<Vec<_>>()))
                }
                _ => None,
            };
            changed |= cleared.is_some();
            if let Some(cleared) = cleared {
                *capability = cleared;
            }
        }
        if changed {
            self.open.clear();
            // It fitted before, and one bit does not change its length.
            let _ = self.settings.offer.encode(&mut self.open);
        }
    }

    /// Ends a connection with this NOTIFICATION.
    pub(super) fn fail(&mut self, now: Time, id: ConnectionId, notification: NotificationBuf) {
        self.end(now, id, Reason::Sent(notification), FAILED);
    }

    /// Ends a connection; if it was the only one, the session goes where `then` says.
    pub(super) fn end(&mut self, now: Time, id: ConnectionId, reason: Reason, then: Then) {
        let Some(index) = self.index(id) else { return };
        let Connection { out, state, .. } = self.connections.remove(index);
        let mut last = Vec::new();
        if let Some(notification) = reason.sent() {
            last = out.take();
            notification.view().encode(&mut last);
        }
        self.actions.push_back(Action::Close { connection: id, reason: reason.clone(), last });
        if let State::Established { opened, since, .. } = &state {
            self.down(now, opened, *since, reason);
        }
        if self.connections.is_empty() {
            self.rest(now, then);
        } else {
            self.resume(now);
        }
    }

    /// The session is no longer established: says so, with what is kept.
    fn down(&mut self, now: Time, opened: &Opened, since: Time, reason: Reason) {
        if now - since >= self.settings.idle_hold_max {
            self.failures = 0;
        }
        let restart = opened.terms.restart.as_ref().filter(|restart| match reason.notification() {
            Some(said) => restart.notification && said.view().hard_reset().is_none(),
            None => reason != Reason::Restarting,
        });
        let stale = self.stale.down(now, restart, &mut self.actions);
        self.actions.push_back(Action::Down { reason, stale });
        self.stale.settle(now, &mut self.actions);
    }

    /// No connection is left.
    fn rest(&mut self, now: Time, then: Then) {
        match then {
            Then::Stop => self.phase = Phase::Stopped,
            Then::Listen if matches!(self.phase, Phase::Running { .. }) => {
                let wait = self.random.jitter(self.settings.connect_retry);
                let retry_at = if self.settings.passive { Time::NEVER } else { now + wait };
                self.phase = Phase::Running { retry_at };
            }
            Then::Listen => {}
            Then::Idle { counted } => {
                self.failures = self.failures.saturating_add(u32::from(counted));
                self.hold(now);
            }
        }
    }

    /// Idle for a while: longer after each failure in a row.
    fn hold(&mut self, now: Time) {
        if !self.settings.automatic_restart {
            self.phase = Phase::Stopped;
            return;
        }
        let doublings = self.failures.saturating_add(self.failed_dials).saturating_sub(1);
        let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let wait = self.settings.idle_hold.saturating_mul(factor).min(self.settings.idle_hold_max);
        let until = now + self.random.jitter(wait);
        self.phase = Phase::Held { until, damped: self.settings.damp_oscillations && self.failures > 1 };
    }

    /// One connection is left, and may have waited for the one that is gone.
    fn resume(&mut self, now: Time) {
        let Some(left) = self.connections.first_mut() else { return };
        let id = left.id;
        match core::mem::replace(&mut left.state, State::Connecting) {
            State::Waiting { opened, heard, .. } => {
                self.confirm(now, id, opened);
                if heard {
                    self.establish(now, id);
                }
            }
            State::Delaying { open_at: Time::NEVER, .. } => self.send_open(now, id),
            other => left.state = other,
        }
    }

    /// Ends all connections, each with the reason that fits it.
    fn end_all(&mut self, now: Time, then: Then, reason: impl Fn(&Connection) -> Reason) {
        if self.connections.is_empty() && matches!(self.phase, Phase::Running { .. }) {
            self.rest(now, then);
        }
        // The one that is further last: what waits for it must not come up for a moment.
        self.connections.sort_by_key(Connection::is_confirmed);
        while let Some(known) = self.connections.first() {
            let (id, reason) = (known.id, reason(known));
            self.end(now, id, reason, then);
        }
    }

    fn forget_stale(&mut self) {
        let dropped = self.stale.families.drain(..).map(|stale| Action::DropStale(stale.family));
        self.actions.extend(dropped);
    }
}

/// What a connection ends with that we close for this cause. `hard`: graceful restart must not keep routes.
fn said(cause: &Cause, connection: &Connection, hard: bool) -> Reason {
    let notification = cause.notification();
    match connection.state {
        State::Connecting => Reason::NotNeeded,
        _ if hard && keeps_through_notification(connection) => Reason::Sent(notification.hard()),
        _ => Reason::Sent(notification),
    }
}

fn keeps_through_notification(connection: &Connection) -> bool {
    let restart = connection.opened().and_then(|opened| opened.terms.restart.as_ref());
    connection.is_established() && restart.is_some_and(|restart| restart.notification)
}
