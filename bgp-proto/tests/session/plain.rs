//! A speaker that does about collisions what RFC 4271 §6.8 says and no more, to be met by ours: it sends its OPEN on
//! every connection at once, looks for a collision when an OPEN comes, and only at connections in OpenConfirm and
//! Established.

use crate::wire::offer;
use bgp_proto::{session::ConnectionId, wire::message};

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Connecting,
    OpenSent,
    OpenConfirm,
    Established,
}

#[derive(Clone, Debug)]
struct Connection {
    id: ConnectionId,
    dialled: bool,
    state: State,
}

/// What a speaker asks for.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Connect(ConnectionId),
    Send(ConnectionId, Vec<u8>),
    Close(ConnectionId),
}

#[derive(Clone, Debug)]
pub(crate) struct Plain {
    id: u32,
    /// The peer's identifier is lower.
    wins: bool,
    connections: Vec<Connection>,
    next: u32,
    pub(crate) asked: Vec<Asked>,
}

impl Plain {
    pub(crate) fn new(id: u32, peer: u32) -> Plain {
        Plain { id, wins: id > peer, connections: Vec::new(), next: 1, asked: Vec::new() }
    }

    fn add(&mut self, dialled: bool) -> ConnectionId {
        let id = ConnectionId(self.next);
        self.next += 1;
        self.connections.push(Connection { id, dialled, state: State::Connecting });
        id
    }

    pub(crate) fn start(&mut self) {
        let id = self.add(true);
        self.asked.push(Asked::Connect(id));
    }

    pub(crate) fn accept(&mut self) -> ConnectionId {
        let id = self.add(false);
        self.connected(id);
        id
    }

    pub(crate) fn connected(&mut self, id: ConnectionId) {
        let mut open = Vec::new();
        offer(65000 + self.id, self.id).encode(&mut open).unwrap();
        self.asked.push(Asked::Send(id, open));
        self.connections
            .iter_mut()
            .filter(|known| known.id == id)
            .for_each(|known| known.state = State::OpenSent);
    }

    pub(crate) fn closed(&mut self, id: ConnectionId) {
        self.connections.retain(|known| known.id != id);
    }

    fn close(&mut self, id: ConnectionId) {
        let mut collision = vec![0xff; 16];
        collision.extend_from_slice(&[0, 21, 3, 6, 7]);
        self.asked.extend([Asked::Send(id, collision), Asked::Close(id)]);
        self.closed(id);
    }

    pub(crate) fn hear(&mut self, id: ConnectionId, octets: &[u8]) {
        let Some(known) = self.connections.iter().find(|known| known.id == id).cloned() else { return };
        match (octets[18], known.state) {
            (1, State::OpenSent) => {
                let collides = |other: &&Connection| {
                    other.id != id && matches!(other.state, State::OpenConfirm | State::Established)
                };
                if let Some(other) = self.connections.iter().find(collides).cloned() {
                    // §6.8: the connection that the higher one dialled stays; an established one always does.
                    if other.state == State::Established || known.dialled != self.wins {
                        return self.close(id);
                    }
                    self.close(other.id);
                }
                let mut keepalive = Vec::new();
                message::keepalive(&mut keepalive);
                self.asked.push(Asked::Send(id, keepalive));
                self.go(id, State::OpenConfirm);
            }
            (4, State::OpenConfirm) => self.go(id, State::Established),
            (4, State::Established) => {}
            (3, _) => {
                self.closed(id);
                self.asked.push(Asked::Close(id));
            }
            (kind, state) => panic!("message {kind} in {state:?}"),
        }
    }

    fn go(&mut self, id: ConnectionId, state: State) {
        self.connections.iter_mut().filter(|known| known.id == id).for_each(|known| known.state = state);
    }

    pub(crate) fn established(&self) -> Option<ConnectionId> {
        self.connections.iter().find(|known| known.state == State::Established).map(|known| known.id)
    }

    pub(crate) fn count(&self) -> usize {
        self.connections.len()
    }
}
