//! A BGP speaker as a library: the RIB, policy and update groups as plain values.
//!
//! No I/O, no clock, no tasks and no locks: what is here is built in a unit test and driven by whoever owns it.

#![deny(missing_docs)]

#[cfg(feature = "api")]
pub mod api;
pub mod config;
pub mod engine;
pub mod fib;
mod peer;
pub mod policy;
pub mod rib;
#[cfg(feature = "speaker")]
pub mod speaker;
