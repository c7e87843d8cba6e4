//! The messages that are measured, made once by `bgp-proto`; every crate must read the same values from them.

use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    attr::{
        as_path::AsPathBuf,
        community::{Community, LargeCommunity},
        next_hop::NextHop,
        set::PathAttributes,
    },
    family::Family,
    numbers::{Afi, Asn, HoldTime, Origin, RouterId, Safi},
    prefix::{Address, Prefix},
    wire::{
        capability::{
            AddPathEntry, AddPathMode, Capability, CapabilityBuf, LongLivedEntry, RestartEntry, RestartFlags,
        },
        message,
        nlri::Path,
        open::Offer,
        pack::{self, Announcement},
    },
};

/// A message to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// An UPDATE of 93 octets: 5 ASNs, 5 communities, 1 prefix.
    Small,
    /// The same with 200 prefixes /24.
    Many,
    /// The same with 200 prefixes of the lengths that the Internet's routing table has.
    Mixed,
    /// 100 IPv6 prefixes /48 in MP_REACH_NLRI and 5 large communities.
    Ipv6,
    /// The same with 100 prefixes of the lengths that the Internet's routing table has.
    MixedIpv6,
    /// 500 withdrawn IPv4 prefixes.
    Withdrawn,
    /// KEEPALIVE.
    Keepalive,
    /// OPEN with 16 capabilities.
    Open,
}

impl Case {
    /// All of them, in the order of the table.
    pub const ALL: [Case; 8] = [
        Case::Small,
        Case::Many,
        Case::Mixed,
        Case::Ipv6,
        Case::MixedIpv6,
        Case::Withdrawn,
        Case::Keepalive,
        Case::Open,
    ];
    /// Those that are encoded too.
    pub const ENCODED: [Case; 4] = [Case::Small, Case::Many, Case::Ipv6, Case::Withdrawn];

    /// What the table calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Case::Small => "small IPv4 UPDATE",
            Case::Many => "... with 200 /24",
            Case::Mixed => "... with 200 of all lengths",
            Case::Ipv6 => "100 IPv6 /48",
            Case::MixedIpv6 => "100 IPv6 of all lengths",
            Case::Withdrawn => "500 withdrawn",
            Case::Keepalive => "KEEPALIVE",
            Case::Open => "OPEN, 16 capabilities",
        }
    }

    /// The message.
    pub fn message(self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Case::Small => announce(Family::IPV4, &attributes(), prefixes(1, IPV4), &mut out),
            Case::Many => announce(Family::IPV4, &attributes(), prefixes(200, IPV4), &mut out),
            Case::Mixed => {
                announce(Family::IPV4, &attributes(), mixed(prefixes(200, IPV4), &IPV4_LENGTHS), &mut out);
            }
            Case::Ipv6 => announce(Family::IPV6, &large(), prefixes(100, IPV6), &mut out),
            Case::MixedIpv6 => {
                announce(Family::IPV6, &large(), mixed(prefixes(100, IPV6), &IPV6_LENGTHS), &mut out);
            }
            Case::Withdrawn => {
                let messages = pack::withdraw(Family::IPV4, &agreed(true), prefixes(500, IPV4), &mut out);
                assert_eq!(messages, 1);
            }
            Case::Keepalive => message::keepalive(&mut out),
            Case::Open => offer().encode(&mut out).expect("16 capabilities fit"),
        }
        out
    }
}

/// An eBGP session that carries IPv4 and IPv6 unicast.
pub fn agreed(four_octet_as: bool) -> Agreed {
    let families = [Family::IPV4, Family::IPV6].map(FamilyAgreed::plain);
    let mut agreed = Agreed::new(PeerKind::External).with_families(families);
    agreed.four_octet_as = four_octet_as;
    agreed
}

fn announce<T: for<'a> bgp_proto::wire::nlri::Item<'a>>(
    family: Family,
    attributes: &PathAttributes,
    paths: impl Iterator<Item = Path<T>>,
    out: &mut Vec<u8>,
) {
    let next_hop = match family {
        Family::IPV4 => NextHop::Ipv4([192, 0, 2, 1].into()),
        _ => NextHop::Ipv6 { global: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(), link_local: None },
    };
    let mut section = Vec::new();
    attributes.encode(true, &mut section);
    let announcement = Announcement { family, attributes: &section, next_hop };
    assert_eq!(announcement.encode(&agreed(true), paths, out), Ok(1));
}

fn attributes() -> PathAttributes {
    PathAttributes {
        origin: Some(Origin::IGP),
        as_path: AsPathBuf::sequence(&[64500, 4_200_000_001, 174, 3356, 398_101].map(Asn)),
        med: Some(100),
        communities: (1..=5).map(|n| Community((64500 << 16) | (n * 100))).collect(),
        ..PathAttributes::default()
    }
}

fn large() -> PathAttributes {
    PathAttributes {
        communities: Vec::new(),
        large_communities: (1..=5)
            .map(|n| LargeCommunity { admin: Asn(4_200_000_001), first: n, second: n * 1000 })
            .collect(),
        ..attributes()
    }
}

/// Prefixes as a routing table has them: close in number, not in order.
fn prefixes<A: Address>(
    count: u32,
    (bits, len): (fn(u32) -> A, u8),
) -> impl Iterator<Item = Path<Prefix<A>>> {
    (0..count).filter_map(move |n| Prefix::new(bits(n * 7919 % 65536), len).map(Path::from))
}

/// The bits of the prefix with a number, and its length.
const IPV4: (fn(u32) -> u32, u8) = (|number| 0x0b00_0000 | number << 8, 24);
const IPV6: (fn(u32) -> u128, u8) = (|number| (0x2001_0db8 << 96) | u128::from(number) << 80, 48);

/// Of a hundred prefixes, about how many have each length; the rest is spread.
pub(crate) const IPV4_LENGTHS: [(u8, u32); 9] =
    [(24, 60), (22, 11), (23, 10), (21, 5), (20, 4), (19, 3), (16, 2), (18, 2), (17, 1)];
pub(crate) const IPV6_LENGTHS: [(u8, u32); 8] =
    [(48, 46), (32, 13), (44, 12), (40, 8), (36, 4), (29, 4), (47, 3), (46, 3)];

/// The same prefixes with lengths drawn from a distribution, always the same draw.
fn mixed<A: Address>(
    paths: impl Iterator<Item = Path<Prefix<A>>>,
    lengths: &[(u8, u32)],
) -> impl Iterator<Item = Path<Prefix<A>>> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    paths.filter_map(move |path| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut left = (state >> 33) as u32 % 100;
        let drawn = lengths.iter().find(|(_, share)| {
            let found = left < *share;
            left = left.saturating_sub(*share);
            found
        });
        let len = drawn.map_or((state >> 48) as u8 % A::WIDTH + 1, |(len, _)| *len);
        Prefix::new(path.item.bits(), len).map(Path::from)
    })
}

fn offer() -> Offer {
    let mut offer =
        Offer::new(Asn(4_200_000_001), RouterId::new(0xc000_0201).expect("not zero"), HoldTime::OFF);
    offer.hold_time = HoldTime::new(90).expect("90 is allowed");
    let evpn = Family::new(Afi::L2VPN, Safi::EVPN);
    let families = [
        Family::IPV4,
        Family::IPV6,
        Family::IPV4_LABELLED,
        Family::IPV6_LABELLED,
        Family::IPV4_VPN,
        Family::IPV6_VPN,
        Family::new(Afi::IPV4, Safi::FLOWSPEC),
        Family::new(Afi::IPV6, Safi::FLOWSPEC),
        evpn,
    ];
    let unicast = [Family::IPV4, Family::IPV6];
    offer.capabilities = families.map(|family| Capability::Multiprotocol(family).to_owned()).into();
    offer.capabilities.extend([
        Capability::RouteRefresh.to_owned(),
        Capability::EnhancedRouteRefresh.to_owned(),
        CapabilityBuf::add_path(&unicast.map(|family| AddPathEntry { family, mode: AddPathMode::BOTH })),
        CapabilityBuf::graceful_restart(
            RestartFlags { time: 120, ..RestartFlags::default() },
            &unicast.map(|family| RestartEntry { family, forwarding: true }),
        ),
        CapabilityBuf::long_lived_graceful_restart(&unicast.map(|family| LongLivedEntry {
            family,
            forwarding: true,
            stale_time: 3600,
        })),
        // Without a domain, as FRR sends it: one of the crates takes no other.
        Capability::Fqdn { host: "router", domain: "" }.to_owned(),
    ]);
    // The sixteenth is 4-octet AS, which follows from the AS number.
    assert_eq!(offer.capabilities.len(), 15);
    offer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_update_has_93_octets() {
        assert_eq!(Case::Small.message().len(), 93);
    }
}
