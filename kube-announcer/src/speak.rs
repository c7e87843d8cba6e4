//! From a plan to what a speaker is told: its configuration, and its routes by owner.
//!
//! Each class of prefixes is an owner of routes, and every peer's export policy has a rule for each class. So one
//! prefix that comes or goes is one route of one owner, and what is said with a class is one change of policy, of which
//! peers are told the difference.

use crate::{
    object::Name,
    plan::{Class, Plan, Session, Told, Update},
    wish::{Attributes, NextHop, Peer},
};
use bgp_daemon::{
    config::{Config, GracefulRestart, MaxPrefixes, PeerSettings, Timers},
    engine::Change,
    policy::{
        self, Names, NextHopChange, Policy,
        raw::{RawMatch, RawPolicy, RawPrepend, RawRule, RawSet, Text, Texts},
    },
    rib::LocalRoute,
};
use bgp_proto::numbers::{Asn, RouterId};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// Where routes of a node that has no peers yet would come from, until one says.
const NOBODY: Asn = Asn::TRANS;

/// The name of all export policies: two that say the same are one, and their peers share what is encoded.
const ANNOUNCE: &str = "announce";

/// What a speaker was told of plans so far.
#[derive(Debug, Default)]
pub struct Speech {
    /// The speaker's AS: the first peer's, for good. Another would end every session.
    asn: Option<Asn>,
    /// Its identifier, for good, as another would end every session too: a new Node learns its addresses late.
    router_id: Option<RouterId>,
    config: Option<Config>,
    /// The class that each prefix was announced in.
    told: BTreeMap<IpNet, Name>,
}

/// Routes of one owner that come and go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// These are announced.
    pub announce: Vec<IpNet>,
    /// These are withdrawn.
    pub withdraw: Vec<IpNet>,
}

/// What a speaker is told next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telling {
    /// A new configuration, where something in it is another.
    pub config: Option<Box<Config>>,
    /// What becomes of routes, by owner.
    pub routes: BTreeMap<Name, Moves>,
}

impl Telling {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.config.is_none() && self.routes.is_empty()
    }

    /// The same as a change that the speaker makes as a whole. What is announced stands before what is withdrawn: a
    /// prefix that moves between owners is never without one.
    pub fn into_change(self) -> Change {
        let mut change = Change::new();
        if let Some(config) = self.config {
            change = change.config(*config);
        }
        for (owner, moves) in &self.routes {
            let routes = moves.announce.iter().map(|prefix| LocalRoute::new(*prefix)).collect::<Vec<_>>();
            if !routes.is_empty() {
                change = change.update(owner, routes, Vec::new());
            }
        }
        for (owner, moves) in self.routes {
            if !moves.withdraw.is_empty() {
                change = change.update(&owner, Vec::new(), moves.withdraw);
            }
        }
        change
    }
}

impl Speech {
    /// Nothing was told.
    pub fn new() -> Self {
        Speech::default()
    }

    /// What to tell a speaker after a plan changed; `None`: all of the plan, of which only what is new is told.
    pub fn follow(&mut self, plan: &Plan, update: Option<&Update>) -> Telling {
        let mut telling = Telling::default();
        if self.config.is_none() || update.is_none_or(|update| update.peers) {
            let config = self.config(plan);
            if self.config.as_ref() != Some(&config) {
                self.config = Some(config.clone());
                telling.config = Some(config.into());
            }
        }
        let all: BTreeSet<IpNet>;
        let prefixes = match update {
            Some(update) => &update.prefixes,
            None => {
                all = plan.prefixes.keys().chain(self.told.keys()).copied().collect();
                &all
            }
        };
        prefixes.iter().for_each(|prefix| self.follow_prefix(plan, *prefix, &mut telling));
        telling
    }

    fn follow_prefix(&mut self, plan: &Plan, prefix: IpNet, telling: &mut Telling) {
        let now = plan.prefixes.get(&prefix).and_then(|decision| decision.outcome.class());
        let before = match now {
            Some(class) => self.told.insert(prefix, class.clone()),
            None => self.told.remove(&prefix),
        };
        if before.as_ref() == now {
            return;
        }
        if let Some(class) = now {
            telling.routes.entry(owner(class)).or_default().announce.push(prefix);
        }
        if let Some(class) = before {
            telling.routes.entry(owner(&class)).or_default().withdraw.push(prefix);
        }
    }

    /// The configuration that a plan stands for.
    fn config(&mut self, plan: &Plan) -> Config {
        let first = plan.sessions.first().map(|session| session.wish.local_asn);
        self.asn = self.asn.or(first);
        let mut config = Config::new(self.asn.unwrap_or(NOBODY));
        self.router_id = self.router_id.or_else(|| router_id(plan));
        config.router_id = self.router_id;
        config.resolve_next_hops = false;
        let ports: BTreeSet<u16> =
            plan.sessions.iter().filter(|session| session.listens).map(|session| session.wish.port).collect();
        let anywhere = [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()];
        config.listen = ports
            .into_iter()
            .flat_map(|port| anywhere.map(|address| SocketAddr::new(address, port)))
            .collect();
        let mut exports: BTreeMap<Name, Policy> = BTreeMap::new();
        for session in &plan.sessions {
            let name = &session.wish.name;
            let export = exports.entry(name.clone()).or_insert_with(|| export(&plan.classes, name));
            let settings = settings(plan, session, config.asn, export.clone());
            config.peers.push(bgp_daemon::config::Peer {
                remote: session.remote.clone(),
                group: Some((**name).into()),
                settings,
            });
        }
        config
    }
}

/// Who owns the routes of a class: a name that nobody else in the speaker has.
fn owner(class: &Name) -> Name {
    format!("kubernetes:{class}").into()
}

/// An address of the node; without one of IPv4, a hash of its name, for it must differ between nodes and not between
/// starts.
fn router_id(plan: &Plan) -> Option<RouterId> {
    let address = match plan.addresses[0] {
        Some(IpAddr::V4(address)) => RouterId::new(address.to_bits()),
        _ => None,
    };
    // FNV-1a: the same on every machine and in every version.
    let hash = plan
        .node
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, octet| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193));
    address.or(RouterId::new(hash.max(1)))
}

fn settings(plan: &Plan, session: &Session, asn: Asn, export: Policy) -> PeerSettings {
    let Peer { name, local_asn, port, distance, timers, families, restart_time, import, .. } = &*session.wish;
    let address = |ipv6: bool| plan.addresses[usize::from(ipv6)];
    let ipv4 = address(false).and_then(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None });
    let ipv6 = address(true).and_then(|ip| if let IpAddr::V6(ip) = ip { Some(ip) } else { None });
    let mut settings = PeerSettings::new(session.wish.asn.clone());
    settings.description = Some((**name).into());
    settings.local_asn = (*local_asn != asn).then_some(*local_asn);
    settings.port = *port;
    settings.distance = *distance;
    settings.password.clone_from(&session.password);
    settings.families.clone_from(families);
    settings.timers = Timers {
        hold: timers.hold,
        keepalive: timers.keepalive,
        connect_retry: timers.connect_retry,
        ..Timers::default()
    };
    settings.graceful_restart =
        restart_time.map(|restart_time| GracefulRestart { restart_time, ..GracefulRestart::default() });
    settings.next_hop_addresses = NextHopChange::Addresses { ipv4, ipv6 };
    settings.import = Some(Policy::none());
    settings.export = Some(export);
    if let Some(import) = import {
        settings.allow_own_asn = u8::from(import.allow_own_asn);
        settings.max_prefixes = import.max_prefixes.map(|limit| MaxPrefixes {
            limit,
            warn: limit - limit / 4,
            only_warn: false,
            restart_after: None,
        });
    }
    settings
}

/// What a peer is told: a rule for each class that it hears of, and nothing else.
fn export(classes: &BTreeMap<Name, std::sync::Arc<Class>>, peer: &Name) -> Policy {
    let rules = classes.iter().filter_map(|(name, class)| Some((name, class.told.get(peer)?)));
    let rules = rules.flat_map(|(name, told)| rules_of(name, told)).collect();
    let policies = [(ANNOUNCE.to_owned(), RawPolicy { rules })].into();
    // Every value was one before it became a text, so nothing can be wrong with it; a peer is told nothing otherwise.
    let checked = policy::check(&policies, &Names::default());
    checked.ok().and_then(|policies| policies.find(ANNOUNCE).cloned()).unwrap_or_else(Policy::none)
}

/// One rule where both families are told the same, else one for each that is told.
fn rules_of(class: &Name, told: &Told) -> Vec<RawRule> {
    let families = ["ipv4", "ipv6"].into_iter().zip(&told.attributes);
    match &told.attributes {
        [Some(ipv4), Some(ipv6)] if ipv4 == ipv6 => vec![rule(class, None, ipv4)],
        _ => families
            .filter_map(|(family, attributes)| Some(rule(class, Some(family), attributes.as_ref()?)))
            .collect(),
    }
}

fn rule(class: &Name, family: Option<&str>, attributes: &Attributes) -> RawRule {
    let Attributes { communities, large_communities, local_pref, med, prepend, next_hop } = attributes;
    let plain = communities.iter().map(Text::from);
    let communities: Vec<Text> = plain.chain(large_communities.iter().map(Text::from)).collect();
    let addresses = match next_hop {
        Some(NextHop::Addresses { ipv4, ipv6 }) => {
            ipv4.iter().map(Text::from).chain(ipv6.iter().map(Text::from)).collect()
        }
        _ => Vec::new(),
    };
    RawRule {
        name: Some(class.to_string()),
        matches: RawMatch {
            source: Some(Texts::One(format!("local:{}", owner(class)).into())),
            family: family.map(|family| Texts::One(family.into())),
            ..RawMatch::default()
        },
        set: RawSet {
            add_communities: (!communities.is_empty()).then_some(Texts::Many(communities)),
            local_pref: local_pref.map(Text::from),
            med: med.map(Text::from),
            prepend: prepend.map(|times| RawPrepend { times: Some(times.into()), asn: None }),
            next_hop: (!addresses.is_empty()).then_some(Texts::Many(addresses)),
            ..RawSet::default()
        },
        then: Some("accept".into()),
    }
}
