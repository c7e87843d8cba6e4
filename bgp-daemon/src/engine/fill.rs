//! What takes long, a slice at a time, and what is encoded for peers that have room.

use super::{Action, Engine, PeerId};
use crate::{
    peer::{
        Peer, Up,
        overheard::{Overheard, Way},
    },
    rib::Rib,
};
use bgp_proto::time::Time;
use std::collections::VecDeque;

/// Prefixes of each width that one slice of work looks at.
pub(super) const SLICE: u32 = 1024;

/// Runs that are encoded in one round.
const RUNS: u64 = 16;

/// Runs that are handed to peers in one round, however many of them read the same ones.
const HANDED: usize = 4096;

impl Engine {
    /// Does a slice, well under a millisecond, of what takes long. True: there is more.
    pub fn work(&mut self, now: Time) -> bool {
        let more = self.rib.work(SLICE) | self.work_off(now);
        self.dirty |= more;
        if !more && !self.recount.is_empty() {
            self.count_again(now);
        }
        more
    }

    /// Encodes for every peer that has room, once in a round. What does not fit this round goes on in the next, which
    /// [`Engine::deadline`] wants at once.
    pub fn fill(&mut self, _now: Time) {
        let runs = self.rib.runs() + RUNS;
        for id in std::mem::take(&mut self.touched) {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            hand_session(peer, &mut self.actions);
            peer.touched = peer.hungry && self.rib.runs() >= runs;
            if peer.touched {
                self.touched.push(id);
            } else if peer.hungry {
                hand_routes(peer, &mut self.rib, &mut self.actions, HANDED);
            }
        }
        if std::mem::take(&mut self.dirty) || self.fill_from.is_some() {
            self.tell_all(runs);
        }
    }

    /// Whether a round was not enough to tell everybody.
    pub(super) fn is_behind(&self) -> bool {
        self.dirty || self.fill_from.is_some() || !self.touched.is_empty()
    }

    fn tell_all(&mut self, runs: u64) {
        let from = self.fill_from.take().unwrap_or(PeerId(0));
        let mut left = HANDED;
        let Engine { peers, rib, actions, fill_from, .. } = self;
        // From where it stopped, then the others.
        for behind in [false, true] {
            for (id, peer) in peers.iter_mut().filter(|(id, _)| (**id < from) == behind) {
                if rib.runs() < runs {
                    left = hand_routes(peer, rib, actions, left);
                }
                if left == 0 || rib.runs() >= runs {
                    *fill_from = Some(*id);
                    return;
                }
            }
        }
    }
}

/// Hands out what a peer's session wants written, on all of its connections.
fn hand_session(peer: &mut Peer, actions: &mut VecDeque<Action>) {
    let Peer { id, wires, up, session, tally, overheard, .. } = peer;
    for wire in wires {
        if let Some(octets) = wire.hand_session(session.transmit(wire.id)) {
            tally.sent.count(&octets);
            if let Some(overheard) = overheard {
                show_sent(overheard, up.as_ref(), &octets, actions);
            }
            let key = super::Key { peer: *id, connection: wire.id };
            actions.push_back(Action::Write(key, octets));
        }
    }
}

/// Hands out what the RIB wants told to a peer, as far as there is room, in so many writes at the most. Returns how many
/// are left.
fn hand_routes(peer: &mut Peer, rib: &mut Rib, actions: &mut VecDeque<Action>, mut left: usize) -> usize {
    let Peer { id, wires, up, tally, sender, hungry, overheard, .. } = peer;
    let Some(up) = up else { return left };
    let Some(wire) = wires.iter_mut().find(|wire| wire.id == up.connection) else { return left };
    let key = super::Key { peer: *id, connection: wire.id };
    while left > 0 {
        if wire.held.is_empty() {
            if wire.room() == 0 {
                *hungry = true;
                return left;
            }
            wire.held = rib.take(*sender).unwrap_or_default();
        }
        if wire.held.is_empty() {
            *hungry = false;
            return left;
        }
        let Some(octets) = wire.hand_held() else {
            *hungry = true;
            return left;
        };
        tally.sent.count(&octets);
        if let Some(overheard) = overheard {
            show_sent(overheard, Some(up), &octets, actions);
        }
        actions.push_back(Action::Write(key, octets));
        left -= 1;
    }
    *hungry = true;
    left
}

/// Shows messages that are written to a peer.
#[cold]
pub(super) fn show_sent(
    overheard: &Overheard,
    up: Option<&Up>,
    octets: &[u8],
    actions: &mut VecDeque<Action>,
) {
    let lines = overheard.lines(Way::Sent, octets, up.map(|up| &up.terms.agreed));
    actions.extend(lines.into_iter().map(Action::Event));
}
