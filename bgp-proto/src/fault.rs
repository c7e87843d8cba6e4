//! Faults: the other side broke the protocol. A fault *is* the NOTIFICATION it becomes.

use crate::{
    numbers::registry,
    wire::{
        HEADER, MAX_MESSAGE,
        notification::{self, Notification},
    },
};
use core::fmt;

registry! {
    /// The error code of a NOTIFICATION.
    ErrorCode(u8) {
        MESSAGE_HEADER = 1, "Message Header Error";
        OPEN = 2, "OPEN Message Error";
        UPDATE = 3, "UPDATE Message Error";
        HOLD_TIMER_EXPIRED = 4, "Hold Timer Expired";
        FSM = 5, "Finite State Machine Error";
        CEASE = 6, "Cease";
        ROUTE_REFRESH = 7, "ROUTE-REFRESH Message Error";
        SEND_HOLD_TIMER_EXPIRED = 8, "Send Hold Timer Expired";
    }
}

/// The other side broke the protocol: code, subcode and data of the NOTIFICATION that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The error code.
    pub code: ErrorCode,
    /// The subcode; zero where the code has none.
    pub subcode: u8,
    data: Quote,
}

/// Where the data of a NOTIFICATION comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quote {
    None,
    /// These octets of the message at fault, counted from its marker.
    Range {
        start: u16,
        end: u16,
    },
    /// Two octets that are not in the message.
    Word([u8; 2]),
}

impl Fault {
    pub(crate) const fn new(code: ErrorCode, subcode: u8) -> Fault {
        Fault { code, subcode, data: Quote::None }
    }

    /// The same fault, quoting the octets `start..end` of the message.
    pub(crate) fn quoting(self, start: usize, end: usize) -> Fault {
        // A message is at most 65,535 octets long, so both ends fit.
        let end_octet = u16::try_from(end).unwrap_or(u16::MAX);
        let start = u16::try_from(start).unwrap_or(u16::MAX);
        Fault { data: Quote::Range { start, end: end_octet }, ..self }
    }

    pub(crate) const fn saying(self, word: u16) -> Fault {
        Fault { data: Quote::Word(word.to_be_bytes()), ..self }
    }

    /// The NOTIFICATION to send. `message` is the message at fault from its marker on (as much of it as arrived). Data
    /// is cut to what fits 4,096 octets, which every peer takes (RFC 8654 §4).
    pub fn notification<'a>(&'a self, message: &'a [u8]) -> Notification<'a> {
        let data = match &self.data {
            Quote::None => &[],
            Quote::Range { start, end } => {
                let (start, end) = (usize::from(*start), usize::from(*end));
                let end = end.min(message.len()).min(start + MAX_MESSAGE - HEADER - 2);
                message.get(start.min(end)..end).unwrap_or_default()
            }
            Quote::Word(word) => word.as_slice(),
        };
        Notification { code: self.code, subcode: self.subcode, data }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        notification::describe(self.code, self.subcode, f)
    }
}

impl core::error::Error for Fault {}
