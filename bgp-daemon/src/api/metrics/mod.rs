//! Metrics in the OpenMetrics text form, and whether the speaker is well: what `[api] http` answers.

mod rows;
mod snapshot;

use super::{problem::Problem, serve::Shared};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, text::encode},
    metrics::{
        MetricType,
        counter::ConstCounter,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use rows::{Kind, ROWS};
use snapshot::Snapshot;
use std::{fmt, sync::Arc, time::Duration};

/// How often it is measured how long it takes until peers are told.
const PROBE: Duration = Duration::from_secs(1);

/// How long it takes from what is learned until the socket of the slowest peer has taken what follows from it.
pub(super) struct Latency(Histogram);

impl Latency {
    pub(super) fn new() -> Self {
        Latency(Histogram::new(exponential_buckets(0.0005, 4.0, 9)))
    }

    /// `/metrics`, `/healthz` and `/readyz`.
    pub(super) fn router(&self) -> Router<Arc<Shared>> {
        let histogram = self.0.clone();
        let metrics = |State(shared): State<Arc<Shared>>| async move { metrics(&shared, histogram).await };
        Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(healthy))
            .route("/readyz", get(ready))
    }

    /// Measures until the speaker ends.
    pub(super) async fn measure(self, shared: Arc<Shared>) {
        while let Ok(began) = shared.ask(|_, now| now).await {
            if shared.speaker.written().await.is_err() {
                return;
            }
            if let Ok(now) = shared.ask(|_, now| now).await {
                self.0.observe((now - began).as_secs_f64());
            }
            tokio::time::sleep(PROBE).await;
        }
    }
}

/// Encodes the rows of the table with what was found.
#[derive(Debug)]
struct Scrape(Snapshot);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for row in ROWS {
            let kind = if row.kind == Kind::Counter { MetricType::Counter } else { MetricType::Gauge };
            let mut metric = encoder.encode_descriptor(row.name, &format!("{}.", row.help), None, kind)?;
            for (labels, value) in (row.series)(&self.0) {
                let series = metric.encode_family(&labels)?;
                match row.kind {
                    Kind::Counter => ConstCounter::new(value).encode(series)?,
                    Kind::Gauge => ConstGauge::new(value).encode(series)?,
                }
            }
        }
        Ok(())
    }
}

async fn metrics(shared: &Shared, latency: Histogram) -> Result<Response, Problem> {
    let mut registry = Registry::default();
    let help =
        "From what was learned until the slowest peer's socket has taken what follows, probed once a second";
    registry.register("bgp_update_latency_seconds", help, latency);
    registry.register_collector(Box::new(Scrape(Snapshot::take(shared).await?)));
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|_| Problem::gone())?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}

/// Whether the speaker answers at all.
async fn healthy(State(shared): State<Arc<Shared>>) -> Result<&'static str, Problem> {
    shared.ask(|_, _| "ok\n").await
}

/// Whether the first complete set of routes is known, so that peers can be told all of it.
async fn ready(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let complete = shared.ask(|engine, _| engine.is_complete()).await?;
    Ok(if complete {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the first complete set of routes is not known yet\n")
            .into_response()
    })
}
