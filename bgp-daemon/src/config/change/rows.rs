//! Every setting as a row: its words, what a change of it costs, and how its value is shown.

#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "each row shows a field of its own type, by reference"
)]

use super::{
    super::{
        Bfd, Config, Distance, GracefulRestart, Group, Kernel, MaxPrefixes, Password, Peer, PeerSettings,
        Resilient, duration::Lasting,
    },
    Cost, Difference,
};
use crate::{
    policy::{
        NextHopChange, Policy,
        standard::{discard::Discards, import::Blackhole, path::RemovePrivate},
    },
    rib::{Limits, Selection},
};
use bgp_proto::attr::table::AttributeCode;
use ipnet::IpNet;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

/// A setting of `T`.
pub(super) struct Row<T> {
    what: &'static str,
    cost: Cost,
    differs: fn(&T, &T) -> bool,
    show: fn(&T) -> String,
}

pub(super) fn differences<T>(rows: &[Row<T>], from: &T, to: &T) -> Vec<Difference> {
    let differing = rows.iter().filter(|row| (row.differs)(from, to));
    differing
        .map(|row| Difference { what: row.what, cost: row.cost, from: (row.show)(from), to: (row.show)(to) })
        .collect()
}

macro_rules! rows {
    ($name:ident: $of:ty { $($cost:ident $what:literal $($field:ident).+ $show:expr;)* }) => {
        pub(super) const $name: &[Row<$of>] = &[$(Row {
            what: $what,
            cost: Cost::$cost,
            differs: |from, to| from.$($field).+ != to.$($field).+,
            show: |of| $show(&of.$($field).+),
        }),*];
    };
}

rows! {
    SETTINGS: PeerSettings {
        Nothing "description" description optional;
        Reset "remote" asn plain;
        Reset "our AS" local_asn optional;
        NextSession "port" port plain;
        Reset "source address" source_address optional;
        NextSession "passive" passive yes;
        Socket "distance" distance distance;
        Socket "password" password password;
        Reset "families" families list;
        Reset "extended next hop" extended_next_hop yes;
        Reset "ADD-PATH" receive_add_path add_path;
        Routes "import policy" import policy;
        Routes "export policy" export policy;
        Routes "most prefixes" max_prefixes max_prefixes;
        NextSession "hold time" timers.hold plain;
        NextSession "shortest hold time" timers.min_hold plain;
        NextSession "keepalive" timers.keepalive keepalive;
        NextSession "connect retry" timers.connect_retry lasting;
        NextSession "idle hold" timers.idle_hold lasting;
        NextSession "longest idle hold" timers.idle_hold_max lasting;
        Routes "next hop" next_hop next_hop;
        Routes "own addresses" next_hop_addresses addresses;
        Routes "own AS allowed" allow_own_asn plain;
        Routes "first AS checked" first_asn yes;
        Routes "AS override" as_override yes;
        Routes "private ASes removed" remove_private remove_private;
        Reset "route reflector client" client yes;
        Reset "role" role optional;
        NextSession "strict role" strict_role yes;
        Routes "default route told" default_originate yes;
        NextSession "graceful restart" graceful_restart graceful_restart;
        Socket "BFD" bfd bfd;
        Routes "blackhole" blackhole blackhole;
        Routes "limits" limits limits;
        Routes "discarded attributes" discards discards;
        Shutdown "shutdown" shutdown shutdown;
    }
}

rows! {
    PEER: Peer {
        Routes "group" group optional;
    }
}

rows! {
    GROUP: Group {
        Nothing "accepted from" accept_from list;
        Nothing "most peers" max_peers plain;
    }
}

rows! {
    SPEAKER: Config {
        Reset "AS" asn plain;
        Reset "router id" router_id optional;
        Routes "cluster id" cluster_id cluster_id;
        Nothing "listening on" listen list;
        Routes "selection" selection selection;
        NextStart "next hops resolved" resolve_next_hops yes;
        Routes "own routes" routes long;
        Routes "discarded prefixes" discards long;
        Routes "aggregates" aggregates long;
        Routes "redistributed" redistribute long;
        NextStart "kernel" kernel kernel;
        Nothing "API socket" api.socket path;
        Nothing "read-only API socket" api.read_only_socket path;
        Nothing "mode of the API socket" api.socket_mode mode;
        Nothing "mode of the read-only API socket" api.read_only_socket_mode mode;
        Nothing "HTTP address" api.http optional;
    }
}

fn plain(value: &impl fmt::Display) -> String {
    value.to_string()
}

fn optional(value: &Option<impl fmt::Display>) -> String {
    value.as_ref().map_or_else(|| "none".into(), ToString::to_string)
}

fn mode(value: &Option<u32>) -> String {
    value.map_or_else(|| "as usual".into(), |mode| format!("{mode:04o}"))
}

fn list(values: &[impl fmt::Display]) -> String {
    if values.is_empty() {
        return "none".into();
    }
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What is too long to show.
fn long<T>(_: &T) -> String {
    String::new()
}

fn yes(value: &bool) -> String {
    if *value { "yes" } else { "no" }.into()
}

fn lasting(value: &Duration) -> String {
    Lasting(*value).to_string()
}

fn keepalive(value: &Option<Duration>) -> String {
    value.as_ref().map_or_else(|| "a third of the hold time".into(), lasting)
}

fn distance(value: &Distance) -> String {
    match value {
        Distance::Adjacent => "adjacent".into(),
        Distance::Secured => "TTL security".into(),
        Distance::Multihop(hops) => format!("multihop {hops}"),
    }
}

fn password(value: &Option<Password>) -> String {
    value.as_ref().map_or("none", |_| "set").into()
}

fn policy(value: &Option<Policy>) -> String {
    value.as_ref().map_or("none", Policy::name).into()
}

fn max_prefixes(value: &Option<MaxPrefixes>) -> String {
    let Some(MaxPrefixes { limit, warn, only_warn, restart_after }) = value else { return "none".into() };
    let then = match restart_after {
        _ if *only_warn => ", only warned of".into(),
        None => String::new(),
        Some(after) => format!(", again after {}", Lasting(*after)),
    };
    format!("{limit}, warned of from {warn} on{then}")
}

fn next_hop(value: &Option<NextHopChange>) -> String {
    match value {
        None => "by rule".into(),
        Some(NextHopChange::Own) => "self".into(),
        Some(NextHopChange::Unchanged) => "unchanged".into(),
        Some(given) => addresses(given),
    }
}

fn addresses(value: &NextHopChange) -> String {
    match value {
        NextHopChange::Addresses { ipv4, ipv6 } => {
            list(&[ipv4.map(IpAddr::V4), ipv6.map(IpAddr::V6)].into_iter().flatten().collect::<Vec<_>>())
        }
        other => next_hop(&Some(*other)),
    }
}

fn remove_private(value: &Option<RemovePrivate>) -> String {
    match value {
        None => "none",
        Some(RemovePrivate::Leading) => "leading",
        Some(RemovePrivate::All) => "all",
        Some(RemovePrivate::Replace) => "replace",
    }
    .into()
}

fn add_path(value: &bool) -> String {
    if *value { "receive" } else { "off" }.into()
}

fn graceful_restart(value: &Option<GracefulRestart>) -> String {
    value.map_or_else(
        || "off".into(),
        |GracefulRestart { restart_time, stale_time, notification }| {
            let after = if notification { "" } else { ", not after a NOTIFICATION" };
            format!("{} (stale routes {}{after})", Lasting(restart_time), Lasting(stale_time))
        },
    )
}

fn bfd(value: &Option<Bfd>) -> String {
    value.map_or_else(
        || "off".into(),
        |Bfd { interval, multiplier }| format!("{} × {multiplier}", Lasting(interval)),
    )
}

fn blackhole(value: &Option<Blackhole>) -> String {
    value.map_or_else(|| "none".into(), |of| format!("IPv4 /{} and IPv6 /{} or longer", of.ipv4, of.ipv6))
}

fn limits(value: &Limits) -> String {
    format!("{} ASes, {} communities", value.as_path, value.communities)
}

fn discards(value: &Discards) -> String {
    list(&(0..=255).map(AttributeCode).filter(|code| value.contains(*code)).collect::<Vec<_>>())
}

fn shutdown(value: &Option<Box<str>>) -> String {
    match value.as_deref() {
        None => "no".into(),
        Some("") => "yes".into(),
        Some(text) => format!("\"{}\"", text.escape_debug()),
    }
}

fn cluster_id(value: &Option<u32>) -> String {
    optional(&value.map(Ipv4Addr::from_bits))
}

fn selection(value: &Selection) -> String {
    let said = [
        value.always_compare_med.then_some("always compare MED"),
        value.multipath_relax.then_some("multipath relax"),
    ];
    let said: Vec<_> = said.into_iter().flatten().collect();
    if said.is_empty() { "as usual".into() } else { said.join(", ") }
}

fn kernel(value: &Option<Kernel>) -> String {
    let Some(of) = value else { return "none".into() };
    let Kernel { table, protocol, metric, multipath, .. } = of;
    let said = format!("table {table}, protocol {protocol}, metric {metric}, multipath {multipath}");
    let ranges = |name: &str, of: &[IpNet]| (!of.is_empty()).then(|| format!("{name} {}", list(of)));
    let more = [
        of.source_ipv4.map(|source| format!("source {source}")),
        of.source_ipv6.map(|source| format!("source {source}")),
        of.default_route.then(|| "default route".into()),
        ranges("protected", &of.protected),
        ranges("allowed in connected networks", &of.allow_connected),
        of.max_routes.map(|most| format!("at most {most} routes")),
        of.resilient.as_ref().map(resilient),
    ];
    more.into_iter().flatten().fold(said, |said, more| said + ", " + &more)
}

fn resilient(value: &Resilient) -> String {
    let Resilient { buckets, idle_timer, unbalanced_timer, prefixes } = value;
    let [idle, unbalanced] = [idle_timer, unbalanced_timer].map(|time| Lasting(*time));
    let which = if prefixes.is_empty() { "all".into() } else { list(prefixes) };
    format!("resilient {which} in {buckets} buckets, idle timer {idle}, unbalanced timer {unbalanced}")
}

fn path(value: &Option<PathBuf>) -> String {
    optional(&value.as_ref().map(|path| path.display()))
}
