//! What changes something: sessions, routes of the source `cli`, logging, and the end.

use super::{
    asking::id,
    document::{Comparison, Difference, Done},
    problem::Problem,
    routes::prefix,
    serve::Shared,
};
use crate::{
    config::{self, change::Changes},
    engine::{Change, Engine, PeerId, Reset, Shutdown, Which},
    policy::AnyCommunity,
    rib::{self, LocalRoute},
};
use axum::{
    Json,
    extract::{Path, State},
};
use bgp_proto::{attr::next_hop::NextHop, time::Time};
use bytes::Bytes;
use ipnet::IpNet;
use serde::{Deserialize, de::DeserializeOwned};
use std::{net::IpAddr, path::PathBuf, sync::Arc};

/// The owner of routes that are announced by request.
const OWNER: &str = "cli";

type Answer = Result<Json<Done>, Problem>;

fn done(sentence: impl Into<String>) -> Answer {
    Ok(Json(Done { done: sentence.into() }))
}

/// A body; none stands for one that says nothing.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        Problem::bad(format!(
            "the body of the request is not as it should be: {error}; docs/api.md says how it is"
        ))
    })
}

/// Does something to the peer of this name, or to `all`. Returns the peer's own name, and to how many it was done.
async fn each(
    shared: &Shared,
    name: String,
    act: impl FnOnce(&mut Engine, Time, &Which) -> usize + Send + 'static,
) -> Result<(String, usize), Problem> {
    shared
        .tell(move |engine, now| {
            let (which, name) = match name.as_str() {
                "all" => (Which::All, "all peers".to_owned()),
                name => id(engine, name).map(|(id, name)| (Which::Peer(id), name))?,
            };
            Ok((name, act(engine, now, &which)))
        })
        .await?
}

/// How a session is reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    #[default]
    Hard,
    SoftIn,
    SoftOut,
    Soft,
}

/// The body of `POST /peers/{peer}/reset`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HowToReset {
    #[serde(default)]
    how: How,
    #[serde(default)]
    reason: String,
}

/// `POST /peers/{peer}/reset`.
pub(super) async fn reset(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    let HowToReset { how, reason } = read(&body)?;
    let text = (!reason.is_empty()).then_some(reason);
    let reset = move |engine: &mut Engine, now: Time, which: &Which| match how {
        How::Hard => engine.reset(now, which, &Reset::Hard(text)),
        How::Soft => engine.reset(now, which, &Reset::Soft),
        How::SoftIn => engine.refresh(now, which),
        How::SoftOut => engine.tell_again(which),
    };
    match (each(&shared, name, reset).await?, how) {
        ((name, _), How::Hard) => done(format!("{name}: reset")),
        ((name, 0), How::SoftIn) => Err(Problem::conflict(format!(
            "{name}: no session is up that agreed to route refresh; reset it without --soft"
        ))),
        ((name, 0), _) => Err(Problem::conflict(format!("{name}: no session is up"))),
        ((name, _), How::Soft) => done(format!("{name}: all routes are asked for and told again")),
        ((name, _), How::SoftIn) => done(format!("{name}: all routes are asked for again")),
        ((name, _), How::SoftOut) => done(format!("{name}: all routes are told again")),
    }
}

/// A reason for other people, in a body.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ForPeople {
    reason: String,
}

/// `POST /peers/{peer}/shutdown`.
pub(super) async fn shut_down(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    let ForPeople { reason } = read(&body)?;
    let shut_down =
        move |engine: &mut Engine, now: Time, which: &Which| engine.shut_down(now, which, &reason);
    let (name, _) = each(&shared, name, shut_down).await?;
    done(format!("{name}: shut down until it is started"))
}

/// `POST /peers/{peer}/start`.
pub(super) async fn start(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answer {
    let start = |engine: &mut Engine, now: Time, which: &Which| engine.start(now, which);
    let (name, _) = each(&shared, name, start).await?;
    done(format!("{name}: started"))
}

/// The body of `POST /announce`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Announced {
    prefix: String,
    next_hop: Option<IpAddr>,
    #[serde(default)]
    communities: Vec<String>,
    med: Option<u32>,
    local_pref: Option<u32>,
}

impl Announced {
    fn route(&self) -> Result<LocalRoute, Problem> {
        let mut route = LocalRoute::new(plain(&self.prefix)?);
        route.next_hop = self.next_hop.map(NextHop::from);
        route.attributes.med = self.med;
        route.attributes.local_pref = self.local_pref;
        for community in &self.communities {
            let community: AnyCommunity =
                community.parse().map_err(|wrong| Problem::bad(format!("community {wrong}")))?;
            community.add_to(&mut route.attributes);
        }
        Ok(route)
    }
}

/// A prefix that says all that is meant.
fn plain(text: &str) -> Result<IpNet, Problem> {
    let whole = prefix(text)?;
    let host_bits = text.parse().is_ok_and(|given: IpNet| given != whole);
    if host_bits {
        Err(Problem::bad(format!("{text} has bits set behind its length; write {whole}")))
    } else {
        Ok(whole)
    }
}

async fn change(shared: &Shared, change: Change) -> Result<(), Problem> {
    let changed = shared.tell(move |engine, now| engine.change(now, change).map(drop));
    changed.await?.map_err(Problem::conflict)
}

/// `POST /announce`.
pub(super) async fn announce(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let announced: Announced = read(&body)?;
    let route = announced.route()?;
    let prefix = route.prefix;
    change(&shared, Change::new().update(OWNER, vec![route], Vec::new())).await?;
    done(format!("{prefix} is announced"))
}

/// The body of `POST /withdraw`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Withdrawn {
    prefix: String,
}

/// `POST /withdraw`.
pub(super) async fn withdraw(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let Withdrawn { prefix } = read(&body)?;
    let prefix = plain(&prefix)?;
    let is_ours = shared.ask(move |engine, _| {
        let listed = engine.rib().routes(prefix);
        let names = super::asking::names(engine);
        listed
            .iter()
            .any(|route| names.get(&route.sender).is_some_and(|from| from.owner.as_deref() == Some(OWNER)))
    });
    if !is_ours.await? {
        return Err(Problem::missing(format!(
            "{prefix} was not announced by request; `bgp-daemon show routes --from local:cli` lists what was"
        )));
    }
    change(&shared, Change::new().update(OWNER, Vec::new(), vec![prefix])).await?;
    done(format!("{prefix} is withdrawn"))
}

/// `POST /leave`.
pub(super) async fn leave(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let ForPeople { reason } = read(&body)?;
    let leave = Shutdown::Leave((!reason.is_empty()).then_some(reason));
    shared.program.end.send(Some(leave)).map_err(|_| Problem::gone())?;
    done("all peers are told that we leave, and the daemon ends")
}

/// The body of `POST /log`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Logged {
    level: String,
}

/// `POST /log`.
pub(super) async fn log(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let Logged { level } = read(&body)?;
    (shared.program.log)(&level).map_err(Problem::bad)?;
    done(format!("logging {level}"))
}

/// The body of `POST /peers/{peer}/log`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Messages {
    messages: bool,
}

/// `POST /peers/{peer}/log`.
pub(super) async fn log_messages(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    let Messages { messages } = read(&body)?;
    let show =
        move |engine: &mut Engine, now: Time, which: &Which| engine.show_messages(now, which, messages);
    let (name, _) = each(&shared, name, show).await?;
    done(if messages {
        format!("{name}: every message is logged")
    } else {
        format!("{name}: messages are not logged")
    })
}

/// The body of `POST /compare`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compared {
    /// The text of a configuration.
    text: String,
    /// The folder that paths in it begin at.
    #[serde(default)]
    folder: PathBuf,
}

/// As many prefixes of each difference are named.
const SHOWN: usize = 10;

/// `POST /compare`.
pub(super) async fn compare(
    State(shared): State<Arc<Shared>>,
    body: Bytes,
) -> Result<Json<Comparison>, Problem> {
    let Compared { text, folder } = read(&body)?;
    let loaded = config::read_in(&text, &folder)
        .map_err(|findings| Problem::mistakes(config::report("configuration", &findings)))?;
    let config = Arc::new(loaded.config);
    let new = Arc::clone(&config);
    let changes = shared.ask(move |engine, _| Changes::between(engine.config(), &new).to_string()).await?;
    let changes = changes.lines().map(str::to_owned).collect();
    let mut proposal = shared.ask(move |engine, _| engine.propose(&config, SHOWN)).await?;
    loop {
        let compared = shared.tell(move |engine, _| (engine.compare(&mut proposal), proposal)).await?;
        proposal = compared.1;
        if !compared.0 {
            break;
        }
    }
    let peers = shared.ask(move |engine, _| {
        let named = |(id, difference): (PeerId, &rib::Difference)| {
            let peer = engine.peer(id)?.remote.to_string();
            Some(Difference::of(peer, difference))
        };
        engine.differences(&proposal).filter_map(named).collect()
    });
    Ok(Json(Comparison { changes, peers: peers.await? }))
}
