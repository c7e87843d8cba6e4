//! Routes in the kernel, where this speaker installs any.

use super::{
    document::{Kernel, Why},
    lines,
    problem::Problem,
    serve::Shared,
};
use crate::{
    kernel::Row,
    speaker::{Error, Speaker},
};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use ipnet::IpNet;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

/// Routes of a page.
const PAGE: usize = 256;

/// How often it is looked for what changed.
const PULSE: Duration = Duration::from_secs(1);

fn problem(error: &Error) -> Problem {
    match error {
        Error::NoKernel => Problem::missing(format!("{error}; add [kernel] to have them installed")),
        _ => Problem::gone(),
    }
}

/// What can be asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    watch: bool,
}

/// `GET /kernel`.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Wanted { watch }) = wanted.map_err(|error| Problem::bad(error.body_text()))?;
    let mut page = shared.speaker.kernel_routes(None, PAGE).await.map_err(|error| problem(&error))?;
    let mut seen = watch.then(Seen::default);
    Ok(lines::respond(move |pages| async move {
        loop {
            let is_news = |row: &&Row| seen.as_mut().is_none_or(|seen| seen.is_news(row));
            let routes: Vec<_> = page.rows.iter().filter(is_news).map(Kernel::from).collect();
            if pages.send(&routes).await.is_err() {
                return;
            }
            if page.next.is_none() {
                let Some(seen) = &mut seen else { return };
                if pages.send(&seen.gone()).await.is_err() {
                    return;
                }
                tokio::select! {
                    () = pages.unread() => return,
                    () = tokio::time::sleep(PULSE) => {}
                }
            }
            page = match shared.speaker.kernel_routes(page.next, PAGE).await.map_err(|error| problem(&error))
            {
                Ok(page) => page,
                Err(problem) => return pages.fail(&problem).await,
            };
        }
    }))
}

/// The routes that somebody who watches was told, each with what it was like and in which round it was seen: small, as
/// there may be a million.
#[derive(Default)]
struct Seen {
    routes: BTreeMap<IpNet, (u64, u32)>,
    round: u32,
}

impl Seen {
    /// Takes note of a route. Whether it is another than before.
    fn is_news(&mut self, row: &Row) -> bool {
        let mut hasher = DefaultHasher::new();
        row.hash(&mut hasher);
        let like = hasher.finish();
        let before = self.routes.insert(row.prefix, (like, self.round));
        before.is_none_or(|(before, _)| before != like)
    }

    /// Those that were not seen in this round, which ends.
    fn gone(&mut self) -> Vec<Kernel> {
        let round = self.round;
        self.round = round.wrapping_add(1);
        let gone = self.routes.extract_if(.., |_, (_, seen)| *seen != round);
        let document = |(prefix, _): (IpNet, _)| Kernel {
            prefix: prefix.to_string(),
            state: "gone".to_owned(),
            ..Kernel::default()
        };
        gone.map(document).collect()
    }
}

/// The same with what the kernel holds; nothing more where no routes are installed.
pub(super) async fn beside(speaker: &Speaker, mut found: Vec<(IpNet, Why)>) -> Vec<(IpNet, Why)> {
    let prefixes = found.iter().map(|(prefix, _)| *prefix).collect();
    let rows = speaker.kernel_routes_to(prefixes).await.map(|page| page.rows).unwrap_or_default();
    for row in &rows {
        let why = found.iter_mut().find(|(prefix, _)| *prefix == row.prefix);
        why.into_iter().for_each(|(_, why)| why.kernel = Some(Kernel::from(row)));
    }
    found
}

/// How many routes are installed and kept out, and what the kernel refused, by the name of the error; `None`: the
/// speaker installs none.
pub(super) async fn totals(speaker: &Speaker) -> Option<(crate::fib::Totals, BTreeMap<String, u64>)> {
    let page = speaker.kernel_routes(None, 0).await.ok()?;
    let name = |error: i32| format!("{:?}", nix::errno::Errno::from_raw(error));
    Some((page.totals, page.errors.into_iter().map(|(error, count)| (name(error), count)).collect()))
}
