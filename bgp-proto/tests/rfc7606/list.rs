//! RFC 7606 §3 and §4: the list of attributes as a whole.

use super::case::{Carrier, Case, Expect, PEERS, V4, good, reach, with};
use crate::common::{attr, message, update};
use Expect::{Clean, Discard, Reset, Withdraw};
use bgp_proto::agreed::Agreed;

/// Malformed Attribute List.
const LIST: u8 = 1;
/// Missing Well-known Attribute.
const MISSING: u8 = 3;

pub(crate) fn cases() -> Vec<Case> {
    let of = |peer_kind| {
        let agreed = with(peer_kind);
        [lengths(agreed), missing(agreed), repeated(agreed), several(agreed), torn(agreed)]
    };
    PEERS.into_iter().flat_map(of).flatten().collect()
}

/// §3 (b): the two length fields must fit the message.
fn lengths(agreed: Agreed) -> Vec<Case> {
    let attributes = good(&agreed, Carrier::Body, &[]);
    let whole = update(&[], &attributes, &V4);
    let row = |what: &str, body: &[u8]| Case {
        section: "§3 (b)",
        what: what.to_owned(),
        agreed,
        message: message(2, body),
        code: None,
        announced: vec![],
        expect: Reset(LIST, None),
    };
    let patched = |at: usize, length: usize| {
        let mut body = whole[19..].to_vec();
        body[at..at + 2].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        body
    };
    let room = whole.len() - 23;
    vec![
        row("Withdrawn Routes Length one too large", &patched(0, room + 1)),
        row("Withdrawn Routes Length of 65,535", &patched(0, 65535)),
        row("Total Path Attribute Length one too large", &patched(2, room + 1)),
        row("Total Path Attribute Length of 65,535", &patched(2, 65535)),
        row("no room for the Total Path Attribute Length", &[0, 3, 24, 192, 0, 2]),
        row("half a Total Path Attribute Length", &[0, 1, 0, 0]),
    ]
}

/// §3 (d). RFC 4760 §3 makes NEXT_HOP mandatory only beside prefixes in the body.
fn missing(agreed: Agreed) -> Vec<Case> {
    let row = |carrier, without: &[u8], expect| {
        let attributes = good(&agreed, carrier, without);
        let what = format!("without {without:?}");
        let first = without.first().copied().filter(|_| expect != Clean);
        Case::of("§3 (d)", what, agreed, carrier, &attributes, first, expect)
    };
    vec![
        row(Carrier::Body, &[], Clean),
        row(Carrier::Body, &[1], Withdraw(MISSING)),
        row(Carrier::Body, &[2], Withdraw(MISSING)),
        row(Carrier::Body, &[3], Withdraw(MISSING)),
        row(Carrier::Body, &[1, 2], Withdraw(MISSING)),
        row(Carrier::Body, &[1, 2, 3, 5], Withdraw(MISSING)),
        row(Carrier::Reach, &[], Clean),
        row(Carrier::Reach, &[1], Withdraw(MISSING)),
        row(Carrier::Reach, &[2], Withdraw(MISSING)),
        row(Carrier::Reach, &[1, 2, 5], Withdraw(MISSING)),
        // Written choice: RFC 4271 §5 calls LOCAL_PREF required inside an AS and not mandatory; a route without it is
        // taken with the default of whoever compares it.
        row(Carrier::Body, &[5], Clean),
        row(Carrier::Reach, &[5], Clean),
        row(Carrier::Nothing, &[], Clean),
    ]
}

/// §3 (g): of a repeated attribute the first counts, but a repeated MP attribute ends the session.
fn repeated(agreed: Agreed) -> Vec<Case> {
    let mut cases = Vec::new();
    let optional: [(u8, u8, &[u8]); 10] = [
        (0x80, 4, &[0, 0, 0, 1]),
        (0x40, 6, &[]),
        (0xc0, 7, &[1; 8]),
        (0xc0, 8, &[1; 4]),
        (0xc0, 16, &[1; 8]),
        (0xc0, 25, &[1; 20]),
        (0xc0, 32, &[1; 12]),
        (0xc0, 35, &[1; 4]),
        (0xc0, 99, &[1, 2]),
        (0x80, 98, &[]),
    ];
    for (flags, code, value) in optional {
        let (once, damaged) = (attr(flags, code, value), attr(flags, code, &[1; 3]));
        for (what, second) in [("twice", &once), ("and then a malformed one", &damaged)] {
            let both = [&once[..], second].concat();
            let what = format!("attribute {code} {what}");
            cases.extend(Case::everywhere("§3 (g)", &what, agreed, &both, &Discard));
        }
        let many = once.repeat(40);
        cases.push(Case::route("§3 (g)", format!("{code} 40 times"), agreed, Carrier::Body, &many, Discard));
    }
    let all = good(&agreed, Carrier::Body, &[]);
    for (code, again) in [
        (1, attr(0x40, 1, &[2])),
        (1, attr(0x40, 1, &[9])),
        (2, attr(0x40, 2, &[])),
        (2, attr(0x40, 2, &[9])),
        (3, attr(0x40, 3, &[127, 0, 0, 1])),
        (3, attr(0x40, 3, &[])),
    ] {
        let twice = [all.clone(), again].concat();
        let what = format!("attribute {code} twice");
        cases.push(Case::of("§3 (g)", what, agreed, Carrier::Body, &twice, Some(code), Discard));
    }
    // The first is malformed: that it is repeated does not heal it.
    let healed = [attr(0x40, 1, &[9]), attr(0x40, 1, &[0])].concat();
    cases.push(Case::route("§3 (g)", "ORIGIN healed", agreed, Carrier::Body, &healed, Withdraw(6)));
    let (reach, unreach) = (reach(), attr(0x80, 15, &[0, 2, 1, 0]));
    for (what, pair) in [("MP_REACH_NLRI", &reach), ("MP_UNREACH_NLRI", &unreach)] {
        for carrier in [Carrier::Body, Carrier::Nothing] {
            let twice = [&good(&agreed, carrier, &[])[..], pair, pair].concat();
            let what = format!("{what} twice");
            cases.push(Case::of("§3 (g)", what, agreed, carrier, &twice, None, Reset(LIST, Some(vec![]))));
        }
    }
    cases
}

/// §3 (h): of several mistakes the strongest treatment counts, in whatever order they come.
fn several(agreed: Agreed) -> Vec<Case> {
    let discard = attr(0x40, 6, &[1]);
    let withdraw = attr(0x80, 4, &[1]);
    let other = attr(0xc0, 8, &[]);
    let reset = attr(0x80, 15, &[0, 2]);
    let row = |what: &str, parts: &[&[u8]], code, expect| {
        let attributes = [&good(&agreed, Carrier::Body, &[])[..], &parts.concat()].concat();
        Case::of("§3 (h)", what, agreed, Carrier::Body, &attributes, code, expect)
    };
    let data = Some(reset.clone());
    vec![
        row("discard, then withdraw", &[&discard, &withdraw], Some(4), Withdraw(5)),
        row("withdraw, then discard", &[&withdraw, &discard], Some(4), Withdraw(5)),
        row("two of withdraw", &[&withdraw, &other], Some(4), Withdraw(5)),
        row("withdraw, then reset", &[&withdraw, &reset], None, Reset(9, data.clone())),
        row("reset, then withdraw", &[&reset, &withdraw], None, Reset(9, data.clone())),
        row("discard, then reset", &[&discard, &reset], None, Reset(9, data)),
        row("two of discard", &[&discard, &attr(0xc0, 7, &[])], Some(6), Discard),
    ]
}

/// §4: the last attribute does not fit, or less than a header is left. The total length still tells where the prefixes
/// are.
fn torn(agreed: Agreed) -> Vec<Case> {
    let tails: [(&str, &[u8]); 10] = [
        ("one octet left", &[0x40]),
        ("one octet of an extended header", &[0x50]),
        ("two octets left", &[0x80, 4]),
        ("three octets left of four", &[0x90, 4, 0]),
        ("a value one octet too long", &[0x80, 4, 4, 0, 0, 0]),
        ("a value of 255 octets that are not there", &[0xc0, 8, 255]),
        ("an extended length that overruns", &[0xd0, 8, 1, 0, 1, 2, 3, 4]),
        ("an extended length of 65,535", &[0xd0, 99, 255, 255]),
        ("an unknown attribute that overruns", &[0xc0, 99, 9, 1]),
        ("zeros", &[0, 0, 9]),
    ];
    let mut cases = Vec::new();
    for (what, tail) in tails {
        for carrier in [Carrier::Body, Carrier::Reach] {
            let attributes = [&good(&agreed, carrier, &[])[..], tail].concat();
            cases.push(Case::of("§4", what, agreed, carrier, &attributes, Some(0), Withdraw(LIST)));
        }
        // §5.2: nothing is announced that could be withdrawn, and what was announced may be in the torn part.
        let alone = |what: String, attributes: &[u8]| {
            Case::of("§5.2", what, agreed, Carrier::Nothing, attributes, None, Reset(LIST, None))
        };
        cases.push(alone(format!("{what}, alone"), tail));
        cases.push(alone(format!("{what} behind ORIGIN"), &[&attr(0x40, 1, &[0]), tail].concat()));
        cases.push(alone(
            format!("{what} behind a withdrawal"),
            &[&attr(0x80, 15, &[0, 2, 1]), tail].concat(),
        ));
    }
    // §3 (j): the prefixes of an MP attribute that does not fit cannot be told.
    for tail in [&[0x80, 14, 30, 0, 2, 1][..], &[0x80, 15, 9, 0, 2, 1], &[0x90, 14, 0], &[0x80, 14]] {
        for carrier in [Carrier::Body, Carrier::Nothing] {
            let attributes = [&good(&agreed, carrier, &[])[..], tail].concat();
            let what = format!("an MP attribute torn: {tail:02x?}");
            cases.push(Case::of("§3 (j)", what, agreed, carrier, &attributes, None, Reset(LIST, None)));
        }
    }
    cases
}
