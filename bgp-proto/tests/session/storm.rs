//! Random events in random order, from a caller and a peer that mean harm: what always holds.

use crate::wire::{World, graceful, offer, secs, speaker};
use bgp_proto::{
    session::{
        Action, Cause, ConnectionId, Session,
        record::{Event, Line, Replay},
    },
    time::Time,
    wire::message,
};
use proptest::prelude::*;
use std::{collections::BTreeSet, time::Duration};

/// Octets as a peer may send them: good messages in a bad order, bad ones, pieces and noise.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let raw = |kind: u8, body: &[u8]| {
        let mut out = vec![0xff; 16];
        out.extend_from_slice(&(19 + body.len() as u16).to_be_bytes());
        out.push(kind);
        out.extend_from_slice(body);
        out
    };
    let open = |asn, id| {
        let mut out = Vec::new();
        graceful(
            bgp_proto::session::Settings::new(offer(asn, id), bgp_proto::session::RemoteAs::Any),
            true,
            9,
        )
        .offer
        .encode(&mut out)
        .unwrap();
        out
    };
    let mut hello = open(65002, 2);
    message::keepalive(&mut hello);
    let whole = prop_oneof![
        12 => Just(hello),
        3 => Just(open(65002, 2)),
        1 => Just(open(65002, 77)),
        1 => Just(open(0, 2)),
        8 => Just(raw(4, &[])),
        3 => Just(raw(2, &[0, 0, 0, 0])),
        1 => Just(raw(2, &[0, 9, 0, 0])),
        1 => Just(raw(3, &[6, 2])),
        1 => Just(raw(3, &[6, 9, 6, 2])),
        1 => Just(raw(5, &[0, 1, 0, 1])),
        1 => proptest::collection::vec(any::<u8>(), 0..30),
    ];
    (whole, 0usize..12, any::<prop::sample::Index>()).prop_map(|(whole, cut, at)| match cut {
        0 if !whole.is_empty() => whole[..at.index(whole.len())].to_vec(),
        1 if !whole.is_empty() => whole[at.index(whole.len())..].to_vec(),
        _ => whole,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let id = || (1u32..12).prop_map(ConnectionId);
    let cause = prop_oneof![
        Just(Cause::Shutdown(Some("bye\nnow \\ é".into()))),
        Just(Cause::Reset(None)),
        Just(Cause::OutOfResources),
        Just(Cause::MaxPrefixes { family: bgp_proto::family::Family::IPV6, limit: 7 }),
    ];
    prop_oneof![
        3 => Just(Event::Start),
        1 => cause.clone().prop_map(Event::Stop),
        1 => cause.clone().prop_map(Event::Reset),
        1 => cause.prop_map(Event::HardReset),
        1 => Just(Event::Restart),
        8 => Just(Event::Accept),
        8 => id().prop_map(Event::Connected),
        2 => id().prop_map(Event::Closed),
        30 => (id(), octets()).prop_map(|(id, octets)| Event::Received(id, octets)),
        3 => (id(), 0usize..100).prop_map(|(id, octets)| Event::Sent(id, octets)),
        2 => (id(), 0usize..100).prop_map(|(id, octets)| Event::Wrote(id, octets)),
        8 => Just(Event::Tick),
    ]
}

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![4 => Just(Duration::ZERO), 4 => (0u64..5000).prop_map(Duration::from_millis), 1 => (0u64..500_000).prop_map(Duration::from_millis)]
}

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

/// Plays a storm and checks; returns every action with its time.
fn play(seed: u64, restart: bool, events: &[(Duration, Event)]) -> Vec<String> {
    let mut settings = if restart { graceful(speaker(1), true, 30) } else { speaker(1) };
    settings.delay_open = seed.is_multiple_of(3).then_some(secs(3));
    let mut replay = Replay::new(Session::new(settings, seed).unwrap());
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_in_whatever_order_the_contract_holds(
        seed: u64,
        restart: bool,
        events in proptest::collection::vec((span(), event()), 0..60),
    ) {
        play(seed, restart, &events);
    }

    #[test]
    fn events_survive_being_written_down(span in span(), event in event()) {
        let line = Line { at: Time::START + span, event };
        prop_assert_eq!(line.to_string().parse::<Line>().unwrap(), line);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_same_events_at_the_same_times_with_the_same_seed_do_the_same(
        seed: u64,
        events in proptest::collection::vec((span(), event()), 0..60),
    ) {
        prop_assert_eq!(play(seed, true, &events), play(seed, true, &events));
    }

    #[test]
    fn two_that_dial_each_other_end_in_one_session_whenever_the_network_breaks(
        cuts in proptest::collection::vec(1u64..5000, 0..12),
        restart: bool,
        latency in 1u64..200,
    ) {
        let settings = |id| if restart { graceful(speaker(id), true, 0) } else { speaker(id) };
        let mut world = World::new(settings(1), settings(2));
        world.latency = [Duration::from_millis(latency); 2];
        world.event(0, Event::Start);
        world.event(1, Event::Start);
        for after in cuts {
            world.run(Duration::from_millis(after));
            world.cut();
        }
        let up = world.run_until(world.now + secs(600), World::both_up);
        prop_assert!(up, "{}\n--\n{}", world.log(0), world.log(1));
        world.run(secs(5));
        prop_assert!(world.both_up(), "{}\n--\n{}", world.log(0), world.log(1));
        prop_assert_eq!(world.session(0).connections().count() + world.session(1).connections().count(), 2);
    }
}
