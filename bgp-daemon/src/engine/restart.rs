//! What our first End-of-RIB waits for: the whole set of our own routes, and after a restart what the peers have.

use super::{Action, Engine, Event, PeerId};
use crate::{config::GracefulRestart, peer::Peer};
use bgp_proto::{family::Family, time::Time};
use std::{collections::BTreeSet, time::Duration};

/// The longest that peers are waited for. Routes themselves go out at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is still waited for.
pub(super) struct Waiting {
    owners: BTreeSet<Box<str>>,
    /// Until when peers are waited for; `None`: they are not, or not any more.
    until: Option<Time>,
}

impl Waiting {
    /// When time matters to it.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.until
    }
}

/// Whether nothing more of a peer is waited for.
fn is_heard(peer: &Peer) -> bool {
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
        let until = self.start.restarting.then(|| now + self.patience());
        if until.is_some() || !owners.is_empty() {
            self.rib.set_complete(false);
            self.waiting = Some(Waiting { owners, until });
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
        let Some(waiting) = &mut self.waiting else { return };
        let late = waiting.until.is_some_and(|until| until <= now);
        if late || self.peers.values().all(is_heard) {
            waiting.until = None;
        }
        if waiting.until.is_none() && waiting.owners.is_empty() {
            self.waiting = None;
            if std::mem::take(&mut self.restarting) {
                let fresh = self.peers.values().filter(|peer| !peer.was_up).map(|peer| peer.id);
                fresh.collect::<Vec<_>>().into_iter().for_each(|id| self.renew_offer(id));
            }
            self.rib.set_complete(true);
            self.dirty = true;
            self.actions.push_back(Action::Event(Event::Complete));
        }
    }
}
