//! Recorded runs: everything that goes into a session, as lines of text that can be played again.

use super::{Action, Cause, ConnectionId, Session};
use crate::{text::ParseError, time::Time};
use alloc::{collections::BTreeMap, vec::Vec};
use core::{fmt, str::FromStr};

/// Something that went into a session: a call of the method of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Event {
    /// [`Session::start`].
    Start,
    /// [`Session::stop`].
    Stop(Cause),
    /// [`Session::reset`].
    Reset(Cause),
    /// [`Session::hard_reset`].
    HardReset(Cause),
    /// [`Session::restart`].
    Restart,
    /// [`Session::accept`].
    Accept,
    /// [`Session::connected`].
    Connected(ConnectionId),
    /// [`Session::closed`].
    Closed(ConnectionId),
    /// Octets arrived: [`Session::receive`] in a loop, behind what it left of earlier ones.
    Received(ConnectionId, Vec<u8>),
    /// [`Session::sent`].
    Sent(ConnectionId, usize),
    /// [`Session::wrote`].
    Wrote(ConnectionId, usize),
    /// [`Session::tick`].
    Tick,
}

/// An event with its time: `12.000000500 received 1 ffffffffffffffffffffffffffffffff001304`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Line {
    /// When.
    pub at: Time,
    /// What.
    pub event: Event,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Start => f.pad("start"),
            Event::Stop(cause) => write!(f, "stop {cause}"),
            Event::Reset(cause) => write!(f, "reset {cause}"),
            Event::HardReset(cause) => write!(f, "hard-reset {cause}"),
            Event::Restart => f.pad("restart"),
            Event::Accept => f.pad("accept"),
            Event::Connected(id) => write!(f, "connected {id}"),
            Event::Closed(id) => write!(f, "closed {id}"),
            Event::Received(id, octets) => {
                write!(f, "received {id} ")?;
                octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
            Event::Sent(id, octets) => write!(f, "sent {id} {octets}"),
            Event::Wrote(id, octets) => write!(f, "wrote {id} {octets}"),
            Event::Tick => f.pad("tick"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.event)
    }
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

impl FromStr for Event {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let id = |text: &str| text.parse().ok().map(ConnectionId);
        let pair = || rest.split_once(' ');
        let counted = |make: fn(ConnectionId, usize) -> Event| {
            pair().and_then(|(first, count)| Some(make(id(first)?, count.parse().ok()?)))
        };
        let event = match word {
            "start" => Some(Event::Start),
            "stop" => Some(Event::Stop(rest.parse()?)),
            "reset" => Some(Event::Reset(rest.parse()?)),
            "hard-reset" => Some(Event::HardReset(rest.parse()?)),
            "restart" => Some(Event::Restart),
            "accept" => Some(Event::Accept),
            "connected" => id(rest).map(Event::Connected),
            "closed" => id(rest).map(Event::Closed),
            "received" => pair().and_then(|(first, hex)| Some(Event::Received(id(first)?, octets(hex)?))),
            "sent" => counted(Event::Sent),
            "wrote" => counted(Event::Wrote),
            "tick" => Some(Event::Tick),
            _ => None,
        };
        event.ok_or_else(|| {
            ParseError::new("an event of a session", text, "a line as `Event` prints it, like `connected 1`")
        })
    }
}

impl FromStr for Line {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let (time, event) = text.split_once(' ')?;
            let (secs, nanos) = time.split_once('.')?;
            let fraction: u64 = nanos.parse().ok().filter(|_| nanos.len() == 9)?;
            let nanos = secs.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(fraction)?;
            Some((Time::from_nanos(nanos), event))
        };
        let remedy = "seconds with nine decimals and an event, like `12.000000500 tick`";
        let (at, event) = parse().ok_or_else(|| ParseError::new("a recorded event", text, remedy))?;
        Ok(Line { at, event: event.parse()? })
    }
}

/// A session with the octets that its connections have received and not consumed: all it takes to play events.
#[derive(Debug)]
pub struct Replay {
    /// The session.
    pub session: Session,
    unread: BTreeMap<ConnectionId, Vec<u8>>,
}

impl Replay {
    /// Plays into this session.
    pub fn new(session: Session) -> Replay {
        Replay { session, unread: BTreeMap::new() }
    }

    /// What a connection has received and not consumed.
    pub fn unread(&self, connection: ConnectionId) -> &[u8] {
        self.unread.get(&connection).map(Vec::as_slice).unwrap_or_default()
    }

    /// Plays one event and hands over every action that follows. Returns the connection of an accept.
    pub fn play(
        &mut self,
        now: Time,
        event: &Event,
        mut act: impl FnMut(Action<'_>),
    ) -> Option<ConnectionId> {
        let session = &mut self.session;
        let mut accepted = None;
        match event {
            Event::Start => session.start(now),
            Event::Stop(cause) => session.stop(now, cause),
            Event::Reset(cause) => session.reset(now, cause),
            Event::HardReset(cause) => session.hard_reset(now, cause),
            Event::Restart => session.restart(now),
            Event::Accept => accepted = session.accept(now),
            Event::Connected(id) => session.connected(now, *id),
            Event::Closed(id) => session.closed(now, *id),
            Event::Received(id, octets) => {
                let buffer = self.unread.entry(*id).or_default();
                buffer.extend_from_slice(octets);
                let mut input = buffer.as_slice();
                while let Some(action) = session.receive(now, *id, &mut input) {
                    act(action);
                }
                let left = input.len();
                buffer.drain(..buffer.len() - left);
            }
            Event::Sent(id, octets) => session.sent(now, *id, *octets),
            Event::Wrote(id, octets) => session.wrote(now, *id, *octets),
            Event::Tick => session.tick(now),
        }
        while let Some(action) = session.poll() {
            act(action);
        }
        self.unread.retain(|id, _| session.connections().any(|known| known == *id));
        accepted
    }
}
