//! The engine and the kernel's routes: what one has to say to the other.

use super::Error;
use crate::{
    config::{Config, GracefulRestart, KernelRoutes},
    engine::Engine,
    kernel::{self, Kernel, Question, Told},
};
use bgp_proto::time::Time;

pub(super) use crate::kernel::News;
use std::{net::IpAddr, time::Duration};
use tokio::sync::{mpsc, watch};

/// Routes that are handed over together.
const BATCH: usize = 1024;
/// Batches that are handed over in one round.
const BATCHES: usize = 4;
/// The longest that routes from before the start stay for peers that we do not know of.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the thread may take to end, with all routes to remove.
const ENDING: Duration = Duration::from_secs(10);

/// The thread that keeps the kernel's routes, if there is one.
#[derive(Default)]
pub(super) struct Forwarder {
    kernel: Option<Kernel>,
    installs: bool,
    redistribute: Vec<KernelRoutes>,
    /// What could not be told yet.
    next_hops: Vec<(IpAddr, bool)>,
    /// Questions about next hops that have no answer yet.
    unanswered: usize,
    renewed: bool,
    was_complete: bool,
    /// The thread has more than enough to do.
    is_full: bool,
}

fn kinds(config: &Config) -> Vec<KernelRoutes> {
    config.redistribute.iter().map(|redistribute| redistribute.from).collect()
}

/// How long routes from before the start stay at least: who may connect is not known before it does.
fn patience(config: &Config) -> Duration {
    let dynamic = config.groups.iter().filter(|group| !group.accept_from.is_empty());
    let restarts = dynamic.filter_map(|group| group.settings.graceful_restart);
    let longest = restarts.map(|GracefulRestart { restart_time, .. }| restart_time).max();
    longest.unwrap_or_default().min(PATIENCE)
}

impl Forwarder {
    /// Starts the thread, if the configuration has anything for it to do.
    pub(super) fn start(config: &Config) -> Result<Self, Error> {
        if config.kernel.is_none() && !config.resolve_next_hops && config.redistribute.is_empty() {
            return Ok(Forwarder::default());
        }
        let settings = kernel::Settings {
            install: config.kernel.clone(),
            redistribute: kinds(config),
            patience: patience(config),
            objects: true,
        };
        let kernel = kernel::start(&settings).map_err(Error::Kernel)?;
        Ok(Forwarder {
            kernel: Some(kernel),
            installs: config.kernel.is_some(),
            redistribute: kinds(config),
            ..Forwarder::default()
        })
    }

    /// Whether the kernel had routes of ours: it has forwarded by them since we ended.
    pub(super) fn has_adopted(&self) -> bool {
        self.kernel.as_ref().is_some_and(|kernel| kernel.has_adopted)
    }

    /// Where the thread is asked.
    pub(super) fn asked(&self) -> Option<mpsc::Sender<Question>> {
        self.kernel.as_ref().filter(|_| self.installs).map(|kernel| kernel.asked.clone())
    }

    /// What counts on whenever something of our routes may be another than it was.
    pub(super) fn moved(&self) -> Option<watch::Receiver<u64>> {
        self.kernel.as_ref().filter(|_| self.installs).map(|kernel| kernel.moved.clone())
    }

    /// The engine is to say what is chosen.
    pub(super) fn begin(&self, engine: &mut Engine) {
        if self.installs {
            engine.forward();
        }
    }

    /// Another configuration applies.
    pub(super) fn renew(&mut self, config: &Config) {
        let kinds = kinds(config);
        if self.redistribute != kinds {
            (self.redistribute, self.renewed) = (kinds, true);
        }
    }

    /// Tells what is new. True: there is more.
    pub(super) fn tell(&mut self, engine: &mut Engine, works: bool) -> bool {
        let Some(kernel) = &self.kernel else { return false };
        // What follows from the end of all sessions is no reason to touch routes.
        if engine.is_going_down() {
            return false;
        }
        self.next_hops.extend(engine.changed_next_hops());
        for _ in 0..BATCHES {
            let permit = match kernel.told.try_reserve() {
                Ok(permit) => permit,
                Err(mpsc::error::TrySendError::Full(())) => {
                    self.is_full = true;
                    return false;
                }
                // It has ended, and said why.
                Err(mpsc::error::TrySendError::Closed(())) => return false,
            };
            if !self.next_hops.is_empty() {
                self.unanswered += 1;
                permit.send(Told::NextHops(std::mem::take(&mut self.next_hops)));
                continue;
            }
            if std::mem::take(&mut self.renewed) {
                permit.send(Told::Redistribute(self.redistribute.clone()));
                continue;
            }
            let mut chosen = Vec::new();
            if self.installs {
                engine.chosen_routes(BATCH, |one| chosen.push(one));
            }
            if !chosen.is_empty() {
                permit.send(Told::Chosen(chosen));
            } else if !self.was_complete && !works && self.unanswered == 0 && engine.is_complete() {
                // All that could be chosen is chosen.
                self.was_complete = true;
                permit.send(Told::Complete);
            } else {
                return false;
            }
        }
        true
    }

    /// What the thread tells, or `None`: it can be told more.
    pub(super) async fn next(&mut self) -> Option<News> {
        let Some(kernel) = &mut self.kernel else { return std::future::pending().await };
        let (told, full) = (kernel.told.clone(), self.is_full);
        let room = async { if full { drop(told.reserve().await) } else { std::future::pending().await } };
        let news = tokio::select! {
            news = kernel.news.recv() => news,
            () = room => {
                self.is_full = false;
                return None;
            }
        };
        if news.is_none() {
            self.kernel = None;
        }
        news.map(|news| self.heard(news))
    }

    /// What the thread has told by now.
    pub(super) fn waiting(&mut self) -> Option<News> {
        let news = self.kernel.as_mut()?.news.try_recv().ok()?;
        Some(self.heard(news))
    }

    fn heard(&mut self, news: News) -> News {
        if matches!(news, News::Answer(_)) {
            self.unanswered = self.unanswered.saturating_sub(1);
        }
        news
    }

    /// Ends the thread; where we leave for good, our routes go first.
    pub(super) async fn end(mut self, leaves: bool) {
        let Some(kernel) = self.kernel.take() else { return };
        let Kernel { told, mut news, .. } = kernel;
        let leaves = leaves && self.installs;
        let ended = async {
            if leaves {
                // It may have something to say before it listens.
                tokio::select! {
                    sent = told.send(Told::Leave) => drop(sent),
                    () = async { while news.recv().await.is_some() {} } => {}
                }
            }
            drop(told);
            while news.recv().await.is_some() {}
        };
        if tokio::time::timeout(ENDING, ended).await.is_err() {
            tracing::warn!("the thread that keeps the kernel's routes has not ended after {ENDING:?}");
        }
    }
}

/// What the thread told, for the engine.
pub(super) fn hear(engine: &mut Engine, now: Time, news: News) {
    match news {
        News::NextHops(costs) | News::Answer(costs) => {
            costs.into_iter().for_each(|(address, cost)| engine.next_hop(address, cost));
        }
        News::Passed(passed) => {
            passed.iter().for_each(|passed| engine.passed(now, passed.from, &passed.come, &passed.gone));
        }
    }
}
