//! What a cluster would announce, from its manifests alone: every prefix with the nodes that announce it and those that
//! do not, and everything that is wrong.

use super::{
    Attributes, Cluster, Why, names,
    node::{self, Peer, Said},
    table::table,
};
use crate::{
    object::{Key, Name},
    plan::{Code, Outcome, Plan, Reason, Refusal, Weight},
};
use ipnet::IpNet;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a cluster would announce.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The nodes that were looked at.
    pub nodes: Vec<String>,
    /// Sessions, each with the nodes that have it.
    pub peers: Vec<Sessions>,
    /// Prefixes.
    pub prefixes: Vec<Prefix>,
    /// What has to be mended.
    pub mistakes: Vec<String>,
    /// What may not be meant as it stands.
    pub warnings: Vec<String>,
    /// Kinds of objects that no plan reads.
    pub ignored: Vec<String>,
}

/// Sessions of several nodes that are alike.
#[derive(Clone, Debug, Serialize)]
pub struct Sessions {
    /// What they are.
    #[serde(flatten)]
    pub session: Peer,
    /// Whose.
    pub nodes: Vec<String>,
}

/// A prefix, on all nodes.
#[derive(Clone, Debug, Serialize)]
pub struct Prefix {
    /// The prefix.
    pub prefix: String,
    /// What becomes of it, where.
    pub shares: Vec<Share>,
}

/// Nodes on which the same becomes of a prefix.
#[derive(Clone, Debug, Serialize)]
pub struct Share {
    /// Whether it is announced.
    pub announced: bool,
    /// The nodes.
    pub nodes: Vec<String>,
    /// The objects that want it.
    pub objects: Vec<String>,
    /// Who is told. The next hop only where it is the same everywhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Said>,
    /// Why it is not announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Why>,
}

/// What makes shares alike: the peers with what they are told, or the object and the reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alike {
    Announced(Vec<Said>),
    Withheld(Key, Code, Option<Box<str>>),
}

#[derive(Default)]
struct Gathered {
    nodes: Vec<Name>,
    objects: BTreeSet<String>,
}

/// A mistake that is the same on several nodes, in the order in which they are shown.
type Wrongs = BTreeMap<(Key, Code, Option<Box<str>>, Option<IpNet>), Vec<Name>>;

/// Looks at these nodes.
pub fn report(cluster: &Cluster, nodes: &[Name]) -> Report {
    let mut prefixes: BTreeMap<IpNet, BTreeMap<Alike, Gathered>> = BTreeMap::new();
    let mut sessions: BTreeMap<Peer, Vec<String>> = BTreeMap::new();
    let mut wrongs = Wrongs::new();
    let mut warnings = BTreeSet::new();
    for name in nodes {
        let planner = cluster.planner(name);
        let plan = planner.plan();
        for peer in node::peers(plan) {
            sessions.entry(peer).or_default().push(name.to_string());
        }
        gather(plan, &mut prefixes);
        wrong(plan, &mut wrongs);
        warn(plan, &mut warnings);
    }
    if nodes.is_empty() {
        warnings.insert(
            "the manifests have no Node, so nothing is announced from anywhere; add them: kubectl get nodes -o yaml".to_owned(),
        );
    }
    Report {
        nodes: nodes.iter().map(ToString::to_string).collect(),
        peers: sessions.into_iter().map(|(session, nodes)| Sessions { session, nodes }).collect(),
        prefixes: prefixes.into_iter().map(|(prefix, shares)| shown(prefix, shares)).collect(),
        mistakes: mistakes(cluster, wrongs),
        warnings: warnings.into_iter().collect(),
        ignored: cluster.ignored.iter().map(ToString::to_string).collect(),
    }
}

fn gather(plan: &Plan, prefixes: &mut BTreeMap<IpNet, BTreeMap<Alike, Gathered>>) {
    for (prefix, decision) in &plan.prefixes {
        let (alike, objects) = match &decision.outcome {
            Outcome::Withheld(Refusal { object, reason: Reason { code, detail } }) => {
                (Alike::Withheld(object.clone(), *code, detail.clone()), vec![object.to_string()])
            }
            Outcome::Announced { class, .. } => {
                let mut said = node::said(plan, class, *prefix);
                for said in &mut said {
                    // Each node says its own.
                    said.attributes.next_hop.clear();
                }
                let yes = decision.claims.iter().filter(|claim| node::says_yes(claim));
                (Alike::Announced(said), yes.map(|claim| claim.owner.to_string()).collect())
            }
        };
        let gathered = prefixes.entry(*prefix).or_default().entry(alike).or_default();
        gathered.nodes.push(plan.node.clone());
        gathered.objects.extend(objects);
    }
}

fn shown(prefix: IpNet, shares: BTreeMap<Alike, Gathered>) -> Prefix {
    let shares = shares.into_iter().map(|(alike, Gathered { nodes, objects })| {
        let (told, reason) = match alike {
            Alike::Announced(said) => (said, None),
            Alike::Withheld(object, code, detail) => {
                let sentence = Reason { code, detail }.sentence(&object, &names(&nodes), Some(prefix));
                (Vec::new(), Some(Why { code: code.name(), sentence }))
            }
        };
        Share {
            announced: reason.is_none(),
            nodes: nodes.iter().map(ToString::to_string).collect(),
            objects: objects.into_iter().collect(),
            told,
            reason,
        }
    });
    Prefix { prefix: prefix.to_string(), shares: shares.collect() }
}

/// What somebody has to do something about.
fn wrong(plan: &Plan, wrongs: &mut Wrongs) {
    let withheld = plan.prefixes.iter().filter_map(|(prefix, decision)| match &decision.outcome {
        Outcome::Withheld(refusal) => Some((Some(*prefix), refusal)),
        Outcome::Announced { .. } => None,
    });
    let refused = plan.refusals.values().flatten().chain(&plan.absent).map(|refusal| (None, refusal));
    for (prefix, Refusal { object, reason: Reason { code, detail } }) in withheld.chain(refused) {
        if code.weight() == Weight::Refused {
            wrongs
                .entry((object.clone(), *code, detail.clone(), prefix))
                .or_default()
                .push(plan.node.clone());
        }
    }
}

fn warn(plan: &Plan, warnings: &mut BTreeSet<String>) {
    for (prefix, decision) in &plan.prefixes {
        let of_class = decision.outcome.class().and_then(|class| plan.classes.get(class));
        let conflicts =
            decision.conflicts.iter().chain(of_class.into_iter().flat_map(|class| &class.conflicts));
        warnings.extend(conflicts.map(|conflict| node::conflict(*prefix, conflict)));
    }
    for session in plan.sessions.iter().filter(|session| node::is_external(session)) {
        let peer = &session.wish.name;
        let told = plan.classes.values().filter_map(|class| class.told.get(peer));
        let mut said = told.flat_map(|told| told.attributes.iter().flatten());
        if said.any(|said| said.local_pref.is_some()) {
            warnings.insert(format!(
                "BgpPeer {peer}: localPref counts inside of an AS only, and {peer} is in another; use communities or med"
            ));
        }
    }
}

fn mistakes(cluster: &Cluster, wrongs: Wrongs) -> Vec<String> {
    let mut mistakes: Vec<_> = cluster.unreadable.iter().map(ToString::to_string).collect();
    for mistake in cluster.snapshot.refused() {
        let place = cluster.place(&mistake.object);
        let field = if mistake.field.is_empty() { String::new() } else { format!("{}: ", mistake.field) };
        mistakes.push(format!("{place}: {field}{}", mistake.message));
    }
    for ((object, code, detail, prefix), nodes) in wrongs {
        let sentence = Reason { code, detail }.sentence(&object, &names(&nodes), prefix);
        let unsaid = prefix.filter(|prefix| !sentence.contains(&prefix.addr().to_string()));
        let of = unsaid.map_or_else(String::new, |prefix| format!("{prefix}: "));
        mistakes.push(cluster.placed(&object, &format!("{of}{sentence}")));
    }
    mistakes
}

impl Report {
    /// As text for people.
    pub fn text(&self) -> String {
        let tables = [self.peers_table(), self.prefixes_table()];
        let tables: String =
            tables.into_iter().filter(|table| !table.is_empty()).map(|table| table + "\n").collect();
        tables + &self.ending()
    }

    /// What is wrong, and a line about all of it.
    pub fn ending(&self) -> String {
        let lists = [("To be mended:", &self.mistakes), ("Perhaps not meant:", &self.warnings)];
        let there = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let lists: String = there
            .map(|(heading, list)| {
                let lines: String = list.iter().map(|line| format!("  {line}\n")).collect();
                format!("{heading}\n{lines}\n")
            })
            .collect();
        lists + &self.summary()
    }

    fn peers_table(&self) -> String {
        let rows: Vec<_> = self
            .peers
            .iter()
            .map(|Sessions { session, nodes }| {
                let key = if session.password { ", password" } else { "" };
                let about = format!("{}{key}", session.distance);
                let asns = format!("{} to {}", session.local_asn, session.asn);
                [
                    session.peer.clone(),
                    session.address.clone(),
                    asns,
                    session.families.join(" "),
                    self.of(nodes),
                    about,
                ]
            })
            .collect();
        if rows.is_empty() {
            return String::new();
        }
        table(["PEER", "ADDRESS", "AS", "FAMILIES", "NODES", "DISTANCE"], &rows)
    }

    fn prefixes_table(&self) -> String {
        let mut rows = Vec::new();
        for Prefix { prefix, shares } in &self.prefixes {
            let mut prefix = prefix.clone();
            for share in shares {
                let sign = if share.announced { "yes" } else { "no" };
                let peers: Vec<_> = share.told.iter().map(|said| said.peer.as_str()).collect();
                let with = share.told.first().map(|Said { attributes, .. }| Attributes::words(attributes));
                let why = share.reason.as_ref().map(|why| why.sentence.clone());
                let about = why.or(with).unwrap_or_default();
                let first = std::mem::take(&mut prefix);
                rows.push([
                    first,
                    sign.into(),
                    self.of(&share.nodes),
                    names(&peers),
                    names(&share.objects),
                    about,
                ]);
            }
        }
        if rows.is_empty() {
            return String::new();
        }
        table(["PREFIX", "UP", "NODES", "PEERS", "FROM", "WITH, OR WHY NOT"], &rows)
    }

    /// Nodes in a cell: all, or which.
    fn of(&self, nodes: &[String]) -> String {
        match nodes.len() {
            1 => nodes[0].clone(),
            count if count == self.nodes.len() => format!("all {count}"),
            _ => names(nodes),
        }
    }

    fn summary(&self) -> String {
        let up =
            self.prefixes.iter().filter(|prefix| prefix.shares.iter().any(|share| share.announced)).count();
        let (all, mistakes) = (self.prefixes.len(), self.mistakes.len());
        let mut text = format!(
            "{}, {}: {up} announced, {} by nobody. {} to be mended.\n",
            count(self.nodes.len(), "node"),
            count(all, "prefix"),
            all - up,
            if mistakes == 0 { "Nothing".to_owned() } else { count(mistakes, "mistake") }
        );
        if !self.ignored.is_empty() {
            text += &format!("Not read, as nothing follows from them: {}.\n", self.ignored.join(", "));
        }
        text
    }
}

fn count(number: usize, what: &str) -> String {
    let plural = if what.ends_with('x') { "es" } else { "s" };
    format!("{number} {what}{}", if number == 1 { "" } else { plural })
}
