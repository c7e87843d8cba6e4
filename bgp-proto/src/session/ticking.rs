//! What time does to a session.

use super::{
    ConnectionId, Phase, Reason, Session,
    connection::State,
    ending::{COLLISION, FAILED, Then, plain},
};
use crate::{fault::ErrorCode, time::Time, wire::message};
use alloc::vec::Vec;
use core::time::Duration;

impl Session {
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
                let (timers, is_stuck) = (*timers, !known.out.unsent().is_empty());
                if timers.hold_until <= now {
                    self.fail(now, id, plain(ErrorCode::HOLD_TIMER_EXPIRED, 0));
                } else if timers.send_hold_until <= now && is_stuck {
                    self.fail(now, id, plain(ErrorCode::SEND_HOLD_TIMER_EXPIRED, 0));
                } else if timers.keepalive_at.min(timers.send_hold_until) <= now {
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
        if let Some(timers) = known.timers() {
            timers.keepalive_at = next;
            // The clock jumped past it: nothing has waited for the socket so long.
            if timers.send_hold_until <= now {
                timers.send_hold_until = now + timers.send_hold;
            }
        }
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
}
