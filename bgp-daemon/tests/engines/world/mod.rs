//! A world of whole speakers: engines, wires between them, faults, and one virtual clock. What happens follows from the
//! seed alone, and all of it is written into a trace.

#![allow(dead_code, reason = "each scenario uses a part")]

mod build;
mod cable;
mod check;
mod faults;
mod node;
mod random;
mod round;
mod tap;
mod tcp;

pub(crate) use build::{open_settings, policy};
pub(crate) use cable::{Cable, Over};
pub(crate) use check::all_routes;
pub(crate) use node::{Node, Rule};
pub(crate) use random::Random;
pub(crate) use tap::Told;

use bgp_daemon::{
    config::Remote,
    engine::{Change, Changed, Engine, PeerView},
    rib::LocalRoute,
};
use bgp_proto::{session::SessionState, time::Time};
use ipnet::IpNet;
use std::{collections::BTreeMap, time::Duration};
use tcp::Connection;

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How long a world may take to come to rest.
const PATIENCE: Duration = secs(1800);

/// Something that is going to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happening {
    /// A node's engine has its turn, because something waits for it (`true`) or because its deadline is there.
    Round(usize, bool),
    /// Something that this side of a connection sent gets to the other side.
    Arrival(usize, usize),
    /// This side of a connection has had so many of its last two seconds.
    Farewell(usize, usize, u8),
}

impl Happening {
    /// Whether the world is at rest without it.
    fn is_busy(self) -> bool {
        matches!(self, Happening::Round(_, true) | Happening::Arrival(..))
    }
}

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) nodes: Vec<Node>,
    pub(crate) cables: Vec<Cable>,
    pub(crate) random: Random,
    pub(crate) trace: Vec<String>,
    /// What each side of each cable was told in the session that is there, or was there last: by cable and the side
    /// that tells.
    pub(crate) told: BTreeMap<(usize, usize), Told>,
    connections: BTreeMap<usize, Connection>,
    next_connection: usize,
    agenda: BTreeMap<(Time, u64), Happening>,
    sequence: u64,
    /// Happenings on the agenda without which the world is at rest.
    busy: usize,
    /// Where a node finds whoever is at a place: the cable and its own side of it.
    places: BTreeMap<(usize, Remote), (usize, usize)>,
    pub(crate) steps: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        World {
            now: Time::from_secs(1000),
            nodes: Vec::new(),
            cables: Vec::new(),
            random: Random::new(seed),
            trace: Vec::new(),
            told: BTreeMap::new(),
            connections: BTreeMap::new(),
            next_connection: 1,
            agenda: BTreeMap::new(),
            sequence: 0,
            busy: 0,
            places: BTreeMap::new(),
            steps: 0,
        }
    }

    /// Starts every speaker that does not run.
    pub(crate) fn start(&mut self) -> &mut Self {
        for node in 0..self.nodes.len() {
            if self.nodes[node].engine.is_none() {
                self.boot(node, false);
            }
        }
        self
    }

    pub(crate) fn engine(&self, node: usize) -> &Engine {
        self.nodes[node].engine.as_ref().unwrap()
    }

    /// Does something to an engine, which has its turn then.
    pub(crate) fn with<T>(&mut self, node: usize, what: impl FnOnce(&mut Engine, Time) -> T) -> T {
        let now = self.clock(node);
        let done = what(self.nodes[node].engine.as_mut().unwrap(), now);
        self.wake(node);
        done
    }

    pub(crate) fn change(&mut self, node: usize, change: Change) -> Changed {
        self.with(node, |engine, now| engine.change(now, change)).unwrap()
    }

    /// A node's configuration, as it was changed in place, is loaded.
    pub(crate) fn reload(&mut self, node: usize) -> Changed {
        let config = self.nodes[node].config.clone();
        self.note(&format!("{node} reloads"));
        self.change(node, Change::new().config(config))
    }

    /// A node announces these prefixes too.
    pub(crate) fn announce(&mut self, node: usize, prefixes: &[&str]) {
        let prefixes: Vec<IpNet> = prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect();
        self.announce_all(node, &prefixes);
    }

    pub(crate) fn announce_all(&mut self, node: usize, prefixes: &[IpNet]) {
        self.note(&format!("{node} announces {} prefixes", prefixes.len()));
        self.nodes[node].own.extend(prefixes);
        let routes = prefixes.iter().copied().map(LocalRoute::new).collect();
        self.change(node, Change::new().update("test", routes, Vec::new()));
    }

    /// A node announces these routes too, with what is said of them.
    pub(crate) fn announce_routes(&mut self, node: usize, routes: Vec<LocalRoute>) {
        self.note(&format!("{node} announces {} routes", routes.len()));
        self.nodes[node].own.extend(routes.iter().map(|route| route.prefix));
        self.change(node, Change::new().update("test", routes, Vec::new()));
    }

    pub(crate) fn withdraw(&mut self, node: usize, prefixes: &[&str]) {
        let prefixes: Vec<IpNet> = prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect();
        self.withdraw_all(node, &prefixes);
    }

    pub(crate) fn withdraw_all(&mut self, node: usize, prefixes: &[IpNet]) {
        self.note(&format!("{node} withdraws {} prefixes", prefixes.len()));
        self.nodes[node].own.retain(|own| !prefixes.contains(own));
        self.change(node, Change::new().update("test", Vec::new(), prefixes.to_vec()));
    }

    /// The cable to a peer.
    pub(crate) fn place(&self, node: usize, remote: &Remote) -> usize {
        self.places[&(node, remote.clone())].0
    }

    /// A node's view of the peer at the other end of a cable.
    pub(crate) fn peer(&self, node: usize, cable: usize) -> Option<PeerView<'_>> {
        let remote = self.cables[cable].remote(self.cables[cable].side_of(node));
        let engine = self.nodes[node].engine.as_ref()?;
        engine.peers().find(|peer| *peer.remote == remote)
    }

    pub(crate) fn is_up(&self, cable: usize) -> bool {
        let up = |node| self.peer(node, cable).is_some_and(|peer| peer.state == SessionState::Established);
        self.cables[cable].ends.into_iter().all(up)
    }

    /// What was told over a cable by a node in the session that is there.
    pub(crate) fn told_by(&self, node: usize, cable: usize) -> &Told {
        static NOTHING: Told = Told::nothing();
        self.told.get(&(cable, self.cables[cable].side_of(node))).unwrap_or(&NOTHING)
    }

    pub(crate) fn note(&mut self, line: &str) {
        self.trace.push(format!("{} {line}", self.now));
    }

    fn plan(&mut self, at: Time, what: Happening) {
        self.busy += usize::from(what.is_busy());
        self.sequence += 1;
        self.agenda.insert((at, self.sequence), what);
    }

    /// The next thing happens. False: nothing ever will.
    pub(crate) fn step(&mut self) -> bool {
        let Some(((at, _), what)) = self.agenda.pop_first() else { return false };
        self.busy -= usize::from(what.is_busy());
        self.now = self.now.max(at);
        self.steps += 1;
        match what {
            Happening::Round(node, _) => self.round(node, at),
            Happening::Arrival(connection, from) => self.arrive(connection, from),
            Happening::Farewell(connection, side, seconds) => self.farewell(connection, side, seconds),
        }
        true
    }

    /// Time passes.
    pub(crate) fn run(&mut self, span: Duration) -> &mut Self {
        let end = self.now + span;
        while self.agenda.first_key_value().is_some_and(|((at, _), _)| *at <= end) {
            self.step();
        }
        self.now = end;
        self
    }

    /// Time passes until something is so. How long that took.
    pub(crate) fn run_until(&mut self, what: &str, mut is_so: impl FnMut(&World) -> bool) -> Duration {
        let begin = self.now;
        while !is_so(self) {
            if self.now > begin + PATIENCE || !self.step() {
                self.fail(&format!("it never comes to be that {what}"));
            }
        }
        self.now.since(begin)
    }

    /// Time passes until all sessions that can be there are, and nothing is on its way. Then everything must be as it
    /// follows from what everybody was told. How long that took.
    pub(crate) fn settle(&mut self) -> Duration {
        let begin = self.now;
        let took = self.run_until("all is at rest", |world| world.busy == 0 && world.is_settled());
        self.check();
        debug_assert!(begin <= self.now);
        took
    }

    /// Every session that is wanted is up, and nothing stale is kept.
    fn is_settled(&self) -> bool {
        let runs = |node: usize| self.nodes[node].engine.is_some();
        // Of each cable: ends that want a session, and ends that have one.
        let mut ends: Vec<_> =
            self.cables.iter().map(|cable| (i32::from(cable.dynamic && runs(cable.ends[1])), 0)).collect();
        for (node, of) in self.nodes.iter().enumerate() {
            for peer in of.engine.iter().flat_map(|engine| engine.peers()) {
                if !peer.stale.is_empty() {
                    return false;
                }
                let (wanted, up) = &mut ends[self.place(node, peer.remote)];
                *wanted += i32::from(peer.kept_down.is_none() && !peer.dynamic);
                *wanted -= i32::from(peer.kept_down.is_some() && peer.dynamic);
                *up += i32::from(peer.state == SessionState::Established);
            }
        }
        let settled = |(cable, (wanted, up)): (&Cable, (i32, i32))| cable.idle || wanted < 2 || up == 2;
        self.cables.iter().zip(ends).all(settled)
    }

    /// Ends the test with the last lines of the trace.
    pub(crate) fn fail(&self, why: &str) -> ! {
        let from = self.trace.len().saturating_sub(300);
        panic!("{}\nat {}: {why}", self.trace[from..].join("\n"), self.now);
    }
}
