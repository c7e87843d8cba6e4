//! Waiting for an event, with a bound: the only place of the lab that reads a clock or sleeps.

use std::time::{Duration, Instant};

/// How long one look at a condition is away from the next.
const INTERVAL: Duration = Duration::from_millis(20);

/// Asks again and again until the answer is `Some`, or gives `None` when `bound` is over.
///
/// The last question is always asked after the bound, so that a busy machine cannot turn a "yes" into a "never asked".
pub fn within<T>(bound: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let until = now() + bound;
    loop {
        let over = now() >= until;
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if over {
            return None;
        }
        pause(INTERVAL);
    }
}

/// The lab's clock.
#[expect(clippy::disallowed_methods, reason = "the lab's one clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Lets time pass between two looks, or between two packets of a steady stream.
#[expect(
    clippy::disallowed_methods,
    reason = "the interval of a bounded poll, or the pace of a packet stream"
)]
pub(crate) fn pause(interval: Duration) {
    std::thread::sleep(interval);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_the_wait() {
        let mut looks = 0;
        let answer = within(Duration::from_secs(60), || {
            looks += 1;
            (looks == 3).then_some("yes")
        });
        assert_eq!(answer, Some("yes"));
        assert_eq!(looks, 3);
    }

    #[test]
    fn a_bound_of_zero_still_asks_once() {
        let mut looks = 0;
        assert_eq!(
            within(Duration::ZERO, || {
                looks += 1;
                None::<()>
            }),
            None
        );
        assert_eq!(looks, 1);
    }
}
