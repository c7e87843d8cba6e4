//! What announcers write into a real cluster: how their nodes are doing, conditions, Events; and what it costs.

#[path = "run/router.rs"]
#[allow(dead_code, reason = "other tests ask more of it")]
mod router;

use lab::{ControlPlane, Daemon, Lab, Namespace, Need};
use nix::sys::signal::Signal;
use router::Router;
use serde_json::Value;
use std::{fmt::Write, path::PathBuf, process::Command, time::Duration};
use tokio::runtime::{Builder, Runtime};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kube-announcer");
const BOUND: Duration = Duration::from_secs(60);

/// A cluster, and the router of its first node. All is in one namespace: what they say over BGP is not the question.
struct World {
    cluster: ControlPlane,
    at: Namespace,
    router: Router,
    runtime: Runtime,
    lab: Lab,
}

impl World {
    fn new() -> Option<Self> {
        let lab = Lab::needing(&[Need::Api])?;
        let at = lab.namespace("cluster");
        let cluster = ControlPlane::api(&lab, &at);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let router = Router::inside(&at, &runtime);
        let world = World { cluster, at, router, runtime, lab };
        let printed = Command::new(PROGRAM).arg("crds").output().unwrap();
        world.cluster.apply(&String::from_utf8(printed.stdout).unwrap());
        world.wait("our kinds to be served", |world| {
            world.cluster.kubectl("get bgppeers,bgpadvertisements,bgpnodestates").is_ok()
        });
        world.cluster.apply(&OBJECTS.replace("PORT", &world.router.port.to_string()));
        for (service, address) in
            [("web", "203.0.113.10"), ("shared", "203.0.113.10"), ("stray", "192.0.2.9")]
        {
            let patch = format!(r#"{{"status":{{"loadBalancer":{{"ingress":[{{"ip":"{address}"}}]}}}}}}"#);
            world.kubectl(&format!("patch service {service} --subresource=status --type=merge -p {patch}"));
        }
        for node in ["node-1", "node-2"] {
            let address = r#"{"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.2"}]}}"#;
            world.kubectl(&format!("patch node {node} --subresource=status --type=merge -p {address}"));
        }
        Some(world)
    }

    fn announcer(&self, node: &str, kubeconfig: PathBuf) -> Daemon {
        let mut command = Command::new(PROGRAM);
        command.args(["run", "--node", node, "--namespace", "default", "--kubeconfig"]).arg(kubeconfig);
        command.arg("--socket").arg(self.socket(node));
        self.at.start(node, command)
    }

    fn socket(&self, node: &str) -> PathBuf {
        self.lab.folder().join(format!("{node}.sock"))
    }

    #[track_caller]
    fn kubectl(&self, words: &str) -> String {
        self.cluster.kubectl(words).unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        self.lab.wait_until(what, BOUND, || holds(self));
    }

    /// What a node says of itself: sessions that are up, prefixes that are announced, refusals.
    fn state(&self, node: &str) -> String {
        let words = format!("get bgpnodestate {node} --no-headers");
        let line = self.cluster.kubectl(&words).unwrap_or_default();
        line.split_whitespace().take(4).collect::<Vec<_>>().join(" ")
    }

    /// Since when a node's first session is as it is.
    fn since(&self, node: &str) -> String {
        let words = format!("get bgpnodestate {node} -o jsonpath={{.status.peers[0].since}}");
        self.cluster.kubectl(&words).unwrap_or_default()
    }

    #[track_caller]
    fn wait_state(&self, node: &str, state: &str) {
        self.wait(&format!("{state} of {node}"), |world| world.state(node) == state);
    }

    /// The conditions of an object: type, status, reason, and the generation that they are about.
    fn conditions(&self, object: &str) -> String {
        let read = self.cluster.json(&format!("get {object}")).unwrap_or_default();
        let mut text = String::new();
        for one in read["status"]["conditions"].as_array().into_iter().flatten() {
            let word = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            let generation = &one["observedGeneration"];
            write!(text, "{} {} {} {generation};", word("type"), word("status"), word("reason")).unwrap();
        }
        text
    }

    #[track_caller]
    fn wait_conditions(&self, object: &str, conditions: &str) {
        self.wait(&format!("{conditions} of {object}"), |world| world.conditions(object) == conditions);
    }

    /// Our Events, as `kubectl describe` finds them: the object and the reason.
    fn events(&self) -> Vec<String> {
        let read = self.cluster.json("get events --all-namespaces").unwrap_or_default();
        let items = read["items"].as_array().cloned().unwrap_or_default();
        let ours = items.iter().filter(|one| {
            one["reportingComponent"].as_str().is_some_and(|name| name.starts_with("kube-announcer"))
        });
        let mut said: Vec<_> = ours
            .map(|one| {
                let about = &one["involvedObject"];
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                format!("{} {} {}", text(&about["kind"]), text(&about["name"]), text(&one["reason"]))
            })
            .collect();
        said.sort();
        said
    }

    /// How often something was asked of a resource: `APPLY`, `POST`, `DELETE`.
    fn requests(&self, verb: &str, resource: &str) -> u64 {
        let metrics = self.kubectl("get --raw /metrics");
        let lines = metrics.lines().filter(|line| {
            line.starts_with("apiserver_request_total{")
                && line.contains(&format!("resource=\"{resource}\""))
                && line.contains(&format!("verb=\"{verb}\""))
        });
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    fn up(&mut self) {
        self.runtime.block_on(async {
            self.router.up().await;
            self.router.whole().await;
        });
    }

    /// The router's next connection is refused from now on, and the one that is there ends.
    fn down(&mut self) {
        self.runtime.block_on(async { self.router.hang_up() });
    }
}

#[test]
fn a_cluster_is_told_how_its_nodes_are_doing_and_what_became_of_what_people_wrote() {
    let Some(mut world) = World::new() else { return };
    let admin = world.cluster.kubeconfig();
    let mut first = world.announcer("node-1", admin.clone());
    let second = world.announcer("node-2", admin.clone());
    world.up();
    world.wait_state("node-1", "node-1 1/1 2 3");
    // Its peer is nowhere, so it waited for a while before it said so.
    world.wait_state("node-2", "node-2 0/1 1 3");
    let state = world.cluster.json("get bgpnodestate node-1").unwrap();
    let node = world.cluster.json("get node node-1").unwrap();
    assert_eq!(state["metadata"]["ownerReferences"][0]["uid"], node["metadata"]["uid"]);
    let peer = &state["status"]["peers"][0];
    assert_eq!([&peer["name"], &peer["state"]], ["tor", "Established"]);
    let since = peer["since"].as_str().unwrap();
    assert!(since.len() == 20 && since.ends_with('Z'), "{since}");
    let table = world.kubectl("get bgpnodestates");
    assert!(table.starts_with("NAME     PEERS UP   PREFIXES   REFUSED   AGE\n"), "{table}");

    world.wait_conditions("bgppeer tor", "Accepted True Accepted 1;");
    world.wait_conditions("bgppeer secret", "Accepted False NoPassword 1;");
    world.wait_conditions("bgpadvertisement services", "Accepted True Accepted 1;");
    world.wait_conditions("bgpadvertisement typo", "Accepted False UnknownPeer 1;");
    world.wait("both Services and the third to be told", |world| world.events().len() == 3);
    let told = ["Service shared SharedPort", "Service stray OutsideAllowedCidrs", "Service web SharedPort"];
    assert_eq!(world.events(), told, "once, whoever runs");
    let described = world.kubectl("describe service stray");
    assert!(
        described.contains("192.0.2.9 of Service default/stray is not inside allowedCidrs"),
        "{described}"
    );

    // Whoever comes back tells that its session is another, and nothing that stands there already.
    let before = written(&world);
    let since = world.since("node-1");
    first.signal(Signal::SIGTERM);
    world.wait("the first announcer's end", |_| !first.is_running());
    first = world.announcer("node-1", admin);
    world.up();
    world.wait("the new session to be told", |world| world.since("node-1") != since);
    let spent = spent(&world, &before);
    assert!(spent[0] <= 2 && spent[1..] == [0, 0], "one write of each node: {spent:?}");
    assert_eq!(world.events().len(), 3);

    // A Secret appears, an object is mended, another is broken.
    world.kubectl("create secret generic password --from-literal=password=secret");
    world.kubectl(r#"patch bgpadvertisement typo --type=merge -p {"spec":{"peers":["tor"]}}"#);
    world.wait_conditions("bgppeer secret", "Accepted True Accepted 1;");
    world.wait_conditions("bgpadvertisement typo", "Accepted True Accepted 2;");
    for (node, state) in [("node-1", "node-1 1/2 "), ("node-2", "node-2 0/2 ")] {
        world.wait("the peer with the password to be told of", |world| world.state(node).starts_with(state));
    }
    broken(&world);
    quiet(&world);
    outage(&mut world);

    let mut leave = Command::new(PROGRAM);
    leave.arg("leave").arg("--socket").arg(world.socket("node-1"));
    world.at.output(leave).unwrap();
    world.wait("the first node's object to be gone", |world| world.state("node-1").is_empty());
    assert!(!world.state("node-2").is_empty());
    drop((first, second));
}

/// What no schema keeps out, of an older definition for instance, is refused in the object.
fn broken(world: &World) {
    let anything = r#"[{"op":"replace","path":"/spec/versions/0/schema/openAPIV3Schema","value":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}]"#;
    world.kubectl(&format!("patch crd bgppeers.kube-announcer.io --type=json -p {anything}"));
    world.wait("mistakes to be taken", |world| {
        let wrong = r#"{"spec":{"timers":{"hold":"2s"}}}"#;
        world.cluster.kubectl(&format!("patch bgppeer tor --type=merge -p {wrong}")).is_ok()
    });
    world.wait_conditions("bgppeer tor", "Accepted False Invalid 2;");
    let message = world.kubectl("get bgppeer tor -o jsonpath={.status.conditions[0].message}");
    assert!(message.starts_with("spec.timers.hold: "), "{message}");
    world.kubectl(r#"patch bgppeer tor --type=merge -p {"spec":{"timers":{"hold":"0s"}}}"#);
    world.wait_conditions("bgppeer tor", "Accepted True Accepted 3;");
}

/// How often nodes' states, peers and advertisements were applied by anybody.
fn written(world: &World) -> [u64; 3] {
    ["bgpnodestates", "bgppeers", "bgpadvertisements"].map(|kind| world.requests("APPLY", kind))
}

fn spent(world: &World, before: &[u64; 3]) -> Vec<u64> {
    written(world).iter().zip(before).map(|(now, before)| now - before).collect()
}

/// Only what differs is written.
fn quiet(world: &World) {
    // What is not announced by anybody changes, and then something that both nodes look at and one of them answers.
    let before = written(world);
    for value in 1..=20 {
        world.kubectl(&format!("annotate service web --overwrite of={value}"));
    }
    world.cluster.apply(MARK);
    world.wait_conditions("bgpadvertisement mark", "Accepted True NoNode 1;");
    let spent = spent(world, &before);
    // `mark` was applied by kubectl, and its condition by one node. Counts of objects that were mended may be told now.
    assert!(spent[0] <= 2 && spent[1..] == [0, 2], "{spent:?}");
    // Each node tries once to tell what the other may not have told, and once more after it was started again.
    assert!(world.requests("POST", "events") <= 9 && world.events().len() == 3, "no Event is told twice");
}

/// The API server is away, and the session goes meanwhile: that is told when it is back.
fn outage(world: &mut World) {
    let since = world.since("node-1");
    world.cluster.stop_api();
    world.down();
    world.up();
    world.cluster.start_api();
    world.cluster.wait_ready(&world.lab);
    world.wait("the new session to be told", |world| {
        world.since("node-1") != since && world.state("node-1").starts_with("node-1 1/2 ")
    });
}

#[test]
fn who_may_not_write_announces_all_the_same_says_so_and_writes_once_it_may() {
    let Some(mut world) = World::new() else { return };
    world.cluster.apply(READS);
    let announcer = world.announcer("node-1", world.cluster.kubeconfig_of_announcer("127.0.0.1"));
    world.up();
    assert!(world.router.routes.contains_key("203.0.113.10/32"), "{:?}", world.router.routes);
    announcer.wait_log("this node's BgpNodeState is not written: the API server forbids it", BOUND);
    announcer.wait_log("allow create, patch and delete of bgpnodestates", BOUND);
    announcer.wait_log("conditions of BgpPeers and BgpAdvertisements are not written", BOUND);
    announcer.wait_log("Events are not written", BOUND);
    let rules = [
        (
            r#"["bgpnodestates","bgpnodestates/status"]"#,
            r#"["create","patch","delete"]"#,
            "kube-announcer.io",
        ),
        (r#"["bgppeers/status","bgpadvertisements/status"]"#, r#"["patch"]"#, "kube-announcer.io"),
        (r#"["events"]"#, r#"["create"]"#, "events.k8s.io"),
    ];
    for (resources, verbs, group) in rules {
        let rule = format!(r#"{{"apiGroups":["{group}"],"resources":{resources},"verbs":{verbs}}}"#);
        let patch = format!(r#"[{{"op":"add","path":"/rules/-","value":{rule}}}]"#);
        world.kubectl(&format!("patch clusterrole announcer --type=json -p {patch}"));
    }
    announcer.wait_log("this node's BgpNodeState is written again", BOUND);
    world.wait_state("node-1", "node-1 1/1 2 3");
    world.wait_conditions("bgppeer tor", "Accepted True Accepted 1;");
    // Node 2 comes first for some of these and runs no announcer, so that node 1 stands in.
    world.wait("every Event to be told", |world| world.events().len() == 3);
    assert_eq!(announcer.log().matches("forbids it").count(), 3, "{}", announcer.log());
}

const OBJECTS: &str = "
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDRs: [10.244.1.0/24], podCIDR: 10.244.1.0/24}
---
apiVersion: v1
kind: Node
metadata: {name: node-2, labels: {dark: 'yes'}}
spec: {podCIDRs: [10.244.2.0/24], podCIDR: 10.244.2.0/24}
---
apiVersion: kube-announcer.io/v1alpha1
kind: BgpPeer
metadata: {name: tor}
spec:
  nodeSelector: {matchExpressions: [{key: dark, operator: DoesNotExist}]}
  localAsn: 64512
  asn: 65000
  address: 127.0.0.1
  port: PORT
  timers: {hold: 0s, connectRetry: 1s}
  attributes: {nextHop: internalIP}
---
apiVersion: kube-announcer.io/v1alpha1
kind: BgpPeer
metadata: {name: dark}
spec: {nodeSelector: {matchLabels: {dark: 'yes'}}, localAsn: 64512, asn: 65000, address: 127.0.0.2, port: 9}
---
apiVersion: kube-announcer.io/v1alpha1
kind: BgpPeer
metadata: {name: secret}
spec: {localAsn: 64512, asn: 65000, address: 127.0.0.3, port: 9, passwordSecretRef: {name: password}}
---
apiVersion: kube-announcer.io/v1alpha1
kind: BgpAdvertisement
metadata: {name: pods}
spec: {sources: [{podCidrs: {}}], nodeSelector: {matchExpressions: [{key: dark, operator: DoesNotExist}]}}
---
apiVersion: kube-announcer.io/v1alpha1
kind: BgpAdvertisement
metadata: {name: services}
spec: {allowedCidrs: [203.0.113.0/24], sources: [{services: {from: all}}]}
---
apiVersion: kube-announcer.io/v1alpha1
kind: BgpAdvertisement
metadata: {name: typo}
spec: {peers: [tro], sources: [{prefixes: [203.0.113.10/32]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {type: LoadBalancer, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: shared, namespace: default}
spec: {type: LoadBalancer, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: stray, namespace: default}
spec: {type: LoadBalancer, ports: [{port: 80}]}
";

const MARK: &str = "
apiVersion: kube-announcer.io/v1alpha1
kind: BgpAdvertisement
metadata: {name: mark}
spec: {nodeSelector: {matchLabels: {nowhere: 'yes'}}, sources: [{podCidrs: {}}]}
";

/// All that is read, and nothing that is written.
const READS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: announcer}
rules:
- {apiGroups: [''], resources: [nodes, services, pods, secrets], verbs: [get, list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
- {apiGroups: [networking.k8s.io], resources: [servicecidrs], verbs: [get, list, watch]}
- {apiGroups: [kube-announcer.io], resources: [bgppeers, bgpadvertisements], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: announcer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: announcer}
subjects: [{kind: User, name: announcer, apiGroup: rbac.authorization.k8s.io}]
";
