//! Who announces in place of a node of which a probe fails. For each prefix the nodes have an order that all of them
//! agree on without a word. A node leaves a prefix only to one that comes before it, so the first of those that would
//! announce it stays, whatever its own probe says: no failure, of one node's proxy or of all, takes the last one away.

use super::{
    class,
    here::{Advert, Facts, routers},
    peers,
};
use crate::{
    object::Name,
    snapshot::{EXCLUDED, Snapshot},
    wish::{Probe, Source},
};
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr};

/// What probes say on the node, and who stands in where they fail.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Probes {
    /// Ports that fail.
    pub(super) failing: BTreeSet<u16>,
    /// For each advertisement; empty while nothing fails.
    pub(super) adverts: Vec<Standing>,
}

/// Who stands in for what an advertisement has announced.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Standing {
    pub(super) nodes: Vec<StandIn>,
    /// For each source: the nodes where a pod of `require` can take traffic.
    pub(super) routers: Vec<BTreeSet<Name>>,
}

/// Another node that announces what the advertisement says, if a Service lets it.
#[derive(Debug, PartialEq)]
pub(super) struct StandIn {
    pub(super) node: Name,
    /// It has the exclude label.
    pub(super) excluded: bool,
    /// It has somebody to tell: of IPv4, of IPv6.
    pub(super) tells: [bool; 2],
}

impl Probes {
    pub(super) fn new(snapshot: &Snapshot, node: &Name, facts: &Facts, adverts: &[Advert]) -> Self {
        if facts.failing.is_empty() {
            return Probes::default();
        }
        let adverts = adverts.iter().map(|advert| match advert.wish.sources.iter().any(is_probed) {
            true => Standing::new(snapshot, node, facts, advert),
            false => Standing::default(),
        });
        Probes { failing: facts.failing.clone(), adverts: adverts.collect() }
    }

    /// Whether what both know of other nodes is the same; while nothing fails, nothing is known of them.
    pub(super) fn agree(&self, other: &Self) -> bool {
        self.failing.is_empty() || other.failing.is_empty() || self.adverts == other.adverts
    }
}

impl Standing {
    fn new(snapshot: &Snapshot, own: &Name, facts: &Facts, advert: &Advert) -> Self {
        let wish = &*advert.wish;
        let others = snapshot.nodes().filter(|(name, node)| {
            *name != own
                && node.ready
                && node.leaving.is_none()
                && node.taint(&wish.drain).is_none()
                && snapshot.selects(&wish.node_selector, &node.tags)
        });
        let nodes = others.map(|(name, node)| {
            let internal: [Option<IpAddr>; 2] = [false, true].map(|ipv6| node.internal_address(ipv6));
            let (sessions, _) = peers::sessions(snapshot, name, facts);
            let tells =
                |ipv6| sessions.iter().any(|session| class::is_told_by(&session.wish, wish, internal, ipv6));
            StandIn {
                node: name.clone(),
                excluded: snapshot.label(&node.tags, EXCLUDED).is_some(),
                tells: [false, true].map(tells),
            }
        });
        let routers = wish.sources.iter().map(|source| match source {
            Source::TunnelIps(tunnels) => {
                tunnels.require.as_ref().map(|require| routers(snapshot, require)).unwrap_or_default()
            }
            _ => BTreeSet::new(),
        });
        Standing { nodes: nodes.collect(), routers: routers.collect() }
    }
}

/// What a source asks first.
pub(super) fn probe(source: &Source) -> Option<Probe> {
    match source {
        Source::Services(services) => services.probe,
        Source::TunnelIps(tunnels) => tunnels.probe,
        _ => None,
    }
}

fn is_probed(source: &Source) -> bool {
    probe(source).is_some()
}

/// Whether one node comes before another in a prefix's own order.
pub(super) fn comes_before(prefix: IpNet, one: &str, other: &str) -> bool {
    (rank(prefix, one), one) < (rank(prefix, other), other)
}

/// A number that is the same on every node and in every version: FNV-1a, and then each bit mixed into all others.
fn rank(prefix: IpNet, node: &str) -> u64 {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let head = octets(prefix.addr()).into_iter().chain([prefix.prefix_len()]);
    let hash = head.chain(node.bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_comes_first_for_its_share_of_prefixes() {
        let nodes = ["node-1", "node-2", "node-3", "node-4"];
        let mut first = [0; 4];
        for number in 0..=255u8 {
            let prefix: IpNet = format!("203.0.113.{number}/32").parse().unwrap();
            let is_first = |node: &&str| nodes.iter().all(|other| !comes_before(prefix, other, node));
            let found: Vec<_> = (0..4).filter(|at| is_first(&nodes[*at])).collect();
            assert_eq!(found.len(), 1, "one is the first for {prefix}");
            first[found[0]] += 1;
        }
        assert!(first.iter().all(|share| (40..=90).contains(share)), "{first:?} of 256");
    }

    #[test]
    fn the_order_is_the_same_in_every_version() {
        let prefix = "203.0.113.10/32".parse().unwrap();
        assert_eq!(rank(prefix, "node-1"), RANK, "nodes of two versions would both leave, or both stay");
    }

    /// As another program works it out.
    const RANK: u64 = 0x9b02_d173_6ba9_3cd6;
}
