//! `zettabgp`.

use super::{Codec, Encode};
use crate::sum::{Sum, What};
use std::net::{IpAddr, Ipv4Addr};
use zettabgp::prelude::*;

/// `zettabgp`.
#[derive(Debug)]
pub struct Zettabgp(BgpSessionParams);

const HEADER: usize = 19;

impl Codec for Zettabgp {
    const NAME: &'static str = "zettabgp";
    const NOTE: Option<&'static str> = Some(
        "writes AS_SEQUENCE as AS_SET; takes an FQDN capability with a domain for a fault (the OPEN here has none)",
    );
    type Encoder = Encoder;

    fn new(four_octet_as: bool) -> Self {
        let mut session =
            BgpSessionParams::new(64501, 90, BgpTransportMode::IPv4, Ipv4Addr::LOCALHOST, Vec::new());
        session.has_as32bit = four_octet_as;
        // Nothing is guessed from the octets.
        session.fuzzy_pathid = false;
        Zettabgp(session)
    }

    #[inline]
    fn decode(&mut self, message: &[u8]) -> Option<u64> {
        let mut sum = Sum::default();
        let (kind, len) = self.0.decode_message_head(message).ok()?;
        let body = message.get(HEADER..HEADER + len)?;
        match kind {
            BgpMessageType::Update => {
                let mut update = BgpUpdateMessage::new();
                update.decode_from(&self.0, body).ok()?;
                prefixes(What::Withdrawn, &update.withdraws, &mut sum);
                prefixes(What::Announced, &update.updates, &mut sum);
                update.attrs.iter().for_each(|attribute| sum_attribute(attribute, &mut sum));
            }
            BgpMessageType::Open => {
                let mut open = BgpOpenMessage::new();
                open.decode_from(&self.0, body).ok()?;
                let wide = open.caps.iter().find_map(|capability| match capability {
                    BgpCapability::CapASN32(asn) => Some(*asn),
                    _ => None,
                });
                sum.add(What::Open, wide.unwrap_or(open.as_num));
                sum.add(What::Open, open.hold_time);
                sum.add(What::Open, open.router_id.to_bits());
                open.caps.iter().for_each(|capability| sum_capability(capability, &mut sum));
            }
            _ => {}
        }
        Some(sum.value())
    }

    fn encoder(&self, message: &[u8]) -> Option<Encoder> {
        let mut update = BgpUpdateMessage::new();
        update.decode_from(&self.0, message.get(HEADER..)?).ok()?;
        Some(Encoder { session: self.0.clone(), update, out: vec![0; 4096] })
    }
}

fn sum_attribute(attribute: &BgpAttrItem, sum: &mut Sum) {
    match attribute {
        BgpAttrItem::Origin(origin) => {
            let code = match origin.value {
                BgpAttrOrigin::Igp => 0,
                BgpAttrOrigin::Egp => 1,
                BgpAttrOrigin::Incomplete => 2,
            };
            sum.add(What::Origin, code as u8);
        }
        BgpAttrItem::ASPath(path) => path.value.iter().for_each(|segment| match segment {
            BgpASitem::Set(set) => {
                sum.segment(1, set.value.len());
                set.value.iter().for_each(|asn| sum.add(What::Asn, asn.value));
            }
            BgpASitem::Seq(sequence) => {
                sum.segment(2, sequence.value.len());
                sequence.value.iter().for_each(|asn| sum.add(What::Asn, asn.value));
            }
        }),
        BgpAttrItem::NextHop(next_hop) => address(What::NextHop, next_hop.value, sum),
        BgpAttrItem::MED(med) => sum.add(What::Med, med.value),
        BgpAttrItem::LocalPref(preference) => sum.add(What::LocalPref, preference.value),
        BgpAttrItem::AtomicAggregate(_) => sum.add(What::AtomicAggregate, true),
        BgpAttrItem::AggregatorAS(aggregator) => {
            sum.add(What::Aggregator, u64::from(aggregator.asn) << 32 | u64::from(aggregator.addr.to_bits()));
        }
        BgpAttrItem::CommunityList(list) => {
            list.value.iter().for_each(|community| sum.add(What::Community, community.value));
        }
        BgpAttrItem::ExtCommunityList(list) => {
            sum.add(What::ExtendedCommunities, list.value.len() as u64);
        }
        BgpAttrItem::LargeCommunityList(list) => {
            list.value.iter().for_each(|large| sum.large(large.ga, large.ldp1, large.ldp2));
        }
        BgpAttrItem::OriginatorID(id) => address(What::Originator, id.value, sum),
        BgpAttrItem::ClusterList(list) => {
            list.value.iter().for_each(|id| address(What::Cluster, *id, sum));
        }
        BgpAttrItem::MPUpdates(reach) => {
            family(&reach.addrs, sum);
            match reach.nexthop {
                BgpAddr::V4(next_hop) => sum.add(What::MpNextHop, next_hop.to_bits()),
                BgpAddr::V6(next_hop) => sum.add_wide(What::MpNextHop, next_hop.to_bits()),
                _ => {}
            }
            prefixes(What::Announced, &reach.addrs, sum);
        }
        BgpAttrItem::MPWithdraws(unreach) => {
            family(&unreach.addrs, sum);
            prefixes(What::Withdrawn, &unreach.addrs, sum);
        }
        _ => {}
    }
}

#[inline]
fn address(what: What, address: IpAddr, sum: &mut Sum) {
    match address {
        IpAddr::V4(address) => sum.add(what, address.to_bits()),
        IpAddr::V6(address) => sum.add_wide(what, address.to_bits()),
    }
}

#[inline]
fn family(addresses: &BgpAddrs, sum: &mut Sum) {
    match addresses {
        BgpAddrs::IPV4U(_) => sum.family(What::Family, 1, 1),
        BgpAddrs::IPV6U(_) => sum.family(What::Family, 2, 1),
        _ => {}
    }
}

#[inline]
fn prefixes(what: What, addresses: &BgpAddrs, sum: &mut Sum) {
    match addresses {
        BgpAddrs::IPV4U(nlri) => {
            nlri.iter().for_each(|prefix| sum.prefix(what, prefix.addr.to_bits(), prefix.prefixlen));
        }
        BgpAddrs::IPV6U(nlri) => {
            nlri.iter().for_each(|prefix| sum.prefix(what, prefix.addr.to_bits(), prefix.prefixlen));
        }
        _ => {}
    }
}

fn sum_capability(capability: &BgpCapability, sum: &mut Sum) {
    if let Some((afi, safi)) = capability.afi_safi() {
        sum.add(What::Capability, 1_u8);
        return sum.family(What::Capability, afi, safi);
    }
    let code: u8 = match capability {
        BgpCapability::CapRR => 2,
        BgpCapability::CapGR { .. } => 64,
        BgpCapability::CapASN32(asn) => {
            sum.add(What::Capability, *asn);
            65
        }
        BgpCapability::CapAddPath(entries) => {
            for entry in entries {
                sum.family(What::Capability, entry.afi, entry.safi);
                sum.add(What::Capability, u8::from(entry.receive) | u8::from(entry.send) << 1);
            }
            69
        }
        BgpCapability::CapEnhancedRR => 70,
        BgpCapability::CapLLGR(_) => 71,
        BgpCapability::CapFQDN(..) => 73,
        BgpCapability::CapBFD => 74,
        _ => 0,
    };
    sum.add(What::Capability, code);
}

/// A message and the buffer it is written to.
#[derive(Debug)]
pub struct Encoder {
    session: BgpSessionParams,
    update: BgpUpdateMessage,
    out: Vec<u8>,
}

impl Encode for Encoder {
    #[inline]
    fn encode(&mut self) -> &[u8] {
        let body = self.update.encode_to(&self.session, &mut self.out[HEADER..]);
        let len = body.expect("it came from a message");
        let whole = self.session.prepare_message_buf(&mut self.out, BgpMessageType::Update, len);
        &self.out[..whole.expect("the buffer is long enough")]
    }
}
