//! What a node announces to whom, and why: a pure function of the cluster as it is seen.
//!
//! Every object that wants a prefix announced has a *claim* to it: yes, or no and why. All claims to one prefix together
//! are a *decision*: it is announced while any says yes, to the peers and with the attributes of those that do. Prefixes
//! that are told to the same peers with the same attributes are a *class*.

mod class;
mod decide;
mod here;
mod peers;
mod planner;
mod ranges;
mod reason;
mod sources;
mod stand_in;

pub use class::{Class, Told};
pub use here::Facts;
pub use peers::Session;
pub use planner::{Planner, Update};
pub use ranges::Ranges;
pub use reason::{Code, Reason, Refusal, Weight};

use crate::{
    object::{Key, Name},
    snapshot::Snapshot,
};
use ipnet::IpNet;
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// What a node does, and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The node.
    pub node: Name,
    /// Its InternalIPs: IPv4, IPv6.
    pub addresses: [Option<IpAddr>; 2],
    /// The sessions that it should have.
    pub sessions: Vec<Session>,
    /// BgpPeers, or places of them, that it has no session with.
    pub absent: Vec<Refusal>,
    /// All prefixes that anybody wants announced.
    pub prefixes: BTreeMap<IpNet, Decision>,
    /// Classes of prefixes, by name: those that some prefix is in.
    pub classes: BTreeMap<Name, Arc<Class>>,
    /// What stands in objects and is no prefix at all, by object.
    pub refusals: BTreeMap<Key, Box<[Refusal]>>,
    /// By which routes of peers are judged; empty where none are taken.
    pub ranges: Ranges,
}

/// What becomes of a prefix.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Who wants it announced, in the order of advertisements and their sources.
    pub claims: Vec<Claim>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Who should not claim it together.
    pub conflicts: Vec<Conflict>,
}

/// What becomes of a prefix.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is announced, as this class is.
    Announced {
        /// The name of the class.
        class: Name,
        /// The route that the node needs for it, if any.
        kernel: Option<Kernel>,
    },
    /// It is not.
    Withheld(Refusal),
}

impl Outcome {
    /// The class, where it is announced.
    pub fn class(&self) -> Option<&Name> {
        match self {
            Outcome::Announced { class, .. } => Some(class),
            Outcome::Withheld(_) => None,
        }
    }
}

/// A route that the node itself needs for what it announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// What no more specific route is for is dropped here, and not sent back to the router.
    Discard,
    /// Through the pod with this address.
    Pod(IpAddr),
}

/// An object that wants a prefix announced.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The object.
    pub owner: Key,
    /// The BgpAdvertisement that lets it.
    pub advertisement: Name,
    /// The number of the source in it.
    pub source: u16,
    /// Its kind.
    pub kind: SourceKind,
    /// The address that an aggregate covers.
    pub covers: Option<IpAddr>,
    /// The source has a selector, so it speaks of this object more than one that has not.
    pub selected: bool,
    /// The route that the node needs.
    pub kernel: Option<Kernel>,
    /// What the node is asked first, where nothing else says no.
    pub probe: Option<Probed>,
    /// Yes, or why not.
    pub verdict: Verdict,
}

/// A port of the node that is asked before a prefix is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probed {
    /// The port.
    pub port: u16,
    /// It fails. Who announces all the same is the last one.
    pub fails: bool,
}

/// What an object says about a prefix that it claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Announce it.
    Yes,
    /// Announce it while nobody else can: the pod terminates.
    Last,
    /// Another node does, where the pod is Ready: this says which.
    Elsewhere(Reason),
    /// Do not.
    No(Reason),
}

/// Where claims come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// The node's pod ranges.
    PodCidrs,
    /// Addresses of the node's pods.
    Pods,
    /// Ranges of ClusterIPs.
    ServiceCidrs,
    /// Addresses of Services.
    Services,
    /// Addresses of tunnels.
    TunnelIps,
    /// Ranges behind the node's pods.
    PodPrefixes,
    /// Static ones.
    Prefixes,
}

impl SourceKind {
    /// As a BgpAdvertisement writes it.
    pub fn name(self) -> &'static str {
        match self {
            SourceKind::PodCidrs => "podCidrs",
            SourceKind::Pods => "pods",
            SourceKind::ServiceCidrs => "serviceCidrs",
            SourceKind::Services => "services",
            SourceKind::TunnelIps => "tunnelIps",
            SourceKind::PodPrefixes => "podPrefixes",
            SourceKind::Prefixes => "prefixes",
        }
    }
}

/// Owners that should not claim one prefix together. It is announced all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// A tunnel's address, or a range behind pods, is claimed from several namespaces.
    Namespaces(Vec<Key>),
    /// Pods of this node claim one range, and packets can go to one of them only: the oldest.
    Pods {
        /// The pod that has them.
        first: Key,
        /// Those that have none.
        others: Vec<Key>,
    },
    /// A LoadBalancerIP is given to Services that share a port and its protocol.
    Ports(Vec<Key>),
    /// Advertisements that are equally specific say different things: the first by name holds.
    Attributes {
        /// What they say differently.
        field: &'static str,
        /// They.
        advertisements: Vec<Name>,
    },
}

/// The plan for a node, from scratch.
pub fn plan(snapshot: &Snapshot, node: &str, facts: &Facts) -> Plan {
    let mut planner = Planner::new(node, facts.clone());
    planner.update(snapshot, None);
    planner.into_plan()
}
