//! What a route in the kernel is made of.

use ipnet::IpNet;
use std::net::IpAddr;

/// Whose a route is: what carries all of this is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The number of the protocol.
    pub protocol: u8,
    /// The number of the table.
    pub table: u32,
    /// The metric.
    pub metric: u32,
}

/// IPv6 has no metric of zero: the kernel puts this in its place.
const NO_METRIC: u32 = 1024;

impl Mark {
    /// The metric of our route to a prefix, as the kernel tells it.
    pub fn metric_of(self, net: IpNet) -> u32 {
        if self.metric == 0 && matches!(net, IpNet::V6(_)) { NO_METRIC } else { self.metric }
    }
}

/// One way out of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gateway {
    /// The machine that packets are handed to; `None`: they are for whoever is on the link.
    pub via: Option<IpAddr>,
    /// The number of the link.
    pub device: u32,
    /// The machine is on the link even where no route says so.
    pub onlink: bool,
}

/// A way out with its share of the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// The way out.
    pub gateway: Gateway,
    /// The share, from 1 on.
    pub weight: u16,
}

impl From<Gateway> for Path {
    fn from(gateway: Gateway) -> Self {
        Path { gateway, weight: 1 }
    }
}

/// Where a route's packets go. Most routes have one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paths {
    /// Nowhere.
    None,
    /// One way.
    One(Path),
    /// Several.
    Many(Box<[Path]>),
    /// As this next hop object says.
    Object(u32),
}

impl Paths {
    /// Those that the route itself names.
    pub fn iter(&self) -> std::slice::Iter<'_, Path> {
        match self {
            Paths::None | Paths::Object(_) => [].iter(),
            Paths::One(path) => std::slice::from_ref(path).iter(),
            Paths::Many(paths) => paths.iter(),
        }
    }

    /// Whether the route itself names none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Whether this is one of them.
    pub fn contains(&self, path: &Path) -> bool {
        self.iter().any(|own| own == path)
    }
}

impl From<Vec<Path>> for Paths {
    fn from(paths: Vec<Path>) -> Self {
        match paths[..] {
            [] => Paths::None,
            [path] => Paths::One(path),
            _ => Paths::Many(paths.into()),
        }
    }
}

/// What becomes of a route's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They go on to another machine.
    Unicast,
    /// They are dropped, with or without a word to the sender.
    Discard,
    /// Anything else: local addresses, broadcast.
    Other,
}

/// A route as the kernel tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelRoute {
    /// The prefix.
    pub net: IpNet,
    /// The table that it is in.
    pub table: u32,
    /// Who put it there.
    pub protocol: u8,
    /// Of several the lowest counts.
    pub metric: u32,
    /// What becomes of packets.
    pub kind: Kind,
    /// Where packets go.
    pub paths: Paths,
    /// The address that the machine's own packets carry.
    pub source: Option<IpAddr>,
}

/// How a group of the kernel keeps flows where they are: each is in a bucket, and only a bucket moves. Times are in
/// hundredths of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// How many there are.
    pub count: u16,
    /// A bucket without packets for so long may move.
    pub idle: u32,
    /// With an uneven spread for so long any may move; 0: never.
    pub unbalanced: u32,
}

/// Which routes with several next hops have such groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resilient {
    /// How flows are kept.
    pub buckets: Buckets,
    /// Ranges of prefixes; none: all.
    pub prefixes: Vec<IpNet>,
}

/// The most paths of a route.
pub const MAX_PATHS: usize = 256;

/// The same paths in one form: each gateway once, in order, in whole shares without a common divisor, at most so many.
pub(super) fn normal(mut paths: Vec<(Gateway, u64)>, most: usize) -> Vec<Path> {
    paths.sort_unstable_by_key(|(gateway, _)| *gateway);
    paths.dedup_by(|(gateway, share), (kept, sum)| {
        gateway == kept && {
            *sum += *share;
            true
        }
    });
    // Those with the largest shares stay, where there are too many.
    if paths.len() > most {
        paths.sort_by_key(|(_, share)| std::cmp::Reverse(*share));
        paths.truncate(most);
        paths.sort_unstable_by_key(|(gateway, _)| *gateway);
    }
    let largest = paths.iter().map(|(_, share)| *share).max().unwrap_or(1).max(1);
    let scale =
        |share: u64| if largest > MAX_WEIGHT { (share * MAX_WEIGHT / largest).max(1) } else { share.max(1) };
    let common = paths.iter().map(|(_, share)| scale(*share)).fold(0, gcd).max(1);
    let path = |(gateway, share)| Path { gateway, weight: (scale(share) / common) as u16 };
    paths.into_iter().map(path).collect()
}

/// The kernel takes weights up to this.
const MAX_WEIGHT: u64 = 256;

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_paths_have_one_form() {
        let gateway = |device| Gateway { via: None, device, onlink: false };
        let of = |paths: &[(u32, u64)], most| {
            let paths = paths.iter().map(|(device, share)| (gateway(*device), *share)).collect();
            let shares = normal(paths, most).into_iter().map(|path| (path.gateway.device, path.weight));
            shares.collect::<Vec<_>>()
        };
        assert_eq!(of(&[(2, 4), (1, 2)], 8), [(1, 1), (2, 2)]);
        assert_eq!(of(&[(1, 1), (1, 2)], 8), [(1, 1)]);
        assert_eq!(of(&[(1, 1000), (2, 250)], 8), [(1, 4), (2, 1)]);
        assert_eq!(of(&[(1, 1), (2, 7), (3, 7)], 2), [(2, 1), (3, 1)]);
        assert_eq!(of(&[(1, u64::from(u32::MAX)), (2, 1)], 2), [(1, 256), (2, 1)]);
    }
}
