//! Why an address is announced on a node, or is not: every object that has it, the rule, the reason, and who is told.

use super::{
    Attributes, Cluster, Why,
    because::because,
    node::{self, Said},
};
use crate::{
    object::{Key, Name},
    plan::{Claim, Code, Planner, Verdict, Weight},
};
use ipnet::IpNet;
use serde::Serialize;
use std::collections::BTreeSet;

/// Everything about an address on a node.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The address, or the prefix, that was asked for.
    pub asked: String,
    /// The node.
    pub node: String,
    /// Every prefix that has it, the most specific first.
    pub prefixes: Vec<Prefix>,
    /// What peers sent of it to a running announcer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub learned: Vec<Learned>,
    /// The routes that a running announcer has put into the node's kernel for it, or keeps out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub placed: Vec<Placed>,
}

/// A route that a peer sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Learned {
    /// The prefix.
    pub prefix: String,
    /// The BgpPeer.
    pub peer: String,
    /// Where it is.
    pub address: String,
    /// The next hop.
    pub next_hop: String,
    /// Whether it was taken.
    pub taken: bool,
    /// How it compares to others.
    pub standing: String,
    /// Why it was taken or not.
    pub because: String,
}

/// A route of ours in the node's kernel, or kept out of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    /// The prefix.
    pub prefix: String,
    /// Where packets go.
    pub gateways: Vec<String>,
    /// How it fares.
    pub state: String,
    /// What there is to be said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A prefix that has the address.
#[derive(Clone, Debug, Serialize)]
pub struct Prefix {
    /// The prefix.
    pub prefix: String,
    /// Whether it is announced.
    pub announced: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Why>,
    /// Who is told, and what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Said>,
    /// BgpPeers that the node has no session with, though somebody meant it to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<Why>,
    /// The objects that have it, each for every source of an advertisement.
    pub claims: Vec<Wish>,
    /// What each session of a running announcer was sent of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<Sent>,
}

/// Whether a session was sent a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// The BgpPeer.
    pub peer: String,
    /// Where it is.
    pub address: String,
    /// Whether it was.
    pub sent: bool,
    /// How it goes with the session.
    pub session: String,
}

/// What a source makes of an object.
#[derive(Clone, Debug, Serialize)]
pub struct Wish {
    /// The object, with its file and line.
    pub object: String,
    /// The rule: the source and its advertisement.
    pub rule: String,
    /// Whether it lets the prefix be announced.
    pub yes: bool,
    /// Why, or why not.
    pub because: String,
    /// The word for it, where not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
}

/// Asks about an address, or a prefix, on a node.
pub fn ask(cluster: &Cluster, node: &Name, asked: IpNet) -> Answer {
    answer(cluster, &cluster.planner(node), asked)
}

/// The same, where the node's plan is there already.
pub fn answer(cluster: &Cluster, planner: &Planner, asked: IpNet) -> Answer {
    let node = &planner.plan().node;
    let mut claims = planner.explain(&cluster.snapshot, asked);
    claims.sort_by_key(|(prefix, claim)| {
        let says = node::says_yes(claim);
        (std::cmp::Reverse(prefix.prefix_len()), *prefix, !says, claim.owner.clone(), claim.source)
    });
    let mut prefixes: Vec<Prefix> = Vec::new();
    // One source says enough about an object that others of the same advertisement leave out.
    let said: BTreeSet<_> = claims
        .iter()
        .filter(|(_, claim)| !is_left_out(claim))
        .map(|(prefix, claim)| subject(*prefix, claim))
        .collect();
    claims.retain(|(prefix, claim)| !is_left_out(claim) || !said.contains(&subject(*prefix, claim)));
    for (prefix, claim) in claims {
        let shown = prefix.to_string();
        if prefixes.last().is_none_or(|last| last.prefix != shown) {
            prefixes.push(decided(planner, prefix));
        }
        if let Some(last) = prefixes.last_mut() {
            last.claims.push(wish(cluster, node, prefix, &claim));
        }
    }
    let host = asked.prefix_len() == asked.max_prefix_len();
    let asked = if host { asked.addr().to_string() } else { asked.to_string() };
    Answer { asked, node: node.to_string(), prefixes, learned: Vec::new(), placed: Vec::new() }
}

/// What a claim is about, whichever source makes it.
fn subject(prefix: IpNet, claim: &Claim) -> (IpNet, Key, Name) {
    (prefix, claim.owner.clone(), claim.advertisement.clone())
}

fn is_left_out(claim: &Claim) -> bool {
    matches!(&claim.verdict, Verdict::No(reason) if reason.code == Code::NotChosen)
}

/// What becomes of a prefix. One that only objects have that no source chooses is in no plan.
fn decided(planner: &Planner, prefix: IpNet) -> Prefix {
    let plan = planner.plan();
    let refused = plan.absent.iter().filter(|refusal| refusal.reason.code.weight() == Weight::Refused);
    let untold = refused
        .map(|refusal| Why { code: refusal.reason.code.name(), sentence: refusal.sentence(&plan.node) })
        .collect();
    let claims = Vec::new();
    match plan.prefixes.get(&prefix) {
        Some(decision) => {
            let node::Route { prefix, announced, reason, told, .. } = node::route(plan, prefix, decision);
            Prefix { prefix, announced, reason, told, untold, claims, sessions: Vec::new() }
        }
        None => Prefix {
            prefix: prefix.to_string(),
            announced: false,
            reason: None,
            told: Vec::new(),
            untold: Vec::new(),
            claims,
            sessions: Vec::new(),
        },
    }
}

fn wish(cluster: &Cluster, node: &Name, prefix: IpNet, claim: &Claim) -> Wish {
    let (code, because) = match &claim.verdict {
        Verdict::No(reason) => (Some(reason.code.name()), reason.sentence(&claim.owner, node, Some(prefix))),
        _ => (None, because(cluster, node, prefix, claim)),
    };
    Wish {
        object: cluster.place(&claim.owner),
        rule: format!(
            "BgpAdvertisement {}, spec.sources[{}].{}",
            claim.advertisement,
            claim.source,
            claim.kind.name()
        ),
        yes: node::says_yes(claim),
        because,
        code,
    }
}

impl Answer {
    /// As text for people.
    pub fn text(&self) -> String {
        let Answer { asked, node, prefixes, learned, placed } = self;
        let mut text = if prefixes.is_empty() {
            format!(
                "{asked} is not announced on {node}: no Service, Pod, range or prefix of the manifests has it, or there is no \
                 BgpAdvertisement with a source for it.\n"
            )
        } else {
            prefixes.iter().map(|prefix| prefix.text(node)).collect::<Vec<_>>().join("\n")
        };
        for Learned { prefix, peer, address, next_hop, standing, because, .. } in learned {
            text += &format!(
                "{prefix} was sent by {peer} at {address}, next hop {next_hop}: {standing} ({because})\n"
            );
        }
        for Placed { prefix, gateways, state, note } in placed {
            let note = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            let gateways = gateways.join(", ");
            text += &format!("{prefix} in the kernel of {node}: {gateways} ({state}{note})\n");
        }
        text
    }
}

impl Prefix {
    fn text(&self, node: &str) -> String {
        let Prefix { prefix, announced, reason, told, untold, claims, sessions } = self;
        let mut text = match (announced, reason) {
            (true, _) => format!("{prefix} is announced on {node}.\n"),
            (false, Some(why)) => {
                format!("{prefix} is not announced on {node}: {} ({}).\n", why.sentence, why.code)
            }
            (false, None) => format!("{prefix} is not announced on {node}.\n"),
        };
        let mut last = "";
        for Wish { object, rule, yes, because, .. } in claims {
            let word = if *yes { "yes" } else { "no" };
            if last != object {
                text += &format!("  {object}\n");
                last = object;
            }
            text += &format!("    {rule}\n      {word}: {because}\n");
        }
        for Said { peer, attributes } in told {
            let Attributes { next_hop, .. } = attributes;
            let words = attributes.words();
            let words = if words.is_empty() { words } else { format!(", {words}") };
            text += &format!("  told to {peer}: next hop {next_hop}{words}\n");
        }
        for Sent { peer, address, sent, session } in sessions {
            let word = if *sent { "sent" } else { "not sent" };
            text += &format!("  {word} to {peer} at {address}: {session}\n");
        }
        for why in untold {
            text += &format!("  no session: {}\n", why.sentence);
        }
        text
    }
}
