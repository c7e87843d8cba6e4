//! Peers: a line each, or everything about one.

use super::{
    super::table::{Column, Side, Table, age, span},
    joined,
};
use bgp_daemon::api::document::{Bfd, Fault, Peer};
use std::collections::BTreeMap;

const COLUMNS: [Column; 8] = [
    ("PEER", Side::Left),
    ("ASN", Side::Left),
    ("STATE", Side::Left),
    ("SINCE", Side::Right),
    ("RECEIVED", Side::Right),
    ("ACCEPTED", Side::Right),
    ("ADVERTISED", Side::Right),
    ("NOTE", Side::Left),
];

/// An empty table of peers.
pub(crate) fn peers() -> Table<'static> {
    Table::new(&COLUMNS)
}

/// A peer's line in it.
pub(crate) fn peer_row(peer: &Peer) -> Vec<String> {
    let sum = |count: fn(&bgp_daemon::api::document::Counts) -> u64| {
        peer.families.values().map(count).sum::<u64>().to_string()
    };
    vec![
        peer.peer.clone(),
        asn(peer),
        peer.state.clone(),
        span(peer.seconds),
        sum(|counts| counts.received),
        sum(|counts| counts.accepted),
        sum(|counts| counts.advertised),
        note(peer),
    ]
}

fn asn(peer: &Peer) -> String {
    peer.asn.map_or_else(|| "-".to_owned(), |asn| asn.to_string())
}

/// What it is called, why it is not up, and that BFD is not.
fn note(peer: &Peer) -> String {
    let why = match (&peer.kept_down, &peer.last) {
        _ if peer.state == "Established" => None,
        (Some(kept_down), _) => Some(kept_down.clone()),
        (None, Some(last)) => Some(format!("last: {}", last.reason)),
        (None, None) => None,
    };
    let bfd = peer.bfd.as_ref().filter(|bfd| bfd.state != "Up").map(|bfd| format!("BFD {}", bfd.state));
    peer.description.iter().cloned().chain(why).chain(bfd).collect::<Vec<_>>().join("; ")
}

/// `Up for 3m, a packet every 300ms, 900ms without one are a broken path; 1 came up, 0 went down`.
fn bfd(bfd: &Bfd) -> String {
    let mut text = format!("{} for {}", bfd.state, span(bfd.seconds));
    if let (Some(interval), Some(silence), "Up") = (bfd.interval_ms, bfd.silence_ms, bfd.state.as_str()) {
        text += &format!(", a packet every {interval}ms, {silence}ms without one are a broken path");
    }
    text += &format!("; {} came up, {} went down", bfd.ups, bfd.flaps);
    let last = bfd.last.as_ref().map(|last| format!("; last: {}, {} ago", last.reason, age(last.seconds)));
    let refused = bfd.refused.as_ref().map(|why| format!("; a packet was discarded: {why}"));
    text + &last.unwrap_or_default() + &refused.unwrap_or_default()
}

const FAMILIES: [Column; 4] = [
    ("FAMILY", Side::Left),
    ("RECEIVED", Side::Right),
    ("ACCEPTED", Side::Right),
    ("ADVERTISED", Side::Right),
];

const MESSAGES: [Column; 3] = [("MESSAGES", Side::Left), ("RECEIVED", Side::Right), ("SENT", Side::Right)];

/// Everything about one peer.
pub(crate) fn peer(peer: &Peer) -> String {
    let mut lines = Table::plain(&[("", Side::Left), ("", Side::Left)]);
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push(vec![format!("  {name}"), value]);
        }
    };
    line("description", peer.description.clone());
    line("state", Some(format!("{} for {}", peer.state, span(peer.seconds))));
    line("AS", peer.asn.map(|asn| asn.to_string()));
    line("group", peer.group.clone());
    line("known", peer.dynamic.then(|| "while it is connected".to_owned()));
    line("router id", peer.router_id.clone());
    let ends = peer.local_address.as_ref().zip(peer.address.as_ref());
    line("connection", ends.map(|(ours, theirs)| format!("from {ours} to {theirs}")));
    line("hold time", peer.hold_time.map(|time| if time == 0 { "off".into() } else { format!("{time}s") }));
    line("agreed", Some(peer.agreed.join(", ")).filter(|all| !all.is_empty()));
    peer.refused.iter().for_each(|refused| line("without", Some(refused.clone())));
    line("BFD", peer.bfd.as_ref().map(bfd));
    line("sessions", Some(format!("{} came up, {} went down", peer.ups, peer.flaps)));
    let malformed = peer.malformed.iter().filter(|(_, count)| **count > 0);
    let malformed: Vec<_> = malformed.map(|(treatment, count)| format!("{treatment} {count}")).collect();
    line("malformed", Some(malformed.join(", ")).filter(|all| !all.is_empty()));
    line("stale routes of", Some(peer.stale.join(", ")).filter(|all| !all.is_empty()));
    line("kept down", peer.kept_down.clone());
    line("last", peer.last.as_ref().map(|last| format!("{}, {} ago", last.reason, age(last.seconds))));
    format!("{}\n{}\n{}\n{}", peer.peer, lines.take(), families(peer), messages(peer))
}

fn families(peer: &Peer) -> String {
    let mut table = Table::new(&FAMILIES);
    for (family, counts) in &peer.families {
        let counts = [counts.received, counts.accepted, counts.advertised];
        table.push(std::iter::once(family.clone()).chain(counts.map(|count| count.to_string())).collect());
    }
    table.take()
}

fn messages(peer: &Peer) -> String {
    let mut table = Table::new(&MESSAGES);
    let of = |counts: &BTreeMap<String, u64>, kind: &str| counts.get(kind).copied().unwrap_or(0).to_string();
    for kind in peer.messages.received.keys() {
        table.push(vec![kind.clone(), of(&peer.messages.received, kind), of(&peer.messages.sent, kind)]);
    }
    table.take()
}

/// A message that was not as it should be.
pub(crate) fn faults(fault: &Fault) -> String {
    let digits: Vec<_> = fault.octets.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let head = format!("{}: {} ({} ago)", fault.treatment, fault.what, age(fault.seconds));
    format!("{head}\n  {}\n", joined(&digits.iter().map(ToString::to_string).collect::<Vec<_>>(), "\n  "))
}
