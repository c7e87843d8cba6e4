//! Why something is announced or not: a table, with a code for programs and a sentence for people.

use crate::object::Key;
use ipnet::IpNet;
use std::fmt;

/// What a reason asks of whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It is as it should be: somebody else announces, or nobody has to.
    Plain,
    /// It may be as it should be, and is worth a look.
    Warned,
    /// Somebody wrote what cannot be, or forgot something.
    Refused,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $code:literal $weight:ident $sentence:literal;)*) => {
        /// Why something is not announced, from what is asked first to what is asked last.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        /// In the order of [`Code`].
        const ROWS: &[(Code, &str, Weight, &str)] = &[$((Code::$name, $code, Weight::$weight, $sentence),)*];
    };
}

codes! {
    /// A selector, a list of namespaces or of kinds of addresses leaves it out.
    NotChosen "not-chosen" Plain "no source of the advertisement chooses {object}";
    /// The server does not let us read what the decision stands on.
    KindForbidden "kind-forbidden" Refused "the API server does not let us read {detail} objects; allow get, list and watch";
    /// It is no address at all.
    NotAnAddress "not-an-address" Refused "{object} has {detail} where an address should be; write one like 192.0.2.1";
    /// It is no prefix at all.
    NotAPrefix "not-a-prefix" Refused "{object} has {detail} where a prefix should be; write one like 192.0.2.0/24, without host bits";
    /// It is longer than anybody means it to be.
    TooLong "annotation-too-long" Refused "the annotation {detail} of {object} is too long to be read; write fewer addresses";
    /// It is a range where one address is needed.
    NotAHost "not-a-host" Refused "{object} has the range {detail} where one address should be; write each address";
    /// Nobody can have this address, or only on one link.
    NotUnicast "not-unicast" Refused "{prefix} is neither global nor private unicast; give {object} an address that routers forward to";
    /// It is everything.
    DefaultRoute "default-route" Refused "{object} claims the default route; claim the range that is behind it";
    /// It is a name for something elsewhere.
    ExternalName "external-name" Refused "{object} is of type ExternalName, so nothing in the cluster answers there";
    /// Nobody proxies it.
    HeadlessExternalIp "headless-external-ip" Refused "{object} is headless, so no proxy serves its externalIP; give it a clusterIP";
    /// A proxy of the load balancer's answers there.
    IpModeProxy "ip-mode-proxy" Plain "traffic to this address of {object} ends at the load balancer (ipMode: Proxy)";
    /// Another load balancer's Service.
    LoadBalancerClass "load-balancer-class" Plain "{object} has the loadBalancerClass {detail}, which is not in loadBalancerClasses";
    /// Its pod has the node's addresses.
    HostNetwork "host-network" Refused "{object} has the node's network, and no address of its own";
    /// The range is the cluster's own.
    OverlapsPods "overlaps-pods" Refused "{prefix}, claimed by {object}, overlaps the pod range {detail}; claim another";
    /// The range is the cluster's own.
    OverlapsServices "overlaps-services" Refused "{prefix}, claimed by {object}, overlaps the range of Services {detail}; claim another";
    /// An address of a node is in the range.
    OverlapsNode "overlaps-node" Refused "{prefix}, claimed by {object}, holds {detail}, an address of a node; claim another";
    /// The operator allowed nothing.
    NoAllowedCidrs "no-allowed-cidrs" Refused "the advertisement has no allowedCidrs, and anybody in the namespace can write this address; list what may be announced";
    /// The operator did not allow this.
    OutsideAllowedCidrs "outside-allowed-cidrs" Refused "{detail} of {object} is not inside allowedCidrs; choose another, or allow it";
    /// The operator did not allow all of this.
    AggregateOutsideAllowedCidrs "aggregate-outside-allowed-cidrs" Refused "{prefix} covers {object} but is not inside allowedCidrs; allow it, or aggregate less";
    /// The pod's addresses have another family.
    PodWithoutFamily "pod-without-family" Refused "{object} has no address of {family}, so nothing leads to {prefix} behind it";
    /// Pods' addresses come from elsewhere.
    PodCidrUnused "pod-cidr-unused" Refused "pods have addresses outside of {prefix}: this cluster's addresses do not come from spec.podCIDRs";
    /// The node is not one of those that announce.
    NodeNotChosen "node-not-chosen" Plain "nodeSelector does not choose {node}";
    /// The Node object is gone.
    NodeGone "node-gone" Plain "there is no Node {node}";
    /// The node is about to go.
    NodeLeaving "node-leaving" Plain "{node} is about to go: {detail}";
    /// The node has a taint that the operator named.
    NodeDrained "node-drained" Plain "{node} has the taint {detail}, which is in drain.onTaints";
    /// Load balancers leave the node alone.
    NodeExcluded "node-excluded" Warned "{node} has the label node.kubernetes.io/exclude-from-external-load-balancers; remove it, or set honourExcludeLabel: false";
    /// The pod is on another node.
    PodElsewhere "pod-elsewhere" Plain "{object} is not on {node}{detail}";
    /// The pod ran to its end.
    PodFinished "pod-finished" Plain "{object} has ended";
    /// The pod is not Ready.
    PodNotReady "pod-not-ready" Plain "{object} is not Ready";
    /// The pod goes, and another is there.
    PodTerminating "pod-terminating" Plain "{object} terminates, and another Ready pod has {prefix}";
    /// The Service has nothing to send traffic to.
    NoEndpoints "no-endpoints" Plain "{object} has no usable endpoint of {family}{detail}";
    /// The Service has nothing here to send traffic to.
    NoLocalEndpoint "no-local-endpoint" Plain "{object} has no ready endpoint of {family} on {node}, but has elsewhere";
    /// No tunnel router runs here.
    NoTunnelRouter "no-tunnel-router" Plain "no pod of require is Ready on {node}";
    /// What the source asks of the node first fails.
    NotDeliverable "not-deliverable" Warned "{node} may not deliver to {object}: {detail}";
    /// It would need a route in the kernel.
    NeedsKernelRoute "needs-kernel-route" Plain "{prefix} needs a route in the node's kernel, and this announcer installs none";
    /// There is nobody to tell.
    NoPeer "no-peer" Refused "{node} has no valid peer to announce {prefix} to";
    /// There is nobody to tell of this family.
    NoPeerOfFamily "no-peer-of-family" Refused "no peer of {node} takes {family}";
    /// The next hop that was written does not exist.
    NoNextHop "no-next-hop" Refused "the nextHop that is written has no address of {family} on {node}";
    /// The advertisement names a peer that does not exist.
    UnknownPeer "unknown-peer" Refused "{object} names the peer {detail}, and there is no such BgpPeer; create it, or name another";
    /// A local preference does not leave an AS.
    LocalPrefUnused "local-pref-unused" Warned "{object} says localPref, which does not leave our AS: {detail} is not told of it";
    /// Routes are not taken.
    ImportOff "import-off" Warned "{object} has import, and this announcer takes no routes from peers";
    /// The Secret is not there.
    NoPassword "no-password" Refused "the Secret {detail} with the password of {object} is missing; create it, and the peer is started";
    /// The Secret has no password that can be used.
    BadPassword "bad-password" Refused "the Secret {detail} of {object} has no usable key password; write 1 to 80 octets of UTF-8";
    /// The node has no default gateway.
    NoGateway "no-gateway" Refused "{node} has no default gateway; write an address";
    /// The node does not say where the peer is.
    NoAnnotation "no-annotation" Refused "{node} has no annotation {detail}; write the peer's address there";
    /// What the node says is no address.
    BadAnnotation "bad-annotation" Refused "{node} has the annotation {detail}, which is no peer's address; write one like 192.0.2.1";
    /// A node cannot be its own peer.
    PeerIsSelf "peer-is-self" Refused "{detail} is an address of {node} itself; write the router's";
    /// Another peer is there.
    SamePlace "same-place" Refused "{detail} is the place of another BgpPeer already, which comes first by its name; write another";
    /// The mesh does not have this node.
    NotInMesh "not-in-mesh" Plain "nodes.selector does not choose {node}";
    /// The mesh has too many nodes.
    MeshTooLarge "mesh-too-large" Refused "a mesh of {detail} nodes is too large; let the nodes talk to routers or to route reflectors";
    /// A node of the mesh has no address.
    MeshWithoutAddress "mesh-without-address" Refused "the Node {detail} has no InternalIP, so it cannot be reached in the mesh";
}

impl Code {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Code> {
        ROWS.iter().map(|(code, ..)| *code)
    }

    /// The word for programs: `no-local-endpoint`.
    pub fn name(self) -> &'static str {
        ROWS[self as usize].1
    }

    /// Whether somebody has to do something.
    pub fn weight(self) -> Weight {
        ROWS[self as usize].2
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why something is not announced, with the value that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The kind of reason.
    pub code: Code,
    /// The value, where the sentence has one.
    pub detail: Option<Box<str>>,
}

impl From<Code> for Reason {
    fn from(code: Code) -> Self {
        Reason { code, detail: None }
    }
}

impl Reason {
    /// A reason with a value.
    pub fn with(code: Code, detail: impl fmt::Display) -> Self {
        Reason { code, detail: Some(detail.to_string().into()) }
    }

    /// The sentence about an object on a node.
    pub fn sentence(&self, object: &Key, node: &str, prefix: Option<IpNet>) -> String {
        let (_, _, _, template) = ROWS[self.code as usize];
        let mut sentence = String::with_capacity(template.len() + 40);
        let mut rest = template;
        while let Some((text, after)) = rest.split_once('{') {
            let (place, after) = after.split_once('}').unwrap_or((after, ""));
            sentence += text;
            match place {
                "object" => sentence += &object.to_string(),
                "node" => sentence += node,
                "detail" => sentence += self.detail.as_deref().unwrap_or_default(),
                "prefix" => sentence += &prefix.map(|prefix| prefix.to_string()).unwrap_or_default(),
                _ => {
                    let ipv6 = prefix.is_some_and(|prefix| prefix.addr().is_ipv6());
                    sentence += if ipv6 { "IPv6" } else { "IPv4" };
                }
            }
            rest = after;
        }
        sentence + rest
    }
}

/// Something that stands in an object, or a peer, and cannot be taken as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The object that it stands in, or that it is.
    pub object: Key,
    /// What is wrong.
    pub reason: Reason,
}

impl Refusal {
    /// The sentence, as it is on a node.
    pub fn sentence(&self, node: &str) -> String {
        self.reason.sentence(&self.object, node, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_its_own_and_every_sentence_is_whole() {
        let names: BTreeSet<_> = Code::all().map(Code::name).collect();
        assert_eq!(names.len(), ROWS.len());
        for (number, (code, name, _, sentence)) in ROWS.iter().enumerate() {
            assert_eq!(*code as usize, number);
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            let places = sentence.split('{').skip(1).map(|rest| rest.split('}').next().unwrap());
            for place in places {
                assert!(["object", "node", "detail", "prefix", "family"].contains(&place), "{name}: {place}");
            }
        }
    }
}
