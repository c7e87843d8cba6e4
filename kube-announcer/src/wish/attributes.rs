//! What is said with a route.

use bgp_proto::attr::community::{Community, LargeCommunity};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What is said with a route. What is not said is left to others, and then to BGP.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attributes {
    /// Communities, in order, each once.
    pub communities: Vec<Community>,
    /// Large communities, in order, each once.
    pub large_communities: Vec<LargeCommunity>,
    /// The local preference.
    pub local_pref: Option<u32>,
    /// The MED.
    pub med: Option<u32>,
    /// How often our AS is put in front once more.
    pub prepend: Option<u8>,
    /// The next hop.
    pub next_hop: Option<NextHop>,
}

/// Which next hop is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NextHop {
    /// The session's own address.
    Own,
    /// The node's InternalIP.
    InternalIp,
    /// These.
    Addresses {
        /// For IPv4 prefixes.
        ipv4: Option<Ipv4Addr>,
        /// For IPv6 prefixes.
        ipv6: Option<Ipv6Addr>,
    },
}
