//! `routecore`. Each of its accessors walks the attributes anew, so they are walked here, once.

use super::{Codec, Encode};
use crate::sum::{Sum, What};
use octseq::Parser;
use routecore::bgp::{
    ParseError,
    aspath::AsPath,
    message::{
        Message,
        open::{CapabilityType, OpenMessage},
        update::{SessionConfig, UpdateMessage},
        update_builder::UpdateBuilder,
    },
    nlri::{
        afisafi::{AfiSafiType, Ipv4UnicastNlri, Ipv6UnicastNlri, IsPrefix},
        nexthop::NextHop,
    },
    path_attributes::{PaMap, WireformatPathAttribute},
};
use std::net::IpAddr;

/// `routecore`.
#[derive(Debug)]
pub struct Routecore(SessionConfig);

impl Codec for Routecore {
    const NAME: &'static str = "routecore";
    const NOTE: Option<&'static str> = Some(
        "its builder is consumed by each message: encoding includes a clone of attributes and prefixes; IPv4 prefixes go into MP attributes",
    );
    type Encoder = Encoder;

    fn new(four_octet_as: bool) -> Self {
        Routecore(if four_octet_as { SessionConfig::modern() } else { SessionConfig::legacy() })
    }

    #[inline]
    fn decode(&mut self, message: &[u8]) -> Option<u64> {
        let mut sum = Sum::default();
        match Message::from_octets(message, Some(&self.0)).ok()? {
            Message::Update(update) => sum_update(&update, &mut sum).ok()?,
            Message::Open(open) => sum_open(&open, &mut sum)?,
            _ => {}
        }
        Some(sum.value())
    }

    fn encoder(&self, message: &[u8]) -> Option<Encoder> {
        let update = UpdateMessage::from_octets(message, &self.0).ok()?;
        let attributes = PaMap::from_update_pdu(&update).ok()?;
        let conventional = update.conventional_next_hop().ok()?;
        let announced = update.typed_announcements::<_, Ipv4UnicastNlri>().ok()?;
        let announced_ipv6 = update.typed_announcements::<_, Ipv6UnicastNlri>().ok()?;
        let withdrawn = update.typed_withdrawals::<_, Ipv4UnicastNlri>().ok()?;
        Some(Encoder {
            session: self.0.clone(),
            next_hop: conventional.or(update.mp_next_hop().ok()?),
            attributes,
            announced: announced.into_iter().flatten().collect::<Result<_, _>>().ok()?,
            announced_ipv6: announced_ipv6.into_iter().flatten().collect::<Result<_, _>>().ok()?,
            withdrawn: withdrawn.into_iter().flatten().collect::<Result<_, _>>().ok()?,
            out: Vec::new(),
        })
    }
}

fn sum_update(update: &UpdateMessage<&[u8]>, sum: &mut Sum) -> Result<(), ParseError> {
    for attribute in update.path_attributes()? {
        sum_attribute(update, &attribute?, sum)?;
    }
    for nlri in update.conventional_announcements()? {
        if let routecore::bgp::nlri::afisafi::Nlri::Ipv4Unicast(nlri) = nlri? {
            prefix(What::Announced, &nlri, sum);
        }
    }
    for nlri in update.conventional_withdrawals()? {
        if let routecore::bgp::nlri::afisafi::Nlri::Ipv4Unicast(nlri) = nlri? {
            prefix(What::Withdrawn, &nlri, sum);
        }
    }
    Ok(())
}

#[inline]
fn sum_attribute(
    update: &UpdateMessage<&[u8]>,
    attribute: &WireformatPathAttribute<'_, &[u8]>,
    sum: &mut Sum,
) -> Result<(), ParseError> {
    match attribute {
        WireformatPathAttribute::Origin(value) => {
            sum.add(What::Origin, value.value_into_parser().parse_u8()?);
        }
        WireformatPathAttribute::AsPath(value) => {
            let mut octets = value.value_into_parser();
            let octets = octets.parse_octets(octets.remaining())?;
            sum_path(octets, value.pdu_parse_info().four_octet_enabled(), sum)?;
        }
        WireformatPathAttribute::ConventionalNextHop(value) => {
            words(What::NextHop, value.value_into_parser(), sum)?;
        }
        WireformatPathAttribute::MultiExitDisc(value) => words(What::Med, value.value_into_parser(), sum)?,
        WireformatPathAttribute::LocalPref(value) => words(What::LocalPref, value.value_into_parser(), sum)?,
        WireformatPathAttribute::AtomicAggregate(_) => sum.add(What::AtomicAggregate, true),
        WireformatPathAttribute::Aggregator(value) => {
            let mut octets = value.value_into_parser();
            let asn = if octets.remaining() == 8 {
                octets.parse_u32_be()?
            } else {
                u32::from(octets.parse_u16_be()?)
            };
            sum.add(What::Aggregator, u64::from(asn) << 32 | u64::from(octets.parse_u32_be()?));
        }
        WireformatPathAttribute::StandardCommunities(value) => {
            words(What::Community, value.value_into_parser(), sum)?;
        }
        WireformatPathAttribute::ExtendedCommunities(value) => {
            sum.add(What::ExtendedCommunities, value.value_into_parser().remaining() as u64 / 8);
        }
        WireformatPathAttribute::LargeCommunities(value) => {
            let mut octets = value.value_into_parser();
            while octets.remaining() > 0 {
                sum.large(octets.parse_u32_be()?, octets.parse_u32_be()?, octets.parse_u32_be()?);
            }
        }
        WireformatPathAttribute::OriginatorId(value) => {
            words(What::Originator, value.value_into_parser(), sum)?;
        }
        WireformatPathAttribute::ClusterList(value) => {
            words(What::Cluster, value.value_into_parser(), sum)?;
        }
        WireformatPathAttribute::MpReachNlri(value) => sum_reach(update, value.value_into_parser(), sum)?,
        WireformatPathAttribute::Unimplemented(unknown) if unknown.type_code() == 15 => {
            if let [high, low, safi, ..] = *unknown.value() {
                sum.family(What::Family, u16::from_be_bytes([high, low]), safi);
            }
            for nlri in update.typed_withdrawals::<_, Ipv6UnicastNlri>()?.into_iter().flatten() {
                prefix(What::Withdrawn, &nlri?, sum);
            }
        }
        _ => {}
    }
    Ok(())
}

#[inline]
fn words(what: What, mut octets: Parser<'_, &[u8]>, sum: &mut Sum) -> Result<(), ParseError> {
    while octets.remaining() > 0 {
        sum.add(what, octets.parse_u32_be()?);
    }
    Ok(())
}

fn sum_path(octets: &[u8], four_octet_as: bool, sum: &mut Sum) -> Result<(), ParseError> {
    let (width, mut at) = (if four_octet_as { 4 } else { 2 }, 0);
    for segment in AsPath::new(octets, four_octet_as)?.segments() {
        // A segment does not tell its kind.
        let (kind, count) = (octets.get(at).copied().unwrap_or_default(), usize::from(segment.asn_count()));
        at += 2 + count * width;
        sum.segment(kind, count);
        segment.asns().for_each(|asn| sum.add(What::Asn, asn.into_u32()));
    }
    Ok(())
}

fn sum_reach(
    update: &UpdateMessage<&[u8]>,
    mut octets: Parser<'_, &[u8]>,
    sum: &mut Sum,
) -> Result<(), ParseError> {
    let (afi, safi) = (octets.parse_u16_be()?, octets.parse_u8()?);
    sum.family(What::Family, afi, safi);
    match NextHop::parse(&mut octets, AfiSafiType::from((afi, safi)))? {
        NextHop::Unicast(IpAddr::V4(address)) => sum.add(What::MpNextHop, address.to_bits()),
        NextHop::Unicast(IpAddr::V6(address)) | NextHop::Ipv6LL { global: address, .. } => {
            sum.add_wide(What::MpNextHop, address.to_bits());
        }
        _ => {}
    }
    for nlri in update.typed_announcements::<_, Ipv6UnicastNlri>()?.into_iter().flatten() {
        prefix(What::Announced, &nlri?, sum);
    }
    Ok(())
}

#[inline]
fn prefix(what: What, nlri: &impl IsPrefix, sum: &mut Sum) {
    let (address, len) = nlri.prefix().addr_and_len();
    match address {
        IpAddr::V4(address) => sum.prefix(what, address.to_bits(), len),
        IpAddr::V6(address) => sum.prefix(what, address.to_bits(), len),
    }
}

fn sum_open(open: &OpenMessage<&[u8]>, sum: &mut Sum) -> Option<()> {
    sum.add(What::Open, open.my_asn().into_u32());
    sum.add(What::Open, open.holdtime());
    sum.add(What::Open, u32::from_be_bytes(*open.identifier().first_chunk()?));
    for capability in open.capabilities() {
        sum.add(What::Capability, u8::from(capability.typ()));
        match (capability.typ(), capability.value()) {
            (CapabilityType::MultiProtocol, [high, low, _, safi]) => {
                sum.family(What::Capability, u16::from_be_bytes([*high, *low]), *safi);
            }
            (CapabilityType::FourOctetAsn, value) => {
                sum.add(What::Capability, u32::from_be_bytes(*value.first_chunk()?));
            }
            (CapabilityType::AddPath, value) => value.as_chunks::<4>().0.iter().for_each(|entry| {
                let [high, low, safi, mode] = *entry;
                sum.family(What::Capability, u16::from_be_bytes([high, low]), safi);
                sum.add(What::Capability, mode);
            }),
            _ => {}
        }
    }
    Some(())
}

/// What a message is built from, and the last one built.
#[derive(Debug)]
pub struct Encoder {
    session: SessionConfig,
    attributes: PaMap,
    next_hop: Option<NextHop>,
    announced: Vec<Ipv4UnicastNlri>,
    announced_ipv6: Vec<Ipv6UnicastNlri>,
    withdrawn: Vec<Ipv4UnicastNlri>,
    out: Vec<u8>,
}

impl Encode for Encoder {
    #[inline]
    fn encode(&mut self) -> &[u8] {
        self.out = if self.announced_ipv6.is_empty() {
            let mut builder =
                UpdateBuilder::<Vec<u8>, Ipv4UnicastNlri>::from_attributes_builder(self.attributes.clone());
            builder.append_withdrawals(self.withdrawn.clone()).expect("prefixes of a message");
            builder.announcements_from_iter(self.announced.iter().copied()).expect("prefixes of a message");
            if let Some(next_hop) = self.next_hop {
                builder.set_nexthop(next_hop).expect("its next hop");
            }
            builder.into_message(&self.session).expect("it came from a message").into_octets()
        } else {
            let mut builder =
                UpdateBuilder::<Vec<u8>, Ipv6UnicastNlri>::from_attributes_builder(self.attributes.clone());
            builder
                .announcements_from_iter(self.announced_ipv6.iter().copied())
                .expect("prefixes of a message");
            if let Some(next_hop) = self.next_hop {
                builder.set_nexthop(next_hop).expect("its next hop");
            }
            builder.into_message(&self.session).expect("it came from a message").into_octets()
        };
        &self.out
    }
}
