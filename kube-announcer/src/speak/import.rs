//! What is taken from a peer: what its BgpPeer lists, the pod ranges of other nodes where it asks for them, and never
//! what is this node's own or the cluster's.

use crate::{plan::Ranges, wish::Import};
use bgp_daemon::policy::{
    self, Names, Policy,
    raw::{RawMatch, RawPolicy, RawRule, Texts},
};
use ipnet::IpNet;
use std::net::IpAddr;

/// The name of all import policies.
const TAKE: &str = "import";

/// The default routes. One is taken only where it is listed by itself: `0.0.0.0/0 le 24` means others.
const DEFAULTS: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// What is taken from a peer.
pub(super) fn import(ranges: &Ranges, wish: &Import) -> Policy {
    let inside = |range: &IpNet| format!("{range} le {}", range.max_prefix_len());
    let listed: Vec<String> = wish.accept.iter().map(|entry| entry.trim().to_owned()).collect();
    let unlisted = DEFAULTS.iter().filter(|range| !listed.iter().any(|entry| entry == *range));
    let pods = ranges.pods.iter().filter(|_| wish.pod_routes);
    let rules = [
        ("the node's own pods", "reject", ranges.own.iter().map(inside).collect()),
        ("an address of the node", "reject", ranges.addresses.iter().map(host).collect()),
        ("ranges of Services", "reject", ranges.services.iter().map(inside).collect()),
        ("a default route that accept does not list", "reject", unlisted.map(ToString::to_string).collect()),
        ("podRoutes", "accept", pods.map(ToString::to_string).collect()),
        ("accept", "accept", listed),
    ];
    let rules = rules.into_iter().filter(|(_, _, entries)| !entries.is_empty()).map(rule).collect();
    let policies = [(TAKE.to_owned(), RawPolicy { rules })].into();
    // Each entry was checked when the BgpPeer was; nothing is taken otherwise.
    let checked = policy::check(&policies, &Names::default());
    checked.ok().and_then(|policies| policies.find(TAKE).cloned()).unwrap_or_else(Policy::none)
}

fn host(address: &IpAddr) -> String {
    IpNet::from(*address).to_string()
}

fn rule((name, then, entries): (&str, &str, Vec<String>)) -> RawRule {
    RawRule {
        name: Some(name.into()),
        matches: RawMatch { prefix: Some(entries.into_iter().collect::<Texts>()), ..RawMatch::default() },
        then: Some(then.into()),
        ..RawRule::default()
    }
}
