//! BIRD 2: one text file, a control socket, text out.

use std::fmt::Write;
use std::net::IpAddr;
use std::process::Command;

use ipnet::IpNet;

use super::{Dialect, Place, Running};
use crate::config::{Announcement, Config, Family, Peer};
use crate::route::{Route, numbers};

pub(super) struct Bird;

impl Dialect for Bird {
    fn name(&self) -> &'static str {
        "BIRD"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["bird", "birdc"]
    }

    fn changes_user(&self) -> bool {
        false
    }

    fn version(&self) -> (&'static [&'static str], &'static str) {
        (&["bird", "--version"], "version ")
    }

    fn files(&self, config: &Config, _: &Place) -> Vec<(&'static str, String)> {
        let mut text = format!(
            "log stderr all;\ndebug protocols {{ states, events }};\nrouter id {};\nprotocol device {{}}\n",
            config.router_id
        );
        for (family, word) in FAMILIES {
            let announced = config.announced.iter().filter(|one| Family::of(one.prefix.addr()) == family);
            let routes: String = announced.clone().map(route).collect();
            let said: String = announced.map(said_to_peers).collect();
            let _ = write!(text, "protocol static announced_{word} {{\n  {word};\n{routes}}}\n");
            if config.forwarding {
                let _ = write!(
                    text,
                    "protocol kernel kernel_{word} {{\n  {word} {{ export where source = RTS_BGP; }};\n  merge paths on;\n}}\n"
                );
            }
            let _ = write!(text, "filter out_{word} {{\n{said}  accept;\n}}\n");
        }
        if let Some(millis) = config.peers.iter().find_map(|peer| peer.bfd) {
            let pace = format!("interval {millis} ms; multiplier 3; passive off;");
            let _ = writeln!(text, "protocol bfd {{ interface \"*\" {{ {pace} }}; multihop {{ {pace} }}; }}");
        }
        for (index, one) in config.peers.iter().enumerate() {
            text += &peer(index, one, config);
        }
        vec![("bird.conf", text)]
    }

    fn prepare(&self, _: &Place) -> std::io::Result<()> {
        Ok(())
    }

    fn command(&self, _: &Config, place: &Place) -> Command {
        let mut command = place.age.command("bird");
        command.args([
            "-f",
            "-c",
            &place.path("bird.conf"),
            "-s",
            &place.path("ctl"),
            "-P",
            &place.path("pid"),
        ]);
        command
    }

    fn begin(&self, router: &Running) -> Result<(), String> {
        birdc(router, "show status").map(drop)
    }

    fn is_established(&self, router: &Running, peer: IpAddr) -> Result<bool, String> {
        let printed = birdc(router, "show protocols all")?;
        // Each protocol begins at the margin; what it says of itself is indented.
        let mut lines = printed.lines().map(str::trim_end);
        let mut is_up = false;
        Ok(lines.any(|line| {
            if !line.starts_with(' ') {
                is_up = line.contains("Established");
            }
            let address =
                line.trim().strip_prefix("Neighbor address:").and_then(|rest| rest.trim().parse().ok());
            is_up && address == Some(peer)
        }))
    }

    fn is_bfd_up(&self, router: &Running, peer: IpAddr) -> Result<bool, String> {
        let printed = birdc(router, "show bfd sessions")?;
        let is = |line: &str| {
            let mut words = line.split_whitespace();
            words.next().and_then(|word| word.parse().ok()) == Some(peer) && words.nth(1) == Some("Up")
        };
        Ok(printed.lines().any(is))
    }

    fn routes(&self, router: &Running) -> Result<Vec<Route>, String> {
        birdc(router, "show route all where source = RTS_BGP").map(|printed| parse(&printed))
    }

    fn announce(&self, router: &Running, _: &Announcement) -> Result<(), String> {
        reload(router)
    }

    fn withdraw(&self, router: &Running, _: IpNet) -> Result<(), String> {
        reload(router)
    }

    fn refresh(&self, router: &Running, peer: IpAddr) -> Result<(), String> {
        birdc(router, &format!("reload in peer{}", router.index(peer)?)).map(drop)
    }

    fn shut_down(&self, router: &Running, peer: IpAddr, reason: &str) -> Result<(), String> {
        birdc(router, &format!("disable peer{} \"{reason}\"", router.index(peer)?)).map(drop)
    }

    fn end_for_restart(&self, router: &Running) -> Result<(), String> {
        birdc(router, "graceful restart").map(drop)
    }

    fn tables(&self, router: &Running) -> Vec<Result<String, String>> {
        ["show protocols all", "show route all"].map(|words| birdc(router, words)).into()
    }
}

const FAMILIES: [(Family, &str); 2] = [(Family::Ipv4, "ipv4"), (Family::Ipv6, "ipv6")];

fn route(one: &Announcement) -> String {
    let tuple = |text: &str| numbers(text).iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let mut set = String::new();
    for community in &one.communities {
        let _ = write!(set, " bgp_community.add(({}));", tuple(community));
    }
    for community in &one.large_communities {
        let _ = write!(set, " bgp_large_community.add(({}));", tuple(community));
    }
    for target in &one.route_targets {
        let _ = write!(set, " bgp_ext_community.add((rt,{}));", tuple(target));
    }
    let set = if set.is_empty() { set } else { format!(" {{{set} }}") };
    format!("  route {} blackhole{set};\n", one.prefix)
}

/// BIRD takes these off a route on its way to a peer, unless the export filter sets them.
fn said_to_peers(one: &Announcement) -> String {
    let hop = one.next_hop.map(|hop| format!("  if net = {} then bgp_next_hop = {hop};\n", one.prefix));
    let med = one.med.map(|med| format!("  if net = {} then bgp_med = {med};\n", one.prefix));
    hop.into_iter().chain(med).collect()
}

fn peer(index: usize, peer: &Peer, config: &Config) -> String {
    // Without four-octet AS numbers a configuration may not name one, but the OPEN still tells it.
    let asn = if peer.two_octet_as { "external".to_owned() } else { format!("as {}", peer.asn) };
    let mut text = format!(
        "protocol bgp peer{index} {{
  local {} port {} as {};
  neighbor {} port {} {asn};
  hold time 9; keepalive time 3; connect delay time 0; connect retry time 1; error wait time 1,2;
",
        peer.local, config.port, config.asn, peer.address, peer.port
    );
    if peer.passive {
        text += "  passive on;\n";
    }
    if peer.two_octet_as {
        text += "  enable as4 off;\n";
    }
    if let Some(password) = &peer.password {
        let _ = writeln!(text, "  password \"{password}\";");
    }
    if let Some(ttl) = peer.multihop {
        let _ = writeln!(text, "  multihop {ttl};");
    }
    if let Some(interface) = &peer.interface {
        let _ = writeln!(text, "  interface \"{interface}\";");
    }
    if peer.ttl_security {
        text += "  ttl security on;\n";
    }
    if peer.bfd.is_some() {
        text += "  bfd on;\n";
    }
    if let Some(seconds) = peer.graceful_restart {
        let _ = writeln!(text, "  graceful restart on; graceful restart time {seconds};");
    }
    for (family, word) in FAMILIES.iter().filter(|(family, _)| peer.families.contains(family)) {
        let paths = if peer.add_path { " add paths on;" } else { "" };
        let extended = peer.extended_next_hop && *family == Family::Ipv4;
        let extended = if extended { " extended next hop on;" } else { "" };
        let _ = writeln!(text, "  {word} {{ import all; export filter out_{word};{paths}{extended} }};");
    }
    text + "}\n"
}

fn birdc(router: &Running, words: &str) -> Result<String, String> {
    router.ask("birdc", &["-s", &router.path("ctl"), words])
}

fn reload(router: &Running) -> Result<(), String> {
    for (name, text) in Bird.files(&router.config.borrow(), &router.place) {
        router.place.write(name, &text).map_err(|e| format!("{name}: {e}"))?;
    }
    let printed = birdc(router, "configure")?;
    if printed.contains("Reconfigur") { Ok(()) } else { Err(printed) }
}

/// A route is a line with `[protocol time]`; its prefix is left out when it is that of the line before.
fn parse(printed: &str) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    let mut prefix = None;
    for line in printed.lines() {
        if !line.starts_with('\t') && line.contains(" [") {
            prefix = line.split_whitespace().next().and_then(|word| word.parse().ok()).or(prefix);
            let unknown = IpAddr::from([0, 0, 0, 0]);
            routes.extend(prefix.map(|prefix| Route::new(prefix, unknown, Vec::new())));
        }
        let Some(route) = routes.last_mut() else { continue };
        let Some((name, value)) = line.trim().split_once(": ") else { continue };
        match name {
            "BGP.as_path" => route.as_path = numbers(value),
            "BGP.next_hop" => {
                let first = value.split_whitespace().next().and_then(|word| word.parse().ok());
                route.next_hop = first.unwrap_or(route.next_hop);
            }
            "BGP.med" => route.med = value.parse().ok(),
            "BGP.community" => route.communities = tuples(value),
            "BGP.large_community" => route.large_communities = tuples(value),
            _ => {}
        }
    }
    routes
}

/// `(65001,1) (65001,2)`, with or without blanks after the commas.
fn tuples(text: &str) -> Vec<String> {
    let colons = |tuple: &str| numbers(tuple).iter().map(u32::to_string).collect::<Vec<_>>().join(":");
    let mut all: Vec<_> = text.split(')').map(colons).filter(|one| !one.is_empty()).collect();
    all.sort();
    all
}
