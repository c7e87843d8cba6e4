//! The wire format, a file per message or part of one: each is type → decode → encode.

pub mod attributes;
pub mod capability;
pub mod frame;
pub mod message;
pub mod nlri;
pub mod notification;
pub mod open;
pub mod pack;
pub mod route_refresh;
pub mod update;

/// Octets of a message header: marker, length, type.
pub const HEADER: usize = 19;
/// The longest message without RFC 8654.
pub const MAX_MESSAGE: usize = 4096;
/// The longest message with RFC 8654.
pub const MAX_EXTENDED: usize = 65535;

use alloc::vec::Vec;
use nom::error::{ErrorKind, ParseError};

/// The error of our nom parsers: a field does not fit what encloses it. Where it happened decides what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short;

impl<I> ParseError<I> for Short {
    fn from_error_kind(_: I, _: ErrorKind) -> Self {
        Short
    }
    fn append(_: I, _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// What a parser of a field returns: the rest and the field.
pub(crate) type Parsed<'a, T> = nom::IResult<&'a [u8], T, Short>;

/// Appends a text of up to `room` octets behind its length in one octet; a longer one is cut at a character's end.
pub(crate) fn put_text(text: &str, room: usize, out: &mut Vec<u8>) {
    let most = text.len().min(room).min(255);
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    out.push(end as u8);
    out.extend_from_slice(text.as_bytes().get(..end).unwrap_or_default());
}

/// Fills in a two-octet length at `at`: as many octets as were appended after it, plus `extra`.
pub(crate) fn patch_length(out: &mut [u8], at: usize, extra: usize) {
    let written = (out.len() - at - 2 + extra) as u16;
    if let Some(field) = out.get_mut(at..at + 2) {
        field.copy_from_slice(&written.to_be_bytes());
    }
}
