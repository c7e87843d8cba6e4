//! How objects come and go, kind by kind.

use super::{Changes, Snapshot, evidence, node::Node, pod::Pod, service::Service, slice, slice::Slice};
use crate::{
    crd::check::Mistake,
    object::{self, Key, Name},
};
use bgp_daemon::config::Password;
use ipnet::IpNet;
use std::{collections::BTreeMap, sync::Arc};

impl Snapshot {
    pub(super) fn apply_node(&mut self, name: Name, node: &object::Node) -> Changes {
        let node = Node::take(&mut self.names, node);
        if self.nodes.get(&name) == Some(&node) {
            node.tags.release(&mut self.names);
            return Changes::default();
        }
        if let Some(before) = self.nodes.insert(name.clone(), node) {
            before.tags.release(&mut self.names);
        }
        self.node_changed(name)
    }

    pub(super) fn remove_node(&mut self, name: &Name) -> Changes {
        let Some(before) = self.nodes.remove(name) else { return Changes::default() };
        before.tags.release(&mut self.names);
        self.node_changed(name.clone())
    }

    fn node_changed(&mut self, name: Name) -> Changes {
        self.gather_evidence(&name);
        Changes { nodes: [name].into(), ..Changes::default() }
    }

    /// Asks a node's pods again where their addresses are from.
    fn gather_evidence(&mut self, name: &Name) {
        let found = self.nodes.get(name).map(|node| {
            let pods = self.pods_on(name).map(|(_, pod)| pod);
            evidence::gather(node, pods)
        });
        self.evidence.set(name, found.unwrap_or_default());
    }

    pub(super) fn apply_pod(&mut self, name: Name, pod: &object::Pod) -> Changes {
        let pod = Pod::take(&mut self.names, pod);
        if self.pods.get(&name) == Some(&pod) {
            pod.tags.release(&mut self.names);
            return Changes::default();
        }
        let mut places = vec![pod.node.clone()];
        if let Some(before) = self.pods.insert(name.clone(), pod) {
            before.tags.release(&mut self.names);
            places.push(before.node);
        }
        self.pod_changed(name, places)
    }

    pub(super) fn remove_pod(&mut self, name: &Name) -> Changes {
        let Some(before) = self.pods.remove(name) else { return Changes::default() };
        before.tags.release(&mut self.names);
        self.pod_changed(name.clone(), vec![before.node])
    }

    /// `places` are the nodes that it is or was on.
    fn pod_changed(&mut self, name: Name, places: Vec<Option<Name>>) -> Changes {
        let now = self.pods.get(&name).and_then(|pod| pod.node.clone());
        for node in places.into_iter().flatten() {
            if Some(&node) == now.as_ref() {
                self.node_pods.entry(node.clone()).or_default().insert(name.clone());
            } else if let Some(pods) = self.node_pods.get_mut(&node) {
                pods.remove(&name);
                if pods.is_empty() {
                    self.node_pods.remove(&node);
                }
            }
            self.gather_evidence(&node);
        }
        Changes { pods: [name].into(), ..Changes::default() }
    }

    pub(super) fn apply_service(&mut self, name: Name, service: &object::Service) -> Changes {
        let service = Service::take(&mut self.names, service);
        if self.services.get(&name) == Some(&service) {
            service.tags.release(&mut self.names);
            return Changes::default();
        }
        if let Some(before) = self.services.insert(name.clone(), service) {
            before.tags.release(&mut self.names);
        }
        Changes { services: [name].into(), ..Changes::default() }
    }

    pub(super) fn remove_service(&mut self, name: &Name) -> Changes {
        let Some(before) = self.services.remove(name) else { return Changes::default() };
        before.tags.release(&mut self.names);
        Changes { services: [name.clone()].into(), ..Changes::default() }
    }

    pub(super) fn apply_slice(&mut self, name: &Name, slice: &object::EndpointSlice) -> Changes {
        let Some(service) = slice::service_of(slice) else { return self.remove_slice(name) };
        let Some(slice) = Slice::take(&mut self.names, slice) else { return self.remove_slice(name) };
        let service: Name = self.slice_service(name, service);
        let known = self.slices.get(&service).and_then(|slices| slices.iter().find(|(of, _)| of == name));
        if known.is_some_and(|(_, known)| *known == slice) {
            slice.release(&mut self.names);
            return Changes::default();
        }
        // Whatever it was, also of another Service.
        let mut changes = self.remove_slice(name);
        let slices = self.slices.entry(service.clone()).or_default();
        // Almost always there is one.
        slices.reserve_exact(1);
        slices.push((name.clone(), slice));
        self.slice_services.insert(name.clone(), service.clone());
        changes.services.insert(service);
        changes
    }

    /// The name of a slice's Service, shared with what else knows it.
    fn slice_service(&self, slice: &Name, service: String) -> Name {
        let known = self.slice_services.get(slice).filter(|known| ***known == *service);
        let known = known.or_else(|| self.services.get_key_value(&*service).map(|(name, _)| name));
        known.cloned().unwrap_or_else(|| service.into())
    }

    pub(super) fn remove_slice(&mut self, name: &Name) -> Changes {
        let Some(service) = self.slice_services.remove(name) else { return Changes::default() };
        if let Some(slices) = self.slices.get_mut(&service) {
            if let Some(at) = slices.iter().position(|(of, _)| of == name) {
                slices.swap_remove(at).1.release(&mut self.names);
            }
            if slices.is_empty() {
                self.slices.remove(&service);
            }
        }
        Changes { services: [service].into(), ..Changes::default() }
    }

    pub(super) fn apply_ranges(&mut self, key: Key, ranges: &object::ServiceCidr) -> Changes {
        let (mut taken, mut mistakes) = (Vec::new(), Vec::new());
        for (at, text) in ranges.spec.cidrs.iter().enumerate() {
            match text.parse::<IpNet>() {
                Ok(range) => taken.push(range.trunc()),
                Err(_) => mistakes.push(Mistake {
                    object: key.clone(),
                    field: format!("spec.cidrs[{at}]"),
                    message: format!("\"{}\" is no prefix; write one like 10.96.0.0/12", text.escape_debug()),
                }),
            }
        }
        let judged = self.judged(key.clone(), mistakes);
        let changed = self.service_cidrs.get(&key.name) != Some(&taken);
        self.service_cidrs.insert(key.name, taken);
        Changes { everything: changed, refusals: judged, ..Changes::default() }
    }

    pub(super) fn apply_secret(&mut self, key: Key, secret: &object::Secret) -> Changes {
        let text = secret.password().and_then(|octets| std::str::from_utf8(octets).ok());
        let password = text.and_then(Password::new);
        let wrong = password.is_none() && secret.password().is_some();
        let mistake = wrong.then(|| Mistake {
            object: key.clone(),
            field: "data.password".into(),
            message: format!("cannot be a password of TCP; write 1 to {} octets of UTF-8", Password::MAX),
        });
        let judged = self.judged(key.clone(), mistake.into_iter().collect());
        let changed = self.secrets.get(&key.name) != Some(&password);
        self.secrets.insert(key.name, password);
        Changes { everything: changed, refusals: judged, ..Changes::default() }
    }

    /// An object of ours: what is refused leaves the last good version in force.
    pub(super) fn apply_wish<T: PartialEq>(
        &mut self,
        key: Key,
        checked: Result<T, Vec<Mistake>>,
        place: fn(&mut Self) -> &mut BTreeMap<Name, Arc<T>>,
    ) -> Changes {
        let (wish, mistakes) = match checked {
            Ok(wish) => (Some(wish), Vec::new()),
            Err(mistakes) => (None, mistakes),
        };
        let name = key.name.clone();
        let refusals = self.judged(key, mistakes);
        let mut everything = false;
        if let Some(wish) = wish {
            let held = place(self);
            if held.get(&name).is_none_or(|before| **before != wish) {
                held.insert(name, Arc::new(wish));
                everything = true;
            }
        }
        Changes { everything, refusals, ..Changes::default() }
    }

    /// What is wrong with an object now. True: that is something else than before.
    fn judged(&mut self, key: Key, mistakes: Vec<Mistake>) -> bool {
        if mistakes.is_empty() {
            return self.refused.remove(&key).is_some();
        }
        let same = self.refused.get(&key) == Some(&mistakes);
        self.refused.insert(key, mistakes);
        !same
    }
}
