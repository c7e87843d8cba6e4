//! What was counted of all peers, those included that are there no more: what metrics show never shrinks.

use super::Engine;
use crate::peer::{
    Peer,
    tally::{Messages, Tally},
};
use bgp_proto::session::Reason;
use std::collections::BTreeMap;

/// A kind of NOTIFICATION, and who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notified {
    /// We sent it.
    pub sent: bool,
    /// Its code; 0: one that there is not.
    pub code: u8,
    /// Its subcode; 0 too where it is one that nobody has defined.
    pub subcode: u8,
}

/// What was counted of all peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Messages that came.
    pub received: Messages,
    /// Messages that were sent.
    pub sent: Messages,
    /// Malformed messages by what they cost: an attribute, the routes, the session.
    pub malformed: [u64; 3],
    /// NOTIFICATIONs that ended connections.
    pub notifications: BTreeMap<Notified, u64>,
}

/// The largest subcode that is defined for any code.
const SUBCODES: u8 = 11;

impl Totals {
    /// Takes over what was counted of a peer.
    pub(super) fn add(&mut self, tally: &Tally) {
        self.received.add(&tally.received);
        self.sent.add(&tally.sent);
        self.malformed.iter_mut().zip(tally.malformed).for_each(|(sum, more)| *sum += more);
    }

    /// A connection ended. Strangers choose codes, and there are not to be more of them than have a meaning.
    pub(super) fn note(&mut self, reason: &Reason) {
        let Some(notification) = reason.notification() else { return };
        let known = notification.code.name().is_some();
        let code = if known { notification.code.0 } else { 0 };
        let subcode = if known && notification.subcode <= SUBCODES { notification.subcode } else { 0 };
        let kind = Notified { sent: reason.sent().is_some(), code, subcode };
        *self.notifications.entry(kind).or_default() += 1;
    }
}

impl Engine {
    /// What was counted of all peers since the start.
    pub fn totals(&self) -> Totals {
        let mut totals = self.totals.clone();
        self.peers.values().map(|peer: &Peer| &peer.tally).for_each(|tally| totals.add(tally));
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bgp_proto::{fault::ErrorCode, wire::notification::NotificationBuf};

    #[test]
    fn codes_without_a_meaning_are_counted_as_one() {
        let mut totals = Totals::default();
        for (code, subcode) in [(6, 2), (6, 2), (6, 200), (99, 1), (200, 7)] {
            let notification = NotificationBuf { code: ErrorCode(code), subcode, data: Vec::new() };
            totals.note(&Reason::Received(notification));
        }
        totals.note(&Reason::Lost);
        let counts: Vec<_> =
            totals.notifications.iter().map(|(kind, count)| (kind.code, kind.subcode, *count)).collect();
        assert_eq!(counts, [(0, 0, 2), (6, 0, 1), (6, 2, 2)]);
    }
}
