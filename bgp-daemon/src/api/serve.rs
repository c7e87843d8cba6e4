//! Which path is answered by whom, and on which socket.

use super::{
    look,
    metrics::Metrics,
    peers,
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
    extract::{DefaultBodyLimit, Request},
    http::Method,
    routing::{get, post},
    serve::Listener,
};
use bgp_proto::time::Time;
use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, Permissions},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
    task::{AbortHandle, JoinHandle},
    time::timeout,
};

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
    /// Where questions go that the program itself answers; `None`: there are none.
    pub questions: Option<mpsc::Sender<Question>>,
}

/// A question to the program around the speaker: `GET /program/…`.
#[derive(Debug)]
pub struct Question {
    /// The rest of the path.
    pub about: String,
    /// A document, or a sentence that says why there is none.
    pub answer: oneshot::Sender<Result<serde_json::Value, String>>,
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
    let router = Router::new();
    #[cfg(feature = "kernel")]
    let router = router.route("/kernel", get(super::kernel::list));
    router
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
        .route("/program/{*about}", get(look::program))
}

/// What changes something.
fn steering() -> Router<Shares> {
    Router::new()
        .route("/peers/{peer}/reset", post(steer::reset))
        .route("/peers/{peer}/shutdown", post(steer::shut_down))
        .route("/peers/{peer}/start", post(steer::start))
        .route("/peers/{peer}/log", post(steer::log_messages))
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

/// The largest body: a configuration with many routes of our own.
const LARGEST: usize = 16 << 20;

/// How long an answer that is under way may take when the API closes.
const FAREWELL: Duration = Duration::from_secs(1);

/// The sockets of a speaker. Dropped, they are gone.
#[derive(Debug)]
pub struct Api {
    shared: Arc<Shared>,
    open: BTreeMap<Place, Task>,
    closing: watch::Sender<bool>,
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
    let config::Api { socket, read_only_socket, http, .. } = config.clone();
    let everything = socket.map(Place::Everything);
    let read_only = read_only_socket.map(Place::ReadOnly);
    everything.into_iter().chain(read_only).chain(http.map(Place::Http)).collect()
}

/// The sockets of a configuration, with the modes of their files.
fn modes(config: &config::Api) -> impl Iterator<Item = (&PathBuf, u32)> {
    let everything = config.socket.iter().map(|path| (path, config.socket_mode.unwrap_or(0o660)));
    let read_only = config.read_only_socket.iter();
    everything.chain(read_only.map(|path| (path, config.read_only_socket_mode.unwrap_or(0o666))))
}

/// A task that ends with its owner, and one beside it.
#[derive(Debug)]
struct Task {
    serving: JoinHandle<()>,
    beside: Option<AbortHandle>,
}

impl Task {
    /// Answers by this router until it is told to close, and then what was asked before.
    fn serve<L>(listener: L, router: Router, mut closing: watch::Receiver<bool>) -> Self
    where
        L: Listener<Addr: fmt::Debug>,
    {
        let closed = async move { drop(closing.wait_for(|closing| *closing).await) };
        let serve = axum::serve(listener, router).with_graceful_shutdown(closed);
        // It never fails: a listener takes care of its own.
        Task { serving: tokio::spawn(async move { drop(serve.await) }), beside: None }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.serving.abort();
        self.beside.iter().for_each(AbortHandle::abort);
    }
}

/// Places that are open, and take over when they are put in force.
#[derive(Debug)]
pub struct Opened(BTreeMap<Place, Task>);

impl Api {
    /// An API that listens nowhere yet.
    pub fn new(speaker: &Speaker, program: &Program) -> Self {
        let shared = Arc::new(Shared { speaker: speaker.clone(), program: program.clone() });
        Api { shared, open: BTreeMap::new(), closing: watch::Sender::new(false) }
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
        for (path, mode) in modes(config) {
            if let Err(error) = fs::set_permissions(path, Permissions::from_mode(mode)) {
                tracing::error!("{} cannot be given the mode {mode:04o}: {error}", path.display());
            }
        }
    }

    /// The metrics of the speaker, for a program that shows them beside its own.
    pub fn metrics(&self) -> Metrics {
        Metrics::new(Arc::clone(&self.shared))
    }

    /// Listens nowhere any more, and returns when everybody has his answer, or waited long enough for it.
    pub async fn close(mut self) {
        self.closing.send_replace(true);
        for task in self.open.values_mut() {
            let _ = timeout(FAREWELL, &mut task.serving).await;
        }
    }

    async fn listen(&self, place: &Place) -> Result<Task, NoSocket> {
        let (shared, closing) = (Arc::clone(&self.shared), self.closing.subscribe());
        Ok(match place {
            Place::Everything(path) => {
                let router =
                    looking().merge(steering()).fallback(unknown).method_not_allowed_fallback(unknown);
                let router = router.layer(DefaultBodyLimit::max(LARGEST));
                Task::serve(Socket::bind(path)?, router.with_state(shared), closing)
            }
            Place::ReadOnly(path) => {
                let router = looking().fallback(read_only).method_not_allowed_fallback(read_only);
                Task::serve(Socket::bind(path)?, router.with_state(shared), closing)
            }
            Place::Http(address) => {
                let listener =
                    TcpListener::bind(address).await.map_err(|error| NoSocket::new(address, error))?;
                let metrics = Metrics::new(Arc::clone(&shared));
                let router = metrics.router().fallback(unknown).with_state(shared);
                let beside = tokio::spawn(metrics.measure()).abort_handle();
                let mut task = Task::serve(listener, router, closing);
                task.beside = Some(beside);
                task
            }
        })
    }
}
