//! Random events in random order, from a caller and a peer that mean harm: what always holds.

use crate::{
    watch,
    wire::{World, graceful, offer, secs, speaker},
};
use bgp_proto::{
    session::{
        Cause, ConnectionId, Session,
        record::{Event, Line},
    },
    time::Time,
    wire::message,
};
use proptest::prelude::*;
use std::time::Duration;

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

/// Plays a storm and checks; returns every action with its time.
fn play(seed: u64, restart: bool, events: &[(Duration, Event)]) -> Vec<String> {
    let mut settings = if restart { graceful(speaker(1), true, 30) } else { speaker(1) };
    settings.delay_open = seed.is_multiple_of(3).then_some(secs(3));
    watch::play(Session::new(settings, seed).unwrap(), events)
}

#[test]
fn a_timer_of_no_length_gets_past_the_tick_that_sets_it() {
    let mut settings = speaker(1);
    (settings.delay_open, settings.open_hold) = (Some(Duration::ZERO), Duration::ZERO);
    let events = [Event::Connected(ConnectionId(1)), Event::Tick, Event::Tick];
    let seen = watch::play(Session::new(settings, 1).unwrap(), &events.map(|event| (Duration::ZERO, event)));
    assert!(seen.iter().any(|line| line.contains("OpenSent")), "{seen:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]
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
