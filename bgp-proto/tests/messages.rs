//! OPEN: every fault of RFC 4271 §6.2 with its data, both forms of the optional parameters, and capabilities there and
//! back. NOTIFICATION and ROUTE-REFRESH are in `messages_others.rs`.

mod common;

use bgp_proto::{
    agreed::{Agreed, PeerKind},
    family::Family,
    numbers::{Afi, Asn, CapabilityCode, HoldTime, Role, RouterId},
    wire::{
        capability::{
            AddPathEntry, AddPathMode, Capability, CapabilityBuf, ExtendedNextHopEntry, LongLivedEntry,
            RestartEntry, RestartFlags,
        },
        frame::{Frame, RawMessage, frame},
        open::{Offer, Open},
    },
};

/// An OPEN: version, AS, hold time, identifier, and what follows them.
fn open(version: u8, asn: u16, hold: u16, id: u32, tail: &[u8]) -> Vec<u8> {
    let (asn, hold, id) = (asn.to_be_bytes(), hold.to_be_bytes(), id.to_be_bytes());
    common::message(1, &[&[version][..], &asn, &hold, &id, tail].concat())
}

fn framed(bytes: &[u8]) -> RawMessage<'_> {
    match frame(bytes, None) {
        Frame::Message(raw) => raw,
        other => panic!("{other:?}"),
    }
}

/// Code, subcode and data of a NOTIFICATION.
type Said = (u8, u8, &'static [u8]);

/// What the NOTIFICATION says; `None` where there is nothing to complain about.
fn fault(bytes: &[u8]) -> Option<(u8, u8, Vec<u8>)> {
    let fault = Open::decode(framed(bytes)).err()?;
    let notification = fault.notification(bytes);
    Some((notification.code.0, notification.subcode, notification.data.to_vec()))
}

/// RFC 4271 §6.2, RFC 6286 §2.2, RFC 7607 §2.
#[test]
fn every_fault_of_an_open_has_its_code_and_data() {
    let id = 0xc000_0201;
    let four_octet_zero = [8, 2, 6, 65, 4, 0, 0, 0, 0];
    let rows: [(&str, Vec<u8>, Option<Said>); 22] = [
        ("the plainest", open(4, 65001, 90, id, &[0]), None),
        ("AS_TRANS", open(4, 23456, 90, id, &[0]), None),
        ("hold time 0", open(4, 65001, 0, id, &[0]), None),
        ("hold time 3", open(4, 65001, 3, id, &[0]), None),
        ("hold time 65535", open(4, 65001, 65535, id, &[0]), None),
        ("any identifier but 0", open(4, 65001, 90, 0xffff_ffff, &[0]), None),
        // The data is the largest version we speak.
        ("version 0", open(0, 65001, 90, id, &[0]), Some((2, 1, &[0, 4]))),
        ("version 3", open(3, 65001, 90, id, &[0]), Some((2, 1, &[0, 4]))),
        ("version 5", open(5, 65001, 90, id, &[0]), Some((2, 1, &[0, 4]))),
        ("a wrong version before all else", open(255, 0, 1, 0, &[9]), Some((2, 1, &[0, 4]))),
        ("AS 0", open(4, 0, 90, id, &[0]), Some((2, 2, &[]))),
        ("AS 0 in four octets", open(4, 65001, 90, id, &four_octet_zero), Some((2, 2, &[]))),
        ("identifier 0", open(4, 65001, 90, 0, &[0]), Some((2, 3, &[]))),
        ("hold time 1", open(4, 65001, 1, id, &[0]), Some((2, 6, &[]))),
        ("hold time 2", open(4, 65001, 2, id, &[0]), Some((2, 6, &[]))),
        // The parameter at fault is quoted: RFC 4271 leaves the data of 2/4 open.
        ("authentication, long gone", open(4, 65001, 90, id, &[3, 1, 1, 7]), Some((2, 4, &[1, 1, 7]))),
        ("parameter type 0", open(4, 65001, 90, id, &[2, 0, 0]), Some((2, 4, &[0, 0]))),
        ("parameter type 254", open(4, 65001, 90, id, &[2, 254, 0]), Some((2, 4, &[254, 0]))),
        ("type 255 behind another", open(4, 65001, 90, id, &[4, 2, 0, 255, 0]), Some((2, 4, &[255, 0]))),
        ("a parameter that overruns", open(4, 65001, 90, id, &[3, 2, 2, 7]), Some((2, 0, &[]))),
        ("half a parameter", open(4, 65001, 90, id, &[1, 2]), Some((2, 0, &[]))),
        ("a capability that overruns", open(4, 65001, 90, id, &[4, 2, 2, 65, 4]), Some((2, 0, &[]))),
    ];
    for (what, bytes, expected) in rows {
        let expected = expected.map(|(code, subcode, data)| (code, subcode, data.to_vec()));
        assert_eq!(fault(&bytes), expected, "{what}");
    }
}

/// The shapes of CVE-2022-40302, CVE-2022-40318 and CVE-2022-43681 and the like: a length that says more, or
/// less, than the message holds, in either form.
#[test]
fn parameters_that_do_not_fit_are_unspecific_faults() {
    let long = [&[255, 2, 251][..], &[0; 251]].concat();
    let tails: [&[u8]; 22] = [
        &[1],                                    // ends at the length octet, which promises one more
        &[255],                                  // and 255 more
        &[0, 2],                                 // says none, and there are some
        &[0, 255, 0, 0],                         // RFC 9072 §2: zero is never the extended form
        &[3, 2, 0],                              // one short
        &[1, 2, 0],                              // one over
        &[255, 2, 0],                            // 255 with another type is the old form, and not that long
        &long,                                   // the same, one octet short
        &[255, 255],                             // the extended form without its length
        &[255, 255, 0],                          // with half of it
        &[255, 255, 0, 1],                       // promises one octet
        &[255, 255, 255, 255],                   // promises 65,535
        &[255, 255, 0, 0, 9],                    // says none, and there is one
        &[255, 255, 0, 1, 2],                    // a parameter of one octet
        &[255, 255, 0, 2, 2, 0],                 // half a length
        &[255, 255, 0, 3, 2, 0, 1],              // a value that is not there
        &[255, 255, 0, 3, 2, 255, 255],          // a long one
        &[255, 255, 0, 4, 2, 0, 1, 65],          // a capability without its length
        &[255, 255, 0, 5, 2, 0, 2, 65, 4],       // a capability that overruns
        &[255, 255, 0, 6, 2, 0, 2, 2, 0, 2],     // a good parameter, then half a one
        &[1, 255],                               // the extended form, one octet long
        &[255, 255, 0, 8, 2, 0, 3, 64, 0, 2, 0], // one octet short of what it says
    ];
    for tail in tails {
        let bytes = open(4, 65001, 90, 1, tail);
        assert_eq!(fault(&bytes), Some((2, 0, vec![])), "{tail:02x?}");
    }
}

/// RFC 9072 §2: the type of the first parameter tells the forms apart, not the length of 255.
#[test]
fn both_forms_of_the_parameters_are_read() {
    let filler = |len: u8| [&[200, len][..], &vec![7; usize::from(len)]].concat();
    let old_and_full = [&[255, 2, 253][..], &filler(251)].concat();
    let extended = |first: u8, parameters: &[u8]| {
        let [high, low] = u16::try_from(parameters.len()).unwrap().to_be_bytes();
        [&[first, 255, high, low][..], parameters].concat()
    };
    let two = [&[2, 1, 254][..], &filler(252), &filler(254), &[2, 0, 2, 2, 0]].concat();
    let refresh = [2, 0, 2, 2, 0];
    let rows: [(&str, Vec<u8>, usize); 7] = [
        ("none", vec![0], 0),
        ("255 octets in the old form", old_and_full, 1),
        ("none in the extended form", extended(255, &[]), 0),
        ("one that would fit the old form", extended(255, &refresh), 1),
        ("a length other than 255, which a sender should not write", extended(9, &refresh), 1),
        (
            "a parameter without capabilities between",
            extended(255, &[&refresh[..], &[2, 0, 0], &refresh].concat()),
            2,
        ),
        ("more than 255 octets", extended(255, &two), 3),
    ];
    for (what, tail, capabilities) in rows {
        let bytes = open(4, 65001, 90, 1, &tail);
        assert_eq!(fault(&bytes), None, "{what}");
        let decoded = Open::decode(framed(&bytes)).unwrap();
        assert_eq!(decoded.capabilities().count(), capabilities, "{what}");
        let mut again = Vec::new();
        decoded.encode(&mut again);
        assert_eq!(again, bytes, "{what}");
    }
}

#[test]
fn repeated_capabilities_are_kept_in_order_and_the_first_as_number_counts() {
    let capabilities = [1, 4, 0, 1, 0, 1, 65, 4, 0, 1, 0, 0, 65, 4, 0, 2, 0, 0, 1, 4, 0, 1, 0, 1, 65, 1, 9];
    let tail = [&[29, 2, 27][..], &capabilities].concat();
    let bytes = open(4, 23456, 90, 1, &tail);
    let decoded = Open::decode(framed(&bytes)).unwrap();
    assert_eq!(decoded.asn, Asn(65536));
    let said: Vec<String> = decoded.capabilities().map(|c| c.to_string()).collect();
    assert_eq!(said, ["ipv4", "4-octet AS 65536", "4-octet AS 131072", "ipv4", "capability 65 (1 octets)"]);
    let raw = decoded.raw_capability(CapabilityCode::FOUR_OCTET_AS);
    assert_eq!(raw, Some(&[65, 4, 0, 1, 0, 0][..]));
    assert_eq!(decoded.raw_capability(CapabilityCode::ROLE), None);
}

/// Bytes as other speakers write them, what they mean, and back.
#[test]
fn every_capability_comes_back_octet_for_octet() {
    let rows: [(&[u8], &str); 24] = [
        (&[1, 4, 0, 2, 0, 1], "ipv6"),
        (&[1, 4, 0, 25, 0, 70], "25/70"),
        (&[1, 3, 0, 2, 0], "capability 1 (3 octets)"),
        (&[2, 0], "route refresh"),
        (&[2, 1, 0], "capability 2 (1 octets)"),
        (&[5, 6, 0, 1, 0, 1, 0, 2], "extended next hop"),
        (&[5, 5, 0, 1, 0, 1, 0], "capability 5 (5 octets)"),
        (&[6, 0], "extended message"),
        (&[9, 1, 3], "role customer"),
        (&[9, 1, 77], "role 77"),
        (&[9, 0], "capability 9 (0 octets)"),
        (&[64, 2, 0x80, 120], "graceful restart 120s"),
        (&[64, 6, 0x4f, 0xff, 0, 1, 1, 0x80], "graceful restart 4095s"),
        (&[64, 1, 0], "capability 64 (1 octets)"),
        (&[64, 5, 0, 0, 0, 1, 1], "capability 64 (5 octets)"),
        (&[65, 4, 0xfa, 0x56, 0xea, 0], "4-octet AS 4200000000"),
        (&[69, 8, 0, 1, 1, 3, 0, 2, 1, 1], "ADD-PATH"),
        (&[69, 3, 0, 1, 1], "capability 69 (3 octets)"),
        (&[70, 0], "enhanced route refresh"),
        (&[71, 7, 0, 1, 1, 0x80, 0, 0x0e, 0x10], "long-lived graceful restart"),
        (&[73, 6, 2, b'r', b'1', 2, b'd', b'e'], "FQDN r1.de"),
        (&[73, 4, 2, b'r', b'1', 9], "capability 73 (4 octets)"),
        (&[75, 4, 3, b'1', b'\n', b'2'], "software 1\\n2"),
        (&[222, 3, 1, 2, 3], "capability 222 (3 octets)"),
    ];
    for (bytes, text) in rows {
        let capability = Capability::decode(CapabilityCode(bytes[0]), &bytes[2..]);
        assert_eq!(capability.to_string(), text);
        let (mut view, mut owned) = (Vec::new(), Vec::new());
        capability.encode(&mut view);
        capability.to_owned().view().encode(&mut owned);
        assert_eq!((&view[..], &owned[..]), (bytes, bytes), "{text}");
    }
}

fn families() -> [Family; 2] {
    [Family::IPV4, Family::IPV6_VPN]
}

fn offer() -> Offer {
    let mut offer =
        Offer::new(Asn(4_200_000_000), RouterId::new(0xc000_0201).unwrap(), HoldTime::new(90).unwrap());
    let flags = RestartFlags { restarting: true, notification: true, time: 4095 };
    let restart = families().map(|family| RestartEntry { family, forwarding: family == Family::IPV4 });
    let add_path = families().map(|family| AddPathEntry { family, mode: AddPathMode::BOTH });
    let next_hops = families().map(|family| ExtendedNextHopEntry { family, next_hop: Afi::IPV6 });
    let stale = families().map(|family| LongLivedEntry { family, forwarding: true, stale_time: 0xff_ffff });
    offer.capabilities = vec![
        Capability::Multiprotocol(Family::IPV4).into(),
        Capability::Multiprotocol(Family::IPV6_VPN).into(),
        Capability::RouteRefresh.into(),
        Capability::EnhancedRouteRefresh.into(),
        Capability::ExtendedMessage.into(),
        Capability::Role(Role::PEER).into(),
        CapabilityBuf::graceful_restart(flags, &restart),
        CapabilityBuf::long_lived_graceful_restart(&stale),
        CapabilityBuf::add_path(&add_path),
        CapabilityBuf::extended_next_hop(&next_hops),
        Capability::Fqdn { host: "node-1", domain: "example.org" }.into(),
        Capability::SoftwareVersion("bgp-proto").into(),
        Capability::Unknown { code: CapabilityCode(222), value: &[1, 2, 3] }.into(),
    ];
    offer
}

#[test]
fn what_is_offered_is_what_the_other_side_reads() {
    let offer = offer();
    let mut bytes = Vec::new();
    offer.encode(&mut bytes).unwrap();
    let decoded = Open::decode(framed(&bytes)).unwrap();
    assert_eq!(Offer::of(&decoded), offer);
    assert_eq!(bytes[19 + 9], u8::try_from(bytes.len() - 29).unwrap(), "the old form suffices");
    let entries = decoded.capabilities().find_map(|c| match c {
        Capability::LongLivedGracefulRestart(entries) => {
            Some(entries.map(|e| (e.family, e.stale_time)).collect())
        }
        _ => None,
    });
    assert_eq!(entries, Some(families().map(|family| (family, 0xff_ffff)).to_vec()));
}

#[test]
fn long_offers_take_the_extended_form_and_longer_ones_are_refused() {
    let mut offer = offer();
    let filler =
        |n: u8| CapabilityBuf::from(Capability::Unknown { code: CapabilityCode(n), value: &[n; 255] });
    offer.capabilities.extend((130..134).map(filler));
    let mut bytes = Vec::new();
    offer.encode(&mut bytes).unwrap();
    assert_eq!(bytes[28..30], [255, 255]);
    assert_eq!(Offer::of(&Open::decode(framed(&bytes)).unwrap()), offer);
    offer.capabilities.extend((134..150).map(filler));
    let before = bytes.clone();
    let error = offer.encode(&mut bytes).unwrap_err();
    assert!(error.octets > 4096 && bytes == before, "{error}");
}

/// Texts that do not fit are cut at a character's end, and what remains is still the capability.
#[test]
fn long_names_are_cut_and_still_read() {
    let long = "é".repeat(200);
    for (host, domain) in [(&long[..], &long[..]), (&long, ""), ("", &long), ("h", &long)] {
        let owned = CapabilityBuf::from(Capability::Fqdn { host, domain });
        let Capability::Fqdn { host: h, domain: d } = owned.view() else { panic!("{owned:?}") };
        assert!(host.starts_with(h) && domain.starts_with(d) && h.len() + d.len() + 2 <= 255);
    }
    let owned = CapabilityBuf::from(Capability::SoftwareVersion(&long));
    assert_eq!(owned.view(), Capability::SoftwareVersion(&long[..254]));
}

/// Every truncation of a good OPEN is a fault or a smaller good one, never a panic and never "need more".
#[test]
fn a_truncated_open_is_a_fault() {
    let mut bytes = Vec::new();
    offer().encode(&mut bytes).unwrap();
    for len in 29..bytes.len() {
        let mut short = bytes[..len].to_vec();
        short[16..18].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        assert_eq!(fault(&short), Some((2, 0, vec![])), "{len}");
    }
    let agreed = Agreed::new(PeerKind::External);
    assert!(matches!(frame(&bytes[..28], Some(&agreed)), Frame::More(_)));
}
