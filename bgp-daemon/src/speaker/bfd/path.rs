//! One session over its socket.

use super::socket;
use crate::engine::{Path, PathSeen};
use bgp_proto::{
    bfd::{Change, Packet, Refused, Session, Settings, State},
    time::Time,
};
use std::{
    io,
    net::{SocketAddr, UdpSocket},
    num::NonZeroU32,
};

/// How often a last word is said: it is not answered, and may be lost.
const LAST_WORDS: usize = 3;

/// A session, what it sends through, and what was told of it.
pub(super) struct Running {
    pub(super) path: Path,
    pub(super) seen: PathSeen,
    /// Its entry among the deadlines.
    pub(super) scheduled: Time,
    session: Session,
    name: NonZeroU32,
    /// Where the peer is; `None`: its link is not there.
    place: Option<SocketAddr>,
    socket: Option<UdpSocket>,
    /// Why nothing can be sent, as was said.
    said: Option<String>,
}

impl Running {
    pub(super) fn new(now: Time, path: Path, name: NonZeroU32) -> Self {
        let settings =
            Settings { discriminator: name, interval: path.pace.interval, multiplier: path.pace.multiplier };
        let mut running = Running {
            path,
            seen: PathSeen::new(now),
            scheduled: Time::NEVER,
            session: Session::new(settings, u64::from(name.get()), now),
            name,
            place: None,
            socket: None,
            said: None,
        };
        running.find();
        running
    }

    /// Goes on with what is wanted now.
    pub(super) fn renew(&mut self, now: Time, path: Path) {
        if self.path.pace != path.pace {
            self.session.set_pace(now, path.pace.interval, path.pace.multiplier);
        }
        self.path = path;
    }

    /// Where packets of the peer come from.
    pub(super) fn place(&self) -> Option<SocketAddr> {
        self.place
    }

    /// Links come, and may have another number then.
    fn find(&mut self) -> Option<SocketAddr> {
        let Path { address, interface, multihop, .. } = &self.path;
        let found = socket::place(*address, interface.as_deref(), *multihop);
        self.place = found.map_err(|error| self.say(&error)).ok();
        self.place
    }

    pub(super) fn receive(&mut self, now: Time, packet: Result<Packet, Refused>) {
        match packet {
            Ok(packet) => {
                self.seen.refused = None;
                let change = self.session.receive(now, &packet);
                self.note(now, change);
            }
            Err(why) => self.seen.refused = Some(why),
        }
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Time) {
        let change = self.session.tick(now);
        self.note(now, change);
        while let Some(packet) = self.session.transmit(now) {
            self.send(&packet);
        }
    }

    fn note(&mut self, now: Time, change: Option<Change>) {
        self.seen.interval = self.session.transmit_interval();
        self.seen.silence = self.session.detection_time();
        // Of a peer that is silent counts what it said before.
        if self.session.state() == State::Up {
            self.seen.independent = self.session.is_independent();
        }
        let Some(change) = change else { return };
        (self.seen.state, self.seen.since) = (change.to, now);
        if change.from == State::Up {
            self.seen.last = Some((now, change.to_string().into()));
        }
        if change.is_failure() {
            self.seen.broke = Some(now);
        }
    }

    fn send(&mut self, packet: &Packet) {
        if self.socket.is_none() {
            let opened = self.find().map(|to| socket::sending(to, self.path.source, self.name.get()));
            match opened {
                Some(Ok(socket)) => self.socket = Some(socket),
                Some(Err(error)) => self.say(&error),
                None => {}
            }
        }
        let Some(socket) = &self.socket else { return };
        match socket.send(&packet.encode()) {
            Ok(_) => self.said = None,
            // Nobody listens there: that is for the session to find out. Or there is no room, and one packet is lost.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::WouldBlock) => {}
            Err(error) => {
                // The address that it sends from may be gone.
                self.socket = None;
                self.say(&error);
            }
        }
    }

    fn say(&mut self, error: &io::Error) {
        let why = error.to_string();
        if self.said.as_ref() != Some(&why) {
            tracing::warn!("no BFD packets go to {}: {why}", self.path.address);
            self.said = Some(why);
        }
    }

    /// Tells the peer that it ends on purpose, if it knows of the session.
    pub(super) fn end(mut self, now: Time) {
        let is_known = self.session.state() > State::Down;
        self.session.shut_down(now);
        if let (true, Some(packet)) = (is_known, self.session.transmit(now)) {
            (0..LAST_WORDS).for_each(|_| self.send(&packet));
        }
    }

    pub(super) fn deadline(&self) -> Time {
        self.session.deadline()
    }
}
