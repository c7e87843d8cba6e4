//! Whether nodes' pods have their addresses from `Node.spec.podCIDRs`: some address managers use other ranges.

use super::{node::Node, pod::Pod};
use crate::object::Name;
use std::collections::BTreeMap;

/// What the pods of one node say of one family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing: no pod has an address of it.
    #[default]
    None,
    /// All addresses are inside of the node's range.
    Inside,
    /// One is outside.
    Outside,
}

/// What the pods of all nodes say, by family: IPv4, IPv6.
#[derive(Debug, Default)]
pub(super) struct Evidences {
    nodes: BTreeMap<Name, [Evidence; 2]>,
    inside: [u32; 2],
    outside: [u32; 2],
}

impl Evidences {
    /// What one node's pods say now.
    pub(super) fn set(&mut self, node: &Name, now: [Evidence; 2]) {
        let before = if now == [Evidence::None; 2] {
            self.nodes.remove(node)
        } else {
            self.nodes.insert(node.clone(), now)
        };
        for family in 0..2 {
            let before = before.map_or(Evidence::None, |before| before[family]);
            self.inside[family] -= u32::from(before == Evidence::Inside);
            self.outside[family] -= u32::from(before == Evidence::Outside);
            self.inside[family] += u32::from(now[family] == Evidence::Inside);
            self.outside[family] += u32::from(now[family] == Evidence::Outside);
        }
    }

    /// What a node's own pods say; where they say nothing, what those of most others do.
    pub(super) fn of(&self, node: &str, ipv6: bool) -> Evidence {
        let family = usize::from(ipv6);
        match self.nodes.get(node).map_or(Evidence::None, |found| found[family]) {
            Evidence::None if self.outside[family] > self.inside[family] => Evidence::Outside,
            Evidence::None if self.inside[family] > 0 => Evidence::Inside,
            own => own,
        }
    }
}

/// What the pods of a node say of it.
pub(super) fn gather<'p>(node: &Node, pods: impl Iterator<Item = &'p Pod>) -> [Evidence; 2] {
    let mut found = [Evidence::None; 2];
    for pod in pods.filter(|pod| !pod.host_network && !pod.finished) {
        for address in &pod.addresses {
            let of = &mut found[usize::from(address.is_ipv6())];
            let inside = node.pod_cidrs.iter().any(|range| range.contains(address));
            *of = if inside && *of != Evidence::Outside { Evidence::Inside } else { Evidence::Outside };
        }
    }
    found
}
