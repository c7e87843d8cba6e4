//! What the other side is to know, from the manifests of one or several clusters.

use super::{Cluster, GATEWAY, names};
use crate::{
    object::Name,
    plan::Session,
    router_config::{Facts, Group, Node, Place, Range, UNKNOWN_LINK},
    snapshot::Snapshot,
    wish::{self, AddressKind, Advertisement, Source},
};
use bgp_daemon::config::{Distance, Remote};
use bgp_proto::{attr::community::Community, numbers::Asn, session::RemoteAs};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

/// What the manifests do not say of a router.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Its address as the nodes know it, where they know several.
    pub address: Option<IpAddr>,
    /// Its AS, where the BgpPeers do not say it.
    pub asn: Option<Asn>,
    /// Its identifier, where it is not its address.
    pub id: Option<Ipv4Addr>,
    /// The most prefixes of a node.
    pub max_prefixes: u32,
}

/// A cluster with its name and what marks its routes on the router.
pub struct Named<'a> {
    /// The name: letters, digits and `-`.
    pub name: String,
    /// The cluster.
    pub cluster: &'a Cluster,
    /// What the router adds to its routes.
    pub community: Option<Community>,
}

/// The facts for one router.
///
/// # Errors
/// Sentences for a person: what the manifests leave open.
pub fn facts(clusters: &[Named<'_>], wanted: &Wanted) -> Result<Facts, String> {
    let mut sessions = Vec::new();
    for (index, named) in clusters.iter().enumerate() {
        for node in named.cluster.nodes() {
            let plan = named.cluster.planner(&node).into_plan();
            let of_routers =
                plan.sessions.iter().filter(|session| !matches!(session.wish.place, wish::Place::Nodes(_)));
            sessions.extend(of_routers.cloned().map(|session| (index, node.clone(), session)));
        }
    }
    let address = router(&sessions, wanted)?;
    sessions.retain(|(_, _, session)| is_at(session, address));
    let asn = asn(&sessions, wanted)?;
    let mut groups: BTreeMap<(usize, Name), Vec<(Name, Session)>> = BTreeMap::new();
    for (cluster, node, session) in sessions {
        groups.entry((cluster, session.wish.name.clone())).or_default().push((node, session));
    }
    let several = clusters.len() > 1;
    let groups = groups
        .into_iter()
        .map(|((cluster, _), members)| group(&clusters[cluster], several, asn, address, &members, wanted));
    let groups = groups.collect();
    Ok(Facts { asn, router_id: wanted.id.unwrap_or_else(|| id(address)), groups })
}

/// The router that is meant; `None`: it is at the other end of links, and has no address that nodes know.
fn router(sessions: &[(usize, Name, Session)], wanted: &Wanted) -> Result<Option<IpAddr>, String> {
    let known: BTreeSet<_> = sessions.iter().filter_map(|(_, _, session)| known_address(session)).collect();
    let shown: Vec<_> = known.iter().map(ToString::to_string).collect();
    match (wanted.address, known.len()) {
        (Some(address), 0) => Ok(Some(address)),
        (Some(address), _) if known.contains(&address) => Ok(Some(address)),
        (Some(address), _) => {
            Err(format!("--router {address}: no node peers with it; the manifests know {}", names(&shown)))
        }
        (None, 0) if sessions.iter().any(|(_, _, session)| session.wish.place == wish::Place::Gateway) => {
            Err("the nodes peer with their default gateway; add --router with its address".to_owned())
        }
        (None, 0..=1) => Ok(known.first().copied()),
        (None, _) => {
            Err(format!("the manifests know several routers; add --router with one of {}", names(&shown)))
        }
    }
}

fn known_address(session: &Session) -> Option<IpAddr> {
    match session.remote {
        Remote::Address(address, _) if address != GATEWAY => Some(address),
        _ => None,
    }
}

/// Whether a session may go to the router: to its address, to a gateway, or over a link.
fn is_at(session: &Session, router: Option<IpAddr>) -> bool {
    known_address(session).is_none_or(|address| Some(address) == router)
}

fn asn(sessions: &[(usize, Name, Session)], wanted: &Wanted) -> Result<Asn, String> {
    let said = sessions.iter().filter_map(|(_, _, session)| match session.wish.asn {
        RemoteAs::Fixed(asn) => Some(asn),
        RemoteAs::Internal => Some(session.wish.local_asn),
        _ => None,
    });
    let said: BTreeSet<_> = wanted.asn.into_iter().chain(said).collect();
    match said.len() {
        1 => said.first().copied().ok_or_else(String::new),
        0 => Err("the BgpPeers do not say the router's AS; add --asn".to_owned()),
        _ => {
            let all: Vec<_> = said.iter().map(ToString::to_string).collect();
            Err(format!(
                "the router would be in several ASes: {}; let all BgpPeers and --asn say one",
                names(&all)
            ))
        }
    }
}

fn group(
    named: &Named<'_>,
    several: bool,
    asn: Asn,
    router: Option<IpAddr>,
    members: &[(Name, Session)],
    wanted: &Wanted,
) -> Group {
    let snapshot = &named.cluster.snapshot;
    let peer = &*members[0].1.wish;
    let import = peer.import.as_ref();
    let mut name = if several { format!("{}-{}", named.name, peer.name) } else { peer.name.to_string() };
    name = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Group {
        name,
        asn: peer.local_asn,
        families: peer.families.clone(),
        multihop: match peer.distance {
            Distance::Multihop(hops) => Some(hops),
            Distance::Adjacent | Distance::Secured => None,
        },
        password: peer.password.as_ref().map(ToString::to_string),
        graceful_restart: peer.restart_time.is_some(),
        bfd: peer.bfd,
        accepts: accepted(named.cluster, peer, members),
        sends: import.map(|import| sent(snapshot, import)).unwrap_or_default(),
        as_override: peer.local_asn != asn
            && import.is_some_and(|import| import.pod_routes && !import.allow_own_asn),
        max_prefixes: wanted.max_prefixes,
        community: named.community,
        nodes: members
            .iter()
            .map(|(node, session)| Node {
                name: node.to_string(),
                place: place(snapshot, node, session, router),
            })
            .collect(),
    }
}

/// Where the router finds a node: at its address of the session's family.
fn place(snapshot: &Snapshot, node: &Name, session: &Session, router: Option<IpAddr>) -> Place {
    let ipv6 = known_address(session).or(router).is_some_and(|address| address.is_ipv6());
    let address = snapshot.node(node).and_then(|node| node.internal_address(ipv6));
    match (&session.remote, address) {
        (Remote::Address(..), Some(address)) => Place::Address(address),
        // What the router calls the link to this node, only the router knows.
        _ => Place::Link(format!("{UNKNOWN_LINK}{node}")),
    }
}

/// An identifier without an IPv4 address: the same one for the same router each time.
fn id(router: Option<IpAddr>) -> Ipv4Addr {
    match router {
        Some(IpAddr::V4(address)) => address,
        other => {
            // FNV-1a.
            let text = other.map(|address| address.to_string()).unwrap_or_default();
            let mix = |hash: u32, octet| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193);
            Ipv4Addr::from_bits(text.bytes().fold(0x811c_9dc5, mix) | 1)
        }
    }
}

/// What these nodes may announce to this peer, whatever is announced now.
fn accepted(cluster: &Cluster, peer: &wish::Peer, members: &[(Name, Session)]) -> Vec<Range> {
    let snapshot = &cluster.snapshot;
    let mut ranges = BTreeSet::new();
    for wish in snapshot.advertisements() {
        let named = wish.peers.is_empty() || wish.peers.contains(&peer.name);
        let nodes: Vec<_> = members
            .iter()
            .filter_map(|(name, _)| snapshot.node(name))
            .filter(|node| snapshot.selects(&wish.node_selector, &node.tags))
            .collect();
        if !named || nodes.is_empty() {
            continue;
        }
        let pods: Vec<IpNet> = nodes.iter().flat_map(|node| node.pod_cidrs.iter().copied()).collect();
        for source in &wish.sources {
            ranges.extend(of_source(snapshot, wish, source, &pods));
        }
    }
    let ranges: Vec<_> = ranges.into_iter().filter(|range| peer.families.contains(&range.family())).collect();
    widest(ranges)
}

fn of_source(snapshot: &Snapshot, wish: &Advertisement, source: &Source, pods: &[IpNet]) -> Vec<Range> {
    let allowed = || wish.allowed.iter().copied().map(Range::from);
    let exactly = |all: &[IpNet]| all.iter().map(|prefix| Range::exactly(*prefix)).collect();
    let services = || snapshot.service_cidrs().map(|(_, range)| *range);
    match source {
        Source::PodCidrs => exactly(pods),
        Source::Pods(_) => pods.iter().copied().map(Range::hosts).collect(),
        Source::ServiceCidrs(Some(written)) => exactly(written),
        Source::ServiceCidrs(None) => services().map(Range::exactly).collect(),
        Source::Prefixes(written) => exactly(written),
        Source::TunnelIps(_) => wish.allowed.iter().copied().map(Range::hosts).collect(),
        Source::PodPrefixes(_) => allowed().collect(),
        Source::Services(chosen) => {
            let own = chosen.addresses.contains(&AddressKind::ClusterIp);
            let others = chosen.addresses.iter().any(|kind| *kind != AddressKind::ClusterIp);
            let own = services().filter(|_| own).map(Range::hosts);
            let others = allowed().filter(|_| others).map(|range| {
                let at_least = chosen.aggregate[usize::from(range.prefix.addr().is_ipv6())];
                Range { shortest: at_least.max(range.shortest), ..range }
            });
            own.chain(others).collect()
        }
    }
}

/// What peers of a router are told: what they import.
fn sent(snapshot: &Snapshot, import: &wish::Import) -> Vec<Range> {
    let mut ranges: Vec<Range> = import.accept.iter().filter_map(|text| text.parse().ok()).collect();
    if import.pod_routes {
        ranges.extend(
            snapshot.nodes().flat_map(|(_, node)| node.pod_cidrs.iter().map(|range| Range::exactly(*range))),
        );
    }
    ranges.sort();
    widest(ranges)
}

/// Without what lies in another range.
fn widest(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.dedup();
    let all = ranges.clone();
    ranges.retain(|range| !all.iter().any(|other| other != range && other.holds(range)));
    ranges
}
