//! Two sessions on a wire in virtual time.

use bgp_proto::{
    bfd::{Packet, Session, Settings, State},
    time::Time,
};
use std::{
    collections::VecDeque,
    num::{NonZeroU8, NonZeroU32},
    time::Duration,
};

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn settings(name: u32, interval: u64, multiplier: u8) -> Settings {
    Settings {
        discriminator: NonZeroU32::new(name).unwrap(),
        interval: millis(interval),
        multiplier: NonZeroU8::new(multiplier).unwrap(),
    }
}

pub(crate) fn session(name: u32, interval: u64, multiplier: u8) -> Session {
    Session::new(settings(name, interval, multiplier), u64::from(name), Time::START)
}

/// The two, what is under way, and what was counted.
pub(crate) struct Wire {
    pub(crate) ends: [Session; 2],
    pub(crate) now: Time,
    pub(crate) sent: [u32; 2],
    pub(crate) failures: [u32; 2],
    delay: Duration,
    /// When it arrives, at which end, and what.
    under_way: VecDeque<(Time, usize, Packet)>,
}

impl Wire {
    /// Ends with these intervals and multipliers.
    pub(crate) fn new(ends: [(u64, u8); 2], delay: Duration) -> Self {
        let [one, two] = ends;
        Wire {
            ends: [session(1, one.0, one.1), session(2, two.0, two.1)],
            now: Time::START,
            sent: [0; 2],
            failures: [0; 2],
            delay,
            under_way: VecDeque::new(),
        }
    }

    pub(crate) fn states(&self) -> [State; 2] {
        self.ends.each_ref().map(Session::state)
    }

    /// Runs for so long; `carries` says of each packet, by who sends it, whether it arrives.
    pub(crate) fn run(&mut self, span: Duration, mut carries: impl FnMut(usize) -> bool) {
        let until = self.now + span;
        loop {
            while self.under_way.front().is_some_and(|(at, ..)| *at <= self.now) {
                let Some((_, to, packet)) = self.under_way.pop_front() else { break };
                let change = self.ends[to].receive(self.now, &packet);
                self.failures[to] += u32::from(change.is_some_and(|change| change.is_failure()));
            }
            for end in 0..2 {
                let change = self.ends[end].tick(self.now);
                self.failures[end] += u32::from(change.is_some_and(|change| change.is_failure()));
                while let Some(packet) = self.ends[end].transmit(self.now) {
                    self.sent[end] += 1;
                    // Through octets, as on a wire.
                    let packet = Packet::decode(&packet.encode()).unwrap();
                    if carries(end) {
                        self.under_way.push_back((self.now + self.delay, 1 - end, packet));
                    }
                }
            }
            let arrives = self.under_way.front().map_or(Time::NEVER, |(at, ..)| *at);
            let next = self.ends.iter().map(Session::deadline).fold(arrives, Time::min);
            if next > until {
                self.now = until;
                return;
            }
            self.now = self.now.max(next);
        }
    }
}
