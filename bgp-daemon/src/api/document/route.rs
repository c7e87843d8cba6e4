//! Routes as the API shows them.

use super::{Attributes, Kernel};
use crate::rib::{Listed, Standing, Telling};
use serde::{Deserialize, Serialize};

/// Who sent a route: a peer, or a source of our own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct From {
    /// The peer, as it is named everywhere; `null`: the route is our own.
    pub peer: Option<String>,
    /// The peer's group.
    pub group: Option<String>,
    /// The owner of a route of our own: `config`, `cli`, or whoever embeds the speaker.
    pub owner: Option<String>,
}

impl std::fmt::Display for From {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.group, &self.peer, &self.owner) {
            (Some(group), Some(peer), _) => write!(f, "{group}/{peer}"),
            (None, Some(peer), _) => f.write_str(peer),
            (_, None, Some(owner)) => write!(f, "local:{owner}"),
            (_, None, None) => f.write_str("a peer that is gone"),
        }
    }
}

/// A prefix with its routes. While watching: as they are now, of which there may be none any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefix {
    /// The prefix.
    pub prefix: String,
    /// The routes to it that were asked for, the selected one first.
    pub routes: Vec<Route>,
}

/// A route, with what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// `best`: selected; `equal`: as good up to the tie-breakers; `lost`: another is better; `unreachable`: its next
    /// hop cannot be reached; `rejected`: it was not accepted.
    pub standing: String,
    /// By which rule another is better.
    pub lost_by: Option<String>,
    /// Why it was accepted or not; `null` for a route of our own.
    pub import: Option<String>,
    /// Who sent it.
    pub from: From,
    /// The path identifier it came with; 0 where there is none.
    pub path_id: u32,
    /// For how many seconds it has been there as it is.
    pub seconds: u64,
    /// Its session ended, and it is kept for the peer's restart.
    pub stale: bool,
    /// What it costs to get to its next hop; `null`: there is no way, it was not accepted, or the speaker does not ask.
    pub cost: Option<u32>,
    /// The attributes as accepted; as learned where it was not accepted.
    pub attributes: Attributes,
    /// The attributes as learned, where they are others than those accepted.
    pub learned: Option<Attributes>,
    /// The attributes as written for the peer that `to` names; `null` where it names none.
    pub advertised: Option<Attributes>,
    /// How many peers were told of it.
    pub told: u64,
}

/// How a standing is written, the selected route first.
fn standing(of: Standing) -> (&'static str, Option<&'static str>) {
    match of {
        Standing::Best => ("best", None),
        Standing::Equal => ("equal", None),
        Standing::Lost(rule) => ("lost", Some(rule)),
        Standing::Unreachable => ("unreachable", None),
        Standing::Rejected => ("rejected", None),
    }
}

/// The order in which routes to one prefix stand.
const ORDER: [&str; 5] = ["best", "equal", "lost", "unreachable", "rejected"];

impl Route {
    /// Of a listed route; `from` is who sent it, `now` is in seconds.
    pub fn of(listed: &Listed, from: From, now: u64) -> Self {
        let (standing, lost_by) = standing(listed.standing);
        let as_shown = |(attributes, next_hop): &crate::rib::Told| Attributes::of(attributes, *next_hop);
        let changed = listed.accepted.as_ref().is_some_and(|accepted| *accepted != listed.learned);
        Route {
            standing: standing.to_owned(),
            lost_by: lost_by.map(str::to_owned),
            import: Some(listed.reason.clone()).filter(|reason| !reason.is_empty()),
            from,
            path_id: listed.path_id,
            seconds: now.saturating_sub(listed.since.into()),
            stale: listed.stale,
            cost: listed.cost,
            attributes: as_shown(listed.accepted.as_ref().unwrap_or(&listed.learned)),
            learned: changed.then(|| as_shown(&listed.learned)),
            advertised: None,
            told: listed.told.len() as u64,
        }
    }

    /// Puts routes to one prefix in order: what came first to the table says nothing to anybody.
    pub fn sort(routes: &mut [Route]) {
        routes.sort_by_cached_key(|route| {
            let standing = ORDER.iter().position(|standing| *standing == route.standing);
            (standing, route.from.to_string(), route.path_id)
        });
    }
}

/// What a peer is told of a prefix, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// The peer.
    pub peer: String,
    /// The attributes as written for this peer; `null`: it is told nothing of the prefix.
    pub told: Option<Attributes>,
    /// Why.
    pub export: String,
}

impl Export {
    /// Of what the RIB says.
    pub fn of(telling: &Telling, peer: String) -> Self {
        let told = telling.told.as_ref();
        Export {
            peer,
            told: told.map(|(attributes, next_hop)| Attributes::of(attributes, *next_hop)),
            export: telling.reason.clone(),
        }
    }
}

/// What becomes of a prefix, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The prefix.
    pub prefix: String,
    /// The routes to it, the selected one first.
    pub routes: Vec<Route>,
    /// The route in the kernel; `null`: there is none, or the speaker installs none.
    pub kernel: Option<Kernel>,
    /// What each peer whose session is up is told of it.
    pub exports: Vec<Export>,
}
