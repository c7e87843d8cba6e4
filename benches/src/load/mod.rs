//! Load over real TCP: peers of our own around a BGP daemon in a network namespace, what the daemon took for it, and
//! whether it did the work.

pub mod busy;
pub mod daemon;
pub mod peer;
pub mod phase;
pub mod received;
pub mod report;
pub mod scenario;
pub mod usage;

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

/// Time since this program asked for the first time.
#[expect(clippy::disallowed_methods, reason = "the load generator's one clock")]
pub fn now() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let start = *START;
    start.elapsed()
}
