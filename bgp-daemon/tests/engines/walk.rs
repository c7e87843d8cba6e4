//! Any speakers, any cables, and whatever may happen to them: in the end all is as if it had never happened.

use crate::{
    model,
    world::{Node, Over, Rule, World, millis, secs},
};
use bgp_daemon::{
    config::{GracefulRestart, Group, MaxPrefixes, PeerSettings},
    engine::{Change, Reset, Shutdown, Which},
    rib::LocalRoute,
};
use bgp_proto::{
    family::Family,
    numbers::{HoldTime, RouterId},
    session::RemoteAs,
};
use ipnet::IpNet;
use proptest::{collection::vec, prelude::*, test_runner::Config};

/// How many walks, where the environment does not say.
const WALKS: u32 = 40;

const PREFIXES: [&str; 8] = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.1.0/24",
    "192.0.2.0/24",
    "198.51.100.0/25",
    "203.0.113.7/32",
    "2001:db8::/32",
    "2001:db8:1::/48",
];

/// A world before anything happens. Numbers count from the front again where they are too large.
#[derive(Clone, Debug)]
struct Ground {
    seed: u64,
    /// The AS of each speaker; who shares one has a session with all others of it.
    asns: Vec<u8>,
    /// The first of an AS reflects, instead of a full mesh.
    reflected: bool,
    /// What each speaker announces.
    own: Vec<u8>,
    cables: Vec<Wire>,
}

#[derive(Clone, Debug)]
struct Wire {
    ends: [usize; 2],
    over: usize,
    latency: u64,
    window: usize,
    graceful: bool,
    /// The second of the ends only waits, with the first configured or not.
    waits: Option<bool>,
}

/// Something that happens; then so many milliseconds pass.
#[derive(Clone, Debug)]
struct Step {
    what: What,
    then: u64,
}

#[derive(Clone, Debug)]
enum What {
    Announce(usize, usize),
    Withdraw(usize, usize),
    Replace(usize, u8),
    Cut(usize),
    Mend(usize),
    Break(usize),
    Deafen(usize),
    Pause(usize),
    GoOn(usize),
    Restart(usize, u64),
    Leave(usize, u64),
    Kill(usize),
    Vanish(usize),
    Boot(usize),
    Judge(usize, bool, usize),
    Refresh(usize),
    Soft(usize),
    Hard(usize),
    ShutDown(usize),
    Start(usize),
    Jump(usize, u64),
    Limit(usize, u32),
    Narrow(usize),
    Remove(usize),
    PutBack,
    Flood(usize, u8),
    Rename(usize),
    Wait(usize),
}

fn wire() -> impl Strategy<Value = Wire> {
    let waits = prop_oneof![3 => Just(None), 1 => any::<bool>().prop_map(Some)];
    (any::<[u8; 2]>(), 0..3_usize, 0..60_u64, 0..3_usize, any::<bool>(), waits).prop_map(
        |([a, b], over, latency, window, graceful, waits)| Wire {
            ends: [a.into(), b.into()],
            over,
            latency,
            window: [200, 4096, 65536][window],
            graceful,
            waits,
        },
    )
}

fn ground() -> impl Strategy<Value = Ground> {
    let own = any::<[u8; 2]>().prop_map(|[a, b]| a & b);
    (any::<u64>(), vec(0..5_u8, 3..=7), any::<bool>(), vec(own, 7), vec(wire(), 2..10))
        .prop_map(|(seed, asns, reflected, own, cables)| Ground { seed, asns, reflected, own, cables })
}

fn what() -> impl Strategy<Value = What> {
    let (at, span) = (0..16_usize, prop_oneof![0..100_u64, 0..20_000_u64]);
    prop_oneof![
        6 => (at.clone(), 0..8_usize).prop_map(|(node, prefix)| What::Announce(node, prefix)),
        4 => (at.clone(), 0..8_usize).prop_map(|(node, prefix)| What::Withdraw(node, prefix)),
        2 => (at.clone(), any::<u8>()).prop_map(|(node, mask)| What::Replace(node, mask)),
        2 => at.clone().prop_map(What::Cut),
        2 => at.clone().prop_map(What::Mend),
        3 => at.clone().prop_map(What::Break),
        1 => at.clone().prop_map(What::Deafen),
        1 => at.clone().prop_map(What::Pause),
        1 => at.clone().prop_map(What::GoOn),
        2 => (at.clone(), span.clone()).prop_map(|(node, after)| What::Restart(node, after)),
        1 => (at.clone(), span).prop_map(|(node, after)| What::Leave(node, after)),
        1 => at.clone().prop_map(What::Kill),
        1 => at.clone().prop_map(What::Vanish),
        1 => at.clone().prop_map(What::Boot),
        5 => (at.clone(), any::<bool>(), 0..8_usize).prop_map(|(cable, out, rule)| What::Judge(cable, out, rule)),
        2 => at.clone().prop_map(What::Refresh),
        1 => at.clone().prop_map(What::Soft),
        1 => at.clone().prop_map(What::Hard),
        1 => at.clone().prop_map(What::ShutDown),
        1 => at.clone().prop_map(What::Start),
        1 => (at.clone(), 0..40_u64).prop_map(|(node, seconds)| What::Jump(node, seconds)),
        1 => (at.clone(), 0..6_u32).prop_map(|(cable, limit)| What::Limit(cable, limit)),
        1 => at.clone().prop_map(What::Narrow),
        2 => at.clone().prop_map(What::Remove),
        2 => (at.clone(), any::<u8>()).prop_map(|(node, count)| What::Flood(node, count)),
        1 => at.clone().prop_map(What::Rename),
        1 => at.prop_map(What::Wait),
        2 => Just(What::PutBack),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let then = prop_oneof![Just(0), 0..5_u64, 0..100_u64, 0..3000_u64, 0..15_000_u64];
    vec((what(), then).prop_map(|(what, then)| Step { what, then }), 1..30)
}

fn prefix(number: usize) -> IpNet {
    PREFIXES[number].parse().unwrap()
}

fn masked(mask: u8) -> Vec<IpNet> {
    (0..8).filter(|number| mask >> number & 1 == 1).map(prefix).collect()
}

/// More than fits into a small window at once.
fn many(size: u8) -> Vec<IpNet> {
    (0..=size / 4).map(|number| IpNet::new([172, 16, number, 0].into(), 24).unwrap()).collect()
}

fn rule(number: usize, is_export: bool) -> Rule {
    match number {
        0 | 1 => Rule::All,
        2 => Rule::Without(masked(0b0101_0101).into_iter().collect()),
        3 => Rule::Without(masked(0b0000_1111).into_iter().collect()),
        4 => Rule::Without(masked(0b1111_1111).into_iter().collect()),
        5 if is_export => Rule::Longer(2),
        number => Rule::Marked(0xfde8_0000 + number as u32),
    }
}

fn build(ground: &Ground) -> World {
    let mut world = World::new(ground.seed);
    let nodes: Vec<_> = ground.asns.iter().map(|asn| world.node(65001 + u32::from(*asn))).collect();
    let count = nodes.len();
    for a in 0..count {
        let is_first = !ground.asns[..a].contains(&ground.asns[a]);
        for b in a + 1..count {
            if ground.asns[a] == ground.asns[b] && (is_first || !ground.reflected) {
                let cable = world.cable(a, b);
                world.settings_of(cable, brisk(true));
                world.settings(a, cable).client = ground.reflected;
            }
        }
    }
    for wire in &ground.cables {
        let [a, b] = wire.ends.map(|end| end % count);
        if ground.asns[a] != ground.asns[b] {
            plug(&mut world, wire, a, b);
        }
    }
    world.start();
    for (node, own) in nodes.into_iter().zip(&ground.own) {
        world.announce_all(node, &masked(*own));
    }
    world
}

fn plug(world: &mut World, wire: &Wire, a: usize, b: usize) {
    let over = [Over::Ipv4, Over::Ipv6, Over::Interface][wire.over];
    let cable = world.cable_over(over, a, b);
    world.cables[cable].latency = millis(wire.latency);
    world.cables[cable].window = wire.window;
    world.settings_of(cable, brisk(wire.graceful));
    match wire.waits {
        None => {}
        Some(false) if over != Over::Interface => {
            let mut settings = world.settings(b, cable).clone();
            settings.asn = RemoteAs::External;
            world.cables[cable].dynamic = true;
            let config = &mut world.nodes[b].config;
            config.peers.pop();
            if config.groups.is_empty() {
                let accept_from = ["10.0.0.0/8", "2001:db8:cab::/48"].map(|range| range.parse().unwrap());
                let accept_from = accept_from.to_vec();
                config.groups.push(Group { name: "guests".into(), accept_from, max_peers: 100, settings });
            }
        }
        Some(_) => {
            world.cables[cable].waits = true;
            world.settings(b, cable).passive = true;
        }
    }
}

/// Short times, so that all of them pass in a walk.
fn brisk(graceful: bool) -> impl Fn(&mut PeerSettings) {
    let restart = GracefulRestart { restart_time: secs(10), stale_time: secs(20), ..Default::default() };
    move |peer| {
        peer.timers.hold = HoldTime::new(9).unwrap();
        peer.timers.connect_retry = secs(2);
        peer.graceful_restart = graceful.then_some(restart);
    }
}

impl World {
    fn is_awake(&self, node: usize) -> bool {
        self.nodes[node].engine.is_some() && !self.nodes[node].paused
    }

    fn is_configured(&self, node: usize, cable: usize) -> bool {
        let remote = self.cables[cable].remote(self.cables[cable].side_of(node));
        self.nodes[node].config.peers.iter().any(|peer| peer.remote == remote)
    }

    /// Loads the configuration if there is somebody to load it.
    fn load(&mut self, node: usize) {
        if self.is_awake(node) {
            self.reload(node);
        }
    }

    /// Changes what the first end of a cable is configured with.
    fn configure(&mut self, cable: usize, change: impl Fn(&mut PeerSettings)) {
        let node = self.cables[cable].ends[0];
        if self.is_configured(node, cable) {
            change(self.settings(node, cable));
            self.load(node);
        }
    }

    /// Peers that were removed are there again, and nothing special is configured for any.
    fn put_back(&mut self, node: usize) {
        let Node { config, removed, .. } = &mut self.nodes[node];
        config.peers.append(removed);
        let remotes: Vec<_> = config.peers.iter().map(|peer| peer.remote.clone()).collect();
        for remote in remotes {
            let cable = self.place(node, &remote);
            let waits = self.cables[cable].waits && self.cables[cable].ends[1] == node;
            let settings = self.settings(node, cable);
            settings.max_prefixes = None;
            settings.families = vec![Family::IPV4, Family::IPV6];
            settings.passive = waits;
        }
        self.load(node);
    }

    /// Ends a speaker, and starts it again later.
    fn again(&mut self, node: usize, how: &Shutdown, after: u64) {
        if self.is_awake(node) {
            self.end(node, how);
            self.run(millis(after));
            self.boot(node, *how == Shutdown::Restart);
        }
    }

    /// Something happens to a cable.
    fn happen_to_cable(&mut self, what: &What) {
        let count = self.cables.len();
        match *what {
            What::Cut(cable) => self.cut(cable % count),
            What::Mend(cable) => self.mend(cable % count),
            What::Break(cable) => self.reset(cable % count),
            What::Deafen(cable) => self.deafen(self.cables[cable % count].ends[cable % 2], cable % count),
            What::Judge(cable, is_export, number) => {
                let [a, b] = self.cables[cable % count].ends;
                let asns = [a, b].map(|node| self.nodes[node].config.asn);
                if asns[0] != asns[1] && self.is_configured(a, cable % count) {
                    self.set_rule(a, cable % count, is_export, rule(number, is_export));
                    self.load(a);
                }
            }
            What::Limit(cable, limit) => self.configure(cable % count, |peer| {
                let restart_after = Some(secs(5));
                peer.max_prefixes = Some(MaxPrefixes { limit, warn: limit, only_warn: false, restart_after });
            }),
            What::Wait(cable) => self.configure(cable % count, |peer| peer.passive = true),
            What::Narrow(cable) => self.configure(cable % count, |peer| peer.families = vec![Family::IPV4]),
            What::Remove(cable) => {
                let cable = &self.cables[cable % count];
                let (node, remote) = (cable.ends[0], cable.remote(0));
                let peers = &mut self.nodes[node].config.peers;
                if let Some(at) = peers.iter().position(|peer| peer.remote == remote) {
                    let removed = peers.remove(at);
                    self.nodes[node].removed.push(removed);
                    self.load(node);
                }
            }
            What::PutBack => (0..self.nodes.len()).for_each(|node| self.put_back(node)),
            What::ShutDown(cable) | What::Start(cable) => {
                let node = self.cables[cable % count].ends[cable % 2];
                if self.is_awake(node) {
                    let remote = self.cables[cable % count].remote(self.cables[cable % count].side_of(node));
                    let which = Which::At(remote);
                    match what {
                        What::Start(_) => self.with(node, |engine, now| engine.start(now, &which)),
                        _ => self.with(node, |engine, now| engine.shut_down(now, &which, "tea")),
                    };
                }
            }
            _ => {}
        }
    }

    /// Something happens to a speaker.
    fn happen_to_node(&mut self, what: &What) {
        let count = self.nodes.len();
        match *what {
            What::Announce(node, number) if self.is_awake(node % count) => {
                self.announce_all(node % count, &[prefix(number)]);
            }
            What::Withdraw(node, number) if self.is_awake(node % count) => {
                self.withdraw_all(node % count, &[prefix(number)]);
            }
            What::Replace(node, mask) if self.is_awake(node % count) => {
                self.note(&format!("{} announces {:?} and no more", node % count, masked(mask)));
                self.nodes[node % count].own = masked(mask).into_iter().collect();
                let routes = masked(mask).into_iter().map(LocalRoute::new).collect();
                self.change(node % count, Change::new().replace("test", routes));
            }
            What::Flood(node, size) if self.is_awake(node % count) => {
                self.announce_all(node % count, &many(size));
            }
            What::Rename(node) => {
                let config = &mut self.nodes[node % count].config;
                config.router_id = RouterId::new(config.router_id.unwrap().number() + 100);
                self.load(node % count);
            }
            What::Pause(node) if self.is_awake(node % count) => self.pause(node % count),
            What::GoOn(node) if self.nodes[node % count].paused => self.go_on(node % count),
            What::Restart(node, after) => self.again(node % count, &Shutdown::Restart, after),
            What::Leave(node, after) => self.again(node % count, &Shutdown::Leave(None), after),
            What::Kill(node) => self.kill(node % count),
            What::Vanish(node) => self.vanish(node % count),
            What::Boot(node) if self.nodes[node % count].engine.is_none() => self.boot(node % count, false),
            What::Refresh(node) if self.is_awake(node % count) => {
                self.with(node % count, |engine, now| engine.refresh(now, &Which::All));
            }
            What::Soft(node) if self.is_awake(node % count) => {
                self.with(node % count, |engine, now| engine.reset(now, &Which::All, &Reset::Soft));
            }
            What::Hard(node) if self.is_awake(node % count) => {
                self.with(node % count, |engine, now| engine.reset(now, &Which::All, &Reset::Hard(None)));
            }
            What::Jump(node, seconds) if self.is_awake(node % count) => {
                self.jump(node % count, secs(seconds));
            }
            _ => {}
        }
    }

    /// Everything that can be put right is.
    fn put_right(&mut self) {
        (0..self.cables.len()).for_each(|cable| self.mend(cable));
        for node in 0..self.nodes.len() {
            if self.nodes[node].engine.is_none() {
                self.boot(node, false);
            }
            if self.nodes[node].paused {
                self.go_on(node);
            }
            self.put_back(node);
            self.with(node, |engine, now| engine.start(now, &Which::All));
        }
        for cable in 0..self.cables.len() {
            self.cables[cable].ends.into_iter().for_each(|node| self.hear(node, cable));
        }
    }
}

fn walk(ground: &Ground, steps: &[Step]) {
    let mut world = build(ground);
    for Step { what, then } in steps {
        world.note(&format!("-- {what:?}"));
        if !world.cables.is_empty() {
            world.happen_to_cable(what);
        }
        world.happen_to_node(what);
        world.run(millis(*then));
    }
    world.note("-- all is put right");
    world.put_right();
    world.settle();
    model::check(&world);
    world.run(secs(60));
    world.settle();
    model::check(&world);
    let all: Vec<_> = masked(0xff).into_iter().chain(many(u8::MAX)).collect();
    (0..world.nodes.len()).for_each(|node| world.withdraw_all(node, &all));
    world.settle();
    for node in 0..world.nodes.len() {
        let rib = world.engine(node).rib();
        let left = (rib.prefix_count(), rib.route_count(), rib.attribute_sets(), rib.untold());
        if left != (0, 0, 0, 0) {
            world.fail(&format!("{node} keeps something of nothing: {left:?}"));
        }
    }
}

proptest! {
    #![proptest_config(Config {
        cases: std::env::var("WALKS").ok().and_then(|walks| walks.parse().ok()).unwrap_or(WALKS),
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    })]

    #[test]
    fn whatever_happens_is_forgotten_in_the_end(ground in ground(), steps in steps()) {
        walk(&ground, &steps);
    }
}
