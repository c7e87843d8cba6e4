//! What a session promises whatever happens to it, checked at every event. The fuzz target shares it.

use bgp_proto::{
    session::{
        Action, ConnectionId, Session,
        record::{Event, Replay},
    },
    time::Time,
};
use std::{collections::BTreeSet, time::Duration};

/// What a caller knows of a session, checked at every action.
#[derive(Default)]
struct Watch {
    known: BTreeSet<ConnectionId>,
    gone: BTreeSet<ConnectionId>,
    up: Option<ConnectionId>,
    kept: BTreeSet<String>,
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

/// Starts a session, plays events into it and checks what it promises; returns every action with its time.
pub(crate) fn play(session: Session, events: &[(Duration, Event)]) -> Vec<String> {
    let mut replay = Replay::new(session);
    let mut watch = Watch::default();
    let (mut now, mut seen) = (Time::from_secs(1), Vec::new());
    replay.play(now, &Event::Start, |action| watch.see(&action));
    for (span, event) in events {
        now = now + *span;
        let event = &aimed(event, &replay.session);
        let accepted = if *event == Event::Accept {
            let accepted = replay.play(now, event, |action| {
                // Accepting closes an older connection at the most.
                watch.see(&action);
                seen.push(format!("{now} {action}"));
            });
            watch.known.extend(accepted);
            accepted
        } else {
            replay.play(now, event, |action| {
                watch.see(&action);
                seen.push(format!("{now} {action}"));
            })
        };
        let session = &replay.session;
        assert!(accepted.is_none_or(|id| session.connections().any(|known| known == id)));
        assert!(session.connections().count() <= 2);
        assert_eq!(session.established(), watch.up);
        let alive: BTreeSet<_> = session.connections().collect();
        assert_eq!(alive, watch.known.difference(&watch.gone).copied().collect(), "each ends with one Close");
        for gone in &watch.gone {
            assert!(session.transmit(*gone).is_empty());
        }
        if *event == Event::Tick {
            assert!(session.deadline().is_none_or(|at| at > now), "{:?} at {now}", session.deadline());
        }
        seen.push(format!("{now} {} {:?}", session.state(), session.deadline()));
    }
    seen
}
