//! What a receiver has at the end: which prefixes, with which attributes, however they were written.

use crate::cases;
use bgp_proto::{
    attr::set::PathAttributes,
    numbers::MessageType,
    prefix::{Address, Prefix},
    wire::{
        frame::{Frame, frame},
        nlri::{Nlri, Path},
        update::Update,
    },
};
use foldhash::fast::FixedState;
use std::{
    collections::BTreeMap,
    fmt,
    hash::{BuildHasher, Hasher},
    net::IpAddr,
};

/// The bits of a prefix, and its length. No table holds both families.
type Key = (u128, u8);

/// A table as a receiver was told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Each prefix, with a hash over what its attributes say.
    routes: BTreeMap<Key, u64>,
}

/// How a table differs from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Prefixes that only the other has.
    pub missing: usize,
    /// Prefixes that only this one has.
    pub surplus: usize,
    /// Prefixes that both have with unlike attributes.
    pub unlike: usize,
}

impl Table {
    /// Takes in what was received after all before it, and counts the UPDATEs in it; an End-of-RIB is none.
    ///
    /// # Panics
    /// When the daemon wrote what is no UPDATE.
    pub fn receive(&mut self, octets: &[u8]) -> u64 {
        let (agreed, mut said, mut rest, mut updates) = (cases::agreed(true), Said::default(), octets, 0);
        while let Frame::Message(raw) = frame(rest, Some(&agreed)) {
            rest = &rest[raw.len()..];
            if raw.kind == MessageType::UPDATE {
                let update = Update::decode(raw, &agreed).expect("the daemon writes UPDATEs that are right");
                assert_eq!(update.treatment(), None, "the daemon writes attributes that are right");
                updates += u64::from(update.end_of_rib().is_none());
                self.apply(&update, &mut said);
            }
        }
        assert!(rest.is_empty(), "the daemon writes whole messages");
        updates
    }

    fn apply(&mut self, update: &Update<'_>, said: &mut Said) {
        update.withdrawn().for_each(|path| self.withdraw(path));
        match update.unreach().map(|unreach| unreach.nlri) {
            Some(Nlri::Ipv4(paths)) => paths.for_each(|path| self.withdraw(path)),
            Some(Nlri::Ipv6(paths)) => paths.for_each(|path| self.withdraw(path)),
            _ => {}
        }
        let hash = said.hash(update);
        update.announced().for_each(|path| self.announce(path, hash));
        match update.reach().map(|reach| reach.nlri) {
            Some(Nlri::Ipv4(paths)) => paths.for_each(|path| self.announce(path, hash)),
            Some(Nlri::Ipv6(paths)) => paths.for_each(|path| self.announce(path, hash)),
            _ => {}
        }
    }

    fn announce<A: Address + Into<u128>>(&mut self, path: Path<Prefix<A>>, hash: u64) {
        self.routes.insert((path.item.bits().into(), path.item.len()), hash);
    }

    fn withdraw<A: Address + Into<u128>>(&mut self, path: Path<Prefix<A>>) {
        self.routes.remove(&(path.item.bits().into(), path.item.len()));
    }

    /// How many prefixes there are.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// How this one differs from another.
    pub fn differences(&self, other: &Table) -> Differences {
        let mut found = Differences::default();
        for (prefix, hash) in &self.routes {
            match other.routes.get(prefix) {
                None => found.surplus += 1,
                Some(there) => found.unlike += usize::from(there != hash),
            }
        }
        found.missing = other.len() - (self.len() - found.surplus);
        found
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Differences { missing, surplus, unlike } = self;
        write!(f, "{missing} prefixes missing, {surplus} too many, {unlike} with other attributes")
    }
}

/// The attributes of an UPDATE without the ways in which they can be written: order, flags, communities as a set. Of a
/// next hop the global address counts, for not every daemon writes the link-local one.
#[derive(Default)]
struct Said {
    attributes: PathAttributes,
    encoded: Vec<u8>,
}

impl Said {
    fn hash(&mut self, update: &Update<'_>) -> u64 {
        self.attributes.read(update.attributes());
        self.attributes.communities.sort_unstable();
        self.attributes.communities.dedup();
        self.encoded.clear();
        self.attributes.encode(true, &mut self.encoded);
        let mut hasher = FixedState::with_seed(7).build_hasher();
        hasher.write(&self.encoded);
        let own = update.attributes().next_hop().map(IpAddr::V4);
        match update.reach().and_then(|reach| reach.next_hop).map_or(own, |hop| Some(hop.address())) {
            Some(IpAddr::V4(address)) => hasher.write_u32(address.to_bits()),
            Some(IpAddr::V6(address)) => hasher.write_u128(address.to_bits()),
            None => {}
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{Shape, Traffic};
    use bgp_proto::{attr::next_hop::NextHop, numbers::Asn};

    fn traffic(peer: u32, routes: u32) -> Traffic<u32> {
        let next_hop = NextHop::Ipv4([192, 0, 2, 1].into());
        Traffic::new(&Shape { routes, seed: 1, peer: Asn(peer), next_hop })
    }

    fn received(octets: &[u8]) -> Table {
        let mut table = Table::default();
        table.receive(octets);
        table
    }

    #[test]
    fn the_last_word_on_a_prefix_counts_and_other_attributes_are_seen() {
        let agreed = cases::agreed(true);
        let [first, second] = [65001, 65002].map(|peer| traffic(peer, 500).announcements(&agreed));
        let both = received(&[first.clone(), second.clone()].concat());
        assert_eq!(both, received(&second));
        let unlike = Differences { unlike: 500, ..Differences::default() };
        assert_eq!(both.differences(&received(&first)), unlike);
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_is_counted() {
        let agreed = cases::agreed(true);
        let [few, all] = [400, 500].map(|routes| received(&traffic(65001, routes).announcements(&agreed)));
        assert_eq!((few.len(), all.len()), (400, 500));
        assert_eq!(few.differences(&all), Differences { missing: 100, ..few.differences(&all) });
        assert_eq!(all.differences(&few), Differences { surplus: 100, ..all.differences(&few) });
        assert_eq!(all.differences(&all), Differences::default());
    }

    #[test]
    fn what_is_withdrawn_is_gone_and_updates_are_counted() {
        let (agreed, traffic) = (cases::agreed(true), traffic(65001, 500));
        let mut table = Table::default();
        assert_eq!(table.receive(&traffic.announcements(&agreed)), traffic.sets() as u64);
        assert!(table.receive(&traffic.withdrawals(&agreed)) >= 1);
        assert!(table.is_empty());
    }
}
