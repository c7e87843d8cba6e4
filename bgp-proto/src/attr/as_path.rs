//! AS_PATH: the ASes a route came through, as a view over either width and as an owned value of four octets.

use crate::{
    numbers::{Asn, registry},
    text::{ParseError, serde_as_text},
};
use alloc::vec::Vec;
use core::{fmt, str::FromStr};

registry! {
    /// The type of an AS_PATH segment.
    SegmentKind(u8) {
        SET = 1, "AS_SET";
        SEQUENCE = 2, "AS_SEQUENCE";
        CONFED_SEQUENCE = 3, "AS_CONFED_SEQUENCE";
        CONFED_SET = 4, "AS_CONFED_SET";
    }
}

impl SegmentKind {
    const fn is_confederation(self) -> bool {
        matches!(self, SegmentKind::CONFED_SEQUENCE | SegmentKind::CONFED_SET)
    }
}

/// A segment of an AS_PATH: a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Sequence or set.
    pub kind: SegmentKind,
    asns: &'a [u8],
    four_octet: bool,
}

impl<'a> Segment<'a> {
    /// The AS numbers in order, nearest first.
    #[inline]
    pub fn asns(&self) -> Asns<'a> {
        Asns { bytes: self.asns, four_octet: self.four_octet }
    }

    /// How many there are.
    #[inline]
    pub fn count(&self) -> usize {
        self.asns.len() / if self.four_octet { 4 } else { 2 }
    }
}

/// The AS numbers of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Asns<'a> {
    bytes: &'a [u8],
    four_octet: bool,
}

impl Iterator for Asns<'_> {
    type Item = Asn;
    #[inline]
    fn next(&mut self) -> Option<Asn> {
        if self.four_octet {
            let (asn, rest) = self.bytes.split_first_chunk::<4>()?;
            self.bytes = rest;
            Some(Asn(u32::from_be_bytes(*asn)))
        } else {
            let (asn, rest) = self.bytes.split_first_chunk::<2>()?;
            self.bytes = rest;
            Some(Asn(u32::from(u16::from_be_bytes(*asn))))
        }
    }
}

/// What a check of an AS_PATH's octets found beside the structure being right.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// There are confederation segments.
    pub(crate) confederation: bool,
    /// AS 0 is among the numbers.
    pub(crate) zero: bool,
}

/// An AS_PATH: a view over a checked value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AsPath<'a> {
    bytes: &'a [u8],
    four_octet: bool,
}

/// The first segment of `bytes`, and the rest.
#[inline]
fn segment(bytes: &[u8], four_octet: bool) -> Option<(Segment<'_>, &[u8])> {
    let [kind, count, rest @ ..] = bytes else { return None };
    let width = if four_octet { 4 } else { 2 };
    let (asns, rest) = rest.split_at_checked(usize::from(*count) * width)?;
    Some((Segment { kind: SegmentKind(*kind), asns, four_octet }, rest))
}

impl<'a> AsPath<'a> {
    /// RFC 7606 §7.2: known segment types, no empty segment, no overrun, nothing left over.
    #[inline]
    pub(crate) fn check(mut bytes: &[u8], four_octet: bool) -> Option<Found> {
        let mut found = Found::default();
        while !bytes.is_empty() {
            let (segment, rest) = segment(bytes, four_octet)?;
            if segment.asns.is_empty() || !matches!(segment.kind.0, 1..=4) {
                return None;
            }
            found.confederation |= segment.kind.is_confederation();
            found.zero |= segment.asns().any(|asn| asn.0 == 0);
            bytes = rest;
        }
        Some(found)
    }

    #[inline]
    pub(crate) fn trusted(bytes: &'a [u8], four_octet: bool) -> Self {
        AsPath { bytes, four_octet }
    }

    /// The segments, nearest first.
    #[inline]
    pub fn segments(&self) -> Segments<'a> {
        Segments { bytes: self.bytes, four_octet: self.four_octet }
    }

    /// All AS numbers in order, those of sets and of confederation segments included.
    #[inline]
    pub fn asns(&self) -> impl Iterator<Item = Asn> + use<'a> {
        self.segments().flat_map(|segment| segment.asns())
    }

    /// The length that route selection compares: a set counts one, confederation segments nothing (RFC 4271
    /// §9.1.2.2, RFC 5065 §5.3).
    pub fn len(&self) -> usize {
        let weight = |segment: Segment<'_>| match segment.kind {
            SegmentKind::SEQUENCE => segment.count(),
            SegmentKind::SET => 1,
            _ => 0,
        };
        self.segments().map(weight).sum()
    }

    /// Whether there is no segment at all: a route that began in our own AS.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The AS that the route came from: the first of a leading sequence, confederation segments skipped.
    pub fn first(&self) -> Option<Asn> {
        let outer = self.segments().find(|segment| !segment.kind.is_confederation())?;
        (outer.kind == SegmentKind::SEQUENCE).then(|| outer.asns().next())?
    }

    /// The AS where the route began: the last of a trailing sequence.
    pub fn origin(&self) -> Option<Asn> {
        let last = self.segments().last()?;
        (last.kind == SegmentKind::SEQUENCE).then(|| last.asns().last())?
    }

    /// The octets of the value, as wide as they came.
    pub fn octets(&self) -> &'a [u8] {
        self.bytes
    }
}

/// The segments of an AS_PATH.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'a> {
    bytes: &'a [u8],
    four_octet: bool,
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;
    #[inline]
    fn next(&mut self) -> Option<Segment<'a>> {
        let (segment, rest) = segment(self.bytes, self.four_octet)?;
        self.bytes = rest;
        Some(segment)
    }
}

/// An owned AS_PATH, always with AS numbers of four octets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AsPathBuf(Vec<u8>);

impl AsPathBuf {
    /// A path of one sequence; longer ones than 255 get several segments.
    pub fn sequence(asns: &[Asn]) -> Self {
        let mut path = AsPathBuf::default();
        asns.chunks(255).for_each(|chunk| path.push(SegmentKind::SEQUENCE, chunk.iter().copied()));
        path
    }

    /// Adds a segment at the far end; numbers past 255 are left out, an empty segment is none.
    pub fn push(&mut self, kind: SegmentKind, asns: impl Iterator<Item = Asn>) {
        let at = self.0.len();
        self.0.extend_from_slice(&[kind.0, 0]);
        asns.take(255).for_each(|asn| self.0.extend_from_slice(&asn.0.to_be_bytes()));
        match ((self.0.len() - at) / 4, self.0.get_mut(at + 1)) {
            (count @ 1.., Some(field)) => *field = count as u8,
            _ => self.0.truncate(at),
        }
    }

    /// Puts an AS in front, `times` times: what a speaker does that announces a route to another AS.
    pub fn prepend(&mut self, asn: Asn, times: usize) {
        for _ in 0..times {
            match self.0.as_mut_slice() {
                [kind, count, ..] if *kind == SegmentKind::SEQUENCE.0 && *count < u8::MAX => {
                    *count += 1;
                    self.0.splice(2..2, asn.0.to_be_bytes());
                }
                _ => {
                    let [a, b, c, d] = asn.0.to_be_bytes();
                    self.0.splice(0..0, [SegmentKind::SEQUENCE.0, 1, a, b, c, d]);
                }
            }
        }
    }

    /// The path as a view.
    pub fn view(&self) -> AsPath<'_> {
        AsPath { bytes: &self.0, four_octet: true }
    }

    /// Becomes the path that AS_PATH and AS4_PATH tell together (RFC 6793 §4.2.3), reusing the memory.
    pub fn merge(&mut self, path: AsPath<'_>, as4_path: Option<AsPath<'_>>) {
        self.0.clear();
        let (ours, theirs) = (path.len(), as4_path.map_or(0, |p| p.len()));
        match as4_path {
            // An AS4_PATH that is longer than the AS_PATH is ignored.
            Some(as4_path) if ours >= theirs => {
                let mut cut = self.push_leading(path, ours - theirs);
                // §6: confederation segments have no business in AS4_PATH.
                for segment in as4_path.segments().filter(|segment| !segment.kind.is_confederation()) {
                    match cut.take() {
                        Some(at) if segment.kind == SegmentKind::SEQUENCE => self.push_joined(at, segment),
                        _ => self.push(segment.kind, segment.asns()),
                    }
                }
            }
            _ if path.four_octet => self.0.extend_from_slice(path.bytes),
            _ => path.segments().for_each(|segment| self.push(segment.kind, segment.asns())),
        }
    }

    /// Takes over the leading segments that count `length` together, with the confederation segments in front of
    /// them, between them and right behind them. Returns where a sequence begins that only a part was taken of.
    fn push_leading(&mut self, path: AsPath<'_>, mut length: usize) -> Option<usize> {
        for segment in path.segments() {
            match segment.kind {
                SegmentKind::SEQUENCE => {
                    let (at, count) = (self.0.len(), segment.count().min(length));
                    self.push(segment.kind, segment.asns().take(count));
                    length -= count;
                    if count < segment.count() {
                        return (count > 0).then_some(at);
                    }
                }
                SegmentKind::SET if length > 0 => {
                    self.push(segment.kind, segment.asns());
                    length -= 1;
                }
                kind if kind.is_confederation() => self.push(segment.kind, segment.asns()),
                _ => return None,
            }
        }
        None
    }

    /// Adds a sequence as the rest of the last one, which begins at `at`, where there is room.
    fn push_joined(&mut self, at: usize, segment: Segment<'_>) {
        match self.0.get_mut(at + 1) {
            Some(count) if usize::from(*count) + segment.count() <= 255 => {
                *count += segment.count() as u8;
                segment.asns().for_each(|asn| self.0.extend_from_slice(&asn.0.to_be_bytes()));
            }
            _ => self.push(segment.kind, segment.asns()),
        }
    }
}

impl AsPath<'_> {
    /// Appends the value in the given width; numbers that do not fit two octets become AS_TRANS.
    pub(crate) fn encode(&self, four_octet: bool, out: &mut Vec<u8>) {
        if self.four_octet == four_octet {
            return out.extend_from_slice(self.bytes);
        }
        for segment in self.segments() {
            out.extend_from_slice(&[segment.kind.0, segment.count() as u8]);
            for asn in segment.asns() {
                if four_octet {
                    out.extend_from_slice(&asn.0.to_be_bytes());
                } else {
                    out.extend_from_slice(&asn.two_octets().to_be_bytes());
                }
            }
        }
    }

    /// Whether a speaker of two octets needs an AS4_PATH beside it.
    pub(crate) fn needs_as4(&self) -> bool {
        // What AS4_PATH leaves out does not ask for one.
        let told = self.segments().filter(|segment| !segment.kind.is_confederation());
        told.flat_map(|segment| segment.asns()).any(|asn| asn.0 > 0xffff)
    }

    /// Appends the value of the AS4_PATH: the path without confederation segments (RFC 6793 §3).
    pub(crate) fn encode_as4(&self, out: &mut Vec<u8>) {
        for segment in self.segments().filter(|segment| !segment.kind.is_confederation()) {
            out.extend_from_slice(&[segment.kind.0, segment.count() as u8]);
            segment.asns().for_each(|asn| out.extend_from_slice(&asn.0.to_be_bytes()));
        }
    }
}

/// `65000 65001 {65002,65003}`; confederation sequences in `( )`, confederation sets in `[ ]`.
impl fmt::Display for AsPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, segment) in self.segments().enumerate() {
            let (open, separator, close) = match segment.kind {
                SegmentKind::SET => ("{", ",", "}"),
                SegmentKind::CONFED_SEQUENCE => ("(", " ", ")"),
                SegmentKind::CONFED_SET => ("[", ",", "]"),
                _ => ("", " ", ""),
            };
            f.write_str(if nth == 0 { "" } else { " " })?;
            f.write_str(open)?;
            for (nth, asn) in segment.asns().enumerate() {
                write!(f, "{}{asn}", if nth == 0 { "" } else { separator })?;
            }
            f.write_str(close)?;
        }
        Ok(())
    }
}

impl fmt::Display for AsPathBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.view(), f)
    }
}

impl fmt::Debug for AsPathBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsPathBuf({self})")
    }
}

impl FromStr for AsPathBuf {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            ParseError::new("an AS path", text, "numbers in order like 65000 65001, a set like {65002,65003}")
        };
        let mut path = AsPathBuf::default();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (kind, body, after) = match rest.split_at_checked(1) {
                Some(("{", tail)) => bracketed(SegmentKind::SET, tail, '}').ok_or_else(wrong)?,
                Some(("(", tail)) => bracketed(SegmentKind::CONFED_SEQUENCE, tail, ')').ok_or_else(wrong)?,
                Some(("[", tail)) => bracketed(SegmentKind::CONFED_SET, tail, ']').ok_or_else(wrong)?,
                _ => {
                    let (body, after) = rest.split_at(rest.find(['{', '(', '[']).unwrap_or(rest.len()));
                    (SegmentKind::SEQUENCE, body, after)
                }
            };
            let asns = body.split([' ', ',']).filter(|word| !word.is_empty()).map(str::parse::<Asn>);
            let asns = asns.collect::<Result<Vec<_>, _>>().map_err(|_| wrong())?;
            if asns.is_empty() || (asns.len() > 255 && kind != SegmentKind::SEQUENCE) {
                return Err(wrong());
            }
            asns.chunks(255).for_each(|chunk| path.push(kind, chunk.iter().copied()));
            rest = after.trim_start();
        }
        Ok(path)
    }
}

fn bracketed(kind: SegmentKind, tail: &str, close: char) -> Option<(SegmentKind, &str, &str)> {
    tail.split_once(close).map(|(body, after)| (kind, body, after))
}

serde_as_text!(AsPathBuf);
