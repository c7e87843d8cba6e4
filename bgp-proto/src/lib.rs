//! BGP-4 for Rust.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing))]

extern crate alloc;

pub mod agreed;
pub mod attr;
pub mod family;
pub mod fault;
pub mod numbers;
pub mod prefix;
pub mod text;
pub mod wire;
