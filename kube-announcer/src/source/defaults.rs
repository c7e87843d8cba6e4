//! What the API server adds to an object that somebody wrote, as far as a plan reads it.

use crate::object::{EndpointSlice, Node, Object, Pod, PodIp, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// An object as the API server would hand it out.
pub(super) fn apply(object: &mut Object) {
    match object {
        Object::Node(object) => node(object),
        Object::Service(object) => service(object),
        Object::EndpointSlice(object) => endpoint_slice(object),
        Object::Pod(object) => pod(object),
        Object::Secret(object) => namespace(&mut object.metadata),
        Object::BgpPeer(_) | Object::BgpAdvertisement(_) | Object::ServiceCidr(_) => {}
    }
}

fn namespace(metadata: &mut ObjectMeta) {
    metadata.namespace.get_or_insert_with(|| "default".to_owned());
}

fn node(node: &mut Node) {
    first_of(&mut node.spec.pod_cidr, &mut node.spec.pod_cidrs);
}

fn service(service: &mut Service) {
    namespace(&mut service.metadata);
    let spec = &mut service.spec;
    first_of(&mut spec.cluster_ip, &mut spec.cluster_ips);
    let kind = spec.kind.get_or_insert_with(|| "ClusterIP".to_owned());
    let from_outside = matches!(&**kind, "NodePort" | "LoadBalancer") || !spec.external_ips.is_empty();
    if kind != "ExternalName" {
        spec.internal_traffic_policy.get_or_insert_with(cluster);
        if from_outside {
            spec.external_traffic_policy.get_or_insert_with(cluster);
        }
    }
    for port in &mut spec.ports {
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
    }
    for ingress in &mut service.status.load_balancer.ingress {
        if ingress.ip.is_some() {
            ingress.ip_mode.get_or_insert_with(|| "VIP".to_owned());
        }
    }
}

fn cluster() -> String {
    "Cluster".to_owned()
}

fn endpoint_slice(slice: &mut EndpointSlice) {
    namespace(&mut slice.metadata);
    for endpoint in slice.endpoints.iter_mut().flatten() {
        let conditions = &mut endpoint.conditions;
        let ready = *conditions.ready.get_or_insert(true);
        conditions.serving.get_or_insert(ready);
        conditions.terminating.get_or_insert(false);
    }
}

fn pod(pod: &mut Pod) {
    namespace(&mut pod.metadata);
    let status = &mut pod.status;
    let mut all: Vec<_> = status.pod_ips.iter().map(|one| one.ip.clone()).collect();
    first_of(&mut status.pod_ip, &mut all);
    status.pod_ips = all.into_iter().map(|ip| PodIp { ip }).collect();
}

/// Fields that come as one value and as a list whose first is that value: people write either.
fn first_of(one: &mut Option<String>, all: &mut Vec<String>) {
    match (&*one, &**all) {
        (Some(first), []) => all.push(first.clone()),
        (None, [first, ..]) => *one = Some(first.clone()),
        _ => {}
    }
}
