//! The RIB against a naive model: whatever happened in whatever order, each peer holds what a recomputation from
//! scratch says.

use bgp_daemon::rib::{LocalRoute, Rib, SenderId, Session, Settings};
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

const PEERS: usize = 4;
const PREFIXES: u8 = 6;
const GATEWAYS: u8 = 2;
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
    /// A peer reads this many runs.
    Read(usize, u8),
    Work,
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
        1 => (0..GATEWAYS, prop::option::of(0..3u8)).prop_map(|(gateway, cost)| Op::Gateway(gateway, cost)),
        1 => (0..PEERS).prop_map(Op::Refresh),
        6 => (0..PEERS, 1..4u8).prop_map(|(peer, runs)| Op::Read(peer, runs)),
        2 => Just(Op::Work),
    ]
}

fn agreed() -> Agreed {
    Agreed::new(PeerKind::External)
}

fn prefix(number: u8) -> Prefix<u32> {
    Prefix::new(0x0a00_0000 | u32::from(number) << 16, 16).unwrap()
}

fn gateway(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, 100 + number)
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

/// The model: every route with whether it is stale, and what follows.
#[derive(Default)]
struct Model {
    routes: BTreeMap<(u8, usize), (Kind, bool)>,
    costs: [Option<u8>; GATEWAYS as usize],
}

impl Model {
    fn best(&self, number: u8) -> Option<(usize, Kind)> {
        let of = self.routes.iter().filter(|((n, _), _)| *n == number);
        let mut left: Vec<_> = of
            .filter_map(|((_, sender), (kind, stale))| {
                let cost = self.costs[usize::from(kind.gateway)]?;
                Some((*stale, *sender != LOCAL, kind.len, *kind, cost, *sender))
            })
            .collect();
        let first = left.iter().map(|(stale, foreign, len, ..)| (*stale, *foreign, *len)).min()?;
        left.retain(|(stale, foreign, len, ..)| (*stale, *foreign, *len) == first);
        let all = left.clone();
        left.retain(|(_, _, _, kind, ..)| {
            all.iter().all(|(_, _, _, other, ..)| other.from_as != kind.from_as || other.med >= kind.med)
        });
        // All peers are external; a peer's number is its router id.
        let (.., kind, _, sender) = left.into_iter().min_by_key(|(.., cost, sender)| (*cost, *sender))?;
        Some((sender, kind))
    }
}

/// The RIB, the model, and what each peer holds.
struct World {
    rib: Rib,
    model: Model,
    peers: Vec<SenderId>,
    up: [bool; PEERS],
    source: SenderId,
    held: Vec<BTreeMap<Prefix<u32>, Vec<Asn>>>,
}

impl World {
    fn new() -> Self {
        // A ring of next to nothing, so that whoever does not read at once falls off.
        let mut rib = Rib::new(Settings { resolve_next_hops: true, ring: 200, ..Settings::new(Asn(65000)) });
        let peers = (0..PEERS).map(|_| rib.add_peer().unwrap()).collect();
        let source = rib.add_source().unwrap();
        let held = vec![BTreeMap::new(); PEERS];
        let mut world = World { rib, model: Model::default(), peers, up: [false; PEERS], source, held };
        (0..PEERS).for_each(|peer| world.apply(&Op::Up(peer)));
        world
    }

    fn hear(&mut self, peer: usize, octets: &[u8]) {
        let mut rest = octets;
        while let Frame::Message(raw) = frame(rest, Some(&agreed())) {
            rest = &rest[raw.len()..];
            self.rib.learn(self.peers[peer], &Update::decode(raw, &agreed()).unwrap(), 0);
        }
    }

    /// A peer reads one run. False: there is none.
    fn read(&mut self, peer: usize) -> bool {
        let Some(octets) = self.rib.take(self.peers[peer]) else { return false };
        let mut rest = &octets[..];
        while let Frame::Message(raw) = frame(rest, Some(&agreed())) {
            rest = &rest[raw.len()..];
            let update = Update::decode(raw, &agreed()).unwrap();
            for path in update.withdrawn() {
                self.held[peer].remove(&path.item);
            }
            let as_path: Vec<_> = update.attributes().as_path().unwrap_or_default().asns().collect();
            for path in update.announced() {
                self.held[peer].insert(path.item, as_path.clone());
            }
        }
        assert!(rest.is_empty(), "a run is whole messages");
        true
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Announce(peer, number, kind) if self.up[peer] => {
                let mut section = Vec::new();
                kind.attributes(peer).encode(true, &mut section);
                let next_hop = NextHop::Ipv4(gateway(kind.gateway));
                let mut out = Vec::new();
                let announcement = Announcement { family: Family::IPV4, attributes: &section, next_hop };
                announcement.encode(&agreed(), [Path::from(prefix(number))], &mut out).unwrap();
                self.hear(peer, &out);
                self.model.routes.insert((number, peer), (kind, false));
            }
            Op::Withdraw(peer, number) if self.up[peer] => {
                let mut out = Vec::new();
                pack::withdraw(Family::IPV4, &agreed(), [Path::from(prefix(number))], &mut out);
                self.hear(peer, &out);
                self.model.routes.remove(&(number, peer));
            }
            Op::Local(number, kind) => {
                self.rib.announce(self.source, &kind.local(number), 0);
                self.model.routes.insert((number, LOCAL), (kind, false));
            }
            Op::LocalGone(number) => {
                self.rib.withdraw(self.source, ipnet::Ipv4Net::from(prefix(number)).into());
                self.model.routes.remove(&(number, LOCAL));
            }
            Op::Replace(ref routes) => {
                let local: Vec<_> = routes.iter().map(|(number, kind)| kind.local(*number)).collect();
                self.rib.replace(self.source, &local, 0);
                self.model.routes.retain(|(_, sender), _| *sender != LOCAL);
                self.model
                    .routes
                    .extend(routes.iter().map(|(number, kind)| ((*number, LOCAL), (*kind, false))));
            }
            Op::Down(peer, keep) if self.up[peer] => self.down(peer, keep),
            Op::Up(peer) if !self.up[peer] => self.rise(peer),
            Op::Sweep(peer) => {
                self.rib.sweep(self.peers[peer], Family::IPV4);
                self.model.routes.retain(|(_, sender), (_, stale)| *sender != peer || !*stale);
            }
            Op::Gateway(number, cost) => {
                self.rib.next_hop(gateway(number).into(), cost.map(u32::from));
                self.model.costs[usize::from(number)] = cost;
            }
            Op::Refresh(peer) => self.rib.refresh(self.peers[peer], Family::IPV4),
            Op::Read(peer, runs) => {
                let _ = (0..runs).all(|_| self.read(peer));
            }
            Op::Work => {
                self.rib.work(2);
            }
            _ => {}
        }
        // Nothing is known of the way to a gateway that no attribute set points to.
        for number in 0..GATEWAYS {
            if !self.rib.next_hops().any(|address| address == gateway(number)) {
                self.model.costs[usize::from(number)] = None;
            }
        }
    }

    fn down(&mut self, peer: usize, keep: bool) {
        self.rib.peer_down(self.peers[peer], if keep { &[Family::IPV4] } else { &[] });
        self.up[peer] = false;
        self.held[peer].clear();
        // RFC 4724 §4.2: what was stale before this restart goes in any case.
        self.model.routes.retain(|(_, sender), (_, stale)| *sender != peer || keep && !*stale);
        self.model
            .routes
            .iter_mut()
            .filter(|((_, s), _)| *s == peer)
            .for_each(|(_, (_, stale))| *stale = true);
    }

    fn rise(&mut self, peer: usize) {
        let router_id = RouterId::new(peer as u32 + 1).unwrap();
        let session = Session { router_id, address: [192, 0, 2, 1].into(), agreed: agreed(), next_hop: None };
        self.rib.peer_up(self.peers[peer], &session);
        self.up[peer] = true;
    }

    fn settle(&mut self) {
        while self.rib.work(3) {}
        for peer in (0..PEERS).filter(|peer| self.up[*peer]).collect::<Vec<_>>() {
            while self.read(peer) {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_peer_holds_what_a_recomputation_says(ops in prop::collection::vec(op(), 1..120)) {
        let mut world = World::new();
        ops.iter().for_each(|op| world.apply(op));
        world.settle();
        for peer in (0..PEERS).filter(|peer| world.up[*peer]) {
            let best = |number| world.model.best(number).filter(|(sender, _)| *sender != peer);
            let wanted: BTreeMap<_, _> = (0..PREFIXES)
                .filter_map(|number| best(number).map(|(sender, kind)| (prefix(number), kind.path(sender))))
                .map(|(prefix, path)| (prefix, [vec![Asn(65000)], path].concat()))
                .collect();
            prop_assert_eq!(&world.held[peer], &wanted, "peer {}", peer);
        }
        // All goes when all go: no reference is left behind.
        (0..PEERS).for_each(|peer| world.apply(&Op::Down(peer, false)));
        (0..PEERS).for_each(|peer| world.apply(&Op::Sweep(peer)));
        world.apply(&Op::Replace(Vec::new()));
        world.settle();
        prop_assert_eq!(world.rib.attribute_sets(), 0);
    }
}
