//! What people do to sessions: reset, shut down, start, and the end of the whole speaker.

use super::{Action, Engine, Event, PeerId};
use crate::{
    config::Remote,
    peer::{KeptDown, overheard::Overheard},
};
use bgp_proto::{session::Cause, time::Time};

/// Which peers are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// This one.
    Peer(PeerId),
    /// The one at this place.
    At(Remote),
    /// Those of a group.
    Group(Box<str>),
}

/// How sessions are reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The session stays; both sides say all again.
    Soft,
    /// The session ends and comes up again, with a text for the other side's operator. Routes go on both sides.
    Hard(Option<String>),
}

/// How a speaker ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// It comes back in a moment: peers that do graceful restart keep our routes.
    Restart,
    /// It does not, and peers drop our routes at once; with a text for their operators.
    Leave(Option<String>),
}

impl Engine {
    /// The peers that are meant.
    pub(super) fn chosen(&self, which: &Which) -> Vec<PeerId> {
        match which {
            Which::All => self.peers.keys().copied().collect(),
            Which::Peer(id) => self.peers.contains_key(id).then_some(*id).into_iter().collect(),
            Which::At(remote) => self.by_remote.get(remote).copied().into_iter().collect(),
            Which::Group(name) => {
                let theirs = self.peers.values().filter(|peer| peer.group.as_ref() == Some(name));
                theirs.map(|peer| peer.id).collect()
            }
        }
    }

    /// Resets sessions. Returns how many peers that concerned.
    pub fn reset(&mut self, now: Time, which: &Which, how: &Reset) -> usize {
        match how {
            Reset::Soft => {
                self.refresh(now, which);
                self.tell_again(which)
            }
            Reset::Hard(text) => self.each(now, which, |peer| {
                peer.session.hard_reset(now, &Cause::Reset(text.clone()));
            }),
        }
    }

    /// Shuts sessions down until [`Engine::start`], with a text for the other side's operator.
    pub fn shut_down(&mut self, now: Time, which: &Which, text: &str) -> usize {
        self.each(now, which, |peer| {
            peer.kept_down = Some(KeptDown::Asked(text.into()));
            peer.start_at = Time::NEVER;
            peer.session.stop(now, &Cause::Shutdown((!text.is_empty()).then(|| text.into())));
        })
    }

    /// Starts sessions that are down, whatever keeps them down but the configuration; those that wait for their next
    /// try begin it at once.
    pub fn start(&mut self, now: Time, which: &Which) -> usize {
        if self.is_going_down() {
            return 0;
        }
        self.each(now, which, |peer| {
            if !matches!(peer.kept_down, Some(KeptDown::Configured(_))) {
                (peer.kept_down, peer.start_at) = (None, Time::NEVER);
                peer.session.start(now);
            }
        })
    }

    /// Says each message of these peers as an event from now on, or no more. Returns how many peers that concerned.
    pub fn show_messages(&mut self, now: Time, which: &Which, on: bool) -> usize {
        self.each(now, which, |peer| peer.overheard = on.then(|| Overheard(peer.who())))
    }

    fn each(&mut self, now: Time, which: &Which, mut change: impl FnMut(&mut crate::peer::Peer)) -> usize {
        let chosen = self.chosen(which);
        for id in &chosen {
            if let Some(peer) = self.peers.get_mut(id) {
                change(peer);
                self.settle(now, *id);
            }
        }
        self.check_complete(now);
        chosen.len()
    }

    /// Ends all sessions for good.
    pub fn shutdown(&mut self, now: Time, how: &Shutdown) {
        self.going_down = true;
        self.each(now, &Which::All, |peer| {
            peer.start_at = Time::NEVER;
            match how {
                Shutdown::Restart => peer.session.restart(now),
                Shutdown::Leave(text) => peer.session.stop(now, &Cause::Shutdown(text.clone())),
            }
        });
        self.actions.push_back(Action::Event(Event::IsDown));
    }

    /// Whether [`Engine::shutdown`] was called.
    pub(crate) fn is_going_down(&self) -> bool {
        self.going_down
    }

    /// Whether every connection is closed: all that is left to do is what [`Engine::poll`] still has.
    pub fn is_down(&self) -> bool {
        self.going_down && self.peers.values().all(|peer| peer.wires.is_empty())
    }
}
