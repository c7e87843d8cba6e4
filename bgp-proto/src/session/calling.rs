//! What the caller wants of a session and what it says happened (RFC 4271 §8.2.2).

use super::{
    Cause, ConnectionId, Phase, Reason, Session,
    connection::State,
    ending::{COLLISION, FAILED, Then, said},
};
use crate::time::Time;

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

    /// The dial of [`Action::Connect`](super::Action::Connect) succeeded.
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
}
