//! What must hold for every message that another implementation sent and that is well-formed.

use super::{framed, update};
use bgp_proto::{
    agreed::Agreed,
    attr::{
        set::PathAttributes,
        table::{AttributeCode, Treatment},
    },
    wire::{
        frame::RawMessage,
        message::Message,
        open::{Offer, Open},
        update::Update,
    },
};

/// Decodes a message and holds it to being written again octet for octet, in whole and in parts.
pub(crate) fn comes_back<'a>(raw: RawMessage<'a>, agreed: &Agreed) -> Result<Message<'a>, String> {
    let message = Message::decode(raw, agreed).map_err(|fault| fault.to_string())?;
    let mut again = Vec::new();
    message.encode(&mut again);
    if again != raw.bytes() {
        return Err(format!("it comes back as {again:02x?}"));
    }
    match &message {
        Message::Open(open) => open_comes_back(open)?,
        Message::Update(update) => update_comes_back(update, agreed)?,
        _ => {}
    }
    Ok(message)
}

fn open_comes_back(open: &Open<'_>) -> Result<(), String> {
    let offer = Offer::of(open);
    let mut bytes = Vec::new();
    offer.encode(&mut bytes).map_err(|error| error.to_string())?;
    let [raw] = framed(&bytes, &Agreed::new(bgp_proto::agreed::PeerKind::External))[..] else {
        return Err("an offer is one message".to_owned());
    };
    let read = Offer::of(&Open::decode(raw).map_err(|fault| fault.to_string())?);
    if read == offer { Ok(()) } else { Err(format!("{offer:?} comes back as {read:?}")) }
}

fn update_comes_back(view: &Update<'_>, agreed: &Agreed) -> Result<(), String> {
    let attributes = view.attributes();
    let (mut parts, mut without) = (Vec::new(), Vec::new());
    for attribute in attributes.iter() {
        attribute.encode(&mut parts);
        let apart = [AttributeCode::NEXT_HOP, AttributeCode::MP_REACH, AttributeCode::MP_UNREACH];
        if !apart.contains(&attribute.code) {
            attribute.encode(&mut without);
        }
    }
    // Octets at the end that are no whole attribute are part of a malformed message only.
    if view.treatment() != Some(Treatment::Withdraw) && parts != attributes.octets() {
        return Err("its attributes one by one are not its section".to_owned());
    }
    if without != attributes.shared().collect::<Vec<_>>().concat() {
        return Err("what its routes share is not the section without next hops and prefixes".to_owned());
    }
    let mut owned = PathAttributes::default();
    owned.read(attributes);
    let mut section = Vec::new();
    owned.encode(agreed.four_octet_as, &mut section);
    let mut roomy = *agreed;
    roomy.extended_message = true;
    let bytes = update(&[], &section, &[]);
    let [again] = framed(&bytes, &roomy)[..] else { return Err("one UPDATE".to_owned()) };
    let again = Update::decode(again, &roomy).map_err(|fault| fault.to_string())?;
    let mut read = PathAttributes::default();
    read.read(again.attributes());
    if again.treatment().is_some() || read != owned {
        return Err(format!("{owned:?} comes back as {read:?}, {:?}", again.malformed()));
    }
    Ok(())
}
