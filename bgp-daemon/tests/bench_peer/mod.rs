//! One engine and the peers around it, each of these a bare session whose other side a test looks at.

#![allow(dead_code, reason = "each test file uses a part")]

use bgp_daemon::{
    config::{Config, Group, Kernel, Peer, PeerSettings, Remote},
    engine::{self, Action, Change, Dial, Engine, Key, Link, Options, PeerId, PeerView, Start, Turned},
    policy::Policy,
    rib::LocalRoute,
};
use bgp_proto::{
    attr::{as_path::AsPathBuf, next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::{Asn, HoldTime, Origin, RouterId},
    prefix::Prefix,
    session::{self, ConnectionId, Reason, RemoteAs, Session, SessionState, Settings, Terms},
    time::Time,
    wire::{
        capability::{Capability, CapabilityBuf, RestartEntry, RestartFlags},
        nlri::{Nlri, Path},
        open::Offer,
        pack::{self, Announcement},
    },
};
use bytes::{Bytes, BytesMut};
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

pub(crate) const OURS: Asn = Asn(65000);

/// Takes and tells everything.
pub(crate) fn open_settings(asn: u32) -> PeerSettings {
    PeerSettings {
        import: Some(Policy::all()),
        export: Some(Policy::all()),
        passive: true,
        ..PeerSettings::new(RemoteAs::Fixed(Asn(asn)))
    }
}

pub(crate) fn remote(number: u8) -> Remote {
    Remote::Address(address(number), None)
}

pub(crate) fn address(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

/// Peer `number` is 192.0.2.`number` in AS 65000 + `number`.
pub(crate) fn peer(number: u8) -> Peer {
    Peer { remote: remote(number), group: None, settings: open_settings(65000 + u32::from(number)) }
}

/// Its forwarding ends with it, as far as peers are concerned.
pub(crate) fn config(peers: impl IntoIterator<Item = u8>) -> Config {
    Config {
        kernel: Some(Kernel::default()),
        resolve_next_hops: false,
        router_id: RouterId::new(65000),
        peers: peers.into_iter().map(peer).collect(),
        ..Config::new(OURS)
    }
}

pub(crate) fn group(name: &str, range: &str) -> Group {
    Group {
        name: name.into(),
        accept_from: vec![range.parse().unwrap()],
        max_peers: 100,
        settings: PeerSettings { asn: RemoteAs::External, ..open_settings(0) },
    }
}

pub(crate) fn start() -> Start {
    Start { seed: 7, router_id: RouterId::new(65000).unwrap(), restarting: false, expects: Vec::new() }
}

pub(crate) fn local(prefix: &str) -> LocalRoute {
    LocalRoute::new(prefix.parse().unwrap())
}

/// The other side of one peering.
pub(crate) struct Other {
    pub(crate) number: u8,
    pub(crate) session: Session,
    /// Its connections, each with the engine's name of it.
    pub(crate) links: Vec<(ConnectionId, Key)>,
    unread: BTreeMap<ConnectionId, Vec<u8>>,
    /// Prefix → AS path, as it was told.
    pub(crate) routes: BTreeMap<String, String>,
    /// What happened to it, in order.
    pub(crate) log: Vec<String>,
    pub(crate) terms: Option<Terms>,
    pub(crate) down: Option<Reason>,
    /// It takes nothing off its sockets.
    pub(crate) stalled: bool,
    waiting: Vec<(Key, Bytes)>,
}

impl Other {
    pub(crate) fn new(number: u8) -> Self {
        Other::with(number, |_| {})
    }

    pub(crate) fn with(number: u8, change: impl FnOnce(&mut Settings)) -> Self {
        let asn = Asn(65000 + u32::from(number));
        let mut offer = Offer::new(asn, RouterId::new(number.into()).unwrap(), HoldTime::new(90).unwrap());
        for family in [Family::IPV4, Family::IPV6] {
            offer.capabilities.push(Capability::Multiprotocol(family).to_owned());
        }
        offer.capabilities.push(Capability::RouteRefresh.to_owned());
        offer.capabilities.push(Capability::EnhancedRouteRefresh.to_owned());
        let mut settings = Settings::new(offer, RemoteAs::Fixed(OURS));
        settings.idle_hold = Duration::ZERO;
        settings.damp_oscillations = false;
        settings.passive = true;
        change(&mut settings);
        Other {
            number,
            session: Session::new(settings, 1).unwrap(),
            links: Vec::new(),
            unread: BTreeMap::new(),
            routes: BTreeMap::new(),
            log: Vec::new(),
            terms: None,
            down: None,
            stalled: false,
            waiting: Vec::new(),
        }
    }

    /// One that restarts gracefully.
    pub(crate) fn graceful(number: u8, restarting: bool) -> Self {
        Other::with(number, |settings| settings.offer.capabilities.push(graceful(restarting)))
    }

    pub(crate) fn is_up(&self) -> bool {
        self.session.state() == SessionState::Established
    }

    pub(crate) fn announce(&mut self, path: &[u32], prefixes: &[&str]) {
        self.announce_with(path, None, prefixes);
    }

    pub(crate) fn announce_with(&mut self, path: &[u32], med: Option<u32>, prefixes: &[&str]) {
        let number = self.number;
        let as_path = AsPathBuf::sequence(&path.iter().copied().map(Asn).collect::<Vec<_>>());
        let attributes =
            PathAttributes { origin: Some(Origin::IGP), as_path, med, ..PathAttributes::default() };
        let mut section = Vec::new();
        attributes.encode(true, &mut section);
        let next_hop = NextHop::from(address(number));
        let paths = prefixes.iter().map(|p| Path::from(p.parse::<Prefix<u32>>().unwrap()));
        assert!(self.session.send(|terms, out| {
            let announcement = Announcement { family: Family::IPV4, attributes: &section, next_hop };
            announcement.encode(&terms.agreed, paths, out).unwrap();
        }));
    }

    pub(crate) fn withdraw(&mut self, prefixes: &[&str]) {
        let paths = prefixes.iter().map(|p| Path::from(p.parse::<Prefix<u32>>().unwrap()));
        assert!(self.session.send(|terms, out| {
            pack::withdraw(Family::IPV4, &terms.agreed, paths, out);
        }));
    }

    pub(crate) fn end_of_rib(&mut self, families: &[Family]) {
        self.session.send(|_, out| families.iter().for_each(|family| pack::end_of_rib(*family, out)));
    }

    pub(crate) fn routes(&self) -> Vec<&str> {
        self.routes.keys().map(String::as_str).collect()
    }

    /// What happened to it since it was last asked.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// How often it was said that all is told.
    pub(crate) fn ends(&self) -> usize {
        self.log.iter().filter(|line| line.starts_with("end of")).count()
    }

    fn hear(&mut self, now: Time, connection: ConnectionId, octets: &[u8]) {
        let mut unread = self.unread.remove(&connection).unwrap_or_default();
        unread.extend_from_slice(octets);
        let mut input = &unread[..];
        while let Some(action) = self.session.receive(now, connection, &mut input) {
            note(&mut self.routes, &mut self.log, &action);
            match action {
                session::Action::Established { terms, .. } => self.terms = Some(*terms),
                session::Action::Down { reason, .. } => {
                    self.down = Some(reason);
                    self.routes.clear();
                }
                session::Action::Close { reason, .. } => self.down = Some(reason),
                _ => {}
            }
        }
        self.unread.insert(connection, input.to_vec());
    }

    /// What its session asks for beside what octets bring.
    fn poll(&mut self) -> Vec<session::Action<'static>> {
        let all: Vec<_> = std::iter::from_fn(|| self.session.poll()).collect();
        all.iter().for_each(|action| note(&mut self.routes, &mut self.log, action));
        all
    }
}

fn note(routes: &mut BTreeMap<String, String>, log: &mut Vec<String>, action: &session::Action<'_>) {
    let session::Action::Update(update) = action else { return log.push(action.to_string()) };
    for path in update.withdrawn() {
        routes.remove(&path.item.to_string());
        log.push(format!("-{}", path.item));
    }
    let as_path = update.attributes().as_path().unwrap_or_default().to_string();
    for path in update.announced() {
        routes.insert(path.item.to_string(), as_path.clone());
        log.push(format!("+{}", path.item));
    }
    if let Some(Nlri::Ipv6(items)) = update.reach().map(|reach| reach.nlri) {
        for path in items {
            routes.insert(path.item.to_string(), as_path.clone());
            log.push(format!("+{}", path.item));
        }
    }
    if let Some(Nlri::Ipv6(items)) = update.unreach().map(|unreach| unreach.nlri) {
        for path in items {
            routes.remove(&path.item.to_string());
            log.push(format!("-{}", path.item));
        }
    }
}

pub(crate) fn graceful(restarting: bool) -> CapabilityBuf {
    let entries = [Family::IPV4, Family::IPV6].map(|family| RestartEntry { family, forwarding: true });
    let flags = RestartFlags { restarting, notification: true, time: 60 };
    CapabilityBuf::graceful_restart(flags, &entries)
}

/// An engine with all that is around it.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) now: Time,
    pub(crate) others: BTreeMap<u8, Other>,
    pub(crate) events: Vec<String>,
    pub(crate) dials: Vec<(Key, Dial)>,
    pub(crate) options: Vec<(Key, Options)>,
    pub(crate) paths: Vec<(PeerId, Option<engine::Path>)>,
    /// Connections that were closed, with what was written last.
    pub(crate) closed: Vec<(Key, Bytes)>,
    /// What takes long waits.
    pub(crate) busy: bool,
    /// Octets that went out in writes.
    pub(crate) written: usize,
}

impl Bench {
    pub(crate) fn new(config: Config) -> Self {
        Bench::started(config, start())
    }

    pub(crate) fn started(config: Config, start: Start) -> Self {
        let now = Time::from_secs(1000);
        let engine = Engine::new(config, start, now).unwrap();
        let mut bench = Bench {
            engine,
            now,
            others: BTreeMap::new(),
            events: Vec::new(),
            dials: Vec::new(),
            options: Vec::new(),
            paths: Vec::new(),
            closed: Vec::new(),
            busy: false,
            written: 0,
        };
        bench.settle();
        bench
    }

    /// The same with peers of these numbers, which are up.
    pub(crate) fn up(config: Config, numbers: impl IntoIterator<Item = u8>) -> Self {
        let mut bench = Bench::new(config);
        for number in numbers {
            bench.connect(Other::new(number)).unwrap();
        }
        bench.settle();
        bench.events.clear();
        bench.others.values_mut().for_each(|other| other.log.clear());
        bench
    }

    pub(crate) fn other(&mut self, number: u8) -> &mut Other {
        self.others.get_mut(&number).unwrap()
    }

    pub(crate) fn id(&self, number: u8) -> PeerId {
        self.engine.peers().find(|peer| *peer.remote == remote(number)).unwrap().id
    }

    pub(crate) fn view(&self, number: u8) -> PeerView<'_> {
        self.engine.peer(self.id(number)).unwrap()
    }

    pub(crate) fn link(number: u8) -> Link {
        Link::new("192.0.2.254:179".parse().unwrap(), (address(number), 50000).into())
    }

    /// A peer connects.
    pub(crate) fn connect(&mut self, other: Other) -> Result<Options, Turned> {
        let link = Bench::link(other.number);
        self.connect_over(other, link)
    }

    pub(crate) fn connect_over(&mut self, mut other: Other, link: Link) -> Result<Options, Turned> {
        let (key, options) = self.engine.accepted(self.now, link)?;
        other.session.start(self.now);
        if let Some(connection) = other.session.accept(self.now) {
            other.links.push((connection, key));
        }
        self.others.insert(other.number, other);
        Ok(options)
    }

    /// A peer that was there connects again.
    pub(crate) fn connect_again(&mut self, number: u8) -> Result<(), Turned> {
        let other = self.others.remove(&number).unwrap();
        self.connect(other).map(drop)
    }

    /// What the engine dialled last is answered.
    pub(crate) fn answer(&mut self, mut other: Other) -> Key {
        let (key, _) = self.dials.pop().unwrap();
        self.engine.connected(self.now, key, Bench::link(other.number));
        other.session.start(self.now);
        let connection = other.session.accept(self.now).unwrap();
        other.links.push((connection, key));
        self.others.insert(other.number, other);
        key
    }

    /// A peer's connections break, and neither side says anything.
    pub(crate) fn cut(&mut self, number: u8) {
        let now = self.now;
        let other = self.others.get_mut(&number).unwrap();
        for (connection, key) in std::mem::take(&mut other.links) {
            other.session.closed(now, connection);
            self.engine.closed(now, key, Some("connection reset"));
        }
        self.settle();
    }

    pub(crate) fn change(&mut self, change: Change) -> engine::Changed {
        let changed = self.engine.change(self.now, change).unwrap();
        self.settle();
        changed
    }

    /// Rounds until nothing moves.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            let more = !self.busy && self.engine.work(self.now);
            self.engine.fill(self.now);
            let moved = self.actions() | self.octets();
            if !(more || moved || self.engine.deadline().is_some_and(|due| due <= self.now)) {
                return;
            }
            if self.engine.deadline().is_some_and(|due| due <= self.now) {
                self.engine.tick(self.now);
            }
        }
        panic!("it never comes to rest");
    }

    /// Time passes, a second at a time.
    pub(crate) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            self.engine.tick(self.now);
            self.others.values_mut().for_each(|other| other.session.tick(self.now));
            self.settle();
        }
    }

    fn actions(&mut self) -> bool {
        let mut any = false;
        while let Some(action) = self.engine.poll() {
            any = true;
            match action {
                Action::Dial(key, dial) => self.dials.push((key, dial)),
                Action::Write(key, octets) => {
                    self.written += octets.len();
                    self.deliver(key, &octets);
                }
                Action::Close(key, last) => {
                    self.deliver(key, &last);
                    self.closed.push((key, last));
                    let owner = self.others.values_mut().find(|o| o.links.iter().any(|(_, k)| *k == key));
                    if let Some(other) = owner {
                        let at = other.links.iter().position(|(_, known)| *known == key).unwrap();
                        let (connection, _) = other.links.remove(at);
                        other.session.closed(self.now, connection);
                    }
                }
                Action::Options(key, options) => self.options.push((key, options)),
                Action::Bfd(peer, path) => self.paths.push((peer, path)),
                Action::Event(event) => self.events.push(event.to_string()),
            }
        }
        any
    }

    fn deliver(&mut self, key: Key, octets: &Bytes) {
        let now = self.now;
        for other in self.others.values_mut() {
            let Some((connection, _)) = other.links.iter().find(|(_, known)| *known == key).copied() else {
                continue;
            };
            if other.stalled {
                other.waiting.push((key, octets.clone()));
            } else {
                other.hear(now, connection, octets);
                self.engine.wrote(now, key, octets.len());
            }
        }
    }

    /// A peer reads what waited for it.
    pub(crate) fn unstall(&mut self, number: u8) {
        let other = self.others.get_mut(&number).unwrap();
        other.stalled = false;
        for (key, octets) in std::mem::take(&mut other.waiting) {
            self.deliver(key, &octets);
        }
        self.settle();
    }

    /// What waits for a peer that takes nothing.
    pub(crate) fn stalled_octets(&self, number: u8) -> usize {
        self.others[&number].waiting.iter().map(|(_, octets)| octets.len()).sum()
    }

    fn octets(&mut self) -> bool {
        let (mut any, now) = (false, self.now);
        for other in self.others.values_mut() {
            for action in other.poll() {
                if let session::Action::Close { connection, last, reason } = action {
                    other.down = Some(reason);
                    let Some(at) = other.links.iter().position(|(known, _)| *known == connection) else {
                        continue;
                    };
                    let (_, key) = other.links.remove(at);
                    self.engine.receive(now, key, BytesMut::from(&last[..]));
                    self.engine.closed(now, key, None);
                }
            }
            for (connection, key) in other.links.clone() {
                let octets = other.session.transmit(connection).to_vec();
                if !octets.is_empty() {
                    any = true;
                    other.session.sent(now, connection, octets.len());
                    self.engine.receive(now, key, BytesMut::from(&octets[..]));
                }
            }
        }
        any
    }
}
