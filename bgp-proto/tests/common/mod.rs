//! Messages built octet by octet, so that a test's input owes nothing to the encoder it tests.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod check;
pub(crate) mod negotiate;
pub(crate) mod read;

use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    family::Family,
    wire::{
        frame::{Frame, RawMessage, frame},
        update::Update,
    },
};

/// A message of this type around a body.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff; 16];
    bytes.extend_from_slice(&u16::try_from(19 + body.len()).unwrap().to_be_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(body);
    bytes
}

/// An UPDATE of these three fields.
pub(crate) fn update(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let len = |field: &[u8]| u16::try_from(field.len()).unwrap().to_be_bytes();
    message(2, &[&len(withdrawn)[..], withdrawn, &len(attributes), attributes, nlri].concat())
}

/// One path attribute; its length takes two octets where the flags say so or the value needs them.
pub(crate) fn attr(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap();
    let header = if flags & 0x10 != 0 || len > 255 {
        let [high, low] = len.to_be_bytes();
        vec![flags | 0x10, code, high, low]
    } else {
        vec![flags, code, len as u8]
    };
    [&header[..], value].concat()
}

/// Every family of the table, with nothing extra.
pub(crate) fn agreed(peer_kind: PeerKind) -> Agreed {
    Agreed::new(peer_kind).with_families(Family::KNOWN.iter().copied().map(FamilyAgreed::plain))
}

/// All messages of a buffer that holds whole ones only.
pub(crate) fn framed<'a>(bytes: &'a [u8], agreed: &Agreed) -> Vec<RawMessage<'a>> {
    let mut rest = bytes;
    let mut messages = Vec::new();
    while !rest.is_empty() {
        match frame(rest, Some(agreed)) {
            Frame::Message(message) => {
                rest = &rest[message.len()..];
                messages.push(message);
            }
            other => panic!("{other:?} at {} of {}", bytes.len() - rest.len(), bytes.len()),
        }
    }
    messages
}

/// All UPDATEs of a buffer.
pub(crate) fn updates<'a>(bytes: &'a [u8], agreed: &Agreed) -> Vec<Update<'a>> {
    framed(bytes, agreed).into_iter().map(|raw| Update::decode(raw, agreed).expect("a good UPDATE")).collect()
}
