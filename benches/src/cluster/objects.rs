//! The cluster's objects as they are written, about as large as real ones.

use super::Size;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// Endpoints in a full slice: as many as the endpoint slice controller puts there.
pub const ENDPOINTS: u32 = 100;
/// Namespaces that Services are spread over.
pub const NAMESPACES: u32 = 50;
/// The node that announces.
pub const HERE: &str = "node-0001";
/// Images that a node's kubelet lists, of the 50 that it may.
const IMAGES: u32 = 10;
const HEARTBEAT: &str = "2026-01-01T00:00:00Z";

/// A kind that is written, and where it is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// What it is called in a path.
    pub plural: &'static str,
    /// The beginning of the path.
    pub api: &'static str,
    /// Whether the status is another write.
    pub status: bool,
}

/// Namespaces.
pub const NAMESPACE: Place = Place { plural: "namespaces", api: "/api/v1", status: false };
/// Nodes.
pub const NODE: Place = Place { plural: "nodes", api: "/api/v1", status: true };
/// Services.
pub const SERVICE: Place = Place { plural: "services", api: "/api/v1", status: true };
/// Endpoints of Services.
pub const SLICE: Place = Place { plural: "endpointslices", api: "/apis/discovery.k8s.io/v1", status: false };

impl Place {
    /// Where new objects of the kind go.
    #[must_use]
    pub fn all(&self, object: &Value) -> String {
        match object["metadata"]["namespace"].as_str() {
            Some(namespace) => format!("{}/namespaces/{namespace}/{}", self.api, self.plural),
            None => format!("{}/{}", self.api, self.plural),
        }
    }

    /// Where one is.
    #[must_use]
    pub fn one(&self, object: &Value) -> String {
        format!("{}/{}", self.all(object), object["metadata"]["name"].as_str().unwrap_or_default())
    }
}

/// The name of a namespace.
fn team(number: u32) -> String {
    format!("team-{}", number % NAMESPACES)
}

/// The name of a node.
fn node_name(number: u32) -> String {
    format!("node-{number:04}")
}

/// A node other than [`HERE`].
fn other(size: &Size, number: u32) -> String {
    node_name(2 + number % (size.nodes - 2))
}

/// A namespace.
#[must_use]
pub fn namespace(_: &Size, number: u32) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": team(number) } })
}

/// A node, as a kubelet describes it.
#[must_use]
pub fn node(_: &Size, number: u32) -> Value {
    let name = node_name(number);
    let [high, low] = [number / 256, number % 256];
    let range = format!("10.{}.{low}.0/24", 128 + high);
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": format!("kubelet: {reason}"),
            "lastHeartbeatTime": HEARTBEAT, "lastTransitionTime": HEARTBEAT,
        })
    };
    let images: Vec<_> = (0..IMAGES)
        .map(|image| {
            let of = format!("registry.example.com/team-{image}/app-{}", number % 7);
            let digest = format!("{of}@sha256:{:064x}", u64::from(image) << 32 | u64::from(number % 7));
            json!({ "names": [digest, format!("{of}:v1.{image}.0")], "sizeBytes": 90_000_000 + image })
        })
        .collect();
    let resources = json!({
        "cpu": "16", "memory": "64921212Ki", "pods": "110", "ephemeral-storage": "209702892Ki", "hugepages-2Mi": "0",
    });
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux", "kubernetes.io/hostname": name, "node-role.kubernetes.io/worker": "",
                "node.kubernetes.io/instance-type": "m7.4xlarge", "topology.kubernetes.io/region": "eu-north-1",
                "topology.kubernetes.io/zone": format!("eu-north-1{}", number % 3), "rack": format!("r{}", number / 40),
            },
            "annotations": {
                "node.alpha.kubernetes.io/ttl": "300",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
                "csi.volume.kubernetes.io/nodeid": format!("{{\"csi.example.com\":\"i-{number:017x}\"}}"),
            },
        },
        "spec": { "podCIDR": range, "podCIDRs": [range] },
        "status": {
            "addresses": [
                { "type": "InternalIP", "address": format!("172.20.{high}.{low}") },
                { "type": "Hostname", "address": name },
            ],
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
                condition("Ready", "True", "KubeletReady"),
            ],
            "capacity": resources, "allocatable": resources, "images": images,
            "daemonEndpoints": { "kubeletEndpoint": { "Port": 10250 } },
            "nodeInfo": {
                "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "containerd://2.1.4",
                "kernelVersion": "6.18.0", "kubeProxyVersion": "", "kubeletVersion": "v1.36.3",
                "machineID": format!("{number:032x}"), "operatingSystem": "linux", "osImage": "Debian", "systemUUID": "",
            },
        },
    })
}

/// Whether a Service is Local.
fn is_local(number: u32) -> bool {
    number % 2 == 1
}

/// Whether a Service is Local and has an endpoint on the node that announces: [`Size::here`] of them, spread evenly.
#[must_use]
pub fn is_here(size: &Size, number: u32) -> bool {
    let (at, all) = (number / 2, size.services / 2);
    is_local(number) && at * size.here / all != (at + 1) * size.here / all
}

/// The address of a Service.
#[must_use]
pub fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(100, 64, 0, 0).to_bits() + number)
}

fn service_name(number: u32) -> String {
    format!("service-{number}")
}

/// A Service to which a load balancer gave an address.
#[must_use]
pub fn service(_: &Size, number: u32) -> Value {
    let policy = if is_local(number) { "Local" } else { "Cluster" };
    let last = json!({ "spec": { "selector": { "app": format!("app-{number}") }, "type": "LoadBalancer" } });
    let port = |name: &str, port: u16| json!({ "name": name, "port": port, "targetPort": port + 8000 });
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": service_name(number), "namespace": team(number),
            "labels": { "app": format!("app-{number}"), "team": team(number), "tier": "front" },
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": last.to_string(), "example.com/owner": team(number),
            },
        },
        "spec": {
            "type": "LoadBalancer", "externalTrafficPolicy": policy, "selector": { "app": format!("app-{number}") },
            "allocateLoadBalancerNodePorts": false, "ports": [port("http", 80), port("https", 443)],
        },
        "status": { "loadBalancer": { "ingress": [{ "ip": address(number) }] } },
    })
}

/// The slice of a Service.
#[must_use]
pub fn slice(size: &Size, number: u32) -> Value {
    let endpoints = if number < size.full { ENDPOINTS } else { 1 };
    let endpoints: Vec<_> = (0..endpoints)
        .map(|endpoint| {
            let here = endpoint == 0 && is_here(size, number);
            let node = if here { HERE.to_owned() } else { other(size, number * 37 + endpoint * 29) };
            let pod = number * ENDPOINTS + endpoint;
            json!({
                "addresses": [Ipv4Addr::from_bits(Ipv4Addr::new(10, 128, 0, 0).to_bits() + pod)],
                "conditions": { "ready": true, "serving": true, "terminating": false },
                "nodeName": node, "zone": "eu-north-1a",
                "targetRef": {
                    "kind": "Pod", "name": format!("app-{number}-{pod:08x}"), "namespace": team(number),
                    "uid": format!("00000000-0000-4000-8000-{pod:012x}"),
                },
            })
        })
        .collect();
    let port = |name: &str, port: u16| json!({ "name": name, "port": port, "protocol": "TCP" });
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": format!("{}-x", service_name(number)), "namespace": team(number),
            "labels": {
                "kubernetes.io/service-name": service_name(number),
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            },
        },
        "addressType": "IPv4", "endpoints": endpoints, "ports": [port("http", 8080), port("https", 8443)],
    })
}

/// Our own kinds: whom the nodes talk to, and what they announce.
#[must_use]
pub fn wishes(router: &str) -> Vec<Value> {
    let object = |kind: &str, name: &str, spec: Value| json!({ "apiVersion": "kube-announcer.io/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec });
    vec![
        object("BgpPeer", "tor", json!({ "localAsn": 64512, "asn": 65000, "address": router })),
        object(
            "BgpAdvertisement",
            "services",
            json!({
                "allowedCidrs": ["100.64.0.0/10"], "sources": [{ "services": {} }],
                "attributes": { "communities": ["64512:1"] },
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_services_are_here_as_the_size_says() {
        for size in [Size::FULL, Size::SMALL] {
            let here = (0..size.services).filter(|number| is_here(&size, *number)).count();
            assert_eq!(here, size.here as usize);
            let announced = (0..size.services).filter(|number| !is_local(*number)).count() + here;
            assert_eq!(announced, size.prefixes());
            let elsewhere = (0..size.services).filter(|number| {
                let slice = slice(&size, *number);
                let endpoints = slice["endpoints"].as_array().into_iter().flatten();
                endpoints.filter(|endpoint| endpoint["nodeName"] == HERE).count()
                    != usize::from(is_here(&size, *number))
            });
            assert_eq!(elsewhere.count(), 0);
        }
    }
}
