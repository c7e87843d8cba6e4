//! One speaker, and what waits for it.

use super::policy;
use bgp_daemon::{
    config::{Config, Peer},
    engine::{Engine, Event, Key},
    policy::Policy,
};
use bgp_proto::time::Time;
use bytes::BytesMut;
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

/// A policy, as simple as a model of it can be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rule {
    #[default]
    All,
    /// All but these.
    Without(BTreeSet<IpNet>),
    /// Our AS is in front of the path so many times more.
    Longer(usize),
    /// With this community.
    Marked(u32),
}

impl Rule {
    pub(super) fn policy(&self) -> Policy {
        let accept = |set: String| policy(&format!("{{ {set} then = \"accept\" }}"));
        match self {
            Rule::All => Policy::all(),
            Rule::Without(prefixes) if prefixes.is_empty() => Policy::all(),
            Rule::Without(prefixes) => {
                let prefixes: Vec<_> = prefixes.iter().map(|prefix| format!("\"{prefix}\"")).collect();
                let these = prefixes.join(", ");
                policy(&format!(
                    "{{ match = {{ prefix = [{these}] }}, then = \"reject\" }}, {{ then = \"accept\" }}"
                ))
            }
            Rule::Longer(times) => accept(format!("set = {{ prepend = {{ times = {times} }} }},")),
            Rule::Marked(community) => {
                let (high, low) = (community >> 16, community & 0xffff);
                accept(format!("set = {{ add_communities = [\"{high}:{low}\"] }},"))
            }
        }
    }
}

/// What a shell would tell the engine.
#[derive(Debug)]
pub(super) enum Input {
    /// Somebody connected, by this connection.
    Arrival(usize),
    Connected(Key),
    Failed(Key, &'static str),
    Received(Key, BytesMut),
    Wrote(Key, usize),
    Closed(Key, Option<&'static str>),
}

pub(crate) struct Node {
    /// What it is, or is next, configured with.
    pub(crate) config: Config,
    /// `None` while it does not run, and in its turn.
    pub(crate) engine: Option<Box<Engine>>,
    pub(super) runs: bool,
    pub(crate) seed: u64,
    /// How far its clock is ahead.
    pub(crate) ahead: Duration,
    /// The process does nothing.
    pub(crate) paused: bool,
    /// The machine does nothing.
    pub(crate) off: bool,
    pub(crate) events: Vec<(Time, Event)>,
    /// Peers that it does not have for now.
    pub(crate) removed: Vec<Peer>,
    /// What it announces.
    pub(crate) own: BTreeSet<IpNet>,
    /// What it accepts and tells, by cable and whether it is told; what is not here is all.
    pub(crate) rules: BTreeMap<(usize, bool), Rule>,
    pub(super) inbox: VecDeque<Input>,
    /// When its next round is.
    pub(super) round_at: Time,
    /// Something waits for that round.
    pub(super) awake: bool,
    /// Rounds without anything to take in, one after the other.
    pub(super) idle_rounds: u32,
    /// Connections by the engine's name for them, with its side.
    pub(super) keys: BTreeMap<Key, (usize, usize)>,
    /// What was written and not reported yet: octets and writes.
    pub(super) unreported: BTreeMap<Key, (usize, VecDeque<usize>)>,
}

impl Node {
    pub(super) fn new(config: Config, seed: u64) -> Self {
        Node {
            config,
            engine: None,
            runs: false,
            seed,
            ahead: Duration::ZERO,
            paused: false,
            off: false,
            events: Vec::new(),
            removed: Vec::new(),
            own: BTreeSet::new(),
            rules: BTreeMap::new(),
            inbox: VecDeque::new(),
            round_at: Time::NEVER,
            awake: false,
            idle_rounds: 0,
            keys: BTreeMap::new(),
            unreported: BTreeMap::new(),
        }
    }

    /// The lines of its events since a time.
    pub(crate) fn said_since(&self, since: Time) -> Vec<String> {
        let later = self.events.iter().filter(|(at, _)| *at >= since);
        later.map(|(_, event)| event.to_string()).collect()
    }
}
