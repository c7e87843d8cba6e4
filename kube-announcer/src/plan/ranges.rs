//! Ranges by which routes of peers are judged: what is this node's own or the cluster's, and where pods of others live.

use crate::{
    object::Name,
    snapshot::Snapshot,
    wish::{Peer, Source},
};
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

/// The cluster's ranges, as one node sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// The node's pod ranges.
    pub own: BTreeSet<IpNet>,
    /// The node's addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// Ranges of ClusterIPs.
    pub services: BTreeSet<IpNet>,
    /// Pod ranges of the other nodes.
    pub pods: BTreeSet<IpNet>,
}

impl Ranges {
    /// Those of a node. None at all where no peer's routes are taken: nobody asks for them, and nothing follows from
    /// another node's coming.
    pub(super) fn new(snapshot: &Snapshot, name: &Name, kernel_routes: bool) -> Self {
        if !kernel_routes || !snapshot.peers().any(takes_routes) {
            return Ranges::default();
        }
        let own = snapshot.node(name);
        let stated = snapshot.advertisements().flat_map(|wish| &wish.sources);
        let stated = stated.filter_map(|source| match source {
            Source::ServiceCidrs(Some(ranges)) => Some(ranges),
            _ => None,
        });
        let others = snapshot.nodes().filter(|(other, _)| *other != name);
        Ranges {
            own: own.iter().flat_map(|node| node.pod_cidrs.iter().copied()).collect(),
            addresses: own.iter().flat_map(|node| node.addresses.iter().copied()).collect(),
            services: snapshot
                .service_cidrs()
                .map(|(_, range)| *range)
                .chain(stated.flatten().copied())
                .collect(),
            pods: others.flat_map(|(_, node)| node.pod_cidrs.iter().copied()).collect(),
        }
    }
}

fn takes_routes(peer: &Arc<Peer>) -> bool {
    peer.import.is_some()
}
