//! ROUTE-REFRESH (RFC 2918) and the marks around a refresh (RFC 7313).

use super::frame::{self, RawMessage};
use crate::{
    family::Family,
    fault::{ErrorCode, Fault},
    numbers::{Afi, MessageType, Safi, registry},
};
use alloc::vec::Vec;
use core::fmt;

registry! {
    /// What a ROUTE-REFRESH says (RFC 7313); unknown values are to be ignored.
    RefreshKind(u8) {
        REQUEST = 0, "request";
        BEGIN = 1, "begin of refresh";
        END = 2, "end of refresh";
    }
}

/// A ROUTE-REFRESH message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRefresh {
    /// The family to be sent again.
    pub family: Family,
    /// A request, or a mark around the answer.
    pub kind: RefreshKind,
}

impl RouteRefresh {
    /// Decodes a framed ROUTE-REFRESH.
    pub fn decode(raw: RawMessage<'_>) -> Result<Self, Fault> {
        match *raw.body() {
            // RFC 7313 §5: a kind that is not known is to be ignored, however long the message is.
            [high, low, kind, safi, ref rest @ ..] if rest.is_empty() || kind > RefreshKind::END.0 => {
                let family = Family::new(Afi(u16::from_be_bytes([high, low])), Safi(safi));
                Ok(RouteRefresh { family, kind: RefreshKind(kind) })
            }
            // RFC 7313 §5: the whole message is the data. ORF entries (RFC 5291) are never agreed here.
            _ => Err(Fault::new(ErrorCode::ROUTE_REFRESH, 1).quoting(0, raw.len())),
        }
    }

    /// Appends the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = frame::begin(MessageType::ROUTE_REFRESH, out);
        out.extend_from_slice(&self.family.afi.0.to_be_bytes());
        out.extend_from_slice(&[self.kind.0, self.family.safi.0]);
        frame::end(start, out);
    }
}
