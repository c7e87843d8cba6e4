//! What is kept of a Node.

use super::{names::Names, tags::Tags};
use crate::{object, wish::TaintMatch};
use ipnet::IpNet;
use std::net::IpAddr;

/// What is kept of a Node.
#[derive(Debug, Default, PartialEq)]
pub struct Node {
    /// Labels and annotations.
    pub tags: Tags,
    /// The pod ranges.
    pub pod_cidrs: Box<[IpNet]>,
    /// What stands where a pod range should, and is none.
    pub bad_pod_cidrs: Box<[Box<str>]>,
    /// Its addresses, of all kinds.
    pub addresses: Box<[IpAddr]>,
    /// How many of them, from the first on, are its InternalIPs.
    internal: u8,
    taints: Box<[Taint]>,
    /// Why it is about to go, if it is.
    pub leaving: Option<Leaving>,
    /// Its kubelet says that it is Ready, or nobody says anything of it.
    pub ready: bool,
}

#[derive(Debug, PartialEq)]
struct Taint {
    key: Box<str>,
    value: Box<str>,
    effect: Box<str>,
}

/// Why a node is about to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Its network is not set up, or no more.
    NetworkUnavailable,
    /// Its kubelet says that the machine is going down.
    ShuttingDown,
    /// It has this taint.
    Tainted(&'static str),
}

/// Taints of nodes that are about to go, whatever their value and effect.
const GOING: [&str; 3] =
    ["node.kubernetes.io/out-of-service", "ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted"];

/// The taint of a cordoned node.
const CORDONED: &str = "node.kubernetes.io/unschedulable";

/// What a kubelet says while the machine goes down.
const SHUTTING_DOWN: &str = "node is shutting down";

/// The label of nodes that load balancers leave alone.
pub const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

impl Node {
    pub(super) fn take(names: &mut Names, node: &object::Node) -> Self {
        let written = &node.spec.pod_cidrs;
        let alone = node.spec.pod_cidr.as_ref().filter(|_| written.is_empty());
        let (mut pod_cidrs, mut bad_pod_cidrs) = (Vec::new(), Vec::new());
        for text in written.iter().chain(alone) {
            match text.parse::<IpNet>() {
                Ok(range) => pod_cidrs.push(range.trunc()),
                Err(_) => bad_pod_cidrs.push(text.as_str().into()),
            }
        }
        let of_kind = |internal: bool| {
            let all = node.status.addresses.iter().filter(move |a| (a.kind == "InternalIP") == internal);
            all.filter_map(|a| a.address.parse::<IpAddr>().ok())
        };
        let mut addresses: Vec<_> = of_kind(true).take(usize::from(u8::MAX)).collect();
        let internal = addresses.len() as u8;
        addresses.extend(of_kind(false));
        Node {
            tags: Tags::take(names, &node.metadata),
            pod_cidrs: pod_cidrs.into(),
            bad_pod_cidrs: bad_pod_cidrs.into(),
            addresses: addresses.into(),
            internal,
            taints: taints(node),
            leaving: leaving(node),
            ready: node.status.conditions.iter().all(|one| one.kind != "Ready" || one.status == "True"),
        }
    }

    /// Its InternalIPs.
    pub fn internal_addresses(&self) -> &[IpAddr] {
        &self.addresses[..usize::from(self.internal)]
    }

    /// Its InternalIP of a family.
    pub fn internal_address(&self, ipv6: bool) -> Option<IpAddr> {
        self.internal_addresses().iter().copied().find(|address| address.is_ipv6() == ipv6)
    }

    /// The first of these taints that it has, as text.
    pub fn taint(&self, wanted: &[TaintMatch]) -> Option<String> {
        let is = |taint: &&Taint, wanted: &TaintMatch| {
            taint.key == wanted.key
                && wanted.value.as_ref().is_none_or(|value| *value == taint.value)
                && wanted.effect.as_ref().is_none_or(|effect| *effect == taint.effect)
        };
        let found = self.taints.iter().find(|taint| wanted.iter().any(|wanted| is(taint, wanted)))?;
        let Taint { key, value, effect } = found;
        Some(if value.is_empty() { format!("{key}:{effect}") } else { format!("{key}={value}:{effect}") })
    }
}

/// Its taints. A cordoned node has one more, though a manifest may not say it.
fn taints(node: &object::Node) -> Box<[Taint]> {
    let written = node.spec.taints.iter().map(|taint| Taint {
        key: taint.key.as_str().into(),
        value: taint.value.as_deref().unwrap_or_default().into(),
        effect: taint.effect.as_str().into(),
    });
    let cordoned = node.spec.unschedulable && node.spec.taints.iter().all(|taint| taint.key != CORDONED);
    let cordoned =
        cordoned.then(|| Taint { key: CORDONED.into(), value: "".into(), effect: "NoSchedule".into() });
    written.chain(cordoned).collect()
}

fn leaving(node: &object::Node) -> Option<Leaving> {
    let condition = |kind: &str| node.status.conditions.iter().find(|condition| condition.kind == kind);
    if condition("NetworkUnavailable").is_some_and(|condition| condition.status == "True") {
        return Some(Leaving::NetworkUnavailable);
    }
    let going_down = condition("Ready").is_some_and(|ready| {
        ready.status == "False"
            && ready.message.as_ref().is_some_and(|message| message.contains(SHUTTING_DOWN))
    });
    if going_down {
        return Some(Leaving::ShuttingDown);
    }
    let tainted = |key: &&&str| node.spec.taints.iter().any(|taint| taint.key == **key);
    GOING.iter().find(tainted).map(|key| Leaving::Tainted(key))
}
