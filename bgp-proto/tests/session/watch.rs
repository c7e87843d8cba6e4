//! What a session promises whatever happens to it, checked at every event. The fuzz target shares it.

use bgp_proto::{
    numbers::MessageType,
    session::{
        Action, ConnectionId, Session, SessionState,
        freeze::NotFrozen,
        record::{Event, Replay},
    },
    time::Time,
    wire::frame::{Frame, frame},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What a caller knows of a session, checked at every action.
#[derive(Default)]
struct Watch {
    known: BTreeSet<ConnectionId>,
    gone: BTreeSet<ConnectionId>,
    up: Option<ConnectionId>,
    kept: BTreeSet<String>,
    /// What went out on each connection.
    said: BTreeMap<ConnectionId, Vec<u8>>,
}

impl Watch {
    fn see(&mut self, action: &Action<'_>) {
        match action {
            Action::Connect(id) => assert!(self.known.insert(*id), "{id} was used before"),
            Action::Close { connection, reason, last } => {
                assert!(self.known.contains(connection) && self.gone.insert(*connection), "{action}");
                let mut said = Vec::new();
                if let Some(notification) = reason.sent() {
                    notification.view().encode(&mut said);
                    assert!(notification.code.name().is_some(), "{action}");
                }
                assert!(last.ends_with(&said) && said.is_empty() == last.is_empty(), "{action}");
                assert!(!reason.to_string().is_empty());
                let mut all = self.said.remove(connection).unwrap_or_default();
                all.extend_from_slice(last);
                check_said(&all, !said.is_empty());
            }
            Action::Established { connection, .. } => {
                assert_eq!(self.up.replace(*connection), None, "two are established");
                assert!(self.known.contains(connection) && !self.gone.contains(connection));
            }
            Action::Down { stale, .. } => {
                assert!(self.up.take().is_some_and(|id| self.gone.contains(&id)), "{action}");
                self.kept = stale.iter().map(ToString::to_string).collect();
            }
            Action::DropStale(family) => assert!(self.kept.remove(&family.to_string()), "{action}"),
            Action::LongLivedStale(family) => assert!(self.kept.contains(&family.to_string()), "{action}"),
            _ => assert!(self.up.is_some(), "{action}"),
        }
    }
}

/// What went out on a connection from begin to end: whole messages, an OPEN first, and nothing behind a NOTIFICATION.
/// Only what ends without one may break off.
fn check_said(octets: &[u8], notified: bool) {
    let (mut rest, mut kinds) = (octets, Vec::new());
    while let Frame::Message(raw) = frame(rest, None) {
        kinds.push(raw.kind);
        rest = &rest[raw.len()..];
    }
    assert!(matches!(frame(rest, None), Frame::More(_)) && (rest.is_empty() || !notified), "{octets:02x?}");
    let end = if notified { kinds.pop() } else { None };
    assert_eq!(end, notified.then_some(MessageType::NOTIFICATION), "{octets:02x?}");
    let open = kinds.iter().position(|kind| *kind == MessageType::OPEN);
    assert_eq!(open, (!kinds.is_empty()).then_some(0), "{octets:02x?}");
    assert!(kinds.iter().skip(1).all(|kind| *kind == MessageType::KEEPALIVE), "{octets:02x?}");
}

/// Most events are about a connection that there is: numbers below ten count among those.
fn aimed(event: &Event, session: &Session) -> Event {
    let alive: Vec<_> = session.connections().collect();
    let aim = |id: ConnectionId| match alive.get(id.0 as usize % alive.len().max(1)) {
        Some(known) if id.0 < 10 => *known,
        _ => id,
    };
    match event.clone() {
        Event::Connected(id) => Event::Connected(aim(id)),
        Event::Closed(id) => Event::Closed(aim(id)),
        Event::Received(id, octets) => Event::Received(aim(id), octets),
        Event::Sent(id, octets) => Event::Sent(aim(id), octets),
        Event::Wrote(id, octets) => Event::Wrote(aim(id), octets),
        other => other,
    }
}

/// The deadline is neither too early nor too late: nothing happens before it, and behind its tick it is later.
fn check_deadline(session: &Session) {
    let Some(due) = session.deadline() else { return };
    let mut early = session.clone();
    early.tick(Time::from_nanos(due.nanos().saturating_sub(1)));
    assert!(early.poll().is_none() && early.deadline() == Some(due), "a tick before {due} does something");
    let mut session = session.clone();
    session.tick(due);
    assert!(session.deadline().is_none_or(|at| at > due), "{:?} after the tick at {due}", session.deadline());
}

/// What is told of a session fits together.
fn check_state(session: &Session, watch: &Watch) {
    assert!(session.connections().count() <= 2);
    assert_eq!(session.established(), watch.up);
    assert_eq!(session.state() == SessionState::Established, watch.up.is_some());
    assert_eq!(
        (session.terms().is_some(), session.peer_offer().is_some()),
        (watch.up.is_some(), watch.up.is_some())
    );
    let alive: BTreeSet<_> = session.connections().collect();
    assert_eq!(alive, watch.known.difference(&watch.gone).copied().collect(), "each ends with one Close");
    for gone in &watch.gone {
        assert!(session.transmit(*gone).is_empty());
    }
}

/// Hands a session over: frozen and thawed it is the same. `None`: it cannot be, since it is not established, or has
/// a second connection, which a thawed one does not know.
fn handed_over(now: Time, replay: &Replay) -> Option<Replay> {
    let session = &replay.session;
    let Some(id) = session.established() else {
        assert_eq!(session.freeze(&[]).unwrap_err(), NotFrozen::NotEstablished);
        return None;
    };
    let frozen = session.freeze(replay.unread(id)).unwrap();
    let thawed = Session::thaw(session.settings().clone(), frozen.clone()).unwrap();
    assert_eq!(thawed.freeze(&frozen.unread).as_ref(), Ok(&frozen));
    assert_eq!((thawed.terms(), thawed.transmit(id)), (session.terms(), session.transmit(id)));
    let mut next = Replay::new(thawed);
    next.play(now, &Event::Received(id, frozen.unread), |action| panic!("{action} of a part of a message"));
    (session.connections().count() == 1).then_some(next)
}

/// Plays an event and lets the caller see what follows; returns the actions, octets included.
fn play_one(now: Time, event: &Event, replay: &mut Replay, watch: &mut Watch) -> Vec<String> {
    let mut actions = Vec::new();
    if let Event::Sent(id, octets) = event {
        let waiting = replay.session.transmit(*id);
        let sent = waiting.get(..*octets).unwrap_or(waiting);
        watch.said.entry(*id).or_default().extend_from_slice(sent);
    }
    let due = replay.session.deadline().is_some_and(|due| due <= now);
    let accepted = replay.play(now, event, |action| {
        // Accepting closes an older connection at the most.
        watch.see(&action);
        actions.push(format!("{now} {action:?}"));
    });
    watch.known.extend(accepted);
    let session = &replay.session;
    assert!(accepted.is_none_or(|id| session.connections().any(|known| known == id)));
    if *event == Event::Tick {
        assert!(due || actions.is_empty(), "{actions:?} before anything is due");
        assert!(session.deadline().is_none_or(|at| at > now), "{:?} at {now}", session.deadline());
    }
    actions
}

/// Starts a session, plays events into it and checks what it promises; returns every action with its time. From when
/// it is established, a twin is frozen and thawed before every event and must do the same.
pub(crate) fn play(session: Session, events: &[(Duration, Event)]) -> Vec<String> {
    let mut replay = Replay::new(session);
    let mut watch = Watch::default();
    let (mut now, mut seen) = (Time::from_secs(1), Vec::new());
    let mut twin: Option<Replay> = None;
    replay.play(now, &Event::Start, |action| watch.see(&action));
    for (span, event) in events {
        now = now + *span;
        let event = &aimed(event, &replay.session);
        twin = handed_over(now, twin.as_ref().unwrap_or(&replay)).or(twin);
        let actions = play_one(now, event, &mut replay, &mut watch);
        check_state(&replay.session, &watch);
        check_deadline(&replay.session);
        let outlook = |session: &Session| {
            let waiting: Vec<_> =
                session.connections().map(|id| (id, session.transmit(id).to_vec())).collect();
            format!("{now} {} {:?} {waiting:?}", session.state(), session.deadline())
        };
        let told = outlook(&replay.session);
        if let Some(twin) = &mut twin {
            let mut same = Vec::new();
            twin.play(now, event, |action| same.push(format!("{now} {action:?}")));
            assert_eq!((&same, outlook(&twin.session)), (&actions, told.clone()), "after a hand-over");
        }
        seen.extend(actions);
        seen.push(told);
    }
    seen
}
