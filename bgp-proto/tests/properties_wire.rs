//! Round trips of whole messages: prefixes of every shape announced and withdrawn, and well-formed messages that come
//! back octet for octet, from the view and from its parts.

#[path = "properties/any.rs"]
#[allow(dead_code, reason = "each test file uses its own part")]
mod any;
mod common;

use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    attr::{
        next_hop::NextHop,
        set::PathAttributes,
        table::{AttributeCode, Treatment},
    },
    family::{Family, Shape},
    numbers::Origin,
    prefix::{Address, Prefix},
    wire::{
        frame::RawMessage,
        nlri::{Item, Items, Labelled, Labels, Nlri, Path, RouteDistinguisher, Vpn},
        pack::{self, Announcement},
        update::Update,
    },
};
use proptest::{collection::vec, prelude::*};

/// What stands for one prefix of any shape: identifier, bits, length, route distinguisher.
type Seed = (u32, u128, u8, [u8; 8]);

/// How a session is set up for one family.
#[derive(Clone, Copy, Debug)]
struct Setup {
    family: Family,
    add_path: bool,
    extended_next_hop: bool,
    extended_message: bool,
}

/// Any set-up of a family whose prefixes are plain, or of one whose are not.
fn setup(plain: bool) -> impl Strategy<Value = Setup> {
    let families: Vec<Family> =
        Family::KNOWN.iter().copied().filter(|family| (family.shape() == Shape::Prefix) == plain).collect();
    let flags = any::<(bool, bool, bool)>();
    (proptest::sample::select(families), flags).prop_map(|(family, (add_path, next_hop, message))| Setup {
        family,
        add_path,
        extended_next_hop: next_hop,
        extended_message: message,
    })
}

impl Setup {
    fn agreed(self) -> Agreed {
        let mut agreed = Agreed::new(PeerKind::Internal).with_families([FamilyAgreed {
            receive_add_path: self.add_path,
            send_add_path: self.add_path,
            extended_next_hop: self.extended_next_hop,
            ..FamilyAgreed::plain(self.family)
        }]);
        (agreed.extended_message, agreed.aigp) = (self.extended_message, true);
        agreed
    }

    fn next_hop(self, wide: u128, two: bool) -> NextHop {
        if self.family.afi.0 == 1 && !self.extended_next_hop {
            return NextHop::Ipv4([192, 0, 2, 7].into());
        }
        let global = (0x2001_0db8u128 << 96 | wide >> 32).into();
        NextHop::Ipv6 { global, link_local: two.then(|| (0xfe80u128 << 112 | wide >> 64).into()) }
    }
}

/// The prefixes that the seeds stand for, each width folded into its range.
fn paths<'a, A: Address, T>(
    setup: Setup,
    seeds: &'a [Seed],
    load: impl Fn(u128) -> A + 'a,
    wrap: impl Fn(Prefix<A>, [u8; 8]) -> T + 'a,
) -> impl Iterator<Item = Path<T>> + Clone
where
    T: Clone,
    Vec<Path<T>>: Clone,
{
    let of = |&(id, bits, len, rd): &Seed| {
        let prefix = Prefix::new(load(bits), len % (A::WIDTH + 1)).unwrap();
        Path { id: if setup.add_path { id } else { 0 }, item: wrap(prefix, rd) }
    };
    seeds.iter().map(of).collect::<Vec<_>>().into_iter()
}

/// What goes out and what came back of one round trip: messages, their octets, how many prefixes.
struct Trip {
    bytes: Vec<u8>,
    messages: usize,
}

/// Announces, then withdraws; reads both back with `read` and compares.
fn there_and_back<T>(
    setup: Setup,
    announcement: &Announcement<'_>,
    sent: impl Iterator<Item = Path<T>> + Clone,
    read: impl for<'a> Fn(Nlri<'a>) -> Vec<String>,
) -> Result<Trip, TestCaseError>
where
    T: for<'x> Item<'x>,
{
    let agreed = setup.agreed();
    let expected: Vec<String> = sent.clone().map(|path| format!("{path:?}")).collect();
    let mut bytes = Vec::new();
    let messages = announcement.encode(&agreed, sent.clone(), &mut bytes).unwrap();
    let mut found = Vec::new();
    let decoded = common::updates(&bytes, &agreed);
    prop_assert_eq!(decoded.len(), messages);
    for update in &decoded {
        prop_assert_eq!(update.treatment(), None, "{:?}", update.malformed());
        found.extend(read(announced(update)));
        // RFC 7606 §5.1: one place of prefixes to a message, and MP_REACH_NLRI in front.
        let places = usize::from(update.reach().is_some()) + usize::from(!update.announced().is_empty());
        prop_assert!(places == 1 && update.unreach().is_none() && update.withdrawn().is_empty());
        let first = update.attributes().iter().next().map(|attribute| attribute.code);
        prop_assert_eq!(first == Some(AttributeCode::MP_REACH), update.reach().is_some());
        let next_hop = match update.reach() {
            Some(reach) => reach.next_hop,
            None => update.attributes().next_hop().map(NextHop::Ipv4),
        };
        prop_assert_eq!(next_hop, Some(announcement.next_hop));
    }
    prop_assert_eq!(found, expected.clone());
    let mut withdrawn = Vec::new();
    let count = pack::withdraw(setup.family, &agreed, sent, &mut withdrawn);
    let decoded = common::updates(&withdrawn, &agreed);
    prop_assert_eq!(decoded.len(), count);
    let gone = |update: &Update<'_>| match update.unreach() {
        Some(unreach) => read(unreach.nlri),
        None => read(Nlri::Ipv4(update.withdrawn())),
    };
    prop_assert_eq!(decoded.iter().flat_map(gone).collect::<Vec<_>>(), expected);
    Ok(Trip { bytes, messages })
}

fn announced<'a>(update: &Update<'a>) -> Nlri<'a> {
    update.reach().map_or(Nlri::Ipv4(update.announced()), |reach| reach.nlri)
}

fn shown<'a, T: Item<'a>>(items: Items<'a, T>) -> Vec<String> {
    items.map(|path| format!("{path:?}")).collect()
}

/// Any prefixes, in the form that `Debug` gives them.
fn show(nlri: Nlri<'_>) -> Vec<String> {
    match nlri {
        Nlri::Ipv4(items) => shown(items),
        Nlri::Ipv6(items) => shown(items),
        other => panic!("{other:?}"),
    }
}

/// One item of a borrowed shape, there and back.
fn item<'a, T: Item<'a>>(item: T, out: &'a mut Vec<u8>) -> Result<(), TestCaseError> {
    item.encode(out);
    prop_assert!(out.len() <= T::LONGEST, "{:?} took {}", item, out.len());
    prop_assert_eq!(T::measure(out), Some(out.len()));
    prop_assert_eq!(T::decode(out), Some((item, out.len())));
    // One octet less is never enough.
    prop_assert_eq!(T::measure(&out[..out.len() - 1]), None);
    Ok(())
}

/// Well-formed attributes with MP_REACH_NLRI and MP_UNREACH_NLRI put among them at any place.
fn with_mp(section: &[u8], reach: &[u8], unreach: &[u8], places: (usize, usize)) -> Vec<u8> {
    let bytes = common::update(&[], section, &[]);
    let mut agreed = common::agreed(PeerKind::Internal);
    agreed.extended_message = true;
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for attribute in common::updates(&bytes, &agreed)[0].attributes().iter() {
        parts.push(Vec::new());
        attribute.encode(parts.last_mut().unwrap());
    }
    parts.insert(places.0 % (parts.len() + 1), reach.to_vec());
    parts.insert(places.1 % (parts.len() + 1), unreach.to_vec());
    parts.concat()
}

proptest! {
    #[test]
    fn prefixes_of_every_plain_family_come_back_in_as_many_messages_as_they_need(
        setup in setup(true),
        attributes in any::attributes(),
        seeds in vec(any::<Seed>(), 0..400),
        next_hop in any::<(u128, bool)>(),
    ) {
        let mut section = Vec::new();
        // RFC 7606 §3 (d): a route has an origin.
        PathAttributes { origin: Some(Origin::EGP), ..attributes }.encode(true, &mut section);
        prop_assume!(section.len() < 3500);
        let next_hop = setup.next_hop(next_hop.0, next_hop.1);
        let announcement = Announcement { family: setup.family, attributes: &section, next_hop };
        let trip = if setup.family.afi.0 == 1 {
            there_and_back(setup, &announcement, paths(setup, &seeds, |bits| bits as u32, |p, _| p), show)?
        } else {
            there_and_back(setup, &announcement, paths(setup, &seeds, |bits| bits, |p, _| p), show)?
        };
        let limit = setup.agreed().max_message();
        for message in common::framed(&trip.bytes, &setup.agreed()) {
            prop_assert!(message.len() <= limit);
        }
        prop_assert_eq!(trip.messages == 0, seeds.is_empty());
        // No more messages than full ones need: each but the last has less room left than its longest prefix takes.
        let lens: Vec<_> = common::framed(&trip.bytes, &setup.agreed()).iter().map(RawMessage::len).collect();
        let short = lens.iter().rev().skip(1).filter(|len| **len + 17 + 4 < limit).count();
        prop_assert_eq!(short, 0, "{:?}", lens);
    }

    #[test]
    fn labelled_and_vpn_prefixes_come_back(
        seed in any::<Seed>(),
        labels in vec(1u32..0x8_0000, 1..9),
        withdrawn in any::<bool>(),
    ) {
        let (_, bits, len, rd) = seed;
        let mut octets = Vec::new();
        Labels::encode(&labels, &mut octets);
        let (labels, expected) = match Labels::from_octets(&octets) {
            _ if withdrawn => (Labels::WITHDRAWN, vec![0x8_0000]),
            Some(stack) => (stack, labels),
            None => panic!("{labels:?}"),
        };
        prop_assert_eq!(labels.iter().collect::<Vec<_>>(), expected.clone());
        let v4 = Prefix::<u32>::new(bits as u32, len % 33).unwrap();
        let v6 = Prefix::<u128>::new(bits, len % 129).unwrap();
        let rd = RouteDistinguisher(rd);
        let fits = |rd: usize, len: u8| expected.len() * 24 + rd * 8 + usize::from(len) <= 255;
        let made = [
            Labelled::new(labels, v4).map(|i| item(i, &mut Vec::new())),
            Labelled::new(labels, v6).map(|i| item(i, &mut Vec::new())),
            Vpn::new(labels, rd, v4).map(|i| item(i, &mut Vec::new())),
            Vpn::new(labels, rd, v6).map(|i| item(i, &mut Vec::new())),
        ];
        let wanted = [fits(0, v4.len()), fits(0, v6.len()), fits(8, v4.len()), fits(8, v6.len())];
        for (made, wanted) in made.into_iter().zip(wanted) {
            prop_assert_eq!(made.is_some(), wanted);
            made.unwrap_or(Ok(()))?;
        }
    }

    #[test]
    fn labelled_and_vpn_routes_come_back_in_messages(
        setup in setup(false),
        seeds in vec(any::<Seed>(), 1..200),
        next_hop in any::<(u128, bool)>(),
    ) {
        let section = [common::attr(0x40, 1, &[0]), common::attr(0x40, 2, &[])].concat();
        let next_hop = setup.next_hop(next_hop.0, next_hop.1);
        let announcement = Announcement { family: setup.family, attributes: &section, next_hop };
        let agreed = setup.agreed();
        let label = Labels::from_octets(&[0, 0x10, 0x01]).unwrap();
        let mut bytes = Vec::new();
        let vpn4 = |p, rd| Vpn::<u32>::new(label, RouteDistinguisher(rd), p).unwrap();
        let vpn6 = |p, rd| Vpn::<u128>::new(label, RouteDistinguisher(rd), p).unwrap();
        let sent: Vec<String> = match (setup.family.shape(), setup.family.afi.0) {
            (Shape::Labelled, 1) => {
                let sent = paths(setup, &seeds, |bits| bits as u32, |p, _| Labelled::new(label, p).unwrap());
                announcement.encode(&agreed, sent.clone(), &mut bytes).unwrap();
                sent.map(|path| format!("{path:?}")).collect()
            }
            (Shape::Labelled, _) => {
                let sent = paths(setup, &seeds, |bits| bits, |p, _| Labelled::new(label, p).unwrap());
                announcement.encode(&agreed, sent.clone(), &mut bytes).unwrap();
                sent.map(|path| format!("{path:?}")).collect()
            }
            (Shape::Vpn, 1) => {
                let sent = paths(setup, &seeds, |bits| bits as u32, vpn4);
                announcement.encode(&agreed, sent.clone(), &mut bytes).unwrap();
                sent.map(|path| format!("{path:?}")).collect()
            }
            (Shape::Vpn, _) => {
                let sent = paths(setup, &seeds, |bits| bits, vpn6);
                announcement.encode(&agreed, sent.clone(), &mut bytes).unwrap();
                sent.map(|path| format!("{path:?}")).collect()
            }
            other => panic!("{other:?}"),
        };
        let mut found = Vec::new();
        for update in common::updates(&bytes, &agreed) {
            prop_assert_eq!(update.treatment(), None, "{:?}", update.malformed());
            let reach = update.reach().unwrap();
            prop_assert_eq!((reach.family, reach.next_hop), (setup.family, Some(next_hop)));
            found.extend(match reach.nlri {
                Nlri::LabelledIpv4(items) => shown(items),
                Nlri::LabelledIpv6(items) => shown(items),
                Nlri::VpnIpv4(items) => shown(items),
                Nlri::VpnIpv6(items) => shown(items),
                other => panic!("{other:?}"),
            });
        }
        prop_assert_eq!(found, sent);
    }

    /// Byte-exact: the view as a whole, its attributes one by one, and what all routes share with the MP attributes
    /// put back.
    #[test]
    fn a_well_formed_message_comes_back_from_its_parts(
        attributes in any::attributes(),
        places in any::<(usize, usize)>(),
        long in any::<bool>(),
        opaque in vec(any::<u8>(), 0..40),
    ) {
        let mut agreed = common::agreed(PeerKind::Internal);
        (agreed.extended_message, agreed.aigp) = (true, true);
        let mut section = Vec::new();
        attributes.encode(true, &mut section);
        let flags = if long { 0x90 } else { 0x80 };
        let reach = common::attr(flags, 14, &[&[0, 2, 1, 16, 0x20][..], &[1; 15], &[0, 16, 0x20, 1]].concat());
        // A family that was not agreed, with anything in it.
        let unreach = common::attr(flags, 15, &[&[0, 25, 70][..], &opaque].concat());
        let section = with_mp(&section, &reach, &unreach, places);
        let bytes = common::update(&[], &section, &[]);
        let [update] = common::updates(&bytes, &agreed)[..] else { panic!() };
        prop_assert_ne!(update.treatment(), Some(Treatment::Discard));
        let mut whole = Vec::new();
        update.encode(&mut whole);
        prop_assert_eq!(&whole, &bytes);
        let mut parts = Vec::new();
        update.attributes().iter().for_each(|attribute| attribute.encode(&mut parts));
        prop_assert_eq!(&parts, &section);
        let apart = [AttributeCode::NEXT_HOP, AttributeCode::MP_REACH, AttributeCode::MP_UNREACH];
        let mut without = Vec::new();
        update.attributes().iter().filter(|a| !apart.contains(&a.code)).for_each(|a| a.encode(&mut without));
        prop_assert_eq!(update.attributes().shared().collect::<Vec<_>>().concat(), without);
    }
}

/// RFC 4659 §3.2.1.2, RFC 4798 §2: an IPv6 family never gets a next hop of four octets, which would end the session.
#[test]
fn an_ipv4_next_hop_of_an_ipv6_family_is_written_as_its_mapped_address() {
    let section = [common::attr(0x40, 1, &[0]), common::attr(0x40, 2, &[])].concat();
    let next_hop = NextHop::Ipv4([192, 0, 2, 1].into());
    let agreed = common::agreed(PeerKind::Internal);
    let mut bytes = Vec::new();
    let prefix: Prefix<u128> = "2001:db8::/32".parse().unwrap();
    Announcement { family: Family::IPV6, attributes: &section, next_hop }
        .encode(&agreed, [prefix.into()], &mut bytes)
        .unwrap();
    let [update] = common::updates(&bytes, &agreed)[..] else { panic!() };
    let mapped = "::ffff:192.0.2.1".parse().unwrap();
    assert_eq!(update.reach().unwrap().next_hop, Some(NextHop::Ipv6 { global: mapped, link_local: None }));
}

/// An MP attribute whose flags look like the code of a longer header, behind an octet that looks like its flags.
#[test]
fn the_header_of_an_mp_attribute_is_found_whatever_stands_before_it() {
    let before = common::attr(0xc0, 8, &[1, 2, 3, 0x10]);
    for code in [14, 15] {
        let value: &[u8] = if code == 14 { &[0, 25, 70, 0, 0] } else { &[0, 2, 1] };
        let odd = [&[code, code, value.len() as u8][..], value].concat();
        let after = common::attr(0xc0, 99, &[7]);
        let section = [&before[..], &odd, &after].concat();
        let bytes = common::update(&[], &section, &[8, 10]);
        let [update] = common::updates(&bytes, &common::agreed(PeerKind::External))[..] else { panic!() };
        let shared: Vec<_> = update.attributes().shared().collect();
        assert_eq!(shared.concat(), [before.clone(), after].concat());
    }
}

/// RFC 8092 §3 and RFC 7606 §3 (g): what is kept of repeated values and of repeated attributes.
#[test]
fn repetitions_are_kept_once() {
    let large = |n: u8| [0, 0, 0, n, 0, 0, 0, 1, 0, 0, 0, 2];
    let section = [
        common::attr(0xc0, 32, &[large(9), large(3), large(9), large(3)].concat()),
        // Well-known by its flags and not known: its repetition is not taken for the first.
        common::attr(0x40, 99, &[1]),
        common::attr(0xc0, 99, &[2]),
        common::attr(0xc0, 98, &[1]),
        common::attr(0xc0, 98, &[2]),
    ];
    let bytes = common::update(&[], &section.concat(), &[8, 10]);
    let [update] = common::updates(&bytes, &common::agreed(PeerKind::External))[..] else { panic!() };
    let mut read = PathAttributes::default();
    read.read(update.attributes());
    let large: Vec<String> = read.large_communities.iter().map(ToString::to_string).collect();
    assert_eq!(large, ["3:1:2", "9:1:2"]);
    let opaque: Vec<_> = read.opaque.iter().map(|a| (a.code, &a.value[..])).collect();
    assert_eq!(opaque, [(98, &[1][..])]);
}

/// RFC 4271 §5: the partial bit is set by who passes an unknown attribute on, never by reading it.
#[test]
fn the_partial_bit_is_set_on_request_and_on_unknown_attributes_only() {
    let section =
        [common::attr(0xc0, 23, &[0, 8, 0, 0]), common::attr(0xc0, 99, &[1]), common::attr(0x80, 98, &[2])];
    let bytes = common::update(&[], &section.concat(), &[]);
    let [update] = common::updates(&bytes, &common::agreed(PeerKind::External))[..] else { panic!() };
    let mut read = PathAttributes::default();
    read.read(update.attributes());
    let flags = |read: &PathAttributes| read.opaque.iter().map(|a| (a.code, a.flags)).collect::<Vec<_>>();
    assert_eq!(flags(&read), [(23, 0xc0), (99, 0xc0)]);
    read.mark_partial();
    assert_eq!(flags(&read), [(23, 0xc0), (99, 0xe0)]);
}
