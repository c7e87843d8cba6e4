//! What a speaker is to do, checked: nothing in here is checked again. Read from a file, or made by a program.

pub mod change;
mod check;
mod duration;
#[cfg(feature = "toml")]
mod file;
#[cfg(feature = "toml")]
mod lines;
pub mod raw;
mod summary;

pub use check::{Checked, Files, Refused, Secret, check};
#[cfg(feature = "toml")]
pub use file::{Failure, Loaded, load, read, read_in};
#[cfg(feature = "toml")]
pub use lines::{Finding, report};

use crate::{
    policy::{
        NextHopChange, Policies, Policy,
        standard::{discard::Discards, import::Blackhole, path::RemovePrivate},
    },
    rib::{Aggregate, Limits, LocalRoute, Selection},
};
use bgp_proto::{
    family::Family,
    numbers::{Asn, HoldTime, Role, RouterId},
    session::RemoteAs,
};
use ipnet::IpNet;
use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU8,
    path::PathBuf,
    time::Duration,
};

/// All that a speaker is configured with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Our AS.
    pub asn: Asn,
    /// Our identifier; `None`: the speaker takes an address of the machine, and says which.
    pub router_id: Option<RouterId>,
    /// Where peers connect to; nowhere: every session is dialled by us.
    pub listen: Vec<SocketAddr>,
    /// Our cluster as a route reflector; `None`: our identifier.
    pub cluster_id: Option<u32>,
    /// How routes are compared.
    pub selection: Selection,
    /// A route counts only while its next hop can be reached. Off in reflectors and collectors.
    pub resolve_next_hops: bool,
    /// The policies, by name.
    pub policies: Policies,
    /// Who may connect without being configured one by one.
    pub groups: Vec<Group>,
    /// The peers.
    pub peers: Vec<Peer>,
    /// Routes of our own, owned by `config`.
    pub routes: Vec<LocalRoute>,
    /// Prefixes of such routes whose packets end here, unless a more specific route takes them.
    pub discards: BTreeSet<IpNet>,
    /// Routes of our own that are there while a more specific one is.
    pub aggregates: Vec<Aggregate>,
    /// Routes of the kernel that are announced as our own.
    pub redistribute: Vec<Redistribute>,
    /// Where learned routes are installed; `None`: nowhere.
    pub kernel: Option<Kernel>,
    /// Where the speaker can be asked and told.
    pub api: Api,
}

impl Config {
    /// A speaker without peers.
    pub fn new(asn: Asn) -> Self {
        Config {
            asn,
            router_id: None,
            listen: Vec::new(),
            cluster_id: None,
            selection: Selection::default(),
            resolve_next_hops: true,
            policies: Policies::default(),
            groups: Vec::new(),
            peers: Vec::new(),
            routes: Vec::new(),
            discards: BTreeSet::new(),
            aggregates: Vec::new(),
            redistribute: Vec::new(),
            kernel: None,
            api: Api::default(),
        }
    }
}

/// Where the speaker can be asked and told; nothing: nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Api {
    /// The unix socket for those who may change things.
    pub socket: Option<PathBuf>,
    /// The unix socket for those who may only look.
    pub read_only_socket: Option<PathBuf>,
    /// The mode of the first one's file; `None`: 0660.
    pub socket_mode: Option<u32>,
    /// The mode of the second one's file; `None`: 0666.
    pub read_only_socket_mode: Option<u32>,
    /// The address of metrics and health.
    pub http: Option<SocketAddr>,
}

/// Where learned routes are installed, and the mark that they carry there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The number of the table; 254 is `main`.
    pub table: u32,
    /// The protocol that routes and next hops of ours carry.
    pub protocol: u8,
    /// The metric of our routes. Never 20 with protocol 186: that is FRR's mark, which sweeps what carries it.
    pub metric: u32,
    /// The most next hops of a route.
    pub multipath: u16,
    /// The address that the machine's own packets carry over our IPv4 routes.
    pub source_ipv4: Option<Ipv4Addr>,
    /// The same over IPv6.
    pub source_ipv6: Option<Ipv6Addr>,
    /// A default route is installed.
    pub default_route: bool,
    /// Ranges in which nothing is installed. In the networks of this machine's links nothing is in any case.
    pub protected: Vec<IpNet>,
    /// Ranges of which single addresses are installed even in the networks of this machine's links.
    pub allow_connected: Vec<IpNet>,
    /// The most routes that are installed.
    pub max_routes: Option<usize>,
    /// Which flows stay where they are as next hops come and go; `None`: none in particular.
    pub resilient: Option<Resilient>,
}

/// Groups of next hops that keep each flow where it is while its next hop stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resilient {
    /// How many parts the flows of a prefix are in.
    pub buckets: u16,
    /// How long a part must be without packets before it moves to a next hop that has too few.
    pub idle_timer: Duration,
    /// After how long of an uneven spread any part moves; zero: never.
    pub unbalanced_timer: Duration,
    /// Which prefixes have such groups; none: all with several next hops.
    pub prefixes: Vec<IpNet>,
}

impl Default for Resilient {
    fn default() -> Self {
        Resilient {
            buckets: 128,
            idle_timer: Duration::from_secs(120),
            unbalanced_timer: Duration::ZERO,
            prefixes: Vec::new(),
        }
    }
}

impl Default for Kernel {
    fn default() -> Self {
        Kernel {
            table: 254,
            protocol: 179,
            metric: 179,
            multipath: 8,
            source_ipv4: None,
            source_ipv6: None,
            default_route: false,
            protected: Vec::new(),
            allow_connected: Vec::new(),
            max_routes: None,
            resilient: None,
        }
    }
}

/// Routes of the kernel that are announced as our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redistribute {
    /// Which.
    pub from: KernelRoutes,
    /// Which of them, and what is said of them.
    pub policy: Policy,
}

/// Some of the kernel's routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KernelRoutes {
    /// The links' own.
    Connected,
    /// Those that an operator put there.
    Static,
    /// Those that carry the number of a protocol.
    Protocol(u8),
}

impl fmt::Display for KernelRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KernelRoutes::Connected => f.pad("connected"),
            KernelRoutes::Static => f.pad("static"),
            KernelRoutes::Protocol(number) => number.fmt(f),
        }
    }
}

/// Whom a peer's connection comes from or goes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remote {
    /// An address; with the interface where it is link-local.
    Address(IpAddr, Option<Box<str>>),
    /// Whoever is at the other end of a link.
    Interface(Box<str>),
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remote::Address(address, None) => address.fmt(f),
            Remote::Address(address, Some(interface)) => write!(f, "{address}%{interface}"),
            Remote::Interface(interface) => f.pad(interface),
        }
    }
}

/// A peer that is configured by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it is. No two peers are at the same place.
    pub remote: Remote,
    /// Its group, as policies and listings name it.
    pub group: Option<Box<str>>,
    /// How to talk to it.
    pub settings: PeerSettings,
}

/// Peers that may connect without being configured one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name. No two groups have the same.
    pub name: Box<str>,
    /// Where they connect from; nowhere: the group only holds settings.
    pub accept_from: Vec<IpNet>,
    /// The most of them at a time.
    pub max_peers: usize,
    /// How to talk to them.
    pub settings: PeerSettings,
}

/// How to talk to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerSettings {
    /// What people call it.
    pub description: Option<Box<str>>,
    /// Which AS it may be in.
    pub asn: RemoteAs,
    /// Our AS on this session, where it is not the speaker's.
    pub local_asn: Option<Asn>,
    /// The port that we dial.
    pub port: u16,
    /// The address that we dial from.
    pub source_address: Option<IpAddr>,
    /// Never dial, only accept.
    pub passive: bool,
    /// How far away it may be.
    pub distance: Distance,
    /// What TCP segments are signed with (RFC 2385).
    pub password: Option<Password>,
    /// Families, at least one.
    pub families: Vec<Family>,
    /// Agree to IPv4 routes with IPv6 next hops (RFC 8950), wherever both families are there or the session is IPv6's.
    pub extended_next_hop: bool,
    /// Take several routes to one prefix (ADD-PATH, RFC 7911).
    pub receive_add_path: bool,
    /// What is accepted; `None`: what [`Policy::default_for`] says.
    pub import: Option<Policy>,
    /// What it is told; `None`: what [`Policy::default_for`] says.
    pub export: Option<Policy>,
    /// The most prefixes of a family that it may send.
    pub max_prefixes: Option<MaxPrefixes>,
    /// The times of the session.
    pub timers: Timers,
    /// Which next hop is written where the policy does not say.
    pub next_hop: Option<NextHopChange>,
    /// Our addresses as next hops, where the session has none of the family.
    pub next_hop_addresses: NextHopChange,
    /// How often our AS may be in a path that we accept.
    pub allow_own_asn: u8,
    /// The peer's path must begin with its AS. Off towards a route server.
    pub first_asn: bool,
    /// Write our AS in place of the peer's.
    pub as_override: bool,
    /// Which private ASes are removed from paths.
    pub remove_private: Option<RemovePrivate>,
    /// The peer is our route reflection client.
    pub client: bool,
    /// Our role on the session (RFC 9234).
    pub role: Option<Role>,
    /// The peer must say a role too.
    pub strict_role: bool,
    /// Tell it a default route, whether or not there is one.
    pub default_originate: bool,
    /// Graceful restart of ours (RFC 4724); `None`: we are only patient with the peer's.
    pub graceful_restart: Option<GracefulRestart>,
    /// BFD beside the session (RFC 5882); `None`: only its hold time tells that the path is gone.
    pub bfd: Option<Bfd>,
    /// What the peer may blackhole, if anything.
    pub blackhole: Option<Blackhole>,
    /// Routes with more than this are rejected.
    pub limits: Limits,
    /// Attributes that are taken out of what comes in.
    pub discards: Discards,
    /// Down on purpose, with what the other side's operator is told.
    pub shutdown: Option<Box<str>>,
}

impl PeerSettings {
    /// IPv4 and IPv6 with a peer of this AS, nothing special about it.
    pub fn new(asn: RemoteAs) -> Self {
        PeerSettings {
            description: None,
            asn,
            local_asn: None,
            port: 179,
            source_address: None,
            passive: false,
            distance: Distance::Adjacent,
            password: None,
            families: vec![Family::IPV4, Family::IPV6],
            extended_next_hop: true,
            receive_add_path: false,
            import: None,
            export: None,
            max_prefixes: None,
            timers: Timers::default(),
            next_hop: None,
            next_hop_addresses: NextHopChange::Addresses { ipv4: None, ipv6: None },
            allow_own_asn: 0,
            first_asn: true,
            as_override: false,
            remove_private: None,
            client: false,
            role: None,
            strict_role: false,
            default_originate: false,
            graceful_restart: Some(GracefulRestart::default()),
            bfd: None,
            blackhole: None,
            limits: Limits::default(),
            discards: Discards::default(),
            shutdown: None,
        }
    }
}

/// How far away a peer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// On a link of ours. What we send carries TTL 255, and what comes is not checked.
    Adjacent,
    /// On a link of ours, and what did not come with TTL 255 is not from there (RFC 5082).
    Secured,
    /// Up to so many hops away.
    Multihop(u8),
}

/// What TCP segments are signed with. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Box<str>);

impl Password {
    /// The most octets that a key may have.
    pub const MAX: usize = 80;

    /// `None`: it is empty or too long for the kernel.
    pub fn new(text: &str) -> Option<Self> {
        (1..=Self::MAX).contains(&text.len()).then(|| Password(text.into()))
    }

    /// The octets.
    pub fn octets(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The most prefixes of a family that a peer may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPrefixes {
    /// How many.
    pub limit: u32,
    /// From how many on it is said in the log.
    pub warn: u32,
    /// Only say so, and keep the session.
    pub only_warn: bool,
    /// How long the session stays down; `None`: until somebody starts it.
    pub restart_after: Option<Duration>,
}

/// The times of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// The hold time that we propose.
    pub hold: HoldTime,
    /// The shortest that we accept.
    pub min_hold: HoldTime,
    /// How often we say that we are here; `None`: a third of the agreed hold time, which is the most.
    pub keepalive: Option<Duration>,
    /// How long a dial may take, and how long until the next.
    pub connect_retry: Duration,
    /// How long to wait after a failure, the first time; it doubles up to `idle_hold_max`.
    pub idle_hold: Duration,
    /// The longest wait after a failure.
    pub idle_hold_max: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Timers {
            hold: HoldTime::new(90).unwrap_or(HoldTime::OFF),
            min_hold: HoldTime::OFF,
            keepalive: None,
            connect_retry: Duration::from_secs(5),
            idle_hold: Duration::from_secs(1),
            idle_hold_max: Duration::from_secs(60),
        }
    }
}

/// How fast a broken path is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bfd {
    /// How often packets go each way; the peer may want it slower.
    pub interval: Duration,
    /// After so many missing packets in a row the path counts as broken, on the other side.
    pub multiplier: NonZeroU8,
}

impl Default for Bfd {
    fn default() -> Self {
        let multiplier = NonZeroU8::MIN.saturating_add(2);
        Bfd { interval: Duration::from_millis(300), multiplier }
    }
}

/// Graceful restart of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracefulRestart {
    /// How long the peer waits for us to come back.
    pub restart_time: Duration,
    /// How long we keep the peer's routes at the most once it is back.
    pub stale_time: Duration,
    /// Routes are kept, on both sides, where a hold time ran out or a NOTIFICATION ended the session too (RFC 8538).
    pub notification: bool,
}

impl Default for GracefulRestart {
    fn default() -> Self {
        GracefulRestart {
            restart_time: Duration::from_secs(120),
            stale_time: Duration::from_secs(360),
            notification: true,
        }
    }
}
