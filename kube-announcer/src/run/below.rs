//! What stands on routes in the node's kernel: when it has them, and when what needed them is withdrawn.

use crate::plan::Kernel;
use bgp_daemon::{
    kernel::Row,
    speaker::{Error, Speaker},
};
use ipnet::IpNet;
use std::{collections::BTreeMap, time::Duration};
use tokio::{sync::watch, task::JoinSet, time::timeout};

/// The longest that a withdrawal is waited for: by then a peer that takes nothing has lost its session.
const WRITING: Duration = Duration::from_secs(30);

/// What happened below.
pub(super) enum Happened {
    /// Something of our routes may be another than it was.
    Moved,
    /// All withdrawals up to this one are written.
    Written(u64),
}

/// The node's kernel, as somebody waits for it.
#[derive(Default)]
pub(super) struct Below {
    moves: Option<watch::Receiver<u64>>,
    /// Who waits for a withdrawal: one at a time.
    writing: JoinSet<u64>,
    /// What keeps routes out of the kernel, as it was said last.
    notes: BTreeMap<IpNet, String>,
}

impl Below {
    pub(super) fn new(speaker: &Speaker) -> Self {
        Below { moves: speaker.kernel_moves(), ..Below::default() }
    }

    /// Waits for what happens next.
    pub(super) async fn next(&mut self) -> Happened {
        let Below { moves, writing, .. } = self;
        let moved = async {
            match moves {
                Some(moves) => moves.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            moved = moved => {
                // The thread has ended, and said why: nothing moves any more.
                if moved.is_err() {
                    self.moves = None;
                }
                Happened::Moved
            }
            Some(Ok(number)) = writing.join_next() => Happened::Written(number),
        }
    }

    /// Whether nobody waits for a withdrawal.
    pub(super) fn is_free(&self) -> bool {
        self.writing.is_empty()
    }

    /// Waits for this withdrawal from now on, which the speaker was told of.
    pub(super) fn write(&mut self, speaker: &Speaker, number: u64) {
        let speaker = speaker.clone();
        self.writing.spawn(async move {
            // Where nobody takes it any more there is nobody to wait for.
            let _ = timeout(WRITING, speaker.written()).await;
            number
        });
    }

    /// Which of these routes the kernel has, as they are to be. What keeps one out is said once.
    pub(super) async fn look(&mut self, speaker: &Speaker, placed: &[(IpNet, Kernel)]) -> Vec<(IpNet, bool)> {
        let prefixes = placed.iter().map(|(prefix, _)| *prefix).collect();
        let rows = match speaker.kernel_routes_to(prefixes).await {
            Ok(page) => page.rows,
            Err(Error::NoKernel) => return Vec::new(),
            Err(_) => Vec::new(),
        };
        let row = |prefix: &IpNet| rows.iter().find(|row| row.prefix == *prefix);
        let notes: BTreeMap<_, _> = placed
            .iter()
            .filter_map(|(prefix, kernel)| Some((*prefix, hindrance(row(prefix)?, *kernel)?)))
            .collect();
        for (prefix, note) in notes.iter().filter(|(prefix, note)| self.notes.get(prefix) != Some(note)) {
            tracing::warn!("{prefix} is not told to anybody: {note}");
        }
        self.notes = notes;
        placed
            .iter()
            .map(|(prefix, kernel)| (*prefix, row(prefix).is_some_and(|row| has(row, *kernel))))
            .collect()
    }
}

/// Whether the kernel has the route that is needed.
fn has(row: &Row, kernel: Kernel) -> bool {
    row.is_installed && leads(row, kernel)
}

fn leads(row: &Row, kernel: Kernel) -> bool {
    match kernel {
        Kernel::Discard => row.gateways.iter().any(|gateway| gateway == "discard"),
        Kernel::Pod(address) => {
            let through = format!("via {address} ");
            row.gateways.iter().any(|gateway| gateway.starts_with(&through))
        }
    }
}

/// What keeps a route out of the kernel, where that is more than a moment.
pub(super) fn hindrance(row: &Row, kernel: Kernel) -> Option<String> {
    match kernel {
        Kernel::Pod(address) if row.is_installed && !leads(row, kernel) => Some(format!(
            "its pod at {address} is not on a link of this node: packets would go {}",
            row.gateways.join(", ")
        )),
        _ if row.is_installed => None,
        _ => row.note.as_ref().map(|note| format!("its route is not in the kernel: {note}")),
    }
}
