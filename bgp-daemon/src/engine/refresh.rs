//! Route refresh, both ways (RFC 2918, 7313).

use super::{Action, Engine, Event, PeerId, Which};
use bgp_proto::{
    family::Family,
    time::Time,
    wire::route_refresh::{RefreshKind, RouteRefresh},
};
use std::time::Duration;

/// How long a peer that began to send a family again may take to end it.
const PATIENCE: Duration = Duration::from_secs(600);

impl Engine {
    /// A peer wants a family again, or begins or ends to send its own again.
    pub(super) fn refreshed(&mut self, now: Time, id: PeerId, refresh: RouteRefresh) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let RouteRefresh { family, kind } = refresh;
        self.dirty = true;
        match kind {
            RefreshKind::REQUEST => self.rib.refresh(peer.sender, family),
            RefreshKind::BEGIN => {
                self.rib.refresh_begins(peer.sender, family);
                peer.refreshing.retain(|(known, _)| *known != family);
                peer.refreshing.push((family, now + PATIENCE));
            }
            _ => {
                self.rib.refresh_ends(peer.sender, family);
                peer.refreshing.retain(|(known, _)| *known != family);
            }
        }
    }

    /// Ends refreshes that were not ended in time.
    pub(super) fn end_refreshes(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let late: Vec<Family> =
            peer.refreshing.extract_if(.., |(_, until)| *until <= now).map(|(family, _)| family).collect();
        for family in late {
            self.rib.refresh_ends(peer.sender, family);
            self.dirty = true;
            self.actions.push_back(Action::Event(Event::RefreshNotEnded(peer.who(), family)));
        }
    }

    /// Asks peers to send all their routes again. Returns how many were asked: those that are up and agreed to it.
    pub fn refresh(&mut self, now: Time, which: &Which) -> usize {
        let mut asked = 0;
        for id in self.chosen(which) {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            let agreed = peer.session.terms().is_some_and(|terms| terms.route_refresh);
            if agreed {
                asked += 1;
                peer.session.send(|terms, out| {
                    for agreed in terms.agreed.families() {
                        RouteRefresh { family: agreed.family, kind: RefreshKind::REQUEST }.encode(out);
                    }
                });
                self.settle(now, id);
            }
        }
        asked
    }

    /// Tells peers everything again. Returns how many are up and are told.
    pub fn tell_again(&mut self, which: &Which) -> usize {
        let mut told = 0;
        for id in self.chosen(which) {
            let Some(peer) = self.peers.get(&id) else { continue };
            let Some(up) = &peer.up else { continue };
            told += 1;
            self.dirty = true;
            for agreed in up.terms.agreed.families() {
                self.rib.refresh(peer.sender, agreed.family);
            }
        }
        told
    }
}
