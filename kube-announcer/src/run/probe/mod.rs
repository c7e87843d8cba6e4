//! Asks the node's own ports in rounds, and tells when the verdict on one is another. The [`Gates`] decide; what is here
//! waits and asks.

mod ask;
mod gate;

use super::Line;
use ask::ask;
use gate::{Gates, Said};
use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::sleep,
};

/// How often ports are asked, where nobody says otherwise.
pub const PERIOD: Duration = Duration::from_secs(5);
/// So many are asked at once.
const AT_ONCE: usize = 16;

/// What is to be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// The ports.
    pub(super) ports: BTreeSet<u16>,
    /// The node's addresses.
    pub(super) addresses: Vec<IpAddr>,
}

/// What was found: all ports that fail, and what is new about them.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) failing: BTreeSet<u16>,
    pub(super) lines: Vec<Line>,
}

/// The task that asks; it ends with this.
pub(super) struct Probes {
    asked: watch::Sender<Asked>,
    found: mpsc::Receiver<Found>,
    task: AbortHandle,
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Probes {
    /// Asks nothing yet.
    pub(super) fn start(period: Duration) -> Self {
        let (asked, wanted) = watch::channel(Asked::default());
        let (tell, found) = mpsc::channel(1);
        let task = tokio::spawn(rounds(period, wanted, tell)).abort_handle();
        Probes { asked, found, task }
    }

    /// From now on these are asked.
    pub(super) fn want(&self, wanted: Asked) {
        self.asked.send_if_modified(|asked| {
            let other = *asked != wanted;
            *asked = wanted;
            other
        });
    }

    /// Waits until a verdict is another.
    pub(super) async fn changed(&mut self) -> Found {
        match self.found.recv().await {
            Some(found) => found,
            // The task never ends by itself.
            None => std::future::pending().await,
        }
    }
}

async fn rounds(period: Duration, mut wanted: watch::Receiver<Asked>, tell: mpsc::Sender<Found>) {
    let mut gates = Gates::default();
    let mut told = BTreeSet::new();
    loop {
        let asked = wanted.borrow_and_update().clone();
        gates.want(&asked.ports);
        let other = gates.hear(&round(&asked).await);
        let failing = gates.failing();
        if failing != told {
            let lines = other.into_iter().map(|(port, said)| line(port, said)).collect();
            told.clone_from(&failing);
            if tell.send(Found { failing, lines }).await.is_err() {
                return;
            }
        }
        if asked.ports.is_empty() {
            // Nothing to do until somebody wants something.
            if wanted.changed().await.is_err() {
                return;
            }
        } else {
            sleep(jittered(period)).await;
        }
    }
}

/// Asks each port once, some at a time.
async fn round(asked: &Asked) -> Vec<(u16, Said)> {
    let mut waiting = asked.ports.iter().copied();
    let mut asking = JoinSet::new();
    let mut answers = Vec::new();
    loop {
        for port in waiting.by_ref().take(AT_ONCE - asking.len()) {
            let addresses = asked.addresses.clone();
            asking.spawn(async move { (port, ask(&addresses, port).await) });
        }
        match asking.join_next().await {
            Some(answer) => answers.extend(answer.ok()),
            None => return answers,
        }
    }
}

/// A tenth more or less, so that a fleet's nodes do not all act in one moment.
fn jittered(period: Duration) -> Duration {
    let tenths = RandomState::new().hash_one(()) % 201;
    period.mul_f64(0.9 + tenths as f64 / 1000.0)
}

fn line(port: u16, said: Said) -> Line {
    let place = format!("port {port} of this node");
    match said {
        Said::Well => {
            Line::plain(format!("{place} is well again: what it was asked for is announced as before"))
        }
        Said::Nobody => {
            Line::plain(format!("{place} has nobody to answer for long: it is not counted any more"))
        }
        Said::Failed(status) => {
            let how = match status {
                Some(status) => format!("answers {status}"),
                None => "does not answer".to_owned(),
            };
            Line::warning(format!(
                "{place} {how}: of what it is asked for, this node leaves to others what they announce too"
            ))
        }
    }
}
