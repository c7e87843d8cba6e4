//! The RIB against a naive model: whatever happened in whatever order, each peer holds what a recomputation from
//! scratch says.

use bgp_daemon::{
    policy::{self, Names, Policies, Policy, standard::import::ImportSide},
    rib::{Aggregate, Export, Import, LocalRoute, Proposal, Rib, SenderId, Session, Settings},
};
use bgp_proto::{
    agreed::{Agreed, PeerKind},
    attr::{as_path::AsPathBuf, next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::{Asn, Origin, RouterId},
    prefix::Prefix,
    wire::{
        frame::{Frame, frame},
        nlri::Path,
        pack::{self, Announcement},
        update::Update,
    },
};
use proptest::prelude::*;
use std::{collections::BTreeMap, net::Ipv4Addr};

/// Two external peers, a route reflection client, and two internal ones that are no clients.
const PEERS: usize = 5;
const CLIENT: usize = 2;
/// The peer whose address is a gateway.
const GATEWAY: usize = 3;
const IMPORTS: usize = 4;
const EXPORTS: usize = 6;
/// What is accepted and told, by number; the model's `accept` and `told` say the same.
const POLICIES: &str = r#"
    [import-1]
    rules = [
      { match = { as_path = { contains = 2002 } }, then = "reject" },
      { match = { as_path = { contains = 3000 } }, set = { local_pref = 200 }, then = "accept" },
      { then = "accept" },
    ]
    [import-2]
    rules = [{ match = { prefix = "10.5.0.0/16" }, then = "reject" }, { then = "accept" }]
    [export-1]
    rules = [
      { match = { as_path = { contains = 3001 } }, then = "reject" },
      { match = { as_path = { contains = 2001 } }, set = { med = 7 }, then = "accept" },
      { then = "accept" },
    ]
    [export-3]
    rules = [{ match = { prefix = "10.1.0.0/16" }, then = "reject" }, { then = "accept" }]
    [export-4]
    rules = [{ match = { source = "local" }, then = "accept" }]
    [export-5]
    rules = [{ match = { as_path = { contains = 9 } }, then = "accept" }, { then = "accept" }]
"#;
const PREFIXES: u8 = 6;
const GATEWAYS: u8 = 2;
/// What covers all prefixes.
const AGGREGATE: &str = "10.0.0.0/13";
/// The sender that is a source of our own, in the model's numbering.
const LOCAL: usize = PEERS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    from_as: u8,
    len: u8,
    med: u8,
    gateway: u8,
}

#[derive(Clone, Debug)]
enum Op {
    Announce(usize, u8, Kind),
    Withdraw(usize, u8),
    Local(u8, Kind),
    LocalGone(u8),
    Replace(Vec<(u8, Kind)>),
    Down(usize, bool),
    Up(usize),
    Sweep(usize),
    Gateway(u8, Option<u8>),
    Refresh(usize),
    /// A peer begins, or ends, to send all its routes again.
    Resend(usize, bool),
    /// A peer's import policy changes.
    Import(usize, usize),
    /// The export policy of each of these peers changes.
    Export([bool; PEERS], usize),
    /// There is an aggregate from now on, which stands for its contributors or beside them; or there is none any more.
    Aggregate(Option<bool>),
    /// A peer reads this many runs.
    Read(usize, u8),
    Work(bool),
}

fn kind() -> impl Strategy<Value = Kind> {
    (0..3u8, 0..2u8, 0..3u8, 0..GATEWAYS).prop_map(|(from_as, len, med, gateway)| Kind {
        from_as,
        len,
        med,
        gateway,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let route = || (0..PREFIXES, kind());
    prop_oneof![
        8 => (0..PEERS, 0..PREFIXES, kind()).prop_map(|(peer, prefix, kind)| Op::Announce(peer, prefix, kind)),
        4 => (0..PEERS, 0..PREFIXES).prop_map(|(peer, prefix)| Op::Withdraw(peer, prefix)),
        2 => route().prop_map(|(prefix, kind)| Op::Local(prefix, kind)),
        1 => (0..PREFIXES).prop_map(Op::LocalGone),
        1 => prop::collection::vec(route(), 0..4).prop_map(Op::Replace),
        1 => (0..PEERS, any::<bool>()).prop_map(|(peer, keep)| Op::Down(peer, keep)),
        2 => (0..PEERS).prop_map(Op::Up),
        1 => (0..PEERS).prop_map(Op::Sweep),
        1 => (0..GATEWAYS, prop::option::weighted(0.8, 0..3u8)).prop_map(|(gateway, cost)| Op::Gateway(gateway, cost)),
        1 => (0..PEERS).prop_map(Op::Refresh),
        2 => (0..PEERS, any::<bool>()).prop_map(|(peer, begins)| Op::Resend(peer, begins)),
        6 => (0..PEERS, 1..4u8).prop_map(|(peer, runs)| Op::Read(peer, runs)),
        2 => any::<bool>().prop_map(Op::Work),
        1 => any::<Option<bool>>().prop_map(Op::Aggregate),
        1 => (0..PEERS, 0..IMPORTS).prop_map(|(peer, policy)| Op::Import(peer, policy)),
        1 => (any::<[bool; PEERS]>(), 0..EXPORTS).prop_map(|(peers, policy)| Op::Export(peers, policy)),
    ]
}

fn kind_of(peer: usize) -> PeerKind {
    if peer < CLIENT { PeerKind::External } else { PeerKind::Internal }
}

fn agreed(peer: usize) -> Agreed {
    Agreed::new(kind_of(peer))
}

fn address(peer: usize) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, peer as u8 + 1)
}

fn router_id(peer: usize) -> RouterId {
    RouterId::new(peer as u32 + 1).unwrap()
}

const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

fn import_side(peer: usize) -> ImportSide {
    let ours = RouterId::new(65000).unwrap();
    let peer_asn = if kind_of(peer) == PeerKind::External { Asn(64000) } else { Asn(65000) };
    let side = ImportSide::new(kind_of(peer), Asn(65000), peer_asn, ours);
    ImportSide { first_asn: false, cluster_id: Some(1), ..side }
}

fn prefix(number: u8) -> Prefix<u32> {
    Prefix::new(0x0a00_0000 | u32::from(number) << 16, 16).unwrap()
}

fn gateway(number: u8) -> Ipv4Addr {
    if number == 1 { address(GATEWAY) } else { Ipv4Addr::new(192, 0, 2, 100 + number) }
}

impl Kind {
    /// The path tells the kinds apart, so that what a peer holds names the route it came from.
    fn path(self, sender: usize) -> Vec<Asn> {
        let mut path = vec![
            Asn(u32::from(self.from_as) + 1),
            Asn(1000 + sender as u32),
            Asn(2000 + u32::from(self.med)),
        ];
        path.push(Asn(3000 + u32::from(self.gateway)));
        path.extend((0..self.len).map(|_| Asn(9)));
        path
    }

    fn attributes(self, sender: usize) -> PathAttributes {
        let as_path = AsPathBuf::sequence(&self.path(sender));
        PathAttributes {
            origin: Some(Origin::IGP),
            as_path,
            med: Some(self.med.into()),
            ..PathAttributes::default()
        }
    }

    fn local(self, number: u8) -> LocalRoute {
        let next_hop = Some(NextHop::Ipv4(gateway(self.gateway)));
        LocalRoute { prefix: prefix(number).into(), attributes: self.attributes(LOCAL), next_hop }
    }
}

/// A route in the model.
#[derive(Clone, Copy)]
struct Route {
    kind: Kind,
    stale: bool,
    /// The peer is about to send it again, or to withdraw it.
    due: bool,
    /// The local preference that it was accepted with.
    accepted: Option<u32>,
}

/// What a peer holds of a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    path: Vec<Asn>,
    next_hop: Ipv4Addr,
    local_pref: Option<u32>,
    med: Option<u32>,
    originator: Option<RouterId>,
}

/// The model: every route, the policies in use, and what follows.
#[derive(Default)]
struct Model {
    routes: BTreeMap<(u8, usize), Route>,
    costs: [Option<u8>; GATEWAYS as usize],
    imports: [usize; PEERS],
    exports: [usize; PEERS],
    aggregate: Option<bool>,
}

impl Model {
    fn accept(&self, sender: usize, number: u8, kind: Kind) -> Option<u32> {
        match self.imports.get(sender).copied().unwrap_or(0) {
            1 if kind.med == 2 => None,
            1 if kind.gateway == 0 => Some(200),
            2 if number == 5 => None,
            3 => None,
            _ => Some(100),
        }
    }

    fn learn(&mut self, sender: usize, number: u8, kind: Kind) {
        let accepted = self.accept(sender, number, kind);
        self.routes.insert((number, sender), Route { kind, stale: false, due: false, accepted });
    }

    fn judge(&mut self, peer: usize) {
        let theirs: Vec<_> = self.routes.keys().copied().filter(|(_, sender)| *sender == peer).collect();
        for at in theirs {
            let accepted = self.accept(peer, at.0, self.routes[&at].kind);
            self.routes.entry(at).and_modify(|route| route.accepted = accepted);
        }
    }

    fn best(&self, number: u8) -> Option<(usize, Kind, u32)> {
        let of = self.routes.iter().filter(|((n, _), _)| *n == number);
        let mut left: Vec<_> = of
            .filter_map(|((_, sender), route)| {
                let (kind, local_pref) = (route.kind, route.accepted?);
                let cost = self.costs[usize::from(kind.gateway)]?;
                let first = (route.stale, *sender != LOCAL, u32::MAX - local_pref, kind.len);
                let internal = *sender < PEERS && kind_of(*sender) == PeerKind::Internal;
                Some((first, kind, (internal, cost, *sender), local_pref))
            })
            .collect();
        let first = left.iter().map(|(first, ..)| *first).min()?;
        left.retain(|(key, ..)| *key == first);
        let all = left.clone();
        left.retain(|(_, kind, ..)| {
            all.iter().all(|(_, other, ..)| other.from_as != kind.from_as || other.med >= kind.med)
        });
        // A peer's number is its router id.
        let (_, kind, (.., sender), local_pref) = left.into_iter().min_by_key(|(_, _, last, _)| *last)?;
        Some((sender, kind, local_pref))
    }

    /// All that a peer is told.
    fn told_all(&self, peer: usize) -> BTreeMap<Prefix<u32>, Held> {
        let mut told = BTreeMap::new();
        if self.aggregate != Some(true) {
            told.extend((0..PREFIXES).filter_map(|number| Some((prefix(number), self.told(peer, number)?))));
        }
        let internal = peer >= CLIENT;
        let contributors = (0..PREFIXES).any(|number| self.best(number).is_some());
        if self.aggregate.is_some() && contributors && self.exports[peer] != 2 {
            let path = if internal { Vec::new() } else { vec![Asn(65000)] };
            let local_pref = internal.then_some(100);
            let aggregate = Held { path, next_hop: OWN, local_pref, med: None, originator: None };
            told.insert(AGGREGATE.parse().unwrap(), aggregate);
        }
        told
    }

    /// What a peer is told of a prefix.
    fn told(&self, peer: usize, number: u8) -> Option<Held> {
        let (sender, kind, local_pref) = self.best(number).filter(|(sender, ..)| *sender != peer)?;
        let ours = sender == LOCAL;
        let (to_internal, from_internal) = (peer >= CLIENT, !ours && kind_of(sender) == PeerKind::Internal);
        if to_internal && from_internal && peer != CLIENT && sender != CLIENT {
            return None;
        }
        let mut med = Some(u32::from(kind.med)).filter(|_| to_internal || ours);
        match self.exports[peer] {
            1 if kind.gateway == 1 => return None,
            1 if kind.med == 1 => med = Some(7),
            2 => return None,
            3 if number == 1 => return None,
            4 if !ours => return None,
            _ => {}
        }
        let path = kind.path(sender);
        if !to_internal {
            let path = [vec![Asn(65000)], path].concat();
            return Some(Held { path, next_hop: OWN, local_pref: None, med, originator: None });
        }
        // Nobody is told his own address as the next hop.
        let next_hop = Some(gateway(kind.gateway)).filter(|next_hop| *next_hop != address(peer))?;
        let originator = from_internal.then(|| router_id(sender));
        Some(Held { path, next_hop, local_pref: Some(local_pref), med, originator })
    }
}

/// The RIB, the model, and what each peer holds.
struct World {
    rib: Rib,
    keep_rejected: bool,
    policies: Policies,
    model: Model,
    peers: Vec<SenderId>,
    up: [bool; PEERS],
    source: SenderId,
    aggregates: SenderId,
    held: Vec<BTreeMap<Prefix<u32>, Held>>,
    messages: usize,
}

impl World {
    fn new(keep_rejected: bool) -> Self {
        // A ring of next to nothing, so that whoever does not read at once falls off.
        let settings = Settings { resolve_next_hops: true, ring: 200, keep_rejected, ..Settings::default() };
        let mut rib = Rib::new(settings);
        let peers = (0..PEERS).map(|_| rib.add_peer().unwrap()).collect();
        let source = rib.add_source("config").unwrap();
        let aggregates = rib.add_source("aggregates").unwrap();
        let held = vec![BTreeMap::new(); PEERS];
        let policies = policy::check(&toml::from_str(POLICIES).unwrap(), &Names::default()).unwrap();
        let (model, up, messages) = (Model::default(), [false; PEERS], 0);
        let mut world =
            World { rib, keep_rejected, policies, model, peers, up, source, aggregates, held, messages };
        (0..PEERS).for_each(|peer| world.apply(&Op::Up(peer)));
        world
    }

    fn policy(&self, direction: &str, number: usize) -> Policy {
        let name = match (direction, number) {
            (_, 0) => "all".into(),
            ("import", 3) | ("export", 2) => "none".into(),
            _ => format!("{direction}-{number}"),
        };
        self.policies.find(&name).unwrap().clone()
    }

    fn session(&self, peer: usize) -> Session {
        let side = import_side(peer);
        let mut session = Session::new(agreed(peer), side, address(peer).into(), router_id(peer), OWN.into())
            .with_policies(
                self.policy("import", self.model.imports[peer]),
                self.policy("export", self.model.exports[peer]),
            );
        session.export.side.client = peer == CLIENT;
        session
    }

    fn hear(&mut self, peer: usize, octets: &[u8]) {
        let mut rest = octets;
        while let Frame::Message(raw) = frame(rest, Some(&agreed(peer))) {
            rest = &rest[raw.len()..];
            self.rib.learn(self.peers[peer], &Update::decode(raw, &agreed(peer)).unwrap(), 0);
        }
    }

    /// A peer reads one run. False: there is none.
    fn read(&mut self, peer: usize) -> bool {
        let Some(octets) = self.rib.take(self.peers[peer]) else { return false };
        let mut rest = &octets[..];
        while let Frame::Message(raw) = frame(rest, Some(&agreed(peer))) {
            rest = &rest[raw.len()..];
            self.messages += 1;
            let update = Update::decode(raw, &agreed(peer)).unwrap();
            for path in update.withdrawn() {
                self.held[peer].remove(&path.item);
            }
            let attributes = update.attributes();
            for path in update.announced() {
                let held = Held {
                    path: attributes.as_path().unwrap_or_default().asns().collect(),
                    next_hop: attributes.next_hop().unwrap(),
                    local_pref: attributes.local_pref(),
                    med: attributes.med(),
                    originator: attributes.originator_id(),
                };
                self.held[peer].insert(path.item, held);
            }
        }
        assert!(rest.is_empty(), "a run is whole messages");
        true
    }

    fn apply(&mut self, op: &Op) {
        self.apply_to_routes(op);
        self.apply_to_peers(op);
        if !self.keep_rejected {
            self.model.routes.retain(|_, route| route.accepted.is_some());
        }
        // Nothing is known of the way to a gateway that no attribute set points to.
        for number in 0..GATEWAYS {
            if !self.rib.next_hops().any(|address| address == gateway(number)) {
                self.model.costs[usize::from(number)] = None;
            }
        }
    }

    fn apply_to_routes(&mut self, op: &Op) {
        match *op {
            Op::Announce(peer, number, kind) if self.up[peer] => {
                let mut section = Vec::new();
                kind.attributes(peer).encode(true, &mut section);
                let next_hop = NextHop::Ipv4(gateway(kind.gateway));
                let mut out = Vec::new();
                let announcement = Announcement { family: Family::IPV4, attributes: &section, next_hop };
                announcement.encode(&agreed(peer), [Path::from(prefix(number))], &mut out).unwrap();
                self.hear(peer, &out);
                self.model.learn(peer, number, kind);
            }
            Op::Withdraw(peer, number) if self.up[peer] => {
                let mut out = Vec::new();
                pack::withdraw(Family::IPV4, &agreed(peer), [Path::from(prefix(number))], &mut out);
                self.hear(peer, &out);
                self.model.routes.remove(&(number, peer));
            }
            Op::Local(number, kind) => {
                self.rib.announce(self.source, &kind.local(number), 0);
                self.model.learn(LOCAL, number, kind);
            }
            Op::LocalGone(number) => {
                self.rib.withdraw(self.source, ipnet::Ipv4Net::from(prefix(number)).into());
                self.model.routes.remove(&(number, LOCAL));
            }
            Op::Replace(ref routes) => {
                let local: Vec<_> = routes.iter().map(|(number, kind)| kind.local(*number)).collect();
                self.rib.replace(self.source, &local, 0);
                self.model.routes.retain(|(_, sender), _| *sender != LOCAL);
                routes.iter().for_each(|(number, kind)| self.model.learn(LOCAL, *number, *kind));
            }
            Op::Aggregate(kind) => {
                let route = LocalRoute::new(AGGREGATE.parse().unwrap());
                let wanted = kind.map(|summary_only| Aggregate { route, summary_only });
                self.rib.set_aggregates(self.aggregates, wanted.as_slice());
                self.model.aggregate = kind;
            }
            Op::Gateway(number, cost) => {
                self.rib.next_hop(gateway(number).into(), cost.map(u32::from));
                self.model.costs[usize::from(number)] = cost;
            }
            _ => {}
        }
    }

    fn apply_to_peers(&mut self, op: &Op) {
        match *op {
            Op::Down(peer, keep) if self.up[peer] => {
                self.rib.peer_down(self.peers[peer], if keep { &[Family::IPV4] } else { &[] });
                self.up[peer] = false;
                self.held[peer].clear();
                let routes = &mut self.model.routes;
                // RFC 4724 §4.2: what was stale before this restart goes in any case.
                routes.retain(|(_, sender), route| *sender != peer || keep && !route.stale);
                let theirs = routes.iter_mut().filter(|((_, sender), _)| *sender == peer);
                theirs.for_each(|(_, route)| (route.stale, route.due) = (true, false));
            }
            Op::Up(peer) if !self.up[peer] => {
                self.rib.peer_up(self.peers[peer], &self.session(peer));
                self.up[peer] = true;
            }
            Op::Sweep(peer) => {
                self.rib.sweep(self.peers[peer], Family::IPV4);
                self.model.routes.retain(|(_, sender), route| *sender != peer || !route.stale);
            }
            Op::Resend(peer, true) if self.up[peer] => {
                self.rib.refresh_begins(self.peers[peer], Family::IPV4);
                let routes = self.model.routes.iter_mut();
                routes.filter(|((_, sender), _)| *sender == peer).for_each(|(_, route)| route.due = true);
            }
            Op::Resend(peer, false) => {
                self.rib.refresh_ends(self.peers[peer], Family::IPV4);
                self.model.routes.retain(|(_, sender), route| *sender != peer || !route.due);
            }
            Op::Import(peer, number) if self.up[peer] => {
                let policy = self.policy("import", number);
                let import = Import { policy, ..self.session(peer).import };
                self.rib.set_import(self.peers[peer], import);
                self.model.imports[peer] = number;
                self.model.judge(peer);
                // What is rejected meanwhile is gone for good where it is not held.
                while !self.keep_rejected && self.rib.work(10_000) {}
            }
            Op::Export(peers, number) => {
                let up = (0..PEERS).filter(|peer| peers[*peer] && self.up[*peer]).collect::<Vec<_>>();
                up.iter().for_each(|peer| self.model.exports[*peer] = number);
                let exports: Vec<_> =
                    up.into_iter().map(|peer| (self.peers[peer], self.session(peer).export)).collect();
                self.rib.set_exports(&exports);
            }
            Op::Refresh(peer) => self.rib.refresh(self.peers[peer], Family::IPV4),
            Op::Read(peer, runs) => {
                let _ = (0..runs).all(|_| self.read(peer));
            }
            Op::Work(whole) => {
                self.rib.work(if whole { 10_000 } else { 2 });
            }
            _ => {}
        }
    }

    /// What a change of policies would tell peers, as the RIB says beforehand: gained, lost, changed.
    fn proposed(&mut self, import: &Op, export: &Op) -> Vec<[u64; 3]> {
        let (&Op::Import(peer, number), &Op::Export(peers, told)) = (import, export) else {
            return Vec::new();
        };
        let changed = Import { policy: self.policy("import", number), ..self.session(peer).import };
        let imports = if self.up[peer] { vec![(self.peers[peer], changed)] } else { Vec::new() };
        let policy = self.policy("export", told);
        let up = (0..PEERS).filter(|peer| peers[*peer] && self.up[*peer]);
        let export = |peer| Export { policy: policy.clone(), ..self.session(peer).export };
        let exports = up.map(|peer| (self.peers[peer], export(peer))).collect();
        let mut proposal = Proposal::new(imports, exports, 0);
        while self.rib.compare(&mut proposal, 1000) {}
        let of = |peer| proposal.differences().get(peer).cloned().unwrap_or_default();
        self.peers.iter().map(of).map(|d| [d.gained, d.lost, d.changed].map(|sample| sample.count)).collect()
    }

    /// Goes on, a bit here and a bit there, just until the RIB says that all is told.
    fn tell(&mut self) {
        let mut mark = self.rib.mark();
        let up: Vec<_> = (0..PEERS).filter(|peer| self.up[*peer]).collect();
        for step in 0..10_000 {
            if self.rib.is_told(&mut mark) {
                return;
            }
            match up.get(step % (up.len() + 1)) {
                Some(peer) => drop(self.read(*peer)),
                None => drop(self.rib.work(1000)),
            }
        }
        panic!("it never says that all is told");
    }

    fn settle(&mut self) {
        while self.rib.work(1000) {}
        for peer in (0..PEERS).filter(|peer| self.up[*peer]).collect::<Vec<_>>() {
            while self.read(peer) {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_peer_holds_what_a_recomputation_says(
        keep_rejected: bool,
        ops in prop::collection::vec(op(), 1..120),
        import in (0..PEERS, 0..IMPORTS).prop_map(|(peer, policy)| Op::Import(peer, policy)),
        export in (any::<[bool; PEERS]>(), 0..EXPORTS).prop_map(|(peers, policy)| Op::Export(peers, policy)),
    ) {
        let mut world = World::new(keep_rejected);
        ops.iter().for_each(|op| world.apply(op));
        world.tell();
        for peer in (0..PEERS).filter(|peer| world.up[*peer]) {
            prop_assert_eq!(&world.held[peer], &world.model.told_all(peer), "peer {}", peer);
        }
        // What a change would tell is known before it is made, aggregates apart.
        world.apply(&Op::Aggregate(None));
        world.settle();
        let proposed = world.proposed(&import, &export);
        let before = world.held.clone();
        world.apply(&import);
        world.apply(&export);
        world.settle();
        for (peer, (before, after)) in before.iter().zip(&world.held).enumerate() {
            let gained = after.keys().filter(|prefix| !before.contains_key(prefix)).count();
            let lost = before.keys().filter(|prefix| !after.contains_key(prefix)).count();
            let changed = before.iter().filter(|(p, held)| after.get(p).is_some_and(|now| now != *held));
            let expected = [gained, lost, changed.count()].map(|count| count as u64);
            prop_assert_eq!(proposed[peer], expected, "peer {}", peer);
        }
        // Another policy that says the same: nothing is told.
        let silent = world.messages;
        for (was, number) in [(0, 5), (5, 0)] {
            let peers = std::array::from_fn(|peer| world.model.exports[peer] == was);
            world.apply(&Op::Export(peers, number));
            world.settle();
            prop_assert_eq!(world.messages, silent);
        }
        // All goes when all go: no reference is left behind.
        (0..PEERS).for_each(|peer| world.apply(&Op::Down(peer, false)));
        (0..PEERS).for_each(|peer| world.apply(&Op::Sweep(peer)));
        world.apply(&Op::Replace(Vec::new()));
        world.settle();
        prop_assert_eq!(world.rib.routes_of(world.aggregates), 0);
        prop_assert_eq!(world.rib.attribute_sets(), 0);
    }
}
