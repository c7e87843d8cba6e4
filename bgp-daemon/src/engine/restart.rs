//! What our first End-of-RIB waits for: the whole set of our own routes, and after a restart what the peers have.

use super::{Action, Engine, Event, PeerId};
use crate::{config::GracefulRestart, peer::Peer, policy::Policy};
use bgp_proto::{family::Family, time::Time};
use std::{collections::BTreeSet, time::Duration};

/// The longest that peers are waited for. Routes themselves go out at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is still waited for.
pub(super) struct Waiting {
    owners: BTreeSet<Box<str>>,
    /// Peers are waited for too.
    peers: bool,
}

/// Whether nothing more of a peer is waited for.
fn is_heard(peer: &Peer) -> bool {
    // Nothing follows from what it says.
    if peer.settings.import.as_ref().is_some_and(Policy::is_none) {
        return true;
    }
    match &peer.up {
        None => peer.dynamic || peer.kept_down.is_some(),
        Some(up) => match &up.terms.restart {
            // RFC 4724 §4.1: who has restarted too waits for us.
            Some(restart) if !restart.restarting => {
                up.terms.agreed.families().all(|agreed| up.complete.contains(&agreed.family))
            }
            _ => true,
        },
    }
}

impl Engine {
    /// Begins to wait, before the first peer is there.
    pub(super) fn hold_back(&mut self, now: Time) {
        let owners: BTreeSet<Box<str>> = self.start.expects.iter().map(|owner| (**owner).into()).collect();
        let peers = self.start.restarting;
        if peers {
            self.patient_until = now + self.patience();
        }
        if peers || !owners.is_empty() {
            self.rib.set_complete(false);
            self.waiting = Some(Waiting { owners, peers });
        }
    }

    /// As long as the peers wait for us, if that is shorter.
    fn patience(&self) -> Duration {
        let restarts = self.peers.values().filter_map(|peer| peer.settings.graceful_restart);
        restarts
            .map(|GracefulRestart { restart_time, .. }| restart_time)
            .max()
            .unwrap_or_default()
            .min(PATIENCE)
    }

    /// An owner's whole set of routes is known, or never will be.
    pub(super) fn known(&mut self, now: Time, owner: &str) {
        if let Some(waiting) = &mut self.waiting
            && waiting.owners.remove(owner)
        {
            self.check_complete(now);
        }
    }

    /// A peer's session is up: its next OPEN is no restart of ours any more.
    pub(super) fn came_up(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if !std::mem::replace(&mut peer.was_up, true) {
            self.renew_offer(id);
        }
        self.check_complete(now);
    }

    /// A peer has sent all it has of a family.
    pub(super) fn end_of_rib(&mut self, now: Time, id: PeerId, family: Family) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(up) = &mut peer.up else { return };
        if !up.complete.contains(&family) {
            up.complete.push(family);
            self.actions.push_back(Action::Event(Event::EndOfRib(peer.who(), family)));
            self.check_complete(now);
        }
    }

    /// Lets End-of-RIB go out if nothing is waited for any more.
    pub(super) fn check_complete(&mut self, now: Time) {
        let late = self.patient_until <= now;
        if late {
            self.patient_until = Time::NEVER;
        }
        if let Some(waiting) = &mut self.waiting {
            waiting.peers = waiting.peers && !late && !self.peers.values().all(is_heard);
            if !waiting.peers && waiting.owners.is_empty() {
                self.waiting = None;
                self.rib.set_complete(true);
                self.dirty = true;
                self.actions.push_back(Action::Event(Event::Complete));
            }
        }
        // Who is up for the first time is told of the restart as long as others may be waited for.
        if self.waiting.is_none() && self.patient_until == Time::NEVER && std::mem::take(&mut self.restarting)
        {
            let fresh = self.peers.values().filter(|peer| !peer.was_up).map(|peer| peer.id);
            fresh.collect::<Vec<_>>().into_iter().for_each(|id| self.renew_offer(id));
        }
    }
}
