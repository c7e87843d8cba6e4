//! Connection collision: the pure function as a table, and every interleaving of two real sessions that dial each
//! other at once.

use crate::wire::{graceful, secs, speaker};
use bgp_proto::{
    numbers::{Asn, RouterId},
    session::{
        Action, ConnectionId, Session, SessionState, Settings,
        collision::{Collision, Identity, Stage, Verdict},
    },
    time::Time,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

fn who(id: u32, asn: u32) -> Identity {
    (RouterId::new(id).unwrap(), Asn(asn))
}

/// RFC 4271 §6.8, RFC 6286 §2.3.
#[test]
fn the_connection_that_the_higher_identity_dialled_stays() {
    // Ours, theirs, whether we dialled the one with the OPEN, what happens to the other.
    let rows = [
        (who(2, 1), who(1, 2), true, Verdict::CloseOther),
        (who(2, 1), who(1, 2), false, Verdict::CloseThis),
        (who(1, 1), who(2, 2), true, Verdict::CloseThis),
        (who(1, 1), who(2, 2), false, Verdict::CloseOther),
        // As unsigned integers.
        (who(0xf000_0001, 1), who(1, 2), true, Verdict::CloseOther),
        // Equal identifiers: the AS number decides.
        (who(7, 4_200_000_000), who(7, 2), true, Verdict::CloseOther),
        (who(7, 1), who(7, 2), true, Verdict::CloseThis),
    ];
    for (ours, theirs, dialled, verdict) in rows {
        let other = Stage::Opening;
        let collision = Collision {
            ours,
            theirs,
            dialled,
            later: false,
            other_dialled: !dialled,
            other,
            graceful: false,
        };
        assert_eq!(collision.verdict(), verdict, "{collision:?}");
        assert_eq!(Collision { other: Stage::Connecting, ..collision }.verdict(), Verdict::GoOn);
        // Once our KEEPALIVE is out on the loser, only the peer can know that it has not established it.
        let confirming = Collision { other: Stage::Confirming, ..collision }.verdict();
        assert_eq!(
            confirming,
            if dialled && ours > theirs { Verdict::Wait } else { verdict },
            "{collision:?}"
        );
    }
}

/// RFC 4724 §5.
#[test]
fn only_a_later_connection_of_the_same_gracefully_restarting_peer_replaces_an_established_one() {
    let (ours, theirs) = (who(1, 1), who(2, 2));
    let replaces = Collision {
        ours,
        theirs,
        dialled: false,
        later: true,
        other_dialled: true,
        other: Stage::Established(theirs),
        graceful: true,
    };
    assert_eq!(replaces.verdict(), Verdict::ReplaceOther);
    for refused in [
        Collision { graceful: false, ..replaces },
        Collision { later: false, ..replaces },
        Collision { other: Stage::Established(who(3, 2)), ..replaces },
        Collision { other: Stage::Established(who(2, 3)), ..replaces },
        Collision { dialled: true, ..replaces },
    ] {
        assert_eq!(refused.verdict(), Verdict::CloseThis, "{refused:?}");
    }
}

/// What is on the way to one end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Item {
    /// The TCP handshake is done: the dialler's, or the accepting side's view of it.
    Up,
    Message(Vec<u8>),
    Gone,
}

#[derive(Clone, Debug, Default)]
struct Link {
    ends: [Option<ConnectionId>; 2],
    ways: [VecDeque<Item>; 2],
}

/// Both sessions and all that is between them. Time stands still: only the order of things counts.
#[derive(Clone, Debug)]
struct Between {
    hosts: [Session; 2],
    links: Vec<Link>,
    cuts: usize,
    /// How it came to this, for a failing test.
    trail: Vec<String>,
}

const NOW: Time = Time::from_secs(10);

impl Between {
    fn new(settings: [Settings; 2], cuts: usize) -> Between {
        let mut seed = 0;
        let hosts = settings.map(|settings| {
            seed += 1;
            Session::new(settings, seed).unwrap()
        });
        let mut between = Between { hosts, links: Vec::new(), cuts, trail: Vec::new() };
        for host in 0..2 {
            between.hosts[host].start(NOW);
            between.settle(host);
        }
        between
    }

    /// Does what a session asks for and takes what it has to send, a message at a time.
    fn settle(&mut self, host: usize) {
        while let Some(action) = self.hosts[host].poll() {
            match action {
                Action::Connect(id) => {
                    let mut link = Link::default();
                    link.ends[host] = Some(id);
                    link.ways = [VecDeque::from([Item::Up]), VecDeque::from([Item::Up])];
                    self.links.push(link);
                }
                Action::Close { connection, last, .. } => {
                    let Some(link) = self.links.iter_mut().find(|link| link.ends[host] == Some(connection))
                    else {
                        continue;
                    };
                    link.ends[host] = None;
                    put(&mut link.ways[1 - host], &last);
                    link.ways[1 - host].push_back(Item::Gone);
                    link.ways[host].clear();
                }
                _ => {}
            }
        }
        let ids: Vec<_> = self.hosts[host].connections().collect();
        for id in ids {
            let waiting = self.hosts[host].transmit(id).to_vec();
            self.hosts[host].sent(NOW, id, waiting.len());
            if let Some(link) = self.links.iter_mut().find(|link| link.ends[host] == Some(id)) {
                put(&mut link.ways[1 - host], &waiting);
            }
        }
    }

    /// The next thing on one way of a link arrives.
    fn deliver(&mut self, link: usize, host: usize) {
        let Some(item) = self.links[link].ways[host].pop_front() else { return };
        let end = self.links[link].ends[host];
        let kind = match &item {
            Item::Message(octets) => format!("message {}", octets[18]),
            other => format!("{other:?}"),
        };
        self.trail.push(format!("{kind} on link {link} reaches {host}"));
        match (item, end) {
            (Item::Up, Some(id)) => self.hosts[host].connected(NOW, id),
            (Item::Up, None) => {
                let accepted = self.hosts[host].accept(NOW);
                self.links[link].ends[host] = accepted;
                if accepted.is_none() {
                    self.links[link].ways[host].clear();
                    self.links[link].ways[1 - host].push_back(Item::Gone);
                }
            }
            (Item::Message(octets), Some(id)) => {
                let mut input = octets.as_slice();
                let mut actions = Vec::new();
                while let Some(action) = self.hosts[host].receive(NOW, id, &mut input) {
                    if let Action::Close { .. } | Action::Connect(_) = action {
                        actions.push(action);
                    }
                }
                self.act(host, actions);
            }
            (Item::Gone, Some(id)) => {
                self.links[link].ends[host] = None;
                self.links[link].ways[host].clear();
                self.hosts[host].closed(NOW, id);
            }
            (_, None) => {}
        }
        self.settle(host);
    }

    fn act(&mut self, host: usize, actions: Vec<Action<'_>>) {
        for action in actions {
            if let Action::Close { connection, last, .. } = action
                && let Some(link) = self.links.iter_mut().find(|link| link.ends[host] == Some(connection))
            {
                link.ends[host] = None;
                put(&mut link.ways[1 - host], &last);
                link.ways[1 - host].push_back(Item::Gone);
                link.ways[host].clear();
            }
        }
    }

    /// Both ends of a link hear that it broke, whatever was on the way.
    fn cut(&mut self, link: usize) {
        self.cuts -= 1;
        self.trail.push(format!("link {link} breaks"));
        for host in 0..2 {
            self.links[link].ways[host].clear();
            if let Some(id) = self.links[link].ends[host].take() {
                self.hosts[host].closed(NOW, id);
                self.settle(host);
            }
        }
    }

    fn next(&self) -> Vec<Between> {
        let mut all = Vec::new();
        for link in 0..self.links.len() {
            for host in 0..2 {
                if !self.links[link].ways[host].is_empty() {
                    let mut next = self.clone();
                    next.deliver(link, host);
                    all.push(next);
                }
            }
            if self.cuts > 0 && self.links[link].ends.iter().all(Option::is_some) {
                let mut next = self.clone();
                next.cut(link);
                all.push(next);
            }
        }
        all
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        format!("{:?}{:?}{}", self.hosts, self.links, self.cuts).hash(&mut hasher);
        hasher.finish()
    }

    /// The link that carries both sides' established session.
    fn shared(&self) -> Option<usize> {
        let established = [self.hosts[0].established()?, self.hosts[1].established()?];
        self.links.iter().position(|link| link.ends == established.map(Some))
    }
}

fn put(way: &mut VecDeque<Item>, mut octets: &[u8]) {
    while let Some(length) = octets.get(16..18) {
        let (message, rest) = octets.split_at(usize::from(u16::from_be_bytes([length[0], length[1]])));
        way.push_back(Item::Message(message.to_vec()));
        octets = rest;
    }
}

/// Walks everything that can happen. Returns how many states there are and the ones at which nothing is on the way.
fn explore(start: Between) -> (usize, Vec<Between>) {
    let mut seen = BTreeSet::from([start.fingerprint()]);
    let (mut todo, mut quiet) = (VecDeque::from([start]), Vec::new());
    while let Some(state) = todo.pop_front() {
        for host in &state.hosts {
            assert!(host.connections().count() <= 2, "{:#?}", state.trail);
        }
        let next = state.next();
        if state.links.iter().all(|link| link.ways.iter().all(VecDeque::is_empty)) {
            quiet.push(state);
        }
        todo.extend(next.into_iter().filter(|next| seen.insert(next.fingerprint())));
        assert!(seen.len() < 400_000, "the space is not small");
    }
    (seen.len(), quiet)
}

fn pairs() -> BTreeMap<&'static str, [Settings; 2]> {
    let same = |id: u32, asn: u32| {
        let mut settings = speaker(id);
        settings.offer.asn = Asn(asn);
        settings
    };
    BTreeMap::from([
        ("the first is higher", [speaker(2), speaker(1)]),
        ("the second is higher", [speaker(1), speaker(2)]),
        ("equal identifiers", [same(5, 65001), same(5, 65002)]),
        ("graceful", [graceful(speaker(2), true, 0), graceful(speaker(1), true, 0)]),
    ])
}

#[test]
fn whatever_the_order_two_that_dial_each_other_end_in_exactly_one_session() {
    for (name, settings) in pairs() {
        let (states, quiet) = explore(Between::new(settings, 0));
        assert!(states > 100, "{name}: only {states} states");
        for state in &quiet {
            assert!(state.shared().is_some(), "{name}, {states} states: {:#?}", state.trail);
            assert!(
                state.hosts.iter().all(|host| host.connections().count() == 1),
                "{name}: {:#?}",
                state.trail
            );
        }
        println!("{name}: {states} states, {} ends", quiet.len());
    }
}

#[test]
fn when_a_connection_breaks_at_any_moment_neither_side_is_left_with_a_session_of_its_own() {
    for (name, settings) in pairs() {
        let (states, quiet) = explore(Between::new(settings, 1));
        let mut lost = 0;
        for state in quiet {
            let up = state.hosts.each_ref().map(|host| host.state() == SessionState::Established);
            assert_eq!(up[0], up[1], "{name}: {:#?}", state.trail);
            if up[0] {
                assert!(state.shared().is_some(), "{name}: {:#?}", state.trail);
            } else {
                // Down, with a timer or a dial that brings it up again.
                lost += 1;
                let waits = |host: &Session| host.deadline().is_some_and(|at| at <= NOW + secs(240));
                assert!(state.hosts.iter().all(waits), "{name}: {:#?}", state.trail);
            }
        }
        assert!(lost > 0, "{name}");
        println!("{name}: {states} states, {lost} ends without a session");
    }
}
