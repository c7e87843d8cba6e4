//! How often something is written, and how long it is left alone after it failed.

use bgp_proto::time::Time;
use std::time::Duration;

/// How long after the first failure it is tried again, and the longest. Writes may wait longer than what is read: who
/// announces needs none of them, and thousands of nodes come back to an API server at once.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_mins(5);

/// Why something was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the API server answered, by its number in HTTP; 0: nothing. Failures of one number are told once.
    pub code: u16,
    /// What to tell people: what is wrong, and what to do.
    pub sentence: String,
    /// How long the API server asks to be left alone.
    pub wait: Option<Duration>,
    /// The same write would fail again, while another may be taken.
    pub only_this: bool,
}

/// Writes of one sort.
#[derive(Debug)]
pub(super) struct Pace {
    /// One each so often, in the long run.
    every: Duration,
    /// As many at once, after a pause.
    burst: u32,
    /// When all that was written would be paid off.
    paid: Time,
    failures: u32,
    /// Not before.
    until: Time,
    said: Option<u16>,
}

impl Pace {
    pub(super) fn new(every: Duration, burst: u32) -> Self {
        Pace { every, burst, paid: Time::START, failures: 0, until: Time::START, said: None }
    }

    /// When the next may be written.
    pub(super) fn free(&self) -> Time {
        let ahead = self.every.saturating_mul(self.burst - 1);
        (Time::START + self.paid.since(Time::START + ahead)).max(self.until)
    }

    /// One is being written.
    pub(super) fn spend(&mut self, now: Time) {
        self.paid = self.paid.max(now) + self.every;
    }

    /// One was written. True: the one before was not, and people were told.
    pub(super) fn went_well(&mut self) -> bool {
        self.failures = 0;
        self.until = Time::START;
        self.said.take().is_some()
    }

    /// One was not. True: people do not know yet. `luck` is anything from 0 to 1, another on each node.
    pub(super) fn went_wrong(&mut self, failure: &Failure, now: Time, luck: f64) -> bool {
        let is_new = self.said.replace(failure.code) != Some(failure.code);
        if !failure.only_this {
            let backoff = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
            self.failures += 1;
            let asked = failure.wait.unwrap_or_default();
            self.until = now + backoff.mul_f64(0.5 + luck.clamp(0.0, 1.0) / 2.0).max(asked);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_burst_is_taken_and_then_one_each_so_often() {
        let mut pace = Pace::new(Duration::from_secs(5), 3);
        let mut times = Vec::new();
        let mut now = at(1_000_000);
        for _ in 0..6 {
            now = now.max(pace.free());
            times.push(now.since(at(1_000_000)).as_secs());
            pace.spend(now);
        }
        assert_eq!(times, [0, 0, 0, 5, 10, 15]);
    }

    #[test]
    fn failures_wait_longer_each_time_and_are_told_once() {
        let mut pace = Pace::new(Duration::from_secs(1), 1);
        let away = Failure { code: 0, sentence: "away".into(), wait: None, only_this: false };
        let mut waits = Vec::new();
        for time in 0..9 {
            assert_eq!(pace.went_wrong(&away, at(0), 1.0), time == 0);
            waits.push(pace.free().since(at(0)).as_secs());
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert!(pace.went_wrong(&Failure { code: 403, ..away.clone() }, at(0), 0.0));
        assert_eq!(pace.free(), at(150_000), "nodes do not come back together");
        assert!(pace.went_well());
        assert!(!pace.went_well());
        assert_eq!(pace.free(), at(0));
        let busy = Failure { wait: Some(Duration::from_secs(60)), ..away };
        pace.went_wrong(&busy, at(0), 0.0);
        assert_eq!(pace.free(), at(60_000), "as the API server asks");
    }
}
