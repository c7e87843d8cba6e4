//! The session: two of them on a virtual wire, and one against RFC 4271's own words.

mod conversation;
mod wire;
