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
use std::{fmt, sync::Arc};
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
#[derive(Debug, Default)]
pub struct Api {
    tasks: Vec<Task>,
}

/// A task that ends with its owner.
#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Api {
    /// Listens where the configuration says. In a tokio runtime.
    ///
    /// # Errors
    /// A socket cannot be had, as a sentence.
    pub async fn start(config: &config::Api, speaker: &Speaker, program: &Program) -> Result<Self, NoSocket> {
        let shared = Arc::new(Shared { speaker: speaker.clone(), program: program.clone() });
        let all = looking().merge(steering()).fallback(unknown).method_not_allowed_fallback(unknown);
        let read_only = looking().fallback(read_only).method_not_allowed_fallback(read_only);
        let rows = [(&config.socket, 0o660, all), (&config.read_only_socket, 0o666, read_only)];
        let mut api = Api::default();
        for (path, mode, router) in rows {
            if let Some(path) = path {
                let socket = Socket::bind(path, mode)?;
                api.spawn(axum::serve(socket, router.with_state(Arc::clone(&shared))).into_future());
            }
        }
        if let Some(address) = config.http {
            let listener = TcpListener::bind(address).await.map_err(|error| NoSocket::new(address, error))?;
            let router = metrics::router().fallback(unknown).with_state(shared);
            api.spawn(axum::serve(listener, router).into_future());
        }
        Ok(api)
    }

    fn spawn<F: Future<Output: Send> + Send + 'static>(&mut self, task: F) {
        self.tasks.push(Task(tokio::spawn(task).abort_handle()));
    }
}
