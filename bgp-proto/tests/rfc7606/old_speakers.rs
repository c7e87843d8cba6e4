//! RFC 6793 and 7607: AS numbers of two octets, and the attributes that carry the wide ones past old speakers.

use super::case::{Carrier, Case, Expect, PEERS, asns, with};
use crate::common::attr;
use Expect::{Clean, Discard, Withdraw};
use bgp_proto::agreed::{Agreed, PeerKind};

/// Malformed AS_PATH.
const AS_PATH: u8 = 11;

fn old(peer_kind: PeerKind) -> Agreed {
    let mut agreed = with(peer_kind);
    agreed.four_octet_as = false;
    agreed
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for peer_kind in PEERS {
        let (old, new) = (old(peer_kind), with(peer_kind));
        for (section, what, flags, code, value, expect) in rows(&old) {
            let what = format!("{what}, from a speaker of two octets: {value:02x?}");
            cases.extend(Case::everywhere(section, &what, old, &attr(flags, code, &value), &expect));
            // RFC 6793 §4.1: speakers of four octets do not send these to each other; dropped unread.
            if matches!(code, 17 | 18) {
                let what = format!("attribute {code} from a speaker of four octets: {value:02x?}");
                let bad = attr(flags, code, &value);
                cases.extend(Case::everywhere("RFC 6793 §4.1", &what, new, &bad, &Discard));
            }
        }
        cases.push(Case::route(
            "RFC 6793 §4.2",
            "a plain route",
            old,
            Carrier::Body,
            &attr(0x80, 4, &[1; 4]),
            Clean,
        ));
    }
    cases
}

/// Section, what, flags, code, value, and what it costs.
type Row = (&'static str, &'static str, u8, u8, Vec<u8>, Expect);

fn rows(old: &Agreed) -> Vec<Row> {
    let wide = |kind: u8, count: u8, numbers: &[u32]| {
        let octets: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        [&[kind, count][..], &octets].concat()
    };
    let good = wide(2, 2, &[65001, 70000]);
    let path = |kind: u8, count: u8, numbers: &[u32]| [&[kind, count][..], &asns(old, numbers)].concat();
    vec![
        // RFC 6793 §6: malformed AS4_PATH is dropped and the message goes on.
        ("RFC 6793 §6", "AS4_PATH", 0xc0, 17, good.clone(), Clean),
        ("RFC 6793 §6", "AS4_PATH with a set", 0xc0, 17, [good.clone(), wide(1, 1, &[9])].concat(), Clean),
        // Its confederation segments are skipped, and that is all.
        ("RFC 6793 §6", "AS4_PATH with a confederation sequence", 0xc0, 17, wide(3, 1, &[9]), Clean),
        ("RFC 6793 §6", "AS4_PATH with a confederation set", 0xc0, 17, wide(4, 1, &[9]), Clean),
        ("RFC 6793 §6", "AS4_PATH of no octets", 0xc0, 17, vec![], Discard),
        ("RFC 6793 §6", "AS4_PATH of one octet", 0xc0, 17, vec![2], Discard),
        ("RFC 6793 §6", "AS4_PATH too small", 0xc0, 17, vec![2, 1, 0, 1], Discard),
        ("RFC 6793 §6", "AS4_PATH of an odd length", 0xc0, 17, [good.clone(), vec![1]].concat(), Discard),
        ("RFC 6793 §6", "AS4_PATH that overruns", 0xc0, 17, wide(2, 3, &[65001, 70000]), Discard),
        ("RFC 6793 §6", "AS4_PATH with more behind its segment", 0xc0, 17, wide(2, 1, &[1, 2]), Discard),
        (
            "RFC 6793 §6",
            "AS4_PATH with an empty segment",
            0xc0,
            17,
            [good.clone(), vec![2, 0]].concat(),
            Discard,
        ),
        ("RFC 6793 §6", "AS4_PATH with segment type 5", 0xc0, 17, wide(5, 1, &[9]), Discard),
        ("RFC 6793 §6", "AS4_PATH with segment type 0", 0xc0, 17, wide(0, 1, &[9]), Discard),
        ("RFC 7607 §2", "AS4_PATH with AS 0", 0xc0, 17, wide(2, 2, &[70000, 0]), Discard),
        ("RFC 6793 §6", "AS4_AGGREGATOR", 0xc0, 18, vec![1; 8], Clean),
        ("RFC 6793 §6", "AS4_AGGREGATOR of 0 octets", 0xc0, 18, vec![], Discard),
        ("RFC 6793 §6", "AS4_AGGREGATOR of 6 octets", 0xc0, 18, vec![1; 6], Discard),
        ("RFC 6793 §6", "AS4_AGGREGATOR of 7 octets", 0xc0, 18, vec![1; 7], Discard),
        ("RFC 6793 §6", "AS4_AGGREGATOR of 9 octets", 0xc0, 18, vec![1; 9], Discard),
        ("RFC 7607 §2", "AS4_AGGREGATOR of AS 0", 0xc0, 18, vec![0, 0, 0, 0, 1, 1, 1, 1], Discard),
        // RFC 7606 §7.7: six octets where AS numbers are two wide.
        ("§7.7", "AGGREGATOR", 0xc0, 7, vec![1; 6], Clean),
        ("§7.7", "AGGREGATOR of 0 octets", 0xc0, 7, vec![], Discard),
        ("§7.7", "AGGREGATOR of 5 octets", 0xc0, 7, vec![1; 5], Discard),
        ("§7.7", "AGGREGATOR of 7 octets", 0xc0, 7, vec![1; 7], Discard),
        ("§7.7", "AGGREGATOR of 8 octets", 0xc0, 7, vec![1; 8], Discard),
        ("RFC 7607 §2", "AGGREGATOR of AS 0", 0xc0, 7, vec![0, 0, 1, 1, 1, 1], Discard),
        ("§7.2", "segment overrun by an octet", 0x40, 2, vec![2, 1, 1], Withdraw(AS_PATH)),
        ("§7.2", "one number of two", 0x40, 2, path(2, 2, &[65001]), Withdraw(AS_PATH)),
        ("§7.2", "one octet left over", 0x40, 2, [path(2, 1, &[65001]), vec![1]].concat(), Withdraw(AS_PATH)),
        ("§7.2", "segment of length zero", 0x40, 2, vec![2, 0], Withdraw(AS_PATH)),
        ("§7.2", "segment type 9", 0x40, 2, path(9, 1, &[65001]), Withdraw(AS_PATH)),
        ("§7.2", "numbers of four octets", 0x40, 2, wide(2, 1, &[65001]), Withdraw(AS_PATH)),
        ("RFC 7607 §2", "AS 0", 0x40, 2, path(2, 2, &[65001, 0]), Withdraw(AS_PATH)),
    ]
}
