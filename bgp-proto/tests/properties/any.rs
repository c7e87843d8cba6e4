//! Strategies: any value of a type, as far as the type allows values that mean something.

use bgp_proto::{
    attr::{
        aggregator::Aggregator,
        as_path::{AsPathBuf, SegmentKind},
        community::{Community, ExtendedCommunity, ExtendedCommunityIpv6, LargeCommunity},
        set::{OpaqueAttribute, PathAttributes},
    },
    family::Family,
    numbers::{Afi, Asn, CapabilityCode, HoldTime, Origin, Role, RouterId, Safi},
    wire::{
        capability::{
            AddPathEntry, AddPathMode, Capability, CapabilityBuf, ExtendedNextHopEntry, LongLivedEntry,
            RestartEntry, RestartFlags,
        },
        open::Offer,
    },
};
use core::ops::RangeInclusive;
use proptest::{collection::vec, option, prelude::*};

/// A path in the form that its text has: no two sequences next to each other unless the first is full.
pub(crate) fn as_path() -> impl Strategy<Value = AsPathBuf> {
    as_path_of(1..=u32::MAX, true)
}

pub(crate) fn as_path_of(
    numbers: RangeInclusive<u32>,
    confederation: bool,
) -> impl Strategy<Value = AsPathBuf> {
    let asns = prop_oneof![9 => vec(numbers.clone(), 1..8), 1 => vec(numbers, 250..260)];
    let head = option::of((asns.clone(), 3u8..=4));
    let body = vec((asns, 1u8..=2), 0..5);
    (head, body).prop_map(move |(head, body)| {
        let mut path = AsPathBuf::default();
        // Confederation segments come first and hold narrow numbers: an AS4_PATH leaves them out, and with it where
        // they stood and what does not fit two octets.
        if let Some((asns, kind)) = head.filter(|_| confederation) {
            let most = asns.len().min(255);
            path.push(SegmentKind(kind), asns[..most].iter().map(|n| Asn(n % 0xffff + 1)));
        }
        let mut last = SegmentKind::SET;
        for (asns, kind) in body {
            // A set holds up to 255; a longer sequence is two segments.
            let kind = if last == SegmentKind::SEQUENCE { SegmentKind::SET } else { SegmentKind(kind) };
            let most = if kind == SegmentKind::SET { asns.len().min(255) } else { asns.len() };
            for chunk in asns[..most].chunks(255) {
                path.push(kind, chunk.iter().copied().map(Asn));
            }
            last = kind;
        }
        path
    })
}

fn aggregator() -> impl Strategy<Value = Aggregator> {
    (1..=u32::MAX, any::<[u8; 4]>())
        .prop_map(|(asn, address)| Aggregator { asn: Asn(asn), address: address.into() })
}

fn large() -> impl Strategy<Value = Vec<LargeCommunity>> {
    let one = any::<(u32, u32, u32)>().prop_map(|(admin, first, second)| LargeCommunity {
        admin: Asn(admin),
        first,
        second,
    });
    // What is read is sorted, each value once.
    proptest::collection::btree_set(one, 0..30).prop_map(|set| set.into_iter().collect())
}

fn opaque() -> impl Strategy<Value = Vec<OpaqueAttribute>> {
    let codes = [11u8, 19, 20, 22, 23, 27, 29, 33, 34, 36, 40, 99, 128, 254, 255];
    let chosen = proptest::sample::subsequence(codes.to_vec(), 0..4);
    (chosen, vec(vec(any::<u8>(), 0..300), 4), any::<bool>()).prop_map(|(codes, values, partial)| {
        let flags = if partial { 0xe0 } else { 0xc0 };
        let of = |(code, value)| OpaqueAttribute { flags, code, value };
        codes.into_iter().zip(values).map(of).collect()
    })
}

prop_compose! {
    fn lists()(
        communities in vec(any::<u32>().prop_map(Community), 0..70),
        cluster_list in vec(any::<u32>(), 0..5),
        extended_communities in vec(any::<[u8; 8]>().prop_map(ExtendedCommunity), 0..40),
        extended_communities_ipv6 in vec(any::<([u8; 2], u128, u16)>().prop_map(|(kind, admin, number)| {
            ExtendedCommunityIpv6 { kind, admin: admin.into(), number }
        }), 0..15),
        large_communities in large(),
        opaque in opaque(),
    ) -> PathAttributes {
        PathAttributes {
            communities, cluster_list, extended_communities, extended_communities_ipv6, large_communities, opaque,
            ..PathAttributes::default()
        }
    }
}

prop_compose! {
    /// Every attribute, each there or not.
    pub(crate) fn attributes()(
        lists in lists(),
        origin in option::of((0u8..3).prop_map(Origin)),
        as_path in as_path(),
        numbers in any::<(Option<u32>, Option<u32>, bool, Option<u64>, Option<u32>)>(),
        aggregator in option::of(aggregator()),
        originator in option::of(1..=u32::MAX),
    ) -> PathAttributes {
        let (med, local_pref, atomic_aggregate, aigp, only) = numbers;
        PathAttributes {
            origin, as_path, med, local_pref, atomic_aggregate, aggregator, aigp,
            originator_id: originator.and_then(RouterId::new),
            only_to_customer: only.map(Asn),
            ..lists
        }
    }
}

fn family() -> impl Strategy<Value = Family> {
    any::<(u16, u8)>().prop_map(|(afi, safi)| Family::new(Afi(afi), Safi(safi)))
}

fn capability() -> impl Strategy<Value = CapabilityBuf> {
    let families = || vec((family(), any::<u8>(), any::<bool>()), 0..6);
    let unknown = |code: u8, value: &[u8]| Capability::Unknown { code: CapabilityCode(code), value }.into();
    prop_oneof![
        family().prop_map(|family| Capability::Multiprotocol(family).into()),
        Just(Capability::RouteRefresh.into()),
        Just(Capability::EnhancedRouteRefresh.into()),
        Just(Capability::ExtendedMessage.into()),
        any::<u8>().prop_map(|role| Capability::Role(Role(role)).into()),
        (families(), any::<(bool, bool, u16)>()).prop_map(|(list, (restarting, notification, time))| {
            let entries: Vec<_> = list
                .iter()
                .map(|(family, _, forwarding)| RestartEntry { family: *family, forwarding: *forwarding })
                .collect();
            CapabilityBuf::graceful_restart(
                RestartFlags { restarting, notification, time: time & 0xfff },
                &entries,
            )
        }),
        families().prop_map(|list| {
            let entry = |(family, n, forwarding): &(Family, u8, bool)| LongLivedEntry {
                family: *family,
                forwarding: *forwarding,
                stale_time: u32::from(*n) << 16 | 7,
            };
            CapabilityBuf::long_lived_graceful_restart(&list.iter().map(entry).collect::<Vec<_>>())
        }),
        families().prop_map(|list| {
            let entry =
                |(family, n, _): &(Family, u8, bool)| AddPathEntry { family: *family, mode: AddPathMode(*n) };
            CapabilityBuf::add_path(&list.iter().map(entry).collect::<Vec<_>>())
        }),
        families().prop_map(|list| {
            let entry = |(family, n, _): &(Family, u8, bool)| ExtendedNextHopEntry {
                family: *family,
                next_hop: Afi(u16::from(*n)),
            };
            CapabilityBuf::extended_next_hop(&list.iter().map(entry).collect::<Vec<_>>())
        }),
        (".{0,40}", ".{0,20}")
            .prop_map(|(host, domain)| Capability::Fqdn { host: &host, domain: &domain }.into()),
        ".{0,60}".prop_map(|version| Capability::SoftwareVersion(&version).into()),
        // Code 65 is made from the AS number of the offer.
        ((128u8..), vec(any::<u8>(), 0..256)).prop_map(move |(code, value)| unknown(code, &value)),
    ]
}

prop_compose! {
    pub(crate) fn offer()(
        asn in 1..=u32::MAX,
        id in 1..=u32::MAX,
        hold in any::<u16>(),
        four_octet_as in any::<bool>(),
        capabilities in vec(capability(), 0..14),
    ) -> Offer {
        // A speaker of two octets cannot have a wider number.
        let asn = Asn(if four_octet_as { asn } else { asn % 0xffff + 1 });
        let hold_time = HoldTime::new(hold).unwrap_or(HoldTime::OFF);
        Offer { capabilities, four_octet_as, ..Offer::new(asn, RouterId::new(id).unwrap(), hold_time) }
    }
}
