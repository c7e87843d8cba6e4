//! What a session is configured with.

use crate::{
    numbers::{Asn, HoldTime},
    wire::{capability::CapabilityBuf, open::Offer},
};
use alloc::vec::Vec;
use core::{fmt, time::Duration};

/// Which AS the other side may be in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RemoteAs {
    /// This one.
    Fixed(Asn),
    /// Ours.
    Internal,
    /// Any but ours.
    External,
    /// One of these.
    OneOf(Vec<Asn>),
    /// Any.
    Any,
}

impl RemoteAs {
    /// Whether a speaker of AS `local` may talk to one of AS `remote`.
    pub fn admits(&self, local: Asn, remote: Asn) -> bool {
        match self {
            RemoteAs::Fixed(asn) => *asn == remote,
            RemoteAs::Internal => local == remote,
            RemoteAs::External => local != remote,
            RemoteAs::OneOf(asns) => asns.contains(&remote),
            RemoteAs::Any => true,
        }
    }
}

/// What was wanted, for "AS 65001 connected, …".
impl fmt::Display for RemoteAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoteAs::Fixed(asn) => write!(f, "AS {asn}"),
            RemoteAs::Internal => f.pad("our own AS"),
            RemoteAs::External => f.pad("an AS other than ours"),
            RemoteAs::OneOf(asns) => {
                f.write_str("one of AS")?;
                asns.iter().try_for_each(|asn| write!(f, " {asn}"))
            }
            RemoteAs::Any => f.pad("any AS"),
        }
    }
}

/// All that a session is configured with. Make one with [`Settings::new`] and change what should differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Settings {
    /// What our OPEN says. Without a multiprotocol capability IPv4 unicast is meant, as it is of a peer.
    pub offer: Offer,
    /// Which AS the peer may be in.
    pub remote: RemoteAs,
    /// The other members of our confederation (RFC 5065).
    pub confederation: Vec<Asn>,
    /// The peer must say a role, if our offer does (RFC 9234 §4.2).
    pub strict_role: bool,
    /// Capabilities that the peer must have; of multiprotocol the very family, of others the code.
    pub required: Vec<CapabilityBuf>,
    /// A shorter hold time of the peer is refused; zero (off) is refused too unless this is off.
    pub min_hold_time: HoldTime,
    /// How often to say that we are here; never less often than a third of the agreed hold time, which it is if not said.
    pub keepalive: Option<Duration>,
    /// Whether AIGP is taken from the peer (RFC 7311); if not said, from internal ones.
    pub aigp: Option<bool>,
    /// Never dial, only accept.
    pub passive: bool,
    /// Wait so long for the other side's OPEN before sending ours (DelayOpen of RFC 4271 §8.1.1).
    pub delay_open: Option<Duration>,
    /// How long a dial may take, and how long to wait for the peer's after a connection was lost early. Jittered.
    pub connect_retry: Duration,
    /// After a failure the session starts again by itself; without, it stays down until started.
    pub automatic_restart: bool,
    /// How long to wait before that, the first time. Jittered.
    pub idle_hold: Duration,
    /// Each failure doubles the wait up to this one; a session that lasted so long starts over at `idle_hold`.
    pub idle_hold_max: Duration,
    /// Refuse the peer's connections during that wait when it is not the first (DampPeerOscillations).
    pub damp_oscillations: bool,
    /// How long an OPEN is waited for; RFC 4271 suggests four minutes.
    pub open_hold: Duration,
    /// How long the peer may take nothing before it counts as dead (RFC 9687); if not said, the longer of eight
    /// minutes and twice the hold time.
    pub send_hold: Option<Duration>,
    /// How long stale routes are kept at the most once a restarted peer is back (RFC 4724 §4.2).
    pub stale_time: Duration,
}

impl Settings {
    /// Our OPEN and who may answer; the rest as most want it.
    pub const fn new(offer: Offer, remote: RemoteAs) -> Settings {
        Settings {
            offer,
            remote,
            confederation: Vec::new(),
            strict_role: false,
            required: Vec::new(),
            min_hold_time: HoldTime::OFF,
            keepalive: None,
            aigp: None,
            passive: false,
            delay_open: None,
            connect_retry: Duration::from_secs(15),
            automatic_restart: true,
            idle_hold: Duration::from_secs(1),
            idle_hold_max: Duration::from_secs(60),
            damp_oscillations: true,
            open_hold: Duration::from_secs(240),
            send_hold: None,
            stale_time: Duration::from_secs(360),
        }
    }
}
