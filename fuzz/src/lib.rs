//! What the fuzz targets do, as plain functions: libFuzzer calls them with new bytes, `tests/corpora.rs` with those that
//! are committed. Each panics where bgp-proto does, and where it breaks a promise.

#[path = "../../bgp-proto/tests/common/read.rs"]
#[allow(dead_code, reason = "shared with the tests of bgp-proto")]
mod read;
mod routes;
mod session;

use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    attr::{as_path::AsPath, set::PathAttributes},
    family::Family,
    numbers::{Afi, Safi},
    wire::{
        frame::{Frame, RawMessage, frame as first},
        message::Message,
        open::{Offer, Open},
        update::Update,
    },
};

pub use routes::identity;
pub use session::{conversation, session};

/// A target: its name, which is also the folder of its corpus, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 5] =
    [("frame", frame), ("open", open), ("update", update), ("identity", identity), ("session", session)];

/// An agreement for each value of an octet: peer kind, widths, ADD-PATH, next hops.
fn agreed(choice: u8) -> Agreed {
    let bit = |at: u8| choice >> at & 1 == 1;
    let kinds = [PeerKind::External, PeerKind::Internal, PeerKind::Confederation, PeerKind::Internal];
    let kind = kinds.get(usize::from(choice & 3)).copied().unwrap_or(PeerKind::External);
    let evpn = Family::new(Afi::L2VPN, Safi::EVPN);
    let families = Family::KNOWN.iter().copied().chain([evpn]).map(|family| FamilyAgreed {
        receive_add_path: bit(2),
        send_add_path: bit(2),
        extended_next_hop: bit(3),
        ..FamilyAgreed::plain(family)
    });
    let mut agreed = Agreed::new(kind).with_families(families.skip(usize::from(bit(4)) * 3));
    (agreed.four_octet_as, agreed.extended_message, agreed.aigp) = (!bit(5), bit(6), bit(7));
    agreed
}

/// A message of this type around the octets, as long as one may be.
fn around(kind: u8, body: &[u8]) -> Vec<u8> {
    let body = body.get(..65_516).unwrap_or(body);
    let mut bytes = vec![0xff; 16];
    bytes.extend_from_slice(&((19 + body.len()) as u16).to_be_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(body);
    bytes
}

/// The first octet chooses an agreement, the rest is a stream: every message of it is decoded and comes back.
pub fn frame(data: &[u8]) {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let agreed = agreed(*choice);
    loop {
        match first(rest, Some(&agreed)) {
            Frame::Message(raw) => {
                // Nothing behind the message counts, and without its last octet it is not whole.
                assert!(matches!(first(raw.bytes(), Some(&agreed)), Frame::Message(again) if again == raw));
                let short = &raw.bytes()[..raw.len() - 1];
                assert!(matches!(first(short, Some(&agreed)), Frame::More(1)));
                whole(raw, &agreed);
                rest = &rest[raw.len()..];
            }
            Frame::More(needed) => return assert!(needed > 0 && rest.len() + needed <= 65_535),
            Frame::Fault(fault) => return check_notification(&fault.notification(rest).to_string()),
        }
    }
}

fn check_notification(said: &str) {
    assert!(said.contains('/') && !said.contains(['\n', '\u{1b}']), "{said}");
}

fn whole(raw: RawMessage<'_>, agreed: &Agreed) {
    let message = match Message::decode(raw, agreed) {
        Ok(message) => message,
        Err(fault) => return check_notification(&fault.notification(raw.bytes()).to_string()),
    };
    read::message(&message, agreed);
    let mut again = Vec::new();
    message.encode(&mut again);
    // Of a ROUTE-REFRESH of an unknown kind what trails is not kept.
    let kept = if matches!(message, Message::RouteRefresh(_)) { 0 } else { raw.len() };
    assert_eq!(again.get(..kept), raw.bytes().get(..kept), "{message:?}");
}

/// The octets are the body of an OPEN. What it offers can be offered again, and is then read as the same.
pub fn open(data: &[u8]) {
    let bytes = around(1, data);
    let Frame::Message(raw) = first(&bytes, None) else { return };
    whole(raw, &Agreed::new(PeerKind::External));
    let Ok(open) = Open::decode(raw) else { return };
    let offer = Offer::of(&open);
    let mut again = Vec::new();
    if offer.encode(&mut again).is_err() {
        return assert!(again.is_empty(), "an OPEN that is refused leaves nothing behind");
    }
    let Frame::Message(raw) = first(&again, None) else { panic!("{offer:?} makes no message") };
    let read = Open::decode(raw).map(|open| Offer::of(&open));
    assert!(read.as_ref().is_ok_and(|read| *read == offer), "{offer:?} comes back as {read:?}");
}

/// The first octet chooses an agreement, the rest is the body of an UPDATE. What is kept of its attributes can be sent
/// again, and is then read as the same.
pub fn update(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let mut agreed = agreed(*choice);
    agreed.extended_message |= body.len() > 4000;
    let bytes = around(2, body);
    let Frame::Message(raw) = first(&bytes, Some(&agreed)) else { return };
    whole(raw, &agreed);
    let Ok(update) = Update::decode(raw, &agreed) else { return };
    assert_eq!(update.treatment().is_some(), !update.malformed().is_empty());
    let strongest = update.malformed().iter().map(|malformed| malformed.treatment).max();
    assert_eq!(strongest, update.treatment());
    check_parts(&update);
    let mut owned = PathAttributes::default();
    owned.read(update.attributes());
    check_owned(&owned, agreed.four_octet_as);
}

/// The section is what its attributes are, one by one; and what routes share is all of it but next hops and prefixes.
fn check_parts(update: &Update<'_>) {
    let attributes = update.attributes();
    let (mut parts, mut without) = (Vec::new(), Vec::new());
    for attribute in attributes.iter() {
        attribute.encode(&mut parts);
        if !matches!(attribute.code.0, 3 | 14 | 15) {
            attribute.encode(&mut without);
        }
    }
    assert!(attributes.octets().starts_with(&parts));
    assert_eq!(attributes.shared().collect::<Vec<_>>().concat(), without);
}

fn has_confederation(path: AsPath<'_>) -> bool {
    path.segments().any(|segment| matches!(segment.kind.0, 3 | 4))
}

/// A set that was read can be sent and read again.
fn check_owned(owned: &PathAttributes, four_octet_as: bool) {
    // Where AS_PATH and AS4_PATH are told together, the place of confederation segments is lost.
    if !four_octet_as && has_confederation(owned.as_path.view()) {
        return;
    }
    let mut section = Vec::new();
    owned.encode(four_octet_as, &mut section);
    let mut agreed = Agreed::new(PeerKind::Internal);
    (agreed.four_octet_as, agreed.extended_message, agreed.aigp) = (four_octet_as, true, true);
    let Ok(len) = u16::try_from(section.len()) else { return };
    let bytes = around(2, &[&[0, 0][..], &len.to_be_bytes(), &section].concat());
    if bytes.len() != 23 + section.len() {
        return;
    }
    let Frame::Message(raw) = first(&bytes, Some(&agreed)) else { panic!("{owned:?} makes no message") };
    let update = Update::decode(raw, &agreed).unwrap_or_else(|fault| panic!("{fault}: {owned:?}"));
    assert_eq!(update.treatment(), None, "{:?}", update.malformed());
    let mut read = PathAttributes::default();
    read.read(update.attributes());
    assert_eq!(&read, owned);
}
