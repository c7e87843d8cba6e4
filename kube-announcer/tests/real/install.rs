//! From nothing to routes on three routers, by the words of docs/install.md; and back.

use crate::world::{Announcer, LATE, NODES, OURS, PROGRAM, World};
use nix::sys::signal::Signal;
use std::{fs, process::Command};

/// Whom nodes talk to, and what they announce.
const WISHES: &str = include_str!("wishes.yaml");

pub(crate) fn from_nothing_to_routes_on_three_routers(world: &mut World) {
    for node in NODES.into_iter().chain([LATE]) {
        world.add_node(node);
    }
    world.kubectl("label node node-3 edge=true");

    let printed = Command::new(PROGRAM).arg("manifests").output().unwrap();
    let file = world.lab.folder().join("install.yaml");
    fs::write(&file, printed.stdout).unwrap();
    world.kubectl(&format!("apply -f {}", file.display()));
    // The test is the kubelet: a pod is there until its announcer has ended. And it does not have ten seconds for each.
    let kept = r#"{"metadata":{"finalizers":["example.com/kubelet"]}}"#;
    world.kubectl(&format!(
        r#"patch daemonset {OURS} -n {OURS} -p {{"spec":{{"minReadySeconds":0,"template":{kept}}}}}"#
    ));
    world.wait("our kinds to be served", || world.cluster.kubectl("get bgppeers,bgpadvertisements").is_ok());
    world.cluster.apply(WISHES);
    world.wait("the patched pods", || {
        let pods = world.list(&format!("pods -n {OURS}"));
        pods.iter().for_each(|pod| release_if_ended(world, pod));
        pods.len() == 4
            && pods.iter().all(|pod| {
                pod["metadata"]["finalizers"].is_array() && pod["metadata"]["deletionTimestamp"].is_null()
            })
    });
    world.start_routers();
    for node in NODES.into_iter().chain([LATE]) {
        world.start(node);
    }

    let ranges: Vec<_> = NODES.into_iter().chain([LATE]).map(|node| ranges_of(world, node)).collect();
    let expected: Vec<_> = (1..)
        .zip(&ranges)
        .flat_map(|(n, ranges)| ranges.iter().map(move |range| (range.as_str(), n.to_string())))
        .collect();
    assert_eq!(expected.len(), 8, "a range of each family for each node: {expected:?}");
    let expected: Vec<_> = expected.iter().map(|(range, n)| (*range, n.as_str())).collect();
    world.routed("pod ranges after an installation", &expected);
    shown(world);
}

/// Both of a node's pod ranges.
pub(crate) fn ranges_of(world: &World, node: &str) -> Vec<String> {
    world.field(&format!("node {node}"), ".spec.podCIDRs[*]").split(' ').map(str::to_owned).collect()
}

/// What the cluster and the programs say of it.
fn shown(world: &World) {
    let row = |line: &str| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let expected = ["node-1 3/3 2", "node-2 3/3 2", "node-3 3/3 3", "node-4 3/3 2"];
    world.wait("every node's state", || {
        let table = world.cluster.kubectl("get bgpnodestates --no-headers").unwrap_or_default();
        table.lines().map(row).eq(expected)
    });
    println!("{}", world.kubectl("get bgpnodestates"));
    for Announcer { daemon, .. } in world.announcers.values() {
        let log = daemon.log();
        let wrong = log.lines().find(|line| line.contains("\"ERROR\"") || line.contains("forbid"));
        assert_eq!(wrong, None, "{} has all the rights that it needs", daemon.name());
    }
    let range = ranges_of(world, "node-1").remove(0);
    let inside = range.replace(".0/24", ".7");
    let why = world.ask("node-1", &format!("why {inside}"));
    assert!(why.starts_with(&format!("{range} is announced on node-1.")), "{why}");
    for peer in ["bird", "frr", "gobgp"] {
        assert!(why.contains(&format!("told to {peer}: next hop 192.0.2.11")), "{why}");
    }
    let why = world.ask("node-2", "why 192.0.2.77");
    assert!(
        why.starts_with("192.0.2.77 is not announced on node-2: no Service, Pod, range or prefix"),
        "{why}"
    );
}

/// A pod of the DaemonSet that goes and that no announcer was started for.
fn release_if_ended(world: &World, pod: &serde_json::Value) {
    let name = pod["metadata"]["name"].as_str().unwrap();
    let runs = world.announcers.values().any(|announcer| announcer.pod == name);
    if !pod["metadata"]["deletionTimestamp"].is_null() && !runs {
        let remove = r#"[{"op":"remove","path":"/metadata/finalizers"}]"#;
        // It may be gone by now.
        let _ = world.cluster.kubectl(&format!("patch pod {name} -n {OURS} --type=json -p {remove}"));
    }
}

/// What a kubelet does of the DaemonSet's pods, once: an announcer whose pod goes is told to end, and then the pod is gone.
/// One whose pod is new is started, where `starts`. How many pods are there that stay.
pub(crate) fn kubelets(world: &mut World, starts: bool) -> usize {
    let pods = world.list(&format!("pods -n {OURS}"));
    let mut stay = 0;
    for pod in &pods {
        let (name, node) = (&pod["metadata"]["name"], &pod["spec"]["nodeName"]);
        let (Some(name), Some(node)) = (name.as_str(), node.as_str()) else { continue };
        let runs = world.announcers.get(node).is_some_and(|announcer| announcer.pod == name);
        if !pod["metadata"]["deletionTimestamp"].is_null() {
            if runs {
                world.end(node, Signal::SIGTERM);
            }
            release_if_ended(world, pod);
            continue;
        }
        stay += 1;
        if starts && !world.announcers.contains_key(node) {
            world.start(node);
        }
    }
    stay
}

/// As docs/install.md says it.
pub(crate) fn nothing_is_left_after_it_goes(world: &mut World) {
    assert!(world.routers.iter().all(|router| World::held(router).len() > 8), "there is something to leave");
    world.kubectl(&format!("delete daemonset {OURS} -n {OURS} --cascade=foreground --wait=false"));
    let mut left = usize::MAX;
    lab::within(crate::world::BOUND, || {
        left = kubelets(world, false) + world.announcers.len();
        (left == 0).then_some(())
    });
    assert_eq!(left, 0, "announcers that still run, or pods that stay");
    world.wait("routers without any route", || {
        world.routers.iter().all(|router| World::held(router).is_empty())
    });
    world.wait("the DaemonSet to be gone", || world.list(&format!("daemonsets -n {OURS}")).is_empty());
    let states = world.kubectl("get bgpnodestates -o name");
    assert_eq!(states, "", "whoever leaves takes its state along");
    let file = world.lab.folder().join("install.yaml");
    world.kubectl(&format!("delete -f {} --ignore-not-found", file.display()));
    let kinds = "namespaces,crds,clusterroles,clusterrolebindings,validatingadmissionpolicies,\
                 validatingadmissionpolicybindings,roles,rolebindings,serviceaccounts";
    let names = world.kubectl(&format!("get {kinds} -A -o name"));
    assert!(!names.contains("announcer"), "{names}");
}
