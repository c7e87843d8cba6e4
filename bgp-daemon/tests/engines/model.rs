//! The routes that every speaker of a world must have in the end, computed anew from what the speakers announce and how
//! they are configured: every speaker looks at what its peers have, again and again, until nothing changes.

use crate::world::{Rule, World, all_routes};
use bgp_daemon::{engine::Sent, rib::Standing};
use bgp_proto::{agreed::PeerKind, numbers::RouterId};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// A route as a speaker has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The cable that it came over; `None`: it is the speaker's own.
    pub(crate) from: Option<usize>,
    pub(crate) path: Vec<u32>,
    pub(crate) communities: BTreeSet<u32>,
    pub(crate) originator: Option<u32>,
    pub(crate) clusters: Vec<u32>,
}

/// What a speaker has selected.
pub(crate) type Table = BTreeMap<IpNet, Route>;

/// One direction of a session.
struct Way<'a> {
    cable: usize,
    from: usize,
    to: usize,
    internal: bool,
    /// The one who is told is a client of the one who tells.
    to_client: bool,
    export: &'a Rule,
    import: &'a Rule,
    /// Of the one who tells: identifier and address.
    router_id: u32,
    address: IpAddr,
}

/// What two routes of one speaker are compared by; the smallest is selected.
type Rank = (bool, usize, bool, u32, usize, Option<IpAddr>);

struct Model<'a> {
    world: &'a World,
    ways: Vec<Way<'a>>,
}

impl Rule {
    /// What becomes of a route; `None`: it is rejected.
    fn apply(&self, asn: u32, prefix: &IpNet, mut route: Route) -> Option<Route> {
        match self {
            Rule::All => {}
            Rule::Without(prefixes) if prefixes.contains(prefix) => return None,
            Rule::Without(_) => {}
            Rule::Longer(times) => (0..*times).for_each(|_| route.path.insert(0, asn)),
            Rule::Marked(community) => _ = route.communities.insert(*community),
        }
        Some(route)
    }
}

impl<'a> Model<'a> {
    fn new(world: &'a World) -> Self {
        let mut ways = Vec::new();
        for (cable, of) in world.cables.iter().enumerate().filter(|(cable, _)| world.is_up(*cable)) {
            for side in [0, 1] {
                let (from, to) = (of.ends[side], of.ends[1 - side]);
                let there = world.peer(from, cable).unwrap();
                ways.push(Way {
                    cable,
                    from,
                    to,
                    internal: there.terms.unwrap().agreed.peer_kind == PeerKind::Internal,
                    to_client: world.is_client(from, cable),
                    export: world.rule(from, cable, true),
                    import: world.rule(to, cable, false),
                    router_id: world.engine(from).router_id().number(),
                    address: of.address(side),
                });
            }
        }
        Model { world, ways }
    }

    fn asn(&self, node: usize) -> u32 {
        self.world.nodes[node].config.asn.0
    }

    fn router_id(&self, node: usize) -> u32 {
        self.world.engine(node).router_id().number()
    }

    fn reflects(&self, node: usize) -> bool {
        self.ways.iter().any(|way| way.from == node && way.to_client)
    }

    /// The way that a route came by to who has it now.
    fn came_by(&self, node: usize, route: &Route) -> Option<&Way<'a>> {
        let cable = route.from?;
        self.ways.iter().find(|way| way.cable == cable && way.to == node)
    }

    /// What becomes of a selected route on its way to a peer.
    fn go(&self, way: &Way<'_>, prefix: &IpNet, route: &Route) -> Option<Route> {
        if route.from == Some(way.cable) {
            return None;
        }
        let mut told = Route { from: Some(way.cable), ..route.clone() };
        let inside = self.came_by(way.from, route).filter(|came| came.internal);
        match inside {
            Some(came) if way.internal => {
                let from_client = self.world.is_client(way.from, came.cable);
                if !(self.reflects(way.from) && (way.to_client || from_client)) {
                    return None;
                }
                told.originator = told.originator.or(Some(came.router_id));
                told.clusters.insert(0, self.router_id(way.from));
            }
            _ => (told.originator, told.clusters) = (None, Vec::new()),
        }
        let asn = self.asn(way.from);
        told = way.export.apply(asn, prefix, told)?;
        if !way.internal {
            told.path.insert(0, asn);
        }
        self.come(way, prefix, told)
    }

    /// What becomes of it where it comes in.
    fn come(&self, way: &Way<'_>, prefix: &IpNet, route: Route) -> Option<Route> {
        let (asn, router_id) = (self.asn(way.to), self.router_id(way.to));
        let loops = route.path.contains(&asn)
            || route.originator == Some(router_id)
            || self.reflects(way.to) && route.clusters.contains(&router_id);
        if loops { None } else { way.import.apply(asn, prefix, route) }
    }

    fn rank(&self, node: usize, route: &Route) -> Rank {
        let way = self.came_by(node, route);
        let id = route.originator.or(way.map(|way| way.router_id)).unwrap_or_default();
        let internal = way.is_some_and(|way| way.internal);
        let address = way.map(|way| way.address);
        (way.is_some(), route.path.len(), internal, id, route.clusters.len(), address)
    }

    fn look(&self, node: usize, tables: &[Table]) -> Table {
        let mut table = self.own(node);
        for way in self.ways.iter().filter(|way| way.to == node) {
            for (prefix, route) in &tables[way.from] {
                let Some(route) = self.go(way, prefix, route) else { continue };
                let known = table.get(prefix).map(|known| self.rank(node, known));
                if known.is_none_or(|known| self.rank(node, &route) < known) {
                    table.insert(*prefix, route);
                }
            }
        }
        table
    }

    fn own(&self, node: usize) -> Table {
        let own = Route {
            from: None,
            path: Vec::new(),
            communities: BTreeSet::new(),
            originator: None,
            clusters: Vec::new(),
        };
        self.world.nodes[node].own.iter().map(|prefix| (*prefix, own.clone())).collect()
    }
}

/// What every speaker must have selected.
pub(crate) fn expected(world: &World) -> Vec<Table> {
    let model = Model::new(world);
    let running = |node: &usize| world.nodes[*node].engine.is_some();
    let mut tables = vec![Table::new(); world.nodes.len()];
    for _ in 0..1000 {
        let look = |node| if running(&node) { model.look(node, &tables) } else { Table::new() };
        let next: Vec<Table> = (0..tables.len()).map(look).collect();
        if next == tables {
            return tables;
        }
        tables = next;
    }
    world.fail("there is no state that all these speakers would stay in")
}

/// What a speaker has selected.
pub(crate) fn found(world: &World, node: usize) -> Table {
    let Some(engine) = &world.nodes[node].engine else { return Table::new() };
    let mut table = Table::new();
    for (prefix, routes) in all_routes(engine) {
        let Some(best) = routes.into_iter().find(|route| route.standing == Standing::Best) else { continue };
        let from = match engine.sender(best.sender) {
            Some(Sent::Peer(_, remote)) => Some(world.place(node, remote)),
            _ => None,
        };
        let (attributes, _) = best.accepted.unwrap();
        let route = Route {
            from,
            path: attributes.as_path.view().asns().map(|asn| asn.0).collect(),
            communities: attributes.communities.iter().map(|community| community.0).collect(),
            originator: attributes.originator_id.map(RouterId::number),
            clusters: attributes.cluster_list,
        };
        table.insert(prefix, route);
    }
    table
}

/// Ends the test if any speaker has selected anything else than it must have.
pub(crate) fn check(world: &World) {
    for (node, expected) in expected(world).iter().enumerate() {
        let found = found(world, node);
        let prefixes: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
        for prefix in prefixes {
            let (is, should) = (found.get(prefix), expected.get(prefix));
            if is != should {
                world.fail(&format!("{node} has {prefix} {is:?}, and should have {should:?}"));
            }
        }
    }
}
