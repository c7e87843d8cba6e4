//! What is on its way through one TCP connection: what was read and is no whole message yet, and what was handed out
//! to be written and is not reported as written.

use crate::engine::{Link, MAX_WRITES, WINDOW};
use bgp_proto::{
    session::{ConnectionId, Session},
    time::Time,
    wire::HEADER,
};
use bytes::{Bytes, BytesMut};
use std::{collections::VecDeque, mem};

/// One TCP connection.
pub(crate) struct Wire {
    pub(crate) id: ConnectionId,
    /// `None` while it is dialled.
    pub(crate) link: Option<Link>,
    /// The begin of a message.
    pub(crate) unread: BytesMut,
    /// What was handed out, in order.
    flight: VecDeque<Segment>,
    in_flight: usize,
    /// Of that, what the session still counts as unsent.
    of_session: usize,
    /// What the RIB wants written and there was no room for.
    pub(crate) held: Bytes,
    /// Octets ever handed out, and ever written.
    pub(crate) handed: u64,
    pub(crate) written: u64,
}

/// One write.
struct Segment {
    left: usize,
    of_session: bool,
}

impl Wire {
    pub(crate) fn new(id: ConnectionId, link: Option<Link>) -> Self {
        Wire {
            id,
            link,
            unread: BytesMut::new(),
            flight: VecDeque::new(),
            in_flight: 0,
            of_session: 0,
            held: Bytes::new(),
            handed: 0,
            written: 0,
        }
    }

    /// What was read before and what is read now.
    pub(crate) fn join(&mut self, octets: BytesMut) -> BytesMut {
        if self.unread.is_empty() {
            return octets;
        }
        let mut joined = mem::take(&mut self.unread);
        joined.extend_from_slice(&octets);
        joined
    }

    /// How many octets may be handed out.
    pub(crate) fn room(&self) -> usize {
        if self.flight.len() < MAX_WRITES { WINDOW - self.in_flight } else { 0 }
    }

    /// What the session wants written next, as far as there is room.
    pub(crate) fn hand_session(&mut self, unsent: &[u8]) -> Option<Bytes> {
        let fresh = unsent.get(self.of_session..)?;
        let octets = whole(fresh, self.room());
        let octets = Bytes::copy_from_slice(fresh.get(..octets).filter(|octets| !octets.is_empty())?);
        self.of_session += octets.len();
        self.hand(&octets, true);
        Some(octets)
    }

    /// What is held of the RIB's, as far as there is room.
    pub(crate) fn hand_held(&mut self) -> Option<Bytes> {
        let octets = whole(&self.held, self.room());
        if octets == 0 {
            return None;
        }
        let octets = self.held.split_to(octets);
        self.hand(&octets, false);
        Some(octets)
    }

    fn hand(&mut self, octets: &Bytes, of_session: bool) {
        self.flight.push_back(Segment { left: octets.len(), of_session });
        self.in_flight += octets.len();
        self.handed += octets.len() as u64;
    }

    /// So many octets were written.
    pub(crate) fn wrote(&mut self, now: Time, octets: usize, session: &mut Session) {
        let mut left = octets.min(self.in_flight);
        self.in_flight -= left;
        self.written += left as u64;
        let (mut sent, mut wrote) = (0, 0);
        while let Some(first) = self.flight.front_mut().filter(|_| left > 0) {
            let part = first.left.min(left);
            *(if first.of_session { &mut sent } else { &mut wrote }) += part;
            first.left -= part;
            left -= part;
            if first.left == 0 {
                self.flight.pop_front();
            }
        }
        self.of_session -= sent;
        session.sent(now, self.id, sent);
        session.wrote(now, self.id, wrote);
    }

    /// Of what a session writes last, what was not handed out yet.
    pub(crate) fn last(&self, last: Vec<u8>) -> Bytes {
        let mut last = Bytes::from(last);
        last.split_off(self.of_session.min(last.len()))
    }
}

/// The octets of whole messages at the front that fit so much room.
fn whole(octets: &[u8], room: usize) -> usize {
    if octets.len() <= room {
        return octets.len();
    }
    let mut end = 0;
    for (length, _) in messages(octets) {
        if end + length > room {
            break;
        }
        end += length;
    }
    end
}

/// Lengths and types of whole messages; what is none ends it.
pub(crate) fn messages(octets: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let [high, low, kind] = *rest.get(16..)?.first_chunk::<3>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        rest = rest.get(length..).filter(|_| length >= HEADER)?;
        Some((length, kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bgp_proto::{
        numbers::{Asn, HoldTime, RouterId},
        session::{RemoteAs, Settings},
        wire::{message, open::Offer},
    };

    fn keepalives(count: usize) -> Bytes {
        let mut out = Vec::new();
        (0..count).for_each(|_| message::keepalive(&mut out));
        out.into()
    }

    fn session() -> Session {
        let offer = Offer::new(Asn(65001), RouterId::new(1).unwrap(), HoldTime::new(90).unwrap());
        Session::new(Settings::new(offer, RemoteAs::Any), 1).unwrap()
    }

    #[test]
    fn no_more_than_the_window_is_handed_out_and_only_whole_messages() {
        let mut wire = Wire::new(ConnectionId(1), None);
        wire.held = keepalives(20_000);
        let first = wire.hand_held().unwrap();
        assert_eq!((first.len() % 19, first.len() > WINDOW - 19, first.len() <= WINDOW), (0, true, true));
        assert_eq!(wire.hand_held(), None);
        wire.wrote(Time::START, 19, &mut session());
        assert_eq!(wire.hand_held().unwrap().len(), 19);
        wire.wrote(Time::START, usize::MAX, &mut session());
        assert_eq!((wire.written, wire.handed), (first.len() as u64 + 19, first.len() as u64 + 19));
        for _ in 0..MAX_WRITES {
            wire.held = keepalives(1);
            assert!(wire.hand_held().is_some());
        }
        wire.held = keepalives(1);
        assert_eq!(wire.hand_held(), None, "as many writes as the shell has places for");
    }

    #[test]
    fn what_was_handed_out_is_cut_from_what_is_written_last() {
        let mut wire = Wire::new(ConnectionId(1), None);
        let unsent = keepalives(3);
        assert_eq!(wire.hand_session(&unsent[..38]).unwrap(), unsent[..38]);
        assert_eq!(wire.hand_session(&unsent).unwrap().len(), 19);
        assert_eq!(wire.hand_session(&unsent), None);
        assert_eq!(wire.last(keepalives(4).to_vec()).len(), 19);
        assert!(wire.last(Vec::new()).is_empty());
    }

    #[test]
    fn lengths_that_cannot_be_end_the_walk() {
        assert_eq!(messages(&[0; 40]).count(), 0);
        assert_eq!(messages(&[255; 40]).count(), 0);
        assert_eq!(messages(&keepalives(2)).collect::<Vec<_>>(), [(19, 4), (19, 4)]);
    }
}
