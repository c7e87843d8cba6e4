//! Which path is answered by whom, and on which socket.

use super::{
    look, metrics, peers,
    problem::Problem,
    routes,
    socket::{NoSocket, Socket},
    steer,
};
use crate::{
    config,
    engine::{Engine, Shutdown},
    speaker::Speaker,
};
use axum::{
    Router,
    extract::Request,
    http::Method,
    routing::{get, post},
};
use bgp_proto::time::Time;
use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::{net::TcpListener, sync::watch, task::AbortHandle};

/// Sets the levels of logging; the error is a sentence.
pub type SetLevels = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// What an API tells of, and may change, beside the speaker.
#[derive(Clone)]
pub struct Program {
    /// When the speaker was started.
    pub started: Time,
    /// Sets the levels of logging.
    pub log: SetLevels,
    /// The configuration in force, as it was written.
    pub config: watch::Receiver<super::document::Config>,
    /// Whoever asks the speaker to end says here how.
    pub end: watch::Sender<Option<Shutdown>>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Program")
    }
}

/// What all handlers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) speaker: Speaker,
    pub(super) program: Program,
}

impl Shared {
    /// Asks the engine, in its own thread: keep it short.
    pub(super) async fn ask<R: Send + 'static>(
        &self,
        question: impl FnOnce(&Engine, Time) -> R + Send + 'static,
    ) -> Result<R, Problem> {
        self.speaker.ask(question).await.map_err(|_| Problem::gone())
    }

    /// Has the engine do something, in its own thread: keep it short.
    pub(super) async fn tell<R: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Engine, Time) -> R + Send + 'static,
    ) -> Result<R, Problem> {
        self.speaker.tell(what).await.map_err(|_| Problem::gone())
    }
}

type Shares = Arc<Shared>;

/// What everybody may ask.
fn looking() -> Router<Shares> {
    Router::new()
        .route("/status", get(look::status))
        .route("/peers", get(peers::list))
        .route("/peers/{peer}", get(peers::one))
        .route("/peers/{peer}/faults", get(peers::faults))
        .route("/routes", get(routes::routes))
        .route("/why/{prefix}", get(look::why))
        .route("/policies", get(look::policies))
        .route("/groups", get(look::groups))
        .route("/memory", get(look::memory))
        .route("/config", get(look::config))
}

/// What changes something.
fn steering() -> Router<Shares> {
    Router::new()
        .route("/peers/{peer}/reset", post(steer::reset))
        .route("/peers/{peer}/shutdown", post(steer::shut_down))
        .route("/peers/{peer}/start", post(steer::start))
        .route("/announce", post(steer::announce))
        .route("/withdraw", post(steer::withdraw))
        .route("/leave", post(steer::leave))
        .route("/log", post(steer::log))
        .route("/compare", post(steer::compare))
}

async fn unknown(request: Request) -> Problem {
    let (method, path) = (request.method(), request.uri().path());
    Problem::missing(format!("there is no {method} {path}; docs/api.md lists what there is"))
}

async fn read_only(request: Request) -> Problem {
    if *request.method() == Method::GET {
        return unknown(request).await;
    }
    Problem::forbidden("this socket only lets you look; use the daemon's other socket to change something")
}

/// The sockets of a speaker. Dropped, they are gone.
#[derive(Debug)]
pub struct Api {
    shared: Arc<Shared>,
    open: BTreeMap<Place, Task>,
}

/// Where somebody can ask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Everything(PathBuf),
    ReadOnly(PathBuf),
    Http(SocketAddr),
}

/// The places of a configuration.
fn places(config: &config::Api) -> Vec<Place> {
    let config::Api { socket, read_only_socket, http } = config.clone();
    let everything = socket.map(Place::Everything);
    let read_only = read_only_socket.map(Place::ReadOnly);
    everything.into_iter().chain(read_only).chain(http.map(Place::Http)).collect()
}

/// A task that ends with its owner.
#[derive(Debug)]
struct Task(AbortHandle);

impl Task {
    fn spawn<F: Future<Output: Send> + Send + 'static>(task: F) -> Self {
        Task(tokio::spawn(task).abort_handle())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Places that are open, and take over when they are put in force.
#[derive(Debug)]
pub struct Opened(BTreeMap<Place, Task>);

impl Api {
    /// An API that listens nowhere yet.
    pub fn new(speaker: &Speaker, program: &Program) -> Self {
        let shared = Arc::new(Shared { speaker: speaker.clone(), program: program.clone() });
        Api { shared, open: BTreeMap::new() }
    }

    /// Listens where a configuration says, beside where it listens already. In a tokio runtime.
    ///
    /// # Errors
    /// A place cannot be had; nothing has changed.
    pub async fn open(&self, config: &config::Api) -> Result<Opened, NoSocket> {
        let mut opened = BTreeMap::new();
        for place in places(config).into_iter().filter(|place| !self.open.contains_key(place)) {
            let task = self.listen(&place).await?;
            opened.insert(place, task);
        }
        Ok(Opened(opened))
    }

    /// From now on it listens where this configuration says, for which places were opened, and nowhere else.
    pub fn put_in_force(&mut self, config: &config::Api, Opened(opened): Opened) {
        let wanted = places(config);
        self.open.retain(|place, _| wanted.contains(place));
        self.open.extend(opened);
    }

    async fn listen(&self, place: &Place) -> Result<Task, NoSocket> {
        let shared = Arc::clone(&self.shared);
        Ok(match place {
            Place::Everything(path) => {
                let router =
                    looking().merge(steering()).fallback(unknown).method_not_allowed_fallback(unknown);
                Task::spawn(axum::serve(Socket::bind(path, 0o660)?, router.with_state(shared)).into_future())
            }
            Place::ReadOnly(path) => {
                let router = looking().fallback(read_only).method_not_allowed_fallback(read_only);
                Task::spawn(axum::serve(Socket::bind(path, 0o666)?, router.with_state(shared)).into_future())
            }
            Place::Http(address) => {
                let listener =
                    TcpListener::bind(address).await.map_err(|error| NoSocket::new(address, error))?;
                let router = metrics::router().fallback(unknown).with_state(shared);
                Task::spawn(axum::serve(listener, router).into_future())
            }
        })
    }
}
