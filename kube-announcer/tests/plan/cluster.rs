//! A cluster from manifests, and what its nodes announce as a table.

use kube_announcer::{
    crd::check::Mistake,
    object::{Key, Kind, Object},
    plan::{Conflict, Decision, Facts, Outcome, Plan, Told},
    snapshot::{Changes, Snapshot},
    wish::{Attributes, NextHop},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// What a document of a case asks for.
pub(crate) enum Step {
    /// An object is there.
    Apply(Box<Object>),
    /// It is not one that can be read.
    Refuse(Mistake),
    /// An object is gone: `delete: Service default/web`.
    Delete(Key),
    /// Objects of a kind may not be read, or may again: `forbid: Pod`.
    Forbid(Kind, bool),
    /// What is known of the nodes beside the cluster: `facts: {kernelRoutes: true}`.
    Facts(Facts),
    /// What probes say from now on: `failing: {node-1: [10256]}`.
    Failing(BTreeMap<String, BTreeSet<u16>>),
    /// A node to plan for, that has no Node: `plan: node-9`.
    Plan(String),
}

impl Step {
    /// Takes a step into a snapshot.
    pub(crate) fn apply(&self, snapshot: &mut Snapshot) -> Changes {
        match self {
            Step::Apply(object) => snapshot.apply(object),
            Step::Refuse(mistake) => snapshot.refuse(mistake.clone()),
            Step::Delete(key) => snapshot.remove(key),
            Step::Forbid(kind, forbidden) => snapshot.set_forbidden(*kind, *forbidden),
            Step::Facts(_) | Step::Failing(_) | Step::Plan(_) => Changes::default(),
        }
    }
}

/// Reads documents. `apiVersion` may be left out, as no two kinds have the same name.
pub(crate) fn steps(yaml: &str) -> Vec<Step> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    documents.iter().filter(|document| !document.is_null()).map(step).collect()
}

fn kind(name: &str) -> Kind {
    Kind::ALL.into_iter().find(|kind| kind.name() == name).unwrap_or_else(|| panic!("no kind {name}"))
}

fn step(document: &Value) -> Step {
    let text = |field: &str| document[field].as_str().map(str::to_owned);
    if let Some(key) = text("delete") {
        let (name, object) = key.split_once(' ').unwrap();
        return Step::Delete(Key { kind: kind(name), name: object.into() });
    }
    if let Some(name) = text("forbid") {
        return Step::Forbid(kind(&name), true);
    }
    if let Some(name) = text("allow") {
        return Step::Forbid(kind(&name), false);
    }
    if let Some(node) = text("plan") {
        return Step::Plan(node);
    }
    if let Some(failing) = document.get("failing") {
        return Step::Failing(serde_json::from_value(failing.clone()).unwrap());
    }
    if let Some(facts) = document.get("facts") {
        let gateways = facts["gateways"].as_array().into_iter().flatten();
        let gateways = gateways.map(|gateway| {
            let text = gateway.as_str().unwrap();
            let (address, zone) =
                text.split_once('%').map_or((text, None), |(a, zone)| (a, Some(zone.into())));
            (address.parse().unwrap(), zone)
        });
        let kernel_routes = facts["kernelRoutes"].as_bool().unwrap_or(false);
        return Step::Facts(Facts { gateways: gateways.collect(), kernel_routes, ..Facts::default() });
    }
    let kind = kind(&text("kind").unwrap_or_else(|| panic!("no kind in {document}")));
    let metadata = &document["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    let object = Key::written(kind, metadata["namespace"].as_str(), name);
    match kind.read(document) {
        Ok(object) => Step::Apply(Box::new(object)),
        Err(error) => Step::Refuse(Mistake { object, field: error.field, message: error.message }),
    }
}

/// What a node does, a line for each prefix. `peers`: also the sessions.
pub(crate) fn table(plan: &Plan, peers: bool) -> String {
    let mut table = String::new();
    let node = &*plan.node;
    if peers {
        for session in &plan.sessions {
            let wish = &session.wish;
            let password = if session.password.is_some() { ", with a password" } else { "" };
            let listens = if session.listens { ", listening" } else { "" };
            let (name, remote, local, asn) = (&wish.name, &session.remote, wish.local_asn, &wish.asn);
            writeln!(table, "{node} | peer {name} | {remote} | from AS {local} to {asn}{password}{listens}")
                .unwrap();
        }
    }
    for refusal in &plan.absent {
        let code = refusal.reason.code;
        writeln!(table, "{node} | {} | {code} | {}", refusal.object, refusal.sentence(node)).unwrap();
    }
    for (prefix, decision) in &plan.prefixes {
        let line = match &decision.outcome {
            Outcome::Announced { class, kernel } => {
                let kernel = kernel.map(|kernel| format!(" with a route {kernel:?}")).unwrap_or_default();
                let told = told(plan, class, prefix.addr().is_ipv6());
                format!("announced to {told}{kernel} | {}", owners(decision))
            }
            Outcome::Withheld(refusal) => {
                let sentence = refusal.reason.sentence(&refusal.object, node, Some(*prefix));
                format!("{} | {sentence}", refusal.reason.code)
            }
        };
        writeln!(table, "{node} | {prefix} | {line}").unwrap();
        for conflict in &decision.conflicts {
            writeln!(table, "{node} | {prefix} | conflict | {}", explain(conflict)).unwrap();
        }
    }
    for (name, class) in &plan.classes {
        for conflict in &class.conflicts {
            writeln!(table, "{node} | class {name} | conflict | {}", explain(conflict)).unwrap();
        }
    }
    for refusal in plan.refusals.values().flatten() {
        let code = refusal.reason.code;
        writeln!(table, "{node} | {} | {code} | {}", refusal.object, refusal.sentence(node)).unwrap();
    }
    table
}

fn owners(decision: &Decision) -> String {
    let yes = decision.answers().filter(|(_, answer)| answer.is_ok());
    let mut owners: Vec<String> = yes
        .map(|(claim, _)| format!("{} by {}/{}", claim.owner, claim.advertisement, claim.kind.name()))
        .collect();
    owners.dedup();
    owners.join("; ")
}

fn told(plan: &Plan, class: &str, ipv6: bool) -> String {
    let told = plan.classes[class].told.iter();
    let told = told.filter_map(|(peer, Told { attributes })| {
        let attributes = attributes[usize::from(ipv6)].as_ref()?;
        let said = said(attributes);
        Some(if said.is_empty() { peer.to_string() } else { format!("{peer} ({said})") })
    });
    told.collect::<Vec<_>>().join(", ")
}

fn said(attributes: &Attributes) -> String {
    let mut said: Vec<String> = attributes.communities.iter().map(ToString::to_string).collect();
    said.extend(attributes.large_communities.iter().map(ToString::to_string));
    said.extend(attributes.local_pref.map(|value| format!("localPref {value}")));
    said.extend(attributes.med.map(|value| format!("med {value}")));
    said.extend(attributes.prepend.map(|value| format!("prepend {value}")));
    if let Some(NextHop::Addresses { ipv4, ipv6 }) = attributes.next_hop {
        said.extend(ipv4.map(|address| format!("nextHop {address}")));
        said.extend(ipv6.map(|address| format!("nextHop {address}")));
    }
    said.join(", ")
}

fn explain(conflict: &Conflict) -> String {
    let list = |keys: &[Key]| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match conflict {
        Conflict::Namespaces(owners) => format!("claimed from several namespaces: {}", list(owners)),
        Conflict::Pods { first, others } => format!("pods of one node: {first} before {}", list(others)),
        Conflict::Ports(owners) => format!("shared with the same port: {}", list(owners)),
        Conflict::Attributes { field, advertisements } => {
            format!("{field} said differently by {}; the first holds", advertisements.join(", "))
        }
    }
}
