//! Framing: where a message ends in a stream of octets. Three outcomes, and a bad length is never "need more".

use super::{HEADER, MAX_EXTENDED, MAX_MESSAGE, patch_length};
use crate::{
    agreed::Agreed,
    fault::{ErrorCode, Fault},
    numbers::MessageType,
};
use alloc::vec::Vec;

/// What the front of a receive buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Not a whole message yet: at least this many octets more are needed.
    More(usize),
    /// A whole message; drop [`RawMessage::len`] octets from the buffer when done with it.
    Message(RawMessage<'a>),
    /// No message can begin with these octets. There is no going on in this stream.
    Fault(Fault),
}

/// A whole message whose header is right and whose body was not looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawMessage<'a> {
    /// The type octet; one of the five known ones.
    pub kind: MessageType,
    bytes: &'a [u8],
}

impl<'a> RawMessage<'a> {
    /// The message with its header.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The octets after the header.
    #[inline]
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }

    /// Octets of the whole message.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a message is never empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Shortest whole message of each type, by type octet; zero: no such type. A short ROUTE-REFRESH has a fault of its
/// own (RFC 7313 §5).
const SHORTEST: [usize; 6] = [0, 29, 23, 21, 19, 19];

/// Looks at the front of a receive buffer. `agreed` is `None` until both OPENs are known.
#[inline]
pub fn frame<'a>(input: &'a [u8], agreed: Option<&Agreed>) -> Frame<'a> {
    let Some(header) = input.first_chunk::<HEADER>() else {
        // RFC 4271 §6.1: the marker is judged as soon as an octet of it is wrong; the rest must be awaited.
        let marker = input.get(..16).unwrap_or(input);
        let bad = marker.iter().any(|octet| *octet != 0xff);
        return if bad {
            Frame::Fault(Fault::new(ErrorCode::MESSAGE_HEADER, 1))
        } else {
            Frame::More(HEADER - input.len())
        };
    };
    let [marker @ .., high, low, kind] = header;
    if u128::from_be_bytes(*marker) != u128::MAX {
        return Frame::Fault(Fault::new(ErrorCode::MESSAGE_HEADER, 1));
    }
    let shortest = SHORTEST.get(usize::from(*kind)).copied().unwrap_or_default();
    if shortest == 0 {
        return Frame::Fault(Fault::new(ErrorCode::MESSAGE_HEADER, 3).quoting(18, 19));
    }
    let kind = MessageType(*kind);
    let len = usize::from(u16::from_be_bytes([*high, *low]));
    // RFC 8654 §4: OPEN and KEEPALIVE stay within 4,096 octets. A KEEPALIVE is a header and nothing else.
    let longest = match kind {
        MessageType::KEEPALIVE => HEADER,
        MessageType::OPEN => MAX_MESSAGE,
        _ => agreed.map_or(MAX_MESSAGE, Agreed::max_message),
    };
    if len < shortest || len > longest {
        return Frame::Fault(Fault::new(ErrorCode::MESSAGE_HEADER, 2).quoting(16, 18));
    }
    match input.get(..len) {
        Some(bytes) => Frame::Message(RawMessage { kind, bytes }),
        None => Frame::More(len - input.len()),
    }
}

/// Begins a message: header with the length still to fill in. Returns where the message starts.
pub(crate) fn begin(kind: MessageType, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    let mut header = [0xff; HEADER];
    (header[16], header[17], header[18]) = (0, 0, kind.0);
    out.extend_from_slice(&header);
    start
}

/// Ends a message that began at `start`.
pub(crate) fn end(start: usize, out: &mut [u8]) {
    debug_assert!(out.len() - start <= MAX_EXTENDED, "a message outgrew its length field");
    patch_length(out, start + 16, 18);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(len: u16, kind: u8) -> Vec<u8> {
        let mut bytes = alloc::vec![0xff; 16];
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.push(kind);
        bytes
    }

    fn notified(input: &[u8]) -> (u8, u8, Vec<u8>) {
        match frame(input, None) {
            Frame::Fault(fault) => {
                let n = fault.notification(input);
                (n.code.0, n.subcode, n.data.to_vec())
            }
            other => panic!("no fault: {other:?}"),
        }
    }

    #[test]
    fn a_message_is_awaited_octet_by_octet_and_never_looked_past() {
        let mut input = header(23, 2);
        input.extend_from_slice(&[0, 0, 0, 0, 0xaa]);
        for have in 0..19 {
            assert_eq!(frame(&input[..have], None), Frame::More(19 - have));
        }
        for have in 19..23 {
            assert_eq!(frame(&input[..have], None), Frame::More(23 - have));
        }
        let Frame::Message(message) = frame(&input, None) else { panic!("whole message not seen") };
        assert_eq!(
            (message.kind, message.len(), message.body()),
            (MessageType::UPDATE, 23, &[0, 0, 0, 0][..])
        );
    }

    /// RFC 4271 §6.1, RFC 8654 §4: every way a header can be wrong, with the data that the NOTIFICATION carries.
    #[test]
    fn a_bad_header_is_a_fault_at_once() {
        let mut torn = header(19, 4);
        torn[3] = 0;
        assert_eq!(notified(&torn), (1, 1, alloc::vec![]));
        assert_eq!(notified(&torn[..4]), (1, 1, alloc::vec![]));
        assert_eq!(notified(&header(19, 0)), (1, 3, alloc::vec![0]));
        assert_eq!(notified(&header(19, 6)), (1, 3, alloc::vec![6]));
        for (len, kind) in
            [(18, 4), (20, 4), (28, 1), (22, 2), (20, 3), (18, 5), (0, 2), (4097, 2), (4097, 1), (65535, 3)]
        {
            assert_eq!(notified(&header(len, kind)), (1, 2, len.to_be_bytes().to_vec()), "{len} {kind}");
        }
    }

    #[test]
    fn extended_messages_are_framed_only_when_agreed_and_never_for_open() {
        let mut agreed = Agreed::new(crate::agreed::PeerKind::External);
        agreed.extended_message = true;
        assert!(matches!(frame(&header(4097, 2), Some(&agreed)), Frame::More(_)));
        assert!(matches!(frame(&header(4097, 1), Some(&agreed)), Frame::Fault(_)));
        assert!(matches!(frame(&header(20, 4), Some(&agreed)), Frame::Fault(_)));
    }
}
