//! RFC 7606 §3 (c): Optional and Transitive must be as the attribute's specification says; the other bits need not.

use super::case::{Carrier, Case, Expect, GLOBAL, PEERS, asns, good, reach_value, with};
use crate::common::{attr, update};
use bgp_proto::agreed::{Agreed, PeerKind};

/// Attribute Flags Error.
const FLAGS: u8 = 4;

/// Code, right flags, a good value.
fn known(agreed: &Agreed) -> Vec<(u8, u8, Vec<u8>)> {
    let sequence = [&[2, 1][..], &asns(agreed, &[65001])].concat();
    let path = match agreed.peer_kind {
        PeerKind::Confederation => [&[3, 1][..], &asns(agreed, &[65100]), &sequence].concat(),
        _ => sequence.clone(),
    };
    let ones = |len: usize| vec![1; len];
    vec![
        (1, 0x40, vec![0]),
        (2, 0x40, path),
        (3, 0x40, vec![192, 0, 2, 1]),
        (4, 0x80, ones(4)),
        (5, 0x40, ones(4)),
        (6, 0x40, vec![]),
        (7, 0xc0, ones(8)),
        (8, 0xc0, ones(4)),
        (9, 0x80, ones(4)),
        (10, 0x80, ones(4)),
        (16, 0xc0, ones(8)),
        (17, 0xc0, sequence),
        (18, 0xc0, ones(8)),
        (23, 0xc0, vec![0, 8, 0, 0]),
        (25, 0xc0, ones(20)),
        (32, 0xc0, ones(12)),
        (35, 0xc0, ones(4)),
    ]
}

/// Dropped from such a peer even when it is well-formed (RFC 7606 §7.5, §7.9, §7.10, RFC 6793 §4.1).
fn is_foreign(code: u8, peer_kind: PeerKind) -> bool {
    match code {
        5 => peer_kind == PeerKind::External,
        9 | 10 => peer_kind != PeerKind::Internal,
        17 | 18 => true,
        _ => false,
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for peer_kind in PEERS {
        let agreed = with(peer_kind);
        for (code, right, value) in known(&agreed) {
            for wrong in [0x00, 0x40, 0x80, 0xc0].into_iter().filter(|flags| *flags != right) {
                // Written choices. §3 (c) is newer than what (f) says of ATOMIC_AGGREGATE and AGGREGATOR, so their
                // flags cost the routes too. What would be dropped from such a peer is judged by its flags first,
                // and §3 (h) takes the stronger of the two.
                let what = format!("attribute {code} with flags {wrong:#04x}");
                let bad = attr(wrong, code, &value);
                cases.extend(Case::everywhere("§3 (c)", &what, agreed, &bad, &Expect::Withdraw(FLAGS)));
            }
            // RFC 4271 §4.3: Partial is not compared, the low four bits are to be ignored, and a length of two
            // octets is a matter of encoding.
            for harmless in [0x20, 0x10, 0x0f, 0x3f] {
                let foreign = is_foreign(code, peer_kind);
                let expect = if foreign { Expect::Discard } else { Expect::Clean };
                let what = format!("attribute {code} with flags {:#04x}", right | harmless);
                let bad = attr(right | harmless, code, &value);
                cases.extend(Case::everywhere("§3 (c)", &what, agreed, &bad, &expect));
            }
        }
        cases.extend(aigp(peer_kind));
        cases.extend(multiprotocol(agreed));
    }
    cases
}

/// RFC 7311 §3: wrong flags make AIGP malformed, and a malformed AIGP is dropped.
fn aigp(peer_kind: PeerKind) -> Vec<Case> {
    let mut agreed = with(peer_kind);
    agreed.aigp = true;
    let value = [1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 7];
    let wrong = [0x00, 0x40, 0xc0];
    let of = |flags: &u8| {
        let what = format!("AIGP with flags {flags:#04x}");
        Case::everywhere("RFC 7311 §3", &what, agreed, &attr(*flags, 26, &value), &Expect::Discard)
    };
    wrong.iter().flat_map(of).collect()
}

fn multiprotocol(agreed: Agreed) -> Vec<Case> {
    let v6 = [32, 0x20, 0x01, 0x0d, 0xb8];
    let mut cases = Vec::new();
    for flags in [0x00, 0x40, 0xc0] {
        let reach = attr(flags, 14, &reach_value(2, 1, &GLOBAL, &v6));
        let what = format!("MP_REACH_NLRI with flags {flags:#04x}");
        cases.push(Case::route("§3 (c)", what, agreed, Carrier::Reach, &reach, Expect::Withdraw(FLAGS)));
        // §5.2 is about messages with other attributes: a lone MP_UNREACH_NLRI does what it says all the same.
        let unreach = attr(flags, 15, &[&[0, 2, 1][..], &v6].concat());
        let row = |attributes: &[u8], carrier| {
            let what = format!("MP_UNREACH_NLRI with flags {flags:#04x}");
            Case::of("§3 (c)", what, agreed, carrier, attributes, Some(15), Expect::Withdraw(FLAGS))
        };
        cases.push(row(&unreach, Carrier::Nothing));
        let beside = [good(&agreed, Carrier::Body, &[]), unreach.clone()].concat();
        cases.push(row(&beside, Carrier::Body));
        // With another attribute and nothing announced, §5.2 applies.
        let mut reset = row(&[attr(0x40, 1, &[0]), unreach.clone()].concat(), Carrier::Nothing);
        (reset.section, reset.expect) = ("§5.2", Expect::Reset(FLAGS, Some(unreach.clone())));
        cases.push(reset);
        // A withdrawal in the body beside it changes nothing of that.
        let mut withdrawing = row(&unreach, Carrier::Nothing);
        withdrawing.message = update(&[24, 192, 0, 2], &unreach, &[]);
        cases.push(withdrawing);
    }
    cases
}
