//! Peers as the API shows them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A peer, and how it goes with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its address, `ADDRESS%INTERFACE` where that is link-local, or its interface: its name in requests.
    pub peer: String,
    /// What people call it: its name in requests too.
    pub description: Option<String>,
    /// Its group.
    pub group: Option<String>,
    /// It is not configured by itself: it is known while it is connected.
    pub dynamic: bool,
    /// Its AS; `null`: any that the configuration allows, and not known yet.
    pub asn: Option<u32>,
    /// `Idle`, `Connect`, `Active`, `OpenSent`, `OpenConfirm` or `Established`; `Gone`: it is known no more (only
    /// while watching).
    pub state: String,
    /// For how many seconds it has been in this state.
    pub seconds: u64,
    /// Its BGP identifier, while established.
    pub router_id: Option<String>,
    /// Our address on the connection, while established.
    pub local_address: Option<String>,
    /// Its address on the connection, while established.
    pub address: Option<String>,
    /// The hold time that was agreed, in seconds; 0: off.
    pub hold_time: Option<u16>,
    /// What both sides agreed to, beside families: `route refresh`, `graceful restart` and the like.
    pub agreed: Vec<String>,
    /// What one side offered and the session does without, and why.
    pub refused: Vec<String>,
    /// Families of which routes are kept although the session that they came by is over.
    pub stale: Vec<String>,
    /// Routes by family: `ipv4`, `ipv6`.
    pub families: BTreeMap<String, Counts>,
    /// Messages by type: `open`, `update`, `notification`, `keepalive`, `route-refresh`.
    pub messages: Messages,
    /// UPDATEs that were malformed, by what that cost: `discard`, `withdraw`, `reset`.
    pub malformed: BTreeMap<String, u64>,
    /// How often its session came up.
    pub ups: u64,
    /// How often its session went down.
    pub flaps: u64,
    /// Why it is down on purpose.
    pub kept_down: Option<String>,
    /// Why its last connection ended.
    pub last: Option<Ended>,
    /// Its BFD session; `null`: it is to have none.
    pub bfd: Option<Bfd>,
}

/// A BFD session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bfd {
    /// `Down`, `Init` or `Up`.
    pub state: String,
    /// For how many seconds it has been in this state.
    pub seconds: u64,
    /// How many milliseconds are between our packets at the most; `null`: the peer wants none.
    pub interval_ms: Option<u64>,
    /// After how many milliseconds of silence the path counts as broken; `null`: nothing came yet.
    pub silence_ms: Option<u64>,
    /// How often it came up.
    pub ups: u64,
    /// How often it went down.
    pub flaps: u64,
    /// Why it was last down after it was up.
    pub last: Option<Ended>,
    /// Why the last packet from the peer's address was discarded, if it was.
    pub refused: Option<String>,
}

/// How many routes of a family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// That it sent and that are held.
    pub received: u64,
    /// Of those, accepted.
    pub accepted: u64,
    /// That it is told.
    pub advertised: u64,
}

/// Messages by type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Messages {
    /// That it sent.
    pub received: BTreeMap<String, u64>,
    /// That we sent.
    pub sent: BTreeMap<String, u64>,
}

/// How a connection ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Before how many seconds.
    pub seconds: u64,
    /// Why.
    pub reason: String,
}

/// A message that was not as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Before how many seconds it came.
    pub seconds: u64,
    /// What it cost: `discard`, `withdraw` or `reset`.
    pub treatment: String,
    /// What is wrong with it.
    pub what: String,
    /// Its octets, in hexadecimal digits; at most the first 4096.
    pub octets: String,
}
