//! From what people wrote to what a speaker can be built from: all mistakes are found in one go, and nothing is left to
//! fail.

mod leaf;
mod notes;
mod peers;
mod settings;
mod speaker;
mod whole;

use super::{Config, raw::RawConfig};
use crate::policy::{self, Mistake, Names, PeerName, Policies, raw::Text};
use notes::Notes;
use settings::Reading;
use std::{collections::BTreeSet, path::Path};

/// What stands in a file of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The text.
    pub text: String,
    /// Others than its owner and group may read it.
    pub is_open: bool,
}

/// Reads a file of a password, or says why not.
pub type Files<'a> = &'a dyn Fn(&Path) -> Result<Secret, String>;

/// A configuration, and what deserves a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The configuration.
    pub config: Config,
    /// It works, but perhaps not as meant.
    pub warnings: Vec<Mistake>,
}

/// What keeps a configuration from being used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// At least one.
    pub mistakes: Vec<Mistake>,
    /// What deserves a second look beside that.
    pub warnings: Vec<Mistake>,
}

/// Resolves a configuration. Nothing is read but the files of passwords, by `files`.
///
/// # Errors
/// All mistakes in it.
pub fn check(raw: &RawConfig, files: Files<'_>) -> Result<Checked, Refused> {
    let mut notes = Notes::default();
    let policies = policy::check(&raw.policy, &names(raw)).unwrap_or_else(|mistakes| {
        notes.mistakes.extend(mistakes);
        Policies::default()
    });
    let n = &mut notes;
    let mut config = Config {
        router_id: n.one("router_id", raw.router_id.as_ref(), leaf::router_id),
        listen: speaker::listen(n, raw),
        cluster_id: n.one("cluster_id", raw.cluster_id.as_ref(), leaf::cluster_id),
        selection: speaker::selection(n, raw),
        resolve_next_hops: n
            .one("resolve_next_hops", raw.resolve_next_hops.as_ref(), leaf::yes)
            .unwrap_or(true),
        policies: policies.clone(),
        aggregates: speaker::aggregates(n, raw),
        kernel: raw.kernel.as_ref().map(|raw| speaker::kernel(n, raw)),
        ..Config::new(speaker::asn(n, raw))
    };
    (config.routes, config.discards) = speaker::routes(n, raw);
    config.api = speaker::api(n, &raw.api, &config.listen);
    let mut reading = Reading { notes, policies, named: &raw.policy, files, used: BTreeSet::new() };
    config.redistribute = reading.redistribute(raw, config.kernel.as_ref());
    peers::read(&mut reading, raw, &mut config);
    let Reading { mut notes, used, .. } = reading;
    // A name that is taken is a mistake already.
    let is_spare = |name: &&String| !used.contains(*name) && !Policies::BUILT_IN.contains(&name.as_str());
    for name in raw.policy.keys().filter(is_spare) {
        let message = "nothing uses this policy; name it in an import or export";
        notes.warn(format_args!("policy.{name}"), message);
    }
    let Notes { mistakes, warnings } = notes;
    if mistakes.is_empty() { Ok(Checked { config, warnings }) } else { Err(Refused { mistakes, warnings }) }
}

/// The names that policies may use.
fn names(raw: &RawConfig) -> Names {
    let is_dynamic = raw.group.iter().any(|group| group.accept_from.is_some());
    let peers = raw.peer.iter().flat_map(|peer| [&peer.address, &peer.interface]).flatten();
    let peers = peers.map(|Text(text)| PeerName::from(text.as_str())).collect();
    let groups = raw.group.iter().filter_map(|group| group.name.as_ref().map(|Text(name)| name.clone()));
    Names { peers: (!is_dynamic).then_some(peers), groups: Some(groups.collect()) }
}
