//! Our part of the kernel's routes, for people.

use super::Wanted;
use crate::fib::{Fib, Listed, Path, Totals, resolve::Resolver};
use ipnet::IpNet;
use std::{collections::BTreeMap, fmt};

/// How a route fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// The kernel holds it, and uses it.
    Installed,
    /// The kernel holds it, and prefers somebody else's.
    Shadowed,
    /// It is from before the start, and goes unless somebody announces it.
    Kept,
    /// It is not as it should be; the note says why.
    Held,
    /// It is about to be installed.
    Waiting,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Installed => "installed",
            State::Shadowed => "shadowed",
            State::Kept => "kept",
            State::Held => "held",
            State::Waiting => "waiting",
        })
    }
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// The prefix.
    pub prefix: IpNet,
    /// Where packets go: `via 192.0.2.1 dev eth0`, each with its weight where these differ, or `discard`.
    pub gateways: Vec<String>,
    /// How it fares.
    pub state: State,
    /// Whether the kernel holds it.
    pub is_installed: bool,
    /// What there is to be said of it.
    pub note: Option<String>,
}

/// Some of the routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The routes, IPv4 first.
    pub rows: Vec<Row>,
    /// Where the next page begins: behind this prefix; `None`: these were the last.
    pub next: Option<IpNet>,
    /// How many there are in all.
    pub totals: Totals,
    /// Nothing waits to be sent to the kernel.
    pub is_settled: bool,
    /// How often the kernel refused something since the start, by the number of the error.
    pub errors: BTreeMap<i32, u64>,
}

impl Page {
    pub(super) fn of(fib: &Fib, wanted: &Wanted) -> Self {
        let (listed, next) = match wanted {
            Wanted::Behind(after, limit) => fib.list_from(*after, *limit),
            Wanted::These(prefixes) => (prefixes.iter().filter_map(|net| fib.listed(*net)).collect(), None),
        };
        let rows = listed.into_iter().map(|listed| row(listed, fib.resolver())).collect();
        let (totals, is_settled) = (fib.totals(), fib.is_settled());
        Page { rows, next, totals, is_settled, errors: BTreeMap::new() }
    }
}

fn row(listed: Listed, resolver: &Resolver) -> Row {
    let shadow = listed.shadowed_by.filter(|_| listed.installed);
    let state = match (&listed.held, &shadow) {
        (Some(_), _) => State::Held,
        (None, Some(_)) => State::Shadowed,
        (None, None) if listed.kept => State::Kept,
        (None, None) if listed.installed => State::Installed,
        (None, None) => State::Waiting,
    };
    let gateways = if listed.discard {
        vec!["discard".to_owned()]
    } else {
        let weighted = listed.paths.iter().any(|path| path.weight != 1);
        listed.paths.iter().map(|path| gateway(path, weighted, resolver)).collect()
    };
    let held = listed.held.as_ref().map(ToString::to_string);
    let by = |known: crate::fib::Known| {
        format!("the kernel prefers the route of protocol {} with metric {}", known.protocol, known.metric)
    };
    Row {
        prefix: listed.prefix,
        gateways,
        state,
        is_installed: listed.installed,
        note: held.or(shadow.map(by)),
    }
}

fn gateway(path: &Path, weighted: bool, resolver: &Resolver) -> String {
    let Path { gateway, weight } = path;
    let mut text = gateway.via.map(|via| format!("via {via} ")).unwrap_or_default();
    text += "dev ";
    match resolver.name(gateway.device) {
        Some(name) => text += name,
        None => text += &gateway.device.to_string(),
    }
    if gateway.onlink {
        text += " onlink";
    }
    if weighted {
        text += &format!(" weight {weight}");
    }
    text
}
