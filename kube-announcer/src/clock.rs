//! The one place that reads the clock while an announcer runs: for what is shown, and for nothing that is decided.

use std::time::Instant;

/// What time it is.
#[expect(clippy::disallowed_methods, reason = "the announcer's one clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
