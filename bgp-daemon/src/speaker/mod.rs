//! The running speaker.

mod clock;
mod connection;
mod interfaces;
mod socket;

type Key = u32;
