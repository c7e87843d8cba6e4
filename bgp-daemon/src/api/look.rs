//! What there is to be seen beside peers and lists of routes.

use super::{
    asking::names,
    document::{self, Config, Export, From, Group, Memory, Rule, Status, Why},
    lines,
    problem::Problem,
    routes::{self, covering},
    serve::{Question, Shared},
};
use crate::{
    config::PeerSettings,
    engine::Engine,
    policy::{self, Policy},
};
use axum::{
    Json,
    extract::{Path, State},
    response::Response,
};
use bgp_proto::session::SessionState;
use std::{fs, sync::Arc};
use tokio::sync::oneshot;

/// `GET /status`.
pub(super) async fn status(State(shared): State<Arc<Shared>>) -> Result<Json<Status>, Problem> {
    let started = shared.program.started;
    let status = shared.ask(move |engine, now| Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        asn: engine.config().asn.0,
        router_id: engine.router_id().to_string(),
        seconds: now.since(started).as_secs(),
        peers: engine.peers().count() as u64,
        established: engine.peers().filter(|peer| peer.state == SessionState::Established).count() as u64,
    });
    status.await.map(Json)
}

/// `GET /program/{about}`: whatever the program around the speaker knows.
pub(super) async fn program(
    State(shared): State<Arc<Shared>>,
    Path(about): Path<String>,
) -> Result<Json<serde_json::Value>, Problem> {
    let nobody =
        || Problem::missing(format!("there is no /program/{about}; docs/api.md lists what there is"));
    let questions = shared.program.questions.as_ref().ok_or_else(nobody)?;
    let (answer, answered) = oneshot::channel();
    let question = Question { about: about.clone(), answer };
    questions.send(question).await.map_err(|_| Problem::gone())?;
    answered.await.map_err(|_| Problem::gone())?.map(Json).map_err(Problem::missing)
}

/// `GET /why/{prefix}`: every prefix that holds it, the most specific first.
pub(super) async fn why(
    State(shared): State<Arc<Shared>>,
    Path(wanted): Path<String>,
) -> Result<Response, Problem> {
    let prefix = routes::prefix(&wanted)?;
    let found = shared.ask(move |engine, now| {
        let names = names(engine);
        let now = now.nanos() / 1_000_000_000;
        let mut found = Vec::new();
        for prefix in covering(prefix).into_iter().rev() {
            let listed = engine.rib().routes(prefix);
            if listed.is_empty() {
                continue;
            }
            let routes = routes::document(prefix, &listed, &names, now).routes;
            let peer = |id| names.get(&id).and_then(|from: &From| from.peer.clone()).unwrap_or_default();
            let tellings = engine.rib().tellings(prefix);
            let mut exports: Vec<_> =
                tellings.iter().map(|telling| Export::of(telling, peer(telling.peer))).collect();
            exports.sort_by(|a, b| a.peer.cmp(&b.peer));
            found.push((prefix, Why { prefix: prefix.to_string(), routes, kernel: None, exports }));
        }
        found
    });
    let found = found.await?;
    #[cfg(feature = "kernel")]
    let found = super::kernel::beside(&shared.speaker, found).await;
    let found: Vec<_> = found.into_iter().map(|(_, why)| why).collect();
    if found.is_empty() {
        return Err(Problem::missing(format!(
            "no route holds {wanted}: neither learned nor our own, accepted or not"
        )));
    }
    Ok(lines::whole(&found))
}

/// Who a policy is of, by what it is used for.
fn users(engine: &Engine, name: &str, side: fn(&PeerSettings) -> Option<&Policy>) -> Vec<String> {
    let config = engine.config();
    let groups = config.groups.iter().map(|group| (format!("group {}", group.name), &group.settings));
    let peers = config.peers.iter().map(|peer| (peer.remote.to_string(), &peer.settings));
    let uses = |settings: &PeerSettings| side(settings).is_some_and(|policy| policy.name() == name);
    groups.chain(peers).filter(|(_, settings)| uses(settings)).map(|(user, _)| user).collect()
}

/// `GET /policies`.
pub(super) async fn policies(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let policies = shared.ask(|engine, _| {
        let of = |policy: &Policy| document::Policy {
            policy: policy.name().to_owned(),
            rules: rules(policy),
            import: users(engine, policy.name(), |settings| settings.import.as_ref()),
            export: users(engine, policy.name(), |settings| settings.export.as_ref()),
        };
        engine.config().policies.iter().map(of).collect::<Vec<_>>()
    });
    policies.await.map(|policies| lines::whole(&policies))
}

fn rules(policy: &Policy) -> Vec<Rule> {
    let rule = |rule: &policy::Rule| Rule {
        name: rule.name().map(Into::into),
        verdict: rule.verdict().to_string(),
        changes: rule.changes().is_some(),
    };
    policy.rules().iter().map(rule).collect()
}

/// `GET /groups`.
pub(super) async fn groups(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let groups = shared.ask(|engine, _| {
        let of = |group: &crate::config::Group| {
            let name = |policy: &Option<Policy>| policy.as_ref().map(|policy| policy.name().to_owned());
            let members = || engine.peers().filter(|peer| peer.group == Some(&*group.name));
            let up = members().filter(|peer| peer.state == SessionState::Established);
            Group {
                group: group.name.to_string(),
                accept_from: group.accept_from.iter().map(ToString::to_string).collect(),
                max_peers: group.max_peers as u64,
                peers: members().count() as u64,
                established: up.count() as u64,
                import: name(&group.settings.import),
                export: name(&group.settings.export),
            }
        };
        engine.config().groups.iter().map(of).collect::<Vec<_>>()
    });
    groups.await.map(|groups| lines::whole(&groups))
}

/// `GET /memory`.
pub(super) async fn memory(State(shared): State<Arc<Shared>>) -> Result<Json<Memory>, Problem> {
    held(&shared).await.map(Json)
}

/// How much there is, and the memory that it takes.
pub(super) async fn held(shared: &Shared) -> Result<Memory, Problem> {
    let counted = shared.ask(|engine, _| {
        let rib = engine.rib();
        Memory {
            prefixes: rib.prefix_count() as u64,
            routes: rib.route_count() as u64,
            attribute_sets: rib.attribute_sets() as u64,
            tables_octets: rib.octets() as u64,
            resident_octets: None,
        }
    });
    Ok(Memory { resident_octets: resident(), ..counted.await? })
}

/// Octets of memory that the process holds.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// `GET /config`.
pub(super) async fn config(State(shared): State<Arc<Shared>>) -> Json<Config> {
    Json(shared.program.config.borrow().clone())
}
