//! Writes, one by one, as an API server takes them.

use super::{Failure, Note, Outcome, Write, election::hash, state::written};
use crate::{
    crd::{BgpAdvertisement, BgpNodeState, BgpPeer, Condition, NodeState},
    object::{self, Key, Kind},
};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client, Error, Resource,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    core::Status,
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

/// Who owns what is written, to the API server.
const MANAGER: &str = "kube-announcer";
/// The longest that one request may take.
const BOUND: Duration = Duration::from_secs(10);
/// The longest name of an object that an Event's own begins with: no name is longer than 253 octets.
const LONGEST_NAME: usize = 230;

/// Where a cluster puts Events about what has no namespace.
const NO_NAMESPACE: &str = "default";

type Done = Result<(), Failed>;

/// Why a request failed.
enum Failed {
    /// The API server answered.
    Answered(Box<Status>),
    /// It did not.
    Away(String),
}

/// Writes, and says what became of it.
pub(super) async fn write(client: &Client, write: Write, now: Timestamp) -> Outcome {
    let (needs, done) = match &write {
        Write::State { node, owner, state } => (STATES, state_written(client, node, owner, state).await),
        Write::Conditions { about, conditions } => {
            let done = conditions_written(client, about, conditions, now).await;
            // Gone since: there is nothing to say of it any more.
            (CONDITIONS, done.or_else(|failed| failed.unless(404)))
        }
        Write::Note { mark, note } => {
            let done = noted(client, *mark, note, now).await;
            // Told before, by us or another node; or about what is gone.
            let done = done.or_else(|failed| failed.unless(409)).or_else(|failed| failed.unless(404));
            (EVENTS, done)
        }
    };
    match done {
        Ok(()) => Outcome::Done,
        Err(failed) => Outcome::Failed(failure(failed, needs)),
    }
}

/// Nothing of this node stands there any more.
pub(super) async fn forget(client: &Client, node: &str) -> Outcome {
    let states: Api<BgpNodeState> = Api::all(client.clone());
    let done = ask(states.delete(node, &DeleteParams::default())).await.map(drop);
    match done.or_else(|failed| failed.unless(404)) {
        Ok(()) => Outcome::Done,
        Err(failed) => Outcome::Failed(failure(failed, STATES)),
    }
}

/// The rights that a write needs.
const STATES: &str = "create, patch and delete of bgpnodestates, and patch of bgpnodestates/status";
const CONDITIONS: &str = "patch of bgppeers/status and bgpadvertisements/status";
const EVENTS: &str = "create of events.events.k8s.io, and get of what they are about";

impl Failed {
    fn unless(self, code: u16) -> Done {
        match self {
            Failed::Answered(status) if status.code == code => Ok(()),
            failed => Err(failed),
        }
    }
}

/// One request, with a bound.
async fn ask<T>(request: impl Future<Output = Result<T, Error>>) -> Result<T, Failed> {
    match timeout(BOUND, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Error::Api(status))) => Err(Failed::Answered(status)),
        Ok(Err(error)) => Err(Failed::Away(chain(&error))),
        Err(_) => Err(Failed::Away(format!("no answer within {} s", BOUND.as_secs()))),
    }
}

/// An error with all that it came from.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        next = error.source();
    }
    text
}

fn failure(failed: Failed, needs: &str) -> Failure {
    let status = match failed {
        Failed::Away(why) => {
            let sentence = format!("the API server cannot be reached ({why})");
            return Failure { code: 0, sentence, wait: None, only_this: false };
        }
        Failed::Answered(status) => status,
    };
    let said = &status.message;
    let asked = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
    let wait = (asked > 0).then(|| Duration::from_secs(asked.into()));
    // A namespace that is being deleted takes nothing new, whatever our rights.
    let ends = |status: &Status| {
        let mut causes = status.details.iter().flat_map(|details| &details.causes);
        causes.any(|cause| cause.reason == "NamespaceTerminating")
    };
    let (sentence, only_this) = match status.code {
        401 => (format!("the API server does not know us ({said}); look at the token"), false),
        403 if ends(&status) => (format!("the namespace is being deleted ({said})"), true),
        403 => (format!("the API server forbids it ({said}); allow {needs}"), false),
        404 => (
            "the API server does not serve bgpnodestates; apply what `kube-announcer crds` prints".into(),
            false,
        ),
        429 => ("the API server has too much to do".into(), false),
        400..500 if status.code != 409 => {
            let older = "if its definitions are of another version, apply what `kube-announcer crds` prints";
            (format!("the API server refuses it ({said}); {older}"), true)
        }
        _ => (format!("the API server fails ({said})"), false),
    };
    Failure { code: status.code, sentence, wait, only_this }
}

/// How a node is doing. Its object is made when there is none, or one of a Node that was there before.
async fn state_written(client: &Client, node: &str, owner: &str, state: &NodeState) -> Done {
    let states: Api<BgpNodeState> = Api::all(client.clone());
    let kind = types(&ApiResource::erase::<BgpNodeState>(&()));
    let status = patch(&kind, node, json!({ "status": state }));
    match ask(states.patch_status(node, &params(), &status)).await {
        Ok(there) if there.metadata.owner_references.iter().flatten().any(|one| one.uid == owner) => Ok(()),
        Ok(_) => ask(states.patch(node, &params(), &object(&kind, node, owner))).await.map(drop),
        Err(failed) => {
            failed.unless(404)?;
            ask(states.patch(node, &params(), &object(&kind, node, owner))).await?;
            ask(states.patch_status(node, &params(), &status)).await.map(drop)
        }
    }
}

/// A BgpNodeState without a status, owned by its Node.
fn object(kind: &Value, node: &str, owner: &str) -> Patch<Value> {
    let owner = json!({ "apiVersion": "v1", "kind": "Node", "name": node, "uid": owner });
    let mut body = json!({ "metadata": { "name": node, "ownerReferences": [owner] }, "spec": {} });
    merge(&mut body, kind);
    Patch::Apply(body)
}

async fn conditions_written(client: &Client, about: &Key, conditions: &[Condition], now: Timestamp) -> Done {
    let resource = match about.kind {
        Kind::BgpPeer => ApiResource::erase::<BgpPeer>(&()),
        _ => ApiResource::erase::<BgpAdvertisement>(&()),
    };
    let began = |condition: &Condition| {
        let mut condition = condition.clone();
        if condition.last_transition_time.is_empty() {
            condition.last_transition_time = written(now);
        }
        condition
    };
    let conditions: Vec<_> = conditions.iter().map(began).collect();
    let body = patch(&types(&resource), &about.name, json!({ "status": { "conditions": conditions } }));
    let objects: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    ask(objects.patch_status(&about.name, &params(), &body)).await.map(drop)
}

/// An Event, under a name that any node would give it.
async fn noted(client: &Client, mark: u64, note: &Note, now: Timestamp) -> Done {
    let about = resource(note.about.kind);
    let (namespace, name) = match note.about.name.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, &*note.about.name),
    };
    let objects: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &about),
        None => Api::all_with(client.clone(), &about),
    };
    // Whoever describes an object looks for Events of its UID.
    let uid = ask(objects.get_metadata(name)).await?.metadata.uid.unwrap_or_default();
    let number = hash([&*mark.to_string(), &uid]);
    let short = name.get(..LONGEST_NAME).unwrap_or(name).trim_end_matches(['.', '-']);
    let place = namespace.unwrap_or(NO_NAMESPACE);
    let body = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": { "name": format!("{short}.{number:016x}"), "namespace": place },
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        "type": "Warning",
        "reason": note.reason,
        "action": "Announce",
        "note": note.message,
        "reportingController": "kube-announcer.io/kube-announcer",
        "reportingInstance": MANAGER,
        "regarding": {
            "apiVersion": about.api_version, "kind": about.kind, "name": name, "namespace": namespace, "uid": uid,
        },
    });
    let event: DynamicObject =
        serde_json::from_value(body).map_err(|error| Failed::Away(error.to_string()))?;
    let events = ApiResource::erase::<k8s_openapi::api::events::v1::Event>(&());
    let events: Api<DynamicObject> = Api::namespaced_with(client.clone(), place, &events);
    ask(events.create(&PostParams::default(), &event)).await.map(drop)
}

fn resource(kind: Kind) -> ApiResource {
    fn of<K: Resource<DynamicType = ()>>() -> ApiResource {
        ApiResource::erase::<K>(&())
    }
    match kind {
        Kind::Node => of::<object::Node>(),
        Kind::Secret => of::<object::Secret>(),
        Kind::BgpPeer => of::<BgpPeer>(),
        Kind::BgpAdvertisement => of::<BgpAdvertisement>(),
        Kind::ServiceCidr => of::<object::ServiceCidr>(),
        Kind::Service => of::<object::Service>(),
        Kind::EndpointSlice => of::<object::EndpointSlice>(),
        Kind::Pod => of::<object::Pod>(),
    }
}

fn params() -> PatchParams {
    PatchParams::apply(MANAGER).force()
}

fn types(resource: &ApiResource) -> Value {
    json!({ "apiVersion": resource.api_version, "kind": resource.kind })
}

/// What is applied to a named object.
fn patch(kind: &Value, name: &str, mut body: Value) -> Patch<Value> {
    merge(&mut body, kind);
    merge(&mut body, &json!({ "metadata": { "name": name } }));
    Patch::Apply(body)
}

fn merge(body: &mut Value, more: &Value) {
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}
