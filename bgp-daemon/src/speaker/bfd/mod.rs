//! BFD of a running speaker: a thread of its own, so that nothing the speaker has to do delays a packet.

mod path;
mod socket;
mod task;

use crate::engine::{Path, PathSeen, PeerId};
use std::{collections::BTreeMap, io, net::IpAddr, thread, time::Duration};
use tokio::{sync::watch, time::timeout};

/// How the sessions are, as far as there was anything to say.
pub(super) type Seen = BTreeMap<PeerId, PathSeen>;

/// What is to be.
#[derive(Clone, Debug, Default)]
struct Wanted {
    paths: BTreeMap<PeerId, Path>,
    /// Where the speaker listens: packets are taken there too.
    listen: Vec<IpAddr>,
}

/// How long the thread may take to say its last words.
const ENDING: Duration = Duration::from_secs(1);

/// The thread, once there is anything for it to do.
pub(super) struct Paths {
    /// What it is told; it ends when this is dropped.
    wanted: watch::Sender<Wanted>,
    /// What it will tell by.
    unborn: Option<watch::Sender<Seen>>,
}

impl Paths {
    /// No thread yet; and where it will tell what it sees.
    pub(super) fn new() -> (Paths, watch::Receiver<Seen>) {
        let (unborn, seen) = watch::channel(Seen::new());
        (Paths { wanted: watch::channel(Wanted::default()).0, unborn: Some(unborn) }, seen)
    }

    /// From now on this is the session of a peer.
    pub(super) fn want(&mut self, peer: PeerId, path: Option<Path>) {
        let begins = path.is_some();
        self.wanted.send_modify(|wanted| match path {
            Some(path) => drop(wanted.paths.insert(peer, path)),
            None => drop(wanted.paths.remove(&peer)),
        });
        if begins && let Err(error) = self.begin() {
            tracing::error!("there is no BFD: {error}");
        }
    }

    /// The speaker listens here.
    pub(super) fn listen(&self, at: impl Iterator<Item = IpAddr>) {
        let listen: Vec<_> = at.collect();
        self.wanted.send_if_modified(|wanted| {
            let is_other = wanted.listen != listen;
            wanted.listen = listen;
            is_other
        });
    }

    fn begin(&mut self) -> io::Result<()> {
        let Some(seen) = self.unborn.take() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let task = task::Task::new(self.wanted.subscribe(), seen);
        thread::Builder::new().name("bfd".into()).spawn(move || runtime.block_on(task.run()))?;
        Ok(())
    }

    /// Tells all peers that this ends on purpose.
    pub(super) async fn end(self, mut seen: watch::Receiver<Seen>) {
        drop(self);
        if timeout(ENDING, async { while seen.changed().await.is_ok() {} }).await.is_err() {
            tracing::warn!("the thread of BFD has not ended after {ENDING:?}");
        }
    }
}
