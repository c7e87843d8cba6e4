//! How connections end, and where the session goes then.

use super::{
    Action, Cause, ConnectionId, Phase, Reason, Session,
    connection::{Connection, Opened, State},
};
use crate::{
    fault::ErrorCode,
    time::Time,
    wire::{
        HEADER, MAX_MESSAGE,
        notification::{Notification, NotificationBuf, cease},
    },
};
use alloc::vec::Vec;

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

pub(super) const COLLISION: Reason = Reason::Sent(plain(ErrorCode::CEASE, cease::CONNECTION_COLLISION));

impl Session {
    /// Ends a connection with this NOTIFICATION.
    pub(super) fn fail(&mut self, now: Time, id: ConnectionId, notification: NotificationBuf) {
        self.end(now, id, Reason::Sent(notification), FAILED);
    }

    /// Ends a connection; if it was the only one, the session goes where `then` says.
    pub(super) fn end(&mut self, now: Time, id: ConnectionId, reason: Reason, then: Then) {
        let Some(index) = self.index(id) else { return };
        let known = self.connections.remove(index);
        let limit = known.opened().map_or(MAX_MESSAGE, |opened| opened.terms.agreed.max_message());
        let Connection { out, state, .. } = known;
        let mut last = Vec::new();
        if let Some(notification) = reason.sent() {
            last = out.take();
            let Notification { code, subcode, data } = notification.view();
            // What quotes a long attribute must fit what the peer takes.
            let room = limit - HEADER - 2;
            Notification { code, subcode, data: data.get(..room).unwrap_or(data) }.encode(&mut last);
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
    pub(super) fn end_all(&mut self, now: Time, then: Then, reason: impl Fn(&Connection) -> Reason) {
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

    pub(super) fn forget_stale(&mut self) {
        let dropped = self.stale.families.drain(..).map(|stale| Action::DropStale(stale.family));
        self.actions.extend(dropped);
    }
}

/// What a connection ends with that we close for this cause. `hard`: graceful restart must not keep routes.
pub(super) fn said(cause: &Cause, connection: &Connection, hard: bool) -> Reason {
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
