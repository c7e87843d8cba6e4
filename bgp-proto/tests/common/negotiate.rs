//! What two OPENs settle for messages in one direction: the plainest rule, written apart from the session's own.

use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    family::Family,
    numbers::{Afi, Asn},
    wire::{
        capability::{Capability, CapabilityBuf},
        open::Offer,
    },
};

/// What matters of one OPEN.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    asn: Asn,
    four_octet_as: bool,
    extended_message: bool,
    families: Vec<Family>,
    receives: Vec<Family>,
    sends: Vec<Family>,
    extended_next_hops: Vec<Family>,
}

impl Side {
    pub(crate) fn of(offer: &Offer) -> Side {
        let mut side = Side {
            asn: offer.asn,
            four_octet_as: offer.four_octet_as,
            extended_message: false,
            families: Vec::new(),
            receives: Vec::new(),
            sends: Vec::new(),
            extended_next_hops: Vec::new(),
        };
        for capability in offer.capabilities.iter().map(CapabilityBuf::view) {
            match capability {
                Capability::Multiprotocol(family) => side.families.push(family),
                Capability::ExtendedMessage => side.extended_message = true,
                Capability::ExtendedNextHop(entries) => {
                    let ipv6 = entries.filter(|entry| entry.next_hop == Afi::IPV6);
                    side.extended_next_hops.extend(ipv6.map(|entry| entry.family));
                }
                Capability::AddPath(entries) => {
                    side.sends.extend(entries.filter(|e| e.mode.sends()).map(|e| e.family));
                    side.receives.extend(entries.filter(|e| e.mode.receives()).map(|e| e.family));
                }
                _ => {}
            }
        }
        // RFC 4760 §8: who names no family speaks IPv4 unicast.
        if side.families.is_empty() {
            side.families.push(Family::IPV4);
        }
        side
    }
}

/// How a message from `sender` to `receiver` is to be read.
pub(crate) fn agreed(sender: &Side, receiver: &Side) -> Agreed {
    let internal = sender.asn == receiver.asn;
    let mut agreed = Agreed::new(if internal { PeerKind::Internal } else { PeerKind::External });
    agreed.four_octet_as = sender.four_octet_as && receiver.four_octet_as;
    agreed.extended_message = sender.extended_message && receiver.extended_message;
    agreed.aigp = true;
    let mut families = sender.families.clone();
    families.retain(|family| receiver.families.contains(family));
    families.dedup();
    agreed.with_families(families.into_iter().map(|family| FamilyAgreed {
        receive_add_path: sender.sends.contains(&family) && receiver.receives.contains(&family),
        extended_next_hop: sender.extended_next_hops.contains(&family)
            && receiver.extended_next_hops.contains(&family),
        ..FamilyAgreed::plain(family)
    }))
}
