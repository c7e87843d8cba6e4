//! Learned routes in the kernel: a thread that keeps the kernel's routes as a [`Fib`] wants them, by messages of our own
//! making. It is told what is chosen and tells which next hops can be reached.

mod able;
mod batch;
mod lock;
mod numbers;
mod read;
mod shown;
mod socket;
mod task;
#[cfg(test)]
mod tests;

use crate::{
    config::{self, KernelRoutes},
    fib::{Fib, Mark, Passed, guard::Guard},
    rib::Chosen,
};
use able::{Able, as_told};
use ipnet::IpNet;
use std::{fmt, io, net::IpAddr, thread, time::Duration};
use task::{Ends, Task};
use tokio::sync::{mpsc, oneshot, watch};

pub use shown::{Page, Row, State};

/// What the thread is told by the engine's owner.
pub(crate) enum Told {
    /// Other routes are chosen.
    Chosen(Vec<Chosen>),
    /// Next hops are of interest from now on, or not any more.
    NextHops(Vec<(IpAddr, bool)>),
    /// All that peers had to say was said: what nobody chose is removed.
    Complete,
    /// From now on these routes of others are passed on.
    Redistribute(Vec<KernelRoutes>),
    /// Remove all routes of ours.
    Leave,
}

/// What the thread tells.
pub(crate) enum News {
    /// Next hops can be reached at these costs from now on; `None`: not at all.
    NextHops(Vec<(IpAddr, Option<u32>)>),
    /// The same, as the answer to [`Told::NextHops`]: each has one.
    Answer(Vec<(IpAddr, Option<u32>)>),
    /// Routes of others came or went.
    Passed(Vec<Passed>),
}

/// Which routes somebody wants to see.
pub(crate) enum Wanted {
    /// Those behind a prefix, up to so many.
    Behind(Option<IpNet>, usize),
    /// Those to these prefixes.
    These(Vec<IpNet>),
}

/// Somebody wants to see routes.
pub(crate) type Question = (Wanted, oneshot::Sender<Page>);

/// What the thread is started with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where routes are installed; `None`: nowhere, and next hops are only resolved.
    pub(crate) install: Option<config::Kernel>,
    /// Routes of others that are passed on.
    pub(crate) redistribute: Vec<KernelRoutes>,
    /// How long what was installed before the start stays at least: peers that we do not know of may come back.
    pub(crate) patience: Duration,
    /// Next hop objects are used where the kernel has them.
    pub(crate) objects: bool,
}

/// Batches of chosen routes that wait at the most: who chooses waits with more.
const TOLD: usize = 16;
/// News that wait at the most; the thread waits with more.
const NEWS: usize = 64;
/// Questions that wait at the most; who asks more waits.
const QUESTIONS: usize = 16;

/// A running thread.
pub(crate) struct Kernel {
    /// Where it is told; it ends when this is dropped.
    pub(crate) told: mpsc::Sender<Told>,
    /// What it tells.
    pub(crate) news: mpsc::Receiver<News>,
    /// Where it is asked.
    pub(crate) asked: mpsc::Sender<Question>,
    /// Counts on whenever something of our routes may be another than it was.
    pub(crate) moved: watch::Receiver<u64>,
    /// Routes of ours were there already.
    pub(crate) has_adopted: bool,
}

/// Why routes cannot be installed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Another instance has the same mark.
    Taken(Mark),
    /// We may not change routes.
    NotAllowed,
    /// The machine refuses something.
    System(&'static str, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Taken(Mark { protocol, table, .. }) => write!(
                f,
                "another instance installs routes of protocol {protocol} in table {table} here; stop it, or give \
                 this one another kernel.protocol or kernel.table"
            ),
            Error::NotAllowed => {
                f.write_str("routes cannot be installed: the capability CAP_NET_ADMIN is missing; grant it")
            }
            Error::System(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for Error {}

/// Starts the thread. What the kernel holds is known when this returns.
pub(crate) fn start(settings: &Settings) -> Result<Kernel, Error> {
    let (told, inbox) = mpsc::channel(TOLD);
    let (out, news) = mpsc::channel(NEWS);
    let (asked, questions) = mpsc::channel(QUESTIONS);
    let (moves, moved) = watch::channel(0);
    let (mut task, watch) = Task::new(settings, Ends { told: inbox, news: out, questions, moves })?;
    let has_adopted = task.begin()?;
    let failed = |error| Error::System("the kernel's routes cannot be followed", error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let run = move || {
        if let Err(error) = runtime.block_on(task.run(watch)) {
            tracing::error!("routes are not installed any more: {error}; start again");
        }
    };
    thread::Builder::new().name("kernel".into()).spawn(run).map_err(failed)?;
    Ok(Kernel { told, news, asked, moved, has_adopted })
}

/// What routes and next hop objects of ours carry.
fn mark(settings: &Settings) -> Mark {
    let usual = config::Kernel::default();
    let kernel = settings.install.as_ref().unwrap_or(&usual);
    Mark { protocol: kernel.protocol, table: kernel.table, metric: kernel.metric }
}

/// The plain value for these settings.
fn fib(settings: &Settings, able: Able) -> Fib {
    let usual = config::Kernel::default();
    let kernel = settings.install.as_ref().unwrap_or(&usual);
    let Able { objects, resilient } = able;
    Fib::new(crate::fib::Settings {
        mark: mark(settings),
        objects,
        multipath: kernel.multipath.into(),
        resilient: kernel.resilient.as_ref().filter(|_| resilient).map(as_told),
        max_routes: kernel.max_routes,
        guard: Guard::new(kernel.default_route, &kernel.protected, &kernel.allow_connected),
    })
}
