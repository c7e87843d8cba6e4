//! What a router is told, in our words.

use bgp_daemon::config::Bfd;
use bgp_proto::{attr::community::Community, family::Family, numbers::Asn};
use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

/// What a router is to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The router's AS.
    pub asn: Asn,
    /// The router's identifier.
    pub router_id: Ipv4Addr,
    /// Whom it peers with. One group for each BgpPeer of each cluster.
    pub groups: Vec<Group>,
}

/// Nodes that are treated alike: those of one BgpPeer in one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name on the router: letters, digits and `-`.
    pub name: String,
    /// The nodes' AS.
    pub asn: Asn,
    /// What is exchanged.
    pub families: Vec<Family>,
    /// How many hops away the nodes are; `None`: on a link of the router.
    pub multihop: Option<u8>,
    /// The Secret that holds the sessions' password.
    pub password: Option<String>,
    /// Routes of a node that restarts are kept (RFC 4724).
    pub graceful_restart: bool,
    /// BFD beside the sessions.
    pub bfd: Option<Bfd>,
    /// What the nodes may announce.
    pub accepts: Vec<Range>,
    /// What the nodes are told.
    pub sends: Vec<Range>,
    /// The nodes refuse paths with their own AS, so the router puts its own in place of it.
    pub as_override: bool,
    /// The most prefixes that one node may announce in one family.
    pub max_prefixes: u32,
    /// What the router adds to everything that comes from here, so that a cluster's routes can be told apart.
    pub community: Option<Community>,
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// A node of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Where the router finds it.
    pub place: Place,
}

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At an address.
    Address(IpAddr),
    /// At the other end of this interface of the router.
    Link(String),
}

/// Prefixes inside of one prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// What they lie in.
    pub prefix: IpNet,
    /// The least length.
    pub shortest: u8,
    /// The greatest length.
    pub longest: u8,
}

impl From<IpNet> for Range {
    /// The prefix and everything in it.
    fn from(prefix: IpNet) -> Self {
        let prefix = prefix.trunc();
        Range { prefix, shortest: prefix.prefix_len(), longest: prefix.max_prefix_len() }
    }
}

impl FromStr for Range {
    type Err = String;
    /// `10.0.0.0/8`, `10.0.0.0/8 le 24`, `10.0.0.0/8 ge 16`, or both, as policies write it.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?}: use a prefix like 10.0.0.0/8, with `ge N`, `le N` or both behind it");
        let words: Vec<_> = text.split_whitespace().collect();
        let prefix: IpNet = words.first().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
        let mut range = Range::exactly(prefix);
        if words.len() > 1 {
            range.longest = prefix.max_prefix_len();
        }
        for bound in words[1..].chunks(2) {
            match bound {
                ["ge", length] => range.shortest = length.parse().map_err(|_| wrong())?,
                ["le", length] => range.longest = length.parse().map_err(|_| wrong())?,
                _ => return Err(wrong()),
            }
        }
        let fits = prefix.prefix_len() <= range.shortest
            && range.shortest <= range.longest
            && range.longest <= prefix.max_prefix_len();
        if fits { Ok(range) } else { Err(wrong()) }
    }
}

impl Range {
    /// The prefix alone.
    pub fn exactly(prefix: IpNet) -> Self {
        let prefix = prefix.trunc();
        Range { prefix, shortest: prefix.prefix_len(), longest: prefix.prefix_len() }
    }

    /// Each address in the prefix.
    pub fn hosts(prefix: IpNet) -> Self {
        let longest = prefix.max_prefix_len();
        Range { shortest: longest, ..Range::from(prefix) }
    }

    /// Whether everything in another is in this too.
    pub fn holds(&self, other: &Range) -> bool {
        self.prefix.contains(&other.prefix)
            && self.shortest <= other.shortest
            && self.longest >= other.longest
    }

    /// The family of its prefixes.
    pub fn family(&self) -> Family {
        family_of(self.prefix.addr())
    }
}

impl Facts {
    /// All nodes of all groups.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.groups.iter().flat_map(|group| &group.nodes)
    }

    /// Whether one prefix may come from several ASes, and be as good from each.
    pub(super) fn is_from_several_asns(&self) -> bool {
        self.groups.iter().any(|group| group.asn != self.groups[0].asn)
    }

    /// Whether this group's nodes are in the router's own AS.
    pub(super) fn is_internal(&self, group: &Group) -> bool {
        group.asn == self.asn
    }

    /// What is told from node to node inside of one AS only where the router reflects it.
    pub(super) fn reflects(&self, group: &Group) -> bool {
        self.is_internal(group) && !group.sends.is_empty()
    }

    /// What a person reads first.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for group in &self.groups {
            let (count, name, asn) = (group.nodes.len(), &group.name, group.asn);
            let nodes = if count == 1 { "node" } else { "nodes" };
            notes.push(format!(
                "{name}: {count} {nodes} in AS {asn}, peers of this router in AS {}.",
                self.asn
            ));
            if let Some(secret) = &group.password {
                notes.push(format!(
                    "{name}: put the field `password` of the Secret {secret} in place of {}.",
                    super::PLACEHOLDER
                ));
            }
            if group.links().iter().any(|link| link.starts_with(super::UNKNOWN_LINK)) {
                let link = super::UNKNOWN_LINK;
                notes
                    .push(format!("{name}: put the router's own name of each interface in place of {link}…"));
            }
            if group.accepts.is_empty() {
                notes.push(format!("{name}: nothing is allowed in, so nothing is accepted."));
            }
        }
        notes
    }

    /// What no router can be told.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if self.nodes().next().is_none() {
            mistakes.push(
                "no node peers with this router; look at the nodeSelector and the address of the BgpPeers"
                    .to_owned(),
            );
        }
        for group in &self.groups {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let begins = group.name.starts_with(|c: char| c.is_ascii_alphabetic());
            if !begins || !group.name.chars().all(is_plain) {
                mistakes.push(format!(
                    "group {:?}: use a letter, then letters, digits and `-`; routers take no other names",
                    group.name
                ));
            }
            let words = group.nodes.iter().map(|node| &node.name).chain(&group.password);
            let odd = |word: &&String| word.chars().any(|c| c.is_whitespace() || c.is_control() || c == '"');
            mistakes.extend(words.filter(odd).map(|word| {
                format!("{:?}: {word:?} is no name; use the one of the Kubernetes object", group.name)
            }));
        }
        mistakes
    }
}

impl Group {
    /// What the nodes may announce in a family.
    pub(super) fn accepts(&self, family: Family) -> impl Iterator<Item = &Range> {
        self.accepts.iter().filter(move |range| range.family() == family)
    }

    /// What the nodes are told in a family.
    pub(super) fn sends(&self, family: Family) -> impl Iterator<Item = &Range> {
        self.sends.iter().filter(move |range| range.family() == family)
    }

    /// What marks its routes.
    pub(super) fn tag(&self) -> Option<String> {
        self.community.map(|Community(value)| format!("{}:{}", value >> 16, value & 0xffff))
    }

    /// The name of what filters a family one way, `in` or `out`.
    pub(super) fn filter(&self, family: Family, way: &str) -> String {
        format!("{}-{}-{way}", self.name, word(family))
    }

    /// The nodes that have an address.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (IpAddr, &Node)> {
        self.nodes.iter().filter_map(|node| match node.place {
            Place::Address(at) => Some((at, node)),
            Place::Link(_) => None,
        })
    }

    /// The interfaces with nodes at their other ends.
    pub(super) fn links(&self) -> Vec<&str> {
        let places = self.nodes.iter().map(|node| &node.place);
        places.filter_map(|place| if let Place::Link(link) = place { Some(&**link) } else { None }).collect()
    }
}

/// Whether IPv4 routes come with IPv6 next hops somewhere (RFC 8950).
pub(super) fn needs_extended_next_hop(group: &Group) -> bool {
    let is_far = |node: &Node| !matches!(node.place, Place::Address(IpAddr::V4(_)));
    group.families.contains(&Family::IPV4) && group.nodes.iter().any(is_far)
}

/// The families exchanged with a node, where the router knows no IPv4 routes with IPv6 next hops.
pub(super) fn plain_families(group: &Group, at: IpAddr) -> impl Iterator<Item = Family> {
    group.families.iter().copied().filter(move |family| *family == Family::IPV6 || at.is_ipv4())
}

/// The family of an address.
pub(super) fn family_of(address: IpAddr) -> Family {
    if address.is_ipv4() { Family::IPV4 } else { Family::IPV6 }
}

/// `ipv4` or `ipv6`.
pub(super) fn word(family: Family) -> &'static str {
    if family == Family::IPV4 { "ipv4" } else { "ipv6" }
}
