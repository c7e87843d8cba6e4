//! One prefix: from all claims to it to what becomes of it.

use super::{Claim, Code, Conflict, Kernel, Outcome, Reason, Refusal, SourceKind, Verdict, Weight, class};
use crate::{
    object::{Key, Kind},
    snapshot::Snapshot,
    wish::AddressKind,
};
use ipnet::IpNet;
use std::collections::BTreeSet;

/// Brings claims into their order, which does not depend on who came first.
pub(super) fn sort(claims: &mut [Claim]) {
    claims.sort_by(|a, b| {
        let order = |claim: &Claim| (claim.advertisement.clone(), claim.source, claim.covers);
        order(a).cmp(&order(b)).then_with(|| a.owner.cmp(&b.owner))
    });
}

/// What a claim comes to, beside others to the same prefix.
fn says(claim: &Claim, all: &[Claim]) -> Result<(), Reason> {
    match &claim.verdict {
        Verdict::Yes => Ok(()),
        Verdict::No(reason) | Verdict::Elsewhere(reason) => Err(reason.clone()),
        Verdict::Last => {
            let stands_in = |other: &Claim| {
                let serves = matches!(other.verdict, Verdict::Yes | Verdict::Elsewhere(_));
                serves && other.owner.kind == Kind::Pod && other.owner != claim.owner
            };
            if all.iter().any(stands_in) { Err(Code::PodTerminating.into()) } else { Ok(()) }
        }
    }
}

impl super::Decision {
    /// What each of the claims comes to: yes, or why not.
    pub fn answers(&self) -> impl Iterator<Item = (&Claim, Result<(), Reason>)> {
        self.claims.iter().map(|claim| (claim, says(claim, &self.claims)))
    }
}

/// Those who say yes, or why nobody does: the reason that came closest to a yes.
pub(super) fn votes(claims: &[Claim]) -> Result<class::Votes, Refusal> {
    let mut closest: Option<Refusal> = None;
    let mut votes = class::Votes::new();
    for claim in claims {
        match says(claim, claims) {
            // Claims stand in the order of advertisements.
            Ok(()) => match votes.last_mut() {
                Some((name, selected)) if *name == claim.advertisement => *selected |= claim.selected,
                _ => votes.push((claim.advertisement.clone(), claim.selected)),
            },
            Err(reason) => {
                if closest.as_ref().is_none_or(|found| found.reason.code < reason.code) {
                    closest = Some(Refusal { object: claim.owner.clone(), reason });
                }
            }
        }
    }
    match closest {
        Some(refusal) if votes.is_empty() => Err(refusal),
        _ => Ok(votes),
    }
}

/// The route that the node needs: of several pods the oldest one's.
pub(super) fn kernel(snapshot: &Snapshot, claims: &[Claim]) -> Option<Kernel> {
    by_age(snapshot, claims).into_iter().find_map(|claim| claim.kernel)
}

/// Claims that need a route and say yes, those of the oldest pod first.
fn by_age<'c>(snapshot: &Snapshot, claims: &'c [Claim]) -> Vec<&'c Claim> {
    let age = |claim: &Claim| snapshot.pod(&claim.owner.name).map_or(i64::MAX, |pod| pod.made);
    let wanted = claims.iter().filter(|claim| claim.kernel.is_some() && says(claim, claims).is_ok());
    let mut wanted: Vec<_> = wanted.collect();
    wanted.sort_by_key(|claim| (age(claim), claim.owner.name.clone()));
    wanted
}

/// Whoever announces a prefix, when nobody is told of it.
pub(super) fn untold(claims: &[Claim], code: Code) -> Outcome {
    let first = claims.iter().find(|claim| says(claim, claims).is_ok()).or(claims.first());
    let object = first
        .map_or_else(|| Key { kind: Kind::BgpAdvertisement, name: "".into() }, |claim| claim.owner.clone());
    Outcome::Withheld(Refusal { object, reason: code.into() })
}

/// Who should not claim a prefix together: those who are refused it do not count.
pub(super) fn conflicts(snapshot: &Snapshot, prefix: IpNet, claims: &[Claim]) -> Vec<Conflict> {
    let sound = |claim: &&Claim| match &claim.verdict {
        Verdict::No(reason) => {
            reason.code.weight() != Weight::Refused || reason.code == Code::NeedsKernelRoute
        }
        Verdict::Yes | Verdict::Last | Verdict::Elsewhere(_) => true,
    };
    if claims.len() < 2 {
        return Vec::new();
    }
    let owners = |kinds: &[SourceKind]| -> BTreeSet<&Key> {
        let of_kind = claims.iter().filter(|claim| kinds.contains(&claim.kind));
        of_kind.filter(sound).map(|claim| &claim.owner).collect()
    };
    let mut found = Vec::new();
    let tunnels = owners(&[SourceKind::TunnelIps, SourceKind::PodPrefixes]);
    let namespaces: BTreeSet<_> = tunnels.iter().filter_map(|owner| owner.name.split('/').next()).collect();
    if namespaces.len() > 1 {
        found.push(Conflict::Namespaces(tunnels.into_iter().cloned().collect()));
    }
    found.extend(sharing_pods(snapshot, claims));
    let sharing = sharing_ports(snapshot, prefix, &owners(&[SourceKind::Services]));
    if !sharing.is_empty() {
        found.push(Conflict::Ports(sharing));
    }
    found
}

/// Pods of this node that claim one range: only the oldest has its packets.
fn sharing_pods(snapshot: &Snapshot, claims: &[Claim]) -> Option<Conflict> {
    let pods =
        by_age(snapshot, claims).into_iter().filter(|claim| matches!(claim.kernel, Some(Kernel::Pod(_))));
    let mut keys: Vec<Key> = pods.map(|claim| claim.owner.clone()).collect();
    keys.dedup();
    let others = keys.split_off(1.min(keys.len()));
    keys.pop().filter(|_| !others.is_empty()).map(|first| Conflict::Pods { first, others })
}

/// Services that have an address from a load balancer in common, and a port with its protocol.
fn sharing_ports(snapshot: &Snapshot, prefix: IpNet, owners: &BTreeSet<&Key>) -> Vec<Key> {
    // What is covered by an aggregate is shared on purpose.
    if prefix.prefix_len() != prefix.max_prefix_len() || owners.len() < 2 {
        return Vec::new();
    }
    let given = owners.iter().filter_map(|owner| {
        let service = snapshot.service(&owner.name)?;
        let has = service
            .addresses
            .iter()
            .any(|address| address.kind == AddressKind::LoadBalancerIp && address.ip == prefix.addr());
        has.then_some((*owner, service))
    });
    let given: Vec<_> = given.collect();
    let shares = |at: usize| {
        let others = given.iter().enumerate().filter(|(other, _)| *other != at);
        let mut ports = others.flat_map(|(_, (_, other))| &other.ports);
        ports.any(|port| given[at].1.ports.contains(port))
    };
    (0..given.len()).filter(|at| shares(*at)).map(|at| given[at].0.clone()).collect()
}
