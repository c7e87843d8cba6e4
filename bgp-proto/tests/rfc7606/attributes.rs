//! RFC 7606 §7, attribute by attribute, with RFC 7607 (AS 0), 5065 (confederations), 7311, 8092 and 9234.

use super::case::{Carrier, Case, Expect, PEERS, asns, with};
use crate::common::attr;
use Expect::{Clean, Discard, Withdraw};
use bgp_proto::agreed::PeerKind;

/// Attribute Length Error.
const LENGTH: u8 = 5;
/// Invalid ORIGIN.
const ORIGIN: u8 = 6;
/// Invalid NEXT_HOP.
const NEXT_HOP: u8 = 8;
/// Optional Attribute Error. Written choice: a list whose length is no multiple of its members' gets this one, as in
/// most speakers; RFC 4271 §6.3 could be read as Attribute Length Error too.
const OPTIONAL: u8 = 9;
/// Malformed AS_PATH.
const AS_PATH: u8 = 11;

/// Section, what, flags, code, value, and what it costs from an external, an internal and a confederation peer.
type Row = (&'static str, &'static str, u8, u8, Vec<u8>, [Expect; 3]);

fn same(expect: Expect) -> [Expect; 3] {
    [expect.clone(), expect.clone(), expect]
}

/// A path attribute of these lengths, filled with ones.
fn lengths(
    section: &'static str,
    what: &'static str,
    (flags, code): (u8, u8),
    lengths: &[usize],
    expect: &[Expect; 3],
) -> Vec<Row> {
    lengths.iter().map(|len| (section, what, flags, code, vec![1; *len], expect.clone())).collect()
}

pub(crate) fn cases() -> Vec<Case> {
    let rows = [fixed(), as_path(), lists(), foreign(), aigp()].concat();
    let mut cases = Vec::new();
    for (section, what, flags, code, value, expect) in rows {
        for (peer_kind, expect) in PEERS.into_iter().zip(expect) {
            let mut agreed = with(peer_kind);
            agreed.aigp = section == "RFC 7311 §3";
            let what = format!("{what}: {value:02x?}");
            cases.extend(Case::everywhere(section, &what, agreed, &attr(flags, code, &value), &expect));
        }
    }
    cases.extend(next_hops());
    cases
}

fn fixed() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(lengths("§7.1", "ORIGIN's length", (0x40, 1), &[0, 2, 3, 255], &same(Withdraw(LENGTH))));
    for value in [3, 4, 127, 255] {
        rows.push(("§7.1", "ORIGIN's value", 0x40, 1, vec![value], same(Withdraw(ORIGIN))));
    }
    for value in [0, 1, 2] {
        rows.push(("§7.1", "ORIGIN", 0x40, 1, vec![value], same(Clean)));
    }
    rows.extend(lengths("§7.3", "NEXT_HOP's length", (0x40, 3), &[0, 3, 5, 16], &same(Withdraw(LENGTH))));
    rows.extend(lengths("§7.4", "MED's length", (0x80, 4), &[0, 1, 3, 5, 8], &same(Withdraw(LENGTH))));
    rows.extend(lengths("§7.4", "MED", (0x80, 4), &[4], &same(Clean)));
    rows.extend(lengths("§7.6", "ATOMIC_AGGREGATE's length", (0x40, 6), &[1, 4, 255], &same(Discard)));
    rows.extend(lengths("§7.6", "ATOMIC_AGGREGATE", (0x40, 6), &[0], &same(Clean)));
    rows.extend(lengths("§7.7", "AGGREGATOR's length", (0xc0, 7), &[0, 4, 6, 7, 9, 12], &same(Discard)));
    rows.extend(lengths("§7.7", "AGGREGATOR", (0xc0, 7), &[8], &same(Clean)));
    let zero = vec![0, 0, 0, 0, 192, 0, 2, 1];
    rows.push(("RFC 7607 §2", "AGGREGATOR of AS 0", 0xc0, 7, zero, same(Discard)));
    let only = (0xc0, 35);
    rows.extend(lengths("RFC 9234 §5", "OTC's length", only, &[0, 3, 5, 8], &same(Withdraw(LENGTH))));
    rows.extend(lengths("RFC 9234 §5", "OTC", only, &[4], &same(Clean)));
    rows
}

fn as_path() -> Vec<Row> {
    let wide = |numbers: &[u32]| asns(&with(PeerKind::External), numbers);
    let segment = |kind: u8, count: u8, numbers: &[u32]| [&[kind, count][..], &wide(numbers)].concat();
    let good = segment(2, 1, &[65001]);
    let broken: [(&'static str, &'static str, Vec<u8>); 15] = [
        ("§7.2", "segment type 0", segment(0, 1, &[65001])),
        ("§7.2", "segment type 5", segment(5, 1, &[65001])),
        ("§7.2", "segment type 255 behind a good one", [good.clone(), segment(255, 1, &[65001])].concat()),
        ("§7.2", "segment overrun by a number", segment(2, 2, &[65001])),
        ("§7.2", "segment overrun by an octet", [&[2, 1][..], &[0, 0, 1]].concat()),
        ("§7.2", "segment of 255 with one number", segment(2, 255, &[65001])),
        ("§7.2", "one octet left over", [good.clone(), vec![2]].concat()),
        ("§7.2", "one octet in all", vec![2]),
        ("§7.2", "segment of length zero", vec![2, 0]),
        ("§7.2", "segment of length zero behind a good one", [good.clone(), vec![1, 0]].concat()),
        ("§7.2", "numbers of two octets from a peer of four", vec![2, 2, 0xfd, 0xe9, 0xfd, 0xea]),
        ("RFC 7607 §2", "AS 0 alone", segment(2, 1, &[0])),
        ("RFC 7607 §2", "AS 0 first", segment(2, 2, &[0, 65001])),
        ("RFC 7607 §2", "AS 0 last", segment(2, 2, &[65001, 0])),
        ("RFC 7607 §2", "AS 0 in a set", [good.clone(), segment(1, 2, &[1, 0])].concat()),
    ];
    let mut rows: Vec<Row> = Vec::new();
    for (section, what, value) in broken {
        rows.push((section, what, 0x40, 2, value, same(Withdraw(AS_PATH))));
    }
    // RFC 5065 §5: no confederation segments from outside; from another member AS they come first. Written choice:
    // from inside the AS they may be there, for whether we are in a confederation is not known here.
    let confederation = [Withdraw(AS_PATH), Clean, Clean];
    let plain = [Clean, Clean, Withdraw(AS_PATH)];
    let sequence = segment(3, 1, &[65100]);
    for (what, value, expect) in [
        ("a confederation sequence alone", sequence.clone(), confederation.clone()),
        ("a confederation sequence first", [sequence.clone(), good.clone()].concat(), confederation.clone()),
        ("a confederation set second", [sequence, segment(4, 1, &[65101])].concat(), confederation),
        (
            "a confederation set behind a sequence",
            [good.clone(), segment(4, 1, &[65101])].concat(),
            [Withdraw(AS_PATH), Clean, Withdraw(AS_PATH)],
        ),
        ("a sequence", good.clone(), plain.clone()),
        ("a sequence of 255", segment(2, 255, &[7; 255]), plain.clone()),
        ("a set alone", segment(1, 2, &[65001, 65002]), plain.clone()),
        ("a set behind a sequence", [good, segment(1, 2, &[65001, 65002])].concat(), plain.clone()),
        // RFC 7606 §4 lets AS_PATH be empty. Whether the first AS must be the peer's is the caller's check.
        ("no segment", vec![], plain),
    ] {
        rows.push(("RFC 5065 §5", what, 0x40, 2, value, expect));
    }
    rows
}

fn lists() -> Vec<Row> {
    let wrong = same(Withdraw(OPTIONAL));
    [
        lengths("§7.8", "COMMUNITIES' length", (0xc0, 8), &[0, 1, 3, 5, 6, 7, 9], &wrong),
        lengths("§7.8", "COMMUNITIES", (0xc0, 8), &[4, 8, 256], &same(Clean)),
        lengths("§7.14", "EXTENDED COMMUNITIES' length", (0xc0, 16), &[0, 1, 4, 7, 9, 12, 20], &wrong),
        // §7.14: a type that is not known is no mistake.
        lengths("§7.14", "EXTENDED COMMUNITIES", (0xc0, 16), &[8, 16], &same(Clean)),
        lengths("§7.15", "IPv6 EXTENDED COMMUNITIES' length", (0xc0, 25), &[0, 8, 19, 21, 24], &wrong),
        lengths("§7.15", "IPv6 EXTENDED COMMUNITIES", (0xc0, 25), &[20, 40], &same(Clean)),
        lengths("RFC 8092 §6", "LARGE_COMMUNITY's length", (0xc0, 32), &[0, 1, 4, 8, 11, 13, 16], &wrong),
        // RFC 8092 §3: a repeated value is dropped and no mistake.
        lengths("RFC 8092 §6", "LARGE_COMMUNITY", (0xc0, 32), &[12, 24], &same(Clean)),
    ]
    .concat()
}

/// Attributes that belong inside an AS: from outside they are dropped whatever they hold.
fn foreign() -> Vec<Row> {
    let inside = |expect: &Expect| [Discard, expect.clone(), expect.clone()];
    // Written choice: a member of another AS of the confederation is no reflector's client, so it counts as external.
    let reflected = |expect: &Expect| [Discard, expect.clone(), Discard];
    let (length, list) = (Withdraw(LENGTH), Withdraw(OPTIONAL));
    [
        lengths("§7.5", "LOCAL_PREF's length", (0x40, 5), &[0, 1, 3, 5, 8], &inside(&length)),
        lengths("§7.5", "LOCAL_PREF", (0x40, 5), &[4], &inside(&Clean)),
        lengths("§7.9", "ORIGINATOR_ID's length", (0x80, 9), &[0, 3, 5, 8], &reflected(&length)),
        lengths("§7.9", "ORIGINATOR_ID", (0x80, 9), &[4], &reflected(&Clean)),
        lengths("§7.10", "CLUSTER_LIST's length", (0x80, 10), &[0, 1, 3, 5, 6], &reflected(&list)),
        lengths("§7.10", "CLUSTER_LIST", (0x80, 10), &[4, 8], &reflected(&Clean)),
    ]
    .concat()
}

fn aigp() -> Vec<Row> {
    let metric = [0, 0, 0, 0, 0, 0, 0, 7];
    let tlv = |kind: u8, len: u8, value: &[u8]| [&[kind, 0, len][..], value].concat();
    let good = tlv(1, 11, &metric);
    let mut rows: Vec<Row> = Vec::new();
    for (what, value, expect) in [
        ("a metric", good.clone(), Clean),
        ("a TLV that is not known", tlv(9, 4, &[1]), Clean),
        ("a metric behind a TLV that is not known", [tlv(9, 3, &[]), good.clone()].concat(), Clean),
        ("two metrics", [good.clone(), good.clone()].concat(), Clean),
        // RFC 7606 §4: empty, and not specified as possibly empty.
        ("nothing", vec![], Discard),
        ("a TLV that does not count its own header", tlv(1, 2, &[]), Discard),
        ("a TLV that overruns", tlv(9, 9, &[1]), Discard),
        ("half a TLV header", [good, vec![9, 0]].concat(), Discard),
        ("a metric of seven octets", tlv(1, 10, &metric[1..]), Discard),
        ("a metric of nine octets", tlv(1, 12, &[&metric[..], &[0]].concat()), Discard),
    ] {
        rows.push(("RFC 7311 §3", what, 0x80, 26, value.clone(), same(expect)));
        // RFC 7311 §3.3: where AIGP is not enabled for the session, it is dropped unread.
        rows.push(("RFC 7311 §3.3", what, 0x80, 26, value, same(Discard)));
    }
    rows
}

/// RFC 4271 §6.3: what no host can have. RFC 4760 §3: of no interest where the body announces nothing.
fn next_hops() -> Vec<Case> {
    let none: [[u8; 4]; 8] = [
        [0, 0, 0, 0],
        [0, 1, 2, 3],
        [127, 0, 0, 1],
        [127, 255, 255, 255],
        [224, 0, 0, 1],
        [239, 1, 2, 3],
        [240, 0, 0, 1],
        [255, 255, 255, 255],
    ];
    let hosts: [[u8; 4]; 5] =
        [[1, 0, 0, 0], [10, 0, 0, 1], [126, 1, 1, 1], [169, 254, 0, 1], [223, 255, 255, 255]];
    let wrong = none.map(|address| (address, Withdraw(NEXT_HOP)));
    let mut cases = Vec::new();
    for (address, expect) in wrong.into_iter().chain(hosts.map(|address| (address, Clean))) {
        for peer_kind in PEERS {
            let row = |carrier, expect: Expect| {
                let bad = attr(0x40, 3, &address);
                let what = format!("NEXT_HOP {address:?}");
                Case::route("RFC 4271 §6.3", what, with(peer_kind), carrier, &bad, expect)
            };
            cases.push(row(Carrier::Body, expect.clone()));
            cases.push(row(Carrier::Reach, Clean));
            cases.push(row(Carrier::Nothing, Clean));
        }
    }
    cases
}
