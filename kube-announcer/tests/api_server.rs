//! What a real API server makes of our kinds, and of manifests that a folder holds as well.

use kube_announcer::{object::Object, source::manifest::Manifest};
use lab::{ControlPlane, Lab, Need};
use std::{process::Command, time::Duration};

const BOUND: Duration = Duration::from_secs(60);

fn crds() -> String {
    let printed = Command::new(env!("CARGO_BIN_EXE_kube-announcer")).arg("crds").output().unwrap();
    String::from_utf8(printed.stdout).unwrap()
}

#[test]
fn the_api_server_takes_our_kinds_and_the_example_and_refuses_nonsense() {
    let Some(lab) = Lab::needing(&[Need::Api]) else { return };
    let cluster = ControlPlane::api(&lab, &lab.namespace("cluster"));
    cluster.apply(&crds());
    let served = || cluster.kubectl("get bgppeers,bgpadvertisements,bgpnodestates").is_ok();
    lab.wait_until("our kinds to be served", BOUND, served);

    let example = include_str!("../../examples/cluster/5-bgp.yaml");
    cluster.apply(example);
    let columns = cluster.kubectl("get bgppeer tor").unwrap();
    assert!(columns.contains("64512") && columns.contains("192.0.2.1"), "{columns}");
    let read =
        Manifest::read("x.json", cluster.json("get bgpadvertisements").unwrap().to_string().as_bytes());
    assert_eq!((read.objects.len(), read.mistakes), (4, Vec::new()));

    let folder = lab.folder().to_owned();
    let refused = |from: &str, to: &str| {
        assert!(example.contains(from), "{from} is not in the example");
        let file = folder.join("nonsense.yaml");
        std::fs::write(&file, example.replace(from, to)).unwrap();
        cluster.kubectl(&format!("apply -f {}", file.display())).expect_err(to)
    };
    let cases = [
        ("asn: 65000", "asn: somewhere", "asn"),
        ("address: 192.0.2.1", "address: 192.0.2.1\n  gateway: true", "write one of address"),
        ("from: Local", "from: Cluster", "needs require"),
        ("- podCidrs: {}", "- podCidrs: {}\n      prefixes: [198.18.0.0/24]", "write one of podCidrs"),
    ];
    for (from, to, said) in cases {
        let refusal = refused(from, to);
        assert!(refusal.contains(said), "{to}: {refusal}");
    }
}

/// A folder's objects get the defaults that the API server gives.
#[test]
fn a_folder_s_services_have_the_defaults_that_the_api_server_gives() {
    let Some(lab) = Lab::needing(&[Need::Api]) else { return };
    let cluster = ControlPlane::api(&lab, &lab.namespace("cluster"));
    cluster.apply(SERVICES);
    let served = cluster.json("get services -l of=test").unwrap().to_string();

    let (ours, theirs) = (services("x.yaml", SERVICES), services("x.json", &served));

    assert_eq!(ours.len(), 6);
    assert_eq!(ours, theirs);
}

/// Every Service by its name, without the addresses and the port that the API server gives.
fn services(file: &str, text: &str) -> Vec<(String, String)> {
    let manifest = Manifest::read(file, text.as_bytes());
    assert_eq!(manifest.mistakes, []);
    let services = manifest.objects.into_iter().map(|(object, _)| {
        let name = object.key().to_string();
        let Object::Service(mut service) = object else { panic!("{name}") };
        if service.spec.cluster_ip.as_deref() != Some("None") {
            (service.spec.cluster_ip, service.spec.cluster_ips) = (None, Vec::new());
        }
        service.spec.health_check_node_port = 0;
        (name, format!("{:?} {:?}", service.metadata.namespace, service.spec))
    });
    let mut services: Vec<_> = services.collect();
    services.sort();
    services
}

const SERVICES: &str = "
apiVersion: v1
kind: Service
metadata: {name: plain, labels: {of: test}}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside, labels: {of: test}}
spec: {type: LoadBalancer, loadBalancerClass: example.com/bgp, ports: [{port: 53, protocol: UDP}]}
---
apiVersion: v1
kind: Service
metadata: {name: local, labels: {of: test}}
spec: {type: LoadBalancer, externalTrafficPolicy: Local, internalTrafficPolicy: Local, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: written, labels: {of: test}}
spec: {externalIPs: [203.0.113.1], ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless, labels: {of: test}}
spec: {clusterIP: None}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere, labels: {of: test}}
spec: {type: ExternalName, externalName: example.com}
";
