//! Whether the API server can be reached at all: all watches lose it together, and it is said once.

use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// What all watches know of their server.
pub(super) struct Contact {
    server: Box<str>,
    away: watch::Sender<bool>,
    /// Whoever lost the server tries alone; the others wait for it.
    door: Semaphore,
}

impl Contact {
    pub(super) fn new(server: &str) -> Self {
        Contact { server: server.into(), away: watch::Sender::new(false), door: Semaphore::new(1) }
    }

    /// To be had before each attempt while the server is away. `None`: it is not.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        if !*self.away.borrow() {
            return None;
        }
        self.door.acquire().await.ok()
    }

    /// It does not answer.
    pub(super) fn lost(&self, why: &str) {
        if self.away.send_if_modified(|away| !std::mem::replace(away, true)) {
            tracing::warn!(
                "the API server {} is away: {why}; what is announced stays as it is until it is back",
                self.server
            );
        }
    }

    /// It answers.
    pub(super) fn found(&self) {
        if self.away.send_if_modified(|away| std::mem::replace(away, false)) {
            tracing::info!("the API server {} is back", self.server);
        }
    }
}
