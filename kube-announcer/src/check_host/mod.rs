//! `check --host`: what about this node keeps announced traffic, or the sessions, from working.
//!
//! Everything is read under a root folder, so that it can be shown any node.

mod needs;
mod sockets;

pub use needs::Needs;

use serde::Serialize;
use sockets::{Socket, State};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What was found in one respect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What was looked at.
    pub subject: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// Why it matters, and what to do; empty where nothing is to be done.
    pub advice: &'static str,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// It depends on what else is done on this node.
    Look,
    /// Announced addresses will not work, or the sessions will not stay.
    Wrong,
}

impl Verdict {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Fine => "fine",
            Verdict::Look => "look",
            Verdict::Wrong => "wrong",
        }
    }
}

/// The port of BGP.
const PORT: u16 = 179;

/// All rows, for the node whose root folder this is.
pub fn check(root: &Path) -> Vec<Row> {
    rows(&Node { root, needs: None })
}

/// The same for what a plan needs of the node.
pub fn check_for(root: &Path, needs: Needs) -> Vec<Row> {
    rows(&Node { root, needs: Some(needs) })
}

fn rows(node: &Node<'_>) -> Vec<Row> {
    let rows = [
        node.right(),
        Some(node.forwarding()),
        Some(node.ipv6_forwarding()),
        Some(node.reverse_path()),
        Some(node.hash_policy()),
        Some(node.listener()),
        Some(node.other_speaker()),
    ];
    rows.into_iter().flatten().collect()
}

/// Whether anything is wrong: the exit status.
pub fn is_wrong(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.verdict == Verdict::Wrong)
}

struct Node<'a> {
    root: &'a Path,
    /// What is asked of it; `None`: nobody said.
    needs: Option<Needs>,
}

impl Node<'_> {
    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A setting of the kernel.
    fn setting(&self, path: &str) -> Option<u32> {
        let text = fs::read_to_string(self.path("proc/sys/net").join(path)).ok()?;
        text.trim().parse().ok()
    }

    /// Whether routes can be put into the kernel from where we run, if they are to be.
    fn right(&self) -> Option<Row> {
        let subject = "routes into the kernel";
        self.needs.filter(|needs| needs.routes)?;
        let status = fs::read_to_string(self.path("proc/self/status")).unwrap_or_default();
        let advice = "import, podPrefixes, serviceCidrs and aggregate need it. In a pod: run as root, with \
                      securityContext.capabilities.add: [NET_ADMIN].";
        Some(match needs::may_change_routes(&status) {
            Some(true) => Row::new(subject, Verdict::Fine, "we have CAP_NET_ADMIN", ""),
            Some(false) => Row::new(subject, Verdict::Wrong, "we do not have CAP_NET_ADMIN", advice),
            None => Row::unknown(subject, "/proc/self/status"),
        })
    }

    fn forwarding(&self) -> Row {
        let subject = "IPv4 forwarding";
        let setting = self.setting("ipv4/ip_forward");
        let advice = "Traffic for announced addresses comes to the node and ends there: \
                      sysctl -w net.ipv4.ip_forward=1, and keep it in /etc/sysctl.d.";
        match setting {
            Some(0) => Row::new(subject, Verdict::Wrong, "net.ipv4.ip_forward is 0", advice),
            Some(value) => Row::new(subject, Verdict::Fine, format!("net.ipv4.ip_forward is {value}"), ""),
            None => Row::unknown(subject, "net.ipv4.ip_forward"),
        }
    }

    fn ipv6_forwarding(&self) -> Row {
        let subject = "IPv6 forwarding";
        if !self.has_ipv6() {
            return Row::new(subject, Verdict::Fine, "the node has no IPv6 address but its own links'", "");
        }
        let advice = "Traffic for announced IPv6 addresses ends at the node: sysctl -w net.ipv6.conf.all.forwarding=1. \
                      Interfaces that learn their default route from a router's advertisements need accept_ra=2 then.";
        match self.setting("ipv6/conf/all/forwarding") {
            Some(0) => Row::new(subject, Verdict::Wrong, "net.ipv6.conf.all.forwarding is 0", advice),
            Some(value) => {
                Row::new(subject, Verdict::Fine, format!("net.ipv6.conf.all.forwarding is {value}"), "")
            }
            None => Row::unknown(subject, "net.ipv6.conf.all.forwarding"),
        }
    }

    /// Whether any interface has an address of global scope.
    fn has_ipv6(&self) -> bool {
        let text = fs::read_to_string(self.path("proc/net/if_inet6")).unwrap_or_default();
        text.lines().any(|line| line.split_whitespace().nth(3) == Some("00"))
    }

    /// The kernel takes the greater of an interface's own setting and that of `all`.
    fn reverse_path(&self) -> Row {
        let subject = "reverse path filter";
        let folder = self.path("proc/sys/net/ipv4/conf");
        let names = fs::read_dir(folder).into_iter().flatten().flatten();
        let names: BTreeSet<_> = names
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name != "default")
            .collect();
        let strict = |name: &&String| self.setting(&format!("ipv4/conf/{name}/rp_filter")) == Some(1);
        let strict: Vec<_> = names.iter().filter(strict).map(String::as_str).collect();
        if names.is_empty() {
            return Row::unknown(subject, "net.ipv4.conf.*.rp_filter");
        }
        if strict.is_empty() {
            return Row::new(subject, Verdict::Fine, "rp_filter is strict nowhere", "");
        }
        let advice = "Strict: what comes in by another interface than the answer would leave by is dropped, which is what \
                      happens with several routers and with tunnels. Use 2 (loose): sysctl -w net.ipv4.conf.all.rp_filter=2.";
        let breaks = self.needs.is_some_and(|needs| needs.several);
        let verdict = if breaks { Verdict::Wrong } else { Verdict::Look };
        Row::new(subject, verdict, format!("rp_filter is 1 on {}", strict.join(", ")), advice)
    }

    fn hash_policy(&self) -> Row {
        let subject = "multipath hash";
        let advice = "Where routes are imported over several gateways, all connections between two hosts take one of them. \
                      1 spreads them by port: sysctl -w net.ipv4.fib_multipath_hash_policy=1, and the same of net.ipv6.";
        let settings = ["ipv4", "ipv6"].map(|family| {
            self.setting(&format!("{family}/fib_multipath_hash_policy"))
                .map(|value| (format!("net.{family}.fib_multipath_hash_policy"), value))
        });
        let known: Vec<_> = settings.into_iter().flatten().collect();
        let found =
            known.iter().map(|(name, value)| format!("{name} is {value}")).collect::<Vec<_>>().join(", ");
        match known.iter().map(|(_, value)| *value).min() {
            None => Row::unknown(subject, "net.ipv4.fib_multipath_hash_policy"),
            Some(0) if self.needs.is_some_and(|needs| !needs.import) => {
                Row::new(subject, Verdict::Fine, format!("{found}; no routes are imported"), "")
            }
            Some(0) => Row::new(subject, Verdict::Look, found, advice),
            Some(_) => Row::new(subject, Verdict::Fine, found, ""),
        }
    }

    fn listener(&self) -> Row {
        let subject = "port 179";
        let sockets = sockets::read(self.root);
        let listens = |socket: &&Socket| socket.state == State::Listens && socket.local.port() == PORT;
        let mut owners: Vec<_> =
            sockets.iter().filter(listens).map(|socket| socket.owner(self.root)).collect();
        owners.sort();
        owners.dedup();
        if owners.is_empty() {
            return Row::new(subject, Verdict::Fine, "nobody listens on it", "");
        }
        if owners.iter().all(|owner| is_ours(owner)) {
            return Row::new(subject, Verdict::Fine, format!("{} listens on it", owners.join(", ")), "");
        }
        let advice = "Another BGP speaker runs here. That is fine as long as it does not talk to the same routers; only a mesh \
                      (`nodes:` in a BgpPeer) needs the port for us.";
        let verdict = if self.needs.is_some_and(|needs| needs.mesh) { Verdict::Wrong } else { Verdict::Look };
        Row::new(subject, verdict, format!("{} listens on it", owners.join(", ")), advice)
    }

    fn other_speaker(&self) -> Row {
        let subject = "sessions of others";
        let sockets = sockets::read(self.root);
        let is_bgp = |socket: &&Socket| {
            socket.state == State::Established
                && (socket.remote.port() == PORT || socket.local.port() == PORT)
        };
        let mut found: Vec<_> = sockets
            .iter()
            .filter(is_bgp)
            .map(|socket| (socket.owner(self.root), socket))
            .filter(|(owner, _)| !is_ours(owner))
            .map(|(owner, socket)| format!("{owner}: {} with {}", socket.local.ip(), socket.remote.ip()))
            .collect();
        found.sort();
        found.dedup();
        if found.is_empty() {
            return Row::new(subject, Verdict::Fine, "nobody else here has a BGP session", "");
        }
        let advice = "A router keeps one session for an address: ours with the same router and the other speaker's would take \
                      turns at tearing each other down. Stop the other one, or give ours to other routers.";
        Row::new(subject, Verdict::Wrong, found.join("; "), advice)
    }
}

/// Whether a process is an announcer itself.
fn is_ours(owner: &str) -> bool {
    owner.starts_with("kube-announcer")
}

impl Row {
    fn new(subject: &'static str, verdict: Verdict, found: impl Into<String>, advice: &'static str) -> Self {
        Row { subject, verdict, found: found.into(), advice }
    }

    fn unknown(subject: &'static str, name: &str) -> Self {
        let advice = "Run it on the node itself, in the host's network namespace.";
        Row::new(subject, Verdict::Look, format!("{name} cannot be read"), advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node with these files.
    fn node(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    const GOOD: [(&str, &str); 5] = [
        ("proc/sys/net/ipv4/ip_forward", "1\n"),
        ("proc/sys/net/ipv4/conf/all/rp_filter", "2\n"),
        ("proc/sys/net/ipv4/conf/eth0/rp_filter", "0\n"),
        ("proc/sys/net/ipv4/fib_multipath_hash_policy", "1\n"),
        ("proc/net/if_inet6", "00000000000000000000000000000001 01 80 10 80       lo\n"),
    ];

    #[test]
    fn a_node_that_is_fine_has_nothing_to_do() {
        let node = node(&GOOD);
        let rows = check(node.path());
        assert!(rows.iter().all(|row| row.verdict == Verdict::Fine && row.advice.is_empty()), "{rows:#?}");
        assert!(!is_wrong(&rows));
    }

    #[test]
    fn what_is_wrong_is_said_with_the_remedy() {
        let node = node(&[
            ("proc/sys/net/ipv4/ip_forward", "0\n"),
            ("proc/sys/net/ipv4/conf/all/rp_filter", "0\n"),
            ("proc/sys/net/ipv4/conf/default/rp_filter", "1\n"),
            ("proc/sys/net/ipv4/conf/eth0/rp_filter", "1\n"),
            ("proc/sys/net/ipv4/fib_multipath_hash_policy", "0\n"),
            ("proc/net/if_inet6", "20010db8000000000000000000000011 02 40 00 80     eth0\n"),
            ("proc/sys/net/ipv6/conf/all/forwarding", "0\n"),
        ]);
        let rows = check(node.path());
        let found: Vec<_> = rows.iter().map(|row| (row.verdict.word(), &*row.found)).collect();
        let expected = [
            ("wrong", "net.ipv4.ip_forward is 0"),
            ("wrong", "net.ipv6.conf.all.forwarding is 0"),
            ("look", "rp_filter is 1 on eth0"),
            ("look", "net.ipv4.fib_multipath_hash_policy is 0"),
            ("fine", "nobody listens on it"),
            ("fine", "nobody else here has a BGP session"),
        ];
        assert_eq!(found, expected);
        assert!(is_wrong(&rows) && rows[..4].iter().all(|row| !row.advice.is_empty()));
    }

    #[test]
    fn what_a_plan_needs_is_asked_for_and_nothing_else() {
        let strict = ("proc/sys/net/ipv4/conf/eth0/rp_filter", "1\n");
        let plain = ("proc/sys/net/ipv4/fib_multipath_hash_policy", "0\n");
        let without = ("proc/self/status", "Name:\tx\nCapEff:\t00000000a80425fb\n");
        let node = node(&[GOOD.as_slice(), &[strict, plain, without]].concat());
        let found = |needs| {
            let rows = check_for(node.path(), needs);
            rows.into_iter().map(|row| (row.verdict.word(), row.found)).take(4).collect::<Vec<_>>()
        };
        let announcing = found(Needs::default());
        assert_eq!(announcing[2], ("look", "rp_filter is 1 on eth0".to_owned()));
        let hash = "net.ipv4.fib_multipath_hash_policy is 0; no routes are imported";
        assert_eq!(announcing[3], ("fine", hash.to_owned()));
        let routing = found(Needs { routes: true, import: true, several: true, mesh: false });
        assert_eq!(routing[0], ("wrong", "we do not have CAP_NET_ADMIN".to_owned()));
        assert_eq!((routing[3].0, routing.len()), ("wrong", 4));
        fs::write(node.path().join("proc/self/status"), "CapEff:\t000001ffffffffff\n").unwrap();
        assert_eq!(found(Needs { routes: true, ..Needs::default() })[0].0, "fine");
    }

    #[test]
    fn another_speaker_is_found_by_its_sockets_and_named() {
        let tcp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 00000000:00B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1\n   \
             1: 0B0200C0:C001 010200C0:00B3 01 00000000:00000000 00:00000000 00000000     0        0 222 1\n   \
             2: 0B0200C0:C002 010200C0:01BB 01 00000000:00000000 00:00000000 00000000     0        0 333 1\n";
        let node = node(&[GOOD.as_slice(), &[("proc/net/tcp", tcp), ("proc/812/comm", "bird\n")]].concat());
        fs::create_dir_all(node.path().join("proc/812/fd")).unwrap();
        for (fd, inode) in [("7", 111), ("8", 222)] {
            std::os::unix::fs::symlink(format!("socket:[{inode}]"), node.path().join("proc/812/fd").join(fd))
                .unwrap();
        }
        let rows = check(node.path());
        assert_eq!(rows[4].found, "bird (812) listens on it");
        assert_eq!(
            (rows[5].verdict, &*rows[5].found),
            (Verdict::Wrong, "bird (812): 192.0.2.11 with 192.0.2.1")
        );
        fs::write(node.path().join("proc/812/comm"), "kube-announcer\n").unwrap();
        assert!(!is_wrong(&check(node.path())), "our own sessions are no mistake");
    }

    #[test]
    fn a_folder_that_is_no_node_says_what_cannot_be_read() {
        let rows = check(Path::new("/no/such/root"));
        assert!(rows[0].found.contains("cannot be read") && !is_wrong(&rows), "{rows:?}");
    }
}
