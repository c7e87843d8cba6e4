//! What there is to be seen: each route that is desired or installed, where it goes, and what is wrong with it.

use super::{
    Desired, Fib, Held, Known, Path, both_refs, net_of,
    plan::{Installed, WayId},
    table::{Route, Table},
    ways::DISCARD,
};
use bgp_proto::prefix::{Address, Prefix};
use ipnet::IpNet;
use std::ops::Bound;

/// A route, as people want to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The prefix.
    pub prefix: IpNet,
    /// Packets are dropped.
    pub discard: bool,
    /// The gateways that it goes to, or would.
    pub paths: Vec<Path>,
    /// The kernel holds it.
    pub installed: bool,
    /// Nobody asked for it yet: it is from before the start, and goes unless somebody does.
    pub kept: bool,
    /// Somebody else's route that the kernel prefers.
    pub shadowed_by: Option<Known>,
    /// Why it is not in the kernel as it is desired.
    pub held: Option<Held>,
}

/// How many routes there are, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The kernel holds so many of ours.
    pub installed: usize,
    /// So many are desired and kept out for a reason.
    pub held: usize,
    /// So many different sets of next hops are in use.
    pub ways: usize,
}

/// Where a listing goes on: behind this prefix.
pub type Place = Option<IpNet>;

impl Fib {
    /// How many routes there are.
    pub fn totals(&self) -> Totals {
        Totals {
            installed: self.installed,
            held: self.v4.held.len() + self.v6.held.len(),
            ways: self.ways.len(),
        }
    }

    /// The route to a prefix.
    pub fn listed(&self, net: IpNet) -> Option<Listed> {
        both_refs!(self, net, |table, prefix| {
            let route = table.routes.get(&prefix)?;
            Some(self.list(table, prefix, route))
        })
    }

    /// Up to so many routes behind a place, and where to go on; `None`: that is all.
    pub fn list_from(&self, after: Place, limit: usize) -> (Vec<Listed>, Place) {
        let mut listed = Vec::new();
        if after.is_none_or(|net| matches!(net, IpNet::V4(_))) {
            let after =
                after.and_then(|net| if let IpNet::V4(net) = net { Some(Prefix::from(net)) } else { None });
            self.list_table(&self.v4, after, limit, &mut listed);
        }
        if listed.len() < limit {
            let after =
                after.and_then(|net| if let IpNet::V6(net) = net { Some(Prefix::from(net)) } else { None });
            self.list_table(&self.v6, after, limit, &mut listed);
        }
        let next = listed.last().filter(|_| listed.len() == limit).map(|last| last.prefix);
        (listed, next)
    }

    fn list_table<A: Address>(
        &self,
        table: &Table<A>,
        after: Option<Prefix<A>>,
        limit: usize,
        listed: &mut Vec<Listed>,
    ) {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = table.routes.range((from, Bound::Unbounded));
        listed
            .extend(rows.take(limit - listed.len()).map(|(prefix, route)| self.list(table, *prefix, route)));
    }

    fn list<A: Address>(&self, table: &Table<A>, prefix: Prefix<A>, route: &Route) -> Listed {
        let net = net_of(prefix);
        let way = match (route.installed(), route.desired()) {
            (Installed::Way(way), _) | (_, Desired::Way(way)) => Some(way),
            _ => None,
        };
        let metric = self.settings.mark.metric_of(net);
        let shadow = self.resolver.others(net).find(|known| known.metric < metric);
        Listed {
            prefix: net,
            discard: way == Some(DISCARD),
            paths: way.map(|way| self.gateways(way)).unwrap_or_default(),
            installed: route.installed() != Installed::Nothing,
            kept: route.desired() == Desired::Unsaid,
            shadowed_by: shadow.cloned(),
            held: table.held.get(&prefix).filter(|_| route.held).cloned(),
        }
    }

    fn gateways(&self, way: WayId) -> Vec<Path> {
        self.ways.get(way).map(|way| way.gateways().to_vec()).unwrap_or_default()
    }
}
