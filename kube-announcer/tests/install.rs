//! What `manifests` prints: as text, and in a real cluster, from which it goes again without a trace.

#[path = "run/router.rs"]
#[allow(dead_code, reason = "the tests on folders ask more of it")]
mod router;

use lab::{ControlPlane, Lab, Namespace, Need};
use router::Router;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kube-announcer");
const BOUND: Duration = Duration::from_secs(60);

fn manifests(words: &str) -> String {
    let output = Command::new(PROGRAM).arg("manifests").args(words.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// All but our kinds, which other tests look at.
fn without_kinds(text: &str) -> String {
    let documents = text.split("---\n").skip(1);
    let others = documents.filter(|document| !document.contains("kind: CustomResourceDefinition"));
    others.map(|document| format!("---\n{document}")).collect()
}

#[test]
fn an_installation_is_a_text_that_says_why() {
    let text = manifests("");
    assert_eq!(text.matches("kind: CustomResourceDefinition").count(), 3);
    let text = without_kinds(&text);
    assert!(!text.contains('@'), "every place is filled in");
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_chosen_stands_in_it_and_nothing_else_changes() {
    let plain = manifests("");
    let words = "--namespace routing --image registry.example.com/a/kube-announcer:1 --metrics-port 9999 \
                 --api-server 192.0.2.1:6443 --mesh --unnumbered \
                 --kernel-routes";
    let chosen = manifests(words);
    let new: Vec<_> = chosen.lines().filter(|line| !plain.lines().any(|old| old == *line)).collect();
    insta::assert_snapshot!(new.join("\n"));
    let refused = Command::new(PROGRAM).args(["manifests", "--image", "a b"]).output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("\"a b\" is no image; write one like"), "{said}");
}

/// A cluster with two nodes, in which kube-announcer is installed.
struct World {
    lab: Lab,
    cluster: ControlPlane,
    at: Namespace,
    file: PathBuf,
}

const US: &str = "system:serviceaccount:kube-announcer:kube-announcer";

impl World {
    fn new() -> Option<Self> {
        let lab = Lab::needing(&[Need::Api])?;
        let at = lab.namespace("cluster");
        let cluster = ControlPlane::whole(&lab, &at);
        for node in ["node-1", "node-2"] {
            // As the kubelet writes it.
            let labels = "labels: {kubernetes.io/os: linux}";
            cluster.apply(&format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {node}, {labels}}}\n"));
        }
        let file = lab.folder().join("install.yaml");
        fs::write(&file, manifests("")).unwrap();
        let world = World { lab, cluster, at, file };
        world.kubectl(&format!("apply -f {}", world.file.display()));
        world.lab.wait_until("a pod on each node", BOUND, || {
            let ready = "get daemonset kube-announcer -n kube-announcer -o jsonpath={.status.numberReady}";
            world.cluster.kubectl(ready).is_ok_and(|ready| ready.trim() == "2")
        });
        Some(world)
    }

    fn kubectl(&self, words: &str) -> String {
        self.cluster.kubectl(words).unwrap_or_else(|error| panic!("kubectl {words}: {error}"))
    }

    /// The token that the pod on a node has.
    fn token(&self, node: &str) -> String {
        let pod = self.kubectl(&format!(
            "get pods -n kube-announcer --field-selector spec.nodeName={node} -o jsonpath={{.items[0].metadata.name}}"
        ));
        let words = format!(
            "create token kube-announcer -n kube-announcer --bound-object-kind Pod --bound-object-name {}",
            pod.trim()
        );
        self.kubectl(&words).trim().to_owned()
    }

    /// Writes a node's state as whoever has this token.
    fn write(&self, token: &str, node: &str) -> Result<String, String> {
        let file = self.lab.folder().join(format!("state-{node}.yaml"));
        let version = "apiVersion: kube-announcer.io/v1alpha1\nkind: BgpNodeState\n";
        let rest = format!("metadata: {{name: {node}}}\nspec: {{}}\nstatus: {{announced: 1}}\n");
        fs::write(&file, format!("{version}{rest}")).unwrap();
        let file = file.display();
        let apply = format!("--token={token} apply --server-side --field-manager=test -f {file}");
        self.cluster.kubectl(&apply)?;
        self.cluster.kubectl(&format!("{apply} --subresource=status"))
    }
}

/// Verb, resource, and where; what is asked for none of our pods needs.
const ALLOWED: [&str; 19] = [
    "list nodes",
    "watch nodes",
    "list pods -A",
    "watch services -A",
    "list endpointslices.discovery.k8s.io -A",
    "watch servicecidrs.networking.k8s.io",
    "list bgppeers.kube-announcer.io",
    "watch bgpadvertisements.kube-announcer.io",
    "create bgpnodestates.kube-announcer.io",
    "patch bgpnodestates.kube-announcer.io",
    "patch bgpnodestates.kube-announcer.io --subresource=status",
    "patch bgppeers.kube-announcer.io --subresource=status",
    "patch bgpadvertisements.kube-announcer.io --subresource=status",
    "create events.events.k8s.io -A",
    "get secrets -n kube-announcer",
    "list secrets -n kube-announcer",
    "watch secrets -n kube-announcer",
    "get daemonsets.apps/kube-announcer -n kube-announcer",
    "delete bgpnodestates.kube-announcer.io",
];

const FORBIDDEN: [&str; 18] = [
    "create events -A",
    "list bgpnodestates.kube-announcer.io",
    "get secrets -n default",
    "list secrets -A",
    "create secrets -n kube-announcer",
    "list configmaps -n kube-announcer",
    "get daemonsets.apps/other -n kube-announcer",
    "list daemonsets.apps -n kube-announcer",
    "patch daemonsets.apps/kube-announcer -n kube-announcer",
    "patch nodes",
    "patch nodes --subresource=status",
    "patch services -A",
    "patch services --subresource=status -A",
    "create pods -n kube-announcer",
    "patch bgppeers.kube-announcer.io",
    "create bgpadvertisements.kube-announcer.io",
    "deletecollection bgpnodestates.kube-announcer.io",
    "get pods --subresource=log -n kube-announcer",
];

#[test]
fn a_cluster_takes_the_installation_gives_it_what_it_needs_and_no_more_and_loses_it_whole() {
    let Some(world) = World::new() else { return };
    let file = world.file.display();
    let again = world.kubectl(&format!("apply -f {file}"));
    let changed: Vec<_> = again.lines().filter(|line| !line.ends_with("unchanged")).collect();
    assert!(changed.is_empty(), "the second time nothing is to be done: {changed:?}");

    for (questions, expected) in [(&ALLOWED[..], "yes"), (&FORBIDDEN[..], "no")] {
        for question in questions {
            let answer = world.cluster.kubectl(&format!("auth can-i {question} --as={US}"));
            let answer = answer.unwrap_or_else(|refused| refused);
            let answered = answer.lines().any(|line| line.trim() == expected || line.ends_with(expected));
            assert!(answered, "{question}: {answer}");
        }
    }

    // A token writes its own node's state, and no other.
    world.lab.wait_until("the policy to be in force", BOUND, || {
        world
            .write(&world.token("node-1"), "node-2")
            .is_err_and(|why| why.contains("its own BgpNodeState only"))
    });
    let [first, second] = ["node-1", "node-2"].map(|node| world.token(node));
    for (token, node) in [(&first, "node-1"), (&second, "node-2")] {
        world.write(token, node).unwrap_or_else(|error| panic!("{node}: {error}"));
    }
    let removed = world.cluster.kubectl(&format!("--token={first} delete bgpnodestate node-2 --wait=false"));
    for refused in [world.write(&first, "node-2"), removed] {
        let refused = refused.unwrap_err();
        assert!(refused.contains("the announcer of node node-1 may write its own"), "{refused}");
    }
    // Whoever runs without a pod has a token for a node.
    let bound = "--bound-object-kind Node --bound-object-name node-1";
    let outside = world.kubectl(&format!("create token kube-announcer -n kube-announcer {bound}"));
    world.write(outside.trim(), "node-1").unwrap();
    let refused = world.write(outside.trim(), "node-2").unwrap_err();
    assert!(refused.contains("the announcer of node node-1 may write its own"), "{refused}");
    let loose = world.kubectl("create token kube-announcer -n kube-announcer");
    let refused = world.write(loose.trim(), "node-1").unwrap_err();
    assert!(refused.contains("this token was made for no node"), "{refused}");
    world.kubectl(&format!("--token={first} delete bgpnodestate node-1 --wait=false"));
    // Who is no announcer is RBAC's affair alone.
    world.kubectl("delete bgpnodestate node-2");

    runs_with_what_it_is_given(&world, &first);
    uninstall(&world);
}

/// The announcer of node-1, with the token that its pod has.
fn runs_with_what_it_is_given(world: &World, token: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut router = Router::inside(&world.at, &runtime);
    world.cluster.apply(&OBJECTS.replace("PORT", &router.port.to_string()));
    let address = r#"{"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.2"}]}}"#;
    world.kubectl(&format!("patch node node-1 --subresource=status --type=merge -p {address}"));
    let kubeconfig = world.lab.folder().join("kubeconfig-of-pod");
    let admin = fs::read_to_string(world.cluster.kubeconfig()).unwrap();
    fs::write(&kubeconfig, admin.replace("admin-token", token)).unwrap();

    let mut command = Command::new(PROGRAM);
    command.args([
        "run",
        "--node",
        "node-1",
        "--daemonset",
        "kube-announcer",
        "--http",
        "9479",
        "--kubeconfig",
    ]);
    command.arg(kubeconfig).arg("--socket").arg(world.lab.folder().join("node.sock"));
    let announcer = world.at.start("kube-announcer", command);
    runtime.block_on(async {
        router.up().await;
        router.whole().await;
    });
    let range = world.kubectl("get node node-1 -o jsonpath={.spec.podCIDR}");
    assert!(router.routes.contains_key(range.trim()), "{range} is not in {:?}", router.routes);
    world.lab.wait_until("it to be ready", BOUND, || fetch(&world.at, "/readyz").starts_with("HTTP/1.1 200"));
    let metrics = fetch(&world.at, "/metrics");
    let expected = [
        "kube_announcer_objects{kind=\"Secret\"} 1.0",
        "kube_announcer_objects{kind=\"ServiceCIDR\"} 1.0",
        "kube_announcer_objects{kind=\"Node\"} 2.0",
        "kube_announcer_objects{kind=\"BgpPeer\"} 2.0",
        "kube_announcer_peers_wanted 2.0",
        "kube_announcer_peers_up 1.0",
        "kube_announcer_api_away 0.0",
    ];
    for line in expected {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in {metrics}");
    }
    assert!(!metrics.contains("kube_announcer_kinds_forbidden{"), "{metrics}");
    announcer.stop(BOUND);
}

/// An answer, head and all.
fn fetch(at: &Namespace, path: &str) -> String {
    at.run(|| {
        let mut stream = TcpStream::connect("127.0.0.1:9479").unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    })
}

/// What needs each right to read: a peer's password, pods, ranges of Services.
const OBJECTS: &str = "
apiVersion: v1
kind: Secret
metadata: {name: tor, namespace: kube-announcer}
stringData: {password: hard-to-guess}
---
apiVersion: kube-announcer.io/v1alpha1
kind: BgpPeer
metadata: {name: tor}
spec: {localAsn: 64512, asn: 65000, address: 127.0.0.1, port: PORT, attributes: {nextHop: internalIP}}
---
apiVersion: kube-announcer.io/v1alpha1
kind: BgpPeer
metadata: {name: secured}
spec: {localAsn: 64512, asn: 65000, address: 127.0.0.2, passwordSecretRef: {name: tor}}
---
apiVersion: kube-announcer.io/v1alpha1
kind: BgpAdvertisement
metadata: {name: everything}
spec:
  allowedCidrs: [203.0.113.0/24]
  sources: [{podCidrs: {}}, {pods: {}}, {serviceCidrs: {}}, {services: {addresses: [ClusterIP]}}]
";

/// As docs/install.md says it.
fn uninstall(world: &World) {
    world.kubectl("-n kube-announcer delete daemonset kube-announcer --cascade=foreground");
    let pods = world.kubectl("get pods -n kube-announcer -o name");
    assert_eq!(pods.trim(), "", "the pods are gone before their rights are");
    world.kubectl(&format!("delete -f {} --ignore-not-found", world.file.display()));
    let kinds = "namespaces,crds,clusterroles,clusterrolebindings,validatingadmissionpolicies,\
                 validatingadmissionpolicybindings,daemonsets,serviceaccounts,roles,rolebindings";
    let left = world.kubectl(&format!("get {kinds} -A -o name"));
    let ours: Vec<_> = left.lines().filter(|name| name.contains("announcer")).collect();
    assert!(ours.is_empty(), "{ours:?}");
}

#[test]
fn the_docs_name_every_object_of_the_installation() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/install.md");
    let docs = fs::read_to_string(docs).unwrap();
    let text = manifests("");
    for kind in text.lines().filter_map(|line| line.strip_prefix("kind: ")) {
        assert!(docs.contains(&format!("| {kind} |")), "docs/install.md has no row for {kind}");
    }
}
