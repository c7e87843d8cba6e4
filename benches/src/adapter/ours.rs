//! `bgp-proto`: the view, the owned form, and the least that a RIB needs when it has seen the attributes before.

use super::{Codec, Encode, Never};
use crate::{
    cases,
    sum::{Sum, What},
};
use bgp_proto::{
    agreed::Agreed,
    attr::{aggregator::Aggregator, next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::{Asn, RouterId},
    prefix::{Address, Prefix},
    wire::{
        attributes::Attributes,
        capability::Capability,
        frame::{Frame, RawMessage, frame},
        message::Message,
        nlri::{Items, Nlri, Path},
        open::Open,
        pack::{self, Announcement},
        update::Update,
    },
};
use foldhash::fast::FixedState;
use std::{
    hash::{BuildHasher, Hasher},
    net::IpAddr,
};

#[inline(always)]
fn framed<'a>(message: &'a [u8], agreed: &Agreed) -> Option<RawMessage<'a>> {
    match frame(message, Some(agreed)) {
        Frame::Message(raw) => Some(raw),
        _ => None,
    }
}

/// The view, read once.
#[derive(Debug)]
pub struct View(Agreed);

impl Codec for View {
    const NAME: &'static str = "bgp-proto";
    type Encoder = Encoder;

    fn new(four_octet_as: bool) -> Self {
        View(cases::agreed(four_octet_as))
    }

    #[inline]
    fn decode(&mut self, message: &[u8]) -> Option<u64> {
        let mut sum = Sum::default();
        match &Message::decode(framed(message, &self.0)?, &self.0) {
            Ok(Message::Update(update)) => {
                sum_attributes(update.attributes(), &mut sum);
                sum_routes(update, &mut sum);
            }
            Ok(Message::Open(open)) => sum_open(open, &mut sum),
            Ok(_) => {}
            Err(_) => return None,
        }
        Some(sum.value())
    }

    fn encoder(&self, message: &[u8]) -> Option<Encoder> {
        Encoder::of(message, self.0)
    }
}

#[inline(always)]
fn sum_attributes(attributes: &Attributes<'_>, sum: &mut Sum) {
    if let Some(origin) = attributes.origin() {
        sum.add(What::Origin, origin.0);
    }
    if let Some(path) = attributes.as_path() {
        for segment in path.segments() {
            sum.segment(segment.kind.0, segment.count());
            segment.asns().for_each(|asn| sum.add(What::Asn, asn.0));
        }
    }
    if let Some(next_hop) = attributes.next_hop() {
        sum.add(What::NextHop, next_hop.to_bits());
    }
    if let Some(med) = attributes.med() {
        sum.add(What::Med, med);
    }
    if let Some(local_pref) = attributes.local_pref() {
        sum.add(What::LocalPref, local_pref);
    }
    sum.add(What::AtomicAggregate, attributes.atomic_aggregate());
    sum_aggregator(attributes.aggregator(), sum);
    attributes.communities().for_each(|community| sum.add(What::Community, community.0));
    sum.add(What::ExtendedCommunities, attributes.extended_communities().len() as u64);
    attributes.large_communities().for_each(|large| sum.large(large.admin.0, large.first, large.second));
    sum_reflection(attributes.originator_id(), attributes.cluster_list(), sum);
}

#[inline(always)]
fn sum_aggregator(aggregator: Option<Aggregator>, sum: &mut Sum) {
    if let Some(Aggregator { asn, address }) = aggregator {
        sum.add(What::Aggregator, u64::from(asn.0) << 32 | u64::from(address.to_bits()));
    }
}

#[inline(always)]
fn sum_reflection(originator: Option<RouterId>, clusters: impl Iterator<Item = u32>, sum: &mut Sum) {
    if let Some(originator) = originator {
        sum.add(What::Originator, originator.number());
    }
    clusters.for_each(|cluster| sum.add(What::Cluster, cluster));
}

#[inline(always)]
fn sum_routes(update: &Update<'_>, sum: &mut Sum) {
    sum_prefixes(What::Withdrawn, update.withdrawn(), sum);
    sum_prefixes(What::Announced, update.announced(), sum);
    if let Some(reach) = update.reach() {
        sum.family(What::Family, reach.family.afi.0, reach.family.safi.0);
        if let Some(next_hop) = reach.next_hop {
            sum_mp_next_hop(next_hop, sum);
        }
        sum_nlri(What::Announced, reach.nlri, sum);
    }
    if let Some(unreach) = update.unreach() {
        sum.family(What::Family, unreach.family.afi.0, unreach.family.safi.0);
        sum_nlri(What::Withdrawn, unreach.nlri, sum);
    }
}

#[inline(always)]
fn sum_mp_next_hop(next_hop: NextHop, sum: &mut Sum) {
    match next_hop.address() {
        IpAddr::V4(address) => sum.add(What::MpNextHop, address.to_bits()),
        IpAddr::V6(address) => sum.add_wide(What::MpNextHop, address.to_bits()),
    }
}

#[inline(always)]
fn sum_nlri(what: What, nlri: Nlri<'_>, sum: &mut Sum) {
    match nlri {
        Nlri::Ipv4(items) => sum_prefixes(what, items, sum),
        Nlri::Ipv6(items) => sum_prefixes(what, items, sum),
        _ => {}
    }
}

#[inline(always)]
fn sum_prefixes<A: Address + Into<u128>>(
    what: What,
    items: impl Iterator<Item = Path<Prefix<A>>>,
    sum: &mut Sum,
) {
    items.for_each(|path| sum.prefix(what, path.item.bits(), path.item.len()));
}

#[inline(always)]
fn sum_open(open: &Open<'_>, sum: &mut Sum) {
    sum.add(What::Open, open.asn.0);
    sum.add(What::Open, open.hold_time.seconds());
    sum.add(What::Open, open.router_id.number());
    for capability in open.capabilities() {
        sum.add(What::Capability, capability.code().0);
        match capability {
            Capability::Multiprotocol(family) => sum.family(What::Capability, family.afi.0, family.safi.0),
            Capability::FourOctetAs(Asn(asn)) => sum.add(What::Capability, asn),
            Capability::AddPath(entries) => entries.for_each(|entry| {
                sum.family(What::Capability, entry.family.afi.0, entry.family.safi.0);
                sum.add(What::Capability, entry.mode.0);
            }),
            _ => {}
        }
    }
}

/// The owned form, filled again and again.
#[derive(Debug)]
pub struct Owned {
    agreed: Agreed,
    attributes: PathAttributes,
}

impl Codec for Owned {
    const NAME: &'static str = "its owned form";
    const NOTE: Option<&'static str> =
        Some("PathAttributes::read into the same value for each message, then read back from there");
    type Encoder = Never;

    fn new(four_octet_as: bool) -> Self {
        Owned { agreed: cases::agreed(four_octet_as), attributes: PathAttributes::default() }
    }

    #[inline]
    fn decode(&mut self, message: &[u8]) -> Option<u64> {
        let update =
            Update::decode(framed(message, &self.agreed).filter(|raw| raw.kind.0 == 2)?, &self.agreed)
                .ok()?;
        let mut sum = Sum::default();
        let owned = &mut self.attributes;
        owned.read(update.attributes());
        if let Some(origin) = owned.origin {
            sum.add(What::Origin, origin.0);
        }
        for segment in owned.as_path.view().segments() {
            sum.segment(segment.kind.0, segment.count());
            segment.asns().for_each(|asn| sum.add(What::Asn, asn.0));
        }
        if let Some(next_hop) = update.attributes().next_hop() {
            sum.add(What::NextHop, next_hop.to_bits());
        }
        sum.add(What::Med, owned.med.unwrap_or_default());
        sum.add(What::LocalPref, owned.local_pref.unwrap_or_default());
        sum.add(What::AtomicAggregate, owned.atomic_aggregate);
        sum_aggregator(owned.aggregator, &mut sum);
        owned.communities.iter().for_each(|community| sum.add(What::Community, community.0));
        sum.add(What::ExtendedCommunities, owned.extended_communities.len() as u64);
        owned.large_communities.iter().for_each(|large| sum.large(large.admin.0, large.first, large.second));
        sum_reflection(owned.originator_id, owned.cluster_list.iter().copied(), &mut sum);
        sum_routes(&update, &mut sum);
        Some(sum.value())
    }

    fn encoder(&self, _: &[u8]) -> Option<Never> {
        None
    }
}

/// Frame, split, hash the attribute section, walk the body's NLRI: nothing of an attribute is looked at.
#[derive(Debug)]
pub struct SplitOnly {
    agreed: Agreed,
    hash: FixedState,
}

impl Codec for SplitOnly {
    const NAME: &'static str = "split, hash, walk";
    const READS_EVERYTHING: bool = false;
    const NOTE: Option<&'static str> = Some(
        "what a RIB needs when it knows the attributes already: foldhash over the section, the body's prefixes walked; prefixes in MP attributes are not",
    );
    type Encoder = Never;

    fn new(four_octet_as: bool) -> Self {
        SplitOnly { agreed: cases::agreed(four_octet_as), hash: FixedState::with_seed(7) }
    }

    #[inline]
    fn decode(&mut self, message: &[u8]) -> Option<u64> {
        let raw = framed(message, &self.agreed).filter(|raw| raw.kind.0 == 2)?;
        let section = |input: &'_ [u8]| -> Option<(usize, usize)> {
            let len = usize::from(u16::from_be_bytes(*input.first_chunk()?));
            (len + 2 <= input.len()).then_some((2, len + 2))
        };
        let body = raw.body();
        let (from, to) = section(body)?;
        let (withdrawn, rest) = (&body[from..to], &body[to..]);
        let (from, to) = section(rest)?;
        let (attributes, announced) = (&rest[from..to], &rest[to..]);
        let mut hasher = self.hash.build_hasher();
        hasher.write(attributes);
        let mut sum = Sum::default();
        sum_prefixes::<u32>(What::Withdrawn, Items::check(withdrawn, false).ok()?, &mut sum);
        sum_prefixes::<u32>(What::Announced, Items::check(announced, false).ok()?, &mut sum);
        Some(sum.value() ^ hasher.finish())
    }

    fn encoder(&self, _: &[u8]) -> Option<Never> {
        None
    }
}

/// What to encode, and two buffers that keep their memory.
#[derive(Debug)]
pub struct Encoder {
    agreed: Agreed,
    attributes: PathAttributes,
    next_hop: Option<NextHop>,
    announced: Vec<Prefix<u32>>,
    announced_ipv6: Vec<Prefix<u128>>,
    withdrawn: Vec<Prefix<u32>>,
    section: Vec<u8>,
    out: Vec<u8>,
}

impl Encoder {
    fn of(message: &[u8], agreed: Agreed) -> Option<Self> {
        let update = Update::decode(framed(message, &agreed)?, &agreed).ok()?;
        let mut attributes = PathAttributes::default();
        attributes.read(update.attributes());
        let reach = update.reach();
        let ipv6 = reach.iter().flat_map(|reach| match reach.nlri {
            Nlri::Ipv6(items) => items,
            _ => Items::EMPTY,
        });
        Some(Encoder {
            agreed,
            attributes,
            next_hop: reach
                .and_then(|reach| reach.next_hop)
                .or_else(|| update.attributes().next_hop().map(NextHop::Ipv4)),
            announced: update.announced().map(|path| path.item).collect(),
            announced_ipv6: ipv6.map(|path| path.item).collect(),
            withdrawn: update.withdrawn().map(|path| path.item).collect(),
            section: Vec::new(),
            out: Vec::new(),
        })
    }
}

impl Encode for Encoder {
    #[inline]
    fn encode(&mut self) -> &[u8] {
        self.out.clear();
        let Some(next_hop) = self.next_hop else {
            let paths = self.withdrawn.iter().map(|prefix| Path::from(*prefix));
            pack::withdraw_one(Family::IPV4, &self.agreed, &mut { paths }, &mut self.out);
            return &self.out;
        };
        self.section.clear();
        self.attributes.encode(self.agreed.four_octet_as, &mut self.section);
        let announcement = |family| Announcement { family, attributes: &self.section, next_hop };
        let packed = if self.announced_ipv6.is_empty() {
            let paths = self.announced.iter().map(|prefix| Path::from(*prefix));
            announcement(Family::IPV4).encode_one(&self.agreed, &mut { paths }, &mut self.out)
        } else {
            let paths = self.announced_ipv6.iter().map(|prefix| Path::from(*prefix));
            announcement(Family::IPV6).encode_one(&self.agreed, &mut { paths }, &mut self.out)
        };
        packed.expect("the attributes came from a message");
        &self.out
    }
}
