//! NOTIFICATION: why a connection ends, with names for every code and subcode.

use super::frame::{self, RawMessage};
use crate::{fault::ErrorCode, numbers::MessageType};
use alloc::vec::Vec;
use core::fmt;

/// Subcodes of Cease (RFC 4486, 8538, 9384).
pub mod cease {
    #![expect(missing_docs, reason = "the names say it")]
    pub const MAX_PREFIXES: u8 = 1;
    pub const ADMIN_SHUTDOWN: u8 = 2;
    pub const PEER_DECONFIGURED: u8 = 3;
    pub const ADMIN_RESET: u8 = 4;
    pub const CONNECTION_REJECTED: u8 = 5;
    pub const OTHER_CONFIGURATION_CHANGE: u8 = 6;
    pub const CONNECTION_COLLISION: u8 = 7;
    pub const OUT_OF_RESOURCES: u8 = 8;
    pub const HARD_RESET: u8 = 9;
    pub const BFD_DOWN: u8 = 10;
}

/// A row for each subcode that has a name.
const SUBCODES: &[(ErrorCode, u8, &str)] = &[
    (ErrorCode::MESSAGE_HEADER, 1, "Connection Not Synchronized"),
    (ErrorCode::MESSAGE_HEADER, 2, "Bad Message Length"),
    (ErrorCode::MESSAGE_HEADER, 3, "Bad Message Type"),
    (ErrorCode::OPEN, 1, "Unsupported Version Number"),
    (ErrorCode::OPEN, 2, "Bad Peer AS"),
    (ErrorCode::OPEN, 3, "Bad BGP Identifier"),
    (ErrorCode::OPEN, 4, "Unsupported Optional Parameter"),
    (ErrorCode::OPEN, 5, "Authentication Failure"),
    (ErrorCode::OPEN, 6, "Unacceptable Hold Time"),
    (ErrorCode::OPEN, 7, "Unsupported Capability"),
    (ErrorCode::OPEN, 11, "Role Mismatch"),
    (ErrorCode::UPDATE, 1, "Malformed Attribute List"),
    (ErrorCode::UPDATE, 2, "Unrecognized Well-known Attribute"),
    (ErrorCode::UPDATE, 3, "Missing Well-known Attribute"),
    (ErrorCode::UPDATE, 4, "Attribute Flags Error"),
    (ErrorCode::UPDATE, 5, "Attribute Length Error"),
    (ErrorCode::UPDATE, 6, "Invalid ORIGIN Attribute"),
    (ErrorCode::UPDATE, 7, "AS Routing Loop"),
    (ErrorCode::UPDATE, 8, "Invalid NEXT_HOP Attribute"),
    (ErrorCode::UPDATE, 9, "Optional Attribute Error"),
    (ErrorCode::UPDATE, 10, "Invalid Network Field"),
    (ErrorCode::UPDATE, 11, "Malformed AS_PATH"),
    (ErrorCode::FSM, 1, "Receive Unexpected Message in OpenSent State"),
    (ErrorCode::FSM, 2, "Receive Unexpected Message in OpenConfirm State"),
    (ErrorCode::FSM, 3, "Receive Unexpected Message in Established State"),
    (ErrorCode::CEASE, cease::MAX_PREFIXES, "Maximum Number of Prefixes Reached"),
    (ErrorCode::CEASE, cease::ADMIN_SHUTDOWN, "Administrative Shutdown"),
    (ErrorCode::CEASE, cease::PEER_DECONFIGURED, "Peer De-configured"),
    (ErrorCode::CEASE, cease::ADMIN_RESET, "Administrative Reset"),
    (ErrorCode::CEASE, cease::CONNECTION_REJECTED, "Connection Rejected"),
    (ErrorCode::CEASE, cease::OTHER_CONFIGURATION_CHANGE, "Other Configuration Change"),
    (ErrorCode::CEASE, cease::CONNECTION_COLLISION, "Connection Collision Resolution"),
    (ErrorCode::CEASE, cease::OUT_OF_RESOURCES, "Out of Resources"),
    (ErrorCode::CEASE, cease::HARD_RESET, "Hard Reset"),
    (ErrorCode::CEASE, cease::BFD_DOWN, "BFD Down"),
    (ErrorCode::ROUTE_REFRESH, 1, "Invalid Message Length"),
];

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification<'a> {
    /// The error code.
    pub code: ErrorCode,
    /// The subcode; zero means unspecific.
    pub subcode: u8,
    /// What the code defines; for Cease 2 and 4 a text, see [`Notification::text`].
    pub data: &'a [u8],
}

impl<'a> Notification<'a> {
    /// Decodes a framed NOTIFICATION. Every body of two octets and more is one: an error in it cannot be answered.
    pub fn decode(raw: RawMessage<'a>) -> Self {
        match raw.body() {
            [code, subcode, data @ ..] => Notification { code: ErrorCode(*code), subcode: *subcode, data },
            _ => Notification { code: ErrorCode(0), subcode: 0, data: &[] },
        }
    }

    /// Appends the message; data that would not fit any message is cut off.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = frame::begin(MessageType::NOTIFICATION, out);
        out.extend_from_slice(&[self.code.0, self.subcode]);
        out.extend_from_slice(self.data.get(..super::MAX_EXTENDED - super::HEADER - 2).unwrap_or(self.data));
        frame::end(start, out);
    }

    /// The text of an administrative shutdown or reset (RFC 9003). `None` where there is none, and where it is not
    /// what the RFC allows (a length that does not fit, no UTF-8): the connection ends all the same.
    /// It comes from a stranger: print it with [`str::escape_debug`].
    pub fn text(&self) -> Option<&'a str> {
        if self.code != ErrorCode::CEASE
            || !matches!(self.subcode, cease::ADMIN_SHUTDOWN | cease::ADMIN_RESET)
        {
            return None;
        }
        let (len, rest) = self.data.split_first()?;
        let text = rest.get(..usize::from(*len)).filter(|text| !text.is_empty())?;
        core::str::from_utf8(text).ok()
    }

    /// The data of a Cease that carries this text, cut at a character's end where it is over 255 octets long.
    pub fn text_data(text: &str) -> Vec<u8> {
        let mut data = Vec::with_capacity(1 + text.len().min(255));
        super::put_text(text, 255, &mut data);
        data
    }

    /// What a Hard Reset wraps (RFC 8538 §3).
    pub fn hard_reset(&self) -> Option<Notification<'a>> {
        match (self.code, self.subcode, self.data) {
            (ErrorCode::CEASE, cease::HARD_RESET, [code, subcode, data @ ..]) => {
                Some(Notification { code: ErrorCode(*code), subcode: *subcode, data })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Notification<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(self.code, self.subcode, f)?;
        if let Some(inner) = self.hard_reset() {
            return write!(f, ": {inner}");
        }
        self.text().map_or(Ok(()), |text| write!(f, ": \"{}\"", text.escape_debug()))
    }
}

/// A NOTIFICATION that owns its data: what a session remembers of how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NotificationBuf {
    /// The error code.
    pub code: ErrorCode,
    /// The subcode; zero means unspecific.
    pub subcode: u8,
    /// What the code defines.
    pub data: Vec<u8>,
}

impl NotificationBuf {
    /// The message as a view.
    pub fn view(&self) -> Notification<'_> {
        Notification { code: self.code, subcode: self.subcode, data: &self.data }
    }

    /// The same wrapped into a Hard Reset, which ends graceful restart too (RFC 8538 §3). One that is a Hard Reset
    /// already stays as it is.
    #[must_use]
    pub fn hard(self) -> Self {
        if (self.code, self.subcode) == (ErrorCode::CEASE, cease::HARD_RESET) {
            return self;
        }
        let mut data = alloc::vec![self.code.0, self.subcode];
        data.extend_from_slice(&self.data);
        NotificationBuf { code: ErrorCode::CEASE, subcode: cease::HARD_RESET, data }
    }
}

impl From<Notification<'_>> for NotificationBuf {
    fn from(view: Notification<'_>) -> Self {
        NotificationBuf { code: view.code, subcode: view.subcode, data: view.data.to_vec() }
    }
}

impl fmt::Display for NotificationBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

/// `Cease, Administrative Shutdown (6/2)`.
pub(crate) fn describe(code: ErrorCode, subcode: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}", code.name().unwrap_or("Unknown Error"))?;
    if let Some((.., name)) = SUBCODES.iter().find(|(c, s, _)| (*c, *s) == (code, subcode)) {
        write!(f, ", {name}")?;
    }
    write!(f, " ({}/{subcode})", code.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn cease(subcode: u8, data: &[u8]) -> Notification<'_> {
        Notification { code: ErrorCode::CEASE, subcode, data }
    }

    /// RFC 9003 §2, §4.
    #[test]
    fn shutdown_text_is_read_only_where_it_is_what_the_rfc_allows() {
        assert_eq!(cease(2, b"\x05hello").text(), Some("hello"));
        assert_eq!(cease(4, b"\x05hello trailing").text(), Some("hello"));
        assert_eq!(cease(2, b"\x00").text(), None);
        assert_eq!(cease(2, b"").text(), None);
        assert_eq!(cease(2, b"\x06hello").text(), None);
        assert_eq!(cease(2, b"\x02\xff\xfe").text(), None);
        assert_eq!(cease(3, b"\x05hello").text(), None);
        let long = "é".repeat(200);
        let data = Notification::text_data(&long);
        assert_eq!(cease(2, &data).text(), Some(&long[..254]));
    }

    #[test]
    fn a_stranger_cannot_write_control_characters_into_a_log() {
        let said = cease(2, b"\x06a\n\x1b[31").to_string();
        assert_eq!(said, "Cease, Administrative Shutdown (6/2): \"a\\n\\u{1b}[31\"");
    }

    #[test]
    fn a_hard_reset_tells_what_it_wraps() {
        let said = cease(9, b"\x06\x02\x03bye").to_string();
        assert_eq!(said, "Cease, Hard Reset (6/9): Cease, Administrative Shutdown (6/2): \"bye\"");
        assert_eq!(cease(9, b"\x06").hard_reset(), None);
    }
}
