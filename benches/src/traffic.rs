//! What a peer with the Internet's routing table sends: prefixes of the lengths that are in use, attribute sets that
//! several prefixes share, and UPDATEs of both. The same shape makes the same octets everywhere.

use crate::cases::{IPV4_LENGTHS, IPV6_LENGTHS};
use bgp_proto::{
    agreed::Agreed,
    attr::{as_path::AsPathBuf, community::Community, next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::{Asn, Origin},
    prefix::{Address, Prefix},
    wire::{
        nlri::Path,
        pack::{self, Announcement},
    },
};

/// How much a peer sends, and which of all possible tables.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The number of routes.
    pub routes: u32,
    /// Another seed: other prefixes. Peers with the same seed have the same ones, shared out to sets alike.
    pub seed: u64,
    /// The AS that the paths begin with: each peer has attribute sets of its own.
    pub peer: Asn,
    /// Where the routes point.
    pub next_hop: NextHop,
}

/// An address width, with what is routed of it.
pub trait Routed: Address {
    /// Its unicast family.
    const FAMILY: Family;
    /// Of a hundred prefixes, about how many have each length.
    const LENGTHS: &'static [(u8, u32)];
    /// Lengths that the rest has.
    const OTHERS: std::ops::Range<u8>;
    /// The bits of one of the prefixes of a length, another for each number below their count; `None`: not routed.
    fn place(number: u64, len: u8) -> Option<Self>;
}

impl Routed for u32 {
    const FAMILY: Family = Family::IPV4;
    const LENGTHS: &'static [(u8, u32)] = &IPV4_LENGTHS;
    const OTHERS: std::ops::Range<u8> = 17..25;

    fn place(number: u64, len: u8) -> Option<u32> {
        let bits = (spread(number, len) << (32 - len)) as u32;
        matches!(bits >> 24, 1..=9 | 11..=126 | 128..=223).then_some(bits)
    }
}

impl Routed for u128 {
    const FAMILY: Family = Family::IPV6;
    const LENGTHS: &'static [(u8, u32)] = &IPV6_LENGTHS;
    const OTHERS: std::ops::Range<u8> = 33..49;

    fn place(number: u64, len: u8) -> Option<u128> {
        Some((1 << 125) | u128::from(spread(number, len - 3)) << (128 - len))
    }
}

/// The number among those of so many bits that belongs to this one, each to one.
fn spread(number: u64, bits: u8) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) & ((1 << bits) - 1)
}

/// Prefixes with one attribute set.
#[derive(Clone, Debug)]
struct Set<A> {
    section: Vec<u8>,
    prefixes: Vec<Prefix<A>>,
}

/// A peer's table.
#[derive(Clone, Debug)]
pub struct Traffic<A> {
    next_hop: NextHop,
    sets: Vec<Set<A>>,
}

impl<A: Routed> Traffic<A> {
    /// The table of this shape.
    pub fn new(shape: &Shape) -> Self {
        let mut prefixes = Prefixes { draw: Draw(shape.seed), next: [shape.seed << 20; 129] };
        let mut sizes = Draw(shape.seed ^ 0x5173);
        let mut values = Draw(shape.seed ^ u64::from(shape.peer.0) << 32);
        let mut sets = Vec::new();
        let mut left = shape.routes as usize;
        while left > 0 {
            let size = sizes.set_size().min(left);
            left -= size;
            let mut section = Vec::new();
            values.attributes(shape.peer).encode(true, &mut section);
            sets.push(Set { section, prefixes: (0..size).map(|_| prefixes.next()).collect() });
        }
        Traffic { next_hop: shape.next_hop, sets }
    }

    /// How many attribute sets there are: fewer UPDATEs cannot announce them.
    pub fn sets(&self) -> usize {
        self.sets.len()
    }

    /// UPDATEs that announce everything, set after set.
    pub fn announcements(&self, agreed: &Agreed) -> Vec<u8> {
        let mut out = Vec::new();
        for set in &self.sets {
            let announcement =
                Announcement { family: A::FAMILY, attributes: &set.section, next_hop: self.next_hop };
            let paths = set.prefixes.iter().copied().map(Path::from);
            announcement.encode(agreed, paths, &mut out).expect("short attributes leave room");
        }
        out
    }

    /// UPDATEs that withdraw everything, in the same order.
    pub fn withdrawals(&self, agreed: &Agreed) -> Vec<u8> {
        let mut out = Vec::new();
        let paths = self.sets.iter().flat_map(|set| &set.prefixes).copied().map(Path::from);
        pack::withdraw(A::FAMILY, agreed, paths, &mut out);
        out
    }
}

/// Where to take prefixes from, none twice.
struct Prefixes {
    draw: Draw,
    /// By length: the next number.
    next: [u64; 129],
}

impl Prefixes {
    fn next<A: Routed>(&mut self) -> Prefix<A> {
        let mut left = self.draw.below(100);
        let common = A::LENGTHS.iter().find(|(_, share)| {
            let found = left < *share;
            left = left.saturating_sub(*share);
            found
        });
        let len = common
            .map_or_else(|| A::OTHERS.start + self.draw.below(A::OTHERS.len() as u32) as u8, |(len, _)| *len);
        loop {
            let number = &mut self.next[usize::from(len)];
            *number += 1;
            if let Some(prefix) = A::place(*number, len).and_then(|bits| Prefix::new(bits, len)) {
                return prefix;
            }
        }
    }
}

/// Numbers that look drawn by lot and are always the same (splitmix64).
#[derive(Clone, Debug)]
struct Draw(u64);

impl Draw {
    /// The next number below this one.
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((((mixed ^ (mixed >> 31)) >> 32) * u64::from(end)) >> 32) as u32
    }

    /// How many prefixes share a set: half of the sets have one, a few have a hundred; 6.7 on average.
    fn set_size(&mut self) -> usize {
        let (least, most) = match self.below(100) {
            0..45 => (1, 1),
            45..63 => (2, 2),
            63..73 => (3, 3),
            73..85 => (4, 9),
            85..96 => (10, 30),
            _ => (31, 100),
        };
        (least + self.below(most - least + 1)) as usize
    }

    /// A path of 3 to 6 ASes; every other set has 1 to 8 communities.
    fn attributes(&mut self, peer: Asn) -> PathAttributes {
        let hops = 2 + self.below(4);
        let path: Vec<Asn> =
            [peer].into_iter().chain((0..hops).map(|_| Asn(1000 + self.below(400_000)))).collect();
        let communities = self.below(2) * (1 + self.below(8));
        let admin = path[1].0 << 16;
        PathAttributes {
            origin: Some(if self.below(10) > 0 { Origin::IGP } else { Origin::INCOMPLETE }),
            as_path: AsPathBuf::sequence(&path),
            communities: (0..communities).map(|_| Community(admin | self.below(1 << 16))).collect(),
            ..PathAttributes::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::agreed;
    use std::{collections::BTreeSet, net::Ipv4Addr};

    fn traffic(peer: u32) -> Traffic<u32> {
        let next_hop = NextHop::Ipv4(Ipv4Addr::new(192, 0, 2, 1));
        Traffic::new(&Shape { routes: 20_000, seed: 1, peer: Asn(peer), next_hop })
    }

    #[test]
    fn no_prefix_comes_twice_and_a_set_has_nearly_seven() {
        let traffic = traffic(65001);
        let prefixes: BTreeSet<_> = traffic.sets.iter().flat_map(|set| &set.prefixes).collect();
        assert_eq!(prefixes.len(), 20_000);
        let sections: BTreeSet<_> = traffic.sets.iter().map(|set| &set.section).collect();
        assert_eq!(sections.len(), traffic.sets());
        assert!((2700..3300).contains(&traffic.sets()), "{} sets", traffic.sets());
    }

    #[test]
    fn the_same_shape_makes_the_same_octets_and_another_peer_other_attributes() {
        let octets = |peer| traffic(peer).announcements(&agreed(true));
        assert!(octets(65001) == octets(65001) && octets(65001) != octets(65002));
        let gone = |peer| traffic(peer).withdrawals(&agreed(true));
        assert!(gone(65001) == gone(65002));
    }
}
