//! Time as an input: an instant that can be written down, so that a run can be recorded, replayed and handed over.

use core::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

/// An instant: nanoseconds since a start that the caller chose. All arithmetic saturates.
///
/// Whoever runs a machine reads one monotonic clock and turns it into this; a frozen session that another process
/// continues needs both to count from the same start (`CLOCK_MONOTONIC` itself does).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Time(u64);

impl Time {
    /// The start of the count.
    pub const START: Time = Time(0);
    /// Later than anything: what is due then is not due.
    pub const NEVER: Time = Time(u64::MAX);

    /// So many nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Time {
        Time(nanos)
    }

    /// So many seconds after the start.
    pub const fn from_secs(secs: u64) -> Time {
        Time(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the start.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero where it is not.
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// `None` for [`Time::NEVER`].
    pub const fn due(self) -> Option<Time> {
        if self.0 == u64::MAX { None } else { Some(self) }
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    #[inline]
    fn add(self, span: Duration) -> Time {
        let nanos =
            span.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(span.subsec_nanos()));
        Time(self.0.saturating_add(nanos))
    }
}

impl Sub for Time {
    type Output = Duration;
    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}

/// Seconds with all nine decimals.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Time::from_secs(1) + Duration::MAX, Time::NEVER);
        assert_eq!(Time::START - Time::from_secs(1), Duration::ZERO);
        assert_eq!(Time::from_secs(u64::MAX), Time::NEVER);
        assert_eq!(Time::from_secs(2) - Time::from_secs(1), Duration::from_secs(1));
        assert_eq!((Time::NEVER.due(), Time::START.due()), (None, Some(Time::START)));
    }
}
