//! A node whose speaker installs routes, and routers around it, each in its own namespace.

#![allow(dead_code, reason = "each test file uses a part")]

use bgp_daemon::{
    config::{Config, Kernel, Peer, PeerSettings, Remote},
    engine::{Change, Shutdown},
    kernel::{Page, Row, State},
    policy::{NextHopChange, Policy},
    rib::{LocalRoute, Place, Selection},
    speaker::{Speaker, Start},
};
use bgp_proto::{
    attr::{next_hop::NextHop, set::PathAttributes},
    numbers::{Asn, RouterId},
    session::RemoteAs,
};
use lab::{Lab, Namespace};
use std::{net::IpAddr, rc::Rc, time::Duration};
use tokio::runtime::Runtime;

/// The longest that anything takes on a busy machine.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// The AS of the node; router `n` is in the AS behind it by `n`.
pub(crate) const ASN: u32 = 65000;

/// Node and routers: router `n` is 10.0.n.2 and 2001:db8:n::2, and the node is 10.0.n.1 and 2001:db8:n::1 to it.
pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) node: Namespace,
    pub(crate) routers: Vec<Namespace>,
    pub(crate) runtime: Rc<Runtime>,
}

/// A speaker in a namespace.
pub(crate) struct Running {
    pub(crate) speaker: Speaker,
    runtime: Rc<Runtime>,
}

pub(crate) fn peer(address: &str, asn: u32) -> Peer {
    let mut settings = PeerSettings {
        import: Some(Policy::all()),
        export: Some(Policy::all()),
        next_hop: Some(NextHopChange::Unchanged),
        ..PeerSettings::new(RemoteAs::Fixed(Asn(asn)))
    };
    settings.timers.idle_hold = Duration::from_millis(50);
    settings.timers.connect_retry = Duration::from_millis(500);
    Peer { remote: Remote::Address(address.parse().unwrap(), None), group: None, settings }
}

/// The node's speaker, with each of so many routers as a peer.
pub(crate) fn node(routers: usize) -> Config {
    Config {
        router_id: RouterId::new(1),
        selection: Selection { multipath_relax: true, ..Selection::default() },
        peers: (1..=routers).map(|n| peer(&format!("10.0.{n}.2"), ASN + n as u32)).collect(),
        listen: vec!["0.0.0.0:179".parse().unwrap(), "[::]:179".parse().unwrap()],
        kernel: Some(Kernel::default()),
        ..Config::new(Asn(ASN))
    }
}

/// The speaker of router `n`.
pub(crate) fn router(n: usize) -> Config {
    Config {
        router_id: RouterId::new(100 + n as u32),
        resolve_next_hops: false,
        peers: vec![peer(&format!("10.0.{n}.1"), ASN)],
        listen: vec!["0.0.0.0:179".parse().unwrap(), "[::]:179".parse().unwrap()],
        ..Config::new(Asn(ASN + n as u32))
    }
}

/// A route to this next hop.
pub(crate) fn route(prefix: &str, next_hop: &str) -> LocalRoute {
    let next_hop: IpAddr = next_hop.parse().unwrap();
    LocalRoute { next_hop: Some(NextHop::from(next_hop)), ..LocalRoute::new(prefix.parse().unwrap()) }
}

/// The same with attributes.
pub(crate) fn route_with(prefix: &str, next_hop: &str, attributes: PathAttributes) -> LocalRoute {
    LocalRoute { attributes, ..route(prefix, next_hop) }
}

impl World {
    pub(crate) fn new(routers: usize) -> Option<World> {
        let lab = Lab::needing(&[])?;
        let node = lab.namespace("node");
        let mut world = World { node, routers: Vec::new(), runtime: Rc::new(Runtime::new().unwrap()), lab };
        for n in 1..=routers {
            let router = world.lab.namespace(&format!("r{n}"));
            let ours = [format!("10.0.{n}.1/24"), format!("2001:db8:{n}::1/64")];
            let theirs = [format!("10.0.{n}.2/24"), format!("2001:db8:{n}::2/64")];
            world.lab.link(
                (&world.node, &ours.each_ref().map(String::as_str)),
                (&router, &theirs.each_ref().map(String::as_str)),
            );
            world.routers.push(router);
        }
        Some(world)
    }

    pub(crate) fn start(&self, at: &Namespace, config: Config) -> Running {
        self.try_start(at, config).unwrap()
    }

    pub(crate) fn try_start(
        &self,
        at: &Namespace,
        config: Config,
    ) -> Result<Running, bgp_daemon::speaker::Error> {
        let speaker = at.run(|| Speaker::start(config, Start::default()))?;
        Ok(Running { speaker, runtime: Rc::clone(&self.runtime) })
    }

    /// The node with a router that announces these routes, all of it installed.
    pub(crate) fn with_routes(&self, routes: &[(&str, &str)]) -> (Running, Running) {
        let node = self.start(&self.node, node(1));
        let router = self.start(&self.routers[0], router(1));
        router.announce(routes.iter().map(|(prefix, next_hop)| route(prefix, next_hop)).collect());
        for (prefix, _) in routes {
            self.wait_route(prefix);
        }
        (node, router)
    }

    /// One more speaker in the node, with another mark and a route of its own in the kernel.
    pub(crate) fn beside(&self, protocol: u8) -> Running {
        let mut config = Config {
            listen: Vec::new(),
            kernel: Some(Kernel { protocol, ..Kernel::default() }),
            routes: vec![route("192.0.2.0/25", "10.0.1.2")],
            ..node(0)
        };
        config.router_id = RouterId::new(9);
        let running = self.start(&self.node, config);
        self.wait_row(&running, "192.0.2.0/25", |row| row.state == State::Installed);
        running
    }

    /// What `ip route` shows of our routes in the node.
    pub(crate) fn ours(&self) -> String {
        let all = ["-4", "-6"].map(|width| self.node.ip(&format!("{width} route show proto 179")));
        all.concat()
    }

    /// One route as `ip` shows it.
    pub(crate) fn shown(&self, prefix: &str) -> String {
        let width = if prefix.contains(':') { "-6" } else { "-4" };
        self.node.ip(&format!("{width} route show {prefix} proto 179"))
    }

    #[track_caller]
    pub(crate) fn wait_route(&self, prefix: &str) {
        self.lab.wait_until(format!("{prefix} in the kernel"), BOUND, || !self.shown(prefix).is_empty());
    }

    #[track_caller]
    pub(crate) fn wait_no_route(&self, prefix: &str) {
        self.lab.wait_until(format!("no {prefix} in the kernel"), BOUND, || self.shown(prefix).is_empty());
    }

    /// Waits until `ip` shows a route with all of this in it.
    #[track_caller]
    pub(crate) fn wait_shown(&self, prefix: &str, with: &[&str]) {
        let holds = || {
            let shown = self.shown(prefix);
            with.iter().all(|part| shown.contains(part))
        };
        self.lab.wait_until(format!("{prefix} with {with:?}; it is {}", self.shown(prefix)), BOUND, holds);
    }

    /// Waits until a speaker says this of a route.
    #[track_caller]
    pub(crate) fn wait_row(&self, node: &Running, prefix: &str, is: impl Fn(&Row) -> bool) -> Row {
        self.lab.wait_for(format!("{prefix} as wanted; it is {:?}", node.row(prefix)), BOUND, || {
            node.row(prefix).filter(&is)
        })
    }

    #[track_caller]
    pub(crate) fn wait_state(&self, node: &Running, prefix: &str, state: State) -> Row {
        self.wait_row(node, prefix, |row| row.state == state)
    }
}

impl Running {
    /// In the namespace of this process.
    pub(crate) fn here(config: Config) -> Running {
        let speaker = Speaker::start(config, Start::default()).unwrap();
        Running { speaker, runtime: Rc::new(Runtime::new().unwrap()) }
    }

    pub(crate) fn wait_for_the_end(&self) {
        self.runtime.block_on(self.speaker.join());
    }

    pub(crate) fn change(&self, change: Change) {
        self.runtime.block_on(self.speaker.change(change)).unwrap();
    }

    /// The prefixes that it has routes to.
    pub(crate) fn learned(&self) -> Vec<String> {
        let prefixes = self.speaker.ask(|engine, _| {
            let (mut all, mut from) = (Vec::new(), Some(Place::default()));
            while let Some(place) = from {
                let (found, next) = engine.rib().prefixes(place, 1000);
                all.extend(found.iter().map(ToString::to_string));
                from = next;
            }
            all
        });
        let mut prefixes = self.runtime.block_on(prefixes).unwrap();
        prefixes.sort();
        prefixes
    }

    pub(crate) fn announce(&self, routes: Vec<LocalRoute>) {
        self.runtime.block_on(self.speaker.source("test").replace(routes)).unwrap();
    }

    pub(crate) fn page(&self) -> Page {
        self.runtime.block_on(self.speaker.kernel_routes(None, 10_000)).unwrap()
    }

    pub(crate) fn row(&self, prefix: &str) -> Option<Row> {
        let prefix = prefix.parse().unwrap();
        self.page().rows.into_iter().find(|row| row.prefix == prefix)
    }

    pub(crate) fn end(self, how: Shutdown) {
        self.runtime.block_on(self.speaker.shutdown(how));
    }
}

/// Packets.
impl World {
    /// One packet there and back.
    #[track_caller]
    pub(crate) fn ping(&self, address: &str, from: Option<&str>) {
        let from = from.map(|from| format!("-I {from} ")).unwrap_or_default();
        let words = format!("ping -n -c 1 -W 5 {from}{address}");
        let mut words = words.split(' ');
        let mut ping = lab::program(words.next().unwrap());
        ping.args(words);
        self.node.output(ping).unwrap();
    }

    /// How many of so many packets, each of another flow, each router takes in.
    pub(crate) fn spread(&self, address: &str, packets: u16) -> [u64; 2] {
        self.node.sysctl("net/ipv4/fib_multipath_hash_policy", "1");
        let before = self.taken();
        let address: IpAddr = address.parse().unwrap();
        self.node.run(|| {
            for port in 0..packets {
                let socket = std::net::UdpSocket::bind(("0.0.0.0", 10_000 + port)).unwrap();
                socket.send_to(b"packet", (address, 9)).unwrap();
            }
        });
        let mut taken = [0; 2];
        lab::within(BOUND, || {
            let now = self.taken();
            taken = [now[0] - before[0], now[1] - before[1]];
            (taken[0] + taken[1] >= packets.into()).then_some(())
        });
        taken
    }

    /// How many UDP packets found nobody at the first two routers.
    fn taken(&self) -> [u64; 2] {
        [0, 1].map(|at| {
            let text =
                self.routers[at].run(|| std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap());
            let udp: Vec<_> = text.lines().filter(|line| line.starts_with("Udp:")).collect();
            let at = udp[0].split(' ').position(|name| name == "NoPorts").unwrap();
            udp[1].split(' ').nth(at).unwrap().parse().unwrap()
        })
    }
}
