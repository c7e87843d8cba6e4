//! How connections come up: dialled or accepted, OPEN, KEEPALIVE, established.

use super::{
    Action, ConnectionId, Phase, Reason, Session,
    connection::{Connection, Opened, State, Timers},
    ending::{FAILED, Then},
};
use crate::{
    random::SHORTEST,
    time::Time,
    wire::{
        capability::{Capability, CapabilityBuf},
        message,
    },
};
use alloc::{boxed::Box, vec::Vec};

impl Session {
    pub(super) fn begin(&mut self, now: Time) {
        self.phase = Phase::Running { retry_at: Time::NEVER };
        if !self.settings.passive {
            self.dial(now);
        }
    }

    pub(super) fn dial(&mut self, now: Time) {
        self.phase = Phase::Running { retry_at: now + self.random.jitter(self.settings.connect_retry) };
        let id = self.add(true);
        self.actions.push_back(Action::Connect(id));
    }

    pub(super) fn add(&mut self, dialled: bool) -> ConnectionId {
        let id = ConnectionId(self.next_connection);
        self.next_connection = self.next_connection.wrapping_add(1);
        self.connections.push(Connection::new(id, dialled));
        id
    }

    /// TCP is up.
    pub(super) fn up(&mut self, now: Time, id: ConnectionId) {
        let ahead = self.other(id).filter(|other| other.is_confirmed()).map(Connection::is_established);
        let Some(known) = self.connection(id) else { return };
        known.later = ahead == Some(true);
        let dialled = known.dialled;
        match (ahead, self.settings.delay_open) {
            // Sent now, our OPEN could only cost the session that is up.
            (Some(true), _) if dialled => self.end(now, id, Reason::NotNeeded, Then::Listen),
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
        let hold_until = now + self.settings.open_hold.max(SHORTEST);
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
        let hold_until = now + self.settings.open_hold.max(SHORTEST);
        if let Some(index) = self.index(id)
            && let Some(known) = self.connections.get_mut(index)
        {
            known.out.end().extend_from_slice(&self.open);
            known.state = State::OpenSent { ours: Box::new(self.settings.offer.clone()), hold_until };
        }
    }

    /// The OPEN on this connection is accepted: says so, and awaits the same of the peer.
    pub(super) fn confirm(&mut self, now: Time, id: ConnectionId, opened: Box<Opened>) {
        let timers = Timers::new(&opened.terms, &self.settings, now);
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
}
