//! The loop around the sessions: what came in first, then what is due.

use super::{Seen, Wanted, path::Running, socket};
use crate::{
    engine::{Path, PeerId},
    speaker::{clock, identity, interfaces},
};
use bgp_proto::{bfd::Packet, time::Time};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    num::NonZeroU32,
    task::Poll,
    time::Duration,
};
use tokio::{io::unix::AsyncFd, sync::watch, time::sleep};

/// How long until it is tried again to listen.
const AGAIN: Duration = Duration::from_secs(1);

/// Packets that are taken from a door in one round: whoever sends more does not keep us from sending.
const ROUND: usize = 4096;

/// Where packets come in: an address, and whether from hops away.
type Door = (IpAddr, bool);

pub(super) struct Task {
    wanted: watch::Receiver<Wanted>,
    seen: watch::Sender<Seen>,
    running: BTreeMap<PeerId, Running>,
    /// Whose packets come from where, and through which door.
    places: BTreeMap<SocketAddr, PeerId>,
    /// Each session has an entry.
    deadlines: BTreeSet<(Time, PeerId)>,
    doors: BTreeMap<Door, AsyncFd<UdpSocket>>,
    /// Doors that cannot be opened, with the reason that was given.
    closed: BTreeMap<Door, String>,
    again_at: Time,
    /// Steps through all numbers in an order that nobody can guess.
    name: u32,
}

impl Task {
    pub(super) fn new(wanted: watch::Receiver<Wanted>, seen: watch::Sender<Seen>) -> Self {
        Task {
            wanted,
            seen,
            running: BTreeMap::new(),
            places: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            doors: BTreeMap::new(),
            closed: BTreeMap::new(),
            again_at: Time::NEVER,
            name: identity::seed() as u32,
        }
    }

    /// Runs until nobody is left to say what is wanted.
    pub(super) async fn run(mut self) {
        self.renew(clock::now());
        loop {
            let now = clock::now();
            // Only silence on the wire may break a path: what came by then is handled first.
            self.hear(now);
            self.tick(now);
            let due = self.deadlines.first().map_or(self.again_at, |(due, _)| self.again_at.min(*due));
            let is_due = async {
                match due.due() {
                    Some(due) => sleep(due.since(clock::now())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.wanted.changed() => match changed {
                    Ok(()) => self.renew(clock::now()),
                    Err(_) => break,
                },
                () = something(&self.doors) => {}
                () = is_due => {}
            }
        }
        let now = clock::now();
        self.running.into_values().for_each(|running| running.end(now));
    }

    /// Has the sessions that are wanted, and listens where they need it.
    fn renew(&mut self, now: Time) {
        let wanted = self.wanted.borrow_and_update().clone();
        let stays = |peer: &PeerId, running: &Running| {
            wanted.paths.get(peer).is_some_and(|path| running.path.is_same(path))
        };
        let gone: Vec<_> = self.running.extract_if(.., |peer, running| !stays(peer, running)).collect();
        for (peer, running) in gone {
            self.deadlines.remove(&(running.scheduled, peer));
            self.seen.send_modify(|seen| drop(seen.remove(&peer)));
            running.end(now);
        }
        for (peer, path) in &wanted.paths {
            match self.running.get_mut(peer) {
                Some(running) => running.renew(now, path.clone()),
                None => {
                    let running = Running::new(now, path.clone(), self.next_name());
                    self.running.insert(*peer, running);
                }
            }
            self.settle(now, *peer);
        }
        self.open(now, &doors(&wanted));
    }

    fn next_name(&mut self) -> NonZeroU32 {
        loop {
            // Odd: all other numbers come before one comes again.
            self.name = self.name.wrapping_add(0x9e37_79b9);
            if let Some(name) = NonZeroU32::new(self.name) {
                return name;
            }
        }
    }

    fn open(&mut self, now: Time, wanted: &BTreeSet<Door>) {
        self.doors.retain(|door, _| wanted.contains(door));
        self.closed.retain(|door, _| wanted.contains(door));
        for door in wanted.iter().filter(|door| !self.doors.contains_key(door)).copied().collect::<Vec<_>>() {
            match socket::receiving(door.0, door.1) {
                Ok(socket) => {
                    self.closed.remove(&door);
                    self.doors.insert(door, socket);
                }
                Err(error) => self.say_closed(door, &error),
            }
        }
        self.again_at = if self.closed.is_empty() { Time::NEVER } else { now + AGAIN };
    }

    fn say_closed(&mut self, door: Door, error: &io::Error) {
        let why = error.to_string();
        if self.closed.get(&door) != Some(&why) {
            let advice = match error.kind() {
                io::ErrorKind::AddrInUse => "; does another BFD daemon run here?",
                _ => "",
            };
            let at = SocketAddr::new(door.0, socket::port(door.1));
            tracing::error!("BFD packets cannot be received at {at}: {why}{advice}");
            self.closed.insert(door, why);
        }
    }

    /// Takes in all that came.
    fn hear(&mut self, now: Time) {
        let mut heard = Vec::new();
        let mut octets = [0; 128];
        for ((_, multihop), door) in &self.doors {
            for _ in 0..ROUND {
                let Ok((length, mut from)) = door.get_ref().recv_from(&mut octets) else { break };
                from.set_port(socket::port(*multihop));
                if let Some(peer) = self.places.get(&from) {
                    heard.push((*peer, Packet::decode(octets.get(..length).unwrap_or(&octets))));
                }
            }
        }
        for (peer, packet) in heard {
            if let Some(running) = self.running.get_mut(&peer) {
                running.receive(now, packet);
                self.settle(now, peer);
            }
        }
    }

    fn tick(&mut self, now: Time) {
        if self.again_at <= now {
            let wanted = doors(&self.wanted.borrow());
            self.open(now, &wanted);
        }
        while let Some((_, peer)) = self.deadlines.first().copied().filter(|(due, _)| *due <= now) {
            self.settle(now, peer);
        }
    }

    /// Has a session do what is due, tells what became of it, and looks when it is due next.
    fn settle(&mut self, now: Time, peer: PeerId) {
        let Some(running) = self.running.get_mut(&peer) else { return };
        let before = running.place();
        running.tick(now);
        self.deadlines.remove(&(running.scheduled, peer));
        running.scheduled = running.deadline();
        self.deadlines.insert((running.scheduled, peer));
        if let Some(place) = running.place() {
            if before != Some(place) {
                self.places.retain(|_, of| *of != peer);
            }
            self.places.insert(place, peer);
        }
        self.seen.send_if_modified(|seen| {
            let is_new = seen.get(&peer) != Some(&running.seen);
            if is_new {
                seen.insert(peer, running.seen.clone());
            }
            is_new
        });
    }
}

/// Returns when something came.
async fn something(doors: &BTreeMap<Door, AsyncFd<UdpSocket>>) {
    poll_fn(|cx| {
        let mut found = Poll::Pending;
        for door in doors.values() {
            if let Poll::Ready(Ok(mut ready)) = door.poll_read_ready(cx) {
                ready.clear_ready();
                found = Poll::Ready(());
            }
        }
        found
    })
    .await;
}

/// Where packets have to be taken: where each session has its own end, as far as that is known.
fn doors(wanted: &Wanted) -> BTreeSet<Door> {
    let mut doors = BTreeSet::new();
    for path in wanted.paths.values() {
        doors.extend(ends(path, &wanted.listen).into_iter().map(|address| (address, path.multihop)));
    }
    // Whoever listens at all addresses cannot listen at one of them too.
    let all = doors.clone();
    doors.retain(|(address, multihop)| {
        let any = socket::any(*address);
        *address == any || !all.contains(&(any, *multihop))
    });
    doors
}

fn ends(path: &Path, listen: &[IpAddr]) -> Vec<IpAddr> {
    if let Some(source) = path.source.filter(|source| !interfaces::is_link_local(*source)) {
        return vec![source];
    }
    let like = |address: &&IpAddr| address.is_ipv4() == path.address.is_ipv4();
    let here: Vec<IpAddr> = listen.iter().filter(like).copied().collect();
    if here.is_empty() || path.interface.is_some() { vec![socket::any(path.address)] } else { here }
}
