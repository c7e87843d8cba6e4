//! Round trips of every type: what is written is what is read. Bytes of other implementations are in `captures.rs`.

#[path = "properties/any.rs"]
mod any;
mod common;

use bgp_proto::{
    agreed::{Agreed, PeerKind},
    attr::{
        as_path::{AsPathBuf, SegmentKind},
        community::{Community, Extended, ExtendedCommunity, ExtendedCommunityIpv6, LargeCommunity},
        set::PathAttributes,
    },
    family::Family,
    numbers::{Afi, Asn, HoldTime, Origin, Role, RouterId, Safi},
    prefix::Prefix,
    wire::{frame::Frame, nlri::RouteDistinguisher, open::Open},
};
use core::{fmt::Display, str::FromStr};
use proptest::prelude::*;

/// A text form comes back as the same value.
fn text<T: Display + FromStr<Err: Display> + PartialEq + std::fmt::Debug>(
    value: &T,
) -> Result<(), TestCaseError> {
    let written = value.to_string();
    match written.parse::<T>() {
        Ok(read) => prop_assert_eq!(&read, value, "{}", written),
        Err(error) => prop_assert!(false, "{}", error),
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_text_form_comes_back(
        numbers in any::<(u32, u16, u8, u64, u128)>(),
        extended in any::<[u8; 8]>(),
        kind in prop_oneof![Just([0, 2]), Just([0, 3]), any::<[u8; 2]>()],
        lengths in (0u8..=32, 0u8..=128),
        path in any::as_path(),
    ) {
        let (word, half, octet, long, wide) = numbers;
        text(&Asn(word))?;
        text(&Community(word))?;
        text(&LargeCommunity { admin: Asn(word), first: long as u32, second: (long >> 32) as u32 })?;
        text(&ExtendedCommunityIpv6 { kind, admin: wide.into(), number: half })?;
        text(&RouteDistinguisher(extended))?;
        text(&Family::new(Afi(half), Safi(octet)))?;
        text(&Prefix::<u32>::new(word, lengths.0).unwrap())?;
        text(&Prefix::<u128>::new(wide, lengths.1).unwrap())?;
        text(&RouterId::new(word.max(1)).unwrap())?;
        text(&path)?;
        for first in [0, 1, 2, 3, 0x40, extended[0]] {
            for second in [2, 3, 4, 0x0b, 0x0c, extended[1]] {
                let mut octets = extended;
                (octets[0], octets[1]) = (first, second);
                text(&ExtendedCommunity(octets))?;
            }
        }
    }

    /// What an extended community says and its octets are one and the same.
    #[test]
    fn typed_extended_communities_come_back(octets in any::<[u8; 8]>()) {
        for (first, second) in [(0, 2), (1, 2), (2, 3), (0x40, 4), (0, 4), (3, 0x0b)] {
            let mut octets = octets;
            (octets[0], octets[1]) = (first, second);
            let typed = ExtendedCommunity(octets).decode().unwrap();
            prop_assert_eq!(ExtendedCommunity::from(typed), ExtendedCommunity(octets));
        }
        let tunnel = u16::from_be_bytes([octets[0], octets[1]]);
        let encapsulation = ExtendedCommunity::from(Extended::Encapsulation(tunnel));
        prop_assert_eq!(encapsulation.decode(), Some(Extended::Encapsulation(tunnel)));
    }

    #[test]
    fn the_attribute_set_comes_back_from_new_speakers_and_old(attributes in any::attributes()) {
        for four_octet_as in [true, false] {
            let mut agreed = common::agreed(PeerKind::Internal);
            (agreed.four_octet_as, agreed.extended_message, agreed.aigp) = (four_octet_as, true, true);
            let mut section = Vec::new();
            attributes.encode(four_octet_as, &mut section);
            let bytes = common::update(&[], &section, &[]);
            let [update] = common::updates(&bytes, &agreed)[..] else { panic!() };
            prop_assert_eq!(update.treatment(), None, "{:?}", update.malformed());
            let mut read = PathAttributes::default();
            read.read(update.attributes());
            prop_assert_eq!(&read, &attributes, "four octets: {}", four_octet_as);
            // Its own encoding is canonical: encoded again it is the same.
            let mut again = Vec::new();
            read.encode(four_octet_as, &mut again);
            prop_assert_eq!(again, section);
        }
    }

    #[test]
    fn an_offer_comes_back(offer in any::offer()) {
        let mut bytes = Vec::new();
        offer.encode(&mut bytes).unwrap();
        let Frame::Message(raw) = bgp_proto::wire::frame::frame(&bytes, None) else { panic!("{bytes:02x?}") };
        let open = Open::decode(raw).unwrap();
        prop_assert_eq!(bgp_proto::wire::open::Offer::of(&open), offer);
        let mut again = Vec::new();
        open.encode(&mut again);
        prop_assert_eq!(again, bytes);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn values_come_back_from_json(attributes in any::attributes(), offer in any::offer()) {
        let agreed = common::agreed(PeerKind::Confederation);
        let json = serde_json::to_string(&(&attributes, &offer, agreed)).unwrap();
        let (a, o, g): (PathAttributes, bgp_proto::wire::open::Offer, Agreed) = serde_json::from_str(&json).unwrap();
        prop_assert_eq!((a, o, g), (attributes, offer, agreed));
    }

    /// RFC 6793 §4.2.3: a path that passed an old speaker, which put its own AS in front, is whole again.
    #[test]
    fn as4_path_restores_what_an_old_speaker_could_not_read(
        path in any::as_path_of(1..=0xffff_ffff, false),
        own in 1u32..=0xffff,
        times in 0usize..4,
    ) {
        let mut agreed = Agreed::new(PeerKind::External);
        (agreed.four_octet_as, agreed.extended_message) = (false, true);
        let attributes = PathAttributes { as_path: path.clone(), ..PathAttributes::default() };
        let mut section = Vec::new();
        attributes.encode(false, &mut section);
        let bytes = common::update(&[], &section, &[]);
        let [received] = common::updates(&bytes, &agreed)[..] else { panic!() };
        // The old speaker knows AS_PATH only, in two octets, and passes AS4_PATH on.
        let mut narrow = AsPathBuf::default();
        narrow.merge(received.attributes().as_path().unwrap(), None);
        narrow.prepend(Asn(own), times);
        let mut passed = Vec::new();
        PathAttributes { as_path: narrow, ..PathAttributes::default() }.encode(false, &mut passed);
        let as4 = received.attributes().iter().find(|a| a.code.0 == 17);
        if let Some(as4) = as4 {
            as4.encode(&mut passed);
        }
        let bytes = common::update(&[], &passed, &[]);
        let [update] = common::updates(&bytes, &agreed)[..] else { panic!() };
        let mut read = PathAttributes::default();
        read.read(update.attributes());
        let mut expected = path;
        expected.prepend(Asn(own), times);
        let numbers = |path: &AsPathBuf| path.view().asns().collect::<Vec<_>>();
        prop_assert_eq!(numbers(&read.as_path), numbers(&expected));
        prop_assert_eq!(read.as_path.view().len(), expected.view().len());
    }
}

#[test]
fn words_come_back() {
    for origin in [Origin::IGP, Origin::EGP, Origin::INCOMPLETE] {
        assert_eq!(origin.to_string().parse(), Ok(origin));
    }
    for role in (0..=4).map(Role) {
        assert_eq!(role.to_string().parse(), Ok(role));
        assert_eq!(role.counterpart().and_then(Role::counterpart), Some(role));
    }
    assert_eq!(Role(5).counterpart(), None);
    for seconds in 0..=u16::MAX {
        assert_eq!(HoldTime::new(seconds).is_none(), matches!(seconds, 1 | 2));
    }
}

/// RFC 6793 §4.2.3 by example: how AS_PATH and AS4_PATH are told together.
#[test]
fn as_path_and_as4_path_are_merged_by_the_book() {
    let path = |text: &str| text.parse::<AsPathBuf>().unwrap();
    let rows = [
        ("1 2 23456", "", "1 2 23456"),
        ("1 2 23456", "70000", "1 2 70000"),
        ("1 23456 3", "70000 3", "1 70000 3"),
        ("23456", "70000 1", "23456"),
        ("1 {2,3} 23456", "{2,3} 70000", "1 {2,3} 70000"),
        ("1 {2,23456}", "{2,70000}", "1 {2,70000}"),
        // Confederation segments count nothing; those in front of and right behind what is taken come along.
        ("(8 9) 1 23456", "1 70000", "(8 9) 1 70000"),
        ("(8 9) 1 23456", "70000", "(8 9) 1 70000"),
        ("1 (9) 23456", "70000", "1 (9) 70000"),
        ("1 (9) 23456", "1 70000", "1 70000"),
        // §6: in AS4_PATH they are skipped.
        ("1 23456", "(70001) 70000", "1 70000"),
        ("1 2", "(70001)", "1 2"),
    ];
    for (old, wide, expected) in rows {
        let (old, wide) = (path(old), path(wide));
        let mut merged = path("7 7 7");
        merged.merge(old.view(), (!wide.view().is_empty()).then_some(wide.view()));
        assert_eq!(merged, path(expected), "{old} and {wide} gave {merged}");
    }
    // A sequence that the lengths cut in two stays two where one could not count it.
    let mut long = AsPathBuf::default();
    long.push(SegmentKind::SEQUENCE, (0..255).map(|_| Asn(23456)));
    long.push(SegmentKind::SEQUENCE, (0..10).map(|_| Asn(23456)));
    let wide = AsPathBuf::sequence(&[Asn(70000); 255]);
    let mut merged = AsPathBuf::default();
    merged.merge(long.view(), Some(wide.view()));
    let counts: Vec<_> = merged.view().segments().map(|segment| segment.count()).collect();
    assert_eq!(counts, [10, 255]);
}
