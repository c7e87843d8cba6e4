//! Whether the API server can be reached at all: all watches lose it together, and it is said once.

use crate::clock;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// What all watches know of their server.
pub(super) struct Contact {
    server: Box<str>,
    standing: watch::Sender<Standing>,
    /// Whoever lost the server tries alone; the others wait for it.
    door: Semaphore,
}

/// How it is with the API server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// It does not answer.
    pub is_away: bool,
    /// When it last said something.
    heard: Option<Instant>,
}

impl Standing {
    /// For how long it has said nothing. `None`: it never said anything.
    pub fn silence(&self) -> Option<Duration> {
        self.heard.map(|heard| clock::now().saturating_duration_since(heard))
    }
}

impl Contact {
    pub(super) fn new(server: &str) -> Self {
        let standing = watch::Sender::new(Standing::default());
        Contact { server: server.into(), standing, door: Semaphore::new(1) }
    }

    /// For whoever shows it.
    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// To be had before each attempt while the server is away. `None`: it is not.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        if !self.standing.borrow().is_away {
            return None;
        }
        self.door.acquire().await.ok()
    }

    /// It said something.
    pub(super) fn heard(&self) {
        self.standing.send_modify(|standing| standing.heard = Some(clock::now()));
    }

    /// It does not answer.
    pub(super) fn lost(&self, why: &str) {
        if self.standing.send_if_modified(|standing| !std::mem::replace(&mut standing.is_away, true)) {
            tracing::warn!(
                "the API server {} is away: {why}; what is announced stays as it is until it is back",
                self.server
            );
        }
    }

    /// It answers.
    pub(super) fn found(&self) {
        self.heard();
        if self.standing.send_if_modified(|standing| std::mem::replace(&mut standing.is_away, false)) {
            tracing::info!("the API server {} is back", self.server);
        }
    }
}
