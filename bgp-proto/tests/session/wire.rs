//! Two speakers on a virtual wire in virtual time.

use bgp_proto::{
    family::Family,
    numbers::{Asn, HoldTime, RouterId},
    session::{
        Action, ConnectionId, RemoteAs, Session, SessionState, Settings,
        record::{Event, Line, Replay},
    },
    time::Time,
    wire::{
        capability::{Capability, CapabilityBuf, LongLivedEntry, RestartEntry, RestartFlags},
        open::Offer,
    },
};
use std::{collections::BTreeMap, time::Duration};

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn offer(asn: u32, id: u32) -> Offer {
    Offer::new(Asn(asn), RouterId::new(id).unwrap(), HoldTime::new(90).unwrap())
}

/// A speaker of AS 65000 + `id`.
pub(crate) fn speaker(id: u32) -> Settings {
    Settings::new(offer(65000 + id, id), RemoteAs::Any)
}

/// Graceful restart for IPv4 and IPv6 with forwarding kept.
pub(crate) fn graceful(mut settings: Settings, notification: bool, long_lived: u32) -> Settings {
    let families = [Family::IPV4, Family::IPV6];
    let flags = RestartFlags { restarting: false, notification, time: 120 };
    let entries = families.map(|family| RestartEntry { family, forwarding: true });
    let offer = &mut settings.offer.capabilities;
    offer.extend(families.map(|family| CapabilityBuf::from(Capability::Multiprotocol(family))));
    offer.push(CapabilityBuf::graceful_restart(flags, &entries));
    if long_lived > 0 {
        let entry = |family| LongLivedEntry { family, forwarding: true, stale_time: long_lived };
        offer.push(CapabilityBuf::long_lived_graceful_restart(&families.map(entry)));
    }
    settings
}

/// One of the two.
pub(crate) struct Host {
    pub(crate) replay: Replay,
    /// Everything that went in.
    pub(crate) lines: Vec<Line>,
    /// Every action, as text, with its time.
    pub(crate) actions: Vec<(Time, String)>,
    /// Takes nothing from its sockets: the other side's octets stay there.
    pub(crate) deaf: bool,
    /// What it sends is lost on the way.
    pub(crate) mute: bool,
    /// What the sockets take at once, until the next look at them.
    pub(crate) window: usize,
    /// Bulk octets to be written past the session, as far as the window lets them.
    pub(crate) bulk: Vec<u8>,
    /// What was received in UPDATEs, End-of-RIBs included.
    pub(crate) updates: usize,
    links: BTreeMap<ConnectionId, usize>,
}

enum Happening {
    Up { host: usize, connection: ConnectionId, link: usize },
    Refused { host: usize, connection: ConnectionId },
    Knock { host: usize, link: usize },
    Octets { host: usize, link: usize, octets: Vec<u8> },
    Gone { host: usize, link: usize },
}

#[derive(Default)]
struct Link {
    ends: [Option<ConnectionId>; 2],
}

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) hosts: [Host; 2],
    /// One way, for what each host sends.
    pub(crate) latency: [Duration; 2],
    /// Dials of this host reach the other.
    pub(crate) reachable: [bool; 2],
    links: Vec<Link>,
    queue: BTreeMap<(Time, usize), Happening>,
    queued: usize,
}

impl World {
    pub(crate) fn new(a: Settings, b: Settings) -> World {
        let host = |settings, seed| Host {
            replay: Replay::new(Session::new(settings, seed).unwrap()),
            lines: Vec::new(),
            actions: Vec::new(),
            deaf: false,
            mute: false,
            window: usize::MAX,
            bulk: Vec::new(),
            updates: 0,
            links: BTreeMap::new(),
        };
        World {
            now: Time::START,
            hosts: [host(a, 1), host(b, 2)],
            latency: [Duration::from_millis(1); 2],
            reachable: [true; 2],
            links: Vec::new(),
            queue: BTreeMap::new(),
            queued: 0,
        }
    }

    pub(crate) fn state(&self, host: usize) -> SessionState {
        self.hosts[host].replay.session.state()
    }

    pub(crate) fn session(&mut self, host: usize) -> &mut Session {
        &mut self.hosts[host].replay.session
    }

    pub(crate) fn both_up(&self) -> bool {
        (0..2).all(|host| self.state(host) == SessionState::Established)
    }

    /// The actions of a host, one per line, without times.
    pub(crate) fn log(&self, host: usize) -> String {
        self.hosts[host].actions.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn forget_log(&mut self) {
        self.hosts.iter_mut().for_each(|host| host.actions.clear());
    }

    fn put(&mut self, after: Duration, what: Happening) {
        self.queued += 1;
        self.queue.insert((self.now + after, self.queued), what);
    }

    /// Something goes into a session; what comes out is done.
    pub(crate) fn event(&mut self, at: usize, event: Event) -> Option<ConnectionId> {
        let (mut dials, mut closes) = (Vec::new(), Vec::new());
        let host = &mut self.hosts[at];
        let (now, actions, updates) = (self.now, &mut host.actions, &mut host.updates);
        let accepted = host.replay.play(now, &event, |action| {
            match &action {
                Action::Connect(id) => dials.push(*id),
                Action::Close { connection, last, .. } => closes.push((*connection, last.clone())),
                Action::Update(update) => *updates += update.octets().len(),
                _ => {}
            }
            if !matches!(action, Action::Update(_)) {
                actions.push((now, action.to_string()));
            }
        });
        host.lines.push(Line { at: now, event });
        for (connection, last) in closes {
            self.close(at, connection, last);
        }
        for connection in dials {
            self.dial(at, connection);
        }
        accepted
    }

    fn dial(&mut self, host: usize, connection: ConnectionId) {
        let round_trip = self.latency[0] + self.latency[1];
        if !self.reachable[host] {
            return self.put(round_trip, Happening::Refused { host, connection });
        }
        let link = self.links.len();
        self.links.push(Link::default());
        self.links[link].ends[host] = Some(connection);
        self.put(round_trip, Happening::Up { host, connection, link });
        // TCP is up at the accepting side when the third segment has come.
        self.put(round_trip + self.latency[host], Happening::Knock { host: 1 - host, link });
    }

    fn close(&mut self, host: usize, connection: ConnectionId, last: Vec<u8>) {
        let Some(link) = self.hosts[host].links.remove(&connection) else { return };
        if !self.hosts[host].mute {
            self.put(self.latency[host], Happening::Octets { host: 1 - host, link, octets: last });
        }
        self.put(self.latency[host], Happening::Gone { host: 1 - host, link });
        self.links[link].ends[host] = None;
    }

    /// A host dies without a word and comes back with these settings; what it gets on old connections is not answered.
    pub(crate) fn crash(&mut self, at: usize, settings: Settings) {
        let host = &mut self.hosts[at];
        host.links.clear();
        host.replay = Replay::new(Session::new(settings, 3).unwrap());
        self.links.iter_mut().for_each(|link| link.ends[at] = None);
    }

    /// Breaks every connection; both sides see it.
    pub(crate) fn cut(&mut self) {
        for host in 0..2 {
            let connections: Vec<_> = self.hosts[host].links.keys().copied().collect();
            for connection in connections {
                self.hosts[host].links.remove(&connection);
                self.event(host, Event::Closed(connection));
            }
        }
        self.queue.retain(|_, happening| !matches!(happening, Happening::Octets { .. }));
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Up { host, connection, link } => {
                if self.hosts[host].replay.session.connections().any(|known| known == connection) {
                    self.hosts[host].links.insert(connection, link);
                    self.event(host, Event::Connected(connection));
                } else {
                    self.put(self.latency[host], Happening::Gone { host: 1 - host, link });
                }
            }
            Happening::Refused { host, connection } => {
                self.event(host, Event::Closed(connection));
            }
            Happening::Knock { host, link } => {
                if let Some(connection) = self.event(host, Event::Accept) {
                    self.hosts[host].links.insert(connection, link);
                    self.links[link].ends[host] = Some(connection);
                } else {
                    self.put(self.latency[host], Happening::Gone { host: 1 - host, link });
                }
            }
            Happening::Octets { host, link, octets } => {
                if let Some(connection) = self.links[link].ends[host].filter(|_| !octets.is_empty()) {
                    self.event(host, Event::Received(connection, octets));
                }
            }
            Happening::Gone { host, link } => {
                if let Some(connection) = self.links[link].ends[host].take() {
                    self.hosts[host].links.remove(&connection);
                    self.event(host, Event::Closed(connection));
                }
            }
        }
    }

    /// Moves what waits in the sessions onto the wire.
    pub(crate) fn flush(&mut self) {
        for host in 0..2 {
            if self.hosts[1 - host].deaf {
                continue;
            }
            let links: Vec<_> = self.hosts[host].links.iter().map(|(id, link)| (*id, *link)).collect();
            for (connection, link) in links {
                let waiting = self.hosts[host].replay.session.transmit(connection);
                let octets = waiting[..waiting.len().min(self.hosts[host].window)].to_vec();
                if !octets.is_empty() {
                    self.event(host, Event::Sent(connection, octets.len()));
                    self.carry(host, link, octets);
                }
                let idle = self.hosts[host].replay.session.transmit(connection).is_empty();
                let established = self.hosts[host].replay.session.established() == Some(connection);
                if idle && established && !self.hosts[host].bulk.is_empty() {
                    let bulk = &mut self.hosts[host].bulk;
                    let octets: Vec<_> = bulk.drain(..bulk.len().min(self.hosts[host].window)).collect();
                    self.event(host, Event::Wrote(connection, octets.len()));
                    self.carry(host, link, octets);
                }
            }
        }
    }

    fn carry(&mut self, host: usize, link: usize, octets: Vec<u8>) {
        if !self.hosts[host].mute {
            self.put(self.latency[host], Happening::Octets { host: 1 - host, link, octets });
        }
    }

    /// Runs for a span of virtual time.
    pub(crate) fn run(&mut self, span: Duration) {
        let until = self.now + span;
        self.run_until(until, |_| false);
    }

    /// Runs until the world is so, or the time is up. Returns whether it came to be so.
    pub(crate) fn run_until(&mut self, until: Time, mut done: impl FnMut(&World) -> bool) -> bool {
        loop {
            self.flush();
            if done(self) {
                return true;
            }
            let deadline = |host: &Host| host.replay.session.deadline().unwrap_or(Time::NEVER);
            let timer = deadline(&self.hosts[0]).min(deadline(&self.hosts[1]));
            let arrival = self.queue.keys().next().map_or(Time::NEVER, |(at, _)| *at);
            let next = timer.min(arrival);
            if next > until {
                self.now = until;
                return false;
            }
            self.now = self.now.max(next);
            // What is on the wire first: silence must be real.
            if arrival <= timer {
                if let Some((_, happening)) = self.queue.pop_first() {
                    self.happen(happening);
                }
                continue;
            }
            for host in 0..2 {
                if deadline(&self.hosts[host]) <= self.now {
                    self.event(host, Event::Tick);
                    let session = &self.hosts[host].replay.session;
                    assert!(session.deadline().is_none_or(|at| at > self.now), "a deadline in the past");
                }
            }
        }
    }

    /// Both start and are established within a minute.
    pub(crate) fn start(&mut self) {
        self.event(0, Event::Start);
        self.event(1, Event::Start);
        let up = self.run_until(self.now + secs(60), World::both_up);
        assert!(up, "not up:\n{}\n--\n{}", self.log(0), self.log(1));
    }
}
