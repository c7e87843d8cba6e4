//! A real control plane: what the test writes is there, and what the real controllers make of it follows.

use std::time::Duration;

use lab::{ControlPlane, Lab, Need};
use serde_json::Value;

const BOUND: Duration = Duration::from_secs(90);

#[test]
fn a_node_a_service_and_its_endpoint_slice_appear_in_an_api_server_alone() {
    let Some(lab) = Lab::needing(&[Need::Api]) else { return };
    let cluster = ControlPlane::api(&lab, &lab.namespace("cluster"));

    cluster.apply(NODE);
    cluster.apply(SERVICE);
    cluster.apply(ENDPOINT_SLICE);

    let node = cluster.json("get node node1").unwrap();
    assert_eq!(node["spec"]["podCIDR"], "10.244.1.0/24");
    let service = cluster.json("get service web").unwrap();
    let address = service["spec"]["clusterIP"].as_str().unwrap();
    assert!(address.starts_with("10.96."), "the API server gives an address of its range, not {address}");
    assert_eq!(endpoints(&cluster), ["10.244.1.5 on node1 ready"]);
}

#[test]
fn a_whole_control_plane_makes_pods_ready_and_writes_their_endpoint_slice() {
    let Some(lab) = Lab::needing(&[Need::ControlPlane]) else { return };
    let cluster = ControlPlane::whole(&lab, &lab.namespace("cluster"));

    cluster.apply(&NODE.replace("spec: {podCIDR: 10.244.1.0/24, podCIDRs: [10.244.1.0/24]}", ""));
    cluster.apply(SERVICE);
    cluster.apply(DEPLOYMENT);

    let cidr = lab.wait_for("the node to get its pods' prefix", BOUND, || {
        cluster.json("get node node1").ok()?["spec"]["podCIDR"].as_str().map(str::to_owned)
    });
    assert!(cidr.ends_with(".0/24"), "{cidr}");
    let both = lab.wait_for("both endpoints to be ready", BOUND, || {
        Some(endpoints(&cluster))
            .filter(|all| all.iter().filter(|one| one.ends_with("on node1 ready")).count() == 2)
    });
    assert_eq!(both.len(), 2);

    cluster.kubectl("scale deployment web --replicas=1").unwrap();
    lab.wait_until("the slice to lose an endpoint", BOUND, || endpoints(&cluster).len() == 1);
}

#[test]
fn what_the_api_server_refuses_is_told() {
    let Some(lab) = Lab::needing(&[Need::Api]) else { return };
    let cluster = ControlPlane::api(&lab, &lab.namespace("cluster"));
    let refused = cluster.kubectl("get service missing").unwrap_err();
    assert!(refused.contains("services \"missing\" not found"), "{refused}");
}

/// The endpoints of the service, in words.
fn endpoints(cluster: &ControlPlane) -> Vec<String> {
    let slices =
        cluster.json("get endpointslices --selector kubernetes.io/service-name=web").unwrap_or_default();
    let items = slices["items"].as_array().into_iter().flatten();
    let endpoints = items.flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ready = |one: &Value| if one["conditions"]["ready"] == true { "ready" } else { "not ready" };
    endpoints
        .map(|one| format!("{} on {} {}", text(&one["addresses"][0]), text(&one["nodeName"]), ready(one)))
        .collect()
}

const NODE: &str = "
apiVersion: v1
kind: Node
metadata: {name: node1}
spec: {podCIDR: 10.244.1.0/24, podCIDRs: [10.244.1.0/24]}
";

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  type: LoadBalancer
  loadBalancerClass: example.org/bgp
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
";

const ENDPOINT_SLICE: &str = "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080, protocol: TCP}]
endpoints: [{addresses: [10.244.1.5], conditions: {ready: true}, nodeName: node1}]
";

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web}]}
";
