//! Who may connect.

use super::{Action, Configured, Engine, Event, Key, Link, Options, PeerId};
use crate::{
    config::{Group, Remote},
    peer::{Peer, shown::Shown, wire::Wire},
};
use bgp_proto::time::Time;
use std::{collections::BTreeMap, fmt, net::IpAddr, time::Duration};

/// Why a connection is turned away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turned {
    /// No peer is configured there, and no group accepts it.
    Stranger,
    /// The group has as many peers as it may.
    GroupFull(Box<str>, usize),
    /// Too many that connected have not said yet who they are.
    TooManyOpening,
    /// The peer is down on purpose.
    KeptDown,
    /// The peer's last sessions failed one after the other: it has to wait.
    Damped,
    /// The peer has two connections already.
    TooManyConnections,
    /// The speaker has no room for one more peer.
    NoRoom,
    /// The speaker is going down.
    GoingDown,
}

impl fmt::Display for Turned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Turned::Stranger => f.write_str("no peer is configured there and no group accepts it"),
            Turned::GroupFull(group, most) => {
                write!(f, "group {} has its {most} peers; raise max_peers", Shown(group))
            }
            Turned::TooManyOpening => {
                write!(f, "{MAX_OPENING} peers that connected have not come up yet")
            }
            Turned::KeptDown => f.write_str("the peer is shut down; start it first"),
            Turned::Damped => f.write_str("its last sessions failed one after the other; it has to wait"),
            Turned::TooManyConnections => f.write_str("it has two connections already"),
            Turned::NoRoom => f.write_str("there is no room for one more peer"),
            Turned::GoingDown => f.write_str("the speaker is going down"),
        }
    }
}

impl std::error::Error for Turned {}

/// Peers of groups that may be on their way up at a time: whoever connects and says nothing holds a place for half a
/// minute.
pub(super) const MAX_OPENING: usize = 256;

/// How often the same reason is said.
const AGAIN: Duration = Duration::from_secs(60);

/// Reasons that were said, until when they are not said again, and how often each was met meanwhile.
#[derive(Default)]
pub(super) struct TurnedAway(BTreeMap<u8, (Time, u32)>);

impl TurnedAway {
    /// Takes note of one. `Some`: it is to be said, and so many more were not.
    fn note(&mut self, now: Time, why: &Turned) -> Option<u32> {
        let kind = match why {
            Turned::Stranger => 0,
            Turned::GroupFull(..) => 1,
            Turned::TooManyOpening => 2,
            Turned::KeptDown => 3,
            Turned::Damped => 4,
            Turned::TooManyConnections => 5,
            Turned::NoRoom => 6,
            Turned::GoingDown => 7,
        };
        let (until, more) = self.0.entry(kind).or_default();
        if now < *until {
            *more = more.saturating_add(1);
            return None;
        }
        *until = now + AGAIN;
        Some(std::mem::take(more))
    }
}

impl Engine {
    /// Somebody connected. `Err`: close it, without a word to a stranger.
    pub fn accepted(&mut self, now: Time, link: Link) -> Result<(Key, Options), Turned> {
        let address = link.address();
        let accepted = self.admit(now, link);
        if let Err(why) = &accepted
            && let Some(more) = self.turned_away.note(now, why)
        {
            let why = why.clone();
            self.actions.push_back(Action::Event(Event::TurnedAway { address, why, more }));
        }
        accepted
    }

    fn admit(&mut self, now: Time, link: Link) -> Result<(Key, Options), Turned> {
        if self.is_going_down() {
            return Err(Turned::GoingDown);
        }
        let id = match self.peer_at(&link) {
            Some(id) => id,
            None => self.add_dynamic(now, &link)?,
        };
        let Some(peer) = self.peers.get_mut(&id) else { return Err(Turned::Stranger) };
        let accepted = match peer.session.accept(now) {
            _ if peer.kept_down.is_some() => Err(Turned::KeptDown),
            None if peer.session.connections().nth(1).is_some() => Err(Turned::TooManyConnections),
            None => Err(Turned::Damped),
            Some(connection) => {
                peer.wires.push(Wire::new(connection, Some(link)));
                Ok((peer.key(connection), peer.options()))
            }
        };
        self.settle(now, id);
        accepted
    }

    /// The peer that is known at the other end.
    fn peer_at(&self, link: &Link) -> Option<PeerId> {
        let find = |remote: Remote| self.by_remote.get(&remote).copied();
        let address = link.address();
        match (is_link_local(address), &link.interface) {
            (true, Some(interface)) => find(Remote::Address(address, Some(interface.clone())))
                .or_else(|| find(Remote::Interface(interface.clone()))),
            _ => find(Remote::Address(address, None)),
        }
    }

    /// Makes a peer of somebody whom a group accepts.
    fn add_dynamic(&mut self, now: Time, link: &Link) -> Result<PeerId, Turned> {
        let address = link.address();
        let group = group_of(&self.config.groups, address).ok_or(Turned::Stranger)?.clone();
        let theirs = |peer: &&Peer| peer.dynamic && peer.group.as_deref() == Some(&*group.name);
        if self.peers.values().filter(theirs).count() >= group.max_peers {
            return Err(Turned::GroupFull(group.name, group.max_peers));
        }
        let opening = |peer: &&Peer| peer.dynamic && peer.up.is_none() && !peer.wires.is_empty();
        if self.peers.values().filter(opening).count() >= MAX_OPENING {
            return Err(Turned::TooManyOpening);
        }
        if group.settings.shutdown.is_some() {
            return Err(Turned::KeptDown);
        }
        let interface = link.interface.clone().filter(|_| is_link_local(address));
        let from = Configured { settings: &group.settings, group: Some(&group.name), dynamic: true };
        let id = self.add_peer(now, Remote::Address(address, interface), from).map_err(|_| Turned::NoRoom)?;
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.session.start(now);
        }
        Ok(id)
    }
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// The group that accepts an address by the longest prefix; of equal ones the first.
pub(super) fn group_of(groups: &[Group], address: IpAddr) -> Option<&Group> {
    let mut best: Option<(u8, &Group)> = None;
    for group in groups {
        for range in group.accept_from.iter().filter(|range| range.contains(&address)) {
            if best.is_none_or(|(length, _)| range.prefix_len() > length) {
                best = Some((range.prefix_len(), group));
            }
        }
    }
    best.map(|(_, group)| group)
}
