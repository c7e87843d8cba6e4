//! AIGP: the accumulated IGP metric (RFC 7311).

use crate::wire::{Parsed, Short};
use alloc::vec::Vec;
use nom::{
    Parser,
    bytes::complete::take,
    combinator::verify,
    number::complete::{be_u8, be_u16, be_u64},
};

const AIGP: u8 = 1;

/// One TLV: type and value; its length counts type and length too.
fn tlv(input: &[u8]) -> Parsed<'_, (u8, &[u8])> {
    let (input, (kind, len)) = (be_u8, verify(be_u16, |len| *len >= 3)).parse(input)?;
    let (input, value) = take(usize::from(len) - 3)(input)?;
    Ok((input, (kind, value)))
}

/// Whether the TLVs fit; the first AIGP TLV must hold a metric.
pub(crate) fn is_well_formed(mut value: &[u8]) -> bool {
    while !value.is_empty() {
        match tlv(value) {
            Ok((_, (AIGP, metric))) if metric.len() != 8 => return false,
            Ok((rest, _)) => value = rest,
            Err(_) => return false,
        }
    }
    true
}

/// The metric of the first AIGP TLV.
pub(crate) fn metric(mut value: &[u8]) -> Option<u64> {
    loop {
        let (rest, (kind, found)) = tlv(value).ok()?;
        if kind == AIGP {
            return be_u64::<_, Short>(found).ok().map(|(_, metric)| metric);
        }
        value = rest;
    }
}

/// Appends an AIGP TLV.
pub(crate) fn encode(metric: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&[AIGP, 0, 11]);
    out.extend_from_slice(&metric.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_metric_counts_and_other_tlvs_are_skipped() {
        let mut value = alloc::vec![9, 0, 4, 0xaa];
        encode(7, &mut value);
        encode(8, &mut value);
        assert!(is_well_formed(&value));
        assert_eq!(metric(&value), Some(7));
        assert_eq!(metric(&[9, 0, 3]), None);
        assert!(
            !is_well_formed(&[1, 0, 4, 0]) && !is_well_formed(&[9, 0, 2]) && !is_well_formed(&[9, 0, 9, 0])
        );
    }
}
