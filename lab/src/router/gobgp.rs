//! GoBGP: TOML for the sessions, its own command line for everything else, in JSON.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use ipnet::IpNet;
use serde_json::Value;

use super::mrt::{self, Form};
use super::{Dialect, Place, Running};
use crate::config::{Announcement, Config, Family, Peer};
use crate::route::Route;

pub(super) struct GoBgp;

/// How many prefixes are announced one by one; each takes a program of its own.
const FEW: usize = 30;

impl Dialect for GoBgp {
    fn name(&self) -> &'static str {
        "GoBGP"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["gobgpd", "gobgp"]
    }

    fn changes_user(&self) -> bool {
        false
    }

    fn version(&self) -> (&'static [&'static str], &'static str) {
        (&["gobgpd", "--version"], "version ")
    }

    fn files(&self, config: &Config, _: &Place) -> Vec<(&'static str, String)> {
        let mut text = format!(
            "[global.config]\n  as = {}\n  router-id = \"{}\"\n  port = {}\n",
            config.asn, config.router_id, config.port
        );
        text.extend(config.peers.iter().map(peer));
        let commands: String =
            config.announced.iter().map(|one| format!("# gobgp {}\n", add(one).join(" "))).collect();
        vec![("gobgp.toml", text + &commands)]
    }

    fn prepare(&self, _: &Place) -> std::io::Result<()> {
        Ok(())
    }

    fn command(&self, _: &Config, place: &Place) -> Command {
        let mut command = place.age.command("gobgpd");
        command.args([
            "-f",
            &place.path("gobgp.toml"),
            "--api-hosts",
            &socket(place),
            "--pprof-disable",
            "-p",
        ]);
        command
    }

    fn begin(&self, router: &Running) -> Result<(), String> {
        gobgp(router, &["global"])?;
        let config = router.config.borrow().clone();
        if config.announced.len() <= FEW {
            return config.announced.iter().try_for_each(|one| self.announce(router, one));
        }
        let [short, whole] = [Form::Short, Form::Whole].map(|form| inject(router, &config, form));
        short.or(whole)
    }

    fn is_established(&self, router: &Running, peer: IpAddr) -> Result<bool, String> {
        let peers = json(router, &["neighbor"])?;
        let address = peer.to_string();
        let mut peers = peers.as_array().into_iter().flatten();
        Ok(peers.any(|one| {
            let state = &one["state"];
            // The enumeration of the API counts ESTABLISHED as 6.
            let is_up = state["session_state"] == 6 || state["session_state"] == "ESTABLISHED";
            is_up && (state["neighbor_address"] == *address || one["conf"]["neighbor_address"] == *address)
        }))
    }

    fn routes(&self, router: &Running) -> Result<Vec<Route>, String> {
        let mut routes = Vec::new();
        for peer in &router.config.borrow().peers {
            for family in &peer.families {
                let address = peer.address.to_string();
                routes.extend(table(&json(router, &["neighbor", &address, "adj-in", "-a", word(*family)])?));
            }
        }
        Ok(routes)
    }

    fn accepted(&self, router: &Running) -> Result<Vec<Route>, String> {
        let mut routes = Vec::new();
        for family in [Family::Ipv4, Family::Ipv6] {
            routes.extend(table(&json(router, &["global", "rib", "-a", word(family)])?));
        }
        // Its own routes have no path.
        routes.retain(|route| !route.as_path.is_empty());
        Ok(routes)
    }

    fn announce(&self, router: &Running, what: &Announcement) -> Result<(), String> {
        let words = add(what);
        gobgp(router, &words.iter().map(String::as_str).collect::<Vec<_>>()).map(drop)
    }

    fn withdraw(&self, router: &Running, prefix: IpNet) -> Result<(), String> {
        let family = word(Family::of(prefix.addr()));
        gobgp(router, &["global", "rib", "del", &prefix.to_string(), "-a", family]).map(drop)
    }

    fn refresh(&self, _: &Running, _: IpAddr) -> Result<(), String> {
        Err("GoBGP looks again at what it kept, it cannot be told to send ROUTE-REFRESH".into())
    }

    fn shut_down(&self, router: &Running, peer: IpAddr, reason: &str) -> Result<(), String> {
        gobgp(router, &["neighbor", &peer.to_string(), "shutdown", "--reason", reason]).map(drop)
    }

    fn tables(&self, router: &Running) -> Vec<Result<String, String>> {
        let mut tables = vec![gobgp(router, &["neighbor"])];
        for family in [Family::Ipv4, Family::Ipv6] {
            tables.push(gobgp(router, &["global", "rib", "-a", word(family)]));
        }
        tables
    }
}

fn word(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

fn socket(place: &Place) -> String {
    format!("unix://{}", place.path("api"))
}

fn peer(peer: &Peer) -> String {
    let mut text = format!(
        "[[neighbors]]
  [neighbors.config]
    neighbor-address = \"{}\"
    peer-as = {}
",
        peer.address, peer.asn
    );
    if let Some(password) = &peer.password {
        let _ = writeln!(text, "    auth-password = \"{password}\"");
    }
    let _ = write!(
        text,
        "  [neighbors.transport.config]
    local-address = \"{}\"
    remote-port = {}
    passive-mode = {}
  [neighbors.timers.config]
    hold-time = 9
    keepalive-interval = 3
    connect-retry = 1
    idle-hold-time-after-reset = 1
",
        peer.local, peer.port, peer.passive
    );
    if let Some(ttl) = peer.multihop {
        let _ = write!(
            text,
            "  [neighbors.ebgp-multihop.config]\n    enabled = true\n    multihop-ttl = {ttl}\n"
        );
    }
    if peer.ttl_security {
        text += "  [neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255\n";
    }
    if let Some(seconds) = peer.graceful_restart {
        let _ = write!(
            text,
            "  [neighbors.graceful-restart.config]\n    enabled = true\n    restart-time = {seconds}\n"
        );
    }
    for family in &peer.families {
        let word = word(*family);
        let _ = write!(
            text,
            "  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = \"{word}-unicast\"\n"
        );
        if peer.graceful_restart.is_some() {
            text += "    [neighbors.afi-safis.mp-graceful-restart.config]\n      enabled = true\n";
        }
        if peer.add_path {
            text += "    [neighbors.afi-safis.add-paths.config]\n      receive = true\n      send-max = 8\n";
        }
    }
    text
}

fn add(what: &Announcement) -> Vec<String> {
    let mut words: Vec<String> = ["global", "rib", "add"].map(str::to_owned).into();
    words.push(what.prefix.to_string());
    if let Some(hop) = what.next_hop {
        words.extend(["nexthop".into(), hop.to_string()]);
    }
    for (keyword, values) in [("community", &what.communities), ("large-community", &what.large_communities)]
    {
        if !values.is_empty() {
            words.extend([keyword.into(), values.join(",")]);
        }
    }
    if !what.route_targets.is_empty() {
        words.extend(
            ["rt".into(), what.route_targets.join(" rt ")]
                .iter()
                .flat_map(|part| part.split(' '))
                .map(str::to_owned),
        );
    }
    if let Some(med) = what.med {
        words.extend(["med".into(), med.to_string()]);
    }
    words.extend(["-a".into(), word(Family::of(what.prefix.addr())).into()]);
    words
}

fn gobgp(router: &Running, words: &[&str]) -> Result<String, String> {
    let target = socket(&router.place);
    router.ask("gobgp", &[&["--target", &target], words].concat())
}

/// Has it read a table dump. Old ones and new ones want another form, and take nothing of the other's IPv6 routes.
fn inject(router: &Running, config: &Config, form: Form) -> Result<(), String> {
    let file = router.place.ours.join("announced.mrt");
    // Twice: the client ends before the last of what it sends is taken.
    let dump = mrt::table(config, form).repeat(2);
    std::fs::write(&file, dump).map_err(|e| format!("{}: {e}", file.display()))?;
    gobgp(router, &["mrt", "inject", "global", "--queue-size", "1", &router.path("announced.mrt")])?;
    let size = |family| Ok::<_, String>(table(&json(router, &["global", "rib", "-a", family])?).len());
    let taken = size("ipv4")? + size("ipv6")?;
    if taken < config.announced.len() { Err(format!("it took {taken} routes")) } else { Ok(()) }
}

fn json(router: &Running, words: &[&str]) -> Result<Value, String> {
    let target = socket(&router.place);
    router.ask_json("gobgp", &[&["--target", &target, "-j"], words].concat())
}

fn table(printed: &Value) -> Vec<Route> {
    let mut routes = Vec::new();
    for (prefix, paths) in printed.as_object().into_iter().flatten() {
        let Ok(prefix) = prefix.parse() else { continue };
        routes.extend(paths.as_array().into_iter().flatten().map(|path| route(prefix, path)));
    }
    routes
}

/// Attributes come as their code and fields that differ from one to the next.
fn route(prefix: IpNet, path: &Value) -> Route {
    let mut route = Route::new(prefix, Ipv4Addr::UNSPECIFIED.into(), Vec::new());
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let (mut communities, mut large) = (Vec::new(), Vec::new());
    for attribute in path["attrs"].as_array().into_iter().flatten() {
        match attribute["type"].as_u64() {
            Some(2) => {
                let segments = attribute["as_paths"].as_array().into_iter().flatten();
                let asns = segments.flat_map(|segment| segment["asns"].as_array().into_iter().flatten());
                route.as_path = asns.filter_map(number).collect();
            }
            Some(3 | 14) => {
                let hop = attribute["nexthop"].as_str().and_then(|hop| hop.parse().ok());
                route.next_hop = hop.unwrap_or(route.next_hop);
            }
            Some(4) => route.med = number(&attribute["metric"]),
            Some(8) => {
                let all = attribute["communities"].as_array().into_iter().flatten().filter_map(number);
                communities = all.map(|one| format!("{}:{}", one >> 16, one & 0xffff)).collect();
            }
            Some(32) => {
                let all = attribute["value"].as_array().into_iter().flatten();
                let part = |one: &Value, name: &str| number(&one[name]).unwrap_or_default();
                let text = |one| {
                    format!("{}:{}:{}", part(one, "ASN"), part(one, "LocalData1"), part(one, "LocalData2"))
                };
                large = all.map(text).collect();
            }
            _ => {}
        }
    }
    route.with_communities(communities, large)
}
