//! FRR: bgpd beside the zebra that it asks about next hops, and bfdd for whom it is to watch; asked through vtysh, in JSON.

use std::fmt::Write;
use std::net::IpAddr;
use std::process::Command;

use ipnet::IpNet;
use serde_json::Value;

use super::{Dialect, Place, Running};
use crate::config::{Announcement, Config, Family, Peer};
use crate::programs::Age;
use crate::route::{Route, numbers};

pub(super) struct Frr;

/// Absolute: OpenBGPD's daemon has the same name.
const BGPD: &str = "/usr/lib/frr/bgpd";
const ZEBRA: &str = "/usr/lib/frr/zebra";
const BFDD: &str = "/usr/lib/frr/bfdd";

impl Dialect for Frr {
    fn name(&self) -> &'static str {
        "FRR"
    }

    fn programs(&self) -> &'static [&'static str] {
        &[BGPD, ZEBRA, BFDD, "vtysh"]
    }

    fn changes_user(&self) -> bool {
        true
    }

    fn version(&self) -> (&'static [&'static str], &'static str) {
        (&[BGPD, "--version"], "version ")
    }

    fn files(&self, config: &Config, _: &Place) -> Vec<(&'static str, String)> {
        let mut text = format!(
            "hostname frr
debug bgp neighbor-events
router bgp {}
 bgp router-id {}
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 no bgp network import-check
 timers bgp 3 9
",
            config.asn, config.router_id
        );
        if let Some(seconds) = config.peers.iter().find_map(|peer| peer.graceful_restart) {
            let _ = write!(text, " bgp graceful-restart\n bgp graceful-restart restart-time {seconds}\n");
        }
        text.extend(config.peers.iter().map(peer));
        // One for each set of attributes: FRR takes minutes to read a thousand of them.
        let mut maps: Vec<&Announcement> = Vec::new();
        for one in config.announced.iter().filter(|one| one.has_attributes()) {
            if !maps.iter().any(|map| is_alike(map, one)) {
                maps.push(one);
            }
        }
        for (family, word) in FAMILIES {
            let _ = writeln!(text, " address-family {word}");
            text.extend(config.peers.iter().filter(|peer| peer.families.contains(&family)).map(activate));
            for one in config.announced.iter().filter(|one| Family::of(one.prefix.addr()) == family) {
                let map = maps.iter().position(|map| is_alike(map, one));
                let map = map.map(|index| format!(" route-map map{index}")).unwrap_or_default();
                let _ = writeln!(text, "  network {}{map}", one.prefix);
            }
            text += " exit-address-family\n";
        }
        text += "exit\n";
        text.extend(maps.iter().copied().enumerate().map(route_map));
        let plain = || "hostname frr\n".to_owned();
        vec![("bgpd.conf", text), ("zebra.conf", plain()), ("bfdd.conf", plain())]
    }

    fn prepare(&self, place: &Place) -> std::io::Result<()> {
        use std::os::unix::fs::chown;
        let root = place.age.root().unwrap_or_else(|| "/".into());
        let users = std::fs::read_to_string(root.join("etc/passwd"))?;
        let user = users.lines().find_map(|line| line.strip_prefix("frr:"));
        let ids: Vec<u32> =
            user.into_iter().flat_map(|line| line.split(':').skip(1).take(2)).map(first).collect();
        let [user, group] = ids[..] else { return Err(std::io::Error::other("there is no user frr")) };
        for folder in ["run/frr", "var/lib/frr", "var/log/frr"] {
            std::fs::create_dir_all(root.join(folder))?;
        }
        chown(&place.ours, Some(user), Some(group))?;
        ["bgpd.conf", "zebra.conf", "bfdd.conf"]
            .iter()
            .try_for_each(|file| chown(place.ours.join(file), Some(user), Some(group)))
    }

    fn helpers(&self, config: &Config, place: &Place) -> Vec<(Command, &'static str)> {
        let mut helpers = vec![(command(ZEBRA, place), "zserv")];
        let is_written = config.text.as_ref().is_some_and(|text| text.contains(" bfd "));
        if is_written || config.peers.iter().any(|peer| peer.bfd.is_some()) {
            let mut bfdd = command(BFDD, place);
            // Only the old one has it, and one such socket per machine where it is not said.
            if place.age == Age::Host {
                bfdd.args(["--bfdctl", &place.path("bfdctl")]);
            }
            helpers.push((bfdd, "bfdd.vty"));
        }
        helpers
    }

    fn command(&self, config: &Config, place: &Place) -> Command {
        let mut command = command(BGPD, place);
        command.args(["-p", &config.port.to_string()]);
        if !config.forwarding {
            command.arg("-n");
        }
        command
    }

    fn begin(&self, router: &Running) -> Result<(), String> {
        vtysh(router, &["show bgp summary json"]).map(drop)
    }

    fn is_established(&self, router: &Running, peer: IpAddr) -> Result<bool, String> {
        let summary = json(router, "show bgp summary json")?;
        let families = summary.as_object().into_iter().flat_map(|families| families.values());
        let mut states = families.map(|family| &family["peers"][peer.to_string()]["state"]);
        Ok(states.any(|state| state == "Established"))
    }

    fn is_bfd_up(&self, router: &Running, peer: IpAddr) -> Result<bool, String> {
        // What bgpd knows of it: bfdd knows before, and forgets the session when bgpd finds its own address.
        let peers = json(router, &format!("show bgp neighbors {peer} json"))?;
        Ok(peers[peer.to_string()]["peerBfdInfo"]["status"] == "Up")
    }

    fn routes(&self, router: &Running) -> Result<Vec<Route>, String> {
        let mut routes = Vec::new();
        for (_, word) in FAMILIES {
            let table = json(router, &format!("show bgp {word} json detail"))?;
            for (prefix, paths) in table["routes"].as_object().into_iter().flatten() {
                let Ok(prefix) = prefix.parse() else { continue };
                let paths = paths.as_array().or_else(|| paths["paths"].as_array());
                routes.extend(paths.into_iter().flatten().filter_map(|path| route(prefix, path)));
            }
        }
        Ok(routes)
    }

    fn announce(&self, router: &Running, what: &Announcement) -> Result<(), String> {
        if what.has_attributes() {
            return Err("FRR's lab file announces attributes only from its configuration".into());
        }
        network(router, &format!("network {}", what.prefix), what.prefix)
    }

    fn withdraw(&self, router: &Running, prefix: IpNet) -> Result<(), String> {
        network(router, &format!("no network {prefix}"), prefix)
    }

    fn refresh(&self, router: &Running, peer: IpAddr) -> Result<(), String> {
        vtysh(router, &[&format!("clear bgp {peer} soft in")]).map(drop)
    }

    fn shut_down(&self, router: &Running, peer: IpAddr, reason: &str) -> Result<(), String> {
        let asn = router.config.borrow().asn;
        let shutdown = format!("neighbor {peer} shutdown message {reason}");
        vtysh(router, &["configure terminal", &format!("router bgp {asn}"), &shutdown]).map(drop)
    }

    fn tables(&self, router: &Running) -> Vec<Result<String, String>> {
        let words =
            ["show bgp summary", "show bgp neighbors", "show bgp ipv4 unicast", "show bgp ipv6 unicast"];
        words.map(|words| vtysh(router, &[words])).into()
    }
}

const FAMILIES: [(Family, &str); 2] = [(Family::Ipv4, "ipv4 unicast"), (Family::Ipv6, "ipv6 unicast")];

fn command(program: &str, place: &Place) -> Command {
    let name = program.rsplit('/').next().unwrap_or(program);
    let mut command = place.age.command(program);
    command.args(["-f", &place.path(&format!("{name}.conf")), "-i", &place.path(&format!("{name}.pid"))]);
    command.args(["-z", &place.path("zserv"), "--vty_socket", &place.path("")]);
    command.args(["-A", "127.0.0.1", "-P", "0", "--log", "stdout"]);
    command
}

fn peer(peer: &Peer) -> String {
    let address = peer.address;
    let mut lines = vec![
        format!("remote-as {}", peer.asn),
        format!("port {}", peer.port),
        format!("update-source {}", peer.local),
        "timers connect 1".to_owned(),
    ];
    lines.extend(peer.passive.then(|| "passive".to_owned()));
    lines.extend(peer.password.as_ref().map(|key| format!("password {key}")));
    lines.extend(peer.multihop.map(|ttl| format!("ebgp-multihop {ttl}")));
    lines.extend(peer.ttl_security.then(|| "ttl-security hops 1".to_owned()));
    lines.extend(peer.bfd.map(|millis| format!("bfd 3 {millis} {millis}")));
    lines.extend(peer.extended_next_hop.then(|| "capability extended-nexthop".to_owned()));
    lines.iter().map(|line| format!(" neighbor {address} {line}\n")).collect()
}

fn activate(peer: &Peer) -> String {
    let all = if peer.add_path {
        format!("  neighbor {} addpath-tx-all-paths\n", peer.address)
    } else {
        String::new()
    };
    format!("  neighbor {} activate\n{all}", peer.address)
}

/// Whether they differ in their prefixes alone.
fn is_alike(one: &Announcement, other: &Announcement) -> bool {
    *one == Announcement { prefix: one.prefix, ..other.clone() }
}

fn route_map((index, one): (usize, &Announcement)) -> String {
    let mut lines = Vec::new();
    if !one.communities.is_empty() {
        lines.push(format!("community {}", one.communities.join(" ")));
    }
    if !one.large_communities.is_empty() {
        lines.push(format!("large-community {}", one.large_communities.join(" ")));
    }
    if !one.route_targets.is_empty() {
        lines.push(format!("extcommunity rt {}", one.route_targets.join(" ")));
    }
    lines.extend(one.med.map(|med| format!("metric {med}")));
    lines.extend(one.next_hop.map(|hop| match hop {
        IpAddr::V4(hop) => format!("ip next-hop {hop}"),
        IpAddr::V6(hop) => format!("ipv6 next-hop global {hop}"),
    }));
    let lines: String = lines.iter().map(|line| format!(" set {line}\n")).collect();
    format!("route-map map{index} permit 10\n{lines}exit\n")
}

fn vtysh(router: &Running, lines: &[&str]) -> Result<String, String> {
    let folder = router.path("");
    let mut words = vec!["--vty_socket", &folder];
    words.extend(lines.iter().flat_map(|line| ["-c", line]));
    let printed = router.ask("vtysh", &words)?;
    // vtysh succeeds when a daemon refuses.
    if printed.contains("% Unknown command") || printed.contains("failed to connect") {
        Err(printed)
    } else {
        Ok(printed)
    }
}

fn json(router: &Running, line: &str) -> Result<Value, String> {
    let printed = vtysh(router, &[line])?;
    serde_json::from_str(&printed).map_err(|e| format!("{line:?} printed no JSON ({e}): {printed}"))
}

fn network(router: &Running, line: &str, prefix: IpNet) -> Result<(), String> {
    let asn = router.config.borrow().asn;
    let family = FAMILIES[usize::from(prefix.addr().is_ipv6())].1;
    vtysh(
        router,
        &["configure terminal", &format!("router bgp {asn}"), &format!("address-family {family}"), line],
    )
    .map(drop)
}

fn first(text: &str) -> u32 {
    numbers(text).first().copied().unwrap_or_default()
}

fn route(prefix: IpNet, path: &Value) -> Option<Route> {
    if path["peer"]["peerId"].as_str().is_none_or(|id| id == "(unspec)" || id == "0.0.0.0" || id == "::") {
        return None;
    }
    let hops = path["nexthops"].as_array()?;
    let hop = hops.iter().find(|hop| hop["scope"] != "link-local").or(hops.first())?["ip"].as_str()?;
    let as_path = path["aspath"]["string"].as_str().unwrap_or_default();
    let list = |field: &str| {
        let text = path[field]["string"].as_str().unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    };
    let route = Route::new(prefix, hop.parse().ok()?, numbers(as_path));
    let route = route.with_communities(list("community"), list("largeCommunity"));
    Some(Route { med: path["metric"].as_u64().and_then(|med| u32::try_from(med).ok()), ..route })
}
