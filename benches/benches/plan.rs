//! kube-announcer's plan in a large cluster: what a snapshot takes, and what one change costs. See README.md.

use benches::meter::{Counting, Reading};
use kube_announcer::{
    object::{Key, Kind, Object},
    plan::{Facts, Planner},
    snapshot::Snapshot,
    speak::Speech,
};
use serde_json::{Value, json};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NODES: u32 = 3_000;
const SERVICES: u32 = 5_000;
const SLICES: u32 = 1_000;
/// Endpoints in a slice: as many as the API server puts there.
const ENDPOINTS: u32 = 100;
/// Pods of the node that the plan is for.
const PODS: u32 = 110;

/// The node that the plan is for.
const HERE: &str = "node-0001";

fn node_name(number: u32) -> String {
    format!("node-{:04}", number % NODES)
}

fn read(kind: Kind, value: &Value) -> Object {
    kind.read(value).expect("it is one")
}

fn node(number: u32, heartbeat: u32) -> Object {
    let name = node_name(number);
    let labels = json!({
        "beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux", "kubernetes.io/hostname": name, "node-role.kubernetes.io/worker": "",
        "node.kubernetes.io/instance-type": "m7.4xlarge", "topology.kubernetes.io/region": "eu-north-1",
        "topology.kubernetes.io/zone": format!("eu-north-1{}", number % 3), "rack": format!("r{}", number / 40),
        "example.com/pool": "default", "example.com/generation": "7",
    });
    let annotations = json!({
        "node.alpha.kubernetes.io/ttl": "300", "volumes.kubernetes.io/controller-managed-attach-detach": "true",
        "csi.volume.kubernetes.io/nodeid": format!("{{\"csi.example.com\":\"i-{number:017x}\"}}"),
        "cluster.x-k8s.io/machine": format!("pool-default-{number:08x}"), "cluster.x-k8s.io/cluster-name": "large",
    });
    let [high, low] = [number / 256, number % 256];
    let heartbeat = format!("2026-01-01T00:{:02}:{:02}Z", heartbeat / 60 % 60, heartbeat % 60);
    read(
        Kind::Node,
        &json!({
            "metadata": { "name": name, "labels": labels, "annotations": annotations, "resourceVersion": heartbeat },
            "spec": { "podCIDRs": [format!("10.{}.{low}.0/24", 128 + high)] },
            "status": {
                "addresses": [
                    { "type": "InternalIP", "address": format!("172.20.{high}.{low}") },
                    { "type": "Hostname", "address": name },
                ],
                "conditions": [{ "type": "Ready", "status": "True", "lastHeartbeatTime": heartbeat }],
            },
        }),
    )
}

fn service(number: u32, address: u32) -> Object {
    let policy = if number.is_multiple_of(2) { "Local" } else { "Cluster" };
    let [high, low] = [address / 250, address % 250];
    read(
        Kind::Service,
        &json!({
            "metadata": {
                "name": format!("service-{number}"), "namespace": format!("team-{}", number % 50),
                "labels": { "app": format!("app-{number}"), "team": format!("team-{}", number % 50), "tier": "front" },
                "annotations": {
                    "kubectl.kubernetes.io/last-applied-configuration": "x".repeat(600),
                    "example.com/owner": format!("team-{}", number % 50),
                },
            },
            "spec": {
                "type": "LoadBalancer", "externalTrafficPolicy": policy, "internalTrafficPolicy": "Cluster",
                "clusterIP": format!("10.96.{}.{}", number / 250, number % 250),
                "clusterIPs": [format!("10.96.{}.{}", number / 250, number % 250)],
                "ports": [{ "port": 80, "protocol": "TCP" }, { "port": 443, "protocol": "TCP" }],
            },
            "status": { "loadBalancer": { "ingress": [{ "ip": format!("100.64.{high}.{low}") }] } },
        }),
    )
}

/// A slice; its endpoint on this node may be ready or not.
fn slice(number: u32, ready: bool) -> Object {
    let service = number * (SERVICES / SLICES);
    let endpoints: Vec<_> = (0..ENDPOINTS)
        .map(|endpoint| {
            // Every slice has one endpoint here, which is far more than a node would hold.
            let place = if endpoint == 0 { 1 } else { 2 + (number * 37 + endpoint * 29) % (NODES - 2) };
            let pod = number * ENDPOINTS + endpoint;
            let ready = ready || endpoint > 0;
            json!({
                "addresses": [format!("10.{}.{}.{}", 128 + place / 256 % 12, place % 256, pod % 250)],
                "conditions": { "ready": ready, "serving": ready, "terminating": false },
                "nodeName": node_name(place), "zone": "eu-north-1a",
                "targetRef": { "kind": "Pod", "name": format!("app-{pod:08x}"), "namespace": "team" },
            })
        })
        .collect();
    read(
        Kind::EndpointSlice,
        &json!({
            "metadata": {
                "name": format!("service-{service}-{number:05x}"), "namespace": format!("team-{}", service % 50),
                "labels": { "kubernetes.io/service-name": format!("service-{service}") },
            },
            "addressType": "IPv4", "endpoints": endpoints, "ports": [{ "name": "http", "port": 8080 }],
        }),
    )
}

fn pod(number: u32, ready: bool) -> Object {
    read(
        Kind::Pod,
        &json!({
            "metadata": {
                "name": format!("app-{number}"), "namespace": format!("team-{}", number % 50),
                "labels": { "app": format!("app-{number}"), "pod-template-hash": "5d4f8c7b9" },
            },
            "spec": { "nodeName": HERE },
            "status": {
                "phase": "Running", "podIPs": [{ "ip": format!("10.128.1.{number}") }],
                "conditions": [{ "type": "Ready", "status": if ready { "True" } else { "False" } }],
            },
        }),
    )
}

fn peer() -> Object {
    read(
        Kind::BgpPeer,
        &json!({
            "metadata": { "name": "tor" }, "spec": { "localAsn": 64512, "asn": 65000, "address": "172.20.255.1" },
        }),
    )
}

fn advertisement(community: u32) -> Object {
    read(
        Kind::BgpAdvertisement,
        &json!({
            "metadata": { "name": "services" },
            "spec": {
                "allowedCidrs": ["100.64.0.0/10"], "sources": [{ "services": {} }, { "podCidrs": {} }, { "pods": {} }],
                "attributes": { "communities": [format!("64512:{community}")] },
            },
        }),
    )
}

/// An announcer of one node, as `run` has it.
struct Announcer {
    snapshot: Snapshot,
    planner: Planner,
    speech: Speech,
}

impl Announcer {
    /// One change, and whether the speaker is told of anything.
    fn change(&mut self, object: &Object) -> bool {
        let changes = self.snapshot.apply(object);
        let update = self.planner.update(&self.snapshot, Some(&changes));
        !self.speech.follow(self.planner.plan(), Some(&update)).is_empty()
    }
}

/// One kind of change: the object as it is the `n`th time, and whether the speaker is told. Slices with even numbers are
/// those of Services with the policy Local.
struct Row {
    name: &'static str,
    times: u32,
    object: fn(u32) -> Object,
    tells: bool,
    /// Microseconds that it may take.
    most: u32,
}

impl Row {
    const fn new(name: &'static str, times: u32, object: fn(u32) -> Object, tells: bool) -> Self {
        Row { name, times, object, tells, most: 5_000 }
    }
}

const ROWS: [Row; 8] = [
    Row::new("endpoint here", 2_000, |n| slice(n / 2 * 2 % SLICES, n % 2 != 0), true),
    Row::new("endpoint elsewhere", 1_000, elsewhere, false),
    Row::new("Service, another address", 1_000, |n| service(n * 5, SERVICES + n), true),
    Row::new("Service, nothing new", 1_000, |n| service(n * 5, SERVICES + n), false),
    Row::new("Node elsewhere, heartbeat", 1_000, |n| node(n + 2, n), false),
    Row::new("Pod here", 200, |n| pod(n / 2 % PODS, n % 2 != 0), true),
    Row { most: 100_000, ..Row::new("a community of everything", 20, |n| advertisement(n + 1), true) },
    Row::new("own Node, heartbeat", 200, |n| node(1, n), false),
];

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// A slice of which one endpoint on another node goes.
fn elsewhere(number: u32) -> Object {
    let Object::EndpointSlice(mut slice) = slice(number % SLICES, true) else { unreachable!("it is one") };
    slice.endpoints.iter_mut().flatten().nth(50).expect("there are more").conditions.ready = Some(false);
    Object::EndpointSlice(slice)
}

fn main() {
    let empty = Reading::take();
    let mut snapshot = Snapshot::new();
    let started = now();
    let mut objects = 0;
    let mut take = |object: Object| {
        snapshot.apply(&object);
        objects += 1;
    };
    (0..NODES).for_each(|number| take(node(number, 0)));
    take(peer());
    take(advertisement(0));
    (0..SERVICES).for_each(|number| take(service(number, number)));
    (0..SLICES).for_each(|number| take(slice(number, true)));
    (0..PODS).for_each(|number| take(pod(number, true)));
    let taken = now() - started;
    let full = Reading::take();
    let mut announcer =
        Announcer { snapshot, planner: Planner::new(HERE, Facts::default()), speech: Speech::new() };
    let before = Reading::take();
    announcer.planner.update(&announcer.snapshot, None);
    let planned = Reading::take();
    announcer.speech.follow(announcer.planner.plan(), None);
    let told = Reading::take();
    let prefixes = announcer.planner.plan().prefixes.values();
    let announced = prefixes.filter(|decision| decision.outcome.class().is_some()).count();
    let size = |from: Reading, to: Reading| (to.live - from.live) as f64 / f64::from(1 << 20);
    println!("{objects} objects generated, read and taken in {:.2} s\n", taken.as_secs_f64());
    println!("| memory | MiB | |\n|---|---|---|");
    println!("| snapshot | {:.2} | at most 10 |", size(empty, full));
    println!("| plan of a node | {:.2} | {announced} prefixes announced |", size(before, planned));
    println!("| what the speaker was told | {:.2} | |\n", size(planned, told));
    println!("| from scratch | {:.0} µs |\n", scratch(&announcer.snapshot));
    println!("| change | median µs | slowest µs | at most |\n|---|---|---|---|");
    for row in ROWS {
        measure(&mut announcer, &row);
    }
    let gone = Key::written(Kind::BgpAdvertisement, None, "services");
    announcer.snapshot.remove(&gone);
}

/// The fastest of some plans from nothing, in microseconds.
fn scratch(snapshot: &Snapshot) -> f64 {
    let plans = (0..10).map(|_| {
        let before = now();
        let mut planner = Planner::new(HERE, Facts::default());
        planner.update(snapshot, None);
        (now() - before).as_nanos() as f64 / 1e3
    });
    plans.fold(f64::INFINITY, f64::min)
}

fn measure(announcer: &mut Announcer, row: &Row) {
    let mut took: Vec<u64> = (0..row.times)
        .map(|time| {
            let object = (row.object)(time);
            let before = now();
            let tells = announcer.change(&object);
            let after = now() - before;
            assert_eq!(tells, row.tells, "{}, time {time}", row.name);
            after.as_nanos() as u64
        })
        .collect();
    took.sort_unstable();
    let microseconds = |nanoseconds: u64| nanoseconds as f64 / 1e3;
    let (median, slowest) = (microseconds(took[took.len() / 2]), microseconds(took[took.len() - 1]));
    println!("| {} | {median:.1} | {slowest:.1} | {} |", row.name, row.most);
}
