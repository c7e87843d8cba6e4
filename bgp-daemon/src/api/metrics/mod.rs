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

/// The type of the text.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How often it is measured how long it takes until peers are told.
const PROBE: Duration = Duration::from_secs(1);

/// The metrics of a speaker, for whoever shows them, beside others or alone.
#[derive(Clone, Debug)]
pub struct Metrics {
    shared: Arc<Shared>,
    /// How long it takes from what is learned until the socket of the slowest peer has taken what follows from it.
    latency: Histogram,
}

impl Metrics {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Metrics { shared, latency: Histogram::new(exponential_buckets(0.0005, 4.0, 9)) }
    }

    /// `/metrics`, `/healthz` and `/readyz`.
    pub(super) fn router(&self) -> Router<Arc<Shared>> {
        let own = self.clone();
        let metrics = || async move { own.answer().await };
        Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(healthy))
            .route("/readyz", get(ready))
    }

    /// Measures how long peers wait to be told, until the speaker ends.
    pub async fn measure(self) {
        while let Ok(began) = self.shared.ask(|_, now| now).await {
            if self.shared.speaker.written().await.is_err() {
                return;
            }
            if let Ok(now) = self.shared.ask(|_, now| now).await {
                self.latency.observe((now - began).as_secs_f64());
            }
            tokio::time::sleep(PROBE).await;
        }
    }

    /// What there is to tell now, for others to be registered beside it. `None`: the speaker has ended.
    pub async fn registry(&self) -> Option<Registry> {
        self.gather().await.ok()
    }

    async fn gather(&self) -> Result<Registry, Problem> {
        let mut registry = Registry::default();
        let help = "From what was learned until the slowest peer's socket has taken what follows, probed once a second";
        registry.register("bgp_update_latency_seconds", help, self.latency.clone());
        registry.register_collector(Box::new(Scrape(Snapshot::take(&self.shared).await?)));
        Ok(registry)
    }

    async fn answer(&self) -> Result<Response, Problem> {
        let mut text = String::new();
        encode(&mut text, &self.gather().await?).map_err(|_| Problem::gone())?;
        Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
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
