//! The cluster as it is seen now, small: what a plan reads of each object, with names that many share held once.
//!
//! A [`Snapshot`] is told of objects one by one, by whoever sees them. It takes what it needs, refuses the smallest part
//! that is wrong, and answers with what changed, so that a [`Planner`](crate::plan::Planner) looks at nothing else again.

mod apply;
mod changes;
mod evidence;
mod names;
mod node;
mod pod;
mod service;
mod slice;
mod tags;

pub use changes::Changes;
pub use evidence::Evidence;
pub use node::{EXCLUDED, Leaving, Node};
pub use pod::Pod;
pub use service::{Address, Service};
pub use slice::Endpoints;
pub use tags::{LONGEST_ANNOTATION, Tags};

use crate::{
    crd::check::{self, Mistake},
    object::{Key, Kind, Name, Object},
    wish::{Advertisement, Choice, Peer, Selector},
};
use bgp_daemon::config::Password;
use evidence::Evidences;
use ipnet::IpNet;
use names::Names;
use slice::Slice;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The cluster as it is seen now.
#[derive(Debug, Default)]
pub struct Snapshot {
    names: Names,
    nodes: BTreeMap<Name, Node>,
    services: BTreeMap<Name, Service>,
    /// By Service: its slices, by name.
    slices: BTreeMap<Name, Vec<(Name, Slice)>>,
    /// The Service of each slice.
    slice_services: BTreeMap<Name, Name>,
    pods: BTreeMap<Name, Pod>,
    /// By node.
    node_pods: BTreeMap<Name, BTreeSet<Name>>,
    evidence: Evidences,
    service_cidrs: BTreeMap<Name, Vec<IpNet>>,
    /// A Secret without a password, or with one that cannot be used, has none.
    secrets: BTreeMap<Name, Option<Password>>,
    peers: BTreeMap<Name, Arc<Peer>>,
    advertisements: BTreeMap<Name, Arc<Advertisement>>,
    refused: BTreeMap<Key, Vec<Mistake>>,
    forbidden: BTreeSet<Kind>,
}

impl Snapshot {
    /// An empty one.
    pub fn new() -> Self {
        Snapshot::default()
    }

    /// An object is there, or is another than it was.
    pub fn apply(&mut self, object: &Object) -> Changes {
        let key = object.key();
        let readable = !matches!(object, Object::BgpPeer(_) | Object::BgpAdvertisement(_));
        let refusals = readable && self.refused.remove(&key).is_some();
        let changes = match object {
            Object::Node(node) => self.apply_node(key.name, node),
            Object::Pod(pod) => self.apply_pod(key.name, pod),
            Object::Service(service) => self.apply_service(key.name, service),
            Object::EndpointSlice(slice) => self.apply_slice(&key.name, slice),
            Object::ServiceCidr(ranges) => self.apply_ranges(key, ranges),
            Object::Secret(secret) => self.apply_secret(key, secret),
            Object::BgpPeer(peer) => self.apply_wish(key, check::peer(peer), |snapshot| &mut snapshot.peers),
            Object::BgpAdvertisement(advertisement) => {
                let checked = check::advertisement(advertisement);
                self.apply_wish(key, checked, |snapshot| &mut snapshot.advertisements)
            }
        };
        Changes { refusals: refusals || changes.refusals, ..changes }
    }

    /// An object is gone.
    pub fn remove(&mut self, key: &Key) -> Changes {
        let refusals = self.refused.remove(key).is_some();
        let name = &key.name;
        let all = |everything| Changes { everything, ..Changes::default() };
        let changes = match key.kind {
            Kind::Node => self.remove_node(name),
            Kind::Pod => self.remove_pod(name),
            Kind::Service => self.remove_service(name),
            Kind::EndpointSlice => self.remove_slice(name),
            Kind::ServiceCidr => all(self.service_cidrs.remove(name).is_some()),
            Kind::Secret => all(self.secrets.remove(name).is_some()),
            Kind::BgpPeer => all(self.peers.remove(name).is_some()),
            Kind::BgpAdvertisement => all(self.advertisements.remove(name).is_some()),
        };
        Changes { refusals, ..changes }
    }

    /// Something could not be read as an object at all. What was known of it stays.
    pub fn refuse(&mut self, mistake: Mistake) -> Changes {
        self.refused.insert(mistake.object.clone(), vec![mistake]);
        Changes { refusals: true, ..Changes::default() }
    }

    /// Whether objects of a kind may not be read: only what stands on them waits.
    pub fn set_forbidden(&mut self, kind: Kind, forbidden: bool) -> Changes {
        let changed = if forbidden { self.forbidden.insert(kind) } else { self.forbidden.remove(&kind) };
        Changes { everything: changed, ..Changes::default() }
    }

    /// Whether objects of a kind may not be read.
    pub fn is_forbidden(&self, kind: Kind) -> bool {
        self.forbidden.contains(&kind)
    }

    /// The names of all objects of a kind, those that were refused among them: after a new list, those that are not in
    /// it are gone.
    pub fn names(&self, kind: Kind) -> BTreeSet<Name> {
        let mut names: BTreeSet<Name> = match kind {
            Kind::Node => self.nodes.keys().cloned().collect(),
            Kind::Pod => self.pods.keys().cloned().collect(),
            Kind::Service => self.services.keys().cloned().collect(),
            Kind::EndpointSlice => self.slice_services.keys().cloned().collect(),
            Kind::ServiceCidr => self.service_cidrs.keys().cloned().collect(),
            Kind::Secret => self.secrets.keys().cloned().collect(),
            Kind::BgpPeer => self.peers.keys().cloned().collect(),
            Kind::BgpAdvertisement => self.advertisements.keys().cloned().collect(),
        };
        names.extend(self.refused.keys().filter(|key| key.kind == kind).map(|key| key.name.clone()));
        names
    }

    /// How many objects of a kind are known, those that were refused and have no good version left out.
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Node => self.nodes.len(),
            Kind::Pod => self.pods.len(),
            Kind::Service => self.services.len(),
            Kind::EndpointSlice => self.slice_services.len(),
            Kind::ServiceCidr => self.service_cidrs.len(),
            Kind::Secret => self.secrets.len(),
            Kind::BgpPeer => self.peers.len(),
            Kind::BgpAdvertisement => self.advertisements.len(),
        }
    }

    /// A Node.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// All Nodes, by name.
    pub fn nodes(&self) -> impl Iterator<Item = (&Name, &Node)> {
        self.nodes.iter()
    }

    /// A Service.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.get(name)
    }

    /// All Services, by namespace and name.
    pub fn services(&self) -> impl Iterator<Item = (&Name, &Service)> {
        self.services.iter()
    }

    /// A Pod.
    pub fn pod(&self, name: &str) -> Option<&Pod> {
        self.pods.get(name)
    }

    /// All Pods, by namespace and name.
    pub fn pods(&self) -> impl Iterator<Item = (&Name, &Pod)> {
        self.pods.iter()
    }

    /// All Pods of a namespace.
    pub fn pods_in<'s>(&'s self, namespace: &str) -> impl Iterator<Item = (&'s Name, &'s Pod)> + use<'s> {
        let start: Name = format!("{namespace}/").into();
        let prefix = start.clone();
        self.pods.range(start..).take_while(move |(name, _)| name.starts_with(&*prefix))
    }

    /// The Pods of a node.
    pub fn pods_on(&self, node: &str) -> impl Iterator<Item = (&Name, &Pod)> {
        let names = self.node_pods.get(node).into_iter().flatten();
        names.filter_map(|name| self.pods.get_key_value(name))
    }

    /// What a Service has on a node and anywhere, of a family.
    pub fn endpoints(&self, service: &str, node: &str, ipv6: bool) -> Endpoints {
        let mut found = Endpoints::default();
        let Some(slices) = self.slices.get(service) else { return found };
        let node = self.names.find(node);
        for (_, slice) in slices {
            if slice.ipv6 == ipv6 {
                slice.add_to(&mut found, node);
            } else {
                found.other_family = true;
            }
        }
        found
    }

    /// Whether pods of a node have addresses from its pod ranges.
    pub fn evidence(&self, node: &str, ipv6: bool) -> Evidence {
        self.evidence.of(node, ipv6)
    }

    /// Ranges of ClusterIPs, with the objects that say so.
    pub fn service_cidrs(&self) -> impl Iterator<Item = (&Name, &IpNet)> {
        self.service_cidrs.iter().flat_map(|(name, ranges)| ranges.iter().map(move |range| (name, range)))
    }

    /// The password in a Secret; `None` inside where it is not one that can be used.
    pub fn secret(&self, name: &str) -> Option<Option<&Password>> {
        self.secrets.get(name).map(Option::as_ref)
    }

    /// The BgpPeers in force, by name.
    pub fn peers(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.peers.values()
    }

    /// The BgpAdvertisements in force, by name.
    pub fn advertisements(&self) -> impl Iterator<Item = &Arc<Advertisement>> {
        self.advertisements.values()
    }

    /// What is wrong with objects that are refused, by object. Of a BgpPeer or a BgpAdvertisement the last good version
    /// stays in force.
    pub fn refused(&self) -> impl Iterator<Item = &Mistake> {
        self.refused.values().flatten()
    }

    /// The value of an object's label.
    pub fn label(&self, of: &Tags, key: &str) -> Option<&str> {
        of.label(&self.names, key)
    }

    /// The value of an object's annotation. One longer than [`LONGEST_ANNOTATION`] is not whole.
    pub fn annotation<'t>(&self, of: &'t Tags, key: &str) -> Option<&'t str> {
        of.annotation(&self.names, key)
    }

    /// Whether a selector chooses an object.
    pub fn selects(&self, selector: &Selector, of: &Tags) -> bool {
        selector.chooses(|key| self.label(of, key))
    }

    /// Whether an object in a namespace, by its full name, is chosen.
    pub fn chooses(&self, choice: &Choice, name: &str, of: &Tags) -> bool {
        let namespace = name.split_once('/').map_or("", |(namespace, _)| namespace);
        (choice.namespaces.is_empty() || choice.namespaces.iter().any(|wanted| **wanted == *namespace))
            && self.selects(&choice.selector, of)
    }
}
