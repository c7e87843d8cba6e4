//! Path attributes as the API shows them, in the forms that configuration files use.

use bgp_proto::attr::{next_hop::NextHop, set::PathAttributes};
use serde::{Deserialize, Serialize};

/// Path attributes. What is not there is `null`, or an empty list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// The next hop; `null`: ourselves.
    pub next_hop: Option<String>,
    /// The link-local address of the same router, which an IPv6 next hop may have beside it.
    pub next_hop_link_local: Option<String>,
    /// The AS path: `64512 64513`, with `{64514,64515}` for a set.
    pub as_path: String,
    /// `igp`, `egp` or `incomplete`.
    pub origin: Option<String>,
    /// The multi-exit discriminator.
    pub med: Option<u32>,
    /// The local preference.
    pub local_pref: Option<u32>,
    /// Communities of all kinds: `65000:1`, `no-export`, `65000:1:2`, `rt:65000:1`.
    pub communities: Vec<String>,
    /// Information was lost in an aggregate.
    pub atomic_aggregate: bool,
    /// Who formed the aggregate: `65000 192.0.2.1`.
    pub aggregator: Option<String>,
    /// Who brought the route into the AS, where it was reflected.
    pub originator_id: Option<String>,
    /// The clusters that reflected it.
    pub cluster_list: Vec<String>,
    /// The accumulated metric.
    pub aigp: Option<u64>,
    /// The AS that marked it as for customers only.
    pub only_to_customer: Option<u32>,
    /// What is carried and not read.
    pub other: Vec<Other>,
}

/// An attribute that is carried and not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    /// Its type code.
    pub code: u8,
    /// Its flags.
    pub flags: u8,
    /// Its value, in hexadecimal digits.
    pub value: String,
}

/// Octets as hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |octet: u8| DIGITS[usize::from(octet & 0xf)];
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(*octet)]).collect()
}

fn texts<T: ToString>(list: &[T]) -> impl Iterator<Item = String> + '_ {
    list.iter().map(ToString::to_string)
}

impl Attributes {
    /// Of these attributes with this next hop.
    pub fn of(attributes: &PathAttributes, next_hop: Option<NextHop>) -> Self {
        let link_local = match next_hop {
            Some(NextHop::Ipv6 { link_local, .. }) => link_local,
            _ => None,
        };
        let communities = texts(&attributes.communities)
            .chain(texts(&attributes.large_communities))
            .chain(texts(&attributes.extended_communities))
            .chain(texts(&attributes.extended_communities_ipv6));
        let other = attributes.opaque.iter().map(|other| Other {
            code: other.code,
            flags: other.flags,
            value: hex(&other.value),
        });
        Attributes {
            next_hop: next_hop.map(|next_hop| next_hop.address().to_string()),
            next_hop_link_local: link_local.map(|address| address.to_string()),
            as_path: attributes.as_path.to_string(),
            origin: attributes.origin.map(|origin| origin.to_string().to_ascii_lowercase()),
            med: attributes.med,
            local_pref: attributes.local_pref,
            communities: communities.collect(),
            atomic_aggregate: attributes.atomic_aggregate,
            aggregator: attributes.aggregator.map(|aggregator| aggregator.to_string()),
            originator_id: attributes.originator_id.map(|id| id.to_string()),
            cluster_list: attributes
                .cluster_list
                .iter()
                .map(|id| std::net::Ipv4Addr::from_bits(*id).to_string())
                .collect(),
            aigp: attributes.aigp,
            only_to_customer: attributes.only_to_customer.map(|asn| asn.0),
            other: other.collect(),
        }
    }
}
