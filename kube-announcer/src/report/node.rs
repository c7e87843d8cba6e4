//! What one node does: its sessions, and each prefix with what becomes of it.

use super::{Attributes, Cluster, GATEWAY, Why, names, table::table};
use crate::{
    object::{Key, Kind, Name},
    plan::{Claim, Conflict, Decision, Outcome, Plan, Refusal, Session, Verdict},
    wish::Place,
};
use bgp_daemon::config::{Distance, Remote};
use bgp_proto::session::RemoteAs;
use ipnet::IpNet;
use serde::Serialize;

/// A prefix on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The prefix.
    pub prefix: String,
    /// Whether it is announced.
    pub announced: bool,
    /// The objects that want it; where it is not announced, the one that it fails at.
    pub objects: Vec<String>,
    /// Who is told, and what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Said>,
    /// Why it is not announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Why>,
}

/// What a peer is told of a prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Said {
    /// The BgpPeer.
    pub peer: String,
    /// With what.
    pub attributes: Attributes,
}

/// A session of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// The BgpPeer.
    pub peer: String,
    /// Where it is.
    pub address: String,
    /// Our AS.
    pub local_asn: u32,
    /// Its AS.
    pub asn: String,
    /// What can be announced to it.
    pub families: Vec<&'static str>,
    /// Whether the session has a password.
    pub password: bool,
    /// How far away it may be.
    pub distance: String,
}

/// All prefixes of a node, those that are announced and those that are not.
pub fn routes(plan: &Plan) -> Vec<Route> {
    plan.prefixes.iter().map(|(prefix, decision)| route(plan, *prefix, decision)).collect()
}

/// A prefix of a node.
pub fn route(plan: &Plan, prefix: IpNet, decision: &Decision) -> Route {
    let mut objects: Vec<_> =
        decision.claims.iter().filter(|claim| says_yes(claim)).map(|claim| claim.owner.to_string()).collect();
    let mut reason = None;
    if let Outcome::Withheld(Refusal { object, reason: why }) = &decision.outcome {
        objects = vec![object.to_string()];
        reason =
            Some(Why { code: why.code.name(), sentence: why.sentence(object, &plan.node, Some(prefix)) });
    }
    objects.dedup();
    let told = decision.outcome.class().map(|class| said(plan, class, prefix)).unwrap_or_default();
    Route { prefix: prefix.to_string(), announced: reason.is_none(), objects, told, reason }
}

pub(super) fn says_yes(claim: &Claim) -> bool {
    matches!(claim.verdict, Verdict::Yes | Verdict::Last)
}

/// Who is told of a prefix in a class.
pub(super) fn said(plan: &Plan, class: &Name, prefix: IpNet) -> Vec<Said> {
    let family = usize::from(prefix.addr().is_ipv6());
    let told = plan.classes.get(class).into_iter().flat_map(|class| &class.told);
    let said = told.filter_map(|(peer, told)| {
        Some(Said { peer: peer.to_string(), attributes: told.attributes[family].as_ref()?.into() })
    });
    said.collect()
}

/// A node's sessions.
pub fn peers(plan: &Plan) -> Vec<Peer> {
    plan.sessions.iter().map(peer).collect()
}

fn peer(session: &Session) -> Peer {
    let wish = &*session.wish;
    Peer {
        peer: wish.name.to_string(),
        address: address(session),
        local_asn: wish.local_asn.0,
        asn: asn(&wish.asn),
        families: wish
            .families
            .iter()
            .map(|family| if *family == bgp_proto::family::Family::IPV6 { "ipv6" } else { "ipv4" })
            .collect(),
        password: session.password.is_some(),
        distance: match wish.distance {
            Distance::Adjacent => "on a link".to_owned(),
            Distance::Secured => "on a link, TTL checked".to_owned(),
            Distance::Multihop(hops) => format!("up to {hops} hops"),
        },
    }
}

/// Where a session goes, for people.
fn address(session: &Session) -> String {
    match (&session.wish.place, &session.remote) {
        (Place::Gateway, Remote::Address(GATEWAY, _)) => "the default gateway".to_owned(),
        (_, Remote::Interface(name)) => format!("the other end of {name}"),
        (_, remote) => remote.to_string(),
    }
}

fn asn(asn: &RemoteAs) -> String {
    match asn {
        RemoteAs::Fixed(asn) => asn.to_string(),
        RemoteAs::Internal => "internal".to_owned(),
        RemoteAs::External => "external".to_owned(),
        _ => "any".to_owned(),
    }
}

/// Whether a session is with another AS for certain.
pub(super) fn is_external(session: &Session) -> bool {
    match &session.wish.asn {
        RemoteAs::Fixed(asn) => *asn != session.wish.local_asn,
        other => *other == RemoteAs::External,
    }
}

/// Why there is no session with a BgpPeer.
pub fn absent(plan: &Plan) -> Vec<(Key, Why)> {
    let absent = plan.absent.iter();
    absent
        .map(|refusal| {
            (
                refusal.object.clone(),
                Why { code: refusal.reason.code.name(), sentence: refusal.sentence(&plan.node) },
            )
        })
        .collect()
}

/// A conflict, in a sentence.
pub(crate) fn conflict(prefix: IpNet, conflict: &Conflict) -> String {
    let keys = |all: &[Key]| names(&all.iter().map(ToString::to_string).collect::<Vec<_>>());
    match conflict {
        Conflict::Namespaces(owners) => {
            format!(
                "{prefix} is claimed from several namespaces, by {}; leave it to one of them",
                keys(owners)
            )
        }
        Conflict::Pods { first, others } => format!(
            "{prefix} is claimed by several pods of one node: packets go to {first}, the oldest, and not to {}; run them on \
             different nodes",
            keys(others)
        ),
        Conflict::Ports(owners) => {
            format!("{prefix} is given to Services that share a port, {}; give each its own", keys(owners))
        }
        Conflict::Attributes { field, advertisements } => format!(
            "{prefix}: {} say a different {field}, and the first holds; let one of them be more specific",
            names(
                &advertisements
                    .iter()
                    .map(|name| format!("{} {name}", Kind::BgpAdvertisement))
                    .collect::<Vec<_>>()
            )
        ),
    }
}

/// What is announced, a line for each prefix and peer.
pub fn routes_table(routes: &[Route]) -> String {
    let rows: Vec<_> = routes
        .iter()
        .flat_map(|route| {
            route.told.iter().map(move |said| {
                let Attributes { next_hop, .. } = &said.attributes;
                [
                    route.prefix.clone(),
                    said.peer.clone(),
                    next_hop.clone(),
                    said.attributes.words(),
                    names(&route.objects),
                ]
            })
        })
        .collect();
    table(["PREFIX", "PEER", "NEXT HOP", "ATTRIBUTES", "FROM"], &rows)
}

/// A line for each prefix: is it announced, to whom, and why not.
pub fn decisions_table(routes: &[Route]) -> String {
    let rows: Vec<_> = routes
        .iter()
        .map(|route| {
            let peers: Vec<_> = route.told.iter().map(|said| said.peer.as_str()).collect();
            let words = route.told.first().map(|said| said.attributes.words()).unwrap_or_default();
            let why = route.reason.as_ref().map_or(words, |why| format!("{}: {}", why.code, why.sentence));
            let decision = if route.announced { "announced" } else { "no" };
            [route.prefix.clone(), decision.to_owned(), names(&peers), names(&route.objects), why]
        })
        .collect();
    table(["PREFIX", "DECISION", "PEERS", "FROM", "WITH, OR WHY NOT"], &rows)
}

/// A line for each session, and one for each BgpPeer without.
pub fn peers_table(plan: &Plan) -> String {
    let mut rows: Vec<_> = peers(plan)
        .into_iter()
        .map(|peer| {
            let key = if peer.password { "password" } else { "" };
            [
                peer.peer,
                peer.address,
                format!("{} to {}", peer.local_asn, peer.asn),
                peer.families.join(" "),
                peer.distance,
                key.to_owned(),
            ]
        })
        .collect();
    for (object, why) in absent(plan) {
        rows.push([
            object.name.to_string(),
            "none".into(),
            String::new(),
            String::new(),
            format!("{}: {}", why.code, why.sentence),
            String::new(),
        ]);
    }
    table(["PEER", "ADDRESS", "AS", "FAMILIES", "DISTANCE, OR WHY NOT", ""], &rows)
}

/// A node of a cluster, or which ones there are.
///
/// # Errors
/// A sentence for a person: there is no such node.
pub fn find(cluster: &Cluster, node: &str) -> Result<Name, String> {
    let nodes = cluster.nodes();
    let found = nodes.iter().find(|name| ***name == *node).cloned();
    found.ok_or_else(|| match nodes.len() {
        0 => format!("--node {node}: the manifests have no Node; write its manifest"),
        _ => format!("--node {node}: there is no such Node; use one of {}", names(&nodes)),
    })
}
