//! `netgauze-bgp-pkt`.

use super::{Codec, Encode};
use crate::sum::{Sum, What};
use netgauze_bgp_pkt::{
    BgpMessage,
    capabilities::BgpCapability,
    path_attribute::{Aggregator, AsPath, MpReach, MpUnreach, PathAttributeValue},
    update::BgpUpdateMessage,
    wire::deserializer::BgpParsingContext,
};
use netgauze_iana::address_family::AddressType;
use netgauze_parse_utils::{WritablePdu, reader::SliceReader, traits::ParseFromWithOneInput};
use std::net::IpAddr;

/// `netgauze-bgp-pkt`.
#[derive(Debug)]
pub struct Netgauze(BgpParsingContext);

impl Codec for Netgauze {
    const NAME: &'static str = "netgauze";
    type Encoder = Encoder;

    fn new(four_octet_as: bool) -> Self {
        let mut context = BgpParsingContext::asn2_default();
        context.set_asn4(four_octet_as);
        Netgauze(context)
    }

    #[inline]
    fn decode(&mut self, message: &[u8]) -> Option<u64> {
        let mut sum = Sum::default();
        match BgpMessage::parse(&mut SliceReader::new(message), &mut self.0).ok()? {
            BgpMessage::Update(update) => sum_update(&update, &mut sum),
            BgpMessage::Open(open) => {
                sum.add(What::Open, open.my_asn4());
                sum.add(What::Open, open.hold_time());
                sum.add(What::Open, open.bgp_id().to_bits());
                open.capabilities().into_iter().for_each(|capability| sum_capability(capability, &mut sum));
            }
            _ => {}
        }
        Some(sum.value())
    }

    fn encoder(&self, message: &[u8]) -> Option<Encoder> {
        let message = BgpMessage::parse(&mut SliceReader::new(message), &mut self.0.clone()).ok()?;
        Some(Encoder { message, out: Vec::new() })
    }
}

/// Adds prefixes of either family: their types share no trait.
macro_rules! prefixes {
    ($what:expr, $nlri:expr, $sum:ident) => {
        for net in $nlri.iter().map(|nlri| nlri.network().address()) {
            $sum.prefix($what, net.addr().to_bits(), net.prefix_len());
        }
    };
}

fn sum_update(update: &BgpUpdateMessage, sum: &mut Sum) {
    prefixes!(What::Withdrawn, update.withdraw_routes(), sum);
    prefixes!(What::Announced, update.nlri(), sum);
    for attribute in update.path_attributes() {
        match attribute.value() {
            PathAttributeValue::Origin(origin) => sum.add(What::Origin, *origin as u8),
            PathAttributeValue::AsPath(path) => sum_path(path, sum),
            PathAttributeValue::NextHop(next_hop) => sum.add(What::NextHop, next_hop.next_hop().to_bits()),
            PathAttributeValue::MultiExitDiscriminator(med) => sum.add(What::Med, med.metric()),
            PathAttributeValue::LocalPreference(preference) => sum.add(What::LocalPref, preference.metric()),
            PathAttributeValue::AtomicAggregate(_) => sum.add(What::AtomicAggregate, true),
            PathAttributeValue::Aggregator(aggregator) => {
                let (asn, address) = match aggregator {
                    Aggregator::As2Aggregator(two) => (u32::from(*two.asn()), two.origin()),
                    Aggregator::As4Aggregator(four) => (*four.asn(), four.origin()),
                };
                sum.add(What::Aggregator, u64::from(asn) << 32 | u64::from(address.to_bits()));
            }
            PathAttributeValue::Communities(list) => {
                list.communities().iter().for_each(|community| sum.add(What::Community, community.value()));
            }
            PathAttributeValue::ExtendedCommunities(list) => {
                sum.add(What::ExtendedCommunities, list.communities().len() as u64);
            }
            PathAttributeValue::LargeCommunities(list) => {
                for large in list.communities() {
                    sum.large(large.global_admin(), large.local_data1(), large.local_data2());
                }
            }
            PathAttributeValue::Originator(id) => sum.add(What::Originator, id.id().to_bits()),
            PathAttributeValue::ClusterList(list) => {
                list.cluster_list().iter().for_each(|id| sum.add(What::Cluster, id.id().to_bits()));
            }
            PathAttributeValue::MpReach(reach) => sum_reach(reach, sum),
            PathAttributeValue::MpUnreach(unreach) => sum_unreach(unreach, sum),
            _ => {}
        }
    }
}

fn sum_path(path: &AsPath, sum: &mut Sum) {
    match path {
        AsPath::As2PathSegments(segments) => {
            for segment in segments {
                sum.segment(segment.segment_type() as u8, segment.as_numbers().len());
                segment.as_numbers().iter().for_each(|asn| sum.add(What::Asn, *asn));
            }
        }
        AsPath::As4PathSegments(segments) => {
            for segment in segments {
                sum.segment(segment.segment_type() as u8, segment.as_numbers().len());
                segment.as_numbers().iter().for_each(|asn| sum.add(What::Asn, *asn));
            }
        }
    }
}

fn sum_reach(reach: &MpReach, sum: &mut Sum) {
    match reach {
        MpReach::Ipv4Unicast { next_hop, nlri, .. } => {
            sum.family(What::Family, 1, 1);
            match next_hop {
                IpAddr::V4(address) => sum.add(What::MpNextHop, address.to_bits()),
                IpAddr::V6(address) => sum.add_wide(What::MpNextHop, address.to_bits()),
            }
            prefixes!(What::Announced, nlri, sum);
        }
        MpReach::Ipv6Unicast { next_hop_global, nlri, .. } => {
            sum.family(What::Family, 2, 1);
            sum.add_wide(What::MpNextHop, next_hop_global.to_bits());
            prefixes!(What::Announced, nlri, sum);
        }
        _ => {}
    }
}

fn sum_unreach(unreach: &MpUnreach, sum: &mut Sum) {
    match unreach {
        MpUnreach::Ipv4Unicast { nlri } => {
            sum.family(What::Family, 1, 1);
            prefixes!(What::Withdrawn, nlri, sum);
        }
        MpUnreach::Ipv6Unicast { nlri } => {
            sum.family(What::Family, 2, 1);
            prefixes!(What::Withdrawn, nlri, sum);
        }
        _ => {}
    }
}

fn sum_capability(capability: &BgpCapability, sum: &mut Sum) {
    sum.add(What::Capability, capability.code().map_or_else(|code| code, |code| code as u8));
    let family =
        |address: AddressType| (address.address_family() as u16, address.subsequent_address_family() as u8);
    match capability {
        BgpCapability::MultiProtocolExtensions(multiprotocol) => {
            let (afi, safi) = family(multiprotocol.address_type());
            sum.family(What::Capability, afi, safi);
        }
        BgpCapability::FourOctetAs(asn) => sum.add(What::Capability, asn.asn4()),
        BgpCapability::AddPath(add_path) => {
            for entry in add_path.address_families() {
                let (afi, safi) = family(entry.address_type());
                sum.family(What::Capability, afi, safi);
                sum.add(What::Capability, u8::from(entry.receive()) | u8::from(entry.send()) << 1);
            }
        }
        _ => {}
    }
}

/// A message and the buffer it is written to.
#[derive(Debug)]
pub struct Encoder {
    message: BgpMessage,
    out: Vec<u8>,
}

impl Encode for Encoder {
    #[inline]
    fn encode(&mut self) -> &[u8] {
        self.out.clear();
        self.message.write(&mut self.out).expect("it came from a message");
        &self.out
    }
}
