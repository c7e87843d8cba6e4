//! `kube-announcer run` on a real API server: what becomes of its objects, of its outages, and of the end.

#[path = "run/router.rs"]
#[allow(dead_code, reason = "the tests on folders ask more of it")]
mod router;

use lab::{ControlPlane, Daemon, Lab, Namespace, Need};
use nix::sys::signal::Signal;
use router::{Heard, Router};
use std::{path::PathBuf, process::Command, time::Duration};
use tokio::runtime::{Builder, Runtime};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kube-announcer");
const BOUND: Duration = Duration::from_secs(60);

/// How long what comes after an outage may take.
const SOON: Duration = Duration::from_secs(2);

/// A cluster, one of its nodes, and the router beside the node.
struct World {
    cluster: ControlPlane,
    node: Namespace,
    router: Router,
    runtime: Runtime,
    lab: Lab,
}

impl World {
    fn new() -> Option<Self> {
        let lab = Lab::needing(&[Need::Api])?;
        let (at, node) = (lab.namespace("cluster"), lab.namespace("node"));
        lab.link((&at, &["192.0.2.1/24"]), (&node, &["192.0.2.2/24"]));
        let cluster = ControlPlane::api(&lab, &at);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let router = Router::inside(&node, &runtime);
        Some(World { cluster, node, router, runtime, lab })
    }

    /// Our kinds, the node, a peer and two Services.
    fn fill(&self) {
        self.apply_crds();
        self.cluster.apply(OBJECTS);
        let address = r#"{"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.2"}]}}"#;
        self.kubectl(&format!("patch node node-1 --subresource=status --type=merge -p {address}"));
        self.endpoint("web", true);
        self.endpoint("api", true);
        self.address("web", "203.0.113.10");
        self.address("api", "203.0.113.20");
        self.cluster.apply(&WISHES.replace("PORT", &self.router.port.to_string()));
    }

    fn apply_crds(&self) {
        let printed = Command::new(PROGRAM).arg("crds").output().unwrap();
        self.cluster.apply(&String::from_utf8(printed.stdout).unwrap());
        let served = || self.cluster.kubectl("get bgppeers,bgpadvertisements").is_ok();
        self.lab.wait_until("our kinds to be served", BOUND, served);
    }

    fn endpoint(&self, service: &str, ready: bool) {
        self.cluster.apply(&format!(
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {service}\n  \
             namespace: default\n  labels: {{kubernetes.io/service-name: {service}}}\naddressType: IPv4\nendpoints:\n\
             - {{addresses: [10.244.1.1], nodeName: node-1, conditions: {{ready: {ready}}}}}\n"
        ));
    }

    fn address(&self, service: &str, address: &str) {
        let patch = format!(r#"{{"status":{{"loadBalancer":{{"ingress":[{{"ip":"{address}"}}]}}}}}}"#);
        let words = format!("patch service {service} --subresource=status --type=merge -p {patch}");
        self.cluster.kubectl(&words).unwrap();
    }

    fn kubectl(&self, words: &str) -> String {
        self.cluster.kubectl(words).unwrap_or_else(|error| panic!("{error}"))
    }

    fn announcer(&self, kubeconfig: PathBuf, more: &[&str]) -> Daemon {
        let mut command = Command::new(PROGRAM);
        command.args(["run", "--node", "node-1", "--namespace", "default", "--kubeconfig"]).arg(kubeconfig);
        command.arg("--socket").arg(self.lab.folder().join("node.sock")).args(more);
        self.node.start("kube-announcer", command)
    }

    fn admin(&self) -> PathBuf {
        self.cluster.kubeconfig_at("192.0.2.1")
    }

    /// The session comes up, and the router is told everything.
    fn up(&mut self) {
        self.runtime.block_on(async {
            self.router.up().await;
            self.router.whole().await;
        });
    }

    /// What the router is told next.
    fn next(&mut self) -> Vec<String> {
        match self.heard() {
            Heard::Update(said) => said,
            other => panic!("{other:?}"),
        }
    }

    /// The same of so many prefixes, and within two seconds.
    fn soon(&mut self, prefixes: usize) -> Vec<String> {
        let mut all = Vec::new();
        let told = async {
            while all.len() < prefixes {
                match self.router.next().await {
                    Heard::Update(said) => all.extend(said),
                    other => panic!("{other:?}"),
                }
            }
        };
        self.runtime.block_on(async { tokio::time::timeout(SOON, told).await }).expect("it is told soon");
        all.sort();
        all
    }

    fn heard(&mut self) -> Heard {
        self.runtime.block_on(self.router.next())
    }

    fn routes(&self) -> Vec<&str> {
        self.router.routes.keys().map(String::as_str).collect()
    }

    /// The link between the node and the API server.
    fn link(&self, state: &str) {
        self.node.ip(&format!("link set cluster {state}"));
    }
}

const OBJECTS: &str = "
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDRs: [10.244.1.0/24], podCIDR: 10.244.1.0/24}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: default}
spec: {type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]}
";

const WISHES: &str = "
apiVersion: kube-announcer.io/v1alpha1
kind: BgpPeer
metadata: {name: tor}
spec:
  localAsn: 64512
  asn: 65000
  address: 127.0.0.1
  port: PORT
  timers: {hold: 0s, connectRetry: 1s}
  gracefulRestart: {restartTime: 120s}
  attributes: {nextHop: internalIP}
  families: [ipv4, ipv6]
---
apiVersion: kube-announcer.io/v1alpha1
kind: BgpAdvertisement
metadata: {name: pods}
spec: {sources: [{podCidrs: {}}]}
---
apiVersion: kube-announcer.io/v1alpha1
kind: BgpAdvertisement
metadata: {name: services}
spec: {allowedCidrs: [203.0.113.0/24], sources: [{services: {}}]}
";

const ALL: [&str; 3] = ["10.244.1.0/24", "203.0.113.10/32", "203.0.113.20/32"];

#[test]
fn an_outage_withdraws_nothing_and_the_first_change_after_it_is_told_at_once() {
    let Some(mut world) = World::new() else { return };
    world.fill();
    let announcer = world.announcer(world.admin(), &[]);
    world.up();
    assert_eq!(world.routes(), ALL);
    world.endpoint("web", false);
    assert_eq!(world.next(), ["-203.0.113.10/32"]);
    world.endpoint("web", true);
    assert_eq!(world.next(), ["+203.0.113.10/32"]);

    // The server is killed, and is back.
    world.cluster.stop_api();
    announcer.wait_log("6443 is away", BOUND);
    world.cluster.start_api();
    world.cluster.wait_ready(&world.lab);
    world.endpoint("web", false);
    assert_eq!(world.soon(1), ["-203.0.113.10/32"], "nothing was withdrawn meanwhile");
    announcer.wait_log("6443 is back", BOUND);

    // Nothing comes through, and nobody says so. What happens meanwhile is seen by a new list: the server is another.
    world.link("down");
    let away = "6443 is away";
    world.lab.wait_until("the link's loss", BOUND, || announcer.log().matches(away).count() == 2);
    world.kubectl("delete service api");
    world.endpoint("web", true);
    world.cluster.stop_api();
    world.cluster.start_api();
    world.cluster.wait_ready(&world.lab);
    world.link("up");
    assert_eq!(world.soon(2), ["+203.0.113.10/32", "-203.0.113.20/32"]);
    world
        .lab
        .wait_until("the server to be back", BOUND, || announcer.log().matches("6443 is back").count() == 2);
    assert!(world.router.is_left_alone(), "the session was never another");
}

#[test]
fn what_may_not_be_read_or_is_not_served_or_is_nonsense_costs_only_what_stands_on_it() {
    let Some(mut world) = World::new() else { return };
    // No kind of ours is there yet, and pods may not be read.
    world.cluster.apply(ROLE);
    let announcer = world.announcer(world.cluster.kubeconfig_of_announcer("192.0.2.1"), &[]);
    announcer.wait_log("0 of 0 prefixes are announced", BOUND);
    announcer.wait_log("BgpPeer objects cannot be read", BOUND);
    world.fill();
    world.up();
    announcer.wait_log("Pod objects cannot be read", BOUND);
    while world.routes() != ALL[1..] {
        world.heard();
    }
    assert_eq!(world.routes(), ALL[1..]);
    world.kubectl("patch clusterrole announcer --type=json -p [{\"op\":\"add\",\"path\":\"/rules/0/resources/-\",\"value\":\"pods\"}]");
    // What came piece by piece at first may be told twice.
    while world.routes() != ALL {
        world.heard();
    }

    // Nothing refuses nonsense any more.
    let anything = r#"[{"op":"replace","path":"/spec/versions/0/schema/openAPIV3Schema","value":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}]"#;
    world.kubectl(&format!("patch crd bgpadvertisements.kube-announcer.io --type=json -p {anything}"));
    world.lab.wait_until("nonsense to be taken", BOUND, || {
        let nonsense = r#"{"spec":{"sources":5}}"#;
        world.cluster.kubectl(&format!("patch bgpadvertisement services --type=merge -p {nonsense}")).is_ok()
    });
    announcer.wait_log("BgpAdvertisement services: spec.sources", BOUND);
    world.endpoint("web", false);
    assert_eq!(world.next(), ["-203.0.113.10/32"], "its last good version stays");
    let sound = r#"{"spec":{"sources":[{"services":{}}],"attributes":{"communities":["64512:7"]}}}"#;
    world.kubectl(&format!("patch bgpadvertisement services --type=merge -p {sound}"));
    assert_eq!(world.next(), ["+203.0.113.20/32"]);
    assert_eq!(world.router.routes["203.0.113.20/32"], "192.0.2.2 64512:7");
}

#[test]
fn a_signal_is_a_restart_but_for_a_node_that_goes_and_a_daemonset_that_is_deleted() {
    let Some(mut world) = World::new() else { return };
    world.fill();
    world.cluster.apply(DAEMONSET);
    let ends = |world: &mut World, announcer: Daemon, what: &str| {
        announcer.signal(Signal::SIGTERM);
        let Heard::Down(why) = world.heard() else { panic!("{what}: it says something else") };
        world.lab.wait_until(format!("the end after {what}"), BOUND, || !announcer.is_running());
        why
    };
    let of = ["--daemonset", "announcer"];
    let announcer = world.announcer(world.admin(), &of);
    world.up();
    let why = ends(&mut world, announcer, "a rollout");
    assert!(!why.contains("received"), "peers keep the routes: {why}");

    // The server is away: nobody can say that it was more than a restart.
    let announcer = world.announcer(world.admin(), &[&of[..], &["--restarting"]].concat());
    world.up();
    assert!(world.router.says_that_it_restarts());
    world.cluster.stop_api();
    let why = ends(&mut world, announcer, "an end without a server");
    assert!(!why.contains("received"), "peers keep the routes: {why}");
    world.cluster.start_api();
    world.cluster.wait_ready(&world.lab);

    let announcer = world.announcer(world.admin(), &of);
    world.up();
    world.kubectl("taint node node-1 ToBeDeletedByClusterAutoscaler=1:NoSchedule");
    while world.routes().len() > 1 {
        world.next();
    }
    let why = ends(&mut world, announcer, "a taint");
    assert!(why.contains("received") && why.contains("taken away"), "{why}");
    world.kubectl("taint node node-1 ToBeDeletedByClusterAutoscaler-");

    let announcer = world.announcer(world.admin(), &of);
    world.up();
    world.kubectl("delete daemonset announcer");
    let why = ends(&mut world, announcer, "an uninstallation");
    assert!(why.contains("received") && why.contains("removed from the cluster"), "{why}");
}

/// All that it needs, but for pods.
const ROLE: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: announcer}
rules:
- {apiGroups: [''], resources: [nodes, services, secrets], verbs: [get, list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
- {apiGroups: [networking.k8s.io], resources: [servicecidrs], verbs: [list, watch]}
- {apiGroups: [kube-announcer.io], resources: [bgppeers, bgpadvertisements], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: announcer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: announcer}
subjects: [{kind: User, name: announcer, apiGroup: rbac.authorization.k8s.io}]
";

const DAEMONSET: &str = "
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: announcer, namespace: default}
spec:
  selector: {matchLabels: {app: announcer}}
  template:
    metadata: {labels: {app: announcer}}
    spec: {containers: [{name: announcer, image: none}]}
";
