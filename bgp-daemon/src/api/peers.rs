//! Peers: all of them, one of them, and what changes.

use super::{
    asking::{self, find, id},
    document::Peer,
    lines::{self, Pages},
    problem::Problem,
    serve::Shared,
};
use crate::engine::PeerId;
use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    response::Response,
};
use serde::Deserialize;
use std::{collections::BTreeMap, ops::Bound, sync::Arc, time::Duration};

/// Peers of a page.
const PAGE: usize = 64;

/// How often it is looked for what changed without a word of it.
const PULSE: Duration = Duration::from_secs(1);

/// How long it is waited for more to change when something has.
const TOGETHER: Duration = Duration::from_millis(50);

/// What can be asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    peer: Option<String>,
    #[serde(default)]
    watch: bool,
}

/// `GET /peers/{peer}`.
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<Json<Peer>, Problem> {
    shared.ask(move |engine, now| Ok(Json(asking::peer(&find(engine, &name)?, now)))).await?
}

/// `GET /peers/{peer}/faults`.
pub(super) async fn faults(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let faults = shared.ask(move |engine, now| Ok::<_, Problem>(asking::faults(&find(engine, &name)?, now)));
    Ok(lines::whole(&faults.await??))
}

/// `GET /peers`.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad(error.body_text()))?;
    let only = match wanted.peer {
        None => None,
        Some(name) => Some(shared.ask(move |engine, _| id(engine, &name)).await??.0),
    };
    Ok(lines::respond(move |pages| async move {
        let mut events = shared.speaker.events();
        let mut watch = Watch { shared, only, known: BTreeMap::new() };
        loop {
            if let Err(problem) = watch.round(&pages).await {
                return pages.fail(&problem).await;
            }
            if !wanted.watch {
                return;
            }
            tokio::select! {
                () = pages.unread() => return,
                _ = events.next() => tokio::time::sleep(TOGETHER).await,
                () = tokio::time::sleep(PULSE) => {}
            }
        }
    }))
}

/// Peers as they were told.
struct Watch {
    shared: Arc<Shared>,
    only: Option<PeerId>,
    known: BTreeMap<PeerId, Peer>,
}

impl Watch {
    /// Tells of all peers that are not as they were told.
    async fn round(&mut self, pages: &Pages) -> Result<(), Problem> {
        let mut before = std::mem::take(&mut self.known);
        let mut from = Bound::Unbounded;
        loop {
            let only = self.only;
            let page: Vec<(PeerId, Peer)> = self
                .shared
                .ask(move |engine, now| {
                    let wanted =
                        engine.peers_from(from).filter(|peer| only.is_none_or(|only| only == peer.id));
                    wanted.take(PAGE).map(|view| (view.id, asking::peer(&view, now))).collect()
                })
                .await?;
            let Some((last, _)) = page.last() else { break };
            from = Bound::Excluded(*last);
            let mut changed = Vec::new();
            for (id, peer) in page {
                if before.remove(&id).is_none_or(|before| !is_same(&before, &peer)) {
                    changed.push(peer.clone());
                }
                self.known.insert(id, peer);
            }
            if pages.send(&changed).await.is_err() {
                return Ok(());
            }
        }
        let gone: Vec<_> = before.into_values().map(|peer| Peer { state: "Gone".into(), ..peer }).collect();
        // Whether anybody reads is seen in the next round.
        let _ = pages.send(&gone).await;
        Ok(())
    }
}

/// Whether nothing happened to a peer that is worth a line: time passes, and routes and messages come all the time.
fn is_same(before: &Peer, now: &Peer) -> bool {
    let quiet = |peer: &Peer| {
        let last = peer.last.as_ref().map(|last| last.reason.clone());
        let bfd = peer.bfd.as_ref().map(|bfd| (bfd.state.clone(), bfd.ups, bfd.flaps, bfd.silence_ms));
        let Peer { state, ups, flaps, kept_down, agreed, stale, .. } = peer.clone();
        (state, ups, flaps, kept_down, agreed, stale, last, bfd)
    };
    quiet(before) == quiet(now)
}
