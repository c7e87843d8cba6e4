//! A message of any type, decoded.

use super::{
    frame::{self, RawMessage},
    notification::Notification,
    open::Open,
    route_refresh::RouteRefresh,
    update::Update,
};
use crate::{agreed::Agreed, fault::Fault, numbers::MessageType};
use alloc::vec::Vec;

/// A decoded message: views over the octets they came from.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// The first message of a connection.
    Open(Open<'a>),
    /// Routes announced and withdrawn.
    Update(Update<'a>),
    /// The last message of a connection: why it ends.
    Notification(Notification<'a>),
    /// Still here.
    Keepalive,
    /// A wish to hear a family again, or the marks around such a repetition.
    RouteRefresh(RouteRefresh),
}

impl<'a> Message<'a> {
    /// Decodes a framed message. A fault ends the session; what RFC 7606 lets live is part of [`Update`].
    #[inline]
    pub fn decode(raw: RawMessage<'a>, agreed: &Agreed) -> Result<Message<'a>, Fault> {
        // No `?` here: it would move the message once more.
        match raw.kind {
            MessageType::UPDATE => Update::decode(raw, agreed).map(Message::Update),
            MessageType::KEEPALIVE => Ok(Message::Keepalive),
            MessageType::OPEN => Open::decode(raw).map(Message::Open),
            MessageType::NOTIFICATION => Ok(Message::Notification(Notification::decode(raw))),
            _ => RouteRefresh::decode(raw).map(Message::RouteRefresh),
        }
    }

    /// Appends the message as it was received, octet for octet; of a ROUTE-REFRESH of a kind that is to be ignored,
    /// the part that is understood.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Message::Open(open) => open.encode(out),
            Message::Update(update) => update.encode(out),
            Message::Notification(notification) => notification.encode(out),
            Message::Keepalive => keepalive(out),
            Message::RouteRefresh(refresh) => refresh.encode(out),
        }
    }
}

/// Appends a KEEPALIVE.
pub fn keepalive(out: &mut Vec<u8>) {
    let start = frame::begin(MessageType::KEEPALIVE, out);
    frame::end(start, out);
}
