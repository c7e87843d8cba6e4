//! The one place that reads a clock: the monotonic one, so that setting the time of day changes nothing.

use bgp_proto::time::Time;
use nix::time::{ClockId, clock_gettime};

/// The time since the machine started, as `CLOCK_MONOTONIC` counts it.
pub(crate) fn now() -> Time {
    // It cannot fail for this clock.
    let read =
        clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap_or_else(|_| nix::sys::time::TimeSpec::new(0, 0));
    let (secs, nanos) = (read.tv_sec().unsigned_abs(), read.tv_nsec().unsigned_abs());
    Time::from_nanos(secs.saturating_mul(1_000_000_000).saturating_add(nanos))
}
