//! Metrics and health over HTTP, from before the first plan on: a kubelet that gets no answer would end what only waits
//! for its cluster.

use super::metrics::{self, Scrape};
use crate::source::cluster::Standing;
use anyhow::Context;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use bgp_daemon::{
    api::{Metrics, OPEN_METRICS, Question},
    speaker::Speaker,
};
use prometheus_client::{encoding::text::encode, metrics::histogram::Histogram, registry::Registry};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
    time::timeout,
};

/// How long peers may take to be told the first plan before a question whether they were is answered with no.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who answers. Dropped, nobody does.
pub(super) struct Http {
    running: watch::Sender<Option<Running>>,
    serving: AbortHandle,
    measuring: Option<AbortHandle>,
}

/// What there is to be asked once the first plan is made.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) speaker: Speaker,
    pub(super) metrics: Metrics,
    pub(super) questions: mpsc::Sender<Question>,
}

#[derive(Clone)]
struct Shown {
    took: Histogram,
    standing: Option<watch::Receiver<Standing>>,
    running: watch::Receiver<Option<Running>>,
    /// The first plan was once on the wire of every peer that was up.
    told: watch::Sender<bool>,
}

impl Http {
    /// Answers from now on.
    pub(super) async fn open(
        address: SocketAddr,
        took: Histogram,
        standing: Option<watch::Receiver<Standing>>,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("nobody can be answered at {address}; use another port, or end who listens there")
        })?;
        let address = listener.local_addr()?;
        let (running, shown) = watch::channel(None);
        let router = Router::new()
            .route("/metrics", get(all_metrics))
            .route("/healthz", get(healthy))
            .route("/readyz", get(ready))
            .with_state(Shown { took, standing, running: shown, told: watch::Sender::new(false) });
        // It never fails: a listener takes care of its own.
        let serve = async move { drop(axum::serve(listener, router).await) };
        let serving = tokio::spawn(serve).abort_handle();
        tracing::info!("metrics and health are at http://{address}");
        Ok(Http { running, serving, measuring: None })
    }

    /// There is more to be told of from now on.
    pub(super) fn show(&mut self, running: Running) {
        let measuring = tokio::spawn(running.metrics.clone().measure());
        self.measuring = Some(measuring.abort_handle());
        self.running.send_replace(Some(running));
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.serving.abort();
        self.measuring.iter().for_each(AbortHandle::abort);
    }
}

async fn all_metrics(State(shown): State<Shown>) -> Response {
    let running = shown.running.borrow().clone();
    let (mut registry, scrape) = match &running {
        None => (Registry::default(), None),
        Some(running) => {
            let (Some(registry), Some(scrape)) = (running.metrics.registry().await, running.scrape().await)
            else {
                return no("the announcer is ending");
            };
            (registry, Some(scrape))
        }
    };
    let standing = shown.standing.map(|standing| *standing.borrow());
    metrics::register(&mut registry, shown.took, scrape, standing);
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => no("the metrics cannot be written"),
    }
}

impl Running {
    async fn scrape(&self) -> Option<Scrape> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(Question { about: "metrics".to_owned(), answer }).await.ok()?;
        let mut said = answered.await.ok()?.ok()?;
        serde_json::from_value(said.get_mut("value")?.take()).ok()
    }
}

/// Whether it lives: its own thread, for it answers, and the speaker's.
async fn healthy(State(shown): State<Shown>) -> Response {
    let running = shown.running.borrow().clone();
    match running {
        None => "ok: the first plan waits for the objects of the cluster\n".into_response(),
        Some(running) => match running.speaker.ask(|_, _| ()).await {
            Ok(()) => "ok\n".into_response(),
            Err(_) => no("the speaker has ended"),
        },
    }
}

/// Whether the first plan was told to every peer that is up, and that this was all of it.
async fn ready(State(shown): State<Shown>) -> Response {
    if *shown.told.borrow() {
        return "ok\n".into_response();
    }
    let running = shown.running.borrow().clone();
    let Some(running) = running else {
        let away = shown.standing.is_some_and(|standing| standing.borrow().is_away);
        return no(if away {
            "there is no plan yet: the API server does not answer"
        } else {
            "there is no plan yet: not all objects of the cluster are known; the log says what is waited for"
        });
    };
    match running.speaker.ask(|engine, _| engine.is_complete()).await {
        Err(_) => return no("the speaker has ended"),
        Ok(false) => {
            return no(
                "the first plan is told, and its end not yet: after a restart peers come first that routes are taken \
                 from, for up to 30 s",
            );
        }
        Ok(true) => {}
    }
    match timeout(PATIENCE, running.speaker.written()).await {
        Ok(Ok(())) => {
            shown.told.send_replace(true);
            "ok\n".into_response()
        }
        Ok(Err(_)) => no("the speaker has ended"),
        Err(_) => no("a peer does not take the first plan as fast as it is told; see kube-announcer peers"),
    }
}

fn no(sentence: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{sentence}\n")).into_response()
}
