//! What differs between two configurations, and what each difference costs. It is decided here and nowhere else: a
//! running speaker applies it, `check --against-running` shows it.

mod rows;

use super::{Config, Group, Peer, PeerSettings, Remote};
use std::{collections::BTreeMap, fmt};

/// What a difference costs, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// Nothing that the peer could notice.
    Nothing,
    /// Routes are judged, counted or told again; the session stays.
    Routes,
    /// Options of the live connection, or BFD beside it; the session stays.
    Socket,
    /// The session stays, and the next one is built with it.
    NextSession,
    /// The session ends, and is built again.
    Reset,
    /// The peer is shut down, or started.
    Shutdown,
    /// Nothing now: the speaker's next start is made with it.
    NextStart,
}

impl Cost {
    const fn words(self) -> &'static str {
        match self {
            Cost::Nothing => "",
            Cost::Routes => " (routes are judged again, the session stays)",
            Cost::Socket => " (at once, the session stays)",
            Cost::NextSession => " (from the next session on)",
            Cost::Reset => " (the session is reset)",
            Cost::Shutdown => " (at once)",
            Cost::NextStart => " (from the next start on)",
        }
    }
}

/// One setting that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The setting, in words.
    pub what: &'static str,
    /// What it costs.
    pub cost: Cost,
    from: String,
    to: String,
}

impl Difference {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { what, from, to, .. } = self;
        match from == to {
            true if from.is_empty() => write!(f, "{what} change"),
            true => write!(f, "{what} {from} changes"),
            false => write!(f, "{what} {from} becomes {to}"),
        }
    }
}

/// `import policy from-a becomes from-b (routes are judged again, the session stays)`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words(f)?;
        f.write_str(self.cost.words())
    }
}

/// What differs between two settings of one peer.
pub fn settings(from: &PeerSettings, to: &PeerSettings) -> Vec<Difference> {
    rows::differences(rows::SETTINGS, from, to)
}

/// Whether a difference between two settings ends the session of the peer.
pub fn resets(from: &PeerSettings, to: &PeerSettings) -> bool {
    settings(from, to).iter().any(|difference| difference.cost == Cost::Reset)
}

/// What becomes of a peer or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It stays, with these differences; at least one.
    Changed(Vec<Difference>),
}

impl Becomes {
    /// Whether there is a difference that costs this.
    pub fn costs(&self, cost: Cost) -> bool {
        matches!(self, Becomes::Changed(differences) if differences.iter().any(|of| of.cost == cost))
    }
}

/// All that differs between two configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Of the speaker; what resets here resets every session.
    pub speaker: Vec<Difference>,
    /// Of the groups, by name; peers that connected by one change with it.
    pub groups: BTreeMap<Box<str>, Becomes>,
    /// Of the peers, which have taken from their groups what they do not say themselves.
    pub peers: BTreeMap<Remote, Becomes>,
}

impl Changes {
    /// What differs.
    pub fn between(from: &Config, to: &Config) -> Self {
        let name = |group: &Group| group.name.clone();
        let remote = |peer: &Peer| peer.remote.clone();
        Changes {
            speaker: rows::differences(rows::SPEAKER, from, to),
            groups: members(&from.groups, &to.groups, name, group),
            peers: members(&from.peers, &to.peers, remote, peer),
        }
    }

    /// Whether the two say the same.
    pub fn is_empty(&self) -> bool {
        self.speaker.is_empty() && self.groups.is_empty() && self.peers.is_empty()
    }
}

fn members<T, K: Ord>(
    from: &[T],
    to: &[T],
    key: impl Fn(&T) -> K,
    differences: impl Fn(&T, &T) -> Vec<Difference>,
) -> BTreeMap<K, Becomes> {
    let before: BTreeMap<K, &T> = from.iter().map(|of| (key(of), of)).collect();
    let mut after: BTreeMap<K, &T> = to.iter().map(|of| (key(of), of)).collect();
    let mut found = BTreeMap::new();
    for (key, from) in before {
        match after.remove(&key).map(|to| differences(from, to)) {
            Some(none) if none.is_empty() => {}
            Some(some) => drop(found.insert(key, Becomes::Changed(some))),
            None => drop(found.insert(key, Becomes::Removed)),
        }
    }
    found.extend(after.into_keys().map(|key| (key, Becomes::Added)));
    found
}

fn group(from: &Group, to: &Group) -> Vec<Difference> {
    let own = rows::differences(rows::GROUP, from, to);
    own.into_iter().chain(settings(&from.settings, &to.settings)).collect()
}

fn peer(from: &Peer, to: &Peer) -> Vec<Difference> {
    let own = rows::differences(rows::PEER, from, to);
    own.into_iter().chain(settings(&from.settings, &to.settings)).collect()
}

/// A line for each: `peer 192.0.2.1: import policy from-a becomes from-b …`.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in &self.speaker {
            difference.words(f)?;
            let words = match difference.cost {
                Cost::Reset => " (every session is reset)",
                Cost::NextStart => Cost::NextStart.words(),
                _ => "",
            };
            writeln!(f, "{words}")?;
        }
        let lines = |f: &mut fmt::Formatter<'_>, what: &str, name: &dyn fmt::Display, becomes: &Becomes| {
            match becomes {
                Becomes::Added => writeln!(f, "{what} {name} is added"),
                Becomes::Removed => writeln!(f, "{what} {name} is removed"),
                Becomes::Changed(differences) => {
                    differences.iter().try_for_each(|difference| writeln!(f, "{what} {name}: {difference}"))
                }
            }
        };
        self.groups.iter().try_for_each(|(name, becomes)| lines(f, "group", name, becomes))?;
        self.peers.iter().try_for_each(|(remote, becomes)| lines(f, "peer", remote, becomes))
    }
}
