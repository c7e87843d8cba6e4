//! Whatever can be announced, by each policy, and what changes it: a row for each change.

use crate::{
    install::{kubelets, ranges_of},
    world::{BOUND, LATE, NODES, World},
};
use std::fmt::Write;

/// Prefixes, each with the nodes by which there is a route.
type Routed = &'static [(&'static str, &'static str)];

enum Change {
    /// The nodes where a Service has ready endpoints now.
    Endpoints(&'static str, &'static str),
    /// What somebody tells `kubectl`.
    Kubectl(&'static str),
}
use Change::{Endpoints, Kubectl};

const INGRESS: [(&str, &str); 7] = [
    ("cluster", r#"{"ip":"203.0.113.21"}"#),
    ("local", r#"{"ip":"203.0.113.22"}"#),
    ("shared", r#"{"ip":"203.0.113.22"}"#),
    ("both", r#"{"ip":"203.0.113.24"},{"ip":"2001:db8:1::24"}"#),
    ("proxied", r#"{"ip":"203.0.113.29","ipMode":"Proxy"}"#),
    ("of-another", r#"{"ip":"203.0.113.30"}"#),
    ("stray", r#"{"ip":"198.18.5.5"}"#),
];

/// Services with the nodes of their endpoints; a `/` before those of IPv6.
const ENDPOINTS: [(&str, &str); 11] = [
    ("cluster", "2"),
    ("local", "12"),
    ("both", "1/3"),
    ("written", "2"),
    ("inside", "2"),
    ("inside-local", "3"),
    ("hidden", "3"),
    ("proxied", "1"),
    ("of-another", "1"),
    ("stray", "1"),
    ("gre", "1"),
];

const FIRST: Routed = &[
    ("203.0.113.21/32", "1234"),
    ("203.0.113.22/32", "12"),
    ("203.0.113.24/32", "1"),
    ("2001:db8:1::24/128", "3"),
    ("203.0.113.25/32", "1234"),
    ("10.96.7.26/32", "1234"),
    ("10.96.7.27/32", "3"),
    ("10.96.7.28/32", ""),
    ("203.0.113.29/32", ""),
    ("203.0.113.30/32", ""),
    ("198.18.5.5/32", ""),
    ("198.51.100.7/32", ""),
    ("198.51.100.8/32", "3"),
    ("198.18.0.0/24", "3"),
];

const STEPS: &[(&str, Change, Routed)] = &[
    ("an endpoint moves", Endpoints("local", "23"), &[("203.0.113.22/32", "23")]),
    ("its last endpoint goes", Endpoints("local", ""), &[("203.0.113.22/32", "")]),
    ("the last endpoint for all nodes goes", Endpoints("cluster", ""), &[("203.0.113.21/32", "")]),
    ("an endpoint for all nodes comes", Endpoints("cluster", "1"), &[("203.0.113.21/32", "1234")]),
    (
        "another family's endpoints go",
        Endpoints("both", "2/"),
        &[("203.0.113.24/32", "2"), ("2001:db8:1::24/128", "")],
    ),
    ("one of two that share an address has endpoints", Endpoints("shared", "1"), &[("203.0.113.22/32", "1")]),
    ("both have", Endpoints("local", "3"), &[("203.0.113.22/32", "13")]),
    ("one is deleted", Kubectl("delete service shared"), &[("203.0.113.22/32", "3")]),
    (
        "a policy changes",
        Kubectl(r#"patch service local -p {"spec":{"externalTrafficPolicy":"Cluster"}}"#),
        &[("203.0.113.22/32", "1234")],
    ),
    (
        "and changes back",
        Kubectl(r#"patch service local -p {"spec":{"externalTrafficPolicy":"Local"}}"#),
        &[("203.0.113.22/32", "3")],
    ),
    (
        "a node is excluded from load balancers",
        Kubectl("label node node-3 node.kubernetes.io/exclude-from-external-load-balancers="),
        &[
            ("203.0.113.21/32", "124"),
            ("203.0.113.22/32", ""),
            ("203.0.113.25/32", "1234"),
            ("10.96.7.27/32", "3"),
            ("198.51.100.8/32", "3"),
        ],
    ),
    (
        "and is one of them again",
        Kubectl("label node node-3 node.kubernetes.io/exclude-from-external-load-balancers-"),
        &[("203.0.113.21/32", "1234"), ("203.0.113.22/32", "3")],
    ),
    ("a tunnel's endpoint is not enough", Endpoints("mpls", "2"), &[("198.51.100.7/32", "")]),
    (
        "an annotation is added",
        Kubectl("annotate service mpls cmd.nu/tunnel=198.51.100.9"),
        &[("198.51.100.9/32", "2")],
    ),
    (
        "it is changed",
        Kubectl("annotate service mpls --overwrite cmd.nu/tunnel=198.51.100.7,198.51.100.10"),
        &[("198.51.100.9/32", ""), ("198.51.100.7/32", "2"), ("198.51.100.10/32", "2")],
    ),
    (
        "a part of it is no address",
        Kubectl("annotate service mpls --overwrite cmd.nu/tunnel=198.51.100.7,198.51.100.400"),
        &[("198.51.100.7/32", "2"), ("198.51.100.10/32", "")],
    ),
    ("somebody else claims it as well", Endpoints("other/claims-it-too", "1"), &[("198.51.100.7/32", "12")]),
    ("a tunnel router goes", Kubectl("delete pod tunnel-router"), &[("198.51.100.8/32", "")]),
    (
        "an annotation is removed",
        Kubectl("annotate service gre cmd.nu/tunnel-"),
        &[("198.51.100.8/32", ""), ("198.51.100.7/32", "12")],
    ),
];

pub(crate) fn whatever_changes_in_a_cluster_is_followed(world: &mut World) {
    world.cluster.apply(include_str!("kinds.yaml"));
    for (service, ingress) in INGRESS {
        world.give(service, ingress);
    }
    let written: Vec<_> = ENDPOINTS.iter().map(|(service, nodes)| slices(service, nodes)).collect();
    world.cluster.apply(&written.join("---\n"));
    let before: Vec<_> = NODES.map(|node| world.sessions(node)).into();
    assert!(before.iter().all(|sessions| sessions.len() == 3), "{before:?}");
    world.routed("every kind of address", FIRST);
    let reached = world.field("pod reached", ".status.podIP") + "/32";
    world.routed("a pod's own address", &[(&reached, "1")]);

    for (what, change, expected) in STEPS {
        match change {
            Endpoints(service, nodes) => world.cluster.apply(&slices(service, nodes)),
            Kubectl(words) => drop(world.kubectl(words)),
        }
        world.routed(what, expected);
    }
    said_of_what_is_wrong(world);
    a_node_goes_and_comes(world);
    for (node, before) in NODES.iter().zip(before) {
        assert_eq!(world.sessions(node), before, "the sessions of {node} are the same all the time");
    }
}

/// A Service's endpoints, written as `service` or `namespace/service`, on nodes like `12`, or `12/3` with IPv6.
pub(crate) fn slices(service: &str, nodes: &str) -> String {
    let (namespace, service) = service.split_once('/').unwrap_or(("default", service));
    let (ipv4, ipv6) = nodes.split_once('/').map_or((nodes, None), |(ipv4, ipv6)| (ipv4, Some(ipv6)));
    let slice = |family: &str, nodes: &str| {
        let mut text = format!(
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: {family}\nmetadata:\n  \
             name: {service}-{}\n  namespace: {namespace}\n  labels: {{kubernetes.io/service-name: {service}}}\n",
            family.to_lowercase()
        );
        text += if nodes.is_empty() { "endpoints: []\n" } else { "endpoints:\n" };
        for node in nodes.chars() {
            let address = if family == "IPv4" { "10.64.255." } else { "fd00::" };
            let ready = "conditions: {ready: true}";
            writeln!(text, "- {{addresses: ['{address}{node}'], nodeName: node-{node}, {ready}}}").unwrap();
        }
        text
    };
    let ipv6 = ipv6.map(|nodes| format!("---\n{}", slice("IPv6", nodes)));
    slice("IPv4", ipv4) + &ipv6.unwrap_or_default()
}

/// What is refused, and what two namespaces both want, is told in the cluster and on the node.
fn said_of_what_is_wrong(world: &World) {
    let wrong = ["198.18.5.5 of Service default/stray is not inside allowedCidrs", "198.51.100.400"];
    let mut described = String::new();
    let told = lab::within(BOUND / 2, || {
        let one = |name| world.cluster.kubectl(&format!("describe service {name}")).unwrap_or_default();
        described = ["stray", "mpls"].map(one).concat();
        wrong.iter().all(|words| described.contains(words)).then_some(())
    });
    assert!(told.is_some(), "Events should tell {wrong:?}:\n{described}");
    let why = world.ask("node-2", "why 198.51.100.7");
    assert!(why.contains("Service default/mpls") && why.contains("Service other/claims-it-too"), "{why}");
    println!("{why}");
}

/// A node that is deleted has nothing any more, whoever still runs there; one that comes has all it should.
fn a_node_goes_and_comes(world: &mut World) {
    let ranges = ranges_of(world, LATE);
    let [ipv4, ipv6] = &ranges[..] else { panic!("{ranges:?}") };
    world.routed("the ranges of a node", &[(ipv4, "4"), (ipv6, "4")]);
    world.kubectl(&format!("delete node {LATE}"));
    world.routed("nothing of a node that is deleted", &[(ipv4, ""), (ipv6, ""), ("203.0.113.21/32", "123")]);
    // Its pod is taken away by the controllers, sooner or later; the test does not wait for them.
    let pod = world.announcers[LATE].pod.clone();
    world.kubectl(&format!("delete pod {pod} -n kube-announcer --wait=false"));
    let ended = lab::within(BOUND, || {
        kubelets(world, false);
        (!world.announcers.contains_key(LATE)).then_some(())
    });
    assert!(ended.is_some(), "its announcer does not end");
    world.add_node_with(LATE, &ranges);
    world.start(LATE);
    world.routed("all of a node that comes", &[(ipv4, "4"), (ipv6, "4"), ("203.0.113.21/32", "1234")]);
}
