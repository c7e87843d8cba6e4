//! Routes into the nodes, with packets: pods of other nodes, ranges behind pods, aggregates, and what is lost when
//! something breaks.

mod routed;

use lab::{Daemon, Lab, Namespace, Need, Packets, Tally};
use nix::sys::signal::Signal;
use routed::{BOUND, MESH, PODS, PROGRAM, World, pod, tor};
use std::{fs, path::Path, process::Command, time::Duration};

/// Pods of two nodes talk, each by its own address, and afterwards the nodes are as they were.
fn pods_talk(bgp: &str, with_router: bool) {
    let Some(world) = World::new() else { return };
    world.write("bgp.yaml", &(bgp.to_owned() + PODS));
    let before = [1, 2].map(|n| world.tables(n));
    let routes = || ["-4", "-6"].map(|width| world.router.ip(&format!("{width} route show"))).concat();
    let at_router = routes();
    let router = with_router.then(|| world.frr());
    let announcers = [1, 2].map(|n| world.announcer(n));
    for (n, other) in [(1, 2), (2, 1)] {
        let node = &world.nodes[n - 1];
        world.wait_route(node, &format!("10.244.{other}.0/24"), "proto 179 metric 179");
        world.wait_route(node, &format!("fd00:10:244:{other}::/64"), "proto 179 metric 179");
        let shown = node.ip(&format!("route get 10.244.{other}.10"));
        assert!(shown.contains(&format!("via 192.0.2.1{other}")), "the next hop is the other node: {shown}");
    }
    world.talk("10.244.1.10", "10.244.2.10");
    world.talk("fd00:10:244:1::10", "fd00:10:244:2::10");
    for n in [1, 2] {
        let foreign = |tables: &str| -> Vec<String> {
            let ours = |line: &&str| line.contains("proto 179") || line.starts_with('\t');
            tables.lines().filter(|line| !ours(line)).map(str::to_owned).collect()
        };
        assert_eq!(foreign(&world.tables(n)), foreign(&before[n - 1]), "what is others' is as it was");
    }
    let why = world.ask(1, &["why", "10.244.2.0/24"]);
    assert!(why.contains("best (accepted by policy import") && why.contains("(installed)"), "{why}");
    for (n, announcer) in [1, 2].into_iter().zip(announcers) {
        world.leave(n, &announcer);
    }
    for n in [1, 2] {
        assert_eq!(world.tables(n), before[n - 1]);
    }
    if let Some(router) = router {
        router.wait_routes("nothing", <[lab::Route]>::is_empty);
        world.lab.wait_until("the router's own routes alone", BOUND, || routes() == at_router);
    }
}

#[test]
fn pods_talk_by_a_mesh() {
    pods_talk(MESH, false);
}

#[test]
fn pods_talk_through_a_router_that_leaves_the_path() {
    pods_talk(&tor("podRoutes: true, allowOwnAsn: true"), true);
}

#[test]
fn pods_talk_through_a_router_that_overrides_the_as() {
    pods_talk(&tor("podRoutes: true"), true);
}

const BEHIND: &str = "\
kind: BgpAdvertisement
apiVersion: kube-announcer.io/v1alpha1
metadata: {name: vpn}
spec:
  allowedCidrs: [10.99.0.0/16]
  sources: [{podPrefixes: {}}]
---
";

/// A network of clients behind two pods, of which each node has one; and the pods.
fn clients(world: &World) -> (Namespace, [Namespace; 2]) {
    let clients = world.lab.namespace("clients");
    clients.ip("address add 10.99.0.5/32 dev lo");
    let pods = [1, 2].map(|n| {
        let vpn = world.lab.namespace(&format!("vpn-{n}"));
        world.lab.link(
            (&world.nodes[n - 1], &[&format!("10.244.{n}.129/25")]),
            (&vpn, &[&format!("10.244.{n}.130/25")]),
        );
        world.lab.link((&vpn, &[&format!("172.16.{n}.1/30")]), (&clients, &[&format!("172.16.{n}.2/30")]));
        vpn.ip(&format!("route add 10.99.0.0/24 via 172.16.{n}.2"));
        vpn
    });
    (clients, pods)
}

#[test]
fn a_range_moves_with_its_pod() {
    let Some(world) = World::new() else { return };
    let (clients, _pods) = clients(&world);
    let pods = |first: bool, second: bool| {
        let text = pod("first", 1, "10.244.1.130", first) + &pod("second", 2, "10.244.2.130", second);
        world.write("pods.yaml", &text);
    };
    pods(true, false);
    world.write("bgp.yaml", &(MESH.to_owned() + &tor("maxPrefixes: 10") + PODS + BEHIND));
    let before = [1, 2].map(|n| world.tables(n));
    let router = world.frr();
    let announcers = [1, 2].map(|n| world.announcer(n));
    let [one, two] = &world.nodes;
    world.wait_route(one, "10.99.0.0/24", "via 10.244.1.130 dev vpn-1");
    world.wait_route(two, "10.99.0.0/24", "via 192.0.2.11 dev router");
    world.wait_route(&world.router, "10.99.0.0/24", "via 192.0.2.11");
    let kernel = world.ask(1, &["kernel"]);
    assert!(kernel.contains("via 10.244.1.130 dev vpn-1") && kernel.contains("Pod vpn/first"), "{kernel}");

    let stream = Packets { count: 4000, interval: Duration::from_millis(1) };
    let moved = stream.flow(&world.client, &clients, "10.99.0.5", || pods(false, true));
    println!("a range moved with its pod: {} of {} packets lost", moved.lost, moved.sent);
    assert!(moved.lost < 1000, "moved within a second: {moved:?}");
    world.wait_route(two, "10.99.0.0/24", "via 10.244.2.130 dev vpn-2");
    world.wait_route(one, "10.99.0.0/24", "via 192.0.2.12 dev router");

    pods(true, true);
    for node in ["via 192.0.2.11", "via 192.0.2.12"] {
        world.wait_route(&world.router, "10.99.0.0/24", node);
    }
    world.wait_route(one, "10.99.0.0/24", "via 10.244.1.130 dev vpn-1");
    pods(false, false);
    for at in [one, two, &world.router] {
        world.wait_no_route(at, "10.99.0.0/24");
    }
    for (n, announcer) in [1, 2].into_iter().zip(announcers) {
        world.leave(n, &announcer);
        assert_eq!(world.tables(n), before[n - 1]);
    }
    router.wait_routes("nothing", <[lab::Route]>::is_empty);
}

const SERVICE: &str = "\
kind: BgpAdvertisement
apiVersion: kube-announcer.io/v1alpha1
metadata: {name: services}
spec:
  allowedCidrs: [203.0.113.0/24]
  sources: [{services: {from: all}}]
---
kind: Service
apiVersion: v1
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, clusterIP: 10.96.0.10, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [{ip: 203.0.113.10}]}}
---
";

/// What a proxy on each node would do: hand packets to the Service's backend.
fn backend(world: &World) -> Namespace {
    let backend = world.lab.namespace("backend");
    backend.ip("address add 203.0.113.10/32 dev lo");
    for n in [1, 2] {
        world.lab.link(
            (&world.nodes[n - 1], &[&format!("172.17.{n}.1/30")]),
            (&backend, &[&format!("172.17.{n}.2/30")]),
        );
        world.nodes[n - 1].ip(&format!("route add 203.0.113.10/32 via 172.17.{n}.2"));
    }
    backend
}

/// How many packets node `n` has handed to the backend.
fn carried(world: &World, n: usize) -> u64 {
    let shown = world.nodes[n - 1].ip("-j -s link show dev backend");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    shown[0]["stats64"]["tx"]["packets"].as_u64().unwrap()
}

/// The node that carries a stream to the Service is gone at once.
fn without_a_node(world: &World, backend: &Namespace, announcers: &[Daemon; 2]) -> Tally {
    let before = [1, 2].map(|n| carried(world, n));
    let stream = Packets { count: 2400, interval: Duration::from_millis(5) };
    stream.flow(&world.client, backend, "203.0.113.10", || {
        let busy = || [1, 2].into_iter().find(|n| carried(world, *n) > before[n - 1] + 20);
        let busy = world.lab.wait_for("a node that carries the stream", BOUND, busy);
        world.nodes[busy - 1].ip("link set router down");
        announcers[busy - 1].signal(Signal::SIGKILL);
    })
}

#[test]
fn what_breaks_costs_few_packets() {
    let Some(world) = World::new() else { return };
    let backend = backend(&world);
    world.write("bgp.yaml", &(MESH.to_owned() + &tor("maxPrefixes: 10") + PODS));
    world.write("service.yaml", SERVICE);
    let _router = world.frr();
    let mut announcers = [1, 2].map(|n| world.announcer(n));
    for node in ["via 192.0.2.11", "via 192.0.2.12"] {
        world.wait_route(&world.router, "203.0.113.10", node);
    }
    world.wait_route(&world.nodes[0], "10.244.2.0/24", "proto 179");
    world.wait_route(&world.nodes[1], "10.244.1.0/24", "proto 179");

    // Connections of one client are spread over both nodes.
    let idle = [1, 2].map(|n| carried(&world, n));
    let one = Packets { count: 20, interval: Duration::from_millis(1) };
    world.lab.wait_until("packets over both nodes", BOUND, || {
        let tally = one.flow(&world.client, &backend, "203.0.113.10", || {});
        assert_eq!(tally.lost, 0);
        (1..).zip(idle).all(|(n, idle)| carried(&world, n) >= idle + 20)
    });

    // A session is cut; then an announcer dies and comes back. The kernels forward all the while.
    let stream = Packets { count: 6000, interval: Duration::from_millis(1) };
    let cut = stream.flow(&world.pods[0], &world.pods[1], "10.244.2.10", || {
        let mut cut = lab::program("ss");
        cut.args(["-K", "dst", "192.0.2.12"]);
        world.nodes[0].output(cut).unwrap();
        announcers[0].wait_log("peer 192.0.2.12 (mesh) is down", BOUND);
    });
    println!("a session was cut: {} of {} packets lost", cut.lost, cut.sent);
    assert_eq!(cut.lost, 0, "{cut:?}");
    let died = stream.flow(&world.pods[0], &world.pods[1], "10.244.2.10", || {
        announcers[0].signal(Signal::SIGKILL);
        world.lab.wait_until("the announcer's end", BOUND, || !announcers[0].is_running());
        announcers[0] = world.announcer(1);
        announcers[0].wait_log("(mesh) is up", BOUND);
    });
    println!("an announcer died and came back: {} of {} packets lost", died.lost, died.sent);
    assert_eq!(died.lost, 0, "{died:?}");

    // A node is gone at once: the router finds out by its hold time of 3 s, and does not take it for a restart.
    let gone = without_a_node(&world, &backend, &announcers);
    println!("a node was gone at once: {} of {} packets lost", gone.lost, gone.sent);
    assert!((1..1000).contains(&gone.lost), "within the hold time and two seconds: {gone:?}");
}

/// The same with BFD, and a hold time that nobody would wait for.
#[test]
fn a_node_with_bfd_is_missed_within_a_second() {
    let Some(world) = World::new() else { return };
    let backend = backend(&world);
    let peer = tor("maxPrefixes: 10").replace("hold: 3s,", "hold: 90s,");
    world.write("bgp.yaml", &peer.replace("  import:", "  bfd: {}\n  import:"));
    world.write("service.yaml", SERVICE);
    let router = world.frr();
    let announcers = [1, 2].map(|n| world.announcer(n));
    for (node, gateway) in [("192.0.2.11", "via 192.0.2.11"), ("192.0.2.12", "via 192.0.2.12")] {
        world.wait_route(&world.router, "203.0.113.10", gateway);
        let node = node.parse().unwrap();
        world.lab.wait_until("BFD to be up", BOUND, || router.is_bfd_up(node));
    }
    let gone = without_a_node(&world, &backend, &announcers);
    println!("a node with BFD was gone at once: {} of {} packets lost", gone.lost, gone.sent);
    assert!((1..600).contains(&gone.lost), "within three seconds on a busy machine: {gone:?}");
}

const RANGES: &str = "\
kind: BgpAdvertisement
apiVersion: kube-announcer.io/v1alpha1
metadata: {name: ranges}
spec:
  sources: [{serviceCidrs: {cidrs: [10.96.0.0/16]}}]
---
";

#[test]
fn an_aggregate_waits_for_its_route() {
    let Some(world) = World::new() else { return };
    let node = &world.nodes[0];
    let bgp = tor("accept: [10.0.0.0/8 le 32, 0.0.0.0/0]") + PODS;
    world.write("bgp.yaml", &(bgp.clone() + RANGES));
    // Somebody else has the place.
    node.ip("route add unreachable 10.96.0.0/16 proto static metric 179");
    let router = world.frr();
    let announcer = world.announcer(1);
    router.wait_route("10.244.1.0/24");
    announcer.wait_log("10.96.0.0/16 is not told to anybody", BOUND);
    let why = world.ask(1, &["why", "10.96.0.0/16"]);
    assert!(why.contains("a route of protocol 4 with our metric is there"), "{why}");
    assert!(router.routes().iter().all(|route| route.prefix.to_string() != "10.96.0.0/16"));
    node.ip("route delete unreachable 10.96.0.0/16 metric 179");
    router.wait_route("10.96.0.0/16");
    assert!(world.route(node, "10.96.0.0/16").contains("blackhole"), "{}", world.route(node, "10.96.0.0/16"));
    world.write("bgp.yaml", &bgp);
    world.wait_no_route(node, "10.96.0.0/16");
    router.wait_routes("the pod range alone", |routes| {
        routes.iter().all(|one| one.prefix.to_string() != "10.96.0.0/16")
    });
    world.leave(1, &announcer);
}

/// The program without the right to change routes.
fn powerless(words: &Command) -> Command {
    let mut command = lab::program("setpriv");
    command.args(["--bounding-set=-net_admin", "--inh-caps=-net_admin", PROGRAM]);
    command.args(words.get_args().filter(|word| *word != "--kernel-routes"));
    command
}

#[test]
fn announcing_needs_no_right_and_routes_say_which_they_need() {
    let Some(world) = World::new() else { return };
    world.write("bgp.yaml", &(tor("podRoutes: true") + PODS + RANGES));
    let before = world.tables(1);
    let words = world.command(1);
    let mut with = lab::program("setpriv");
    with.args(["--bounding-set=-net_admin", "--inh-caps=-net_admin", PROGRAM]).args(words.get_args());
    let refused = world.nodes[0].output(with).unwrap_err();
    for part in
        ["--kernel-routes", "CAP_NET_ADMIN is missing", "securityContext.capabilities.add: [NET_ADMIN]"]
    {
        assert!(refused.contains(part), "{refused}");
    }
    let router = world.frr();
    let announcer = world.nodes[0].start("kube-announcer", powerless(&words));
    router.wait_route("10.244.1.0/24");
    let why = world.ask(1, &["why", "10.96.0.0/16"]);
    assert!(why.contains("needs a route in the node's kernel, and this announcer installs none"), "{why}");
    assert!(world.ask(1, &["kernel"]).contains("run it with --kernel-routes"));
    assert_eq!(world.tables(1), before);
    world.leave(1, &announcer);
}

/// Every line of `examples/nodes/README.md` that a shell is to run, and every line that it is said to print.
#[test]
fn the_walkthrough_does_what_it_says() {
    let Some(lab) = Lab::needing(&[Need::Root, Need::Program("ping"), Need::Program("sysctl")]) else {
        return;
    };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/nodes");
    let here = lab.folder().join("nodes");
    fs::create_dir_all(here.join("manifests")).unwrap();
    for file in fs::read_dir(example.join("manifests")).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), here.join("manifests").join(file.file_name())).unwrap();
    }
    // Names of namespaces and sockets are in a /run of its own.
    let mut script = "set -e\nmount -t tmpfs none /run\n".to_owned();
    let mut expected = String::new();
    let readme = fs::read_to_string(example.join("README.md")).unwrap();
    let blocks = readme.split("```").skip(1).step_by(2);
    for block in blocks {
        match block.split_once('\n').unwrap() {
            ("sh", lines) => script += lines,
            ("text", lines) => expected += lines,
            (other, _) => panic!("a block of {other}"),
        }
    }
    let program = Path::new(PROGRAM).parent().unwrap().display();
    let path = format!("{program}:/usr/sbin:/usr/bin:/sbin:/bin");
    let mut shell = lab::program("unshare");
    shell.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", &script]);
    shell.env("PATH", path).current_dir(&here);
    let printed = lab.namespace("walk").output(shell).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(printed, expected);
}
