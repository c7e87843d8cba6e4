//! The path attributes of an UPDATE: a view that was validated once, with a typed accessor for each known one.

use crate::{
    agreed::PeerKind,
    attr::{
        aggregator::Aggregator,
        aigp,
        as_path::AsPath,
        community::{Community, ExtendedCommunity, ExtendedCommunityIpv6, LargeCommunity, List},
        table::{self, AttributeCode, Mistake, SLOTS, Scope, Slot, Treatment, flags, subcode},
        tunnel_encap::{self, Tunnel},
    },
    fault::Fault,
    numbers::{Asn, Origin, RouterId},
};
use core::net::Ipv4Addr;

/// One attribute as it stands in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawAttribute<'a> {
    /// The flags octet.
    pub flags: u8,
    /// The type code.
    pub code: AttributeCode,
    /// The value.
    pub value: &'a [u8],
}

impl RawAttribute<'_> {
    /// Appends the attribute. The length takes two octets where the flags say so or the value needs them.
    pub fn encode(&self, out: &mut alloc::vec::Vec<u8>) {
        put_header(self.flags, self.code, self.value.len(), out);
        out.extend_from_slice(self.value);
    }
}

/// Appends flags, code and length of an attribute whose value follows.
#[inline]
pub(crate) fn put_header(
    attribute_flags: u8,
    code: AttributeCode,
    len: usize,
    out: &mut alloc::vec::Vec<u8>,
) {
    if len > 255 || attribute_flags & flags::EXTENDED != 0 {
        // A value never outgrows its message, which has 65,535 octets at the most.
        let [high, low] = (len.min(0xffff) as u16).to_be_bytes();
        out.extend_from_slice(&[attribute_flags | flags::EXTENDED, code.0, high, low]);
    } else {
        out.extend_from_slice(&[attribute_flags, code.0, len as u8]);
    }
}

/// The attribute at the front and the rest. `None`: its length does not fit the section (RFC 7606 §4).
#[inline]
pub(crate) fn split_first(section: &[u8]) -> Option<(RawAttribute<'_>, &[u8])> {
    let [flags, code, tail @ ..] = section else { return None };
    let (len, tail) = if flags & flags::EXTENDED == 0 {
        let (len, tail) = tail.split_first()?;
        (usize::from(*len), tail)
    } else {
        let (len, tail) = tail.split_first_chunk()?;
        (usize::from(u16::from_be_bytes(*len)), tail)
    };
    let (value, rest) = tail.split_at_checked(len)?;
    Some((RawAttribute { flags: *flags, code: AttributeCode(*code), value }, rest))
}

/// A malformed attribute and what RFC 7606 says it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Which attribute.
    pub code: AttributeCode,
    /// What becomes of the UPDATE.
    pub treatment: Treatment,
    /// The fault it would have been before RFC 7606; for logs.
    pub fault: Fault,
}

/// A set of attribute codes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Codes([u64; 4]);

impl Codes {
    /// Adds a code; false where it was there already.
    #[inline]
    pub(crate) fn insert(&mut self, code: AttributeCode) -> bool {
        let bit = 1 << (code.0 & 63);
        let Some(word) = self.0.get_mut(usize::from(code.0 >> 6)) else { return false };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

/// Walks an attribute section once, judging each attribute. Ends at the first that does not fit.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'a> {
    section: &'a [u8],
    rest: &'a [u8],
    /// A bit for each slot.
    seen: u32,
    /// Codes that have no slot.
    unknown: Codes,
    scope: Scope,
}

// `Walk::seen` has a bit for each.
const _: () = assert!(SLOTS <= 32);

/// What a [`Walk`] says of one attribute.
pub(crate) struct Step<'a> {
    pub(crate) attribute: RawAttribute<'a>,
    /// Where it begins in the section.
    pub(crate) at: usize,
    pub(crate) slot: Option<Slot>,
    pub(crate) mistake: Option<Mistake>,
    /// The attribute was there before.
    pub(crate) repeated: bool,
}

impl<'a> Walk<'a> {
    #[inline]
    pub(crate) fn new(section: &'a [u8], scope: Scope) -> Self {
        Walk { section, rest: section, seen: 0, unknown: Codes::default(), scope }
    }

    /// What was not walked: empty unless an attribute did not fit.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether the attribute of this slot was there, malformed or not.
    #[inline]
    pub(crate) fn saw(&self, slot: Slot) -> bool {
        self.seen & 1 << slot as u32 != 0
    }

    #[inline]
    pub(crate) fn step(&mut self) -> Option<Step<'a>> {
        let at = self.section.len() - self.rest.len();
        let (attribute, rest) = split_first(self.rest)?;
        self.rest = rest;
        let slot = table::slot(attribute.code);
        let repeated = match slot {
            Some(slot) => self.saw(slot),
            None => !self.unknown.insert(attribute.code),
        };
        self.seen |= slot.map_or(0, |slot| 1 << slot as u32);
        let mistake = match slot {
            // RFC 7606 §3 (g): of a repeated attribute the first counts.
            _ if repeated => table::discard(subcode::MALFORMED_LIST),
            Some(slot) => table::check(slot, attribute.flags, attribute.value, self.scope),
            // RFC 4271 §6.3 would end the session for an unknown well-known attribute. We do not need it, so it
            // costs no more than the routes that came with it.
            None if attribute.flags & flags::OPTIONAL == 0 => table::withdraw(subcode::UNKNOWN_WELL_KNOWN),
            None => None,
        };
        Some(Step { attribute, at, slot, mistake, repeated })
    }
}

/// The path attributes of an UPDATE. Accessors never fail: what was malformed is not there.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    section: &'a [u8],
    /// Where each known attribute begins, counted from one; zero: it is not there. Two octets each keep the whole
    /// small enough to be moved in registers.
    slots: [u16; SLOTS],
    pub(crate) four_octet_as: bool,
    /// Attributes without a row are in the section.
    pub(crate) has_unknown: bool,
}

impl<'a> Attributes<'a> {
    #[inline]
    pub(crate) fn new(section: &'a [u8], four_octet_as: bool) -> Self {
        Attributes { section, slots: [0; SLOTS], four_octet_as, has_unknown: false }
    }

    /// A section by itself, as [`PathAttributes::encode`] makes it for a speaker of four-octet AS numbers.
    ///
    /// [`PathAttributes::encode`]: crate::attr::set::PathAttributes::encode
    pub fn of_section(section: &'a [u8]) -> Self {
        let scope = Scope { peer_kind: PeerKind::Internal, four_octet_as: true, aigp: true };
        let mut attributes = Attributes::new(section, true);
        let mut walk = Walk::new(section, scope);
        while let Some(step) = walk.step() {
            match step.slot {
                Some(slot) if step.mistake.is_none() => {
                    attributes.place(slot, step.at);
                }
                Some(_) => {}
                None => attributes.has_unknown = true,
            }
        }
        attributes
    }

    /// Remembers where an attribute begins.
    #[inline]
    pub(crate) fn place(&mut self, slot: Slot, at: usize) {
        if let Some(place) = self.slots.get_mut(slot as usize) {
            // It fits: the section is part of a message.
            *place = at as u16 + 1;
        }
    }

    #[inline]
    pub(crate) fn value(&self, slot: Slot) -> Option<&'a [u8]> {
        let at = usize::from(*self.slots.get(slot as usize)?).checked_sub(1)?;
        split_first(self.section.get(at..)?).map(|(attribute, _)| attribute.value)
    }

    #[inline]
    fn word(&self, slot: Slot) -> Option<u32> {
        self.value(slot)?.first_chunk().map(|octets| u32::from_be_bytes(*octets))
    }

    /// The whole section as it was received: a RIB that saw it before finds it by a hash of these octets.
    /// It holds MP_REACH_NLRI and MP_UNREACH_NLRI too; see [`Attributes::shared`].
    #[inline]
    pub fn octets(&self) -> &'a [u8] {
        self.section
    }

    /// The section without NEXT_HOP, MP_REACH_NLRI and MP_UNREACH_NLRI, in pieces: what all routes of the UPDATE
    /// share wherever they point. Two UPDATEs with the same pieces and the same next hop have the same attributes.
    pub fn shared(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        const APART: [AttributeCode; 3] =
            [AttributeCode::NEXT_HOP, AttributeCode::MP_REACH, AttributeCode::MP_UNREACH];
        let mut rest = self.section;
        core::iter::from_fn(move || {
            let start = loop {
                match split_first(rest)? {
                    (attribute, after) if APART.contains(&attribute.code) => rest = after,
                    _ => break rest,
                }
            };
            while let Some((_, after)) = split_first(rest).filter(|(next, _)| !APART.contains(&next.code)) {
                rest = after;
            }
            start.get(..start.len() - rest.len())
        })
    }

    /// Every attribute in the order received, malformed and repeated ones included.
    pub fn iter(&self) -> impl Iterator<Item = RawAttribute<'a>> + use<'a> {
        let mut rest = self.section;
        core::iter::from_fn(move || {
            let (attribute, after) = split_first(rest)?;
            rest = after;
            Some(attribute)
        })
    }

    /// Attributes that this crate does not know, the first of each code: a speaker passes the transitive ones on,
    /// with the partial bit set, and drops the others.
    pub fn unknown(&self) -> impl Iterator<Item = RawAttribute<'a>> + use<'a> {
        let mut seen = Codes::default();
        let section = if self.has_unknown { self.section } else { &[] };
        Attributes { section, ..*self }.iter().filter(move |attribute| {
            let optional = attribute.flags & flags::OPTIONAL != 0;
            seen.insert(attribute.code) && optional && table::slot(attribute.code).is_none()
        })
    }

    /// ORIGIN.
    #[inline]
    pub fn origin(&self) -> Option<Origin> {
        self.value(Slot::Origin)?.first().map(|octet| Origin(*octet))
    }

    /// AS_PATH as it came. From a peer of two octets AS_TRANS stands in it: see [`AsPathBuf::merge`].
    ///
    /// [`AsPathBuf::merge`]: crate::attr::as_path::AsPathBuf::merge
    #[inline]
    pub fn as_path(&self) -> Option<AsPath<'a>> {
        self.value(Slot::AsPath).map(|value| AsPath::trusted(value, self.four_octet_as))
    }

    /// AS4_PATH; only from a peer of two octets. RFC 6793 §4.2.3: not where AGGREGATOR came from a speaker of four.
    #[inline]
    pub fn as4_path(&self) -> Option<AsPath<'a>> {
        let ignored = self.raw_aggregator().is_some_and(|a| a.asn != Asn::TRANS)
            && self.value(Slot::As4Aggregator).is_some();
        self.value(Slot::As4Path).filter(|_| !ignored).map(|value| AsPath::trusted(value, true))
    }

    /// NEXT_HOP: of the prefixes in the body.
    #[inline]
    pub fn next_hop(&self) -> Option<Ipv4Addr> {
        self.word(Slot::NextHop).map(Ipv4Addr::from_bits)
    }

    /// MULTI_EXIT_DISC.
    #[inline]
    pub fn med(&self) -> Option<u32> {
        self.word(Slot::Med)
    }

    /// LOCAL_PREF.
    #[inline]
    pub fn local_pref(&self) -> Option<u32> {
        self.word(Slot::LocalPref)
    }

    /// Whether ATOMIC_AGGREGATE is there.
    #[inline]
    pub fn atomic_aggregate(&self) -> bool {
        self.value(Slot::AtomicAggregate).is_some()
    }

    #[inline]
    fn raw_aggregator(&self) -> Option<Aggregator> {
        Aggregator::decode(self.value(Slot::Aggregator)?)
    }

    /// AGGREGATOR, from AS4_AGGREGATOR where that says more (RFC 6793 §4.2.3).
    #[inline]
    pub fn aggregator(&self) -> Option<Aggregator> {
        let narrow = self.raw_aggregator()?;
        let wide = self.value(Slot::As4Aggregator).filter(|_| narrow.asn == Asn::TRANS);
        wide.and_then(Aggregator::decode).or(Some(narrow))
    }

    #[inline]
    fn list<T: crate::attr::community::Fixed>(&self, slot: Slot) -> List<'a, T> {
        List::new(self.value(slot).unwrap_or_default())
    }

    /// COMMUNITIES; empty where there is none.
    #[inline]
    pub fn communities(&self) -> List<'a, Community> {
        self.list(Slot::Communities)
    }

    /// EXTENDED COMMUNITIES; empty where there is none.
    #[inline]
    pub fn extended_communities(&self) -> List<'a, ExtendedCommunity> {
        self.list(Slot::Extended)
    }

    /// IPv6 address specific EXTENDED COMMUNITIES; empty where there is none.
    #[inline]
    pub fn extended_communities_ipv6(&self) -> List<'a, ExtendedCommunityIpv6> {
        self.list(Slot::ExtendedIpv6)
    }

    /// LARGE_COMMUNITY; empty where there is none.
    #[inline]
    pub fn large_communities(&self) -> List<'a, LargeCommunity> {
        self.list(Slot::LargeCommunities)
    }

    /// ORIGINATOR_ID; `None` also for the identifier zero, which no speaker has.
    #[inline]
    pub fn originator_id(&self) -> Option<RouterId> {
        self.word(Slot::OriginatorId).and_then(RouterId::new)
    }

    /// CLUSTER_LIST: the clusters that a reflected route came through, latest first.
    #[inline]
    pub fn cluster_list(&self) -> List<'a, u32> {
        self.list(Slot::ClusterList)
    }

    /// The metric of AIGP.
    pub fn aigp(&self) -> Option<u64> {
        aigp::metric(self.value(Slot::Aigp)?)
    }

    /// ONLY_TO_CUSTOMER: the AS that marked the route.
    #[inline]
    pub fn only_to_customer(&self) -> Option<Asn> {
        self.word(Slot::OnlyToCustomer).map(Asn)
    }

    /// The value of TUNNEL_ENCAPSULATION, to be passed on as it is.
    #[inline]
    pub fn tunnel_encapsulation(&self) -> Option<&'a [u8]> {
        self.value(Slot::TunnelEncap)
    }

    /// TUNNEL_ENCAPSULATION with its flags.
    pub(crate) fn raw_tunnel_encapsulation(&self) -> Option<RawAttribute<'a>> {
        self.tunnel_encapsulation()?;
        self.iter().find(|attribute| attribute.code == AttributeCode::TUNNEL_ENCAPSULATION)
    }

    /// The tunnels of TUNNEL_ENCAPSULATION. `None` where there is none, and where its lengths do not add up.
    pub fn tunnels(&self) -> Option<impl Iterator<Item = Tunnel<'a>> + use<'a>> {
        tunnel_encap::tunnels(self.value(Slot::TunnelEncap)?)
    }
}
