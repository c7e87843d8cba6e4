//! What an engine tells people: each event is one line.

use super::{accept::Turned, link::PeerId};
use crate::{
    config::Remote,
    peer::{overheard::Way, shown::Shown},
};
use bgp_proto::{attr::table::Treatment, family::Family, session::Reason, session::Terms};
use std::{fmt, net::IpAddr, time::Duration};

/// A peer, as events name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Its number.
    pub id: PeerId,
    /// Where it is.
    pub remote: Remote,
    /// What people call it.
    pub description: Option<Box<str>>,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {}", self.remote)?;
        self.description.as_ref().map_or(Ok(()), |name| write!(f, " ({})", Shown(name)))
    }
}

/// What comes after a session that went down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is tried again after so long, or when the peer connects.
    Retry(Duration),
    /// The peer has to connect.
    Wait,
    /// It stays down until somebody starts it.
    Stopped,
    /// The peer is forgotten.
    Forgotten,
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Next::Retry(after) => write!(f, "next try in {:.1}s", after.as_secs_f64()),
            Next::Wait => f.write_str("waits for the peer to connect"),
            Next::Stopped => f.write_str("stays down until it is started"),
            Next::Forgotten => f.write_str("the peer is forgotten"),
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session is up.
    Up(Who, Box<Terms>),
    /// A session is down.
    Down {
        /// Whose.
        who: Who,
        /// Why.
        reason: Reason,
        /// What comes next.
        next: Next,
    },
    /// A connection ended before the session was up. The same reason is said once until the session is up.
    NotUp {
        /// Whose.
        who: Who,
        /// Why.
        reason: Reason,
        /// Why a dial failed.
        why: Option<Box<str>>,
    },
    /// A connection was turned away. The same reason is said once a minute.
    TurnedAway {
        /// Who connected.
        address: IpAddr,
        /// Why not.
        why: Turned,
        /// How many more were turned away for this reason since it was last said.
        more: u32,
    },
    /// Packets get to a peer and back, as BFD has it.
    PathUp(Who),
    /// They do not any more.
    PathDown {
        /// Whose.
        who: Who,
        /// Why.
        why: Box<str>,
        /// The path is broken, as opposed to BFD ended on purpose.
        is_failure: bool,
    },
    /// A peer has sent nearly as many prefixes as it may.
    PrefixesNear {
        /// The peer.
        who: Who,
        /// The family.
        family: Family,
        /// How many.
        held: u32,
        /// How many it may.
        limit: u32,
    },
    /// A peer has sent more prefixes than it may.
    PrefixesOver {
        /// The peer.
        who: Who,
        /// The family.
        family: Family,
        /// How many it may.
        limit: u32,
        /// What comes next; `None`: the session stays up.
        next: Option<Next>,
    },
    /// A family is not announced on a session: we have no address that could be the next hop.
    FamilyNotAnnounced(Who, Family),
    /// A peer restarts, and its routes of these families are kept meanwhile.
    RestartBegan(Who, Vec<Family>),
    /// What was kept of a peer's routes is replaced or gone.
    RestartEnded(Who, Family),
    /// A peer has sent all that it has of a family.
    EndOfRib(Who, Family),
    /// A peer's refresh of a family was not ended in time; it is taken for complete.
    RefreshNotEnded(Who, Family),
    /// The first malformed UPDATE of a peer that costs this.
    Malformed {
        /// Whose.
        who: Who,
        /// What it costs.
        treatment: Treatment,
        /// What is wrong.
        what: Box<str>,
    },
    /// A message of a peer whose messages are shown, decoded.
    Message {
        /// Whose.
        who: Who,
        /// Which way it went.
        way: Way,
        /// What it says.
        what: Box<str>,
    },
    /// All that our first End-of-RIB waits for is known: from now on it goes out.
    Complete,
    /// A speaker that was told to stop has ended all sessions.
    IsDown,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Up(who, terms) => write!(f, "{who} is up: {terms}"),
            Event::Down { who, reason, next } => write!(f, "{who} is down: {reason}; {next}"),
            Event::NotUp { who, reason, why: None } => write!(f, "{who} does not come up: {reason}"),
            Event::NotUp { who, reason, why: Some(why) } => {
                write!(f, "{who} does not come up: {reason}: {}", Shown(why))
            }
            Event::TurnedAway { address, why, more: 0 } => write!(f, "{address} is turned away: {why}"),
            Event::TurnedAway { address, why, more } => {
                write!(f, "{address} is turned away: {why} ({more} more since this was last said)")
            }
            Event::PathUp(who) => write!(f, "{who}: BFD is up"),
            Event::PathDown { who, why, is_failure: true } => {
                write!(f, "{who}: BFD is down, the path is broken: {why}")
            }
            Event::PathDown { who, why, is_failure: false } => write!(f, "{who}: BFD is down: {why}"),
            Event::PrefixesNear { who, family, held, limit } => {
                write!(f, "{who} has sent {held} prefixes of {family}, of {limit} that it may")
            }
            Event::PrefixesOver { who, family, limit, next } => {
                write!(f, "{who} has sent more than the {limit} prefixes of {family} that it may")?;
                next.map_or(Ok(()), |next| write!(f, "; its session is closed: {next}"))
            }
            Event::FamilyNotAnnounced(who, family) => write!(
                f,
                "{who} is told nothing of {family}: there is no address of ours for the next hop; set own_addresses"
            ),
            Event::RestartBegan(who, families) => {
                write!(f, "{who} restarts; its routes are kept:")?;
                families.iter().try_for_each(|family| write!(f, " {family}"))
            }
            Event::RestartEnded(who, family) => write!(f, "{who} holds no stale routes of {family} any more"),
            Event::EndOfRib(who, family) => write!(f, "{who} has sent all its routes of {family}"),
            Event::RefreshNotEnded(who, family) => {
                write!(f, "{who} began to send {family} again and never ended; what came counts as all")
            }
            Event::Malformed { who, treatment, what } => {
                let cost = match treatment {
                    Treatment::Discard => "an attribute is dropped",
                    Treatment::Withdraw => "its routes count as withdrawn",
                    Treatment::Reset => "the session ends",
                };
                write!(f, "{who} sent a malformed UPDATE; {cost}: {}", Shown(what))
            }
            Event::Message { who, way: Way::Received, what } => write!(f, "{who}: received {what}"),
            Event::Message { who, way: Way::Sent, what } => write!(f, "{who}: sent {what}"),
            Event::Complete => f.write_str("the first complete set of routes is known; End-of-RIB goes out"),
            Event::IsDown => f.write_str("all sessions are down"),
        }
    }
}
