//! The running speaker: a shell of small tasks that moves octets between TCP and one [`Engine`].
//!
//! A [`Speaker`] runs on a thread of its own, so that nothing that its owner does delays BGP. What is done with it is
//! asked for over a bounded channel and answered; the handle can be cloned and used from any runtime.

mod bfd;
pub(crate) mod clock;
mod connection;
mod dial;
mod discover;
#[cfg(feature = "kernel")]
mod forward;
mod identity;
mod inputs;
mod interfaces;
mod link;
mod listen;
#[cfg(not(feature = "kernel"))]
mod nobody;
mod socket;
mod source;
mod task;

pub use source::Source;

use crate::{
    config::Config,
    engine::{self, Change, Changed, Engine, Event, Reset, Shutdown, Which},
};
use bgp_proto::{numbers::RouterId, time::Time};
#[cfg(feature = "kernel")]
use forward::{Forwarder, News, hear};
use inputs::Request;
#[cfg(not(feature = "kernel"))]
use nobody::{Forwarder, News, hear};
use std::{fmt, io, net::SocketAddr, thread};
use task::Task;
#[cfg(feature = "kernel")]
use tokio::sync::watch;
use tokio::sync::{broadcast, mpsc, oneshot};

type Report = connection::Report<dial::Ends>;

/// How many requests wait at the most; who asks for more waits.
const REQUESTS: usize = 64;
/// How many events a subscriber may be behind before it misses the oldest.
const EVENTS: usize = 1024;

/// What a speaker is started with, beside its configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// We ran a moment ago, and the kernel still forwards as we left it: peers are told so, and our End-of-RIB waits
    /// for theirs. It goes without saying where no routes are installed, and where routes of ours are found in the
    /// kernel.
    pub restarting: bool,
    /// Owners whose first whole set of routes our End-of-RIB waits for.
    pub expects: Vec<String>,
}

/// Why something was not done.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The speaker has ended.
    Ended,
    /// The engine refuses, and nothing was changed.
    NotDone(engine::NotDone),
    /// An address cannot be listened at.
    Listen(SocketAddr, io::Error),
    /// No identifier is configured, and the machine has no address to make one from.
    NoRouterId,
    /// The machine refuses something that every speaker needs.
    System(io::Error),
    /// Routes cannot be installed.
    #[cfg(feature = "kernel")]
    Kernel(crate::kernel::Error),
    /// No routes are installed.
    NoKernel,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Ended => f.write_str("the speaker has ended"),
            Error::NotDone(error) => error.fmt(f),
            Error::Listen(address, error) => {
                let advice = match error.kind() {
                    io::ErrorKind::PermissionDenied => {
                        "; ports below 1024 need the capability CAP_NET_BIND_SERVICE"
                    }
                    io::ErrorKind::AddrInUse => "; does another BGP speaker run here?",
                    io::ErrorKind::AddrNotAvailable => "; use an address that this machine has",
                    _ => "",
                };
                write!(f, "cannot listen at {address}: {error}{advice}")
            }
            Error::NoRouterId => f.write_str(
                "there is no router_id, and this machine has no address to make one from; set router_id",
            ),
            Error::System(error) => write!(f, "the speaker cannot run: {error}"),
            #[cfg(feature = "kernel")]
            Error::Kernel(error) => error.fmt(f),
            Error::NoKernel => {
                f.write_str("no routes are installed: there is no [kernel] in the configuration")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::NotDone(error) => Some(error),
            Error::Listen(_, error) | Error::System(error) => Some(error),
            #[cfg(feature = "kernel")]
            Error::Kernel(error) => Some(error),
            Error::Ended | Error::NoRouterId | Error::NoKernel => None,
        }
    }
}

impl From<engine::NotDone> for Error {
    fn from(error: engine::NotDone) -> Self {
        Error::NotDone(error)
    }
}

/// A running speaker. Clones are handles to the same one; when the last of them is gone, it ends as if it was about to
/// be started again ([`Shutdown::Restart`]).
#[derive(Clone, Debug)]
pub struct Speaker {
    requests: mpsc::Sender<Request>,
    events: broadcast::WeakSender<Event>,
    #[cfg(feature = "kernel")]
    asked: Option<mpsc::Sender<crate::kernel::Question>>,
    #[cfg(feature = "kernel")]
    moved: Option<watch::Receiver<u64>>,
}

impl Speaker {
    /// Starts a speaker on a thread of its own. It listens where it should when this returns.
    pub fn start(config: Config, start: Start) -> Result<Speaker, Error> {
        let now = clock::now();
        let router_id = config.router_id.map_or_else(found_router_id, Ok)?;
        let bound: Result<Vec<_>, Error> = config.listen.iter().copied().map(listen::bind).collect();
        let bound = bound?;
        let forwarder = Forwarder::start(&config)?;
        #[cfg(feature = "kernel")]
        let (asked, moved) = (forwarder.asked(), forwarder.moved());
        let start = engine::Start {
            seed: identity::seed(),
            router_id,
            restarting: start.restarting || forwarder.has_adopted(),
            expects: start.expects,
        };
        let engine = Engine::new(config, start, now)?;
        let (requests, inbox) = mpsc::channel(REQUESTS);
        let (events, _) = broadcast::channel(EVENTS);
        let subscribers = events.downgrade();
        let (begun, begins) = std::sync::mpsc::sync_channel(1);
        let run = move || {
            // The runtime is made and dropped here: it may be neither inside of the caller's.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let ended = runtime.map_err(Error::System).and_then(|runtime| {
                let inside = runtime.enter();
                let (task, inputs) = Task::new(engine, bound, inbox, events, forwarder)?;
                drop(inside);
                let _ = begun.send(Ok(()));
                // A task of its own, so that it takes turns with the connections.
                let ended = runtime.block_on(async { tokio::spawn(task.run(inputs)).await });
                ended.map_err(|error| Error::System(io::Error::other(error)))
            });
            if let Err(error) = ended {
                tracing::error!("{error}");
                // Who started it waits for that only until it runs.
                let _ = begun.try_send(Err(error));
            }
        };
        thread::Builder::new().name("bgp".into()).spawn(run).map_err(Error::System)?;
        begins.recv().map_err(|_| Error::Ended)??;
        Ok(Speaker {
            requests,
            events: subscribers,
            #[cfg(feature = "kernel")]
            asked,
            #[cfg(feature = "kernel")]
            moved,
        })
    }

    /// The routes of an owner. The same owner, the same routes, whoever asks.
    pub fn source(&self, owner: &str) -> Source {
        Source::new(self.clone(), owner)
    }

    /// Makes a change: all of it, or nothing.
    pub async fn change(&self, change: Change) -> Result<Changed, Error> {
        self.request(|answer| Request::Change(Box::new(change), answer)).await?
    }

    /// From now on this is the configuration.
    pub async fn reload(&self, config: Config) -> Result<Changed, Error> {
        self.change(Change::new().config(config)).await
    }

    /// What happens from now on. To miss nothing, start without peers and give them by [`Speaker::reload`].
    pub fn events(&self) -> Events {
        Events(self.events.upgrade().map(|events| events.subscribe()))
    }

    /// Where it listens, with the ports that the kernel chose.
    pub async fn listening(&self) -> Result<Vec<SocketAddr>, Error> {
        self.request(Request::Listening).await
    }

    /// Up to so many of our routes in the kernel, or kept out of it, behind a prefix.
    #[cfg(feature = "kernel")]
    pub async fn kernel_routes(
        &self,
        after: Option<ipnet::IpNet>,
        limit: usize,
    ) -> Result<crate::kernel::Page, Error> {
        self.kernel_page(crate::kernel::Wanted::Behind(after, limit)).await
    }

    /// Our routes to these prefixes in the kernel, or kept out of it.
    #[cfg(feature = "kernel")]
    pub async fn kernel_routes_to(&self, prefixes: Vec<ipnet::IpNet>) -> Result<crate::kernel::Page, Error> {
        self.kernel_page(crate::kernel::Wanted::These(prefixes)).await
    }

    /// Counts on whenever something of our routes in the kernel may be another than it was: a reason to ask again for
    /// those that somebody waits for. `None`: no routes are installed.
    #[cfg(feature = "kernel")]
    pub fn kernel_moves(&self) -> Option<watch::Receiver<u64>> {
        self.moved.clone()
    }

    #[cfg(feature = "kernel")]
    async fn kernel_page(&self, wanted: crate::kernel::Wanted) -> Result<crate::kernel::Page, Error> {
        let asked = self.asked.as_ref().ok_or(Error::NoKernel)?;
        let (answer, answered) = oneshot::channel();
        asked.send((wanted, answer)).await.map_err(|_| Error::Ended)?;
        answered.await.map_err(|_| Error::Ended)
    }

    /// Looks at the engine, between two of its rounds. What takes long is better asked for in pages.
    pub async fn ask<T, F>(&self, question: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Engine, Time) -> T + Send + 'static,
    {
        self.tell(|engine, now| question(engine, now)).await
    }

    /// Ends the sessions of some peers so that they come up again, or has both sides say all again. Returns how many.
    pub async fn reset(&self, which: Which, how: Reset) -> Result<usize, Error> {
        self.tell(move |engine, now| engine.reset(now, &which, &how)).await
    }

    /// Shuts some peers down until [`Speaker::start_peers`], with a text for their operators. Returns how many.
    pub async fn shut_down_peers(&self, which: Which, text: String) -> Result<usize, Error> {
        self.tell(move |engine, now| engine.shut_down(now, &which, &text)).await
    }

    /// Starts peers that were shut down, and dials at once those that wait for their next try. Returns how many.
    pub async fn start_peers(&self, which: Which) -> Result<usize, Error> {
        self.tell(move |engine, now| engine.start(now, &which)).await
    }

    /// Returns when all that follows from what was asked for before has been taken by the socket of every peer whose
    /// session is up.
    pub async fn written(&self) -> Result<(), Error> {
        self.request(Request::Written).await
    }

    /// Ends all sessions and then the speaker; returns when it has ended.
    pub async fn shutdown(&self, how: Shutdown) {
        // It ends already where nobody takes the request.
        let _ = self.requests.send(Request::Shutdown(how)).await;
        self.join().await;
    }

    /// Returns when the speaker has ended.
    pub async fn join(&self) {
        self.requests.closed().await;
    }

    /// Does something with the engine, between two of its rounds.
    pub async fn tell<T, F>(&self, what: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Engine, Time) -> T + Send + 'static,
    {
        self.request(|answer| {
            Request::Engine(Box::new(move |engine, now| {
                // Who asked may be gone by now.
                let _ = answer.send(what(engine, now));
            }))
        })
        .await
    }

    async fn request<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(request(answer)).await.map_err(|_| Error::Ended)?;
        answered.await.map_err(|_| Error::Ended)
    }
}

/// An identifier made of an address of this machine, which is said.
fn found_router_id() -> Result<RouterId, Error> {
    let identity::Identity { router_id, interface, address } = identity::of_this_machine()?;
    tracing::info!("the router id is {router_id}, made from the address {address} of {interface}");
    Ok(router_id)
}

/// What happens in a speaker, for one subscriber.
#[derive(Debug)]
pub struct Events(Option<broadcast::Receiver<Event>>);

/// What a subscriber hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Something happened.
    Event(Event),
    /// The subscriber was too slow: so many events are lost to it.
    Missed(u64),
}

impl Events {
    /// The next one; `None`: the speaker has ended.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.as_mut()?.recv().await {
            Ok(event) => Some(Heard::Event(event)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
