//! Two nodes with pods behind them and a router with a client, each in its own namespace, all nodes on one link.

use lab::{Config, Daemon, FRR, Lab, Namespace, Need, Router, program, within};
use std::{
    fmt::Write,
    fs,
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_kube-announcer");

/// The longest that anything takes on a busy machine.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// Node `n` is 192.0.2.1`n` and 2001:db8::1`n`; its pods are in 10.244.`n`.0/24 and fd00:10:244:`n`::/64.
pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) router: Namespace,
    pub(crate) client: Namespace,
    pub(crate) nodes: [Namespace; 2],
    pub(crate) pods: [Namespace; 2],
    manifests: PathBuf,
}

impl World {
    pub(crate) fn new() -> Option<World> {
        let lab = Lab::needing(&[Need::Router(FRR.current()), Need::Program("tcpdump")])?;
        let (router, client) = (lab.namespace("router"), lab.namespace("client"));
        lab.link((&router, &["198.51.100.1/24"]), (&client, &["198.51.100.9/24"]));
        client.ip("route add default via 198.51.100.1");
        router.ip("link add rack type bridge");
        router.sysctl("net/ipv4/fib_multipath_hash_policy", "1");
        let [nodes, pods] = ["node", "pod"].map(|kind| [1, 2].map(|n| lab.namespace(&format!("{kind}-{n}"))));
        let world = World { manifests: lab.folder().join("manifests"), lab, router, client, nodes, pods };
        for n in [1, 2] {
            world.cable(n);
            let gateways = [format!("10.244.{n}.1/24"), format!("fd00:10:244:{n}::1/64")];
            let addresses = [format!("10.244.{n}.10/24"), format!("fd00:10:244:{n}::10/64")];
            let (node, pod) = (&world.nodes[n - 1], &world.pods[n - 1]);
            let [gateways, addresses] = [&gateways, &addresses].map(|all| all.each_ref().map(String::as_str));
            world.lab.link((node, &gateways), (pod, &addresses));
            pod.ip(&format!("route add default via 10.244.{n}.1"));
            pod.ip(&format!("-6 route add default via fd00:10:244:{n}::1"));
        }
        world.router.ip("link set rack up");
        world.router.ip("address add 192.0.2.1/24 dev rack");
        world.router.ip("-6 address add 2001:db8::1/64 dev rack nodad");
        fs::create_dir(&world.manifests).unwrap();
        world.write("nodes.yaml", &[1, 2].map(manifest).concat());
        Some(world)
    }

    /// Node `n` on the link of the rack, with a route of somebody else's.
    fn cable(&self, n: usize) {
        let node = &self.nodes[n - 1];
        let addresses = [format!("192.0.2.1{n}/24"), format!("2001:db8::1{n}/64")];
        self.lab.link((&self.router, &[]), (node, &addresses.each_ref().map(String::as_str)));
        self.router.ip(&format!("link set node-{n} master rack"));
        node.ip("route add default via 192.0.2.1");
        node.ip("-6 route add default via 2001:db8::1");
        // What is nobody's but the operator's: a route by itself, and one through a next hop object.
        node.ip("route add 100.64.0.0/24 via 192.0.2.1 proto static metric 179");
        node.ip("nexthop add id 77 via 192.0.2.1 dev router proto static");
        node.ip("route add 100.65.0.0/24 nhid 77 proto static");
    }

    /// What somebody saves: there at once, whole.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let new = self.lab.folder().join(name);
        fs::write(&new, text).unwrap();
        fs::rename(new, self.manifests.join(name)).unwrap();
    }

    fn socket(&self, n: usize) -> PathBuf {
        self.lab.folder().join(format!("node-{n}.sock"))
    }

    pub(crate) fn command(&self, n: usize) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(["run", "--kernel-routes", "--node", &format!("node-{n}"), "--manifests"]);
        command.arg(&self.manifests).arg("--socket").arg(self.socket(n));
        command
    }

    /// The announcer of node `n`.
    pub(crate) fn announcer(&self, n: usize) -> Daemon {
        self.nodes[n - 1].start("kube-announcer", self.command(n))
    }

    /// The router, with the configuration that we write for it.
    pub(crate) fn frr(&self) -> Router {
        let text = self.router_config();
        FRR.current().start(&self.router, &Config::new(65000, "192.0.2.1").forwarding().text(&text))
    }

    pub(crate) fn router_config(&self) -> String {
        let text = answer(&["router-config", "--for", "frr", "--manifests"], &self.manifests);
        // Hold times of a test.
        text.replace(
            " no bgp default ipv4-unicast\n",
            " no bgp default ipv4-unicast\n timers bgp 1 3\n bgp graceful-restart\n",
        )
    }

    /// What the announcer of node `n` answers.
    pub(crate) fn ask(&self, n: usize, words: &[&str]) -> String {
        let output = Command::new(PROGRAM).args(words).arg("--socket").arg(self.socket(n)).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// What `ip route` and `ip nexthop` show in a node.
    pub(crate) fn tables(&self, n: usize) -> String {
        let node = &self.nodes[n - 1];
        ["-4 route show table all", "-6 route show table all", "nexthop show"]
            .map(|what| node.ip(what))
            .concat()
    }

    pub(crate) fn route(&self, at: &Namespace, prefix: &str) -> String {
        at.ip(&format!("{} route show {prefix}", if prefix.contains(':') { "-6" } else { "-4" }))
    }

    #[track_caller]
    pub(crate) fn wait_route(&self, at: &Namespace, prefix: &str, with: &str) {
        let what = format!("{prefix} {with:?} in {}; it is {:?}", at.name(), self.route(at, prefix));
        self.lab.wait_until(what, BOUND, || self.route(at, prefix).contains(with));
    }

    #[track_caller]
    pub(crate) fn wait_no_route(&self, at: &Namespace, prefix: &str) {
        let what = format!("no {prefix} in {}", at.name());
        self.lab.wait_until(what, BOUND, || self.route(at, prefix).is_empty());
    }

    /// Ends the announcer of node `n` for good.
    #[track_caller]
    pub(crate) fn leave(&self, n: usize, announcer: &Daemon) {
        let said = self.ask(n, &["leave"]);
        assert!(said.contains("withdraws everything"), "{said}");
        self.lab.wait_until("the announcer's end", BOUND, || !announcer.is_running());
    }

    /// A packet from one pod's address to the other's, and one back: each arrives with the address that it was sent from,
    /// and so it was on the wire of the rack.
    #[track_caller]
    pub(crate) fn talk(&self, from: &str, to: &str) {
        let watched = ["-i", "any", "-l", "-n", "--immediate-mode", "udp"];
        let mut capture = program("tcpdump");
        capture.args(watched);
        let capture = self.nodes[0].start("tcpdump", capture);
        capture.wait_log("listening on", BOUND);
        let bind = |at: &Namespace, address: &str| {
            let address: SocketAddr = (address.parse::<std::net::IpAddr>().unwrap(), 0).into();
            let socket = at.run(|| UdpSocket::bind(address)).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            socket
        };
        let (one, other) = (bind(&self.pods[0], from), bind(&self.pods[1], to));
        let (here, there) = (one.local_addr().unwrap(), other.local_addr().unwrap());
        let crosses = |sender: &UdpSocket, receiver: &UdpSocket| {
            let heard = within(BOUND, || {
                sender.send_to(b"hello", receiver.local_addr().unwrap()).ok()?;
                receiver.recv_from(&mut [0; 16]).ok()
            });
            let (_, seen) = heard.unwrap_or_else(|| panic!("{here} and {there} do not hear each other"));
            assert_eq!(seen, sender.local_addr().unwrap());
        };
        crosses(&one, &other);
        crosses(&other, &one);
        let shown = |address: SocketAddr| format!("{}.{}", address.ip(), address.port());
        for (from, to) in [(here, there), (there, here)] {
            capture.wait_log(
                &format!("router Out IP{} {} > {}: UDP", version(from), shown(from), shown(to))
                    .replace("router Out", if from == here { "router Out" } else { "router In " }),
                BOUND,
            );
        }
        let foreign = |line: &&str| {
            line.contains(": UDP") && !(line.contains(&shown(here)) && line.contains(&shown(there)))
        };
        let log = capture.log();
        assert_eq!(
            log.lines().filter(foreign).collect::<Vec<_>>(),
            [""; 0],
            "nobody's address is another on the way"
        );
    }
}

fn version(address: SocketAddr) -> &'static str {
    if address.is_ipv6() { "6" } else { "" }
}

/// What the program answers about a folder.
fn answer(words: &[&str], folder: &Path) -> String {
    let output = Command::new(PROGRAM).args(words).arg(folder).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn manifest(n: usize) -> String {
    format!(
        "kind: Node\napiVersion: v1\nmetadata: {{name: node-{n}}}\n\
         spec: {{podCIDRs: [10.244.{n}.0/24, 'fd00:10:244:{n}::/64']}}\n\
         status:\n  addresses: [{{type: InternalIP, address: 192.0.2.1{n}}}, {{type: InternalIP, address: '2001:db8::1{n}'}}]\n---\n"
    )
}

/// A pod with ranges behind it.
pub(crate) fn pod(name: &str, node: usize, address: &str, ready: bool) -> String {
    let mut text = String::new();
    let ready = if ready { "True" } else { "False" };
    write!(
        text,
        "kind: Pod\napiVersion: v1\nmetadata: {{name: {name}, namespace: vpn, \
         annotations: {{kube-announcer.io/prefixes: 10.99.0.0/24}}}}\n\
         spec: {{nodeName: node-{node}}}\n\
         status: {{phase: Running, podIPs: [{{ip: {address}}}], conditions: [{{type: Ready, status: '{ready}'}}]}}\n---\n"
    )
    .unwrap();
    text
}

/// A BgpPeer of every node with every other.
pub(crate) const MESH: &str = "\
kind: BgpPeer
apiVersion: kube-announcer.io/v1alpha1
metadata: {name: mesh}
spec:
  localAsn: 64512
  asn: internal
  nodes: {}
  timers: {hold: 3s, connectRetry: 1s}
  import: {podRoutes: true, accept: [10.99.0.0/16 le 32]}
---
";

/// A BgpPeer of the router, that takes the pod ranges of other nodes by it.
pub(crate) fn tor(import: &str) -> String {
    format!(
        "kind: BgpPeer\napiVersion: kube-announcer.io/v1alpha1\nmetadata: {{name: tor}}\n\
         spec:\n  localAsn: 64512\n  asn: 65000\n  address: 192.0.2.1\n  timers: {{hold: 3s, connectRetry: 1s}}\n  \
         import: {{{import}}}\n---\n"
    )
}

/// What the nodes announce: their pods.
pub(crate) const PODS: &str = "\
kind: BgpAdvertisement
apiVersion: kube-announcer.io/v1alpha1
metadata: {name: pods}
spec:
  sources: [{podCidrs: {}}]
---
";
