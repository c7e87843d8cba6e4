//! What two speakers on a wire come to.

use crate::wire::{World, graceful, secs, speaker};
use bgp_proto::{
    family::Family,
    numbers::HoldTime,
    session::{Cause, SessionState, record::Event},
    wire::{
        pack,
        route_refresh::{RefreshKind, RouteRefresh},
    },
};
use proptest::prelude::*;
use std::time::Duration;

const ESTABLISHED: SessionState = SessionState::Established;

fn shutdown(text: &str) -> Event {
    Event::Stop(Cause::Shutdown(Some(text.into())))
}

#[test]
fn two_that_dial_each_other_end_in_one_session() {
    let mut world = World::new(speaker(1), speaker(2));
    world.start();
    world.run(secs(3600));
    assert!(world.both_up(), "{}\n--\n{}", world.log(0), world.log(1));
    for host in 0..2 {
        assert_eq!(world.log(host).matches("established").count(), 1, "{}", world.log(host));
        assert_eq!(world.session(host).connections().count(), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_the_latencies_and_the_head_start_there_is_one_session(
        there in 1u64..300,
        back in 1u64..300,
        head_start in 0u64..1500,
        ids in (1u32..5, 1u32..5).prop_filter("differ", |(a, b)| a != b),
        delay_open: (bool, bool),
        graceful_too: bool,
    ) {
        let settings = |id, delay: bool| {
            let mut settings = if graceful_too { graceful(speaker(id), true, 0) } else { speaker(id) };
            settings.delay_open = delay.then_some(secs(2));
            settings
        };
        let mut world = World::new(settings(ids.0, delay_open.0), settings(ids.1, delay_open.1));
        world.latency = [there, back].map(Duration::from_millis);
        world.event(0, Event::Start);
        world.run(Duration::from_millis(head_start));
        world.event(1, Event::Start);
        let up = world.run_until(world.now + secs(60), World::both_up);
        prop_assert!(up, "{}\n--\n{}", world.log(0), world.log(1));
        // Both may be up for a moment on connections that collide; which of them stays is settled within a round trip.
        world.run(secs(5));
        let downs = |world: &World| world.log(0).matches("down").count() + world.log(1).matches("down").count();
        let settled = downs(&world);
        world.run(secs(600));
        prop_assert!(world.both_up(), "{}\n--\n{}", world.log(0), world.log(1));
        prop_assert_eq!(downs(&world), settled);
    }
}

#[test]
fn a_silent_peer_is_given_up_after_the_hold_time() {
    let mut world = World::new(speaker(1), speaker(2));
    world.start();
    let before = world.now;
    world.hosts[1].mute = true;
    assert!(world.run_until(before + secs(200), |world| world.state(0) != ESTABLISHED));
    assert!(world.log(0).contains("Hold Timer Expired (4/0), sent"), "{}", world.log(0));
    let waited = world.now - before;
    assert!(waited <= secs(90) && waited >= secs(59), "{waited:?}");
}

/// RFC 9687.
#[test]
fn a_peer_that_takes_nothing_is_given_up_by_the_send_hold_timer_and_keepalives_do_not_pile_up() {
    let mut world = World::new(speaker(1), speaker(2));
    world.start();
    let before = world.now;
    world.hosts[1].deaf = true;
    // The deaf one's own hold timer would end it first: it is kept from looking at it.
    world.session(1).stop(before, &Cause::Rejected);
    while world.session(1).poll().is_some() {}
    let id = world.session(0).established().unwrap();
    let keepalive = world.hosts[0].lines.len();
    let mut longest = 0;
    let mut alive = Vec::new();
    bgp_proto::wire::message::keepalive(&mut alive);
    for _ in 0..50 {
        world.event(0, Event::Received(id, alive.clone()));
        world.run(secs(20));
        longest = longest.max(world.session(0).transmit(id).len());
        if world.state(0) != ESTABLISHED {
            break;
        }
    }
    assert!(world.hosts[0].lines.len() > keepalive);
    assert!(world.log(0).contains("Send Hold Timer Expired (8/0), sent"), "{}", world.log(0));
    assert!(longest <= 19, "{longest}");
    let waited = world.now - before;
    assert!(waited >= secs(450) && waited <= secs(510), "eight minutes, not {waited:?}");
}

#[test]
fn a_slow_peer_that_takes_a_few_octets_at_a_time_stays_up() {
    let mut world = World::new(speaker(1), speaker(2));
    for host in &mut world.hosts {
        host.window = 7;
    }
    world.start();
    world.run(secs(1000));
    assert!(world.both_up(), "{}", world.log(0));
}

#[test]
fn bulk_runs_past_the_session_stand_in_for_keepalives() {
    let mut world = World::new(speaker(1), speaker(2));
    world.start();
    let id = world.session(0).established().unwrap();
    let mut update = Vec::new();
    pack::end_of_rib(Family::IPV4, &mut update);
    for _ in 0..100 {
        world.hosts[0].bulk = update.clone();
        world.run(secs(10));
        assert!(world.session(0).transmit(id).is_empty());
    }
    let sent = |event: &Event| matches!(event, Event::Sent(..));
    let keepalives = world.hosts[0].lines.iter().filter(|line| sent(&line.event)).count();
    // OPEN and KEEPALIVE on two connections at the most, and nothing in the thousand seconds since.
    assert!(keepalives <= 4, "{keepalives}");
    assert!(world.both_up(), "{}", world.log(1));
    assert_eq!(world.log(1).matches("end of ipv4").count(), 100);
}

#[test]
fn keepalives_go_out_as_often_as_configured_and_at_least_thrice_in_a_hold_time() {
    // In 300 seconds under a hold time of 90: every third of it, more often, and no more rarely than that.
    for (configured, expected) in [(None, 10), (Some(secs(10)), 30), (Some(secs(80)), 10)] {
        let mut settings = speaker(1);
        settings.keepalive = configured;
        let mut world = World::new(settings, speaker(2));
        world.start();
        let count = |world: &World| {
            world.hosts[0].lines.iter().filter(|line| matches!(line.event, Event::Sent(..))).count()
        };
        let before = count(&world);
        world.run(secs(300));
        let sent = count(&world) - before;
        assert!((expected - 1..=expected + 1).contains(&sent), "{configured:?}: {sent}");
    }
}

#[test]
fn with_the_hold_time_off_there_is_nothing_to_wait_for() {
    let mut quiet = speaker(1);
    quiet.offer.hold_time = HoldTime::OFF;
    let mut world = World::new(quiet, speaker(2));
    world.start();
    world.run(secs(10));
    assert_eq!((world.session(0).deadline(), world.session(1).deadline()), (None, None));
}

#[test]
fn a_peer_that_refuses_dials_is_dialled_again_with_growing_pauses() {
    let mut world = World::new(speaker(1), speaker(2));
    world.reachable = [false; 2];
    world.event(0, Event::Start);
    world.run(secs(600));
    let dials: Vec<_> =
        world.hosts[0].actions.iter().filter(|(_, line)| line.starts_with("connect")).collect();
    let pauses: Vec<_> = dials.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    for (pause, doubled) in pauses.iter().zip([1u64, 2, 4, 8, 16, 32, 60, 60, 60]) {
        let low = Duration::from_millis(doubled * 750);
        assert!(*pause >= low && *pause <= secs(doubled) + secs(1), "{pauses:?}");
    }
    // And a peer that comes up meanwhile is let in at once.
    world.reachable = [false, true];
    world.event(1, Event::Start);
    assert!(world.run_until(world.now + secs(2), World::both_up), "{}", world.log(0));
    // The dials that failed before count no longer.
    world.reachable = [true, false];
    world.run(secs(100));
    world.event(1, Event::Stop(Cause::Shutdown(None)));
    world.event(1, Event::Start);
    assert!(world.run_until(world.now + secs(2), World::both_up), "{}", world.log(0));
}

#[test]
fn a_session_that_keeps_failing_is_damped_and_one_that_lasted_is_not() {
    let mut world = World::new(speaker(1), speaker(2));
    world.start();
    let mut downs = Vec::new();
    for _ in 0..6 {
        world.cut();
        let before = world.now;
        assert!(world.run_until(world.now + secs(200), World::both_up), "{}", world.log(0));
        downs.push(world.now - before);
    }
    assert!(downs[5] > secs(20) && downs[0] < secs(2), "{downs:?}");
    world.run(secs(120));
    world.cut();
    let before = world.now;
    assert!(world.run_until(world.now + secs(2), World::both_up), "{:?}", world.now - before);
}

#[test]
fn a_passive_speaker_never_dials_and_two_of_them_never_meet() {
    let passive = |id| {
        let mut settings = speaker(id);
        settings.passive = true;
        settings
    };
    let mut world = World::new(passive(1), speaker(2));
    world.start();
    world.cut();
    assert!(world.run_until(world.now + secs(60), World::both_up));
    assert!(!world.log(0).contains("connect "), "{}", world.log(0));
    let mut world = World::new(passive(1), passive(2));
    world.event(0, Event::Start);
    world.event(1, Event::Start);
    world.run(secs(3600));
    assert_eq!((world.state(0), world.state(1)), (SessionState::Active, SessionState::Active));
}

/// RFC 9003.
#[test]
fn the_reason_of_a_shutdown_reaches_the_other_side_and_the_session_stays_down() {
    let mut world = World::new(speaker(1), speaker(2));
    world.start();
    world.event(0, shutdown("back at noon"));
    world.run(secs(300));
    let said = "Cease, Administrative Shutdown (6/2): \"back at noon\", received";
    assert!(world.log(1).contains(said), "{}", world.log(1));
    assert_eq!(world.state(0), SessionState::Idle);
    world.event(0, Event::Start);
    assert!(world.run_until(world.now + secs(90), World::both_up));
}

/// RFC 4486.
#[test]
fn every_cause_goes_out_as_its_own_cease() {
    let causes = [
        (Cause::MaxPrefixes { family: Family::IPV4, limit: 100 }, "Maximum Number of Prefixes Reached (6/1)"),
        (Cause::Deconfigured, "Peer De-configured (6/3)"),
        (Cause::Reset(Some("new keys".into())), "Administrative Reset (6/4): \"new keys\""),
        (Cause::Rejected, "Connection Rejected (6/5)"),
        (Cause::ConfigurationChange, "Other Configuration Change (6/6)"),
        (Cause::OutOfResources, "Out of Resources (6/8)"),
        (Cause::BfdDown, "BFD Down (6/10)"),
    ];
    for (cause, said) in causes {
        let mut world = World::new(speaker(1), speaker(2));
        world.start();
        world.event(0, Event::Reset(cause.clone()));
        world.run(secs(1));
        assert!(world.log(1).contains(said), "{cause}: {}", world.log(1));
        assert!(world.run_until(world.now + secs(90), World::both_up), "{cause}: it starts again");
    }
    assert_eq!(
        Cause::MaxPrefixes { family: Family::IPV6, limit: 258 }.notification().data,
        [0, 2, 1, 0, 0, 1, 2]
    );
}

/// RFC 2918, 7313.
#[test]
fn a_refresh_is_heard_only_where_both_sides_know_it() {
    let refreshing = |id, enhanced: bool| {
        let mut settings = speaker(id);
        let offer = &mut settings.offer.capabilities;
        offer.push(bgp_proto::wire::capability::Capability::RouteRefresh.into());
        if enhanced {
            offer.push(bgp_proto::wire::capability::Capability::EnhancedRouteRefresh.into());
        }
        settings
    };
    let hear = |a, b| {
        let mut world = World::new(a, b);
        world.start();
        for (family, kind) in [
            (Family::IPV4, RefreshKind::REQUEST),
            (Family::IPV4, RefreshKind::BEGIN),
            (Family::IPV4, RefreshKind(77)),
            (Family::IPV6, RefreshKind::REQUEST),
        ] {
            world.session(0).send(|_, out| RouteRefresh { family, kind }.encode(out));
        }
        world.run(secs(1));
        assert!(world.both_up());
        let lines: Vec<_> =
            world.log(1).lines().filter(|line| line.contains("refresh")).map(String::from).collect();
        lines
    };
    assert_eq!(
        hear(refreshing(1, true), refreshing(2, true)),
        ["route refresh of ipv4: request", "route refresh of ipv4: begin of refresh"]
    );
    // Without RFC 7313 the octet means nothing.
    assert_eq!(hear(refreshing(1, false), refreshing(2, true)), ["route refresh of ipv4: request"; 3]);
    assert!(hear(speaker(1), refreshing(2, true)).is_empty());
}

#[test]
fn the_offer_can_change_for_the_next_session_while_one_is_up() {
    let mut world = World::new(speaker(1), speaker(2));
    world.start();
    let mut offer = world.session(0).settings().offer.clone();
    offer.hold_time = HoldTime::new(30).unwrap();
    world.session(0).set_offer(offer).unwrap();
    world.run(secs(300));
    assert_eq!(world.session(1).terms().unwrap().hold_time.seconds(), 90);
    world.event(0, Event::Reset(Cause::ConfigurationChange));
    assert!(world.run_until(world.now + secs(90), World::both_up));
    assert_eq!(world.session(1).terms().unwrap().hold_time.seconds(), 30);
}

/// A peer that restarted and waits for our OPEN gets it when the old connection is known to be dead.
#[test]
fn a_second_connection_goes_on_when_the_first_is_lost() {
    let mut world = World::new(speaker(1), speaker(2));
    world.start();
    let first = world.session(0).established().unwrap();
    let second = world.event(0, Event::Accept).unwrap();
    assert!(world.session(0).transmit(second).is_empty(), "our OPEN waits for the peer's");
    world.event(0, Event::Closed(first));
    assert_eq!(world.state(0), SessionState::OpenSent);
    assert_eq!(world.session(0).transmit(second)[18], 1, "an OPEN");
}
