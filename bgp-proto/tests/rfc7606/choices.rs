//! What the RFCs leave open, with the way this crate goes.

use super::case::{Carrier, Case, Expect, PEERS, good, reach, reach_value, with};
use crate::common::attr;
use Expect::{Clean, Withdraw};
use bgp_proto::agreed::Agreed;

/// Unrecognized Well-known Attribute.
const UNKNOWN: u8 = 2;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for peer_kind in PEERS {
        let agreed = with(peer_kind);
        // RFC 4271 §6.3 ends the session for a well-known attribute that is not recognized, and RFC 7606 does not
        // mention it. Choice: treat-as-withdraw, as BIRD and FRR do; a session is too much for an attribute that
        // every router on the way let through. With nothing announced, §5.2 still ends it.
        for (flags, code) in [(0x40, 99), (0x00, 99), (0x60, 200), (0x50, 11), (0x40, 255)] {
            let bad = attr(flags, code, &[1, 2]);
            let what = format!("unknown attribute {code} with flags {flags:#04x}");
            cases.extend(Case::everywhere("RFC 4271 §6.3", &what, agreed, &bad, &Withdraw(UNKNOWN)));
        }
        // Optional attributes that are not recognized are no mistake, with whatever value (RFC 4271 §5, §9).
        for flags in [0x80, 0xa0, 0xc0, 0xe0, 0xd0, 0xcf] {
            for (code, len) in [(0, 1), (11, 0), (99, 0), (99, 300), (128, 3), (255, 255)] {
                let what = format!("unknown attribute {code} of {len} octets with flags {flags:#04x}");
                let bad = attr(flags, code, &vec![7; len]);
                cases.extend(Case::everywhere("RFC 4271 §5", &what, agreed, &bad, &Clean));
            }
        }
        // Attributes with specifications of their own that a speaker of these families need not read: passed on
        // unread, damaged or not. "An attribute that is not needed is never a reason to reset" (the lesson of
        // CVE-2023-38802 and its kin). PMSI_TUNNEL, AS_PATHLIMIT, BGP-LS, PREFIX_SID, ATTR_SET.
        for code in [22, 21, 29, 40, 128] {
            for value in [&[][..], &[0], &[0, 0, 0, 0, 255], &[1, 0, 9, 9]] {
                let what = format!("attribute {code} unread: {value:02x?}");
                let bad = attr(0xc0, code, value);
                cases.extend(Case::everywhere("RFC 7606 §8", &what, agreed, &bad, &Clean));
            }
        }
        // RFC 9012 §13 treats a damaged TUNNEL_ENCAPSULATION as malformed by whoever reads it. Choice: it is read on
        // request only, and there it is no tunnel at all; the route stands and the attribute passes on untouched.
        for value in [&[][..], &[0], &[0, 2, 0, 9], &[0, 2, 0, 2, 6, 9], &[0, 8, 0, 0]] {
            let what = format!("TUNNEL_ENCAPSULATION {value:02x?}");
            let bad = attr(0xc0, 23, value);
            cases.extend(Case::everywhere("RFC 9012 §13", &what, agreed, &bad, &Clean));
        }
        // §5.2 asks for reachable prefixes that can be seen. Choice: those of a family that was not agreed count as
        // seen, for nothing suggests that any were lost; and there is nothing to withdraw.
        let unknown = attr(0x80, 14, &reach_value(25, 70, &[192, 0, 2, 1], &[2, 1, 0]));
        let attributes = [unknown, attr(0x40, 1, &[9])].concat();
        let few = Agreed::new(peer_kind);
        cases.push(Case::of(
            "§5.2",
            "unseen routes",
            few,
            Carrier::Nothing,
            &attributes,
            Some(1),
            Withdraw(6),
        ));
        // RFC 4271 §5: an attribute may come in any order; MP_REACH_NLRI need not be first (RFC 7606 §5.1).
        let parts: [&[u8]; 3] =
            [&attr(0x80, 4, &[1; 4]), &good(&agreed, Carrier::Body, &[5, 1]), &attr(0x40, 1, &[0])];
        let backwards = parts.concat();
        cases.push(Case::of("§5.1", "any order", agreed, Carrier::Body, &backwards, None, Clean));
        let last = [good(&agreed, Carrier::Reach, &[14]), reach()].concat();
        cases.push(Case::of("§5.1", "MP_REACH_NLRI last", agreed, Carrier::Reach, &last, None, Clean));
    }
    cases
}
