//! What the protocol demands of a speaker beside its user's policy, as pure functions over attributes.
//!
//! | rule | on import | on export |
//! |---|---|---|
//! | AS path loop (RFC 4271 §9.1.2), `allow_own_asn` | [`import::refusal`] | |
//! | first AS of the path (RFC 4271 §6.3) | [`import::refusal`] | |
//! | own ORIGINATOR_ID, own cluster (RFC 4456 §8) | [`import::refusal`] | [`export::prepare`] writes them |
//! | roles, ONLY_TO_CUSTOMER (RFC 9234 §5) | [`import::refusal`], [`import::prepare`] | [`export::withheld`], [`export::prepare`] |
//! | `graceful-shutdown` (RFC 8326) | [`import::prepare`] | [`export::prepare`], when leaving |
//! | `blackhole` (RFC 7999) | [`import::blackhole`], [`import::prepare`], which adds `no-export` | |
//! | `no-export` and its relatives (RFC 1997) | | [`export::withheld`] |
//! | iBGP routes stay out of iBGP, reflection (RFC 4271 §9.2, RFC 4456 §6) | | [`export::withheld`] |
//! | own AS, LOCAL_PREF, MED, AIGP, partial bits, what is not transitive | | [`export::prepare`] |
//! | `remove_private_as`, `as_override` | | [`export::prepare`], by [`path`] |
//! | what an operator wants gone ([`discard`]) | [`discard::Discards::apply`], after the refusals | |
//! | next hop: self, unchanged, set, and of the other family | [`next_hop::accepted`] | [`next_hop::own`], [`next_hop::written`] |
//!
//! `no-peer` (RFC 3765) is advice to a policy: which peerings are bilateral only the user knows.

pub mod discard;
pub mod export;
pub mod import;
pub mod next_hop;
pub mod path;
pub mod role;

use bgp_proto::{agreed::PeerKind, numbers::RouterId};

/// The local preference of a route that carries none (the value that everybody uses).
pub const DEFAULT_LOCAL_PREF: u32 = 100;

/// Where a route that is not ours was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LearnedFrom {
    /// Inside or outside of our AS.
    pub kind: PeerKind,
    /// The peer's identifier.
    pub router_id: RouterId,
    /// The peer is our route reflection client.
    pub client: bool,
}
