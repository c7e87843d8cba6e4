//! TCP as a speaker sees it: octets in order after some time, a window that closes on who does not read, refusals,
//! resets, and each direction with its own end.

use super::{Happening, World, node::Input, secs};
use bgp_daemon::engine::{Dial, Key};
use bgp_proto::time::Time;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// Chunks that are read before the first of them is handled, and octets of each: what the real shell does.
const CHUNKS: usize = 2;
const CHUNK: usize = 64 << 10;

/// What goes over the wire.
#[derive(Debug)]
enum Segment {
    Syn,
    Welcome,
    Ack,
    Octets(Bytes),
    /// So many octets were read.
    Room(usize),
    Fin,
    Reset,
}

/// How far one side of a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opening,
    Open,
    /// The engine has closed it, and its last octets are written.
    Closing,
    Gone,
}

/// One side of a connection.
#[derive(Debug)]
struct End {
    node: usize,
    stage: Stage,
    /// The engine's name for it, once it has one.
    key: Option<Key>,
    unwritten: VecDeque<Bytes>,
    /// Octets that the other side has not read.
    unread: usize,
    fin_sent: bool,
    /// On its way to the other side, with the times of arrival.
    flight: VecDeque<(Time, Segment)>,
    last_arrival: Time,
    /// What has come and was not taken.
    arrived: VecDeque<Bytes>,
    /// The other side has ended it; with a reason where it broke.
    ended: Option<Option<&'static str>>,
    permits: usize,
}

#[derive(Debug)]
pub(super) struct Connection {
    cable: usize,
    /// Who dialled stands first.
    ends: [End; 2],
}

impl End {
    fn new(node: usize, key: Option<Key>) -> Self {
        End {
            node,
            stage: Stage::Opening,
            key,
            unwritten: VecDeque::new(),
            unread: 0,
            fin_sent: false,
            flight: VecDeque::new(),
            last_arrival: Time::START,
            arrived: VecDeque::new(),
            ended: None,
            permits: CHUNKS,
        }
    }
}

impl Connection {
    pub(super) fn cable(&self) -> usize {
        self.cable
    }

    pub(super) fn is_of(&self, node: usize) -> bool {
        self.ends.iter().any(|end| end.node == node)
    }

    fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.stage == Stage::Gone && end.flight.is_empty())
    }

    /// Both sides hold it to be there.
    pub(super) fn is_open(&self) -> bool {
        self.ends.iter().all(|end| end.stage == Stage::Open)
    }
}

impl World {
    pub(super) fn dial(&mut self, node: usize, key: Key, dial: &Dial) {
        let Some((cable, side)) = self.places.get(&(node, dial.remote.clone())).copied() else {
            return self.tell(node, Input::Failed(key, "no way there"));
        };
        let other = self.cables[cable].ends[1 - side];
        let number = self.next_connection;
        self.next_connection += 1;
        self.note(&format!("{node} dials {other} as {number}"));
        let ends = [End::new(node, Some(key)), End::new(other, None)];
        self.connections.insert(number, Connection { cable, ends });
        self.nodes[node].keys.insert(key, (number, 0));
        self.send(number, 0, Segment::Syn);
    }

    /// The ends of a connection as one of them sees it.
    pub(super) fn link(&self, number: usize, side: usize) -> bgp_daemon::engine::Link {
        let Connection { cable, ends } = &self.connections[&number];
        let cable = &self.cables[*cable];
        let mut ports = [179; 2];
        ports[cable.side_of(ends[0].node)] = 40000 + (number % 20000) as u16;
        cable.link(cable.side_of(ends[side].node), ports)
    }

    fn send(&mut self, number: usize, from: usize, segment: Segment) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let cable = &self.cables[connection.cable];
        let end = &mut connection.ends[from];
        let at = (self.now + cable.latency + self.random.span(cable.jitter)).max(end.last_arrival);
        end.last_arrival = at;
        end.flight.push_back((at, segment));
        self.plan(at, Happening::Arrival(number, from));
    }

    /// A cable is up again, and what was lost is sent again.
    pub(super) fn resend(&mut self, cable: usize) {
        let at = self.now + self.cables[cable].latency;
        let waiting: Vec<_> =
            self.connections.iter().filter(|(_, of)| of.cable == cable).map(|(n, _)| *n).collect();
        for number in waiting {
            self.plan(at, Happening::Arrival(number, 0));
            self.plan(at, Happening::Arrival(number, 1));
        }
    }

    pub(super) fn arrive(&mut self, number: usize, from: usize) {
        while let Some(connection) = self.connections.get_mut(&number) {
            let flight = &mut connection.ends[from].flight;
            let due = flight.front().is_some_and(|(at, _)| *at <= self.now);
            if !due || !self.cables[connection.cable].up {
                break;
            }
            let Some((_, segment)) = flight.pop_front() else { break };
            if !self.nodes[connection.ends[1 - from].node].off {
                self.take(number, 1 - from, segment);
            }
        }
        self.bury(number);
    }

    /// Forgets a connection that neither side knows any more.
    pub(super) fn bury(&mut self, number: usize) {
        let Some(connection) = self.connections.get(&number) else { return };
        let is_known = |end: &End| end.key.is_some_and(|key| self.nodes[end.node].keys.contains_key(&key));
        if connection.is_over() && !connection.ends.iter().any(is_known) {
            self.connections.remove(&number);
        }
    }

    fn take(&mut self, number: usize, side: usize, segment: Segment) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let end = &mut connection.ends[side];
        let node = end.node;
        match (segment, end.stage) {
            (Segment::Syn, _) if !self.nodes[node].runs => {
                end.stage = Stage::Gone;
                self.send(number, side, Segment::Reset);
            }
            (Segment::Syn, _) => self.send(number, side, Segment::Welcome),
            (Segment::Welcome, Stage::Opening) => {
                end.stage = Stage::Open;
                let key = end.key.unwrap();
                self.tell(node, Input::Connected(key));
                self.send(number, side, Segment::Ack);
            }
            (Segment::Ack, Stage::Opening) => {
                end.stage = Stage::Open;
                self.tell(node, Input::Arrival(number));
            }
            (Segment::Room(octets), _) => {
                end.unread -= octets;
                self.pump(number, side);
            }
            (Segment::Octets(octets), Stage::Open) => {
                end.arrived.push_back(octets);
                self.pull(number, side);
            }
            (Segment::Octets(octets), Stage::Closing) => self.send(number, side, Segment::Room(octets.len())),
            (Segment::Fin, Stage::Open) => {
                end.ended = Some(None);
                self.pull(number, side);
            }
            (Segment::Fin, Stage::Closing) => {
                end.ended = Some(None);
                if end.fin_sent {
                    end.stage = Stage::Gone;
                }
            }
            (Segment::Reset, Stage::Opening) => {
                end.stage = Stage::Gone;
                if let Some(key) = end.key {
                    self.tell(node, Input::Failed(key, "connection refused"));
                }
            }
            (Segment::Reset, Stage::Open) => {
                end.arrived.clear();
                end.ended = Some(Some("connection reset by peer"));
                self.pull(number, side);
            }
            (Segment::Reset, Stage::Closing) => end.stage = Stage::Gone,
            (Segment::Welcome | Segment::Octets(_), _) => self.send(number, side, Segment::Reset),
            (Segment::Ack | Segment::Fin | Segment::Reset, _) => {}
        }
    }

    /// Reads what has come, as far as it may be read.
    pub(super) fn pull(&mut self, number: usize, side: usize) {
        while let Some(connection) = self.connections.get_mut(&number) {
            let cable = &self.cables[connection.cable];
            let end = &mut connection.ends[side];
            let Some(key) = end.key.filter(|_| end.stage == Stage::Open && end.permits > 0) else { return };
            if cable.deaf[cable.side_of(end.node)] {
                return;
            }
            let node = end.node;
            let mut chunk = BytesMut::new();
            while let Some(mut first) = end.arrived.pop_front() {
                chunk.extend_from_slice(&first.split_to(first.len().min(CHUNK - chunk.len())));
                if !first.is_empty() {
                    end.arrived.push_front(first);
                    break;
                }
            }
            if !chunk.is_empty() {
                end.permits -= 1;
                let octets = chunk.len();
                self.tell(node, Input::Received(key, chunk));
                self.send(number, side, Segment::Room(octets));
                continue;
            }
            let Some(why) = end.ended else { return };
            end.stage = Stage::Gone;
            end.unwritten.clear();
            self.tell(node, Input::Closed(key, why));
            self.finish(number, side);
        }
    }

    /// Chunks were handled.
    pub(super) fn handled(&mut self, number: usize, side: usize, chunks: usize) {
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.ends[side].permits += chunks;
            self.pull(number, side);
        }
    }

    /// Writes as far as the window lets it.
    fn pump(&mut self, number: usize, side: usize) {
        while let Some(connection) = self.connections.get_mut(&number) {
            let window = self.cables[connection.cable].window;
            let end = &mut connection.ends[side];
            let Some(mut first) = end.unwritten.pop_front() else { break };
            let mut room = first.len().min(window - end.unread);
            // Sockets take what they like.
            if room > 1 && self.random.chance(10) {
                room = 1 + self.random.below(room);
            }
            let octets = first.split_to(room);
            if !first.is_empty() {
                end.unwritten.push_front(first);
            }
            if octets.is_empty() {
                break;
            }
            end.unread += octets.len();
            let (node, key) = (end.node, end.key.filter(|_| end.stage == Stage::Open));
            if let Some(key) = key {
                self.tell(node, Input::Wrote(key, octets.len()));
            }
            self.send(number, side, Segment::Octets(octets));
        }
        let closing = |end: &End| end.stage == Stage::Closing && end.unwritten.is_empty();
        if self.connections.get(&number).is_some_and(|connection| closing(&connection.ends[side])) {
            self.finish(number, side);
        }
    }

    /// The last of one direction.
    fn finish(&mut self, number: usize, side: usize) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let end = &mut connection.ends[side];
        if !std::mem::replace(&mut end.fin_sent, true) {
            if end.ended.is_some() {
                end.stage = Stage::Gone;
            }
            self.send(number, side, Segment::Fin);
        }
    }

    /// The engine has something written.
    pub(super) fn write(&mut self, number: usize, side: usize, octets: Bytes) {
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.ends[side].unwritten.push_back(octets);
            self.pump(number, side);
        }
    }

    /// The engine has closed a connection, or given up dialling.
    pub(super) fn close(&mut self, number: usize, side: usize, last: Bytes) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let end = &mut connection.ends[side];
        match end.stage {
            Stage::Open => {
                end.stage = Stage::Closing;
                end.unwritten.push_back(last);
                end.unwritten.retain(|octets| !octets.is_empty());
                let unread: usize = end.arrived.drain(..).map(|octets| octets.len()).sum();
                self.send(number, side, Segment::Room(unread));
                self.plan(self.now + secs(1), Happening::Farewell(number, side, 1));
                self.plan(self.now + secs(2), Happening::Farewell(number, side, 2));
                self.pump(number, side);
            }
            _ => end.stage = Stage::Gone,
        }
    }

    pub(super) fn farewell(&mut self, number: usize, side: usize, seconds: u8) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let end = &mut connection.ends[side];
        if end.stage == Stage::Closing {
            end.unwritten.clear();
            if seconds > 1 {
                end.stage = Stage::Gone;
            }
            self.finish(number, side);
        }
    }

    /// The engine takes a connection that came in, under this name.
    pub(super) fn admit(&mut self, number: usize, key: Key) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let node = connection.ends[1].node;
        connection.ends[1].key = Some(key);
        self.nodes[node].keys.insert(key, (number, 1));
        self.pull(number, 1);
    }

    /// A process is gone, and its side of a connection with it. The kernel says so, if it is there still.
    pub(super) fn drop_end(&mut self, number: usize, node: usize, is_said: bool) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let side = usize::from(connection.ends[0].node != node);
        let end = &mut connection.ends[side];
        let (stage, unread) = (end.stage, !end.arrived.is_empty());
        (end.stage, end.key) = (Stage::Gone, None);
        end.unwritten.clear();
        match stage {
            Stage::Open | Stage::Closing if is_said && !unread => self.finish(number, side),
            Stage::Open | Stage::Closing if is_said => self.send(number, side, Segment::Reset),
            _ => {}
        }
    }

    /// A connection breaks, for both sides at once.
    pub(super) fn break_connection(&mut self, number: usize) {
        for side in [0, 1] {
            if self.connections.contains_key(&number) {
                self.take(number, side, Segment::Reset);
            }
        }
    }

    /// Octets of a connection that nobody has taken, and writes that wait for the window.
    pub(crate) fn waiting_octets(&self, cable: usize) -> usize {
        let of_cable = self.connections.values().filter(|connection| connection.cable == cable);
        let waiting = |end: &End| end.unread + end.unwritten.iter().map(Bytes::len).sum::<usize>();
        of_cable.flat_map(|connection| connection.ends.iter().map(waiting)).sum()
    }
}
