//! The terms of a session: what two OPENs settled, what each side does without, and why an OPEN is refused.

use crate::{
    agreed::Agreed,
    family::Family,
    numbers::{Asn, CapabilityCode, HoldTime, Role, RouterId},
    wire::{
        capability::{LongLivedEntry, RestartEntry},
        notification::NotificationBuf,
    },
};
use alloc::{string::String, vec::Vec};
use core::{fmt, time::Duration};

/// What the two OPENs settled, beside what a message's meaning depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// Families and widths: what decoding and encoding take.
    pub agreed: Agreed,
    /// The peer's AS number.
    pub remote_asn: Asn,
    /// The peer's BGP identifier.
    pub router_id: RouterId,
    /// The shorter of both hold times.
    pub hold_time: HoldTime,
    /// Both sides understand ROUTE-REFRESH.
    pub route_refresh: bool,
    /// Both sides mark the begin and end of a refresh (RFC 7313).
    pub enhanced_route_refresh: bool,
    /// What the peer sees itself as, where both sides said a role (RFC 9234).
    pub peer_role: Option<Role>,
    /// Graceful restart, where both sides do it.
    pub restart: Option<Restart>,
    /// What one side offered and the session does without.
    pub refused: Vec<Refused>,
}

/// What the peer said about its restarts (RFC 4724, 8538, 9494), where we do graceful restart too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restart {
    /// The peer has just restarted: do not wait for its End-of-RIB before sending ours.
    pub restarting: bool,
    /// Both sides keep routes through a NOTIFICATION that is no Hard Reset.
    pub notification: bool,
    /// How long the peer may take to come back.
    pub time: Duration,
    /// The agreed families whose routes are kept meanwhile, with whether the peer kept forwarding.
    pub families: Vec<RestartEntry>,
    /// Of those, the ones that are kept longer still.
    pub long_lived: Vec<LongLivedEntry>,
}

/// Something that one side offered and the session does without, and why. Its `Display` is a line for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The capability.
    pub capability: CapabilityCode,
    /// The family, where it is about one.
    pub family: Option<Family>,
    /// The reason.
    pub why: Why,
}

/// Why the session does without something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// We offered it, the peer did not.
    PeerLacks,
    /// The peer offered it, we did not.
    WeLack,
    /// More families than [`MAX_FAMILIES`](crate::agreed::MAX_FAMILIES).
    TooMany,
    /// The family it is about is not agreed.
    FamilyNotAgreed,
    /// Both would send several paths and neither, or both would receive and neither send.
    SameDirection,
    /// It needs graceful restart, which is not agreed.
    NoGracefulRestart,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.capability, self.family) {
            (CapabilityCode::MULTIPROTOCOL, Some(family)) => write!(f, "{family}")?,
            (capability, None) => write!(f, "{capability}")?,
            (capability, Some(family)) => write!(f, "{capability} for {family}")?,
        }
        f.write_str(match self.why {
            Why::PeerLacks => ": the peer did not offer it",
            Why::WeLack => ": only the peer offered it",
            Why::TooMany => ": the session carries 16 families already",
            Why::FamilyNotAgreed => ": the family is not agreed",
            Why::SameDirection => ": both sides offered the same direction only",
            Why::NoGracefulRestart => ": graceful restart is not agreed",
        })
    }
}

impl Terms {
    /// How long the peer may be silent; `Duration::MAX` where the hold time is off.
    pub const fn hold(&self) -> Duration {
        match self.hold_time.seconds() {
            0 => Duration::MAX,
            seconds => Duration::from_secs(seconds as u64),
        }
    }

    /// How often to say that we are here: a third of the hold time, at least a second; `Duration::MAX` where off.
    pub const fn keepalive(&self) -> Duration {
        match self.hold_time.seconds() {
            0 => Duration::MAX,
            seconds => Duration::from_millis(seconds as u64 * 1000 / 3),
        }
    }
}

/// For logs: `AS 65001, router id 192.0.2.1, hold time 90s, ipv4, ipv6`.
impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS {}, router id {}, hold time {}", self.remote_asn, self.router_id, self.hold_time)?;
        self.agreed.families().try_for_each(|family| write!(f, ", {}", family.family))
    }
}

/// Why the peer's OPEN is not accepted: the NOTIFICATION that says so, and what it does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Refusal {
    /// What the peer is told.
    pub notification: NotificationBuf,
    /// What is wrong, with the values, for our own people; empty where the NOTIFICATION says it all.
    pub why: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.notification)?;
        if self.why.is_empty() { Ok(()) } else { write!(f, ": {}", self.why) }
    }
}
