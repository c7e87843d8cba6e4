//! The metrics, a row each. docs/metrics.md has the same table for people.

use super::Scrape;
use std::collections::BTreeMap;

/// Labels with their values, and the value.
type Series = (Vec<(&'static str, String)>, f64);

/// A metric: all of them are gauges.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) series: fn(&Scrape) -> Vec<Series>,
}

macro_rules! rows {
    ($($name:literal $help:literal $series:expr;)*) => {
        /// All of them.
        pub(super) const ROWS: &[Row] = &[$(Row { name: $name, help: $help, series: $series }),*];
    };
}

rows! {
    "kube_announcer_build_info" "Always 1; the version of the program is a label"
        |_| vec![(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0)];
    "kube_announcer_objects" "Objects that are known, by kind"
        |all| by("kind", &all.objects);
    "kube_announcer_kinds_forbidden" "1 for each kind of objects that the API server does not let us read"
        |all| all.forbidden.iter().map(|kind| (vec![("kind", kind.clone())], 1.0)).collect();
    "kube_announcer_objects_refused" "Objects with mistakes, by kind: their last good version stays in force"
        |all| by("kind", &all.refused);
    "kube_announcer_refusals" "Parts of objects that are refused, and peers that there is no session with, by the code of the reason"
        |all| by("reason", &all.refusals);
    "kube_announcer_prefixes_announced" "Prefixes that this node announces, by the source that says so first"
        |all| by("source", &all.announced);
    "kube_announcer_prefixes_withheld" "Prefixes that this node does not announce, by source and the code of the reason"
        |all| all.withheld.iter().map(|(source, reason, count)| {
            (vec![("source", source.clone()), ("reason", reason.clone())], count_of(*count))
        }).collect();
    "kube_announcer_conflicts" "Prefixes that objects claim which should not claim them together"
        |all| alone(all.planned.then_some(count_of(all.conflicts)));
    "kube_announcer_peers_wanted" "Sessions that this node should have, those among them that cannot be tried"
        |all| alone(all.planned.then_some(count_of(all.wanted)));
    "kube_announcer_peers_up" "Sessions that are up"
        |all| alone(all.planned.then_some(count_of(all.up)));
    "kube_announcer_last_plan_age_seconds" "For how long the plan in force has been as it is"
        |all| alone(all.planned.then_some(all.age));
    "kube_announcer_api_away" "1 while the API server does not answer: what is announced stays as it is"
        |all| alone(all.standing.map(|standing| if standing.is_away { 1.0 } else { 0.0 }));
    "kube_announcer_api_heard_age_seconds" "For how long nothing has come from the API server"
        |all| alone(all.standing.and_then(|standing| standing.silence()).map(|silence| silence.as_secs_f64()));
}

fn by(label: &'static str, counts: &BTreeMap<String, u64>) -> Vec<Series> {
    counts.iter().map(|(value, count)| (vec![(label, value.clone())], count_of(*count))).collect()
}

fn alone(value: Option<f64>) -> Vec<Series> {
    value.into_iter().map(|value| (Vec::new(), value)).collect()
}

/// Exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "nothing here is counted that far")]
fn count_of(count: u64) -> f64 {
    count as f64
}
