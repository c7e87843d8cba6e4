//! Time for the examples.

use bgp_proto::time::Time;
use std::time::Instant;

/// Now, as sessions count it: the one place where the clock is read.
#[expect(clippy::disallowed_methods, reason = "the shell's one clock")]
pub(crate) fn clock() -> impl Fn() -> Time {
    let start = Instant::now();
    move || Time::START + start.elapsed()
}
