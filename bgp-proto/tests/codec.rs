//! The codec as a stranger meets it: bytes in, typed values out, and back.

mod common;

use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    attr::{as_path::AsPathBuf, next_hop::NextHop, set::PathAttributes, table::Treatment},
    family::Family,
    numbers::{Asn, Origin},
    prefix::Prefix,
    wire::{
        message::Message,
        nlri::{Nlri, Path},
        pack::{self, Announcement},
        update::Update,
    },
};
use common::{framed, updates};

fn attributes() -> PathAttributes {
    PathAttributes {
        origin: Some(Origin::IGP),
        as_path: AsPathBuf::sequence(&[Asn(65000), Asn(4_200_000_000)]),
        med: Some(10),
        communities: vec!["65000:1".parse().unwrap(), "no-export".parse().unwrap()],
        large_communities: vec!["65000:1:2".parse().unwrap()],
        ..PathAttributes::default()
    }
}

#[test]
fn ten_thousand_prefixes_take_as_few_messages_as_fit_and_come_back() {
    let agreed = Agreed::new(PeerKind::External);
    let mut section = Vec::new();
    attributes().encode(true, &mut section);
    let next_hop = NextHop::Ipv4([192, 0, 2, 1].into());
    let announcement = Announcement { family: Family::IPV4, attributes: &section, next_hop };
    let sent: Vec<_> =
        (0..10_000u32).map(|n| Prefix::<u32>::new(0x0a00_0000 | n << 8, 24).unwrap()).collect();
    let mut out = Vec::new();
    let messages = announcement.encode(&agreed, sent.iter().map(|p| Path::from(*p)), &mut out).unwrap();
    let found = updates(&out, &agreed);
    assert_eq!(found.len(), messages);
    let per_message = (4096 - 23 - section.len() - 7) / 4;
    assert_eq!(messages, 10_000usize.div_ceil(per_message));
    let back: Vec<_> = found.iter().flat_map(Update::announced).map(|path| path.item).collect();
    assert_eq!(back, sent);
    let mut owned = PathAttributes::default();
    for update in &found {
        owned.read(update.attributes());
        assert_eq!((&owned, update.attributes().next_hop()), (&attributes(), Some([192, 0, 2, 1].into())));
        assert_eq!(update.treatment(), None, "{:?}", update.malformed());
    }
}

#[test]
fn an_ipv6_next_hop_moves_ipv4_prefixes_into_mp_reach() {
    let family = FamilyAgreed { extended_next_hop: true, ..FamilyAgreed::plain(Family::IPV4) };
    let agreed = Agreed::new(PeerKind::External).with_families([family]);
    let mut section = Vec::new();
    attributes().encode(true, &mut section);
    let next_hop = NextHop::Ipv6 {
        global: "2001:db8::1".parse().unwrap(),
        link_local: Some("fe80::1".parse().unwrap()),
    };
    let mut out = Vec::new();
    let prefix: Prefix<u32> = "192.0.2.0/24".parse().unwrap();
    Announcement { family: Family::IPV4, attributes: &section, next_hop }
        .encode(&agreed, [prefix.into()], &mut out)
        .unwrap();
    let [update] = updates(&out, &agreed)[..] else { panic!() };
    assert_eq!(
        (update.announced().count(), update.attributes().next_hop(), update.treatment()),
        (0, None, None)
    );
    let reach = update.reach().unwrap();
    assert_eq!(reach.next_hop, Some(next_hop));
    let Nlri::Ipv4(mut items) = reach.nlri else { panic!("{reach:?}") };
    assert_eq!(items.next(), Some(prefix.into()));
    // Without RFC 8950 the next hop says nothing: the route goes, its session stays.
    let plain = Agreed::new(PeerKind::External);
    let update = Update::decode(framed(&out, &plain)[0], &plain).unwrap();
    assert_eq!(update.treatment(), Some(Treatment::Withdraw));
    let reach = update.reach().unwrap();
    assert_eq!((reach.next_hop, reach.nlri.octets()), (None, &[24, 192, 0, 2][..]));
}

#[test]
fn withdrawals_and_end_of_rib_of_every_family_are_told_apart() {
    let families =
        [Family::IPV4, Family::IPV6, Family::new(bgp_proto::numbers::Afi(25), bgp_proto::numbers::Safi(70))];
    let agreed = Agreed::new(PeerKind::External).with_families(families.map(FamilyAgreed::plain));
    for family in families {
        let mut out = Vec::new();
        pack::end_of_rib(family, &mut out);
        assert_eq!(updates(&out, &agreed)[0].end_of_rib(), Some(family));
    }
    let mut out = Vec::new();
    let v6 = (0..2000u128).map(|n| Prefix::new(0x2001_0db8 << 96 | n << 64, 64).unwrap());
    let messages = pack::withdraw(Family::IPV6, &agreed, v6.clone().map(Path::from), &mut out);
    let found = updates(&out, &agreed);
    assert_eq!(found.len(), messages);
    let back = found.iter().flat_map(|u| match u.unreach().unwrap().nlri {
        Nlri::Ipv6(items) => items,
        other => panic!("{other:?}"),
    });
    assert!(back.map(|path| path.item).eq(v6));
    let mut out = Vec::new();
    let v4 = (0..3000u32).map(|n| Prefix::new(n << 8, 24).unwrap());
    pack::withdraw(Family::IPV4, &agreed, v4.clone().map(Path::from), &mut out);
    assert!(updates(&out, &agreed).iter().flat_map(Update::withdrawn).map(|path| path.item).eq(v4));
}

#[test]
fn attributes_that_leave_no_room_are_said_and_nothing_is_appended() {
    let mut large = attributes();
    large.communities = (0..1020).map(bgp_proto::attr::community::Community).collect();
    let mut section = Vec::new();
    large.encode(true, &mut section);
    let mut out = vec![1, 2, 3];
    let announcement = Announcement {
        family: Family::IPV4,
        attributes: &section,
        next_hop: NextHop::Ipv4([192, 0, 2, 1].into()),
    };
    let prefix: Prefix<u32> = "192.0.2.0/24".parse().unwrap();
    let mut agreed = Agreed::new(PeerKind::External);
    let error = announcement.encode(&agreed, [prefix.into()], &mut out).unwrap_err();
    assert_eq!((error.limit, &out[..]), (4096, &[1, 2, 3][..]));
    agreed.extended_message = true;
    assert_eq!(announcement.encode(&agreed, [prefix.into()], &mut out), Ok(1));
}

#[test]
fn an_old_speaker_of_two_octets_loses_nothing() {
    let mut agreed = Agreed::new(PeerKind::External);
    agreed.four_octet_as = false;
    let mut section = Vec::new();
    attributes().encode(false, &mut section);
    let mut out = Vec::new();
    let prefix: Prefix<u32> = "192.0.2.0/24".parse().unwrap();
    let announcement = Announcement {
        family: Family::IPV4,
        attributes: &section,
        next_hop: NextHop::Ipv4([192, 0, 2, 1].into()),
    };
    announcement.encode(&agreed, [prefix.into()], &mut out).unwrap();
    let [update] = updates(&out, &agreed)[..] else { panic!() };
    assert_eq!(update.attributes().as_path().unwrap().to_string(), "65000 23456");
    let mut owned = PathAttributes::default();
    owned.read(update.attributes());
    assert_eq!(owned, attributes());
    let [raw] = framed(&out, &agreed)[..] else { panic!() };
    let mut again = Vec::new();
    Message::decode(raw, &agreed).unwrap().encode(&mut again);
    assert_eq!(again, out);
}

#[test]
fn what_routes_share_is_the_section_without_where_they_point() {
    let agreed =
        Agreed::new(PeerKind::External).with_families([Family::IPV4, Family::IPV6].map(FamilyAgreed::plain));
    let mut section = Vec::new();
    attributes().encode(true, &mut section);
    let (v4, v6): (Prefix<u32>, Prefix<u128>) =
        ("192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap());
    let mut out = Vec::new();
    let body = Announcement {
        family: Family::IPV4,
        attributes: &section,
        next_hop: NextHop::Ipv4([192, 0, 2, 1].into()),
    };
    body.encode(&agreed, [v4.into()], &mut out).unwrap();
    let next_hop = NextHop::from(std::net::IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]));
    let mp = Announcement { family: Family::IPV6, attributes: &section, next_hop };
    mp.encode(&agreed, [v6.into()], &mut out).unwrap();
    for update in updates(&out, &agreed) {
        assert_eq!(update.attributes().shared().collect::<Vec<_>>().concat(), section);
    }
}
