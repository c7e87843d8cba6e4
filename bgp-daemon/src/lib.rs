//! A BGP speaker as a library, for programs that announce and learn routes themselves. The program `bgp-daemon` is made
//! of the same parts.
//!
//! * [`speaker::Speaker`] (feature `speaker`): a running speaker. Give it a [`config::Config`], and routes by owner;
//!   ask it for what it knows; reload, restart or end it.
//! * [`engine::Engine`]: the whole speaker as one plain value, without I/O, clock, tasks or locks: any number of them
//!   run in virtual time in one thread. [`rib::Rib`] and [`policy`] are its parts, and can be used alone.
//!
//! Two speakers that exchange a route, as `cargo run -p bgp-daemon --example two_speakers` runs them:
//!
#![cfg_attr(feature = "speaker", doc = "```")]
#![cfg_attr(feature = "speaker", doc = include_str!("../examples/two_speakers.rs"))]
#![cfg_attr(feature = "speaker", doc = "```")]
#![deny(missing_docs)]

/// The code of the embedders' page, which is compiled and run as documentation is.
#[cfg(all(doctest, feature = "speaker", feature = "toml"))]
#[doc = include_str!("../../docs/embedding.md")]
pub mod embedding {}

#[cfg(feature = "api")]
pub mod api;
pub mod config;
pub mod engine;
pub mod fib;
#[cfg(feature = "kernel")]
pub mod kernel;
mod peer;
pub mod policy;
pub mod rib;
#[cfg(feature = "speaker")]
pub mod speaker;
