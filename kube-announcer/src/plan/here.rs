//! What holds for all decisions of one node: asked once, and compared when something changed.

use super::{
    reason::{Code, Reason},
    stand_in::{Probes, probe},
};
use crate::{
    object::{Kind, Name},
    snapshot::{EXCLUDED, Leaving, Node, Snapshot},
    wish::{Advertisement, Choice, Probe, Source},
};
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

/// What a plan has to know beside the cluster: whoever runs on the node finds it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The node's default gateways, with their interfaces where they are link-local.
    pub gateways: Vec<(IpAddr, Option<Box<str>>)>,
    /// Our own namespace, where password Secrets are.
    pub namespace: Name,
    /// Routes can be put into the node's kernel.
    pub kernel_routes: bool,
    /// The node's ports of which the probe fails.
    pub failing: BTreeSet<u16>,
}

impl Default for Facts {
    fn default() -> Self {
        Facts {
            gateways: Vec::new(),
            namespace: "kube-announcer".into(),
            kernel_routes: false,
            failing: BTreeSet::new(),
        }
    }
}

/// What holds on the node, whichever object asks.
#[derive(Debug, PartialEq)]
pub(super) struct Here {
    pub(super) node: Name,
    pub(super) kernel_routes: bool,
    /// It has the exclude label.
    pub(super) excluded: bool,
    /// Its InternalIPs: IPv4, IPv6.
    pub(super) internal: [Option<IpAddr>; 2],
    pub(super) advertisements: Vec<Advert>,
    pub(super) probes: Probes,
}

/// An advertisement, as it is on the node.
#[derive(Debug, PartialEq)]
pub(super) struct Advert {
    pub(super) wish: Arc<Advertisement>,
    /// Why nothing of it is announced here.
    pub(super) closed: Option<Reason>,
    /// Why nothing of it is announced here that stands on Services.
    pub(super) services_closed: Option<Reason>,
    /// What holds for each of its sources.
    pub(super) sources: Vec<SourceHere>,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct SourceHere {
    /// Why nothing of it can be known.
    pub(super) forbidden: Option<Reason>,
    /// A pod of `require` can take traffic here.
    pub(super) router: bool,
}

impl Here {
    pub(super) fn new(snapshot: &Snapshot, node: &Name, facts: &Facts) -> Self {
        let found = snapshot.node(node);
        let adverts: Vec<_> =
            snapshot.advertisements().map(|wish| advert(snapshot, node, found, wish)).collect();
        Here {
            node: node.clone(),
            kernel_routes: facts.kernel_routes,
            excluded: found.is_some_and(|found| snapshot.label(&found.tags, EXCLUDED).is_some()),
            internal: [false, true].map(|ipv6| found.and_then(|found| found.internal_address(ipv6))),
            probes: Probes::new(snapshot, node, facts, &adverts),
            advertisements: adverts,
        }
    }

    /// Whether only what probes say is another, which concerns those alone that are probed.
    pub(super) fn is_same_but_for_probes(&self, other: &Self) -> bool {
        let Here { node, kernel_routes, excluded, internal, advertisements, probes } = self;
        *node == other.node
            && (*kernel_routes, *excluded) == (other.kernel_routes, other.excluded)
            && *internal == other.internal
            && *advertisements == other.advertisements
            && probes.agree(&other.probes)
    }

    /// Whether Services have ports that are asked.
    pub(super) fn asks_by_service(&self) -> bool {
        let mut sources = self.advertisements.iter().flat_map(|advert| &advert.wish.sources);
        sources.any(|source| probe(source) == Some(Probe::HealthCheckNodePort))
    }

    /// Whether a pod of this namespace could be a tunnel router.
    pub(super) fn asks_for_routers(&self, namespace: &str) -> bool {
        let sources = self.advertisements.iter().flat_map(|advert| &advert.wish.sources);
        sources.into_iter().any(|source| {
            matches!(source, Source::TunnelIps(tunnels) if tunnels.require.as_ref().is_some_and(|require| {
                require.namespaces.iter().any(|wanted| **wanted == *namespace)
            }))
        })
    }
}

fn advert(snapshot: &Snapshot, name: &Name, node: Option<&Node>, wish: &Arc<Advertisement>) -> Advert {
    let chosen = match node {
        Some(node) => snapshot.selects(&wish.node_selector, &node.tags),
        // Without a Node there are no labels.
        None => wish.node_selector.chooses(|_| None),
    };
    let closed = (!chosen).then(|| Reason::from(Code::NodeNotChosen));
    let going = match node {
        None => Some(Code::NodeGone.into()),
        Some(node) => node
            .leaving
            .map(leaving)
            .or_else(|| node.taint(&wish.drain).map(|taint| Reason::with(Code::NodeDrained, taint))),
    };
    let sources = wish.sources.iter().map(|source| SourceHere {
        forbidden: reads(source)
            .find(|kind| snapshot.is_forbidden(*kind))
            .map(|kind| Reason::with(Code::KindForbidden, kind)),
        router: match source {
            Source::TunnelIps(tunnels) => {
                tunnels.require.as_ref().is_some_and(|require| has_router(snapshot, name, require))
            }
            _ => false,
        },
    });
    Advert {
        wish: wish.clone(),
        services_closed: closed.clone().or(going),
        closed,
        sources: sources.collect(),
    }
}

fn leaving(why: Leaving) -> Reason {
    let detail = match why {
        Leaving::NetworkUnavailable => "its condition NetworkUnavailable is True".into(),
        Leaving::ShuttingDown => "its kubelet says that the node is shutting down".into(),
        Leaving::Tainted(key) => format!("it has the taint {key}"),
    };
    Reason::with(Code::NodeLeaving, detail)
}

/// The kinds that a source stands on.
fn reads(source: &Source) -> impl Iterator<Item = Kind> {
    let kinds: &[Kind] = match source {
        Source::PodCidrs => &[Kind::Node, Kind::Pod],
        Source::Pods(_) => &[Kind::Pod],
        Source::ServiceCidrs(None) => &[Kind::ServiceCidr],
        Source::ServiceCidrs(Some(_)) | Source::Prefixes(_) => &[],
        Source::TunnelIps(tunnels) if tunnels.require.is_some() => {
            &[Kind::Service, Kind::EndpointSlice, Kind::Pod]
        }
        Source::Services(_) | Source::TunnelIps(_) => &[Kind::Service, Kind::EndpointSlice],
        Source::PodPrefixes(_) => &[Kind::Pod, Kind::Node, Kind::ServiceCidr],
    };
    kinds.iter().copied()
}

/// The nodes where [`has_router`] holds.
pub(super) fn routers(snapshot: &Snapshot, require: &Choice) -> BTreeSet<Name> {
    let pods = require.namespaces.iter().flat_map(|namespace| snapshot.pods_in(namespace));
    let pods = pods.filter(|(_, pod)| pod.is_usable() && snapshot.selects(&require.selector, &pod.tags));
    let (last, stay): (Vec<_>, Vec<_>) = pods.map(|(_, pod)| pod).partition(|pod| pod.terminating);
    let counted = if stay.is_empty() { last } else { stay };
    counted.into_iter().filter_map(|pod| pod.node.clone()).collect()
}

/// Whether a pod that is chosen can take traffic on the node: one that terminates only while no other is anywhere.
fn has_router(snapshot: &Snapshot, node: &Name, require: &Choice) -> bool {
    let namespaces = require.namespaces.iter();
    let chosen = namespaces.flat_map(|namespace| snapshot.pods_in(namespace));
    let usable = chosen.filter(|(_, pod)| pod.is_usable() && snapshot.selects(&require.selector, &pod.tags));
    let (mut last_here, mut elsewhere) = (false, false);
    for (_, pod) in usable {
        let here = pod.node.as_ref() == Some(node);
        match (here, pod.terminating) {
            (true, false) => return true,
            (true, true) => last_here = true,
            (false, false) => elsewhere = true,
            (false, true) => {}
        }
    }
    last_here && !elsewhere
}
