//! Lists of routes: which are asked for, page by page, and what changes in them.

use super::{
    asking::{Names, find, names},
    document::{Attributes, From, Prefix, Route},
    lines::{self, Pages, Unread},
    problem::Problem,
    serve::Shared,
};
use crate::{
    engine::Engine,
    rib::{Listed, Place, Seen, SenderId, Told},
};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use bgp_proto::time::Time;
use ipnet::IpNet;
use serde::Deserialize;
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Prefixes of a page.
const PAGE: usize = 64;

/// Prefixes that are looked at for a page where few of them are wanted.
const LOOK: usize = 256;

/// How often it is looked for what changed.
const PULSE: Duration = Duration::from_millis(250);

/// What can be asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    prefix: Option<String>,
    #[serde(rename = "match")]
    relation: Option<Relation>,
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    watch: bool,
}

/// How prefixes lie to the one that is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Relation {
    #[default]
    Exact,
    Longer,
    Covering,
}

/// A prefix as people write it; an address stands for the longest.
pub(super) fn prefix(text: &str) -> Result<IpNet, Problem> {
    let address = || text.parse::<IpAddr>().map(IpNet::from).ok();
    let prefix = text.parse().ok().or_else(address).map(|prefix: IpNet| prefix.trunc());
    prefix.ok_or_else(|| {
        let text = text.escape_debug();
        Problem::bad(format!(
            "\"{text}\" is neither a prefix nor an address; write 203.0.113.0/24 or 203.0.113.7"
        ))
    })
}

/// The prefixes that hold a prefix, itself included, the shortest first.
pub(super) fn covering(prefix: IpNet) -> Vec<IpNet> {
    let shorter = |length| IpNet::new(prefix.addr(), length).ok().map(|net| net.trunc());
    (0..=prefix.prefix_len()).filter_map(shorter).collect()
}

/// Which routes are wanted, with all names resolved.
#[derive(Clone, Debug, Default)]
struct Filter {
    within: Option<(IpNet, Relation)>,
    from: Option<Vec<SenderId>>,
    to: Option<SenderId>,
}

impl Filter {
    fn resolve(wanted: &Wanted, engine: &Engine) -> Result<Self, Problem> {
        let within = wanted.prefix.as_deref().map(prefix).transpose()?;
        if within.is_none() && wanted.relation.is_some() {
            return Err(Problem::bad("match says how prefixes lie to another; say which with prefix"));
        }
        let from = wanted.from.as_deref().map(|name| senders(engine, name)).transpose()?;
        let to = wanted.to.as_deref().map(|name| find(engine, name)).transpose()?;
        Ok(Filter {
            within: within.map(|prefix| (prefix, wanted.relation.unwrap_or_default())),
            from,
            to: to.map(|peer| peer.sender),
        })
    }

    fn has(&self, prefix: IpNet) -> bool {
        match self.within {
            None => true,
            Some((wanted, Relation::Exact)) => prefix == wanted,
            Some((wanted, Relation::Longer)) => wanted.contains(&prefix),
            Some((wanted, Relation::Covering)) => prefix.contains(&wanted),
        }
    }

    fn wants(&self, listed: &Listed) -> bool {
        self.from.as_ref().is_none_or(|from| from.contains(&listed.sender))
            && self.to.is_none_or(|to| listed.told.contains(&to))
    }

    /// The routes to a prefix that are wanted.
    fn found(&self, engine: &Engine, prefix: IpNet) -> Found {
        let mut routes = engine.rib().routes(prefix);
        routes.retain(|listed| self.wants(listed));
        let to = self.to.filter(|_| !routes.is_empty());
        let told = to.and_then(|peer| engine.rib().telling(prefix, peer)?.told);
        Found { prefix, routes, told }
    }
}

/// The senders that a name stands for: a peer, `local`, or `local:OWNER`.
fn senders(engine: &Engine, name: &str) -> Result<Vec<SenderId>, Problem> {
    let owner = match (name, name.strip_prefix("local:")) {
        (_, Some(owner)) => Some(owner),
        ("local", None) => None,
        _ => return find(engine, name).map(|peer| vec![peer.sender]),
    };
    let is_meant =
        |from: &From| from.owner.is_some() && owner.is_none_or(|owner| from.owner.as_deref() == Some(owner));
    Ok(names(engine).into_iter().filter(|(_, from)| is_meant(from)).map(|(id, _)| id).collect())
}

/// Where a list goes on.
#[derive(Clone, Debug)]
enum Cursor {
    /// Through the whole table.
    Walk(Place),
    /// Through these prefixes.
    These(Vec<IpNet>),
}

impl Cursor {
    fn of(filter: &Filter) -> Self {
        match filter.within {
            Some((prefix, Relation::Exact)) => Cursor::These(vec![prefix]),
            Some((prefix, Relation::Covering)) => {
                let mut all = covering(prefix);
                all.reverse();
                Cursor::These(all)
            }
            Some((_, Relation::Longer)) | None => Cursor::Walk(Place::default()),
        }
    }

    /// The prefixes to look at next; false: there are none behind them.
    fn next(&mut self, engine: &Engine, filter: &Filter) -> (Vec<IpNet>, bool) {
        match self {
            Cursor::These(all) => {
                let rest = all.split_off(all.len().saturating_sub(PAGE));
                (rest.into_iter().rev().collect(), !all.is_empty())
            }
            Cursor::Walk(place) => {
                let limit = if filter.within.is_some() { LOOK } else { PAGE };
                let (mut found, next) = engine.rib().prefixes(*place, limit);
                found.retain(|prefix| filter.has(*prefix));
                *place = next.unwrap_or_default();
                (found, next.is_some())
            }
        }
    }
}

/// A prefix with the routes that are wanted.
struct Found {
    prefix: IpNet,
    routes: Vec<Listed>,
    /// The route as it is written for the one peer that is asked about.
    told: Option<Told>,
}

/// What the engine hands out: documents are made of it elsewhere.
struct Page {
    prefixes: Vec<Found>,
    names: Names,
    now: u64,
    more: bool,
}

fn page(engine: &Engine, now: Time, filter: &Filter, cursor: &mut Cursor) -> Page {
    let (prefixes, more) = cursor.next(engine, filter);
    let found = prefixes.into_iter().map(|prefix| filter.found(engine, prefix));
    let prefixes = found.filter(|found| !found.routes.is_empty()).collect();
    Page { prefixes, names: names(engine), now: now.nanos() / 1_000_000_000, more }
}

/// The document of a prefix.
pub(super) fn document(prefix: IpNet, routes: &[Listed], names: &Names, now: u64) -> Prefix {
    let from = |listed: &Listed| names.get(&listed.sender).cloned().unwrap_or_default();
    let mut routes: Vec<_> = routes.iter().map(|listed| Route::of(listed, from(listed), now)).collect();
    Route::sort(&mut routes);
    Prefix { prefix: prefix.to_string(), routes }
}

impl Page {
    fn documents(&self) -> Vec<Prefix> {
        let document = |found: &Found| {
            let mut document = document(found.prefix, &found.routes, &self.names, self.now);
            let told =
                found.told.as_ref().map(|(attributes, next_hop)| Attributes::of(attributes, *next_hop));
            // Only the selected route is told to anybody.
            document.routes.iter_mut().for_each(|route| route.advertised.clone_from(&told));
            document
        };
        self.prefixes.iter().map(document).collect()
    }
}

/// `GET /routes`.
pub(super) async fn routes(
    State(shared): State<Arc<Shared>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad(error.body_text()))?;
    let watch = wanted.watch;
    let filter = shared.ask(move |engine, _| Filter::resolve(&wanted, engine)).await??;
    let seen = if watch { Some(shared.tell(|engine, _| engine.watch()).await?) } else { None };
    Ok(lines::respond(|pages| async move {
        let list = List { shared, filter: Arc::new(filter), pages };
        // That nobody reads any more is no news to anybody.
        let _ = list.run(seen).await;
    }))
}

/// A list that is being told.
struct List {
    shared: Arc<Shared>,
    filter: Arc<Filter>,
    pages: Pages,
}

impl List {
    async fn run(self, seen: Option<Seen>) -> Result<(), Unread> {
        let told = match seen {
            None => self.all().await,
            Some(seen) => self.watch(seen).await,
        };
        match told {
            Ok(()) => Ok(()),
            Err(Ended::Unread) => Err(Unread),
            Err(Ended::Broken(problem)) => {
                self.pages.fail(&problem).await;
                Ok(())
            }
        }
    }

    async fn all(&self) -> Result<(), Ended> {
        let mut cursor = Cursor::of(&self.filter);
        loop {
            let filter = Arc::clone(&self.filter);
            let asked = self.shared.ask(move |engine, now| {
                let page = page(engine, now, &filter, &mut cursor);
                (page, cursor)
            });
            let (page, next) = asked.await?;
            self.pages.send(&page.documents()).await?;
            if !page.more {
                return Ok(());
            }
            cursor = next;
        }
    }

    async fn watch(&self, mut seen: Seen) -> Result<(), Ended> {
        self.all().await?;
        loop {
            tokio::select! {
                () = self.pages.unread() => return Err(Ended::Unread),
                () = tokio::time::sleep(PULSE) => {}
            }
            let asked = self.shared.ask(move |engine, _| {
                let changed = engine.rib().changed(&mut seen);
                (changed, seen)
            });
            let (changed, next) = asked.await?;
            seen = next;
            let Some(changed) = changed else {
                self.all().await?;
                continue;
            };
            let changed: Vec<_> = changed.into_iter().filter(|prefix| self.filter.has(*prefix)).collect();
            for some in changed.chunks(PAGE) {
                self.tell(some.to_vec()).await?;
            }
        }
    }

    /// Tells how these prefixes are now, even if nothing is left of them.
    async fn tell(&self, prefixes: Vec<IpNet>) -> Result<(), Ended> {
        let filter = Arc::clone(&self.filter);
        let asked = self.shared.ask(move |engine, now| Page {
            prefixes: prefixes.into_iter().map(|prefix| filter.found(engine, prefix)).collect(),
            names: names(engine),
            now: now.nanos() / 1_000_000_000,
            more: false,
        });
        let page = asked.await?;
        Ok(self.pages.send(&page.documents()).await?)
    }
}

/// Why a list ends before its end.
enum Ended {
    Unread,
    Broken(Problem),
}

impl std::convert::From<Unread> for Ended {
    fn from(_: Unread) -> Self {
        Ended::Unread
    }
}

impl std::convert::From<Problem> for Ended {
    fn from(problem: Problem) -> Self {
        Ended::Broken(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_that_hold_another_are_found_without_a_walk() {
        let all = covering("10.128.0.0/9".parse().unwrap());
        assert_eq!(
            (all.len(), all[0].to_string(), all[9].to_string()),
            (10, "0.0.0.0/0".into(), "10.128.0.0/9".into())
        );
        assert_eq!(covering("2001:db8::1/128".parse().unwrap()).len(), 129);
    }

    #[test]
    fn a_prefix_may_be_written_as_an_address_and_with_host_bits() {
        assert_eq!(prefix("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(prefix("2001:db8::1").unwrap().to_string(), "2001:db8::1/128");
        assert!(
            prefix("ten").unwrap_err().sentence.starts_with("\"ten\" is neither a prefix nor an address")
        );
    }
}
