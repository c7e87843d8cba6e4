//! What is measured and counted of an announcer, as metrics beside those of its speaker.

mod rows;
mod scrape;

pub(super) use scrape::Scrape;

use super::Step;
use crate::{clock, source::cluster::Standing};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{
        MetricType,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use rows::ROWS;
use std::{fmt, time::Instant};

/// How long plans took, and when the last one was made.
#[derive(Debug)]
pub(super) struct Plans {
    took: Histogram,
    last: Instant,
}

impl Plans {
    pub(super) fn new() -> Self {
        // 50 µs to 3.3 s.
        Plans { took: Histogram::new(exponential_buckets(0.000_05, 4.0, 9)), last: clock::now() }
    }

    /// Does what may be a plan, and measures it where it was one.
    pub(super) fn measure(&mut self, plan: impl FnOnce() -> Option<Step>) -> Option<Step> {
        let began = clock::now();
        let step = plan()?;
        self.last = clock::now();
        self.took.observe(self.last.saturating_duration_since(began).as_secs_f64());
        Some(step)
    }

    /// How many seconds ago the last one was made.
    pub(super) fn age(&self) -> f64 {
        clock::now().saturating_duration_since(self.last).as_secs_f64()
    }

    /// For whoever shows it.
    pub(super) fn took(&self) -> Histogram {
        self.took.clone()
    }
}

/// Adds what is known of an announcer to what is known of its speaker; before the first plan that is little.
pub(super) fn register(
    registry: &mut Registry,
    took: Histogram,
    scrape: Option<Scrape>,
    standing: Option<Standing>,
) {
    let help = "How long plans took, from the last change that was waited for until it is known what to tell";
    registry.register("kube_announcer_plan_seconds", help, took);
    let scrape = Scrape { standing, ..scrape.unwrap_or_default() };
    registry.register_collector(Box::new(Rows(scrape)));
}

/// Encodes the rows of the table with what was found.
#[derive(Debug)]
struct Rows(Scrape);

impl Collector for Rows {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for row in ROWS {
            let help = format!("{}.", row.help);
            let mut metric = encoder.encode_descriptor(row.name, &help, None, MetricType::Gauge)?;
            let series = (row.series)(&self.0);
            if let [(labels, value)] = series.as_slice()
                && labels.is_empty()
            {
                ConstGauge::new(*value).encode(metric)?;
                continue;
            }
            for (labels, value) in series {
                ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
