//! Making UPDATEs: as many prefixes to a message as fit, as many messages as are needed.

use super::{
    attributes::{put_header, split_first},
    frame,
    nlri::{Item, Path},
    patch_length,
};
use crate::{
    agreed::Agreed,
    attr::{
        next_hop::NextHop,
        table::{AttributeCode, flags},
    },
    family::Family,
    numbers::MessageType,
};
use alloc::vec::Vec;
use core::fmt;

/// Attributes that leave no room for a single prefix in a message of the agreed size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// Octets of the message without any prefix.
    pub octets: usize,
    /// Octets that the peer accepts.
    pub limit: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the attributes need {} octets and the peer takes messages of {}; shorten the path or the communities",
            self.octets, self.limit
        )
    }
}

impl core::error::Error for TooLong {}

/// What to announce together: all prefixes of one UPDATE share it.
#[derive(Clone, Copy, Debug)]
pub struct Announcement<'a> {
    /// The family of the prefixes.
    pub family: Family,
    /// The attributes but the next hop, encoded, in the order of their codes: see
    /// [`PathAttributes::encode`](crate::attr::set::PathAttributes::encode).
    pub attributes: &'a [u8],
    /// The next hop. An IPv4 one of an IPv6 family is written as the IPv4-mapped address (RFC 4659 §3.2.1.2, RFC 4798
    /// §2).
    pub next_hop: NextHop,
}

impl Announcement<'_> {
    /// Appends UPDATEs that announce all of `paths`. Returns how many messages they took.
    pub fn encode<'p, T: Item<'p>>(
        &self,
        agreed: &Agreed,
        paths: impl IntoIterator<Item = Path<T>>,
        out: &mut Vec<u8>,
    ) -> Result<usize, TooLong> {
        let mut paths = paths.into_iter();
        let mut messages = 0;
        while self.encode_one(agreed, &mut paths, out)? > 0 {
            messages += 1;
        }
        Ok(messages)
    }

    /// Appends one UPDATE with as many of `paths` as fit and says how many those were; zero, and no message, when
    /// there are none left. `Err`: nothing was appended and nothing taken.
    pub fn encode_one<'p, T: Item<'p>>(
        &self,
        agreed: &Agreed,
        paths: &mut impl Iterator<Item = Path<T>>,
        out: &mut Vec<u8>,
    ) -> Result<usize, TooLong> {
        let start = frame::begin(MessageType::UPDATE, out);
        out.extend_from_slice(&[0; 4]);
        let section = out.len();
        let mut room = Room::new(self.family, agreed, start);
        // RFC 8950 §4: an IPv4 prefix goes into the body unless its next hop is IPv6.
        let packed = match self.next_hop {
            NextHop::Ipv4(next_hop) if self.family == Family::IPV4 => {
                self.put_with_next_hop(next_hop.octets(), out);
                patch_length(out, section - 2, 0);
                room.fill(paths, out)
            }
            next_hop => {
                // RFC 7606 §5.1: MP_REACH_NLRI is the first attribute.
                put_header(flags::OPTIONAL | flags::EXTENDED, AttributeCode::MP_REACH, 0, out);
                put_family(self.family, out);
                next_hop.mapped_into(self.family.afi).encode(self.family.shape(), out);
                out.push(0);
                room.keep_free(self.attributes.len());
                let packed = room.fill(paths, out);
                patch_length(out, section + 2, 0);
                out.extend_from_slice(self.attributes);
                patch_length(out, section - 2, 0);
                packed
            }
        };
        room.finish(packed, out)
    }

    /// Appends the attributes with NEXT_HOP in its place among them.
    #[inline]
    fn put_with_next_hop(&self, next_hop: [u8; 4], out: &mut Vec<u8>) {
        let mut after = self.attributes;
        while let Some((_, rest)) =
            split_first(after).filter(|(first, _)| first.code.0 < AttributeCode::NEXT_HOP.0)
        {
            after = rest;
        }
        let (before, after) = self.attributes.split_at(self.attributes.len() - after.len());
        out.extend_from_slice(before);
        put_header(flags::TRANSITIVE, AttributeCode::NEXT_HOP, next_hop.len(), out);
        out.extend_from_slice(&next_hop);
        out.extend_from_slice(after);
    }
}

/// Appends UPDATEs that withdraw all of `paths`. Returns how many messages they took.
/// Labelled items carry [`Labels::WITHDRAWN`](super::nlri::Labels::WITHDRAWN).
pub fn withdraw<'p, T: Item<'p>>(
    family: Family,
    agreed: &Agreed,
    paths: impl IntoIterator<Item = Path<T>>,
    out: &mut Vec<u8>,
) -> usize {
    let mut paths = paths.into_iter();
    let mut messages = 0;
    while withdraw_one(family, agreed, &mut paths, out) > 0 {
        messages += 1;
    }
    messages
}

/// Appends one UPDATE that withdraws as many of `paths` as fit and says how many those were; zero, and no message,
/// when there are none left.
pub fn withdraw_one<'p, T: Item<'p>>(
    family: Family,
    agreed: &Agreed,
    paths: &mut impl Iterator<Item = Path<T>>,
    out: &mut Vec<u8>,
) -> usize {
    let start = frame::begin(MessageType::UPDATE, out);
    let section = out.len();
    out.extend_from_slice(&[0, 0]);
    let mut room = Room::new(family, agreed, start);
    let packed = if family == Family::IPV4 {
        room.keep_free(2);
        let packed = room.fill(paths, out);
        patch_length(out, section, 0);
        out.extend_from_slice(&[0, 0]);
        packed
    } else {
        out.extend_from_slice(&[0, 0]);
        put_unreach(family, out);
        let packed = room.fill(paths, out);
        patch_length(out, section + 6, 0);
        patch_length(out, section + 2, 0);
        packed
    };
    // A message without attributes has room for any item.
    room.finish(packed, out).unwrap_or_default()
}

/// Appends the End-of-RIB marker of a family (RFC 4724 §2).
pub fn end_of_rib(family: Family, out: &mut Vec<u8>) {
    let start = frame::begin(MessageType::UPDATE, out);
    out.extend_from_slice(&[0; 4]);
    if family != Family::IPV4 {
        let section = out.len();
        put_unreach(family, out);
        patch_length(out, section + 2, 0);
        patch_length(out, section - 2, 0);
    }
    frame::end(start, out);
}

/// Appends the head of an MP_UNREACH_NLRI; its length is still to be filled in.
fn put_unreach(family: Family, out: &mut Vec<u8>) {
    put_header(flags::OPTIONAL | flags::EXTENDED, AttributeCode::MP_UNREACH, 0, out);
    put_family(family, out);
}

fn put_family(family: Family, out: &mut Vec<u8>) {
    out.extend_from_slice(&family.afi.0.to_be_bytes());
    out.push(family.safi.0);
}

/// The room of one message.
struct Room {
    start: usize,
    limit: usize,
    reserved: usize,
    add_path: bool,
}

impl Room {
    #[inline]
    fn new(family: Family, agreed: &Agreed, start: usize) -> Self {
        let add_path = agreed.family(family).is_some_and(|family| family.send_add_path);
        Room { start, limit: agreed.max_message(), reserved: 0, add_path }
    }

    /// Keeps octets free for what follows the items.
    #[inline]
    fn keep_free(&mut self, octets: usize) {
        self.reserved = octets;
    }

    /// Appends items as long as the longest one would still fit. `None`: not even one does.
    #[inline]
    fn fill<'p, T: Item<'p>>(
        &self,
        paths: &mut impl Iterator<Item = Path<T>>,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let longest = T::LONGEST + if self.add_path { 4 } else { 0 };
        let last = (self.start + self.limit).checked_sub(self.reserved + longest)?;
        if out.len() > last {
            return None;
        }
        let mut packed = 0;
        while out.len() <= last {
            let Some(path) = paths.next() else { break };
            if self.add_path {
                out.extend_from_slice(&path.id.to_be_bytes());
            }
            path.item.encode(out);
            packed += 1;
        }
        Some(packed)
    }

    /// Ends the message, or takes it back where nothing is in it.
    #[inline]
    fn finish(self, packed: Option<usize>, out: &mut Vec<u8>) -> Result<usize, TooLong> {
        match packed {
            Some(packed @ 1..) => {
                frame::end(self.start, out);
                Ok(packed)
            }
            nothing => {
                let octets = out.len() - self.start;
                out.truncate(self.start);
                nothing.ok_or(TooLong { octets, limit: self.limit })
            }
        }
    }
}
