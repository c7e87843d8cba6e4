//! BFD beside the sessions of an engine: which peers have it, and what a broken path costs.

mod bench_peer;

use bench_peer::{Bench, Other, address, config, group, start};
use bgp_daemon::{
    config::{Bfd, Config, Distance},
    engine::{Change, Path, PathSeen, Which},
};
use bgp_proto::{bfd::State, family::Family};
use std::{num::NonZeroU8, time::Duration};

fn with_bfd() -> Config {
    let mut config = config([1, 2]);
    config.peers[0].settings.bfd = Some(Bfd::default());
    config
}

fn path(number: u8) -> Path {
    Path { address: address(number), interface: None, source: None, multihop: false, pace: Bfd::default() }
}

/// Two peers whose sessions are up, the first with BFD.
fn both(first: Other) -> Bench {
    let mut bench = Bench::new(with_bfd());
    bench.connect(first).unwrap();
    bench.connect(Other::new(2)).unwrap();
    bench.settle();
    bench.other(1).announce(&[65001], &["10.0.0.0/8"]);
    bench.settle();
    assert_eq!(bench.other(2).routes(), ["10.0.0.0/8"]);
    bench
}

fn up(bench: &mut Bench) -> PathSeen {
    let since = bench.now;
    let (interval, silence) = (Some(Duration::from_millis(300)), Some(Duration::from_millis(900)));
    let seen = PathSeen { state: State::Up, since, interval, silence, ..PathSeen::new(since) };
    see(bench, &seen);
    seen
}

fn broken(bench: &Bench, before: &PathSeen) -> PathSeen {
    let (now, why) = (bench.now, "control detection time expired".into());
    let broke = Some(now);
    PathSeen { state: State::Down, since: now, last: Some((now, why)), broke, ..before.clone() }
}

fn see(bench: &mut Bench, seen: &PathSeen) {
    let id = bench.id(1);
    bench.events.clear();
    bench.engine.path(bench.now, id, seen);
    bench.settle();
}

#[test]
fn a_peer_has_bfd_from_when_it_is_configured_and_not_while_it_is_down_on_purpose() {
    let mut bench = Bench::new(with_bfd());
    bench.settle();
    let id = bench.id(1);
    assert_eq!(std::mem::take(&mut bench.paths), [(id, Some(path(1)))]);
    bench.engine.shut_down(bench.now, &Which::Peer(id), "later");
    bench.settle();
    assert_eq!(std::mem::take(&mut bench.paths), [(id, None)]);
    bench.engine.start(bench.now, &Which::Peer(id));
    bench.settle();
    assert_eq!(std::mem::take(&mut bench.paths), [(id, Some(path(1)))]);
    bench.change(Change::new().config(config([2])));
    assert_eq!(bench.paths, [(id, None)]);
}

#[test]
fn bfd_comes_and_changes_and_goes_without_a_word_to_the_session() {
    let mut bench = Bench::up(config([1]), [1]);
    let id = bench.id(1);
    let mut config = config([1]);
    config.peers[0].settings.bfd = Some(Bfd::default());
    bench.change(Change::new().config(config.clone()));
    let seen = up(&mut bench);
    let pace = Bfd { interval: Duration::from_secs(1), multiplier: NonZeroU8::new(5).unwrap() };
    config.peers[0].settings.bfd = Some(pace);
    bench.change(Change::new().config(config.clone()));
    // It is the same session, at another pace.
    assert_eq!(bench.view(1).path, Some(&seen));
    config.peers[0].settings.bfd = None;
    bench.change(Change::new().config(config));
    let paths = [Some(path(1)), Some(Path { pace, ..path(1) }), None];
    assert_eq!(bench.paths, paths.map(|path| (id, path)));
    assert_eq!((bench.view(1).ups, bench.view(1).flaps), (1, 0));
    // What is still said of it is too late.
    let late = broken(&bench, &seen);
    see(&mut bench, &late);
    assert!(bench.other(1).is_up() && bench.events.is_empty());
}

#[test]
fn whoever_a_group_accepts_gets_packets_while_its_session_is_up() {
    let mut config = config([]);
    config.groups = vec![group("all", "192.0.2.0/24")];
    config.groups[0].settings.bfd = Some(Bfd::default());
    config.groups[0].settings.distance = Distance::Multihop(3);
    let mut bench = Bench::new(config);
    bench.connect(Other::new(1)).unwrap();
    assert_eq!(bench.paths, []);
    bench.settle();
    let id = bench.id(1);
    let wanted = Path { source: Some(address(254)), multihop: true, ..path(1) };
    assert_eq!(std::mem::take(&mut bench.paths), [(id, Some(wanted))]);
    bench.cut(1);
    assert_eq!(bench.paths, [(id, None)]);
}

#[test]
fn a_path_that_breaks_ends_the_session_and_its_routes_go_at_once() {
    for first in [Other::new(1), Other::graceful(1, false)] {
        let mut bench = both(first);
        let seen = up(&mut bench);
        assert_eq!(bench.events, ["peer 192.0.2.1: BFD is up"]);
        let seen = broken(&bench, &seen);
        see(&mut bench, &seen);
        assert_eq!(bench.other(2).routes().len(), 0);
        let said = bench.other(1).down.take().unwrap().to_string();
        assert!(said.contains("BFD Down (6/10)"), "{said}");
        let line = "peer 192.0.2.1: BFD is down, the path is broken: control detection time expired";
        assert_eq!(bench.events[0], line);
        assert_eq!((bench.view(1).path_ups, bench.view(1).path_flaps), (1, 1));
    }
}

/// A session that comes up while the path counts as broken stays: the peer may speak BFD no more.
#[test]
fn a_path_that_stays_broken_ends_no_other_session() {
    let mut config = with_bfd();
    config.peers[0].settings.timers.idle_hold = Duration::ZERO;
    let mut bench = Bench::new(config);
    bench.connect(Other::new(1)).unwrap();
    bench.settle();
    let seen = up(&mut bench);
    let seen = broken(&bench, &seen);
    see(&mut bench, &seen);
    bench.pass(2);
    bench.connect_again(1).unwrap();
    bench.settle();
    see(&mut bench, &PathSeen { silence: None, ..seen });
    assert!(bench.other(1).is_up());
}

#[test]
fn a_path_that_came_and_broke_between_two_looks_is_seen() {
    let mut bench = both(Other::new(1));
    up(&mut bench);
    bench.pass(1);
    let (now, why) = (bench.now, "control detection time expired".into());
    let again = PathSeen { broke: Some(now), last: Some((now, why)), state: State::Up, ..PathSeen::new(now) };
    see(&mut bench, &again);
    assert_eq!((bench.view(1).path_ups, bench.view(1).path_flaps), (2, 1));
    assert!(!bench.other(1).is_up());
}

/// RFC 5882 §3.2.
#[test]
fn a_peer_that_stops_bfd_on_purpose_keeps_its_session() {
    let mut bench = both(Other::new(1));
    let seen = up(&mut bench);
    let why = "the peer said AdminDown (administratively down)".into();
    let now = bench.now;
    let stopped = PathSeen { state: State::Down, since: now, last: Some((now, why)), ..seen };
    see(&mut bench, &stopped);
    let line = "peer 192.0.2.1: BFD is down: the peer said AdminDown (administratively down)";
    assert_eq!(bench.events, [line]);
    assert!(bench.other(1).is_up() && bench.view(1).path_flaps == 1);
}

/// RFC 5882 §4.3: what is silent because its process restarts keeps its routes, and what would not be silent then does
/// not.
#[test]
fn a_peer_that_restarts_keeps_its_routes_unless_its_bfd_would_have_outlived_that() {
    for (independent, kept) in [(false, 1), (true, 0)] {
        let mut bench = both(Other::graceful(1, false));
        let seen = PathSeen { independent, ..up(&mut bench) };
        see(&mut bench, &seen);
        bench.cut(1);
        assert_eq!(bench.view(1).stale, [Family::IPV4, Family::IPV6]);
        let seen = broken(&bench, &seen);
        see(&mut bench, &seen);
        assert_eq!(bench.other(2).routes().len(), kept, "C bit {independent}");
    }
}

/// Each such end doubles the wait for the next session, as any failure does.
#[test]
fn a_path_that_breaks_again_and_again_is_tried_less_and_less() {
    let mut config = with_bfd();
    config.peers[0].settings.passive = false;
    let mut bench = Bench::started(config, start());
    let mut waits = Vec::new();
    for _ in 0..4 {
        let before = bench.now;
        while bench.dials.is_empty() {
            bench.pass(1);
        }
        waits.push(bench.now - before);
        bench.answer(Other::new(1));
        bench.settle();
        let seen = up(&mut bench);
        let seen = broken(&bench, &seen);
        see(&mut bench, &seen);
    }
    assert!(waits.is_sorted() && waits[3] >= Duration::from_secs(3), "{waits:?}");
}
