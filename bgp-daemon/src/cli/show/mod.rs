//! Documents of the API as people read them.

mod kernel;
mod others;
mod peers;
mod routes;

pub(super) use kernel::{kernel, kernel_row, kernel_words};
pub(super) use others::{comparison, config, groups, memory, policies};
pub(super) use peers::{faults, peer, peer_row, peers};
pub(super) use routes::{Routes, why};

/// Texts with something between, or a dash where there is none.
fn joined(texts: &[String], between: &str) -> String {
    if texts.is_empty() { "-".to_owned() } else { texts.join(between) }
}
