//! Keeps the decisions of a node, and takes those anew that a change touches: one Service's change costs one Service.

use super::{
    Claim, Class, Decision, Outcome, Plan, SourceKind, class, decide,
    here::{Facts, Here},
    peers,
    ranges::Ranges,
    sources, stand_in,
};
use crate::{
    object::{Key, Kind, Name},
    snapshot::{Changes, Snapshot},
    wish::{Place, Probe},
};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The plan of one node, and what is needed to keep it.
#[derive(Debug)]
pub struct Planner {
    facts: Facts,
    here: Option<Here>,
    plan: Plan,
    /// The prefixes that each object claims.
    claimed: BTreeMap<Key, Box<[IpNet]>>,
    /// Pods that claim ranges behind them, which other objects can forbid.
    behind: BTreeSet<Key>,
    /// How many prefixes are in each class.
    members: BTreeMap<Name, u32>,
}

/// What is another in a plan than it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Prefixes of which the outcome is another, or that come or go.
    pub prefixes: BTreeSet<IpNet>,
    /// Sessions, what is said to peers, or the node's own addresses.
    pub peers: bool,
    /// What people are shown beside that: claims, refusals, conflicts.
    pub shown: bool,
}

impl Update {
    /// Whether nothing is another.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty() && !self.peers
    }
}

impl Planner {
    /// A planner for a node, that knows of nothing yet.
    pub fn new(node: &str, facts: Facts) -> Self {
        Planner {
            facts,
            here: None,
            plan: Plan { node: node.into(), ..Plan::default() },
            claimed: BTreeMap::new(),
            behind: BTreeSet::new(),
            members: BTreeMap::new(),
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The plan, for good.
    pub fn into_plan(self) -> Plan {
        self.plan
    }

    /// What is known of the node beside the cluster is another. The next update has to be told of what that changes:
    /// of a probe, the Services that wait for it.
    #[must_use]
    pub fn set_facts(&mut self, facts: Facts) -> Changes {
        let before = std::mem::replace(&mut self.facts, facts);
        let now = &self.facts;
        let other: BTreeSet<u16> = before.failing.symmetric_difference(&now.failing).copied().collect();
        let everything = before != Facts { failing: before.failing.clone(), ..now.clone() };
        let is_concerned = |claim: &&Claim| claim.probe.is_some_and(|probe| other.contains(&probe.port));
        let services = self.claims().filter(is_concerned).map(|claim| claim.owner.name.clone());
        Changes { everything, services: services.collect(), ..Changes::default() }
    }

    fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.plan.prefixes.values().flat_map(|decision| &decision.claims)
    }

    /// The ports of the node that somebody wants asked.
    pub fn probes(&self) -> BTreeSet<u16> {
        let open = self.here.iter().flat_map(|here| &here.advertisements);
        let sources =
            open.filter(|advert| advert.services_closed.is_none()).flat_map(|advert| &advert.wish.sources);
        let whole = sources.filter_map(|source| match stand_in::probe(source)? {
            Probe::KubeProxy(port) => Some(port),
            // Those of Services that have something here.
            Probe::HealthCheckNodePort => None,
        });
        let by_service = self.here.as_ref().is_some_and(Here::asks_by_service);
        let claims = self.claims().take_while(|_| by_service);
        whole.chain(claims.filter_map(|claim| Some(claim.probe?.port))).collect()
    }

    /// Takes in what changed in a snapshot; `None`: everything.
    pub fn update(&mut self, snapshot: &Snapshot, changes: Option<&Changes>) -> Update {
        let Some(changes) = changes.filter(|changes| !changes.everything) else {
            return self.rebuild(snapshot);
        };
        let Some(mut here) = self.here.take() else { return self.rebuild(snapshot) };
        if here.probes.failing != self.facts.failing {
            let now = Here::new(snapshot, &self.plan.node, &self.facts);
            if !now.is_same_but_for_probes(&here) {
                return self.rebuild(snapshot);
            }
            here = now;
        }
        if self.stands_elsewhere(snapshot, &here, changes) {
            return self.rebuild(snapshot);
        }
        let ranges = match changes.nodes.is_empty() {
            true => self.plan.ranges.clone(),
            false => Ranges::new(snapshot, &self.plan.node, here.kernel_routes),
        };
        let moved = self.plan.ranges != ranges;
        self.plan.ranges = ranges;
        let mut touched: BTreeSet<Key> = BTreeSet::new();
        let named = |kind, names: &BTreeSet<Name>| {
            let names: Vec<_> = names.iter().map(|name| Key { kind, name: name.clone() }).collect();
            names
        };
        touched.extend(named(Kind::Service, &changes.services));
        touched.extend(named(Kind::Pod, &changes.pods));
        if !changes.nodes.is_empty() || !changes.pods.is_empty() {
            // Pods say where their addresses are from.
            touched.insert(Key { kind: Kind::Node, name: self.plan.node.clone() });
        }
        if !changes.nodes.is_empty() {
            touched.extend(self.behind.iter().cloned());
        }
        let (mut prefixes, mut shown) = (BTreeSet::new(), false);
        for key in touched {
            shown |= self.ask(snapshot, &here, key, &mut prefixes);
        }
        let mut update = self.decide(snapshot, &here, prefixes);
        update.peers |= moved;
        update.shown |= shown;
        self.here = Some(here);
        update
    }

    /// Whether something changed that every decision stands on.
    fn stands_elsewhere(&self, snapshot: &Snapshot, here: &Here, changes: &Changes) -> bool {
        let own = changes.nodes.contains(&self.plan.node);
        let namespace = |name: &Name| name.split('/').next().unwrap_or_default().to_owned();
        let routers = changes.pods.iter().any(|pod| here.asks_for_routers(&namespace(pod)));
        let stands_in = !changes.nodes.is_empty() && !here.probes.failing.is_empty();
        if (own || routers || stands_in) && Here::new(snapshot, &self.plan.node, &self.facts) != *here {
            return true;
        }
        // Nodes of a mesh, or the address that the own Node says.
        let meshed = || snapshot.peers().any(|peer| matches!(peer.place, Place::Nodes(_)));
        (own || (!changes.nodes.is_empty() && meshed()))
            && peers::sessions(snapshot, &self.plan.node, &self.facts)
                != (self.plan.sessions.clone(), self.plan.absent.clone())
    }

    /// Everything anew, and what is another by that.
    fn rebuild(&mut self, snapshot: &Snapshot) -> Update {
        let node = self.plan.node.clone();
        let here = Here::new(snapshot, &node, &self.facts);
        let (sessions, absent) = peers::sessions(snapshot, &node, &self.facts);
        let fresh = Plan {
            node: node.clone(),
            addresses: here.internal,
            sessions,
            absent,
            ranges: Ranges::new(snapshot, &node, here.kernel_routes),
            ..Plan::default()
        };
        let before = std::mem::replace(&mut self.plan, fresh);
        self.claimed.clear();
        self.behind.clear();
        self.members.clear();
        let mut prefixes = BTreeSet::new();
        for key in everything(snapshot, &node) {
            self.ask(snapshot, &here, key, &mut prefixes);
        }
        self.decide(snapshot, &here, prefixes);
        self.here = Some(here);
        let now = &self.plan;
        let all = before.prefixes.keys().chain(now.prefixes.keys());
        let outcome =
            |plan: &Plan, prefix: &IpNet| plan.prefixes.get(prefix).map(|found| found.outcome.clone());
        Update {
            prefixes: all
                .filter(|prefix| outcome(&before, prefix) != outcome(now, prefix))
                .copied()
                .collect(),
            peers: before.sessions != now.sessions
                || before.addresses != now.addresses
                || before.ranges != now.ranges
                || before.classes != now.classes,
            shown: true,
        }
    }

    /// What an object claims now. The prefixes that it claims or claimed are put to those that are decided anew. True:
    /// its claims are others than before, or what is refused of it.
    fn ask(&mut self, snapshot: &Snapshot, here: &Here, key: Key, prefixes: &mut BTreeSet<IpNet>) -> bool {
        let mut before = Vec::new();
        for prefix in self.claimed.remove(&key).into_iter().flatten() {
            if let Some(decision) = self.plan.prefixes.get_mut(&prefix) {
                let of_it = decision.claims.extract_if(.., |claim| claim.owner == key);
                before.extend(of_it.map(|claim| (prefix, claim)));
            }
            prefixes.insert(prefix);
        }
        self.behind.remove(&key);
        let sources::Claimed { claims, refusals } = sources::claims(snapshot, here, &key, false);
        let others = self.plan.refusals.get(&key).map_or(&[][..], |known| known) != refusals
            || claims.len() != before.len()
            || !claims.iter().all(|claim| before.contains(claim));
        if refusals.is_empty() {
            self.plan.refusals.remove(&key);
        } else {
            self.plan.refusals.insert(key.clone(), refusals.into());
        }
        if claims.is_empty() {
            return others;
        }
        if claims.iter().any(|(_, claim)| claim.kind == SourceKind::PodPrefixes) {
            self.behind.insert(key.clone());
        }
        let mut claimed: Vec<IpNet> = Vec::with_capacity(claims.len());
        for (prefix, claim) in claims {
            claimed.push(prefix);
            prefixes.insert(prefix);
            let claims = &mut self.plan.prefixes.entry(prefix).or_insert_with(undecided).claims;
            // Almost always there is one, and room for others is most of what a plan would take.
            claims.reserve_exact(1);
            claims.push(claim);
        }
        claimed.sort_unstable();
        claimed.dedup();
        self.claimed.insert(key, claimed.into());
        others
    }

    /// Decides on prefixes, and says which of them come to something else than before.
    fn decide(&mut self, snapshot: &Snapshot, here: &Here, prefixes: BTreeSet<IpNet>) -> Update {
        let mut update = Update::default();
        for prefix in prefixes {
            let Some(decision) = self.plan.prefixes.get_mut(&prefix) else { continue };
            let before = decision.outcome.clone();
            if decision.claims.is_empty() {
                self.plan.prefixes.remove(&prefix);
                self.leave(before.class(), &mut update);
                update.prefixes.insert(prefix);
                continue;
            }
            let mut claims = std::mem::take(&mut decision.claims);
            decide::sort(&mut claims);
            let conflicts = decide::conflicts(snapshot, prefix, &claims);
            let outcome = self.outcome(snapshot, here, prefix, &claims, &mut update);
            // Into the new class first, so that one with a single prefix does not go and come.
            self.leave(before.class(), &mut update);
            if outcome != before {
                update.prefixes.insert(prefix);
            }
            if let Some(decision) = self.plan.prefixes.get_mut(&prefix) {
                update.shown |= decision.conflicts != conflicts;
                *decision = Decision { claims, outcome, conflicts };
            }
        }
        update
    }

    fn outcome(
        &mut self,
        snapshot: &Snapshot,
        here: &Here,
        prefix: IpNet,
        claims: &[Claim],
        update: &mut Update,
    ) -> Outcome {
        let votes = match decide::votes(claims) {
            Ok(votes) => votes,
            Err(refusal) => return Outcome::Withheld(refusal),
        };
        let name = class::name(&votes);
        let known = self.plan.classes.get(&name).cloned();
        let class = known.unwrap_or_else(|| Arc::new(Class::new(here, &self.plan.sessions, &votes)));
        if let Some(code) = class.silent(&self.plan.sessions, prefix.addr().is_ipv6()) {
            return decide::untold(claims, code);
        }
        if self.plan.classes.insert(name.clone(), class).is_none() {
            update.peers = true;
        }
        *self.members.entry(name.clone()).or_default() += 1;
        Outcome::Announced { class: name, kernel: decide::kernel(snapshot, claims) }
    }

    /// A prefix is not in a class any more. A class without prefixes is none.
    fn leave(&mut self, class: Option<&Name>, update: &mut Update) {
        let Some(name) = class else { return };
        let Some(members) = self.members.get_mut(name) else { return };
        *members -= 1;
        if *members == 0 {
            self.members.remove(name);
            self.plan.classes.remove(name);
            update.peers = true;
        }
    }

    /// All claims to prefixes that have an address, also of objects that no source chooses, each with what it comes to.
    pub fn explain(&self, snapshot: &Snapshot, prefix: IpNet) -> Vec<(IpNet, Claim)> {
        let here = Here::new(snapshot, &self.plan.node, &self.facts);
        let mut found = Vec::new();
        for key in everything(snapshot, &self.plan.node) {
            let claims = sources::claims(snapshot, &here, &key, true).claims;
            found.extend(claims.into_iter().filter(|(claimed, _)| claimed.contains(&prefix)));
        }
        found.sort_by_key(|(claimed, _)| std::cmp::Reverse(claimed.prefix_len()));
        found
    }
}

/// Before it is decided.
fn undecided() -> Decision {
    let object = Key { kind: Kind::BgpAdvertisement, name: "".into() };
    let refusal = super::Refusal { object, reason: super::Code::NotChosen.into() };
    Decision { claims: Vec::new(), outcome: Outcome::Withheld(refusal), conflicts: Vec::new() }
}

/// All objects that can claim something on a node.
fn everything<'s>(snapshot: &'s Snapshot, node: &Name) -> impl Iterator<Item = Key> + use<'s> {
    let key = |kind, name: &Name| Key { kind, name: name.clone() };
    let ranges: BTreeSet<_> = snapshot.service_cidrs().map(|(name, _)| name).collect();
    snapshot
        .services()
        .map(move |(name, _)| key(Kind::Service, name))
        .chain(snapshot.pods().map(move |(name, _)| key(Kind::Pod, name)))
        .chain(ranges.into_iter().map(move |name| key(Kind::ServiceCidr, name)))
        .chain(snapshot.advertisements().map(move |wish| key(Kind::BgpAdvertisement, &wish.name)))
        .chain(snapshot.peers().map(move |peer| key(Kind::BgpPeer, &peer.name)))
        .chain([key(Kind::Node, node)])
}
