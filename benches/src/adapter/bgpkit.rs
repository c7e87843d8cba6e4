//! `bgpkit-parser`.

use super::{Codec, Encode};
use crate::sum::{Sum, What};
use bgpkit_parser::{
    models::{
        AsPathSegment, AsnLength, AttributeValue, BgpMessage, BgpOpenMessage, BgpUpdateMessage,
        CapabilityValue, Community, NetworkPrefix, NextHopAddress, Nlri, ParamValue,
        capabilities::BgpCapabilityType,
    },
    parser::bgp::messages::parse_bgp_message,
};
use bytes::{Bytes, BytesMut};
use std::net::IpAddr;

/// `bgpkit-parser`.
#[derive(Debug)]
pub struct Bgpkit {
    width: AsnLength,
    input: BytesMut,
}

impl Codec for Bgpkit {
    const NAME: &'static str = "bgpkit";
    const NOTE: Option<&'static str> = Some(
        "reads only refcounted octets: each message is first copied into a buffer that is reused; encodes into a new one each time",
    );
    type Encoder = Encoder;

    fn new(four_octet_as: bool) -> Self {
        let width = if four_octet_as { AsnLength::Bits32 } else { AsnLength::Bits16 };
        Bgpkit { width, input: BytesMut::new() }
    }

    #[inline]
    fn decode(&mut self, message: &[u8]) -> Option<u64> {
        let mut sum = Sum::default();
        self.input.extend_from_slice(message);
        let mut input = self.input.split().freeze();
        match parse_bgp_message(&mut input, false, &self.width).ok()? {
            BgpMessage::Update(update) => sum_update(&update, &mut sum),
            BgpMessage::Open(open) => sum_open(&open, &mut sum),
            _ => {}
        }
        Some(sum.value())
    }

    fn encoder(&self, message: &[u8]) -> Option<Encoder> {
        let mut input = Bytes::copy_from_slice(message);
        let message = parse_bgp_message(&mut input, false, &self.width).ok()?;
        Some(Encoder { message, width: self.width, out: Bytes::new() })
    }
}

fn sum_update(update: &BgpUpdateMessage, sum: &mut Sum) {
    prefixes(What::Withdrawn, &update.withdrawn_prefixes, sum);
    prefixes(What::Announced, &update.announced_prefixes, sum);
    for attribute in &update.attributes {
        match attribute {
            AttributeValue::Origin(origin) => sum.add(What::Origin, *origin as u8),
            AttributeValue::AsPath(path) => path.segments.iter().for_each(|segment| {
                let (kind, asns) = match segment {
                    AsPathSegment::AsSet(asns) => (1, asns),
                    AsPathSegment::AsSequence(asns) => (2, asns),
                    AsPathSegment::ConfedSequence(asns) => (3, asns),
                    AsPathSegment::ConfedSet(asns) => (4, asns),
                };
                sum.segment(kind, asns.len());
                asns.iter().for_each(|asn| sum.add(What::Asn, u32::from(*asn)));
            }),
            AttributeValue::NextHop(IpAddr::V4(address)) => sum.add(What::NextHop, address.to_bits()),
            AttributeValue::MultiExitDiscriminator(med) => sum.add(What::Med, *med),
            AttributeValue::LocalPreference(preference) => sum.add(What::LocalPref, *preference),
            AttributeValue::AtomicAggregate => sum.add(What::AtomicAggregate, true),
            AttributeValue::Aggregator { asn, id } => {
                sum.add(What::Aggregator, u64::from(u32::from(*asn)) << 32 | u64::from(id.to_bits()));
            }
            AttributeValue::Communities(list) => {
                list.iter().for_each(|community| sum.add(What::Community, word(*community)));
            }
            AttributeValue::ExtendedCommunities(list) => {
                sum.add(What::ExtendedCommunities, list.len() as u64);
            }
            AttributeValue::LargeCommunities(list) => {
                for large in list {
                    sum.large(large.global_admin, large.local_data[0], large.local_data[1]);
                }
            }
            AttributeValue::OriginatorId(id) => sum.add(What::Originator, id.to_bits()),
            AttributeValue::Clusters(list) => list.iter().for_each(|id| sum.add(What::Cluster, *id)),
            AttributeValue::MpReachNlri(nlri) => sum_nlri(What::Announced, nlri, sum),
            AttributeValue::MpUnreachNlri(nlri) => sum_nlri(What::Withdrawn, nlri, sum),
            _ => {}
        }
    }
}

#[inline]
fn word(community: Community) -> u32 {
    match community {
        Community::NoExport => 0xffff_ff01,
        Community::NoAdvertise => 0xffff_ff02,
        Community::NoExportSubConfed => 0xffff_ff03,
        Community::Custom(asn, value) => u32::from(asn) << 16 | u32::from(value),
    }
}

fn sum_nlri(what: What, nlri: &Nlri, sum: &mut Sum) {
    sum.family(What::Family, nlri.afi as u16, nlri.safi as u8);
    match &nlri.next_hop {
        Some(NextHopAddress::Ipv4(address)) => sum.add(What::MpNextHop, address.to_bits()),
        Some(NextHopAddress::Ipv6(address) | NextHopAddress::Ipv6LinkLocal(address, _)) => {
            sum.add_wide(What::MpNextHop, address.to_bits());
        }
        _ => {}
    }
    prefixes(what, &nlri.prefixes, sum);
}

#[inline]
fn prefixes(what: What, nlri: &[NetworkPrefix], sum: &mut Sum) {
    nlri.iter().for_each(|prefix| match prefix.prefix.addr() {
        IpAddr::V4(address) => sum.prefix(what, address.to_bits(), prefix.prefix.prefix_len()),
        IpAddr::V6(address) => sum.prefix(what, address.to_bits(), prefix.prefix.prefix_len()),
    });
}

fn sum_open(open: &BgpOpenMessage, sum: &mut Sum) {
    let capabilities = || {
        open.opt_params.iter().flat_map(|parameter| match &parameter.param_value {
            ParamValue::Capacities(list) => list.as_slice(),
            ParamValue::Raw(_) => &[],
        })
    };
    let wide = capabilities().find_map(|capability| match &capability.value {
        CapabilityValue::FourOctetAs(asn) => Some(asn.asn),
        _ => None,
    });
    sum.add(What::Open, wide.unwrap_or(u32::from(open.asn)));
    sum.add(What::Open, open.hold_time);
    sum.add(What::Open, open.bgp_identifier.to_bits());
    for capability in capabilities() {
        sum.add(What::Capability, u8::from(capability.ty));
        match &capability.value {
            CapabilityValue::MultiprotocolExtensions(family) => {
                sum.family(What::Capability, family.afi as u16, family.safi as u8);
            }
            // A family that the crate does not know.
            CapabilityValue::Raw(data)
                if capability.ty == BgpCapabilityType::MULTIPROTOCOL_EXTENSIONS_FOR_BGP_4 =>
            {
                if let [high, low, _, safi] = data[..] {
                    sum.family(What::Capability, u16::from_be_bytes([high, low]), safi);
                }
            }
            CapabilityValue::FourOctetAs(asn) => sum.add(What::Capability, asn.asn),
            CapabilityValue::AddPath(add_path) => add_path.address_families.iter().for_each(|entry| {
                sum.family(What::Capability, entry.afi as u16, entry.safi as u8);
                sum.add(What::Capability, entry.send_receive as u8);
            }),
            _ => {}
        }
    }
}

/// A message and what it became last.
#[derive(Debug)]
pub struct Encoder {
    message: BgpMessage,
    width: AsnLength,
    out: Bytes,
}

impl Encode for Encoder {
    #[inline]
    fn encode(&mut self) -> &[u8] {
        self.out = self.message.encode(self.width).expect("it came from a message");
        &self.out
    }
}
