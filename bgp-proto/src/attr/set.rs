//! Path attributes that own their values: what is kept, changed and sent.

use super::{
    aggregator::Aggregator,
    aigp,
    as_path::AsPathBuf,
    community::{Community, ExtendedCommunity, ExtendedCommunityIpv6, Fixed, LargeCommunity},
    table::{AttributeCode, flags},
};
use crate::{
    numbers::{Asn, Origin, RouterId},
    wire::attributes::{Attributes, RawAttribute, put_header},
};
use alloc::vec::Vec;

/// An attribute that is carried and not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OpaqueAttribute {
    /// The flags octet.
    pub flags: u8,
    /// The type code.
    pub code: u8,
    /// The value.
    pub value: Vec<u8>,
}

/// The path attributes that all prefixes of an UPDATE share, owned: all but the next hop and the MP attributes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PathAttributes {
    /// ORIGIN.
    pub origin: Option<Origin>,
    /// AS_PATH, with AS4_PATH merged in.
    pub as_path: AsPathBuf,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// ATOMIC_AGGREGATE.
    pub atomic_aggregate: bool,
    /// AGGREGATOR.
    pub aggregator: Option<Aggregator>,
    /// COMMUNITIES.
    pub communities: Vec<Community>,
    /// ORIGINATOR_ID.
    pub originator_id: Option<RouterId>,
    /// CLUSTER_LIST.
    pub cluster_list: Vec<u32>,
    /// EXTENDED COMMUNITIES.
    pub extended_communities: Vec<ExtendedCommunity>,
    /// IPv6 address specific EXTENDED COMMUNITIES.
    pub extended_communities_ipv6: Vec<ExtendedCommunityIpv6>,
    /// The metric of AIGP.
    pub aigp: Option<u64>,
    /// LARGE_COMMUNITY. What was read is in ascending order, each value once.
    pub large_communities: Vec<LargeCommunity>,
    /// ONLY_TO_CUSTOMER.
    pub only_to_customer: Option<Asn>,
    /// TUNNEL_ENCAPSULATION and transitive attributes that this crate does not know, by code.
    pub opaque: Vec<OpaqueAttribute>,
}

impl PathAttributes {
    /// Takes over what a decoded UPDATE says, reusing the memory of the lists. Unknown attributes that are not
    /// transitive are left out; the others are kept with the flags they came with.
    pub fn read(&mut self, from: &Attributes<'_>) {
        self.origin = from.origin();
        self.as_path.merge(from.as_path().unwrap_or_default(), from.as4_path());
        self.med = from.med();
        self.local_pref = from.local_pref();
        self.atomic_aggregate = from.atomic_aggregate();
        self.aggregator = from.aggregator();
        refill(&mut self.communities, from.communities());
        self.originator_id = from.originator_id();
        refill(&mut self.cluster_list, from.cluster_list());
        refill(&mut self.extended_communities, from.extended_communities());
        refill(&mut self.extended_communities_ipv6, from.extended_communities_ipv6());
        self.aigp = from.aigp();
        refill(&mut self.large_communities, from.large_communities());
        // RFC 8092 §3: a repeated value is dropped.
        if !self.large_communities.is_sorted_by(|a, b| a < b) {
            self.large_communities.sort_unstable();
            self.large_communities.dedup();
        }
        self.only_to_customer = from.only_to_customer();
        if from.has_unknown || from.tunnel_encapsulation().is_some() {
            self.read_opaque(from);
        } else {
            self.opaque.clear();
        }
    }

    #[cold]
    fn read_opaque(&mut self, from: &Attributes<'_>) {
        let transitive = |attribute: &RawAttribute<'_>| attribute.flags & flags::TRANSITIVE != 0;
        let tunnel = from.raw_tunnel_encapsulation();
        let mut count = 0;
        for RawAttribute { flags: attribute_flags, code, value } in
            from.unknown().filter(transitive).chain(tunnel)
        {
            if count == self.opaque.len() {
                self.opaque.push(OpaqueAttribute { flags: 0, code: 0, value: Vec::new() });
            }
            if let Some(kept) = self.opaque.get_mut(count) {
                // The width of the length is not part of what the attribute says.
                (kept.flags, kept.code) = (attribute_flags & !flags::EXTENDED, code.0);
                refill(&mut kept.value, value.iter().copied());
            }
            count += 1;
        }
        self.opaque.truncate(count);
        self.opaque.sort_unstable_by_key(|attribute| attribute.code);
    }

    /// Sets the partial bit of every attribute that this crate does not know: what a speaker does that passes the
    /// route on (RFC 4271 §5). TUNNEL_ENCAPSULATION is known, and stays as it came.
    pub fn mark_partial(&mut self) {
        let unknown = |attribute: &&mut OpaqueAttribute| AttributeCode(attribute.code).flags().is_none();
        self.opaque.iter_mut().filter(unknown).for_each(|attribute| attribute.flags |= flags::PARTIAL);
    }

    /// Appends the attributes in the order of their codes. To a peer of two octets AS4_PATH and AS4_AGGREGATOR go
    /// beside (RFC 6793 §4.2.2).
    pub fn encode(&self, four_octet_as: bool, out: &mut Vec<u8>) {
        let mut opaque = self.opaque.iter().peekable();
        let mut foreign = |below: AttributeCode, out: &mut Vec<u8>| {
            while let Some(OpaqueAttribute { flags, code, value }) = opaque.next_if(|a| a.code < below.0) {
                RawAttribute { flags: *flags, code: AttributeCode(*code), value }.encode(out);
            }
        };
        if let Some(origin) = self.origin {
            put(AttributeCode::ORIGIN, &[origin.0], out);
        }
        self.put_as_path(four_octet_as, out);
        put_number(AttributeCode::MED, self.med, out);
        put_number(AttributeCode::LOCAL_PREF, self.local_pref, out);
        if self.atomic_aggregate {
            put(AttributeCode::ATOMIC_AGGREGATE, &[], out);
        }
        if let Some(aggregator) = self.aggregator {
            put_with(AttributeCode::AGGREGATOR, out, |out| aggregator.encode(four_octet_as, out));
        }
        put_list(AttributeCode::COMMUNITIES, &self.communities, out);
        put_number(AttributeCode::ORIGINATOR_ID, self.originator_id.map(RouterId::number), out);
        put_list(AttributeCode::CLUSTER_LIST, &self.cluster_list, out);
        foreign(AttributeCode::EXTENDED_COMMUNITIES, out);
        put_list(AttributeCode::EXTENDED_COMMUNITIES, &self.extended_communities, out);
        if !four_octet_as {
            self.put_as4(out);
        }
        foreign(AttributeCode::EXTENDED_COMMUNITIES_IPV6, out);
        put_list(AttributeCode::EXTENDED_COMMUNITIES_IPV6, &self.extended_communities_ipv6, out);
        if let Some(metric) = self.aigp {
            put_with(AttributeCode::AIGP, out, |out| aigp::encode(metric, out));
        }
        foreign(AttributeCode::LARGE_COMMUNITIES, out);
        put_list(AttributeCode::LARGE_COMMUNITIES, &self.large_communities, out);
        foreign(AttributeCode::ONLY_TO_CUSTOMER, out);
        put_number(AttributeCode::ONLY_TO_CUSTOMER, self.only_to_customer.map(|asn| asn.0), out);
        foreign(AttributeCode(u8::MAX), out);
        opaque.for_each(|a| {
            RawAttribute { flags: a.flags, code: AttributeCode(a.code), value: &a.value }.encode(out);
        });
    }

    fn put_as_path(&self, four_octet_as: bool, out: &mut Vec<u8>) {
        let path = self.as_path.view();
        if four_octet_as {
            return put(AttributeCode::AS_PATH, path.octets(), out);
        }
        put_with(AttributeCode::AS_PATH, out, |out| path.encode(false, out));
    }

    #[cold]
    fn put_as4(&self, out: &mut Vec<u8>) {
        let path = self.as_path.view();
        if path.needs_as4() {
            put_with(AttributeCode::AS4_PATH, out, |out| path.encode_as4(out));
        }
        if let Some(aggregator) = self.aggregator.filter(|aggregator| aggregator.asn.0 > 0xffff) {
            put_with(AttributeCode::AS4_AGGREGATOR, out, |out| aggregator.encode(true, out));
        }
    }
}

impl Fixed for u32 {
    const LEN: usize = 4;
    #[inline]
    fn decode(octets: &[u8]) -> Self {
        octets.first_chunk().map_or(0, |octets| u32::from_be_bytes(*octets))
    }
    #[inline]
    fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

#[inline]
fn refill<T>(list: &mut Vec<T>, with: impl Iterator<Item = T>) {
    list.clear();
    list.extend(with);
}

#[inline]
fn put(code: AttributeCode, value: &[u8], out: &mut Vec<u8>) {
    put_header(code.flags().unwrap_or_default(), code, value.len(), out);
    out.extend_from_slice(value);
}

#[inline]
fn put_number(code: AttributeCode, number: Option<u32>, out: &mut Vec<u8>) {
    if let Some(number) = number {
        put(code, &number.to_be_bytes(), out);
    }
}

#[inline]
fn put_list<T: Fixed>(code: AttributeCode, list: &[T], out: &mut Vec<u8>) {
    if !list.is_empty() {
        put_header(code.flags().unwrap_or_default(), code, list.len() * T::LEN, out);
        list.iter().for_each(|value| value.encode(out));
    }
}

/// Appends an attribute whose length is known only when its value is written.
fn put_with(code: AttributeCode, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    put_header(code.flags().unwrap_or_default(), code, 0, out);
    let value = out.len();
    write(out);
    let len = out.len() - value;
    let long = len > 255;
    if long {
        out.insert(value - 1, 0);
    }
    if let Some([attribute_flags, _, length @ ..]) = out.get_mut(at..) {
        match length {
            [high, low, ..] if long => {
                *attribute_flags |= flags::EXTENDED;
                [*high, *low] = (len.min(0xffff) as u16).to_be_bytes();
            }
            [octet, ..] => *octet = len as u8,
            [] => {}
        }
    }
}
