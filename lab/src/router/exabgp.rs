//! ExaBGP 4: announces what a file and a process tell it, and tells that process what it hears, as lines of JSON.
//!
//! Our process is two ordinary files: `heard`, to which everything is appended, and `commands`, followed with `tail`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::Write as _;
use std::net::IpAddr;
use std::process::Command;

use ipnet::IpNet;
use serde_json::Value;

use super::{Dialect, Place, Running};
use crate::config::{Announcement, Config, Family, Peer};
use crate::route::{Route, numbers};

pub(super) struct ExaBgp;

impl Dialect for ExaBgp {
    fn name(&self) -> &'static str {
        "ExaBGP"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["exabgp", "python3"]
    }

    fn changes_user(&self) -> bool {
        false
    }

    fn version(&self) -> (&'static [&'static str], &'static str) {
        (&["exabgp", "--version"], "ExaBGP : ")
    }

    fn files(&self, config: &Config, place: &Place) -> Vec<(&'static str, String)> {
        let mut text = format!("process api {{ run /bin/sh {}; encoder json; }}\n", place.path("api.sh"));
        text.extend(config.peers.iter().map(|one| peer(one, config)));
        let (heard, commands) = (place.path("heard"), place.path("commands"));
        vec![
            ("exabgp.conf", text),
            ("api.sh", format!("tail -n +1 -f {commands} &\nexec cat >{heard}\n")),
            ("commands", String::new()),
        ]
    }

    fn prepare(&self, _: &Place) -> std::io::Result<()> {
        Ok(())
    }

    fn command(&self, config: &Config, place: &Place) -> Command {
        let mut command = place.age.command("exabgp");
        let listen: Vec<_> = config.peers.iter().map(|peer| peer.local.to_string()).collect();
        for (setting, value) in [
            ("daemon.user", "root"),
            ("daemon.drop", "false"),
            ("api.cli", "false"),
            ("api.ack", "false"),
            ("log.destination", "stdout"),
            ("log.level", "INFO"),
            ("tcp.bind", &listen.join(" ")),
            ("tcp.port", &config.port.to_string()),
        ] {
            command.env(format!("exabgp.{setting}"), value);
        }
        command.args(["--root", &place.path(""), &place.path("exabgp.conf")]);
        command
    }

    fn begin(&self, router: &Running) -> Result<(), String> {
        heard(router).map(drop)
    }

    fn is_established(&self, router: &Running, peer: IpAddr) -> Result<bool, String> {
        let events = heard(router)?;
        let mut states =
            events.iter().filter(|event| event["type"] == "state" && speaker(event) == Some(peer));
        Ok(states.next_back().is_some_and(|event| event["neighbor"]["state"] == "up"))
    }

    fn routes(&self, router: &Running) -> Result<Vec<Route>, String> {
        let mut held: BTreeMap<(Option<IpAddr>, IpNet, String), Route> = BTreeMap::new();
        for event in heard(router)? {
            let peer = speaker(&event);
            if event["type"] == "state" && event["neighbor"]["state"] != "up" {
                held.retain(|(from, ..), _| *from != peer);
            }
            let update = &event["neighbor"]["message"]["update"];
            for nlri in update["withdraw"].as_object().into_iter().flat_map(|families| families.values()) {
                for (prefix, path_id) in nlri.as_array().into_iter().flatten().filter_map(prefix) {
                    held.remove(&(peer, prefix, path_id));
                }
            }
            for hops in update["announce"].as_object().into_iter().flat_map(|families| families.values()) {
                let hops = hops
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter_map(|(hop, nlri)| Some((hop.parse().ok()?, nlri)));
                // A link-local next hop comes as another one beside the global one.
                for (hop, nlri) in hops.filter(|(hop, _)| !is_link_local(*hop)) {
                    for (prefix, path_id) in nlri.as_array().into_iter().flatten().filter_map(prefix) {
                        held.insert((peer, prefix, path_id), route(prefix, hop, &update["attribute"]));
                    }
                }
            }
        }
        Ok(held.into_values().collect())
    }

    fn announce(&self, router: &Running, what: &Announcement) -> Result<(), String> {
        tell(router, &format!("announce {}", route_line(what)))
    }

    fn withdraw(&self, router: &Running, prefix: IpNet) -> Result<(), String> {
        tell(router, &format!("withdraw route {prefix} next-hop self"))
    }

    fn refresh(&self, router: &Running, peer: IpAddr) -> Result<(), String> {
        let families = router.config.borrow().peers[router.index(peer)?].families.clone();
        families.iter().try_for_each(|family| {
            let word = if *family == Family::Ipv4 { "ipv4" } else { "ipv6" };
            tell(router, &format!("neighbor {peer} announce route-refresh {word} unicast"))
        })
    }

    fn shut_down(&self, router: &Running, peer: IpAddr, _: &str) -> Result<(), String> {
        // It has no text of ours to send, only the code: 6/2.
        tell(router, &format!("neighbor {peer} teardown 2"))
    }

    fn tables(&self, router: &Running) -> Vec<Result<String, String>> {
        vec![fs::read_to_string(router.place.ours.join("heard")).map_err(|e| format!("heard nothing: {e}"))]
    }
}

fn peer(peer: &Peer, config: &Config) -> String {
    let mut text = format!(
        "neighbor {} {{
  router-id {};
  local-address {};
  local-as {};
  peer-as {};
  hold-time 9;
  connect {};
  passive {};
",
        peer.address, config.router_id, peer.local, config.asn, peer.asn, peer.port, peer.passive
    );
    if let Some(password) = &peer.password {
        let _ = writeln!(text, "  md5-password \"{password}\";\n  md5-ip {};", peer.local);
    }
    if let Some(ttl) = peer.multihop {
        let _ = writeln!(text, "  outgoing-ttl {ttl};");
    }
    let families = [(Family::Ipv4, "ipv4"), (Family::Ipv6, "ipv6")];
    let spoken = families.iter().filter(|(family, _)| peer.families.contains(family));
    let families: String = spoken.map(|(_, word)| format!(" {word} unicast;")).collect();
    let mut capability = " asn4 enable; route-refresh enable;".to_owned();
    if let Some(seconds) = peer.graceful_restart {
        let _ = write!(capability, " graceful-restart {seconds};");
    }
    if peer.add_path {
        capability += " add-path send/receive;";
    }
    if peer.extended_next_hop {
        capability += " nexthop enable;";
        text += "  nexthop { ipv4 unicast ipv6; }\n";
    }
    let _ = write!(text, "  family {{{families} }}\n  capability {{{capability} }}\n");
    text += "  api { processes [ api ]; neighbor-changes; receive { parsed; update; } }\n  static {\n";
    for one in config.announced.iter().filter(|one| peer.families.contains(&Family::of(one.prefix.addr()))) {
        let _ = writeln!(text, "    {};", route_line(one));
    }
    text + "  }\n}\n"
}

fn route_line(one: &Announcement) -> String {
    let mut line = format!("route {} next-hop ", one.prefix);
    line += &one.next_hop.map_or_else(|| "self".to_owned(), |hop| hop.to_string());
    if let Some(med) = one.med {
        let _ = write!(line, " med {med}");
    }
    if !one.communities.is_empty() {
        let _ = write!(line, " community [ {} ]", one.communities.join(" "));
    }
    if !one.large_communities.is_empty() {
        let _ = write!(line, " large-community [ {} ]", one.large_communities.join(" "));
    }
    if !one.route_targets.is_empty() {
        let _ = write!(line, " extended-community [ target:{} ]", one.route_targets.join(" target:"));
    }
    line
}

fn tell(router: &Running, line: &str) -> Result<(), String> {
    let file = router.place.ours.join("commands");
    let opened = fs::OpenOptions::new().append(true).open(&file);
    opened.and_then(|mut file| writeln!(file, "{line}")).map_err(|e| format!("{}: {e}", file.display()))
}

/// Every event so far. The last line may still be on its way.
fn heard(router: &Running) -> Result<Vec<Value>, String> {
    let file = router.place.ours.join("heard");
    let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

fn speaker(event: &Value) -> Option<IpAddr> {
    event["neighbor"]["address"]["peer"].as_str()?.parse().ok()
}

/// With the path identifier that makes it another route than the next one for the same prefix.
fn prefix(nlri: &Value) -> Option<(IpNet, String)> {
    Some((nlri["nlri"].as_str()?.parse().ok()?, nlri["path-information"].to_string()))
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

fn route(prefix: IpNet, hop: IpAddr, attributes: &Value) -> Route {
    let list = |name: &str| {
        let values = attributes[name].as_array().into_iter().flatten();
        let text = |value: &Value| {
            numbers(&value.to_string()).iter().map(u32::to_string).collect::<Vec<_>>().join(":")
        };
        values.map(text).collect()
    };
    let as_path = attributes["as-path"].to_string();
    let route = Route::new(prefix, hop, numbers(&as_path))
        .with_communities(list("community"), list("large-community"));
    Route { med: attributes["med"].as_u64().and_then(|med| u32::try_from(med).ok()), ..route }
}
