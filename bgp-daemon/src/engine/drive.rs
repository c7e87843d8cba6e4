//! What octets do to a peer's session, and what the session asks for.

use super::{Action, Dial, Engine, Event, Key, PeerId, fill, limits, open, seconds};
use crate::peer::{
    Ended, Peer, Up,
    overheard::Way,
    wire::{Wire, messages},
};
use bgp_proto::{
    attr::table::Treatment,
    family::Family,
    fault::ErrorCode,
    session::{self, ConnectionId, Reason, Terms},
    time::Time,
    wire::{
        notification::{NotificationBuf, cease},
        update::Update,
    },
};
use bytes::BytesMut;

/// How many reasons why a peer does not come up are said before it is up again. More of them come from a stranger who
/// makes them up.
const REASONS: usize = 16;

/// Whether a connection only was one too many, which is nothing to speak of.
fn is_collision(reason: &Reason) -> bool {
    let said = reason.notification();
    said.is_some_and(|said| (said.code, said.subcode) == (ErrorCode::CEASE, cease::CONNECTION_COLLISION))
}

/// Takes note of an UPDATE that is malformed and does not cost the session. `Some`: it is to be said.
#[cold]
fn malformed(now: Time, peer: &mut Peer, update: &Update<'_>) -> Option<Event> {
    let treatment = update.treatment()?;
    let wrong = update.malformed();
    let what: Vec<_> = wrong.iter().map(|wrong| format!("{}: {}", wrong.code, wrong.fault)).collect();
    let what: Box<str> = what.join(", ").into();
    let first = peer.tally.fault(seconds(now), treatment, what.clone(), update.octets());
    first.then(|| Event::Malformed { who: peer.who(), treatment, what })
}

impl Engine {
    /// Octets were read from a connection, cut anywhere.
    pub fn receive(&mut self, now: Time, key: Key, octets: BytesMut) {
        let Some(peer) = self.peers.get_mut(&key.peer) else { return };
        let Some(wire) = peer.wire(key.connection) else { return };
        let octets = wire.join(octets);
        let mut input = &octets[..];
        if peer.overheard.is_some() {
            self.overhear(now, key, &mut input);
        }
        self.take(now, key, &mut input);
        let consumed = octets.len() - input.len();
        if let Some(peer) = self.peers.get_mut(&key.peer) {
            peer.tally.received.count(&octets[..consumed]);
            if let Some(wire) = peer.wire(key.connection) {
                // A copy: the few octets of a message's begin are not worth a whole buffer.
                wire.unread = octets[consumed..].into();
            }
        }
        self.settle(now, key.peer);
    }

    /// Does what the messages say.
    fn take(&mut self, now: Time, key: Key, input: &mut &[u8]) {
        while let Some((action, read)) = self.learn(now, key, input) {
            if let session::Action::Close { reason, .. } = &action {
                self.faulty(now, key.peer, reason, read);
            }
            self.handle(now, key.peer, action);
        }
    }

    /// Shows messages one by one, and does what they say: what one means depends on those before it.
    #[cold]
    fn overhear(&mut self, now: Time, key: Key, input: &mut &[u8]) {
        while let Some((length, _)) = messages(input).next() {
            let Some(peer) = self.peers.get(&key.peer) else { return };
            let (message, rest) = input.split_at(length);
            if let Some(overheard) = &peer.overheard {
                let agreed = peer.up.as_ref().map(|up| &up.terms.agreed);
                let lines = overheard.lines(Way::Received, message, agreed);
                self.actions.extend(lines.into_iter().map(Action::Event));
            }
            let mut left = message;
            self.take(now, key, &mut left);
            if !left.is_empty() {
                return *input = &input[length - left.len()..];
            }
            *input = rest;
        }
    }

    /// Learns all routes up to the next thing that is not a route: the action, with the octets it was read from.
    fn learn<'a>(
        &mut self,
        now: Time,
        key: Key,
        input: &mut &'a [u8],
    ) -> Option<(session::Action<'a>, &'a [u8])> {
        let mut peer = self.peers.get_mut(&key.peer)?;
        loop {
            let read = *input;
            let update = match peer.session.receive(now, key.connection, input)? {
                session::Action::Update(update) => update,
                action => return Some((action, read)),
            };
            self.rib.learn(peer.sender, &update, seconds(now));
            self.dirty = true;
            if update.treatment().is_some() {
                self.actions.extend(malformed(now, peer, &update).map(Action::Event));
            }
            if limits::is_met(peer, &self.rib) {
                self.limit(now, key.peer);
                peer = self.peers.get_mut(&key.peer)?;
            }
        }
    }

    /// Keeps the message that ended a connection.
    #[cold]
    fn faulty(&mut self, now: Time, id: PeerId, reason: &Reason, octets: &[u8]) {
        let Some(NotificationBuf { code, .. }) = reason.sent() else { return };
        let wrong = [ErrorCode::MESSAGE_HEADER, ErrorCode::OPEN, ErrorCode::UPDATE, ErrorCode::ROUTE_REFRESH];
        if let Some(peer) = self.peers.get_mut(&id).filter(|_| wrong.contains(code)) {
            peer.tally.fault(seconds(now), Treatment::Reset, reason.to_string().into(), octets);
        }
    }

    /// Does what a session asks for.
    pub(super) fn handle(&mut self, now: Time, id: PeerId, action: session::Action<'_>) {
        match action {
            session::Action::Connect(connection) => self.dial(id, connection),
            session::Action::Close { connection, reason, last } => {
                self.close(now, id, connection, reason, last);
            }
            session::Action::Established { connection, terms } => self.up(now, id, connection, terms),
            session::Action::Down { reason, stale } => self.down(now, id, reason, stale),
            session::Action::RouteRefresh(refresh) => self.refreshed(now, id, refresh),
            session::Action::EndOfRib(family) => self.end_of_rib(now, id, family),
            session::Action::DropStale(family) => self.drop_stale(id, family),
            // UPDATEs are learned where they are read, and long-lived graceful restart is never offered.
            _ => {}
        }
    }

    fn dial(&mut self, id: PeerId, connection: ConnectionId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.wires.push(Wire::new(connection, None));
        let dial = Dial {
            remote: peer.remote.clone(),
            port: peer.settings.port,
            from: peer.settings.source_address,
            options: peer.options(),
            bound: peer.settings.timers.connect_retry,
        };
        self.actions.push_back(Action::Dial(peer.key(connection), dial));
    }

    fn close(&mut self, now: Time, id: PeerId, connection: ConnectionId, reason: Reason, last: Vec<u8>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if let Some(at) = peer.wires.iter().position(|wire| wire.id == connection) {
            let last = peer.wires.remove(at).last(last);
            peer.tally.sent.count(&last);
            if let Some(overheard) = &peer.overheard {
                fill::show_sent(overheard, peer.up.as_ref(), &last, &mut self.actions);
            }
            self.actions.push_back(Action::Close(peer.key(connection), last));
        }
        let why = peer.why.take();
        self.totals.note(&reason);
        if matches!(reason, Reason::NotNeeded | Reason::Replaced) || is_collision(&reason) {
            return;
        }
        peer.last = Some(Ended { at: now, reason: reason.clone(), why: why.clone() });
        let is_up = peer.up.as_ref().is_some_and(|up| up.connection == connection);
        let said = (reason, why);
        if !is_up && !peer.said.contains(&said) && peer.said.len() < REASONS {
            peer.said.push(said.clone());
            let (who, (reason, why)) = (peer.who(), said);
            self.actions.push_back(Action::Event(Event::NotUp { who, reason, why }));
        }
    }

    fn up(&mut self, now: Time, id: PeerId, connection: ConnectionId, terms: Box<Terms>) {
        let session = self.rib_session(id, connection, &terms);
        let (Some(session), Some(peer)) = (session, self.peers.get_mut(&id)) else { return };
        self.rib.peer_up(peer.sender, &session);
        self.dirty = true;
        let who = peer.who();
        self.actions.push_back(Action::Event(Event::Up(who.clone(), terms.clone())));
        let untold = terms.agreed.families().filter(|family| !open::is_announced(&session, *family));
        let untold = untold.map(|family| Event::FamilyNotAnnounced(who.clone(), family.family));
        self.actions.extend(untold.map(Action::Event));
        peer.tally.ups += 1;
        peer.at = peer
            .wire(connection)
            .and_then(|wire| wire.link.as_ref())
            .map(|link| (link.own(), link.address()));
        peer.said.clear();
        peer.up =
            Some(Up { connection, terms, warned: Vec::new(), exceeded: Vec::new(), complete: Vec::new() });
        self.came_up(now, id);
    }

    fn down(&mut self, now: Time, id: PeerId, reason: Reason, stale: Vec<Family>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        self.rib.peer_down(peer.sender, &stale);
        self.dirty = true;
        peer.up = None;
        peer.refreshing.clear();
        peer.tally.flaps += 1;
        peer.stale.clone_from(&stale);
        let (who, next) = (peer.who(), peer.next(now));
        self.actions.push_back(Action::Event(Event::Down { who: who.clone(), reason, next }));
        if !stale.is_empty() {
            self.actions.push_back(Action::Event(Event::RestartBegan(who, stale)));
        }
    }

    fn drop_stale(&mut self, id: PeerId, family: Family) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        self.rib.sweep(peer.sender, family);
        self.dirty = true;
        if peer.stale.contains(&family) {
            peer.stale.retain(|known| *known != family);
            self.actions.push_back(Action::Event(Event::RestartEnded(peer.who(), family)));
        }
    }
}
