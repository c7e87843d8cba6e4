//! Nodes and routers on one link, clients behind two of the routers, pods behind the nodes, and the cluster's API.

use lab::{
    BIRD, Config, ControlPlane, Daemon, FRR, Flows, GOBGP, Lab, Model, Namespace, Need, Router, Trace,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::Command,
    time::Duration,
};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_kube-announcer");
pub(crate) const BOUND: Duration = Duration::from_secs(60);
pub(crate) const OURS: &str = "kube-announcer";

/// The nodes that are there from the beginning; node `n` is 192.0.2.1n and 2001:db8::1n.
pub(crate) const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];
/// One that comes and goes.
pub(crate) const LATE: &str = "node-4";

/// A router's kind, its language for `router-config`, and its address.
const ROUTERS: [(&str, Model, &str); 3] = [
    ("frr", FRR.current(), "192.0.2.1"),
    ("bird", BIRD.current(), "192.0.2.2"),
    ("gobgp", GOBGP.current(), "192.0.2.3"),
];

/// Packets of sixteen flows, five hundred a second.
const LOAD: Flows = Flows { flows: 16, interval: Duration::from_millis(2) };

pub(crate) struct World {
    /// Announcers by node, and the pod that each of them is. First to go: what they say at their end counts no more.
    pub(crate) announcers: BTreeMap<String, Announcer>,
    pub(crate) routers: Vec<Router>,
    pub(crate) cluster: ControlPlane,
    rack: Namespace,
    pub(crate) nodes: Vec<Namespace>,
    /// A pod's namespace behind each of the first nodes.
    pub(crate) pods: Vec<Namespace>,
    /// Where FRR and BIRD are, and the clients behind them. GoBGP forwards nothing.
    edges: Vec<Namespace>,
    clients: Vec<Namespace>,
    pub(crate) lab: Lab,
}

pub(crate) struct Announcer {
    pub(crate) pod: String,
    pub(crate) daemon: Daemon,
}

impl World {
    pub(crate) fn new() -> Option<World> {
        let mut needs = vec![Need::ControlPlane];
        needs.extend(ROUTERS.map(|(_, model, _)| Need::Router(model)));
        let lab = Lab::needing(&needs)?;
        let rack = lab.namespace("rack");
        rack.ip("link add bridge type bridge");
        rack.ip("link set bridge up");
        let at = on_rack(&lab, &rack, "cluster", &["192.0.2.9/24"]);
        let cluster = ControlPlane::whole(&lab, &at);
        let nodes = (1..).zip(NODES.into_iter().chain([LATE])).map(|(number, name)| {
            let addresses = [format!("192.0.2.1{number}/24"), format!("2001:db8::1{number}/64")];
            on_rack(&lab, &rack, name, &addresses.each_ref().map(String::as_str))
        });
        let nodes: Vec<_> = nodes.collect();
        let edges = ROUTERS.iter().map(|(name, _, address)| {
            let ipv6 = address.replace("192.0.2.", "2001:db8::");
            on_rack(&lab, &rack, name, &[&format!("{address}/24"), &format!("{ipv6}/64")])
        });
        let edges: Vec<_> = edges.collect();
        let clients = edges[..2].iter().zip(100..).map(|(edge, net)| {
            let client = lab.namespace(&format!("{}-client", edge.name()));
            lab.link((edge, &[&format!("10.9.{net}.1/24")]), (&client, &[&format!("10.9.{net}.2/24")]));
            client.ip(&format!("route add default via 10.9.{net}.1"));
            edge.sysctl("net/ipv4/fib_multipath_hash_policy", "1");
            client
        });
        let clients: Vec<_> = clients.collect();
        let pods = nodes[..NODES.len()].iter().map(|node| pod_behind(&lab, node));
        let pods = pods.collect();
        let (announcers, routers) = (BTreeMap::new(), Vec::new());
        Some(World { announcers, routers, cluster, rack, nodes, pods, edges, clients, lab })
    }

    /// One more on the link of nodes and routers.
    pub(crate) fn on_rack(&self, name: &str, address: &str) -> Namespace {
        on_rack(&self.lab, &self.rack, name, &[address])
    }

    #[track_caller]
    pub(crate) fn kubectl(&self, words: &str) -> String {
        self.cluster.kubectl(words).unwrap_or_else(|error| panic!("kubectl {words}: {error}"))
    }

    #[track_caller]
    pub(crate) fn wait(&self, what: impl std::fmt::Display, holds: impl FnMut() -> bool) {
        self.lab.wait_until(what, BOUND, holds);
    }

    /// One field of an object.
    pub(crate) fn field(&self, of: &str, path: &str) -> String {
        self.cluster
            .kubectl(&format!("get {of} -o jsonpath={{{path}}}"))
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    /// The objects of a kind.
    pub(crate) fn list(&self, words: &str) -> Vec<Value> {
        let read = self.cluster.json(&format!("get {words}")).unwrap_or_default();
        read["items"].as_array().cloned().unwrap_or_default()
    }

    /// Addresses in the status of a Service, as its load balancer writes them.
    pub(crate) fn give(&self, service: &str, ingress: &str) {
        let patch = format!(r#"{{"status":{{"loadBalancer":{{"ingress":[{ingress}]}}}}}}"#);
        self.kubectl(&format!("patch service {service} --subresource=status --type=merge -p {patch}"));
    }

    /// A node as its kubelet registers it, which gets its pod ranges.
    pub(crate) fn add_node(&self, name: &str) {
        self.add_node_with(name, &[]);
    }

    /// The same with pod ranges that it has already.
    pub(crate) fn add_node_with(&self, name: &str, ranges: &[String]) {
        let labels = format!("{{kubernetes.io/os: linux, kubernetes.io/hostname: {name}}}");
        let ranges = format!("{{podCIDRs: {ranges:?}, podCIDR: '{}'}}", ranges.first().map_or("", |one| one));
        let spec = if ranges.starts_with("{podCIDRs: []") { "{}" } else { &ranges };
        self.cluster.apply(&format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {labels}}}\nspec: {spec}\n"
        ));
        self.wait(format!("{name} to be ready, with a pod range"), || {
            let ready = self.field(&format!("node {name}"), ".status.conditions[?(@.type=='Ready')].status");
            ready == "True" && !self.field(&format!("node {name}"), ".spec.podCIDRs").is_empty()
        });
        let n = name.trim_start_matches("node-");
        let addresses = format!(
            r#"[{{"type":"InternalIP","address":"192.0.2.1{n}"}},{{"type":"InternalIP","address":"2001:db8::1{n}"}}]"#
        );
        let patch = format!(r#"{{"status":{{"addresses":{addresses}}}}}"#);
        self.kubectl(&format!("patch node {name} --subresource=status --type=merge -p {patch}"));
    }

    /// The pod that the DaemonSet has on a node now.
    pub(crate) fn pod_of(&self, node: &str) -> String {
        let of = format!("pods -n {OURS} --field-selector spec.nodeName={node}");
        self.lab.wait_for(format!("a pod on {node}"), BOUND, || {
            let items = self.list(&of);
            let live = items.iter().find(|pod| pod["metadata"]["deletionTimestamp"].is_null())?;
            Some(live["metadata"]["name"].as_str()?.to_owned())
        })
    }

    /// Starts the announcer of a node, as the kubelet does: with the token of its pod, and nothing else of the cluster.
    pub(crate) fn start(&mut self, node: &str) {
        let pod = self.pod_of(node);
        let words =
            format!("create token {OURS} -n {OURS} --bound-object-kind Pod --bound-object-name {pod}");
        let token = self.kubectl(&words);
        let admin = fs::read_to_string(self.cluster.kubeconfig_at("192.0.2.9")).unwrap();
        let kubeconfig = self.lab.folder().join(format!("kubeconfig-of-{pod}"));
        fs::write(&kubeconfig, admin.replace("admin-token", token.trim())).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["run", "--restarting", "--daemonset", OURS, "--node", node, "--http", "9479"]);
        command.arg("--kubeconfig").arg(kubeconfig).arg("--socket").arg(self.socket(node));
        let at = self.nodes.iter().find(|at| at.name() == node).unwrap();
        let daemon = at.start(&format!("announcer of {node}"), command);
        self.announcers.insert(node.to_owned(), Announcer { pod, daemon });
    }

    /// Ends it with a signal, and waits for the end.
    pub(crate) fn end(&mut self, node: &str, signal: Signal) {
        let Announcer { daemon, .. } = self.announcers.remove(node).unwrap();
        daemon.signal(signal);
        self.wait(format!("the end of the announcer of {node}"), || !daemon.is_running());
    }

    /// Whether it says that it is ready.
    pub(crate) fn is_ready(&self, node: &str) -> bool {
        let at = self.nodes.iter().find(|at| at.name() == node).unwrap();
        let answer = at.run(|| {
            let mut stream = TcpStream::connect("127.0.0.1:9479").ok()?;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).ok()?;
            Some(text)
        });
        answer.is_some_and(|text| text.starts_with("HTTP/1.1 200"))
    }

    fn socket(&self, node: &str) -> PathBuf {
        self.lab.folder().join(format!("{node}.sock"))
    }

    /// What the program of a node answers to these words.
    #[track_caller]
    pub(crate) fn ask(&self, node: &str, words: &str) -> String {
        self.try_ask(node, words).unwrap_or_else(|error| panic!("{words} on {node}: {error}"))
    }

    pub(crate) fn try_ask(&self, node: &str, words: &str) -> Result<String, String> {
        let mut command = Command::new(PROGRAM);
        command.args(words.split_whitespace()).arg("--socket").arg(self.socket(node));
        let output = command.output().unwrap();
        let [said, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        if output.status.success() { Ok(said) } else { Err(error) }
    }

    /// A node's sessions: the peer, the state, and why the last connection before ended. A session that was another
    /// meanwhile says so here.
    pub(crate) fn sessions(&self, node: &str) -> Vec<[String; 3]> {
        let peers: Vec<Value> = serde_json::from_str(&self.ask(node, "peers --json")).unwrap();
        let text = |peer: &Value, name: &str| peer[name].as_str().unwrap_or_default().to_owned();
        peers.iter().map(|peer| ["peer", "state", "last"].map(|name| text(peer, name))).collect()
    }

    /// Starts the routers with what `router-config` writes for them, of the cluster as `kubectl` shows it.
    pub(crate) fn start_routers(&mut self) {
        let manifests = self.lab.folder().join("seen");
        fs::create_dir(&manifests).unwrap();
        for kind in ["nodes", "bgppeers", "bgpadvertisements", "servicecidrs"] {
            fs::write(manifests.join(format!("{kind}.yaml")), self.kubectl(&format!("get {kind} -o yaml")))
                .unwrap();
        }
        for ((name, model, address), at) in ROUTERS.into_iter().zip(&self.edges) {
            let mut command = Command::new(PROGRAM);
            command
                .args(["router-config", "--for", name, "--router", address, "--manifests"])
                .arg(&manifests);
            let written = command.output().unwrap();
            assert!(written.status.success(), "{name}: {}", String::from_utf8_lossy(&written.stderr));
            let text = String::from_utf8(written.stdout).unwrap();
            let config = Config::new(65000, address).forwarding().text(&text);
            self.routers.push(model.start(at, &config));
        }
    }

    /// Which nodes a router has a route to a prefix by, each as its number.
    pub(crate) fn held(router: &Router) -> BTreeMap<String, String> {
        let mut held: BTreeMap<String, BTreeSet<char>> = BTreeMap::new();
        for route in router.accepted() {
            let hop = route.next_hop.to_string();
            held.entry(route.prefix.to_string()).or_default().extend(hop.chars().last());
        }
        held.into_iter().map(|(prefix, nodes)| (prefix, nodes.into_iter().collect())).collect()
    }

    /// Every router has routes to these prefixes by these nodes, and by no others; of a prefix that is not named here
    /// nothing is said. `""` is by no node at all.
    #[track_caller]
    pub(crate) fn routed(&self, what: &str, expected: &[(&str, &str)]) {
        let differs = |router: &Router| {
            let held = Self::held(router);
            let by = |prefix: &str| held.get(prefix).map(String::as_str).unwrap_or_default().to_owned();
            let wrong: Vec<_> = expected
                .iter()
                .filter(|(prefix, nodes)| by(prefix) != *nodes)
                .map(|(prefix, nodes)| format!("{prefix}: {:?} instead of {nodes:?}", by(prefix)))
                .collect();
            wrong.join(", ")
        };
        let last = || self.routers.iter().map(differs).collect::<Vec<_>>().join("; ");
        if lab::within(BOUND / 3, || last().chars().all(|c| "; ".contains(c)).then_some(())).is_none() {
            self.wait(format!("{what}: on FRR; BIRD; GoBGP it is {}", last()), || false);
        }
    }

    /// A node hands packets to an address on to its pod from now on.
    pub(crate) fn serve(&self, node: usize, address: &str) {
        self.nodes[node - 1].ip(&format!("route replace {address} via 169.254.0.{node} dev pod-{node}"));
    }

    /// And no more.
    pub(crate) fn no_longer_serve(&self, node: usize, address: &str) {
        self.nodes[node - 1].ip(&format!("route del {address}"));
    }

    /// The address is one that the pods take packets to.
    pub(crate) fn listen(&self, address: &str) {
        self.pods.iter().for_each(|pod| drop(pod.ip(&format!("address add {address}/32 dev lo"))));
    }

    /// Two clients, each behind a router, that send to an address.
    pub(crate) fn load(&self, address: &str) -> Clients {
        Clients { clients: self.clients.clone(), pods: self.pods.clone(), address: address.to_owned() }
    }

    /// How many packets to an address are lost behind each of the routers while something happens.
    pub(crate) fn lost(&self, what: &str, address: &str, meanwhile: impl FnOnce()) -> [usize; 2] {
        self.load(address).lost(what, meanwhile)
    }

    /// Packets come through behind both routers now.
    #[track_caller]
    pub(crate) fn reachable(&self, address: &str) {
        self.wait(format!("{address} to be reached"), || {
            let brief = || {
                let _ = lab::within(Duration::from_millis(100), || None::<()>);
            };
            let traces = self.load(address).traces(brief);
            traces.iter().all(|trace| trace.sent() > 0 && trace.lost().is_empty())
        });
    }
}

/// Two clients and all that may take what they send.
pub(crate) struct Clients {
    clients: Vec<Namespace>,
    pods: Vec<Namespace>,
    address: String,
}

impl Clients {
    /// How many packets are lost behind each of the routers while something happens.
    pub(crate) fn lost(&self, what: &str, meanwhile: impl FnOnce()) -> [usize; 2] {
        let traces = self.traces(meanwhile);
        let shown = traces.each_ref().map(|trace| {
            let (lost, sent) = (trace.lost(), trace.sent());
            let runs = lost.chunk_by(|one, next| one + 1 == *next);
            let longest = runs.map(<[u32]>::len).max().unwrap_or_default();
            let by = trace.shares(self.pods.len(), ..);
            format!("{} of {sent} lost, {longest} in a row, and taken by node {by:?}", lost.len())
        });
        println!("{what}: behind FRR {}; behind BIRD {}", shown[0], shown[1]);
        traces.map(|trace| trace.lost().len())
    }

    fn traces(&self, meanwhile: impl FnOnce()) -> [Trace; 2] {
        let pods: Vec<_> = self.pods.iter().collect();
        let [first, second] = &self.clients[..] else { panic!("there are two clients") };
        let mut of_bird = None;
        let of_frr = LOAD.stream(first, &pods, &self.address, |_| {
            of_bird = Some(LOAD.stream(second, &pods, &self.address, |_| meanwhile()));
        });
        [of_frr, of_bird.expect("one ran in the other")]
    }
}

/// A namespace on the link that nodes and routers share.
fn on_rack(lab: &Lab, rack: &Namespace, name: &str, addresses: &[&str]) -> Namespace {
    let made = lab.namespace(name);
    lab.link((rack, &[]), (&made, addresses));
    rack.ip(&format!("link set {name} master bridge"));
    made
}

/// A pod, and the way to it. Which addresses the node hands on to it, tests say.
fn pod_behind(lab: &Lab, node: &Namespace) -> Namespace {
    let n = node.name().trim_start_matches("node-");
    let pod = lab.namespace(&format!("pod-{n}"));
    lab.link((node, &[]), (&pod, &[&format!("169.254.0.{n}/32")]));
    node.ip(&format!("route add 169.254.0.{n} dev pod-{n}"));
    pod.ip(&format!("route add default dev {}", node.name()));
    // A client's packets come in where the way back to it may not lead.
    for (at, device) in [(&pod, node.name()), (node, "rack"), (node, pod.name())] {
        at.sysctl(&format!("net/ipv4/conf/{device}/rp_filter"), "0");
        at.sysctl("net/ipv4/conf/all/rp_filter", "0");
    }
    pod
}
