//! What people wish, as our own objects say it once they are checked: nothing in here can be wrong by itself.

mod attributes;
mod selector;

pub use attributes::{Attributes, NextHop};
pub use selector::{Requirement, Selector};

use crate::object::Name;
use bgp_daemon::config::{Bfd, Distance};
use bgp_proto::{
    family::Family,
    numbers::{Asn, HoldTime},
    session::RemoteAs,
};
use ipnet::IpNet;
use std::{net::IpAddr, time::Duration};

/// The annotation of Services with tunnel addresses, where no other is named.
pub const TUNNEL_ANNOTATION: &str = "cmd.nu/tunnel";

/// The annotation of Pods with the ranges behind them, where no other is named.
pub const PREFIXES_ANNOTATION: &str = "kube-announcer.io/prefixes";

/// Where kube-proxy says how it is, where no other port is named.
pub const KUBE_PROXY_PORT: u16 = 10256;

/// A BgpPeer.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// Its name.
    pub name: Name,
    /// The nodes that talk to it.
    pub node_selector: Selector,
    /// The nodes' AS.
    pub local_asn: Asn,
    /// Which AS it may be in.
    pub asn: RemoteAs,
    /// Where it is.
    pub place: Place,
    /// The port that is dialled.
    pub port: u16,
    /// The Secret with the password.
    pub password: Option<Name>,
    /// How far away it may be.
    pub distance: Distance,
    /// The times of the session.
    pub timers: Timers,
    /// What can be announced to it.
    pub families: Vec<Family>,
    /// BFD beside the session; `None`: none.
    pub bfd: Option<Bfd>,
    /// How long it keeps our routes while we restart; `None`: not at all.
    pub restart_time: Option<Duration>,
    /// What is taken from it; `None`: nothing.
    pub import: Option<Import>,
    /// What is said with every route.
    pub attributes: Attributes,
}

/// Where a peer is.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// At this address; with an interface where it is link-local.
    Address(IpAddr, Option<Box<str>>),
    /// At every default gateway of the node.
    Gateway,
    /// At the other end of this interface's link.
    Interface(Box<str>),
    /// Where this annotation of the node says.
    Annotation(Name),
    /// At every other node that is chosen.
    Nodes(Selector),
}

/// The times of a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timers {
    /// The hold time.
    pub hold: HoldTime,
    /// How often we say that we are there; `None`: a third of what was agreed.
    pub keepalive: Option<Duration>,
    /// How long a dial may take, and how long until the next.
    pub connect_retry: Duration,
}

/// What is taken from a peer.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// Prefixes with lengths, as policies write them; each is one that a policy takes.
    pub accept: Vec<String>,
    /// The pod ranges of other nodes too.
    pub pod_routes: bool,
    /// Routes whose path has our AS already.
    pub allow_own_asn: bool,
    /// The most prefixes of a family.
    pub max_prefixes: Option<u32>,
}

/// A BgpAdvertisement.
#[derive(Clone, Debug, PartialEq)]
pub struct Advertisement {
    /// Its name.
    pub name: Name,
    /// The BgpPeers that are told; empty: all.
    pub peers: Vec<Name>,
    /// The nodes that announce.
    pub node_selector: Selector,
    /// Where addresses must lie that users of a namespace can write.
    pub allowed: Vec<IpNet>,
    /// Where prefixes come from.
    pub sources: Vec<Source>,
    /// A Service without usable endpoints stays.
    pub keep: bool,
    /// The exclude label of nodes counts.
    pub honour_exclude_label: bool,
    /// Taints that make a node stop announcing Services.
    pub drain: Vec<TaintMatch>,
    /// What is said with the routes.
    pub attributes: Attributes,
}

/// A taint that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaintMatch {
    /// Its name.
    pub key: Box<str>,
    /// Its value; `None`: any.
    pub value: Option<Box<str>>,
    /// Its effect; `None`: any.
    pub effect: Option<Box<str>>,
}

/// Where prefixes come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The node's pod ranges.
    PodCidrs,
    /// Addresses of the node's pods.
    Pods(Pods),
    /// Ranges of ClusterIPs: these, or those of the ServiceCIDR objects.
    ServiceCidrs(Option<Vec<IpNet>>),
    /// Addresses of Services.
    Services(Services),
    /// Addresses of tunnels.
    TunnelIps(TunnelIps),
    /// Ranges behind the node's pods.
    PodPrefixes(PodPrefixes),
    /// These.
    Prefixes(Vec<IpNet>),
}

/// Which objects of namespaces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// By their labels.
    pub selector: Selector,
    /// By their namespaces; empty: all.
    pub namespaces: Vec<Name>,
}

/// Addresses of the node's pods.
#[derive(Clone, Debug, PartialEq)]
pub struct Pods {
    /// Which pods.
    pub choice: Choice,
    /// Only while they are Ready.
    pub only_ready: bool,
}

/// Addresses of Services.
#[derive(Clone, Debug, PartialEq)]
pub struct Services {
    /// Which Services.
    pub choice: Choice,
    /// Which of their addresses.
    pub addresses: Vec<AddressKind>,
    /// LoadBalancerIPs of these classes, beside those without.
    pub classes: Vec<Name>,
    /// Which nodes.
    pub from: From,
    /// The lengths of the covering ranges that are announced instead, of IPv4 and of IPv6.
    pub aggregate: [u8; 2],
    /// What a node asks of itself first.
    pub probe: Option<Probe>,
}

/// What a node asks of itself before it announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Whether its service proxy is healthy, at this port.
    KubeProxy(u16),
    /// Whether its service proxy has endpoints of the Service, at the Service's own port for that.
    HealthCheckNodePort,
}

/// What an address of a Service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressKind {
    /// One of the cluster's own.
    ClusterIp,
    /// One that a user wrote.
    ExternalIp,
    /// One that a load balancer gave.
    LoadBalancerIp,
}

impl AddressKind {
    /// All of them with their names.
    pub const NAMES: [(AddressKind, &str); 3] = [
        (AddressKind::ClusterIp, "ClusterIP"),
        (AddressKind::ExternalIp, "ExternalIP"),
        (AddressKind::LoadBalancerIp, "LoadBalancerIP"),
    ];
}

/// Which nodes announce a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// As its traffic policy says.
    Policy,
    /// Those that hold an endpoint.
    Endpoints,
    /// All.
    All,
}

/// Addresses of tunnels.
#[derive(Clone, Debug, PartialEq)]
pub struct TunnelIps {
    /// Which Services.
    pub choice: Choice,
    /// The annotation with the addresses.
    pub annotation: Name,
    /// The pods that run the tunnel router; `None`: nodes with a ready endpoint announce.
    pub require: Option<Choice>,
    /// What a node asks of itself first.
    pub probe: Option<Probe>,
}

/// Ranges behind the node's pods.
#[derive(Clone, Debug, PartialEq)]
pub struct PodPrefixes {
    /// Which pods.
    pub choice: Choice,
    /// The annotation with the ranges.
    pub annotation: Name,
}
