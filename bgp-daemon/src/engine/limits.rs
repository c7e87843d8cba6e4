//! How many prefixes a peer may send.

use super::{Action, Engine, Event, PeerId};
use crate::{
    peer::{KeptDown, Peer},
    rib::Rib,
};
use bgp_proto::{family::Family, session::Cause, time::Time};

/// Families whose prefixes are counted.
const COUNTED: [Family; 2] = [Family::IPV4, Family::IPV6];

/// Whether anything is to be said or done about how many prefixes a peer has sent. Asked after every UPDATE.
#[inline]
pub(super) fn is_met(peer: &Peer, rib: &Rib) -> bool {
    let (Some(max), Some(up)) = (&peer.settings.max_prefixes, &peer.up) else { return false };
    COUNTED.iter().any(|family| {
        let held = rib.held(peer.sender, *family);
        held >= max.warn && !up.warned.contains(family)
            || held > max.limit && !(max.only_warn && up.exceeded.contains(family))
    })
}

impl Engine {
    /// A peer has sent as many prefixes as are to be spoken of, or more than it may.
    #[cold]
    pub(super) fn limit(&mut self, now: Time, id: PeerId) {
        for family in COUNTED {
            let Some(peer) = self.peers.get_mut(&id) else { return };
            let (Some(max), Some(up)) = (peer.settings.max_prefixes, &mut peer.up) else { return };
            let held = self.rib.held(peer.sender, family);
            // What is still to be swept out is not the peer's any more.
            if held > max.limit && self.rib.is_sweeping(peer.sender, family) {
                self.recount.insert(id);
                continue;
            }
            let near = held >= max.warn && !up.warned.contains(&family);
            let over = held > max.limit && !(max.only_warn && up.exceeded.contains(&family));
            if near {
                up.warned.push(family);
            }
            if over {
                up.exceeded.push(family);
            }
            let (who, limit) = (peer.who(), max.limit);
            match (over, near) {
                (true, _) if max.only_warn => {
                    let over = Event::PrefixesOver { who, family, limit, next: None };
                    self.actions.push_back(Action::Event(over));
                }
                (true, _) => {
                    peer.kept_down = Some(KeptDown::Prefixes(family, limit));
                    peer.start_at = max.restart_after.map_or(Time::NEVER, |after| now + after);
                    let next = Some(peer.next(now));
                    let over = Event::PrefixesOver { who, family, limit, next };
                    self.actions.push_back(Action::Event(over));
                    peer.session.stop(now, &Cause::MaxPrefixes { family, limit });
                    return;
                }
                (false, true) => {
                    let near = Event::PrefixesNear { who, family, held, limit };
                    self.actions.push_back(Action::Event(near));
                }
                (false, false) => {}
            }
        }
    }

    /// Counts again where routes were still to be swept out.
    pub(super) fn count_again(&mut self, now: Time) {
        for id in std::mem::take(&mut self.recount) {
            self.limit(now, id);
            self.settle(now, id);
        }
    }
}
