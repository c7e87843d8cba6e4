//! What the octets that arrive do to a session: one message at a time, borrowed from the input.

use super::{
    Action, ConnectionId, Reason, Session,
    collision::{Collision, Stage, Verdict, identity},
    connection::{Opened, State},
    ending::{COLLISION, FAILED, Then},
    negotiate::negotiate,
    terms::Terms,
};
use crate::{
    fault::{ErrorCode, Fault},
    numbers::MessageType,
    random::SHORTEST,
    time::Time,
    wire::{
        frame::{Frame, RawMessage, frame},
        notification::{Notification, NotificationBuf},
        open::{Offer, Open},
        route_refresh::{RefreshKind, RouteRefresh},
        update::Update,
    },
};
use alloc::{boxed::Box, vec};

/// Finite State Machine Error subcodes by state (RFC 6608 §3).
const IN_OPEN_SENT: u8 = 1;
const IN_OPEN_CONFIRM: u8 = 2;
const IN_ESTABLISHED: u8 = 3;

/// RFC 6608 §4: the data is the type of the message that was not expected.
fn unexpected(subcode: u8, kind: MessageType) -> NotificationBuf {
    NotificationBuf { code: ErrorCode::FSM, subcode, data: vec![kind.0] }
}

impl Session {
    /// Takes octets that arrived, up to the next message that the caller should know, and gives the next action.
    /// What was consumed is cut off the front of `input`; what is left when `None` is returned is the begin of a
    /// message. For a connection that is gone everything is consumed.
    #[inline]
    pub fn receive<'a>(
        &mut self,
        now: Time,
        connection: ConnectionId,
        input: &mut &'a [u8],
    ) -> Option<Action<'a>> {
        loop {
            if let Some(action) = self.actions.pop_front() {
                return Some(action);
            }
            let known = self.connections.iter_mut().find(|known| known.id == connection);
            let opened = match known.map(|known| &mut known.state) {
                Some(State::Established { opened, timers, .. }) => Some((opened, timers)),
                Some(State::Connecting) | None => {
                    *input = &[];
                    return None;
                }
                Some(_) => None,
            };
            match frame(input, opened.as_ref().map(|(opened, _)| &opened.terms.agreed)) {
                Frame::More(_) => return None,
                Frame::Fault(fault) => {
                    let notification = fault.notification(input).into();
                    *input = &[];
                    self.fail(now, connection, notification);
                }
                Frame::Message(raw) => {
                    *input = input.get(raw.len()..).unwrap_or_default();
                    if let Some((opened, timers)) = opened {
                        timers.heard(now);
                        match routine(raw, &opened.terms) {
                            Ok(Some(Action::EndOfRib(family))) => {
                                self.stale.complete(family, &mut self.actions);
                                return Some(Action::EndOfRib(family));
                            }
                            Ok(Some(action)) => return Some(action),
                            Ok(None) => {}
                            Err(fault) => self.broken(now, connection, raw, fault),
                        }
                    } else {
                        self.opening(now, connection, raw);
                    }
                }
            }
        }
    }

    /// A message that ends an established session.
    #[cold]
    fn broken(&mut self, now: Time, id: ConnectionId, raw: RawMessage<'_>, fault: Option<Fault>) {
        match (fault, raw.kind) {
            (Some(fault), _) => self.fail(now, id, fault.notification(raw.bytes()).into()),
            (None, MessageType::NOTIFICATION) => self.notified(now, id, raw),
            (None, kind) => self.fail(now, id, unexpected(IN_ESTABLISHED, kind)),
        }
    }

    /// The peer ends the connection. RFC 4271 §6.4: a NOTIFICATION is never answered by one.
    fn notified(&mut self, now: Time, id: ConnectionId, raw: RawMessage<'_>) {
        let notification = Notification::decode(raw);
        // NotifMsgVerErr is not counted before the session is up.
        let version = (notification.code, notification.subcode) == (ErrorCode::OPEN, 1)
            && self.established() != Some(id);
        let then = if version { Then::Idle { counted: false } } else { FAILED };
        self.end(now, id, Reason::Received(notification.into()), then);
    }

    /// A message on a connection that is not established.
    #[cold]
    fn opening(&mut self, now: Time, id: ConnectionId, raw: RawMessage<'_>) {
        let Some(known) = self.connection(id) else { return };
        let subcode = match (&mut known.state, raw.kind) {
            (_, MessageType::NOTIFICATION) => return self.notified(now, id, raw),
            (State::Delaying { .. } | State::OpenSent { .. }, MessageType::OPEN) => {
                return self.opened(now, id, raw);
            }
            (State::OpenConfirm { .. }, MessageType::KEEPALIVE) => return self.establish(now, id),
            (State::Waiting { heard, .. }, MessageType::KEEPALIVE) if !*heard => {
                *heard = true;
                return self.chosen(now, id);
            }
            (State::Delaying { .. } | State::OpenSent { .. }, _) => IN_OPEN_SENT,
            (_, _) => IN_OPEN_CONFIRM,
        };
        self.fail(now, id, unexpected(subcode, raw.kind));
    }

    /// The peer says KEEPALIVE on a connection that waits for its choice: it has chosen this one.
    fn chosen(&mut self, now: Time, id: ConnectionId) {
        let Some(other) = self.other(id) else { return };
        let restart = other.opened().and_then(|opened| opened.terms.restart.as_ref());
        let replaced = other.is_established() && restart.is_some();
        let reason = if replaced { Reason::Replaced } else { COLLISION };
        self.end(now, other.id, reason, FAILED);
    }

    /// The peer's OPEN.
    fn opened(&mut self, now: Time, id: ConnectionId, raw: RawMessage<'_>) {
        let ours = match self.connections.iter().find(|known| known.id == id).map(|known| &known.state) {
            Some(State::OpenSent { ours, .. }) => Offer::clone(ours),
            _ => self.settings.offer.clone(),
        };
        let theirs = match Open::decode(raw) {
            Ok(open) => Offer::of(&open),
            Err(fault) => return self.fail(now, id, fault.notification(raw.bytes()).into()),
        };
        let terms = match negotiate(&self.settings, &ours, &theirs) {
            Ok(terms) => terms,
            Err(refusal) => return self.end(now, id, Reason::Refused(refusal), FAILED),
        };
        let verdict = self.collision(id, &theirs).map_or(Verdict::GoOn, Collision::verdict);
        let other = self.other(id).map(|other| other.id);
        match (verdict, other) {
            (Verdict::CloseThis, _) => return self.end(now, id, COLLISION, FAILED),
            (Verdict::CloseOther, Some(other)) => self.end(now, other, COLLISION, FAILED),
            _ => {}
        }
        let hold_until = now + self.settings.open_hold.max(SHORTEST);
        if self.connection(id).is_some_and(|known| matches!(known.state, State::Delaying { .. })) {
            self.send_open(now, id);
        }
        let opened = Box::new(Opened { ours, theirs, terms });
        if verdict != Verdict::Wait {
            return self.confirm(now, id, opened);
        }
        if let Some(known) = self.connection(id) {
            known.state = State::Waiting { opened, heard: false, hold_until };
        }
    }

    /// The collision that an OPEN on connection `id` makes with the other one, if there is one.
    fn collision(&self, id: ConnectionId, theirs: &Offer) -> Option<Collision> {
        let known = self.connections.iter().find(|known| known.id == id)?;
        let other = self.other(id)?;
        let restart = other.opened().and_then(|opened| opened.terms.restart.as_ref());
        Some(Collision {
            ours: identity(&self.settings.offer),
            theirs: identity(theirs),
            dialled: known.dialled,
            later: known.later,
            other_dialled: other.dialled,
            other: other.stage(),
            graceful: restart.is_some() && matches!(other.stage(), Stage::Established(_)),
        })
    }
}

/// What a message means in an established session; `Err` ends it: with this fault, or for being what it is.
#[inline]
fn routine<'a>(raw: RawMessage<'a>, terms: &Terms) -> Result<Option<Action<'a>>, Option<Fault>> {
    match raw.kind {
        MessageType::UPDATE => {
            let update = Update::decode(raw, &terms.agreed).map_err(Some)?;
            Ok(Some(match update.end_of_rib() {
                Some(family) => Action::EndOfRib(family),
                None => Action::Update(update),
            }))
        }
        MessageType::KEEPALIVE => Ok(None),
        MessageType::ROUTE_REFRESH => refresh(raw, terms),
        _ => Err(None),
    }
}

/// RFC 2918 §4: a family that is not agreed, and a refresh where we did not offer it, are ignored.
fn refresh<'a>(raw: RawMessage<'a>, terms: &Terms) -> Result<Option<Action<'a>>, Option<Fault>> {
    if !(terms.route_refresh || terms.enhanced_route_refresh) {
        return Ok(None);
    }
    let mut refresh = RouteRefresh::decode(raw).map_err(Some)?;
    if !terms.enhanced_route_refresh {
        // The octet was reserved before RFC 7313, and to be ignored.
        refresh.kind = RefreshKind::REQUEST;
    }
    let known = matches!(refresh.kind, RefreshKind::REQUEST | RefreshKind::BEGIN | RefreshKind::END);
    let carried = known && terms.agreed.family(refresh.family).is_some();
    Ok(carried.then_some(Action::RouteRefresh(refresh)))
}
