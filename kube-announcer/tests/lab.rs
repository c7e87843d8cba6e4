//! The example cluster with routers of others: each takes the configuration that we write for it, and receives what the
//! plan says, prefix by prefix.

use lab::{BIRD, Config, Daemon, FRR, GOBGP, Lab, Model, Namespace, Need, Route, Router};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kube-announcer");
const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];
const BOUND: Duration = Duration::from_secs(60);

/// What the program answers to these words.
fn ask(words: &str) -> String {
    let output = Command::new(PROGRAM).args(words.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The cluster of `examples/cluster`, whose nodes and router are on one link.
struct World {
    lab: Lab,
    manifests: PathBuf,
    nodes: Vec<Namespace>,
    router: Namespace,
}

impl World {
    fn new(model: Model) -> Option<Self> {
        let lab = Lab::needing(&[Need::Router(model)])?;
        let router = lab.namespace("router");
        router.ip("link add rack type bridge");
        let nodes = (1..).zip(NODES).map(|(number, name)| {
            let node = lab.namespace(name);
            let addresses = [format!("192.0.2.1{number}/24"), format!("2001:db8::1{number}/64")];
            lab.link((&router, &[]), (&node, &addresses.each_ref().map(String::as_str)));
            router.ip(&format!("link set {name} master rack"));
            node
        });
        let nodes = nodes.collect();
        router.ip("link set rack up");
        router.ip("address add 192.0.2.1/24 dev rack");
        router.ip("-6 address add 2001:db8::1/64 dev rack nodad");
        let manifests = lab.folder().join("cluster");
        fs::create_dir(&manifests).unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/cluster");
        for file in fs::read_dir(example).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), manifests.join(file.file_name())).unwrap();
        }
        Some(World { lab, manifests, nodes, router })
    }

    /// A node's announcer.
    fn announcer(&self, node: &str) -> Daemon {
        let number = NODES.iter().position(|name| *name == node).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["run", "--node", node, "--manifests"]).arg(&self.manifests);
        command.arg("--socket").arg(self.socket(node));
        self.nodes[number].start("kube-announcer", command)
    }

    /// Ends a node's announcer and starts it again, without a word that it ran: the router has its routes all the time.
    fn comes_back(&self, router: &Router, announcer: Daemon, node: &str, end: Signal) -> Daemon {
        let planned = self.planned(&NODES);
        let number = NODES.iter().position(|name| *name == node).unwrap() + 1;
        let address = format!("192.0.2.1{number}").parse().unwrap();
        let is_up = || {
            assert_eq!(held(router), planned, "{node} and {end}\n{}", self.lab.report());
            router.is_established(address)
        };
        announcer.signal(end);
        self.lab.wait_until(format!("the router to miss {node}"), BOUND, || !is_up());
        drop(announcer);
        let again = self.announcer(node);
        self.lab.wait_until(format!("{node} to have said all"), BOUND, || {
            is_up() && again.log().contains("End-of-RIB goes out")
        });
        self.follows(router, &NODES, "the same routes");
        again
    }

    fn socket(&self, node: &str) -> PathBuf {
        self.lab.folder().join(format!("{node}.sock"))
    }

    /// What somebody saves.
    fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.manifests.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        let new = self.lab.folder().join(file);
        fs::write(&new, text.replace(from, to)).unwrap();
        fs::rename(new, path).unwrap();
    }

    /// What these nodes announce, as the plan says it.
    fn planned(&self, nodes: &[&str]) -> Vec<String> {
        let mut planned = Vec::new();
        for node in nodes {
            let words = format!("routes --json --node {node} --manifests {}", self.manifests.display());
            let routes: Vec<Value> = serde_json::from_str(&ask(&words)).unwrap();
            for route in routes {
                let said = &route["told"][0]["attributes"];
                let communities = said["communities"].as_array().cloned().unwrap_or_default();
                let communities: Vec<_> =
                    communities.iter().map(|one| one.as_str().unwrap().to_owned()).collect();
                let med = said["med"].as_u64().map(|med| u32::try_from(med).unwrap());
                let (prefix, next_hop) = (route["prefix"].as_str(), said["nextHop"].as_str());
                planned.push(shown(prefix.unwrap(), next_hop.unwrap(), &communities, med));
            }
        }
        assert!(planned.len() > 10, "the example announces something: {planned:?}");
        planned.sort();
        planned
    }

    /// The router has what the plan says, and nothing else.
    fn follows(&self, router: &Router, nodes: &[&str], what: &str) {
        let planned = self.planned(nodes);
        self.lab.wait_until(what, BOUND, || held(router) == planned);
    }
}

fn shown(prefix: &str, next_hop: &str, communities: &[String], med: Option<u32>) -> String {
    format!("{prefix} by {next_hop} with {} and {}", communities.join(" "), med.unwrap_or(0))
}

fn held(router: &Router) -> Vec<String> {
    let show = |route: Route| {
        assert_eq!(route.as_path, [64512], "{route:?}");
        shown(&route.prefix.to_string(), &route.next_hop.to_string(), &route.communities, route.med)
    };
    let mut held: Vec<_> = router.accepted().into_iter().map(show).collect();
    held.sort();
    held
}

fn receives_what_the_plan_says(name: &str, model: Model) {
    let Some(world) = World::new(model) else { return };
    let text = ask(&format!("router-config --for {name} --manifests {}", world.manifests.display()));
    let router = model.start(&world.router, &Config::new(65000, "192.0.2.1").text(&text));
    let announcers = NODES.map(|node| world.announcer(node));
    world.follows(&router, &NODES, "the routes of the plan");

    let ready = "[10.244.2.10], nodeName: node-2, conditions: {ready: true}";
    world.change("3-endpoints.yaml", ready, &ready.replace("ready: true", "ready: false"));
    world.follows(&router, &NODES, "the routes without an endpoint");
    world.change("5-bgp.yaml", "64512:200", "64512:201");
    world.follows(&router, &NODES, "the routes with another community");

    // One is killed and one ends, both start as ever, and their routes are never gone; one leaves, and has none.
    let [first, second, third] = announcers;
    let first = world.comes_back(&router, first, "node-1", Signal::SIGKILL);
    let third = world.comes_back(&router, third, "node-3", Signal::SIGTERM);
    ask(&format!("leave --socket {}", world.socket("node-2").display()));
    world.lab.wait_until("its end", BOUND, || !second.is_running());
    world.follows(&router, &["node-1", "node-3"], "the routes of those that stay");
    drop((first, third));
}

#[test]
fn every_default_gateway_is_found() {
    let Some(lab) = Lab::needing(&[]) else { return };
    let (node, left, right) = (lab.namespace("node"), lab.namespace("left"), lab.namespace("right"));
    lab.link((&node, &["192.0.2.11/24", "2001:db8::11/64"]), (&left, &["192.0.2.1/24"]));
    lab.link((&node, &["198.51.100.11/24"]), (&right, &["198.51.100.1/24"]));
    let gateways = || node.run(|| kube_announcer::run::host::gateways().unwrap());
    assert_eq!(gateways(), []);
    node.ip("route add default nexthop via 192.0.2.1 dev left nexthop via 198.51.100.1 dev right");
    node.ip("-6 route add default nexthop via fe80::1 dev left nexthop via fe80::1 dev right");
    node.ip("-6 route add default via 2001:db8::1 metric 2000");
    // What is no default route, or not of the main table.
    node.ip("route add 203.0.113.0/24 via 192.0.2.7");
    node.ip("route add default via 192.0.2.7 table 100");
    let expected = [
        ("192.0.2.1", None),
        ("198.51.100.1", None),
        ("2001:db8::1", None),
        ("fe80::1", Some("left")),
        ("fe80::1", Some("right")),
    ];
    let expected = expected.map(|(address, zone)| (address.parse().unwrap(), zone.map(Box::<str>::from)));
    assert_eq!(gateways(), expected);
}

const GATEWAY: &str = "\
apiVersion: kube-announcer.io/v1alpha1
kind: BgpPeer
metadata: {name: gateways}
spec: {localAsn: 64512, asn: external, gateway: true}
---
apiVersion: v1
kind: Node
metadata: {name: node}
";

#[test]
fn sessions_follow_the_default_gateways() {
    let Some(lab) = Lab::needing(&[]) else { return };
    let (node, left, right) = (lab.namespace("node"), lab.namespace("left"), lab.namespace("right"));
    lab.link((&node, &["192.0.2.11/24"]), (&left, &["192.0.2.1/24"]));
    lab.link((&node, &["198.51.100.11/24"]), (&right, &["198.51.100.1/24"]));
    node.ip("route add default via 192.0.2.1");
    let (manifests, socket) = (lab.folder().join("manifests"), lab.folder().join("node.sock"));
    fs::create_dir(&manifests).unwrap();
    fs::write(manifests.join("all.yaml"), GATEWAY).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--node", "node", "--manifests"]).arg(&manifests).arg("--socket").arg(&socket);
    let _announcer = node.start("kube-announcer", command);
    let is_at = |expected: &[&str]| {
        let asked =
            Command::new(PROGRAM).args(["peers", "--json", "--socket"]).arg(&socket).output().unwrap();
        let peers: Vec<Value> = serde_json::from_slice(&asked.stdout).unwrap_or_default();
        peers.iter().map(|peer| peer["address"].as_str().unwrap()).eq(expected.iter().copied())
    };
    lab.wait_until("a session with the gateway", BOUND, || is_at(&["192.0.2.1"]));
    node.ip("route replace default nexthop via 192.0.2.1 dev left nexthop via 198.51.100.1 dev right");
    lab.wait_until("sessions with both", BOUND, || is_at(&["192.0.2.1", "198.51.100.1"]));
    node.ip("route replace default via 198.51.100.1");
    lab.wait_until("a session with the other gateway alone", BOUND, || is_at(&["198.51.100.1"]));
}

macro_rules! routers {
    ($($name:ident: $language:literal, $model:expr;)*) => {
        $(#[test] fn $name() { receives_what_the_plan_says($language, $model); })*
    };
}

routers! {
    frr_receives_what_the_plan_says: "frr", FRR.current();
    bird_receives_what_the_plan_says: "bird", BIRD.current();
    gobgp_receives_what_the_plan_says: "gobgp", GOBGP.current();
}
