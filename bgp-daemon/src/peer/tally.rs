//! What a peer sent and was sent, counted; and the last messages that were at fault.

use super::wire::messages;
use bgp_proto::{attr::table::Treatment, numbers::MessageType};
use std::collections::VecDeque;

/// Messages by type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages([u64; 6]);

impl Messages {
    /// How many of this type.
    pub fn of(&self, kind: MessageType) -> u64 {
        self.0.get(usize::from(kind.0)).copied().unwrap_or_default()
    }

    /// Of every type that there is.
    pub fn all(&self) -> impl Iterator<Item = (MessageType, u64)> {
        (1..).map(MessageType).zip(self.0[1..].iter().copied())
    }

    pub(crate) fn add(&mut self, more: &Messages) {
        self.0.iter_mut().zip(more.0).for_each(|(sum, more)| *sum += more);
    }

    pub(crate) fn count(&mut self, octets: &[u8]) {
        for (_, kind) in messages(octets) {
            if let Some(count) = self.0.get_mut(usize::from(kind)) {
                *count += 1;
            }
        }
    }
}

/// A message at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faulty {
    /// When it came, in seconds.
    pub at: u32,
    /// What it cost.
    pub treatment: Treatment,
    /// What is wrong.
    pub what: Box<str>,
    /// Its octets, up to [`Faulty::LONGEST`] of them.
    pub octets: Box<[u8]>,
}

impl Faulty {
    /// Octets that are kept of a message.
    pub const LONGEST: usize = 4096;
    /// Messages that are kept of a peer.
    pub const KEPT: usize = 4;
}

/// What was counted of a peer, all its sessions together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) received: Messages,
    pub(crate) sent: Messages,
    /// Malformed messages by what they cost: discard, withdraw, reset.
    pub(crate) malformed: [u64; 3],
    pub(crate) faulty: VecDeque<Faulty>,
    /// Sessions that came up, and that went down.
    pub(crate) ups: u64,
    pub(crate) flaps: u64,
    /// BFD sessions that came up, and that went down.
    pub(crate) path_ups: u64,
    pub(crate) path_flaps: u64,
}

impl Tally {
    /// Takes note of a message at fault. Whether it is the first of its treatment.
    #[cold]
    pub(crate) fn fault(&mut self, at: u32, treatment: Treatment, what: Box<str>, octets: &[u8]) -> bool {
        let count = &mut self.malformed[treatment as usize];
        *count += 1;
        let first = *count == 1;
        if self.faulty.len() == Faulty::KEPT {
            self.faulty.pop_front();
        }
        let octets = octets.get(..Faulty::LONGEST).unwrap_or(octets).into();
        self.faulty.push_back(Faulty { at, treatment, what, octets });
        first
    }
}
