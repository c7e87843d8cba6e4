//! Groups and peers: who they are, and that no two are the same.

use super::{
    leaf,
    notes::{Notes, elements},
    settings::{Given, Reading},
    whole::{self, About},
};
use crate::{
    config::{
        Config, Group, Peer, PeerSettings, Remote,
        raw::{RawConfig, RawGroup, RawPeer, Text},
    },
    policy::Wrong,
};
use ipnet::IpNet;
use std::{collections::BTreeMap, net::IpAddr};

/// The most dynamic peers of a group that does not say how many.
const MOST_PEERS: usize = 1000;

/// What groups say, by their names.
type Groups<'a> = BTreeMap<&'a str, Given>;

/// Reads all groups and peers into a configuration that knows its AS and where it listens.
pub(super) fn read(reading: &mut Reading<'_>, raw: &RawConfig, config: &mut Config) {
    let about =
        About { asn: config.asn, address: None, is_on_link: false, listens: !config.listen.is_empty() };
    let mut groups = Groups::new();
    let mut ranges = Vec::new();
    for (at, raw) in raw.group.iter().enumerate() {
        config.groups.extend(group(reading, &format!("group[{at}]"), raw, &mut groups, &mut ranges, about));
    }
    let mut seen = BTreeMap::new();
    for (at, raw) in raw.peer.iter().enumerate() {
        config.peers.extend(peer(reading, &format!("peer[{at}]"), raw, &groups, &mut seen, config, about));
    }
    let is_named = |name: &Text| raw.peer.iter().any(|peer| peer.group.as_ref() == Some(name));
    for (at, group) in raw.group.iter().enumerate().filter(|(_, group)| group.accept_from.is_none()) {
        if let Some(name) = group.name.as_ref().filter(|name| !is_named(name)) {
            let name: String = name.0.escape_debug().collect();
            let message =
                format!("no peer is in group {name}, and it accepts none; add accept_from, or take it out");
            reading.notes.warn(format_args!("group[{at}]"), message);
        }
    }
}

fn group<'a>(
    reading: &mut Reading<'_>,
    path: &str,
    raw: &'a RawGroup,
    groups: &mut Groups<'a>,
    ranges: &mut Vec<(IpNet, String)>,
    about: About,
) -> Option<Group> {
    let given = reading.settings(path, &raw.settings);
    let name = name(&mut reading.notes, path, raw);
    let accept_from = accept_from(&mut reading.notes, path, raw, name.unwrap_or("without a name"), ranges);
    let n = &mut reading.notes;
    let most = |text: &str| leaf::whole(text, 1, 100_000).map(|most| most as usize);
    let max_peers = n.one(format_args!("{path}.max_peers"), raw.max_peers.as_ref(), most);
    if raw.accept_from.is_none() && raw.max_peers.is_some() {
        n.wrong(
            format_args!("{path}.max_peers"),
            "the group accepts no peers; add accept_from, or leave it out",
        );
    }
    if !accept_from.is_empty() && !about.listens {
        let message = "nobody listens for these peers, as listen is empty; add listen = [\"0.0.0.0:179\", \"[::]:179\"]";
        n.wrong(format_args!("{path}.accept_from"), message);
    }
    // A group that accepts nobody is judged with each of its peers.
    let mut unheard = Notes::default();
    let n = if accept_from.is_empty() { &mut unheard } else { n };
    let settings = whole::settings(n, &given, None, about);
    let name = name?;
    if let Some(other) = groups.get(name) {
        let message =
            format!("\"{}\" is the name of {} already; write another", name.escape_debug(), other.path);
        reading.notes.wrong(format_args!("{path}.name"), message);
        return None;
    }
    groups.insert(name, given);
    Some(Group { name: name.into(), accept_from, max_peers: max_peers.unwrap_or(MOST_PEERS), settings })
}

fn name<'a>(notes: &mut Notes, path: &str, raw: &'a RawGroup) -> Option<&'a str> {
    let Some(Text(name)) = &raw.name else {
        notes.wrong(format_args!("{path}.name"), "the group has no name; add name = \"cluster-a\", say");
        return None;
    };
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if name.is_empty() || name.len() > 64 || name.contains(odd) {
        let wrong = Wrong::new(name, "is no name", "1 to 64 letters, digits and dashes, like \"cluster-a\"");
        notes.wrong(format_args!("{path}.name"), wrong.0);
    }
    Some(name)
}

/// The ranges of a group, none of which another group has too: a peer is in one group.
fn accept_from(
    notes: &mut Notes,
    path: &str,
    raw: &RawGroup,
    name: &str,
    ranges: &mut Vec<(IpNet, String)>,
) -> Vec<IpNet> {
    let Some(texts) = &raw.accept_from else { return Vec::new() };
    let mut own = Vec::new();
    for (path, text) in elements(format_args!("{path}.accept_from"), texts) {
        let Some(range) = notes.one(&path, Some(text), leaf::prefix) else { continue };
        let overlaps = |(other, _): &&(IpNet, String)| range.contains(other) || other.contains(&range);
        match ranges.iter().find(overlaps) {
            Some((other, of)) => {
                let problem = format_args!("overlaps with {other} of group {of}, and a peer is in one group")
                    .to_string();
                notes.wrong(path, Wrong::new(&text.0, problem, "ranges that do not").0);
            }
            None => own.push(range),
        }
    }
    if own.is_empty() && elements(path, texts).is_empty() {
        let message =
            "the list is empty, so nobody is accepted; write ranges like \"192.0.2.0/24\", or leave it out";
        notes.wrong(format_args!("{path}.accept_from"), message);
    }
    ranges.extend(own.iter().map(|range| (*range, name.to_owned())));
    own
}

fn peer(
    reading: &mut Reading<'_>,
    path: &str,
    raw: &RawPeer,
    groups: &Groups<'_>,
    seen: &mut BTreeMap<Remote, String>,
    config: &Config,
    about: About,
) -> Option<Peer> {
    let given = reading.settings(path, &raw.settings);
    let n = &mut reading.notes;
    let group = raw.group.as_ref().and_then(|Text(name)| {
        let known = groups.get_key_value(name.as_str());
        if known.is_none() {
            let names: Vec<_> = groups.keys().copied().collect();
            let remedy = match names.is_empty() {
                true => "a [[group]] of this name, or leave it out".to_owned(),
                false => format!("one of {}", names.join(", ")),
            };
            n.wrong(format_args!("{path}.group"), Wrong::new(name, "is no group", remedy).0);
        }
        known
    });
    let remote = remote(n, path, raw);
    let (address, is_on_link) = match &remote {
        Some(Remote::Address(address, interface)) => (Some(*address), interface.is_some()),
        _ => (None, raw.interface.is_some()),
    };
    // Without its group it cannot be said what is missing.
    let mut unheard = Notes::default();
    let heard = if raw.group.is_some() && group.is_none() { &mut unheard } else { &mut *n };
    let about = About { address, is_on_link, ..about };
    let settings = whole::settings(heard, &given, group.map(|(_, given)| given), about);
    let remote = remote?;
    let key = if raw.address.is_some() { "address" } else { "interface" };
    if let Some(first) = seen.get(&remote) {
        n.wrong(format_args!("{path}.{key}"), format!("\"{remote}\" is {first} already; keep one of them"));
        return None;
    }
    if let Some(why) = address.and_then(|address| misplaced(address, &settings, config)) {
        n.wrong(format_args!("{path}.{key}"), format!("\"{remote}\" {why}"));
    }
    seen.insert(remote.clone(), path.into());
    Some(Peer { remote, group: group.map(|(name, _)| (*name).into()), settings })
}

/// Why a peer cannot be at this address.
fn misplaced(address: IpAddr, settings: &PeerSettings, config: &Config) -> Option<String> {
    if config.listen.iter().any(|listen| listen.ip() == address && listen.port() == settings.port) {
        return Some("is where we listen ourselves; write the peer's".into());
    }
    // The kernel holds passwords by range, and drops without a word what comes from there and is not signed.
    let signed = |group: &&Group| group.settings.password.is_some() && settings.password.is_none();
    let holds = |group: &Group| group.accept_from.iter().find(|range| range.contains(&address)).copied();
    let mut ranges = config.groups.iter().filter(signed);
    let (range, group) = ranges.find_map(|group| Some((holds(group)?, group)))?;
    let group = group.name.escape_debug();
    Some(format!(
        "is in {range} of group {group}, from where connections without that group's password never get in; \
         give the peer a password too, or the group ranges without it"
    ))
}

/// Where a peer is: an address, a link, or a link-local address on a link.
fn remote(n: &mut Notes, path: &str, raw: &RawPeer) -> Option<Remote> {
    let interface = n.one(format_args!("{path}.interface"), raw.interface.as_ref(), leaf::interface);
    let Some(text) = &raw.address else {
        if raw.interface.is_none() {
            let message =
                "it is not said where the peer is; add address = \"192.0.2.1\", say, or interface = \"eth1\"";
            n.wrong(format_args!("{path}.address"), message);
        }
        return interface.map(Remote::Interface);
    };
    let address = n.one(format_args!("{path}.address"), Some(text), leaf::address)?;
    let is_link_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    if is_link_local && raw.interface.is_none() {
        let wrong = Wrong::new(&text.0, "is on every link", "interface = \"eth1\", say, beside it");
        n.wrong(format_args!("{path}.address"), wrong.0);
    }
    if !is_link_local && let Some(Text(name)) = &raw.interface {
        let problem = format_args!("is not needed to find {address}").to_string();
        let wrong = Wrong::new(name, problem, "address or interface, or a link-local address with both");
        n.wrong(format_args!("{path}.interface"), wrong.0);
    }
    let interface = interface.filter(|_| is_link_local);
    Some(Remote::Address(address, interface))
}
