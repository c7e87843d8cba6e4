//! The session: two of them on a virtual wire, and one against RFC 4271's own words.

mod collision;
mod conversation;
mod freeze;
mod negotiation;
mod recorded;
mod restart;
mod rfc4271;
mod rfc4271_table;
mod storm;
mod watch;
mod wire;
