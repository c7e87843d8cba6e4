//! Routes in the kernel, where this speaker installs any.

use super::{
    document::{Kernel, Why},
    lines,
    problem::Problem,
    serve::Shared,
};
use crate::speaker::{Error, Speaker};
use axum::{extract::State, response::Response};
use ipnet::IpNet;
use std::{collections::BTreeMap, sync::Arc};

/// Routes of a page.
const PAGE: usize = 256;

fn problem(error: &Error) -> Problem {
    match error {
        Error::NoKernel => Problem::missing(format!("{error}; add [kernel] to have them installed")),
        _ => Problem::gone(),
    }
}

/// `GET /kernel`.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let mut page = shared.speaker.kernel_routes(None, PAGE).await.map_err(|error| problem(&error))?;
    Ok(lines::respond(|pages| async move {
        loop {
            let routes: Vec<_> = page.rows.iter().map(Kernel::from).collect();
            if pages.send(&routes).await.is_err() || page.next.is_none() {
                return;
            }
            page = match shared.speaker.kernel_routes(page.next, PAGE).await.map_err(|error| problem(&error))
            {
                Ok(page) => page,
                Err(problem) => return pages.fail(&problem).await,
            };
        }
    }))
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
