//! What becomes of a route that comes in, whatever the import policy says.

use super::{super::Changes, role};
use bgp_proto::{
    agreed::PeerKind,
    attr::{community::Community, set::PathAttributes},
    numbers::{Asn, Role, RouterId},
    prefix::{Address, Prefix},
};
use std::fmt;

/// What the rules need to know of the session that a route came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImportSide {
    /// Inside or outside of our AS.
    pub kind: PeerKind,
    /// Our AS as the peer knows it.
    pub asn: Asn,
    /// Our AS elsewhere, where this session uses another one (`local_asn`).
    pub real_asn: Asn,
    /// The peer's AS.
    pub peer_asn: Asn,
    /// Our identifier.
    pub router_id: RouterId,
    /// The cluster that we reflect routes for.
    pub cluster_id: Option<u32>,
    /// How often our AS may be in the path.
    pub allow_own_asn: u8,
    /// An external peer's path must begin with its AS. Off towards a route server, which leaves its AS out.
    pub first_asn: bool,
    /// Our role on the session.
    pub role: Option<Role>,
    /// `graceful-shutdown` from an external peer lowers the local preference to 0.
    pub graceful_shutdown: bool,
    /// What the peer may blackhole, if anything.
    pub blackhole: Option<Blackhole>,
}

/// The shortest prefixes that a peer may blackhole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Blackhole {
    /// Of IPv4.
    pub ipv4: u8,
    /// Of IPv6.
    pub ipv6: u8,
}

impl Blackhole {
    /// Single addresses only.
    pub const HOSTS: Blackhole = Blackhole { ipv4: 32, ipv6: 128 };

    fn shortest<A: Address>(self) -> u8 {
        if A::WIDTH == 32 { self.ipv4 } else { self.ipv6 }
    }
}

impl ImportSide {
    /// A session with nothing special about it.
    pub const fn new(kind: PeerKind, asn: Asn, peer_asn: Asn, router_id: RouterId) -> Self {
        ImportSide {
            kind,
            asn,
            real_asn: asn,
            peer_asn,
            router_id,
            cluster_id: None,
            allow_own_asn: 0,
            first_asn: true,
            role: None,
            graceful_shutdown: true,
            blackhole: None,
        }
    }

    fn is_external(&self) -> bool {
        self.kind == PeerKind::External
    }
}

/// Why a route is not used, whatever the policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Our AS is in the path more often than allowed.
    OwnAsn(Asn),
    /// The path does not begin with the peer's AS.
    FirstAsn {
        /// What it begins with, if with an AS.
        first: Option<Asn>,
        /// The peer's AS.
        peer: Asn,
    },
    /// We are the one who brought it into the AS.
    OwnOriginator,
    /// It has been through our cluster.
    OwnCluster(u32),
    /// It was marked to go to customers only, and comes from where it must not (RFC 9234).
    Leak(Asn),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::OwnAsn(asn) => write!(f, "loop: our AS {asn} is in the AS path"),
            Refusal::FirstAsn { first: Some(first), peer } => {
                write!(f, "the AS path begins with {first}, not with the peer's AS {peer}")
            }
            Refusal::FirstAsn { first: None, peer } => {
                write!(f, "the AS path does not begin with the peer's AS {peer}")
            }
            Refusal::OwnOriginator => f.write_str("loop: we are its originator"),
            Refusal::OwnCluster(id) => {
                write!(f, "loop: our cluster {} is in the cluster list", std::net::Ipv4Addr::from_bits(*id))
            }
            Refusal::Leak(mark) => write!(f, "route leak: AS {mark} marked it for customers only"),
        }
    }
}

/// The rules that refuse, in the order in which reasons are given.
const RULES: [fn(&ImportSide, &PathAttributes) -> Option<Refusal>; 5] =
    [own_asn, first_asn, own_originator, own_cluster, leak];

/// Whether the attributes, as they were received, say that the route is not to be used.
pub fn refusal(side: &ImportSide, attributes: &PathAttributes) -> Option<Refusal> {
    RULES.iter().find_map(|rule| rule(side, attributes))
}

fn own_asn(side: &ImportSide, attributes: &PathAttributes) -> Option<Refusal> {
    let times = |own: Asn| attributes.as_path.view().asns().filter(|asn| *asn == own).count();
    let own = [side.asn, side.real_asn];
    own.into_iter().find(|own| times(*own) > usize::from(side.allow_own_asn)).map(Refusal::OwnAsn)
}

fn first_asn(side: &ImportSide, attributes: &PathAttributes) -> Option<Refusal> {
    let first = attributes.as_path.view().first();
    let wrong = side.is_external() && side.first_asn && first != Some(side.peer_asn);
    wrong.then_some(Refusal::FirstAsn { first, peer: side.peer_asn })
}

fn own_originator(side: &ImportSide, attributes: &PathAttributes) -> Option<Refusal> {
    let own = attributes.originator_id == Some(side.router_id);
    own.then_some(Refusal::OwnOriginator)
}

fn own_cluster(side: &ImportSide, attributes: &PathAttributes) -> Option<Refusal> {
    let own = side.cluster_id.filter(|id| attributes.cluster_list.contains(id));
    own.map(Refusal::OwnCluster)
}

fn leak(side: &ImportSide, attributes: &PathAttributes) -> Option<Refusal> {
    let mark = attributes.only_to_customer?;
    let leaked = side.is_external() && role::is_leak(side.role, Some(mark), side.peer_asn);
    leaked.then_some(Refusal::Leak(mark))
}

/// What `blackhole` on a route says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blackholed {
    /// It is not there: a route like any other.
    No,
    /// Packets to the prefix are to be discarded.
    Discard,
    /// The route is not to be used: this peer may not blackhole.
    NotAllowed,
    /// The route is not to be used: the prefix is shorter than this, the shortest that the peer may blackhole.
    TooShort(u8),
}

/// RFC 7999 §3.3: `blackhole` counts only where it was agreed on with the peer; inside our AS that was settled where the
/// route came in.
pub fn blackhole<A: Address>(
    side: &ImportSide,
    attributes: &PathAttributes,
    prefix: Prefix<A>,
) -> Blackholed {
    if !attributes.communities.contains(&Community::BLACKHOLE) {
        return Blackholed::No;
    }
    match side.blackhole.map(Blackhole::shortest::<A>) {
        _ if !side.is_external() => Blackholed::Discard,
        None => Blackholed::NotAllowed,
        Some(shortest) if prefix.len() < shortest => Blackholed::TooShort(shortest),
        Some(_) => Blackholed::Discard,
    }
}

/// Whether [`prepare`] would change anything: most sets stay as they are, and are shared with what was learned.
pub fn changes(side: &ImportSide, attributes: &PathAttributes, policy: Option<&Changes>) -> bool {
    policy.is_some_and(|changes| !changes.keep_attributes())
        || side.is_external()
            && (marked(side, attributes) != attributes.only_to_customer
                || attributes.communities.contains(&Community::GRACEFUL_SHUTDOWN)
                || attributes.communities.contains(&Community::BLACKHOLE))
}

/// Turns the attributes as received into those that are accepted: the policy's changes, and what the protocol adds
/// before and after them.
pub fn prepare(side: &ImportSide, attributes: &mut PathAttributes, policy: Option<&Changes>) {
    // A policy's own community stands for what the user says to others, not for what the peer said.
    let leaving = side.is_external() && attributes.communities.contains(&Community::GRACEFUL_SHUTDOWN);
    attributes.only_to_customer = marked(side, attributes);
    if side.is_external() && attributes.communities.contains(&Community::BLACKHOLE) {
        confine(&mut attributes.communities);
    }
    if let Some(changes) = policy {
        changes.apply(attributes, side.asn);
    }
    if leaving && side.graceful_shutdown {
        attributes.local_pref = Some(0);
    }
}

/// RFC 7999 §3.2: a blackhole goes no further than where it works, unless a policy takes `no-export` out again.
fn confine(communities: &mut Vec<Community>) {
    let confined = [Community::NO_EXPORT, Community::NO_ADVERTISE];
    if !confined.iter().any(|community| communities.contains(community)) {
        communities.push(Community::NO_EXPORT);
    }
}

fn marked(side: &ImportSide, attributes: &PathAttributes) -> Option<Asn> {
    let role = side.role.filter(|_| side.is_external());
    role::incoming_mark(role, attributes.only_to_customer, side.peer_asn)
}

#[cfg(test)]
mod tests;
