//! `rustbgpd-wire`, with RFC 7606 as we do.

use super::{Codec, Encode};
use crate::sum::{Sum, What};
use bytes::{Bytes, BytesMut};
use rustbgpd_wire::{
    Capability, Ipv4UnicastMode, MAX_MESSAGE_LEN, Message, UpdateMessage,
    attribute::{AsPathSegment, PathAttribute},
    decode_message,
    nlri::{Ipv4NlriEntry, NlriEntry, Prefix},
    update::ParsedUpdate,
};
use std::net::IpAddr;

/// `rustbgpd-wire`.
#[derive(Debug)]
pub struct Rustbgpd {
    four_octet_as: bool,
    input: BytesMut,
}

impl Codec for Rustbgpd {
    const NAME: &'static str = "rustbgpd";
    const NOTE: Option<&'static str> =
        Some("reads only refcounted octets: each message is first copied into a buffer that is reused");
    type Encoder = Encoder;

    fn new(four_octet_as: bool) -> Self {
        Rustbgpd { four_octet_as, input: BytesMut::new() }
    }

    #[inline]
    fn decode(&mut self, message: &[u8]) -> Option<u64> {
        let mut sum = Sum::default();
        self.input.extend_from_slice(message);
        let mut input = self.input.split().freeze();
        match decode_message(&mut input, MAX_MESSAGE_LEN).ok()? {
            Message::Update(update) => sum_update(&parse(&update, self.four_octet_as)?, &mut sum),
            Message::Open(open) => {
                sum.add(What::Open, open.four_byte_as());
                sum.add(What::Open, open.hold_time);
                sum.add(What::Open, open.bgp_identifier.to_bits());
                open.capabilities.iter().for_each(|capability| sum_capability(capability, &mut sum));
            }
            _ => {}
        }
        Some(sum.value())
    }

    fn encoder(&self, message: &[u8]) -> Option<Encoder> {
        let Message::Update(update) =
            decode_message(&mut Bytes::copy_from_slice(message), MAX_MESSAGE_LEN).ok()?
        else {
            return None;
        };
        let update = parse(&update, self.four_octet_as)?;
        Some(Encoder { update, four_octet_as: self.four_octet_as, out: Vec::new() })
    }
}

#[inline]
fn parse(update: &UpdateMessage, four_octet_as: bool) -> Option<ParsedUpdate> {
    update.parse_revised(four_octet_as, false, false, &[]).ok().map(|revised| revised.update)
}

fn sum_update(update: &ParsedUpdate, sum: &mut Sum) {
    body(What::Withdrawn, &update.withdrawn, sum);
    body(What::Announced, &update.announced, sum);
    for attribute in &update.attributes {
        match attribute {
            PathAttribute::Origin(origin) => sum.add(What::Origin, *origin as u8),
            PathAttribute::AsPath(path) => path.segments.iter().for_each(|segment| {
                let (kind, asns) = match segment {
                    AsPathSegment::AsSet(asns) => (1, asns),
                    AsPathSegment::AsSequence(asns) => (2, asns),
                };
                sum.segment(kind, asns.len());
                asns.iter().for_each(|asn| sum.add(What::Asn, *asn));
            }),
            PathAttribute::NextHop(next_hop) => sum.add(What::NextHop, next_hop.to_bits()),
            PathAttribute::Med(med) => sum.add(What::Med, *med),
            PathAttribute::LocalPref(preference) => sum.add(What::LocalPref, *preference),
            PathAttribute::AtomicAggregate => sum.add(What::AtomicAggregate, true),
            PathAttribute::Aggregator(aggregator) => {
                let address = u64::from(aggregator.router_id.to_bits());
                sum.add(What::Aggregator, u64::from(aggregator.asn) << 32 | address);
            }
            PathAttribute::Communities(list) | PathAttribute::CommunitiesPartial(list) => {
                list.iter().for_each(|community| sum.add(What::Community, *community));
            }
            PathAttribute::ExtendedCommunities(list) | PathAttribute::ExtendedCommunitiesPartial(list) => {
                sum.add(What::ExtendedCommunities, list.len() as u64);
            }
            PathAttribute::LargeCommunities(list) | PathAttribute::LargeCommunitiesPartial(list) => {
                for large in list {
                    sum.large(large.global_admin, large.local_data1, large.local_data2);
                }
            }
            PathAttribute::OriginatorId(id) => sum.add(What::Originator, id.to_bits()),
            PathAttribute::ClusterList(list) => {
                list.iter().for_each(|id| sum.add(What::Cluster, id.to_bits()));
            }
            PathAttribute::MpReachNlri(reach) => {
                sum.family(What::Family, reach.afi as u16, reach.safi as u8);
                match reach.next_hop {
                    IpAddr::V4(address) => sum.add(What::MpNextHop, address.to_bits()),
                    IpAddr::V6(address) => sum.add_wide(What::MpNextHop, address.to_bits()),
                }
                entries(What::Announced, &reach.announced, sum);
            }
            PathAttribute::MpUnreachNlri(unreach) => {
                sum.family(What::Family, unreach.afi as u16, unreach.safi as u8);
                entries(What::Withdrawn, &unreach.withdrawn, sum);
            }
            _ => {}
        }
    }
}

#[inline]
fn body(what: What, nlri: &[Ipv4NlriEntry], sum: &mut Sum) {
    nlri.iter().for_each(|entry| sum.prefix(what, entry.prefix.addr.to_bits(), entry.prefix.len));
}

#[inline]
fn entries(what: What, nlri: &[NlriEntry], sum: &mut Sum) {
    nlri.iter().for_each(|entry| match entry.prefix {
        Prefix::V4(prefix) => sum.prefix(what, prefix.addr.to_bits(), prefix.len),
        Prefix::V6(prefix) => sum.prefix(what, prefix.addr.to_bits(), prefix.len),
    });
}

fn sum_capability(capability: &Capability, sum: &mut Sum) {
    sum.add(What::Capability, capability.code());
    match capability {
        Capability::MultiProtocol { afi, safi } => {
            sum.family(What::Capability, *afi as u16, *safi as u8);
        }
        // A family whose SAFI the crate does not know; the value is that of the registered capability.
        Capability::Unknown { code: 1, data } => {
            if let [high, low, _, safi] = **data {
                sum.family(What::Capability, u16::from_be_bytes([high, low]), safi);
            }
        }
        Capability::FourOctetAs { asn } => sum.add(What::Capability, *asn),
        Capability::AddPath(entries) => entries.iter().for_each(|entry| {
            sum.family(What::Capability, entry.afi as u16, entry.safi as u8);
            sum.add(What::Capability, entry.send_receive as u8);
        }),
        _ => {}
    }
}

/// A message and the buffer it is written to.
#[derive(Debug)]
pub struct Encoder {
    update: ParsedUpdate,
    four_octet_as: bool,
    out: Vec<u8>,
}

impl Encode for Encoder {
    #[inline]
    fn encode(&mut self) -> &[u8] {
        self.out.clear();
        let ParsedUpdate { withdrawn, attributes, announced, .. } = &self.update;
        let mode = Ipv4UnicastMode::Body;
        UpdateMessage::try_build(announced, withdrawn, attributes, self.four_octet_as, false, mode)
            .and_then(|message| message.encode(&mut self.out))
            .expect("it came from a message");
        &self.out
    }
}
