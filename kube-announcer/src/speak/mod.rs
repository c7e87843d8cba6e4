//! From a plan to what a speaker is told: its configuration, and its routes by owner.
//!
//! Each class of prefixes is an owner of routes, and every peer's export policy has a rule for each class. So one
//! prefix that comes or goes is one route of one owner, and what is said with a class is one change of policy, of which
//! peers are told the difference.

mod export;
mod import;
mod stage;

use crate::{
    object::Name,
    plan::{Kernel, Outcome, Plan, Session, Update},
    wish::Peer,
};
use bgp_daemon::{
    config::{self, Config, GracefulRestart, MaxPrefixes, PeerSettings, Timers},
    engine::Change,
    policy::{NextHopChange, Policy},
    rib::LocalRoute,
};
use bgp_proto::{
    attr::next_hop::NextHop,
    numbers::{Asn, RouterId},
};
use ipnet::IpNet;
use stage::{Spoken, Stage};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// Where routes of a node that has no peers yet would come from, until one says.
const NOBODY: Asn = Asn::TRANS;

/// What a speaker was told of plans so far.
#[derive(Debug, Default)]
pub struct Speech {
    /// The speaker's AS: the first peer's, for good. Another would end every session.
    asn: Option<Asn>,
    /// Its identifier, for good, as another would end every session too: a new Node learns its addresses late.
    router_id: Option<RouterId>,
    config: Option<Config>,
    /// Where routes are installed; `None`: nowhere.
    kernel: Option<config::Kernel>,
    /// How each prefix was told.
    told: BTreeMap<IpNet, Spoken>,
    /// Prefixes whose packets are dropped here.
    discards: BTreeSet<IpNet>,
    /// The number of the withdrawals that follow.
    withdrawal: u64,
}

/// Routes of one owner that come and go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// These are announced.
    pub announce: Vec<IpNet>,
    /// Packets to these go to an address of the node's own pods.
    pub through: BTreeMap<IpNet, IpAddr>,
    /// These are withdrawn.
    pub withdraw: Vec<IpNet>,
}

impl Moves {
    fn routes(&self) -> Vec<LocalRoute> {
        let next_hop = |prefix: &IpNet| self.through.get(prefix).copied().map(NextHop::from);
        let route = |prefix: &IpNet| LocalRoute { next_hop: next_hop(prefix), ..LocalRoute::new(*prefix) };
        self.announce.iter().map(route).collect()
    }
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
            let routes = moves.routes();
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
    /// Nothing was told, and no route is installed.
    pub fn new() -> Self {
        Speech::default()
    }

    /// Nothing was told; routes are installed so.
    pub fn with_kernel(kernel: config::Kernel) -> Self {
        // Whether a default route is taken is each BgpPeer's to say.
        let kernel = config::Kernel { default_route: true, ..kernel };
        Speech { kernel: Some(kernel), ..Speech::default() }
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
        self.discard(&mut telling);
        telling
    }

    /// Prefixes that stand on a route in the kernel, with that route: who can look there is to say how it goes
    /// ([`Speech::looked`]).
    pub fn placed(&self) -> impl Iterator<Item = (IpNet, Kernel)> {
        let stands = self.told.iter().filter(|(_, spoken)| !matches!(spoken.stage, Stage::Leaving(_)));
        stands.filter_map(|(prefix, spoken)| Some((*prefix, spoken.kernel?)))
    }

    /// Whether some prefix waits for its route in the kernel.
    pub fn is_placing(&self) -> bool {
        self.told.values().any(|spoken| spoken.stage == Stage::Placing)
    }

    /// What to tell a speaker after a look at the kernel: it has these routes of [`Speech::placed`], and not those.
    pub fn looked(&mut self, found: impl IntoIterator<Item = (IpNet, bool)>) -> Telling {
        let mut telling = Telling::default();
        for (prefix, has) in found {
            let stands = self.told.get(&prefix).filter(|spoken| spoken.kernel.is_some());
            let after = stands.map(|spoken| spoken.seen(has));
            if after.is_some() {
                self.say(prefix, after, &mut telling);
            }
        }
        telling
    }

    /// Withdrawals have begun of prefixes whose routes go once they are written: their number, for
    /// [`Speech::written`].
    pub fn withdrawal(&mut self) -> Option<u64> {
        let leaves = |spoken: &Spoken| matches!(spoken.stage, Stage::Leaving(_));
        self.told.values().any(leaves).then(|| {
            self.withdrawal += 1;
            self.withdrawal - 1
        })
    }

    /// What to tell a speaker once all withdrawals up to this one are written.
    pub fn written(&mut self, withdrawal: u64) -> Telling {
        let mut telling = Telling::default();
        let over = |spoken: &Spoken| matches!(spoken.stage, Stage::Leaving(number) if number <= withdrawal);
        let gone: Vec<_> =
            self.told.iter().filter(|(_, spoken)| over(spoken)).map(|(prefix, _)| *prefix).collect();
        gone.into_iter().for_each(|prefix| self.say(prefix, None, &mut telling));
        self.discard(&mut telling);
        telling
    }

    fn follow_prefix(&mut self, plan: &Plan, prefix: IpNet, telling: &mut Telling) {
        let wanted = match plan.prefixes.get(&prefix).map(|decision| &decision.outcome) {
            Some(Outcome::Announced { class, kernel }) => {
                Some((class, kernel.filter(|_| self.kernel.is_some())))
            }
            _ => None,
        };
        let after = stage::next(self.told.get(&prefix), wanted, self.withdrawal);
        self.say(prefix, after, telling);
    }

    /// Tells how a prefix stands from now on.
    fn say(&mut self, prefix: IpNet, after: Option<Spoken>, telling: &mut Telling) {
        let moves = |of: &Option<Spoken>| of.as_ref().map(|spoken| (spoken.owner(), spoken.through()));
        if after.as_ref().is_some_and(Spoken::is_discarded) {
            self.discards.insert(prefix);
        } else {
            self.discards.remove(&prefix);
        }
        let now = moves(&after);
        let before = match after {
            Some(after) => self.told.insert(prefix, after),
            None => self.told.remove(&prefix),
        };
        let before = moves(&before);
        if before == now {
            return;
        }
        let owner = now.as_ref().map(|(owner, _)| owner.clone());
        if let Some((owner, through)) = now {
            let moves = telling.routes.entry(owner).or_default();
            moves.announce.push(prefix);
            moves.through.extend(through.map(|address| (prefix, address)));
        }
        if let Some((before, _)) = before.filter(|(before, _)| Some(before) != owner.as_ref()) {
            telling.routes.entry(before).or_default().withdraw.push(prefix);
        }
    }

    /// What is dropped here stands in the configuration.
    fn discard(&mut self, telling: &mut Telling) {
        let Some(config) = &mut self.config else { return };
        if config.discards != self.discards {
            config.discards.clone_from(&self.discards);
            telling.config = Some(config.clone().into());
        }
    }

    /// The configuration that a plan stands for.
    fn config(&mut self, plan: &Plan) -> Config {
        let first = plan.sessions.first().map(|session| session.wish.local_asn);
        self.asn = self.asn.or(first);
        let mut config = Config::new(self.asn.unwrap_or(NOBODY));
        self.router_id = self.router_id.or_else(|| router_id(plan));
        config.router_id = self.router_id;
        config.resolve_next_hops = self.kernel.is_some();
        config.kernel.clone_from(&self.kernel);
        config.discards.clone_from(&self.discards);
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
            let through = self.kernel.is_some();
            let export =
                exports.entry(name.clone()).or_insert_with(|| export::export(&plan.classes, name, through));
            let mut settings = settings(plan, session, config.asn, export.clone());
            if let Some(wish) = session.wish.import.as_ref().filter(|_| self.kernel.is_some()) {
                settings.import = Some(import::import(&plan.ranges, wish));
            }
            config.peers.push(config::Peer {
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
    let Peer { name, local_asn, port, distance, timers, families, bfd, restart_time, import, .. } =
        &*session.wish;
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
        // A node that is dead is noticed when its hold time ends: only a closed connection is a restart.
        restart_time.map(|restart_time| GracefulRestart { restart_time, notification: false, ..Default::default() });
    settings.bfd = *bfd;
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
