//! Clusters at one router, with packets: whose addresses count, what is lost when one of them goes, and which flows move.

#![cfg(all(feature = "kernel", feature = "toml"))]

mod nodes;

use bgp_daemon::{
    config::{self, Config, GracefulRestart, Kernel, Resilient},
    engine::Shutdown,
    kernel::State,
};
use bgp_proto::numbers::{Asn, HoldTime};
use lab::{Flows, Lab, Trace};
use nodes::{BOUND, Running, World, node, peer, route, router};
use std::{path::Path, time::Duration};

/// The router: who comes from either cluster's network is a peer. The clusters have the same range for their ClusterIPs,
/// which counts for the first alone; each has a client of its own beside the router.
const ROUTER: &str = r#"
asn = 65000
router_id = "192.0.2.254"
listen = ["0.0.0.0:179"]
selection = { multipath_relax = true }
kernel = {}

[policy.from-a]
rules = [{ match = { prefix = ["10.96.0.0/16 ge 32", "203.0.113.0/24 ge 32"] }, set = { add_communities = ["65000:1"] }, then = "accept" }]

[policy.from-b]
rules = [{ match = { prefix = ["10.97.0.0/16 ge 32", "203.0.113.0/24 ge 32"] }, set = { add_communities = ["65000:2"] }, then = "accept" }]

[policy.to-clients-of-a]
rules = [{ match = { communities = { any = ["65000:1"] }, prefix = ["10.0.0.0/8 le 32"] }, then = "accept" }]

[policy.to-clients-of-b]
rules = [{ match = { communities = { any = ["65000:2"] }, prefix = ["10.0.0.0/8 le 32"] }, then = "accept" }]

[[group]]
name = "cluster-a"
accept_from = ["10.0.1.0/24"]
asn = 65001
import = "from-a"

[[group]]
name = "cluster-b"
accept_from = ["10.0.2.0/24"]
asn = 65002
import = "from-b"
timers = { hold = "3s" }

[[peer]]
address = "10.0.3.2"
asn = 65003
export = "to-clients-of-a"

[[peer]]
address = "10.0.4.2"
asn = 65004
export = "to-clients-of-b"
"#;

/// An address that both clusters have, one that both took for a Service of theirs, and one that the second has alone.
const ANYCAST: &str = "203.0.113.1";
const BOTHS: &str = "10.96.0.10";
const SECONDS: &str = "10.97.0.10";

const STREAM: Flows = Flows { flows: 64, interval: Duration::from_millis(2) };

/// The router is the world's node; the first cluster is on its link, the second behind a switch, the clients on links.
struct Clusters {
    world: World,
    switch: lab::Namespace,
}

fn read(text: &str) -> Config {
    let found = config::read(text, &|_: &Path| unreachable!("there are no files"));
    found.unwrap_or_else(|found| panic!("{}", config::report("router", &found))).config
}

impl Clusters {
    fn new() -> Option<Self> {
        Lab::needing(&[])?;
        let mut world = World::new(1)?;
        let (switch, second) = (world.lab.namespace("switch"), world.lab.namespace("r2"));
        switch.ip("link add rack type bridge");
        switch.ip("link set rack up");
        world.lab.link((&world.node, &["10.0.2.1/24"]), (&switch, &[]));
        world.lab.link((&switch, &[]), (&second, &["10.0.2.2/24"]));
        world.routers.push(second);
        for n in [3, 4] {
            let client = world.lab.namespace(&format!("r{n}"));
            let [ours, theirs] = [1, 2].map(|last| format!("10.0.{n}.{last}/24"));
            world.lab.link((&world.node, &[&ours]), (&client, &[&theirs]));
            world.routers.push(client);
        }
        for cluster in &world.routers[..2] {
            for address in [ANYCAST, BOTHS] {
                cluster.ip(&format!("addr add {address}/32 dev lo"));
            }
        }
        world.node.sysctl("net/ipv4/fib_multipath_hash_policy", "1");
        let clusters = Clusters { world, switch };
        clusters.plug("node");
        clusters.plug("r2");
        Some(clusters)
    }

    /// A cable is in the switch.
    fn plug(&self, cable: &str) {
        self.switch.ip(&format!("link set {cable} master rack"));
    }

    fn cluster(&self, n: usize) -> Running {
        let mut config = router(n);
        let address = format!("10.0.{n}.1");
        config.peers = vec![peer(&address, 65000)];
        let settings = &mut config.peers[0].settings;
        settings.timers.hold = HoldTime::new(3).unwrap();
        // Once it is missed nobody waits for it.
        settings.graceful_restart =
            Some(GracefulRestart { restart_time: Duration::from_secs(1), ..GracefulRestart::default() });
        let running = self.world.start(&self.world.routers[n - 1], config);
        let own = format!("10.0.{n}.2");
        let mut routes = vec![route(&format!("{ANYCAST}/32"), &own), route(&format!("{BOTHS}/32"), &own)];
        routes.extend((n == 2).then(|| route(&format!("{SECONDS}/32"), &own)));
        running.announce(routes);
        self.world.wait_shown(ANYCAST, &[&format!("via {own} ")]);
        running
    }

    /// What a client of a cluster has heard, as it is after everything.
    fn client(&self, n: usize) -> Running {
        let config = Config { asn: Asn(65000 + n as u32), ..router(n) };
        self.world.start(&self.world.routers[n - 1], config)
    }

    /// Packets to the anycast address while something happens.
    fn stream(&self, meanwhile: impl FnOnce(lab::Sent<'_>)) -> Trace {
        let to = [&self.world.routers[0], &self.world.routers[1]];
        STREAM.stream(&self.world.node, &to, ANYCAST, meanwhile)
    }

    /// The second cluster has its share: the kernel spares next hops that do not answer on their link yet.
    #[track_caller]
    fn wait_second(&self) {
        self.world.wait_shown(ANYCAST, &["via 10.0.2.2 "]);
        self.world.ping("10.0.2.2", None);
    }

    #[track_caller]
    fn wait_without_second(&self) {
        let gone = || !self.world.shown(ANYCAST).contains("10.0.2.2");
        self.world.lab.wait_until("the way to the first cluster alone", BOUND, gone);
    }

    /// Something cuts the second cluster off: packets of its share are lost, and none from the moment on when the route
    /// leads to the first one alone.
    fn cut_off(&self, how: &str, cut: impl FnOnce()) -> usize {
        let (mut at, mut until) = (0, 0);
        let trace = self.stream(|sent| {
            sent.more(200);
            at = sent.number();
            cut();
            self.wait_without_second();
            until = sent.number();
            sent.more(200);
        });
        let lost = trace.lost();
        println!("{how}: {} packets of {} were lost, 500 are sent in a second", lost.len(), trace.sent());
        assert!(lost.iter().all(|lost| (at..until).contains(lost)), "{how}: {at}..{until}, {lost:?}");
        let [before, after] = [trace.shares(2, ..at), trace.shares(2, until..)];
        assert!(before.iter().all(|share| *share > 20), "{how}: {before:?}");
        assert_eq!(after[1], 0, "{how}: {after:?}");
        lost.len()
    }
}

/// Three routers have an address and one leaves: how many flows of the others move, of how many.
fn moved(resilient: Option<Resilient>) -> Option<(usize, usize)> {
    let world = World::new(3)?;
    world.node.sysctl("net/ipv4/fib_multipath_hash_policy", "1");
    let shows = if resilient.is_some() { "type resilient buckets 128 idle_timer 60" } else { "" };
    let kernel = Some(Kernel { resilient, ..Kernel::default() });
    let _node = world.start(&world.node, Config { kernel, ..node(3) });
    let mut routers = Vec::new();
    for n in 1..=3 {
        world.routers[n - 1].ip(&format!("addr add {ANYCAST}/32 dev lo"));
        let running = world.start(&world.routers[n - 1], router(n));
        running.announce(vec![route(&format!("{ANYCAST}/32"), &format!("10.0.{n}.2"))]);
        world.wait_shown(ANYCAST, &[&format!("via 10.0.{n}.2 ")]);
        routers.push(running);
    }
    let shown = world.node.ip("nexthop show proto 179");
    assert!(shown.contains("group") && shown.contains(shows), "{shown}");
    let (mut at, mut until) = (0, 0);
    let third = routers.pop();
    let to: Vec<_> = world.routers.iter().collect();
    let trace = STREAM.stream(&world.node, &to, ANYCAST, |sent| {
        sent.more(3 * u32::from(STREAM.flows));
        at = sent.number();
        third.into_iter().for_each(|third| third.end(Shutdown::Leave(None)));
        let gone = || !world.shown(ANYCAST).contains("10.0.3.2");
        world.lab.wait_until("the route without the third", BOUND, gone);
        until = sent.number();
        sent.more(3 * u32::from(STREAM.flows));
    });
    assert_eq!(trace.lost(), Vec::<u32>::new());
    let [before, after] = [trace.by_flow(..at), trace.by_flow(until..)];
    assert!(before.iter().chain(&after).all(|routers| routers.len() == 1), "{before:?} {after:?}");
    assert!(after.iter().all(|routers| !routers.contains(&2)), "{after:?}");
    let stay = || before.iter().zip(&after).filter(|(before, _)| !before.contains(&2));
    Some((stay().filter(|(before, after)| before != after).count(), stay().count()))
}

#[test]
fn flows_of_next_hops_that_stay_do_not_move_where_that_is_asked_for() {
    let resilient = Resilient { idle_timer: Duration::from_secs(60), ..Resilient::default() };
    let Some((kept, of)) = moved(Some(resilient)) else { return };
    let Some((usual, of_usual)) = moved(None) else { return };
    println!("flows that moved: {kept} of {of} with resilient groups, {usual} of {of_usual} without");
    assert!(kept == 0 && of > 10);
    // Else nothing was shown by this.
    assert!(usual > 0, "none of {of_usual} moved in an ordinary group");
}

#[test]
fn a_route_that_keeps_its_flows_keeps_them_through_a_restart_and_next_hops_that_are_cut_off() {
    let Some(world) = World::new(2) else { return };
    let resilient =
        Some(Resilient { prefixes: vec!["203.0.113.0/24".parse().unwrap()], ..Resilient::default() });
    let config =
        || Config { kernel: Some(Kernel { resilient: resilient.clone(), ..Kernel::default() }), ..node(2) };
    let first = world.start(&world.node, config());
    let _routers: Vec<_> = (1..=2)
        .map(|n| {
            let running = world.start(&world.routers[n - 1], router(n));
            let to = |prefix| route(prefix, &format!("10.0.{n}.2"));
            running.announce(vec![to("203.0.113.1/32"), to("198.51.100.1/32")]);
            running
        })
        .collect();
    let group = |prefix: &str| {
        let shown = world.shown(prefix);
        shown.split("nhid ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_owned()
    };
    let both = ["via 10.0.1.2 ", "via 10.0.2.2 "];
    world.wait_shown("198.51.100.1", &both);
    world.wait_shown("203.0.113.1", &both);
    let (own, shared) = (group("203.0.113.1"), group("198.51.100.1"));
    let kinds = |id: &str| world.node.ip(&format!("nexthop show id {id}")).contains("type resilient");
    assert!(own != shared && kinds(&own) && !kinds(&shared), "{}", world.ours());
    first.end(Shutdown::Restart);
    let second = world.start(&world.node, config());
    world.wait_state(&second, "203.0.113.1/32", State::Installed);
    world.wait_shown("203.0.113.1", &both);
    world.node.ip("link set r2 down");
    world.lab.wait_until("one gateway", BOUND, || !world.shown("203.0.113.1").contains("10.0.2.2"));
    world.node.ip("link set r2 up");
    world.wait_shown("203.0.113.1", &both);
    assert_eq!(group("203.0.113.1"), own);
    second.end(Shutdown::Leave(None));
    assert_eq!(world.node.ip("nexthop show"), "");
}

#[test]
fn two_clusters_at_one_router_are_kept_apart_share_what_they_may_and_go_one_by_one() {
    let Some(clusters) = Clusters::new() else { return };
    let world = &clusters.world;
    let node = world.start(&world.node, read(ROUTER));
    let _first = clusters.cluster(1);
    let second = clusters.cluster(2);
    let (of_first, of_second) = (clusters.client(3), clusters.client(4));

    // The range that both have is the first's; each client hears of its own cluster.
    for (client, prefix) in [(&of_first, BOTHS), (&of_second, SECONDS)] {
        let prefix = format!("{prefix}/32");
        let heard = || client.learned() == [&*prefix];
        world.lab.wait_until(format!("{prefix} alone; there is {:?}", client.learned()), BOUND, heard);
    }
    let shown = world.shown(BOTHS);
    assert!(shown.contains("via 10.0.1.2 ") && !shown.contains("10.0.2.2"), "{shown}");
    let to = [&world.routers[0], &world.routers[1]];
    let trace = STREAM.stream(&world.node, &to, BOTHS, |sent| sent.more(200));
    assert_eq!((trace.lost(), trace.shares(2, ..)[1]), (vec![], 0));

    // One leaves: nothing is lost.
    let trace = clusters.stream(|sent| {
        sent.more(200);
        second.end(Shutdown::Leave(None));
        clusters.wait_without_second();
        sent.more(200);
    });
    assert_eq!(trace.lost(), Vec::<u32>::new(), "leaving loses nothing");
    let shares = trace.shares(2, ..200);
    assert!(shares.iter().all(|share| *share > 20), "{shares:?}");

    // It is back, and its link goes down; it is back, and nobody sees that it is cut off.
    let second = clusters.cluster(2);
    clusters.wait_second();
    clusters.cut_off("its link is down", || drop(world.node.ip("link set switch down")));
    world.node.ip("link set switch up");
    clusters.wait_second();
    let lost = clusters.cut_off("a cable behind the switch is out", || {
        clusters.switch.ip("link set r2 nomaster");
    });
    assert!(lost > 100, "{lost}: it takes the hold time until it is missed");
    clusters.plug("r2");
    clusters.wait_second();
    drop((node, second));
}
