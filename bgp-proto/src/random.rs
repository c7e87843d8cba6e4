//! Jitter: the one thing in a session that is random, from a seed that is an input.

use core::time::Duration;

/// The shortest that a timer runs, whatever the settings say: one that a tick sets must get past the instant of it.
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

/// SplitMix64: eight octets of state, good enough to spread timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Between three quarters of the span and all of it (RFC 4271 §10), and never nothing.
    pub(crate) fn jitter(&mut self, span: Duration) -> Duration {
        let span = span.max(SHORTEST);
        self.less(span, span / 4)
    }

    /// The span, less up to so much of it.
    pub(crate) fn less(&mut self, span: Duration, most: Duration) -> Duration {
        let part = (self.next() >> 48) as u32;
        // Spans are settings: a quarter of the longest, times 65,535, needs the wider arithmetic.
        let off = u64::try_from(most.as_nanos() * u128::from(part) / 0xffff).unwrap_or(u64::MAX);
        span.saturating_sub(Duration::from_nanos(off))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4271 §10.
    #[test]
    fn jitter_stays_between_three_quarters_and_the_whole_and_uses_the_range() {
        let mut random = Random(1);
        let spans: alloc::vec::Vec<_> =
            (0..1000).map(|_| random.jitter(Duration::from_secs(100)).as_secs()).collect();
        assert!(spans.iter().all(|secs| (75..=100).contains(secs)), "{spans:?}");
        assert!(spans.iter().any(|secs| *secs < 78) && spans.iter().any(|secs| *secs > 97));
        random.jitter(Duration::MAX);
    }
}
