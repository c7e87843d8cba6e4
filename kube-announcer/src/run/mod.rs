//! A node's announcer as it runs: what a source tells becomes a plan, and what is new in the plan is told to a speaker.
//!
//! [`Announcer`] is a plain value that decides what to tell; [`Task`] owns it, and waits: for objects, for the machine's
//! default gateways, for what ports of its own answer, for questions, for the end.

mod announcer;
mod below;
mod complaints;
mod hearing;
pub mod host;
mod http;
mod lines;
mod live;
mod metrics;
mod probe;
mod reporting;
mod routed;
mod task;
mod trim;

pub use announcer::{Announcer, Step};
pub use hearing::Objects;
pub use live::{Answer, Session};
pub use probe::PERIOD;
pub use task::{Adjust, Task, Wanted};

/// Who owns no route: its first whole set is there when the first plan is told, and End-of-RIB waits for it.
const PLAN: &str = "kubernetes";

/// Something that people are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Somebody should look at it.
    pub warns: bool,
    /// What happened, and why.
    pub text: String,
}

impl Line {
    pub(crate) fn plain(text: String) -> Self {
        Line { warns: false, text }
    }

    pub(crate) fn warning(text: String) -> Self {
        Line { warns: true, text }
    }

    /// Into the log.
    pub fn log(&self) {
        if self.warns {
            tracing::warn!("{}", self.text);
        } else {
            tracing::info!("{}", self.text);
        }
    }
}
