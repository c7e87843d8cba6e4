//! The whole speaker as one plain value: all peers, the RIB, and the sources of our own routes.
//!
//! An [`Engine`] does no I/O and reads no clock. Its shell says what happened to connections and what people want, and
//! does what it is asked for: in each round all that waits goes in, then [`Engine::work`] once, then [`Engine::fill`],
//! then every [`Action`] from [`Engine::poll`], until nothing is left before [`Engine::deadline`].
//!
//! * Read sockets dry before a [`Engine::tick`] that is due: only silence on the wire may expire a hold timer.
//! * Octets go in as they were read, cut anywhere.
//! * Of each connection, [`Action::Close`] is the last that is heard; what is said of it afterwards is ignored.

mod accept;
mod action;
mod apply;
mod backlog;
mod bfd;
mod compare;
mod down;
mod drive;
mod event;
mod fill;
mod forward;
mod limits;
mod link;
mod listing;
mod mark;
mod open;
mod refresh;
mod restart;
mod source;
mod totals;

pub use crate::peer::{
    Ended, KeptDown,
    overheard::Way,
    shown::Shown,
    tally::{Faulty, Messages},
};
pub use accept::Turned;
pub use action::{Action, MAX_WRITES, WINDOW};
pub use apply::{Changed, Effect};
pub use bfd::{Path, PathSeen};
pub use down::{Reset, Shutdown, Which};
pub use event::{Event, Next, Who};
pub use link::{Dial, Key, Link, Options, PeerId};
pub use listing::{Page, PeerView, RouteCounts, Sent};
pub use mark::Mark;
pub use source::Change;
pub use totals::{Notified, Totals};

use crate::{
    config::{Config, KernelRoutes, PeerSettings, Remote},
    peer::{
        Peer,
        offer::{self, Us},
        tally::Tally,
    },
    rib::{self, Rib, SenderId, TooManySenders},
};
use accept::TurnedAway;
use backlog::Backlog;
use bgp_proto::{
    numbers::RouterId,
    session::{Session, SessionState},
    time::Time,
    wire::open::OpenTooLong,
};
use ipnet::IpNet;
use restart::Waiting;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    net::IpAddr,
    time::Duration,
};

/// What an engine is started with, beside its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Where the spread of timers and the order of hash tables come from. Draw it at random.
    pub seed: u64,
    /// Our identifier, where the configuration has none.
    pub router_id: RouterId,
    /// We ran a moment ago, and the kernel still forwards as we left it: peers are told so, and our End-of-RIB waits
    /// for theirs. Without [`Config::kernel`] every start counts as such a one: no forwarding ends with us, and nobody
    /// knows whether we ran.
    pub restarting: bool,
    /// Owners whose first whole set of routes our End-of-RIB waits for.
    pub expects: Vec<String>,
}

/// Why an engine does not do what is wanted. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// There are too many peers and sources.
    TooManySenders(TooManySenders),
    /// What a peer would be offered does not fit an OPEN.
    OpenTooLong(Remote, OpenTooLong),
    /// The owner's name is one that the speaker itself uses.
    OwnerTaken(String),
}

impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotDone::TooManySenders(error) => error.fmt(f),
            NotDone::OpenTooLong(remote, error) => write!(f, "peer {remote}: {error}"),
            NotDone::OwnerTaken(owner) => {
                write!(f, "the owner {owner:?} is the configuration itself; use another name")
            }
        }
    }
}

impl std::error::Error for NotDone {}

impl From<TooManySenders> for NotDone {
    fn from(error: TooManySenders) -> Self {
        NotDone::TooManySenders(error)
    }
}

/// A speaker.
pub struct Engine {
    config: Config,
    start: Start,
    rib: Rib,
    peers: BTreeMap<PeerId, Peer>,
    by_remote: BTreeMap<Remote, PeerId>,
    by_sender: BTreeMap<SenderId, PeerId>,
    next_peer: u32,
    sources: BTreeMap<Box<str>, SenderId>,
    /// Each peer has an entry that is never later than its deadline.
    deadlines: BTreeSet<(Time, PeerId)>,
    actions: VecDeque<Action>,
    /// Peers that may have something to write.
    touched: Vec<PeerId>,
    /// The RIB may have something to tell anybody.
    dirty: bool,
    /// Where telling goes on.
    fill_from: Option<PeerId>,
    turned_away: TurnedAway,
    /// Of peers that are gone, and of connections that ended.
    totals: Totals,
    /// Where aggregates come from.
    aggregates: Option<SenderId>,
    /// What our first End-of-RIB waits for; `None`: nothing.
    waiting: Option<Waiting>,
    /// We have restarted, and say so in the first OPEN to each peer.
    restarting: bool,
    /// Until when it is said, and peers are waited for.
    patient_until: Time,
    began: Time,
    /// Peers whose prefixes are counted again when what is gone is swept out.
    recount: BTreeSet<PeerId>,
    /// Changes of sources that wait.
    backlog: Backlog,
    going_down: bool,
    /// Somebody wants to hear what is chosen.
    forwards: bool,
    /// The kernel's routes that may be announced as our own.
    passed: BTreeMap<KernelRoutes, BTreeSet<IpNet>>,
}

/// A time in whole seconds, as the RIB counts it.
fn seconds(now: Time) -> u32 {
    u32::try_from(now.nanos() / 1_000_000_000).unwrap_or(u32::MAX)
}

impl Engine {
    /// A speaker with this configuration.
    pub fn new(config: Config, start: Start, now: Time) -> Result<Engine, NotDone> {
        let rib = Rib::new(rib::Settings {
            seed: start.seed,
            resolve_next_hops: config.resolve_next_hops,
            selection: config.selection,
            ..rib::Settings::default()
        });
        let start = Start { restarting: start.restarting || config.kernel.is_none(), ..start };
        let mut engine = Engine {
            config: Config::new(config.asn),
            restarting: start.restarting,
            patient_until: Time::NEVER,
            began: now,
            start,
            rib,
            peers: BTreeMap::new(),
            by_remote: BTreeMap::new(),
            by_sender: BTreeMap::new(),
            next_peer: 1,
            sources: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            actions: VecDeque::new(),
            touched: Vec::new(),
            dirty: false,
            fill_from: None,
            turned_away: TurnedAway::default(),
            totals: Totals::default(),
            aggregates: None,
            waiting: None,
            recount: BTreeSet::new(),
            backlog: Backlog::default(),
            going_down: false,
            forwards: false,
            passed: BTreeMap::new(),
        };
        engine.change(now, Change::new().config(config))?;
        engine.hold_back(now);
        Ok(engine)
    }

    /// Our identifier.
    pub fn router_id(&self) -> RouterId {
        self.config.router_id.unwrap_or(self.start.router_id)
    }

    /// What the engine is configured with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The routes, for whoever wants to know more of them.
    pub fn rib(&self) -> &Rib {
        &self.rib
    }

    /// What it costs to get to one of the next hops that [`Rib::next_hops`] asks for; `None`: there is no way.
    pub fn next_hop(&mut self, address: IpAddr, cost: Option<u32>) {
        self.rib.next_hop(address, cost);
        self.dirty = true;
    }

    /// A dial succeeded.
    pub fn connected(&mut self, now: Time, key: Key, link: Link) {
        let Some(peer) = self.peers.get_mut(&key.peer) else { return };
        if let Some(wire) = peer.wire(key.connection) {
            wire.link = Some(link);
            peer.session.connected(now, key.connection);
            self.settle(now, key.peer);
        }
    }

    /// A dial failed.
    pub fn failed(&mut self, now: Time, key: Key, why: &str) {
        self.closed(now, key, Some(why));
    }

    /// A connection is gone: the peer closed it, or it broke.
    pub fn closed(&mut self, now: Time, key: Key, why: Option<&str>) {
        let Some(peer) = self.peers.get_mut(&key.peer) else { return };
        let known = peer.wires.len();
        peer.wires.retain(|wire| wire.id != key.connection);
        if peer.wires.len() < known {
            peer.why = why.map(Into::into);
            peer.session.closed(now, key.connection);
            self.settle(now, key.peer);
        }
    }

    /// Octets of a connection were written.
    pub fn wrote(&mut self, now: Time, key: Key, octets: usize) {
        let Some(peer) = self.peers.get_mut(&key.peer) else { return };
        if let Some(wire) = peer.wires.iter_mut().find(|wire| wire.id == key.connection) {
            wire.wrote(now, octets, &mut peer.session);
            self.settle(now, key.peer);
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Time) {
        while let Some(&(due, id)) = self.deadlines.first().filter(|(due, _)| *due <= now) {
            self.deadlines.remove(&(due, id));
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            peer.scheduled = Time::NEVER;
            if peer.deadline() <= now {
                self.tick_peer(now, id);
            }
            self.settle(now, id);
        }
        self.check_complete(now);
    }

    fn tick_peer(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if peer.start_at <= now {
            (peer.start_at, peer.kept_down) = (Time::NEVER, None);
            peer.session.start(now);
        }
        peer.session.tick(now);
        self.end_refreshes(now, id);
    }

    /// When to call [`Engine::tick`]; `None`: only other events matter.
    pub fn deadline(&self) -> Option<Time> {
        if self.is_behind() {
            return Some(Time::START);
        }
        let patient = Some(self.patient_until).filter(|until| *until != Time::NEVER);
        self.deadlines.first().map(|(due, _)| *due).into_iter().chain(patient).min()
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Does what a session asks for, and looks when it is due next.
    fn settle(&mut self, now: Time, id: PeerId) {
        loop {
            let Some(peer) = self.peers.get_mut(&id) else { return };
            let Some(action) = peer.session.poll() else { break };
            self.handle(now, id, action);
        }
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if peer.is_over() {
            return self.forget(now, id);
        }
        self.actions.extend(bfd::renew(now, peer));
        let state = peer.session.state();
        if peer.state != state {
            (peer.state, peer.since) = (state, now);
        }
        let due = peer.deadline();
        if due < peer.scheduled {
            self.deadlines.remove(&(peer.scheduled, id));
            self.deadlines.insert((due, id));
            peer.scheduled = due;
        }
        if !std::mem::replace(&mut peer.touched, true) {
            self.touched.push(id);
        }
    }

    /// A new peer. It is not started yet.
    fn add_peer(&mut self, now: Time, remote: Remote, from: Configured<'_>) -> Result<PeerId, NotDone> {
        let us = Us {
            asn: self.config.asn,
            router_id: self.router_id(),
            restarting: self.restarting,
            // Nobody holds routes of ours any more from before we began.
            forwarding: self.start.restarting || now - self.began >= from.restart_time(),
        };
        let id = PeerId(self.next_peer);
        let seed = self.start.seed ^ u64::from(id.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let settings = offer::settings(us, &remote, from.settings, from.dynamic);
        let session = Session::new(settings, seed).map_err(|e| NotDone::OpenTooLong(remote.clone(), e))?;
        let sender = self.rib.add_peer()?;
        self.next_peer = self.next_peer.wrapping_add(1);
        let peer = Peer {
            id,
            remote: remote.clone(),
            group: from.group.map(Into::into),
            dynamic: from.dynamic,
            settings: from.settings.clone(),
            session,
            sender,
            wires: Vec::new(),
            up: None,
            was_up: false,
            stale: Vec::new(),
            refreshing: Vec::new(),
            kept_down: None,
            start_at: Time::NEVER,
            state: SessionState::Idle,
            since: now,
            why: None,
            last: None,
            said: Vec::new(),
            tally: Tally::default(),
            overheard: None,
            at: None,
            path: None,
            scheduled: Time::NEVER,
            touched: false,
            hungry: false,
        };
        self.peers.insert(id, peer);
        self.by_remote.insert(remote, id);
        self.by_sender.insert(sender, id);
        Ok(id)
    }

    /// A peer is no more.
    fn forget(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.remove(&id) else { return };
        self.totals.add(&peer.tally);
        self.actions.extend(peer.path.is_some().then_some(Action::Bfd(id, None)));
        self.deadlines.remove(&(peer.scheduled, id));
        if self.by_remote.get(&peer.remote) == Some(&id) {
            self.by_remote.remove(&peer.remote);
        }
        self.by_sender.remove(&peer.sender);
        self.rib.remove(peer.sender);
        self.dirty = true;
        self.check_complete(now);
    }
}

/// What a peer is made from.
#[derive(Clone, Copy)]
struct Configured<'a> {
    settings: &'a PeerSettings,
    group: Option<&'a str>,
    dynamic: bool,
}

impl Configured<'_> {
    /// How long a peer keeps our routes while we are away.
    fn restart_time(&self) -> Duration {
        self.settings.graceful_restart.map_or(Duration::ZERO, |restart| restart.restart_time)
    }
}
