//! How long to wait before the next attempt.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

/// Waits that double up to a bound, each shortened at random so that a fleet does not come at once.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new([first, most]: [Duration; 2]) -> Self {
        Backoff { first, most, next: first }
    }

    /// It went well.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }

    /// The next wait: between a half and the whole of what is due.
    pub(super) fn next(&mut self, random: u64) -> Duration {
        let due = self.next;
        self.next = (due * 2).min(self.most);
        spread(due, random)
    }
}

/// Between a half and the whole of a time.
pub(super) fn spread(whole: Duration, random: u64) -> Duration {
    let thousandths = u32::try_from(random % 501).unwrap_or_default();
    whole / 2 + whole / 1000 * thousandths
}

/// A number that nobody can tell beforehand.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_are_never_shorter_than_half() {
        let mut backoff = Backoff::new([Duration::from_millis(100), Duration::from_secs(1)]);
        let longest: Vec<_> = (0..6).map(|_| backoff.next(500).as_millis()).collect();
        assert_eq!(longest, [100, 200, 400, 800, 1000, 1000]);
        backoff.reset();
        assert_eq!(backoff.next(501).as_millis(), 50);
        for random in 0..2000 {
            let wait = spread(Duration::from_secs(1), random);
            assert!((500..=1000).contains(&wait.as_millis()), "{wait:?}");
        }
    }

    #[test]
    fn no_two_are_told_the_same_number() {
        assert_ne!(random(), random());
    }
}
