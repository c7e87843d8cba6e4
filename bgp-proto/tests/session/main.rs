//! The session: two of them on a virtual wire, and one against RFC 4271's own words.

mod collision;
mod conversation;
mod freeze;
mod restart;
mod negotiation;
mod rfc4271;
mod storm;
mod wire;
