//! What a session asks of its caller and tells it.

use super::terms::{Refusal, Terms};
use crate::{
    family::Family,
    fault::ErrorCode,
    text::ParseError,
    wire::{
        notification::{Notification, NotificationBuf, cease},
        route_refresh::RouteRefresh,
        update::Update,
    },
};
use alloc::{boxed::Box, string::String, vec::Vec};
use core::{fmt, str::FromStr};

/// One TCP connection of a session. Numbers are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct ConnectionId(pub u32);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What the caller is to do or to know, in the order that it happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Action<'a> {
    /// Dial the peer; then [`Session::connected`](super::Session::connected) or `closed`.
    Connect(ConnectionId),
    /// Close this connection, or give up dialling it. The session has forgotten it: events about it are ignored.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why.
        reason: Reason,
        /// What to write before, as far as the socket takes it at once: the NOTIFICATION, behind what was not sent
        /// yet. A message that the caller itself has half written must be finished first.
        last: Vec<u8>,
    },
    /// The session is up.
    Established {
        /// On which connection.
        connection: ConnectionId,
        /// What was agreed.
        terms: Box<Terms>,
    },
    /// The session is down. Of the families not in `stale` every route of the peer must go now.
    Down {
        /// Why.
        reason: Reason,
        /// Families whose routes are to be kept as stale: the peer is restarting.
        stale: Vec<Family>,
    },
    /// Routes. Under [`Update::treatment`] they may count as withdrawn.
    Update(Update<'a>),
    /// The peer wants a family again, or marks the begin or end of its own repetition.
    RouteRefresh(RouteRefresh),
    /// The peer has sent all it has of this family.
    EndOfRib(Family),
    /// What is still stale of this family must go: the peer did not come back in time, or does not announce it again.
    DropStale(Family),
    /// What is stale of this family is now long-lived stale: last resort, marked LLGR_STALE (RFC 9494 §4.3).
    LongLivedStale(Family),
}

/// One line, for logs and recorded runs.
impl fmt::Display for Action<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Connect(connection) => write!(f, "connect {connection}"),
            Action::Close { connection, reason, .. } => write!(f, "close {connection}: {reason}"),
            Action::Established { connection, terms } => write!(f, "established {connection}: {terms}"),
            Action::Down { reason, stale } => {
                write!(f, "down: {reason}")?;
                stale.iter().try_for_each(|family| write!(f, "; keep {family}"))
            }
            Action::Update(update) => write!(f, "update of {} octets", update.octets().len()),
            Action::RouteRefresh(refresh) => {
                write!(f, "route refresh of {}: {}", refresh.family, refresh.kind)
            }
            Action::EndOfRib(family) => write!(f, "end of {family}"),
            Action::DropStale(family) => write!(f, "drop stale {family}"),
            Action::LongLivedStale(family) => write!(f, "long-lived stale {family}"),
        }
    }
}

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Reason {
    /// We said so.
    Sent(NotificationBuf),
    /// We said so to the peer's OPEN.
    Refused(Refusal),
    /// The peer said so.
    Received(NotificationBuf),
    /// The peer closed the connection, or the network broke it.
    Lost,
    /// The dial failed.
    DialFailed,
    /// The dial took too long.
    DialTimedOut,
    /// Not needed: the session came up on the other connection, or was stopped before the peer said anything.
    NotNeeded,
    /// The peer restarted and came back on a newer connection (RFC 4724 §5).
    Replaced,
    /// We restart: without a NOTIFICATION the peer keeps our routes.
    Restarting,
}

impl Reason {
    /// The NOTIFICATION that was sent.
    pub const fn sent(&self) -> Option<&NotificationBuf> {
        match self {
            Reason::Sent(notification) | Reason::Refused(Refusal { notification, .. }) => Some(notification),
            _ => None,
        }
    }

    /// The NOTIFICATION that ended it, whoever sent it.
    pub const fn notification(&self) -> Option<&NotificationBuf> {
        match self {
            Reason::Received(notification) => Some(notification),
            other => other.sent(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Sent(notification) => write!(f, "{notification}, sent"),
            Reason::Refused(refusal) => write!(f, "{refusal}, sent"),
            Reason::Received(notification) => write!(f, "{notification}, received"),
            Reason::Lost => f.pad("connection lost"),
            Reason::DialFailed => f.pad("dial failed"),
            Reason::DialTimedOut => f.pad("dial timed out"),
            Reason::NotNeeded => f.pad("connection not needed"),
            Reason::Replaced => f.pad("replaced by a newer connection of the restarted peer"),
            Reason::Restarting => f.pad("closed for our restart"),
        }
    }
}

/// Why we end a session that is well: the subcodes of Cease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Cause {
    /// 6/1: the peer sent more prefixes of a family than allowed.
    MaxPrefixes {
        /// The family.
        family: Family,
        /// How many were allowed.
        limit: u32,
    },
    /// 6/2: someone stopped it, perhaps with a text for the other side's operator (RFC 9003).
    Shutdown(Option<String>),
    /// 6/3: the peer is no longer configured.
    Deconfigured,
    /// 6/4: someone reset it, perhaps with a text.
    Reset(Option<String>),
    /// 6/5: the connection is not wanted.
    Rejected,
    /// 6/6: the configuration changed in a way that needs a new session.
    ConfigurationChange,
    /// 6/8: memory or something else ran out.
    OutOfResources,
    /// 6/10: BFD says that the peer is gone (RFC 9384).
    BfdDown,
}

/// The text form of recorded runs: `max-prefixes ipv4 100`, `shutdown back at noon`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |f: &mut fmt::Formatter<'_>, word: &str, text: &Option<String>| {
            f.write_str(word)?;
            text.as_ref().map_or(Ok(()), |text| write!(f, " {}", text.escape_default()))
        };
        match self {
            Cause::MaxPrefixes { family, limit } => write!(f, "max-prefixes {family} {limit}"),
            Cause::Shutdown(text) => said(f, "shutdown", text),
            Cause::Deconfigured => f.pad("deconfigured"),
            Cause::Reset(text) => said(f, "reset", text),
            Cause::Rejected => f.pad("rejected"),
            Cause::ConfigurationChange => f.pad("configuration-change"),
            Cause::OutOfResources => f.pad("out-of-resources"),
            Cause::BfdDown => f.pad("bfd-down"),
        }
    }
}

impl FromStr for Cause {
    type Err = ParseError;
    fn from_str(line: &str) -> Result<Self, ParseError> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let text = || (!rest.is_empty()).then(|| unescape(rest));
        let parse = || {
            Some(match word {
                "max-prefixes" => {
                    let (family, limit) = rest.split_once(' ')?;
                    Cause::MaxPrefixes { family: family.parse().ok()?, limit: limit.parse().ok()? }
                }
                "shutdown" => Cause::Shutdown(text()),
                "deconfigured" => Cause::Deconfigured,
                "reset" => Cause::Reset(text()),
                "rejected" => Cause::Rejected,
                "configuration-change" => Cause::ConfigurationChange,
                "out-of-resources" => Cause::OutOfResources,
                "bfd-down" => Cause::BfdDown,
                _ => return None,
            })
        };
        parse().ok_or_else(|| {
            ParseError::new(
                "a reason to end a session",
                line,
                "shutdown TEXT, reset TEXT, deconfigured, rejected, configuration-change, out-of-resources, \
                 bfd-down or max-prefixes FAMILY LIMIT",
            )
        })
    }
}

/// The inverse of [`str::escape_default`]; what is no escape stands for itself.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let escaped = if c == '\\' { rest.next() } else { None };
        out.push(match escaped {
            None => c,
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let code: String =
                    rest.by_ref().skip_while(|c| *c == '{').take_while(|c| *c != '}').collect();
                u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
            }
            Some(other) => other,
        });
    }
    out
}

impl Cause {
    /// The NOTIFICATION that says so.
    pub fn notification(&self) -> NotificationBuf {
        let text = |text: &Option<String>| {
            text.as_deref().filter(|text| !text.is_empty()).map(Notification::text_data).unwrap_or_default()
        };
        let (subcode, data) = match self {
            // RFC 4486 §4: AFI, SAFI and the upper bound.
            Cause::MaxPrefixes { family, limit } => {
                let mut data = family.afi.0.to_be_bytes().to_vec();
                data.push(family.safi.0);
                data.extend_from_slice(&limit.to_be_bytes());
                (cease::MAX_PREFIXES, data)
            }
            Cause::Shutdown(said) => (cease::ADMIN_SHUTDOWN, text(said)),
            Cause::Deconfigured => (cease::PEER_DECONFIGURED, Vec::new()),
            Cause::Reset(said) => (cease::ADMIN_RESET, text(said)),
            Cause::Rejected => (cease::CONNECTION_REJECTED, Vec::new()),
            Cause::ConfigurationChange => (cease::OTHER_CONFIGURATION_CHANGE, Vec::new()),
            Cause::OutOfResources => (cease::OUT_OF_RESOURCES, Vec::new()),
            Cause::BfdDown => (cease::BFD_DOWN, Vec::new()),
        };
        NotificationBuf { code: ErrorCode::CEASE, subcode, data }
    }
}
