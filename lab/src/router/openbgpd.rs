//! OpenBGPD, portable: one text file that only root may read, a control socket, JSON out.

use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::process::Command;

use ipnet::IpNet;
use serde_json::Value;

use super::{Dialect, Place, Running};
use crate::config::{Announcement, Config, Family, Peer};
use crate::route::{Route, numbers};

pub(super) struct OpenBgpd;

impl Dialect for OpenBgpd {
    fn name(&self) -> &'static str {
        "OpenBGPD"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["/usr/sbin/bgpd", "bgpctl"]
    }

    fn changes_user(&self) -> bool {
        true
    }

    fn version(&self) -> (&'static [&'static str], &'static str) {
        (&["bgpctl", "-V"], "OpenBGPD ")
    }

    fn files(&self, config: &Config, place: &Place) -> Vec<(&'static str, String)> {
        let port = config.port;
        let mut text = format!(
            "AS {}
router-id {}
listen on 0.0.0.0 port {port}
listen on :: port {port}
socket \"{}\"
fib-update {}
holdtime 9
log updates
",
            config.asn,
            config.router_id,
            place.path("ctl"),
            if config.forwarding { "yes" } else { "no" }
        );
        text.extend(config.announced.iter().map(network));
        text.extend(config.peers.iter().map(peer));
        text += "allow to any\nallow from any\n";
        vec![("bgpd.conf", text)]
    }

    fn prepare(&self, place: &Place) -> std::io::Result<()> {
        // Its unprivileged processes are locked into this folder.
        fs::create_dir_all(place.age.root().unwrap_or_else(|| "/".into()).join("run/openbgpd"))
    }

    fn command(&self, _: &Config, place: &Place) -> Command {
        let mut command = place.age.command("/usr/sbin/bgpd");
        command.args(["-d", "-v", "-f", &place.path("bgpd.conf")]);
        command
    }

    fn begin(&self, router: &Running) -> Result<(), String> {
        bgpctl(router, &["show"]).map(drop)
    }

    fn is_established(&self, router: &Running, peer: IpAddr) -> Result<bool, String> {
        let shown = json(router, &["show", "neighbor", &peer.to_string()])?;
        Ok(shown["neighbors"].as_array().into_iter().flatten().any(|one| one["state"] == "Established"))
    }

    fn routes(&self, router: &Running) -> Result<Vec<Route>, String> {
        let table = json(router, &["show", "rib", "detail"])?;
        Ok(table["rib"].as_array().into_iter().flatten().filter_map(route).collect())
    }

    fn announce(&self, router: &Running, _: &Announcement) -> Result<(), String> {
        reload(router)
    }

    fn withdraw(&self, router: &Running, _: IpNet) -> Result<(), String> {
        reload(router)
    }

    fn refresh(&self, router: &Running, peer: IpAddr) -> Result<(), String> {
        bgpctl(router, &["neighbor", &peer.to_string(), "refresh"]).map(drop)
    }

    fn shut_down(&self, router: &Running, peer: IpAddr, reason: &str) -> Result<(), String> {
        bgpctl(router, &["neighbor", &peer.to_string(), "down", reason]).map(drop)
    }

    fn tables(&self, router: &Running) -> Vec<Result<String, String>> {
        [&["show", "neighbor"][..], &["show", "rib", "detail"]].map(|words| bgpctl(router, words)).into()
    }
}

fn network(one: &Announcement) -> String {
    let mut set = Vec::new();
    set.extend(one.next_hop.map(|hop| format!("nexthop {hop}")));
    set.extend(one.med.map(|med| format!("metric {med}")));
    set.extend(one.communities.iter().map(|community| format!("community {community}")));
    set.extend(one.large_communities.iter().map(|community| format!("large-community {community}")));
    set.extend(one.route_targets.iter().map(|target| format!("ext-community rt {target}")));
    let set = if set.is_empty() { String::new() } else { format!(" set {{ {} }}", set.join(" ")) };
    format!("network {}{set}\n", one.prefix)
}

fn peer(peer: &Peer) -> String {
    let mut text = format!(
        "neighbor {} {{\n  remote-as {}\n  port {}\n  local-address {}\n",
        peer.address, peer.asn, peer.port, peer.local
    );
    for (family, word) in [(Family::Ipv4, "IPv4"), (Family::Ipv6, "IPv6")] {
        let kind = if peer.families.contains(&family) { "unicast" } else { "none" };
        let _ = writeln!(text, "  announce {word} {kind}");
    }
    if peer.passive {
        text += "  passive\n";
    }
    if let Some(password) = &peer.password {
        let _ = writeln!(text, "  tcp md5sig password \"{password}\"");
    }
    if let Some(ttl) = peer.multihop {
        let _ = writeln!(text, "  multihop {ttl}");
    }
    if peer.ttl_security {
        text += "  ttl-security yes\n";
    }
    // Its restart time is that of the hold time; it only helps restarting peers.
    let _ =
        writeln!(text, "  announce restart {}", if peer.graceful_restart.is_some() { "yes" } else { "no" });
    if peer.add_path {
        text += "  announce add-path recv yes\n  announce add-path send all\n";
    }
    if peer.extended_next_hop {
        text += "  announce extended nexthop yes\n";
    }
    text + "}\n"
}

fn bgpctl(router: &Running, words: &[&str]) -> Result<String, String> {
    let socket = router.path("ctl");
    router.ask("bgpctl", &[&["-s", &socket], words].concat())
}

fn json(router: &Running, words: &[&str]) -> Result<Value, String> {
    let socket = router.path("ctl");
    router.ask_json("bgpctl", &[&["-s", &socket, "-j"], words].concat())
}

fn reload(router: &Running) -> Result<(), String> {
    for (name, text) in OpenBgpd.files(&router.config.borrow(), &router.place) {
        router.place.write(name, &text).map_err(|e| format!("{name}: {e}"))?;
    }
    bgpctl(router, &["reload"]).map(drop)
}

fn route(entry: &Value) -> Option<Route> {
    if entry["announced"] == true || entry["origin"] == "announced" {
        return None;
    }
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let hop = [text("exit_nexthop"), text("true_nexthop")].into_iter().find_map(|hop| hop.parse().ok())?;
    let list = |name: &str| {
        let values = entry[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        values.map(str::to_owned).collect()
    };
    let route = Route::new(text("prefix").parse().ok()?, hop, numbers(text("aspath")));
    let med = entry["metric"].as_u64().and_then(|med| u32::try_from(med).ok());
    Some(Route { med, ..route.with_communities(list("communities"), list("large_communities")) })
}
