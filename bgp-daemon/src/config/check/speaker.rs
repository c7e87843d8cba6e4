//! What is not about peers: where the speaker listens and is asked, the kernel's side, and routes of our own.

use super::{
    leaf,
    notes::{Notes, elements},
    settings::{Reading, addresses},
};
use crate::{
    config::{
        Api, Kernel, Redistribute, Resilient,
        raw::{RawApi, RawAttributes, RawConfig, RawKernel, RawResilient, Text},
    },
    policy::{AnyCommunity, NextHopChange, Policy, Wrong, number},
    rib::{Aggregate, LocalRoute, Selection},
};
use bgp_proto::{attr::set::PathAttributes, numbers::Asn};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// Our AS; where there is none, one that nobody has, so that the rest can be read.
pub(super) fn asn(n: &mut Notes, raw: &RawConfig) -> Asn {
    if raw.asn.is_none() {
        n.wrong("asn", "it is not said which AS we are; add asn = 65000, say, at the top of the file");
    }
    n.one("asn", raw.asn.as_ref(), leaf::asn).unwrap_or_default()
}

pub(super) fn listen(n: &mut Notes, raw: &RawConfig) -> Vec<SocketAddr> {
    let any = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let Some(texts) = &raw.listen else { return any.map(|address| SocketAddr::new(address, 179)).into() };
    let mut found: Vec<SocketAddr> = Vec::new();
    for (path, text) in elements("listen", texts) {
        let Some(address) = n.one(&path, Some(text), leaf::listen) else { continue };
        let covers = |one: &SocketAddr, other: &SocketAddr| {
            let is_same = one.is_ipv4() == other.is_ipv4() && one.port() == other.port();
            is_same && (one.ip() == other.ip() || one.ip().is_unspecified())
        };
        match found.iter().find(|other| covers(other, &address) || covers(&address, other)) {
            Some(other) => {
                let problem = format_args!("and \"{other}\" are one place").to_string();
                n.wrong(path, Wrong::new(&text.0, problem, "one of them").0);
            }
            None => found.push(address),
        }
    }
    found
}

pub(super) fn selection(n: &mut Notes, raw: &RawConfig) -> Selection {
    let (med, relax) = (&raw.selection.always_compare_med, &raw.selection.multipath_relax);
    Selection {
        always_compare_med: n.one("selection.always_compare_med", med.as_ref(), leaf::yes).unwrap_or(false),
        multipath_relax: n.one("selection.multipath_relax", relax.as_ref(), leaf::yes).unwrap_or(false),
    }
}

pub(super) fn api(n: &mut Notes, raw: &RawApi, listen: &[SocketAddr]) -> Api {
    let api = Api {
        socket: n.one("api.socket", raw.socket.as_ref(), leaf::socket),
        read_only_socket: n.one("api.read_only_socket", raw.read_only_socket.as_ref(), leaf::socket),
        socket_mode: n.one("api.socket_mode", raw.socket_mode.as_ref(), leaf::mode),
        read_only_socket_mode: n.one(
            "api.read_only_socket_mode",
            raw.read_only_socket_mode.as_ref(),
            leaf::mode,
        ),
        http: n.one("api.http", raw.http.as_ref(), leaf::listen),
    };
    if api.socket.is_some() && api.socket == api.read_only_socket {
        let message = "it is the path of socket too, which may change things; write another path";
        n.wrong("api.read_only_socket", message);
    }
    if let Some(http) = api.http.filter(|http| listen.contains(http)) {
        n.wrong("api.http", format!("\"{http}\" is where peers connect; write another port"));
    }
    api
}

pub(super) fn kernel(n: &mut Notes, raw: &RawKernel) -> Kernel {
    let usual = Kernel::default();
    let source = raw.preferred_source.as_ref();
    let (source_ipv4, source_ipv6) = match addresses(n, "kernel.preferred_source", source, leaf::own_address)
    {
        Some(NextHopChange::Addresses { ipv4, ipv6 }) => (ipv4, ipv6),
        _ => (None, None),
    };
    let metric = |text: &str| leaf::whole(text, 1, u32::MAX);
    let most = |text: &str| leaf::whole(text, 1, u32::MAX);
    let multipath = |text: &str| leaf::whole(text, 1, 256).map(|most| most as u16);
    let kernel = Kernel {
        table: n.one("kernel.table", raw.table.as_ref(), leaf::table).unwrap_or(usual.table),
        protocol: n.one("kernel.protocol", raw.protocol.as_ref(), leaf::protocol).unwrap_or(usual.protocol),
        metric: n.one("kernel.metric", raw.metric.as_ref(), metric).unwrap_or(usual.metric),
        multipath: n.one("kernel.multipath", raw.multipath.as_ref(), multipath).unwrap_or(usual.multipath),
        source_ipv4,
        source_ipv6,
        default_route: n.one("kernel.default_route", raw.default_route.as_ref(), leaf::yes).unwrap_or(false),
        protected: n.each("kernel.protected", raw.protected.as_ref(), leaf::prefix).unwrap_or_default(),
        allow_connected: n
            .each("kernel.allow_connected", raw.allow_connected.as_ref(), leaf::prefix)
            .unwrap_or_default(),
        max_routes: n.one("kernel.max_routes", raw.max_routes.as_ref(), most).map(|most| most as usize),
        resilient: raw.resilient.as_ref().map(|raw| resilient(n, raw)),
    };
    if let Some(Resilient { buckets, .. }) = kernel.resilient
        && buckets < kernel.multipath
    {
        let message = format!(
            "{buckets} buckets are fewer than kernel.multipath has next hops; write {} or more",
            kernel.multipath.next_power_of_two()
        );
        n.wrong("kernel.resilient.buckets", message);
    }
    if (kernel.protocol, kernel.metric) == (186, 20) {
        let message = "protocol 186 with metric 20 is how FRR marks its routes: it would remove ours, and we its; \
                       write another number, like 179";
        n.wrong("kernel.protocol", message);
    }
    kernel
}

fn resilient(n: &mut Notes, raw: &RawResilient) -> Resilient {
    let usual = Resilient::default();
    let buckets = |text: &str| leaf::whole(text, 1, u16::MAX.into()).map(|buckets| buckets as u16);
    let mut time =
        |key: &str, text: Option<&Text>| n.one(format!("kernel.resilient.{key}"), text, leaf::hundredths);
    let idle_timer = time("idle_timer", raw.idle_timer.as_ref()).unwrap_or(usual.idle_timer);
    let unbalanced_timer =
        time("unbalanced_timer", raw.unbalanced_timer.as_ref()).unwrap_or(usual.unbalanced_timer);
    Resilient {
        buckets: n.one("kernel.resilient.buckets", raw.buckets.as_ref(), buckets).unwrap_or(usual.buckets),
        idle_timer,
        unbalanced_timer,
        prefixes: n
            .each("kernel.resilient.prefixes", raw.prefixes.as_ref(), leaf::prefix)
            .unwrap_or_default(),
    }
}

impl Reading<'_> {
    pub(super) fn redistribute(&mut self, raw: &RawConfig, kernel: Option<&Kernel>) -> Vec<Redistribute> {
        let mut found: Vec<Redistribute> = Vec::new();
        for (at, raw) in raw.redistribute.iter().enumerate() {
            let path = format!("redistribute[{at}].from");
            let policy = self.policy(&format!("redistribute[{at}].policy"), raw.policy.as_ref(), false);
            let n = &mut self.notes;
            if raw.from.is_none() {
                n.wrong(&path, "it is not said which routes; add from = \"connected\" or \"static\"");
            }
            let Some(from) = n.one(&path, raw.from.as_ref(), leaf::kernel_routes) else { continue };
            let is_ours = |kernel: &Kernel| from.to_string() == kernel.protocol.to_string();
            if kernel.is_some_and(is_ours) {
                let message =
                    format!("{from} marks the routes that we install ourselves; write another number");
                n.wrong(&path, message);
            }
            if found.iter().any(|other| other.from == from) {
                n.wrong(&path, format!("\"{from}\" is redistributed already; keep one of them"));
                continue;
            }
            found.push(Redistribute { from, policy: policy.unwrap_or_else(Policy::all) });
        }
        found
    }
}

/// The routes of our own, and the prefixes of those whose packets end here.
pub(super) fn routes(n: &mut Notes, raw: &RawConfig) -> (Vec<LocalRoute>, BTreeSet<IpNet>) {
    let (mut seen, mut discards) = (BTreeMap::new(), BTreeSet::new());
    let mut routes = Vec::new();
    for (at, raw) in raw.route.iter().enumerate() {
        let path = format!("route[{at}]");
        let attributes = attributes(n, &path, &raw.attributes);
        let is_discarded = matches!(&raw.next_hop, Some(Text(word)) if word == "discard");
        let next_hop = raw.next_hop.as_ref().filter(|_| !is_discarded);
        let next_hop = n.one(format_args!("{path}.next_hop"), next_hop, leaf::route_next_hop);
        let Some(prefix) = prefix(n, &path, raw.prefix.as_ref(), &mut seen) else { continue };
        if next_hop.is_some_and(|hop| hop.address().is_ipv4()) && matches!(prefix, IpNet::V6(_)) {
            let message = format!("an IPv4 address is no next hop of {prefix}; write an IPv6 address");
            n.wrong(format_args!("{path}.next_hop"), message);
        }
        discards.extend(is_discarded.then_some(prefix));
        routes.push(LocalRoute { prefix, attributes, next_hop });
    }
    (routes, discards)
}

pub(super) fn aggregates(n: &mut Notes, raw: &RawConfig) -> Vec<Aggregate> {
    let mut seen = BTreeMap::new();
    let mut aggregates = Vec::new();
    for (at, raw) in raw.aggregate.iter().enumerate() {
        let path = format!("aggregate[{at}]");
        let attributes = attributes(n, &path, &raw.attributes);
        let summary_only = n.one(format_args!("{path}.summary_only"), raw.summary_only.as_ref(), leaf::yes);
        let Some(prefix) = prefix(n, &path, raw.prefix.as_ref(), &mut seen) else { continue };
        if prefix.prefix_len() == prefix.max_prefix_len() {
            let message =
                format!("\"{prefix}\" is one address, and nothing is more specific; write a shorter prefix");
            n.wrong(format_args!("{path}.prefix"), message);
        }
        let route = LocalRoute { prefix, attributes, next_hop: None };
        aggregates.push(Aggregate { route, summary_only: summary_only.unwrap_or(false) });
    }
    aggregates
}

/// A prefix that is not there yet.
fn prefix(
    n: &mut Notes,
    path: &str,
    text: Option<&Text>,
    seen: &mut BTreeMap<IpNet, String>,
) -> Option<IpNet> {
    let at = format!("{path}.prefix");
    if text.is_none() {
        n.wrong(&at, "there is no prefix; add prefix = \"203.0.113.0/24\", say");
    }
    let prefix = n.one(&at, text, leaf::prefix)?;
    if let Some(first) = seen.get(&prefix) {
        n.wrong(at, format!("\"{prefix}\" is {first} already; keep one of them"));
        return None;
    }
    seen.insert(prefix, path.into());
    Some(prefix)
}

fn attributes(n: &mut Notes, path: impl fmt::Display, raw: &RawAttributes) -> PathAttributes {
    let any = |text: &str| number(text).ok_or_else(|| Wrong::new(text, "is not a number", "0 to 4294967295"));
    let communities =
        n.each(format_args!("{path}.communities"), raw.communities.as_ref(), AnyCommunity::from_str);
    let mut attributes = PathAttributes {
        med: n.one(format_args!("{path}.med"), raw.med.as_ref(), any),
        local_pref: n.one(format_args!("{path}.local_pref"), raw.local_pref.as_ref(), any),
        origin: n.one(format_args!("{path}.origin"), raw.origin.as_ref(), leaf::origin),
        ..PathAttributes::default()
    };
    communities.iter().flatten().for_each(|community| community.add_to(&mut attributes));
    attributes
}
