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
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};
use rows::{Kind, ROWS};
use snapshot::Snapshot;
use std::{fmt, sync::Arc};

/// `/metrics`, `/healthz` and `/readyz`.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthy)).route("/readyz", get(ready))
}

/// Encodes the rows of the table with what was found.
#[derive(Debug)]
struct Scrape(Snapshot);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for row in ROWS {
            let kind = if row.kind == Kind::Counter { MetricType::Counter } else { MetricType::Gauge };
            let mut metric = encoder.encode_descriptor(row.name, row.help, None, kind)?;
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

async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(Snapshot::take(&shared).await?)));
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
