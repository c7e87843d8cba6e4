//! A route as a router holds it, in one shape whatever the router prints.

use std::net::IpAddr;

use ipnet::IpNet;

/// A route that a router learned from a peer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The prefix.
    pub prefix: IpNet,
    /// The (global) next hop.
    pub next_hop: IpAddr,
    /// The AS path, sequence and sets flattened.
    pub as_path: Vec<u32>,
    /// Communities such as `65001:100`, sorted.
    pub communities: Vec<String>,
    /// Large communities such as `65001:1:2`, sorted.
    pub large_communities: Vec<String>,
    /// Multi-exit discriminator, where there is one.
    pub med: Option<u32>,
}

impl Route {
    /// A route without optional attributes.
    pub(crate) fn new(prefix: IpNet, next_hop: IpAddr, as_path: Vec<u32>) -> Self {
        Self { prefix, next_hop, as_path, communities: Vec::new(), large_communities: Vec::new(), med: None }
    }

    /// With communities, both kinds, in whatever order the router prints them.
    pub(crate) fn with_communities(self, mut communities: Vec<String>, mut large: Vec<String>) -> Self {
        communities.sort();
        large.sort();
        Self { communities, large_communities: large, ..self }
    }
}

/// All numbers in a piece of text, such as an AS path in any notation.
pub(crate) fn numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_any_notation_of_an_as_path() {
        assert_eq!(numbers("65001 {65002,65003} [4200000000]"), [65001, 65002, 65003, 4_200_000_000]);
        assert_eq!(numbers(""), [0_u32; 0]);
    }
}
