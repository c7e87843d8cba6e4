//! Why a claim says yes: the sentence that a plan itself has no need for.

use super::Cluster;
use crate::{
    plan::{Claim, Probed, SourceKind, Verdict},
    wish::{AddressKind, From, Source},
};
use ipnet::IpNet;

/// Why an object may have this prefix announced on a node.
pub(super) fn because(cluster: &Cluster, node: &str, prefix: IpNet, claim: &Claim) -> String {
    let rule = rule(cluster, node, prefix, claim);
    match claim.probe {
        Some(Probed { port, fails: true }) => {
            format!("{rule}; its port {port} fails its probe, but no node comes before {node} here")
        }
        _ => rule,
    }
}

fn rule(cluster: &Cluster, node: &str, prefix: IpNet, claim: &Claim) -> String {
    let owner = &claim.owner;
    match (claim.kind, &claim.verdict) {
        (_, Verdict::Last) => format!("{owner} terminates on {node}, and nobody else has it"),
        (SourceKind::PodCidrs, _) => format!("it is a pod range of {node}"),
        (SourceKind::ServiceCidrs, _) => "it is a range of ClusterIPs".to_owned(),
        (SourceKind::Prefixes, _) => format!("it is written in {owner}"),
        (SourceKind::Pods | SourceKind::PodPrefixes, _) => format!("{owner} is on {node}"),
        (SourceKind::TunnelIps, _) if is_cluster_wide(cluster, claim) => {
            format!("a pod of require is Ready on {node}, and takes the tunnel's packets")
        }
        (SourceKind::TunnelIps, _) => format!("{owner} has an endpoint on {node}"),
        (SourceKind::Services, _) => service(cluster, node, prefix, claim),
    }
}

fn source<'a>(cluster: &'a Cluster, claim: &Claim) -> Option<&'a Source> {
    let advertisement = cluster.snapshot.advertisements().find(|wish| wish.name == claim.advertisement)?;
    advertisement.sources.get(usize::from(claim.source))
}

fn is_cluster_wide(cluster: &Cluster, claim: &Claim) -> bool {
    matches!(source(cluster, claim), Some(Source::TunnelIps(tunnels)) if tunnels.require.is_some())
}

fn service(cluster: &Cluster, node: &str, prefix: IpNet, claim: &Claim) -> String {
    let owner = &claim.owner;
    let (Some(Source::Services(services)), Some(service)) =
        (source(cluster, claim), cluster.snapshot.service(&owner.name))
    else {
        return String::new();
    };
    let address = claim.covers.unwrap_or(prefix.addr());
    let internal =
        service.addresses.iter().any(|one| one.ip == address && one.kind == AddressKind::ClusterIp);
    let (policy, local) = match internal {
        true => ("internalTrafficPolicy", service.internal_local),
        false => ("externalTrafficPolicy", service.external_local),
    };
    let (rule, local) = match services.from {
        From::All => return format!("every node announces {owner} (from: all)"),
        From::Endpoints => ("from: endpoints".to_owned(), true),
        From::Policy => (format!("{policy}: {}", if local { "Local" } else { "Cluster" }), local),
    };
    let endpoints = cluster.snapshot.endpoints(&owner.name, node, address.is_ipv6());
    match (endpoints.usable(), local) {
        (false, _) => format!("{owner} has no usable endpoint, and whenNoEndpoints is keep"),
        (true, true) => format!("{owner} has an endpoint on {node} ({rule})"),
        (true, false) => format!("{owner} has an endpoint, and any node hands traffic on to it ({rule})"),
    }
}
