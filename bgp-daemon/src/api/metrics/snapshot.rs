//! What a scrape found: looked at page by page, so that a thousand peers hold nobody up.

use crate::{
    api::{
        asking,
        document::{Memory, Peer},
        look,
        problem::Problem,
        serve::Shared,
    },
    engine::{PeerId, Totals},
};
use std::{collections::BTreeMap, ops::Bound};

/// Peers with series of their own: the first so many. What is summed up is of all.
const OWN: usize = 1024;

/// Peers that are looked at in one turn.
const PAGE: usize = 64;

/// What there is to tell.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) peers: Vec<Peer>,
    pub(super) states: BTreeMap<String, u64>,
    pub(super) totals: Totals,
    pub(super) memory: Memory,
    /// Routes in the kernel, and kept out of it.
    pub(super) fib: Option<[u64; 2]>,
    /// What the kernel refused, by the name of the error.
    pub(super) fib_errors: BTreeMap<String, u64>,
}

impl Snapshot {
    pub(super) async fn take(shared: &Shared) -> Result<Self, Problem> {
        let totals = shared.ask(|engine, _| engine.totals()).await?;
        let mut all = Snapshot { totals, memory: look::held(shared).await?, ..Snapshot::default() };
        #[cfg(feature = "kernel")]
        {
            let installed = crate::api::kernel::totals(&shared.speaker).await;
            if let Some((totals, errors)) = installed {
                all.fib = Some([totals.installed as u64, totals.held as u64]);
                all.fib_errors = errors;
            }
        }
        let mut from = Bound::Unbounded;
        loop {
            let page: Vec<(PeerId, Peer)> = shared
                .ask(move |engine, now| {
                    engine
                        .peers_from(from)
                        .take(PAGE)
                        .map(|view| (view.id, asking::peer(&view, now)))
                        .collect()
                })
                .await?;
            let Some((last, _)) = page.last() else { return Ok(all) };
            from = Bound::Excluded(*last);
            page.into_iter().for_each(|(_, peer)| all.add(peer));
        }
    }

    fn add(&mut self, peer: Peer) {
        *self.states.entry(peer.state.clone()).or_default() += 1;
        if self.peers.len() < OWN {
            self.peers.push(peer);
        }
    }
}
