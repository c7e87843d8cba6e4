//! Attribute sets: each kept once, found by the octets a peer sent without parsing them again.

use super::{
    next_hop::NextHops,
    slab::{self, Index, NONE, Slab},
};
use bgp_proto::{
    agreed::{Agreed, PeerKind},
    attr::{next_hop::NextHop, set::PathAttributes},
    numbers::{Origin, RouterId},
    wire::attributes::Attributes,
};
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};

/// An interned attribute set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AttrId(pub(crate) u32);

impl AttrId {
    /// No set: a route that policy rejected has none accepted.
    pub(crate) const NONE: AttrId = AttrId(NONE);

    pub(crate) fn is_some(self) -> bool {
        self != AttrId::NONE
    }
}

/// What selection compares, taken out of the set once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Summary {
    pub(crate) local_pref: u32,
    /// Zero where there is none, which is also what an absent one counts as (RFC 4271 §9.1.2.2).
    pub(crate) med: u32,
    /// The AS that the route came from; zero for a route of our own AS.
    pub(crate) from_as: u32,
    pub(crate) path_len: u16,
    pub(crate) origin: u8,
}

/// LOCAL_PREF of a route that has none.
const LOCAL_PREF: u32 = 100;

impl Summary {
    fn of(attributes: &PathAttributes) -> Self {
        let path = attributes.as_path.view();
        Summary {
            local_pref: attributes.local_pref.unwrap_or(LOCAL_PREF),
            med: attributes.med.unwrap_or_default(),
            from_as: path.first().map_or(0, |asn| asn.0),
            path_len: path.len().min(u16::MAX.into()) as u16,
            origin: attributes.origin.unwrap_or(Origin::INCOMPLETE).0,
        }
    }
}

/// What decoding an attribute section depends on beside its octets: two bits of peer kind, one of AS width, one of
/// AIGP, as a number below 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope(u8);

impl Scope {
    pub(crate) fn of(agreed: &Agreed) -> Self {
        let kind = match agreed.peer_kind {
            PeerKind::Internal => 0,
            PeerKind::External => 1,
            PeerKind::Confederation => 2,
        };
        Scope(kind | u8::from(agreed.four_octet_as) << 2 | u8::from(agreed.aigp) << 3)
    }
}

/// One set: its next hop and its attributes in canonical form (four-octet AS numbers, in the order of their codes).
#[derive(Default)]
struct Set {
    /// The next hop behind its length, then the attributes.
    octets: Box<[u8]>,
    /// While free: the next free entry.
    refs: u32,
    hash: u32,
    /// The first of the other forms in which peers sent this set.
    alias: u32,
    summary: Summary,
    /// Where it points; `NONE` for a set without a next hop.
    next_hop: u32,
    /// Scopes in which the canonical octets, when received, mean this set.
    direct: u16,
    /// Which of all sets ever made it is: ids are used again.
    serial: u32,
}

/// A form that is not the canonical one, in which some peer sent a set.
#[derive(Default)]
struct Alias {
    octets: Box<[u8]>,
    set: u32,
    hash: u32,
    next: u32,
    scope: u8,
}

/// Forms remembered of one set: what it means to send one set in ever new ways is that it is parsed each time.
const MAX_ALIASES: usize = 4;

impl slab::Entry for Set {
    fn link(&self) -> u32 {
        self.refs
    }
    fn set_link(&mut self, link: u32) {
        self.refs = link;
    }
}

impl slab::Entry for Alias {
    fn link(&self) -> u32 {
        self.next
    }
    fn set_link(&mut self, link: u32) {
        self.next = link;
    }
}

/// Marks an id in the index as that of an alias.
const ALIAS: u32 = 1 << 31;

/// All attribute sets of a RIB.
pub(crate) struct Sets {
    sets: Slab<Set>,
    aliases: Slab<Alias>,
    index: Index,
    hasher: FixedState,
    pub(super) next_hops: NextHops,
    /// The attributes of the default route that some peers are told anyway; `NONE` before the first is.
    default: AttrId,
    /// How many sets were ever made.
    made: u32,
    /// Octets that sets and aliases hold beside their places.
    held: usize,
    /// Reused between parses.
    parsed: PathAttributes,
    scratch: Vec<u8>,
    canonical: Vec<u8>,
}

fn put_next_hop(next_hop: Option<NextHop>, out: &mut Vec<u8>) {
    match next_hop {
        None => out.push(0),
        Some(next_hop) => next_hop.encode(bgp_proto::family::Shape::Prefix, out),
    }
}

fn read_next_hop(octets: &[u8]) -> (Option<NextHop>, &[u8]) {
    let address = |octets: &[u8]| <[u8; 16]>::try_from(octets).ok().map(std::net::Ipv6Addr::from);
    let (len, rest) = octets.split_first().unwrap_or((&0, &[]));
    let (field, section) = rest.split_at(usize::from(*len).min(rest.len()));
    let next_hop = match field.len() {
        4 => <[u8; 4]>::try_from(field).ok().map(|octets| NextHop::Ipv4(octets.into())),
        16 => address(field).map(|global| NextHop::Ipv6 { global, link_local: None }),
        32 => address(&field[..16]).map(|global| NextHop::Ipv6 { global, link_local: address(&field[16..]) }),
        _ => None,
    };
    (next_hop, section)
}

impl Sets {
    pub(crate) fn new(seed: u64, resolve: bool) -> Self {
        Sets {
            sets: Slab::new(),
            aliases: Slab::new(),
            index: Index::new(),
            hasher: FixedState::with_seed(seed),
            next_hops: NextHops::new(resolve),
            default: AttrId::NONE,
            made: 0,
            held: 0,
            parsed: PathAttributes::default(),
            scratch: Vec::new(),
            canonical: Vec::new(),
        }
    }

    /// How many sets there are.
    pub(crate) fn len(&self) -> usize {
        self.sets.len()
    }

    /// Octets of memory held, the allocator's own not counted.
    pub(crate) fn octets(&self) -> usize {
        self.held + self.sets.octets() + self.aliases.octets() + self.index.octets()
    }

    fn hash(&self, octets: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(octets);
        (hasher.finish() >> 32) as u32
    }

    /// The set that these received attributes and this next hop are, with one more reference to it.
    pub(crate) fn learn(
        &mut self,
        attributes: &Attributes<'_>,
        next_hop: Option<NextHop>,
        scope: Scope,
    ) -> AttrId {
        let mut raw = std::mem::take(&mut self.scratch);
        raw.clear();
        put_next_hop(next_hop, &mut raw);
        attributes.shared().for_each(|piece| raw.extend_from_slice(piece));
        let hash = self.hash(&raw);
        let id = match self.find(hash, &raw, scope) {
            Some(id) => id,
            None => self.learn_anew(attributes, next_hop, scope, hash, &raw),
        };
        self.scratch = raw;
        self.retain(id);
        id
    }

    #[inline]
    fn find(&self, hash: u32, raw: &[u8], scope: Scope) -> Option<AttrId> {
        let matches = |id: u32| {
            if id & ALIAS != 0 {
                let alias = self.aliases.get(id & !ALIAS);
                alias.hash == hash && alias.scope == scope.0 && *alias.octets == *raw
            } else {
                let set = self.sets.get(id);
                set.hash == hash && set.direct & 1 << scope.0 != 0 && *set.octets == *raw
            }
        };
        let id = self.index.find(hash, matches)?;
        Some(AttrId(if id & ALIAS == 0 { id } else { self.aliases.get(id & !ALIAS).set }))
    }

    #[cold]
    fn learn_anew(
        &mut self,
        attributes: &Attributes<'_>,
        next_hop: Option<NextHop>,
        scope: Scope,
        hash: u32,
        raw: &[u8],
    ) -> AttrId {
        let mut parsed = std::mem::take(&mut self.parsed);
        parsed.read(attributes);
        let id = self.find_or_insert(&parsed, next_hop, Some((raw, hash)));
        self.parsed = parsed;
        if *self.sets.get(id.0).octets == *raw {
            self.sets.get_mut(id.0).direct |= 1 << scope.0;
        } else {
            self.remember(id, hash, raw, scope);
        }
        id
    }

    fn remember(&mut self, id: AttrId, hash: u32, raw: &[u8], scope: Scope) {
        let first = self.sets.get(id.0).alias;
        let some = |at: u32| (at != NONE).then_some(at);
        let chain = std::iter::successors(some(first), |at| some(self.aliases.get(*at).next));
        if chain.count() >= MAX_ALIASES {
            return;
        }
        self.held += raw.len();
        let alias = Alias { octets: raw.into(), set: id.0, hash, next: first, scope: scope.0 };
        let at = self.aliases.insert(alias);
        self.sets.get_mut(id.0).alias = at;
        self.index.insert(hash, at | ALIAS);
    }

    /// Some peer is told a default route, whether or not there is one.
    pub(crate) fn need_default(&mut self) {
        if !self.default.is_some() {
            self.default = self.intern(&PathAttributes::default(), None);
        }
    }

    /// The attributes of that default route.
    pub(crate) fn default_route(&self) -> AttrId {
        self.default
    }

    /// The set with these values, with one more reference to it.
    pub(crate) fn intern(&mut self, attributes: &PathAttributes, next_hop: Option<NextHop>) -> AttrId {
        let id = self.find_or_insert(attributes, next_hop, None);
        self.retain(id);
        id
    }

    /// The set with these values; `known` are octets that it may well have in canonical form, with their hash.
    fn find_or_insert(
        &mut self,
        attributes: &PathAttributes,
        next_hop: Option<NextHop>,
        known: Option<(&[u8], u32)>,
    ) -> AttrId {
        let mut octets = std::mem::take(&mut self.canonical);
        octets.clear();
        put_next_hop(next_hop, &mut octets);
        attributes.encode(true, &mut octets);
        let hash = match known {
            Some((raw, hash)) if raw == octets => hash,
            _ => self.hash(&octets),
        };
        let sets = &self.sets;
        let same = |id: u32| id & ALIAS == 0 && *sets.get(id).octets == *octets;
        let id = match self.index.find_or_place(hash, same) {
            Ok(id) => id,
            Err(place) => {
                let summary = Summary::of(attributes);
                let next_hop = next_hop.map_or(NONE, |next_hop| self.next_hops.retain(next_hop.address()));
                let octets: Box<[u8]> = octets.as_slice().into();
                self.held += octets.len();
                self.made = self.made.wrapping_add(1);
                let serial = self.made;
                let set = Set { octets, refs: 0, hash, alias: NONE, summary, next_hop, direct: 0, serial };
                let id = self.sets.insert(set);
                self.index.insert_at(place, id);
                id
            }
        };
        self.canonical = octets;
        AttrId(id)
    }

    /// One more reference.
    #[inline]
    pub(crate) fn retain(&mut self, id: AttrId) {
        self.sets.get_mut(id.0).refs += 1;
    }

    /// One reference less; the last one takes the set along.
    #[inline]
    pub(crate) fn release(&mut self, id: AttrId) {
        let set = self.sets.get_mut(id.0);
        set.refs -= 1;
        if set.refs == 0 {
            self.forget(id);
        }
    }

    #[cold]
    fn forget(&mut self, id: AttrId) {
        let set = self.sets.remove(id.0);
        self.held -= set.octets.len();
        self.index.remove(set.hash, id.0);
        if set.next_hop != NONE {
            self.next_hops.release(set.next_hop);
        }
        let mut at = set.alias;
        while at != NONE {
            let alias = self.aliases.remove(at);
            self.held -= alias.octets.len();
            self.index.remove(alias.hash, at | ALIAS);
            at = alias.next;
        }
    }

    #[inline]
    pub(crate) fn summary(&self, id: AttrId) -> &Summary {
        &self.sets.get(id.0).summary
    }

    /// What it costs to get to the next hop; `None`: it cannot be reached. A set without one is our own.
    #[inline]
    pub(crate) fn cost(&self, id: AttrId) -> Option<u32> {
        match self.sets.get(id.0).next_hop {
            NONE => Some(0),
            next_hop => self.next_hops.cost(next_hop),
        }
    }

    /// Whether the set points to this next hop.
    pub(crate) fn points_to(&self, id: AttrId, next_hop: u32) -> bool {
        id.is_some() && self.sets.get(id.0).next_hop == next_hop
    }

    /// Which of all sets ever made this is: what was found out about another one of the same id does not hold.
    #[inline]
    pub(crate) fn serial(&self, id: AttrId) -> u32 {
        self.sets.get(id.0).serial
    }

    /// ORIGINATOR_ID.
    pub(crate) fn originator(&self, id: AttrId) -> Option<u32> {
        Attributes::of_section(self.octets_of(id).1).originator_id().map(RouterId::number)
    }

    /// How many clusters the route came through.
    pub(crate) fn cluster_list_len(&self, id: AttrId) -> usize {
        Attributes::of_section(self.octets_of(id).1).cluster_list().len()
    }

    /// The next hop, and the attributes in canonical form.
    pub(crate) fn octets_of(&self, id: AttrId) -> (Option<NextHop>, &[u8]) {
        read_next_hop(&self.sets.get(id.0).octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sets_and_aliases_take_is_counted_while_they_are_there() {
        let mut sets = Sets::new(0, false);
        let id = sets.intern(&PathAttributes::default(), None);
        let alone = sets.held;
        assert_eq!(alone, sets.sets.get(id.0).octets.len());
        sets.remember(id, 7, &[0; 100], Scope(0));
        sets.remember(id, 8, &[0; 10], Scope(0));
        assert_eq!(sets.held, alone + 110);
        sets.release(id);
        assert_eq!((sets.held, sets.len()), (0, 0));
    }
}
