//! Who may connect to a speaker, and whom it dials.

mod bench_peer;

use bench_peer::{Bench, Other, address, config, group, remote};
use bgp_daemon::{
    config::{Distance, Password, Remote},
    engine::{Change, Effect, Link, Reset, Turned, Which},
};
use bgp_proto::session::{self, SessionState};
use std::time::Duration;

#[test]
fn a_stranger_is_turned_away_and_that_is_said_once_a_minute() {
    let mut bench = Bench::new(config([1]));
    for _ in 0..10 {
        assert_eq!(bench.connect(Other::new(9)), Err(Turned::Stranger));
    }
    bench.pass(61);
    assert_eq!(bench.connect(Other::new(8)), Err(Turned::Stranger));
    bench.settle();
    assert_eq!(
        bench.events,
        [
            "192.0.2.9 is turned away: no peer is configured there and no group accepts it",
            "192.0.2.8 is turned away: no peer is configured there and no group accepts it \
             (9 more since this was last said)"
        ]
    );
    assert_eq!(bench.engine.peers().count(), 1);
}

#[test]
fn a_peer_that_is_not_passive_is_dialled_with_its_options() {
    let mut config = config([1]);
    let settings = &mut config.peers[0].settings;
    settings.passive = false;
    settings.port = 1179;
    settings.source_address = Some([192, 0, 2, 254].into());
    settings.distance = Distance::Multihop(3);
    settings.password = Password::new("secret");
    let mut bench = Bench::new(config.clone());
    let (_, dial) = bench.dials[0].clone();
    assert_eq!((dial.remote, dial.port, dial.from), (remote(1), 1179, Some([192, 0, 2, 254].into())));
    assert_eq!(
        (dial.options.distance, dial.options.password),
        (Distance::Multihop(3), Password::new("secret"))
    );
    assert_eq!(dial.bound, config.peers[0].settings.timers.connect_retry);
    let key = bench.answer(Other::new(1));
    bench.settle();
    assert!(bench.other(1).is_up());
    assert_eq!(bench.events[0], format!("peer 192.0.2.1 is up: {}", bench.view(1).terms.unwrap()));
    assert!(bench.closed.is_empty() && key.peer == bench.id(1));
}

#[test]
fn a_dial_that_fails_is_said_once_and_tried_again_and_again() {
    let mut config = config([1]);
    config.peers[0].settings.passive = false;
    let mut bench = Bench::new(config);
    for _ in 0..5 {
        let (key, _) = bench.dials.pop().unwrap();
        bench.engine.failed(bench.now, key, "connection refused");
        for _ in 0..120 {
            bench.pass(1);
            if !bench.dials.is_empty() {
                break;
            }
        }
    }
    assert_eq!(bench.events, ["peer 192.0.2.1 does not come up: dial failed: connection refused"]);
    assert!(bench.closed.is_empty(), "what the shell said is gone is not closed once more");
    // One that is never answered is given up.
    bench.pass(30);
    assert!(!bench.closed.is_empty());
    assert_eq!(bench.view(1).state, SessionState::Connect);
}

#[test]
fn both_dial_and_one_connection_is_left() {
    let mut config = config([1]);
    config.peers[0].settings.passive = false;
    let mut bench = Bench::new(config);
    let mut other = Other::with(1, |settings| settings.passive = false);
    let (dialled, _) = bench.dials.pop().unwrap();
    let (accepted, _) = bench.engine.accepted(bench.now, Bench::link(1)).unwrap();
    bench.engine.connected(bench.now, dialled, Bench::link(1));
    other.session.start(bench.now);
    let Some(session::Action::Connect(theirs)) = other.session.poll() else { panic!("it dials too") };
    other.session.connected(bench.now, theirs);
    other.links = vec![(theirs, accepted), (other.session.accept(bench.now).unwrap(), dialled)];
    bench.others.insert(1, other);
    bench.settle();
    assert!(bench.other(1).is_up());
    assert_eq!(bench.events.iter().filter(|event| event.contains("is up")).count(), 1);
    assert!(!bench.events.iter().any(|event| event.contains("Collision")), "{:?}", bench.events);
}

#[test]
fn a_group_takes_whoever_comes_from_its_ranges_and_forgets_them_when_they_go() {
    let mut config = config([]);
    config.groups = vec![group("all", "192.0.2.0/24"), group("few", "192.0.2.8/29")];
    config.groups[1].settings.password = Password::new("key");
    let mut bench = Bench::new(config);
    assert_eq!(bench.connect(Other::new(1)).unwrap().password, None);
    assert_eq!(bench.connect(Other::new(9)).unwrap().password, Password::new("key"));
    bench.settle();
    assert!(bench.other(1).is_up() && bench.other(9).is_up());
    assert_eq!(
        (bench.view(1).group, bench.view(9).group, bench.view(1).dynamic),
        (Some("all"), Some("few"), true)
    );
    bench.other(1).announce(&[65001], &["10.0.0.0/8"]);
    bench.settle();
    assert_eq!(bench.other(9).routes(), ["10.0.0.0/8"]);
    bench.cut(1);
    assert_eq!((bench.engine.peers().count(), bench.other(9).routes().len()), (1, 0));
    assert_eq!(
        bench.events.last().unwrap(),
        "peer 192.0.2.1 is down: connection lost; the peer is forgotten"
    );
    bench.connect_again(1).unwrap();
    bench.settle();
    assert!(bench.other(1).is_up());
}

#[test]
fn a_group_takes_no_more_peers_than_it_may() {
    let mut config = config([]);
    config.groups = vec![group("all", "192.0.2.0/24")];
    config.groups[0].max_peers = 2;
    let mut bench = Bench::new(config);
    bench.connect(Other::new(1)).unwrap();
    bench.connect(Other::new(2)).unwrap();
    assert_eq!(bench.connect(Other::new(3)), Err(Turned::GroupFull("all".into(), 2)));
    bench.cut(1);
    bench.connect(Other::new(3)).unwrap();
}

#[test]
fn those_who_connect_and_say_nothing_cannot_take_all_places_for_long() {
    let mut config = config([]);
    let mut open = group("all", "10.0.0.0/8");
    open.max_peers = 10_000;
    config.groups = vec![open];
    let mut bench = Bench::new(config);
    let link = |n: u16| {
        let [high, low] = n.to_be_bytes();
        Link::new("10.0.0.1:179".parse().unwrap(), (std::net::IpAddr::from([10, 1, high, low]), 40000).into())
    };
    let taken = (0..1000).take_while(|n| bench.engine.accepted(bench.now, link(*n)).is_ok()).count();
    assert_eq!(taken, 256);
    assert_eq!(bench.engine.accepted(bench.now, link(999)), Err(Turned::TooManyOpening));
    bench.pass(31);
    assert_eq!(bench.engine.peers().count(), 0);
    assert!(bench.engine.accepted(bench.now, link(999)).is_ok());
}

#[test]
fn a_configured_peer_comes_before_a_group() {
    let mut config = config([]);
    config.groups = vec![group("all", "192.0.2.0/24")];
    let mut bench = Bench::new(config.clone());
    bench.connect(Other::new(1)).unwrap();
    bench.settle();
    config.peers = vec![bench_peer::peer(1)];
    let changed = bench.change(Change::new().config(config));
    assert_eq!(changed.peers, [(remote(1), Effect::Removed), (remote(1), Effect::Added)]);
    bench.connect_again(1).unwrap();
    bench.settle();
    assert!(!bench.view(1).dynamic && bench.other(1).is_up());
}

#[test]
fn a_peer_behind_an_interface_is_whoever_is_at_the_other_end() {
    let mut config = config([1]);
    config.peers[0].remote = Remote::Interface("eth1".into());
    config.peers[0].settings.passive = false;
    let mut bench = Bench::new(config);
    assert_eq!(bench.dials[0].1.remote, Remote::Interface("eth1".into()));
    let link = |interface: &str| Link {
        interface: Some(interface.into()),
        ..Link::new("[fe80::1]:179".parse().unwrap(), "[fe80::2]:40000".parse().unwrap())
    };
    assert_eq!(bench.engine.accepted(bench.now, link("eth2")), Err(Turned::Stranger));
    assert!(bench.engine.accepted(bench.now, link("eth1")).is_ok());
    // An address that is not link-local is a stranger on any interface.
    let global = Link { interface: Some("eth1".into()), ..Bench::link(7) };
    assert_eq!(bench.engine.accepted(bench.now, global), Err(Turned::Stranger));
}

#[test]
fn an_ipv4_address_on_a_socket_of_both_families_is_itself() {
    let mut bench = Bench::new(config([1]));
    let mapped =
        Link::new("[::ffff:192.0.2.254]:179".parse().unwrap(), "[::ffff:192.0.2.1]:40000".parse().unwrap());
    let (key, _) = bench.engine.accepted(bench.now, mapped).unwrap();
    assert_eq!(key.peer, bench.id(1));
}

#[test]
fn a_peer_that_is_shut_down_is_turned_away_until_it_is_started() {
    let mut bench = Bench::up(config([1, 2]), [1, 2]);
    assert_eq!(bench.engine.shut_down(bench.now, &Which::At(remote(1)), "new cable"), 1);
    bench.settle();
    let said = "Cease, Administrative Shutdown (6/2): \"new cable\"";
    assert_eq!(
        bench.events,
        [format!("peer 192.0.2.1 is down: {said}, sent; stays down until it is started")]
    );
    assert_eq!(bench.other(1).down.as_ref().unwrap().to_string(), format!("{said}, received"));
    assert_eq!(bench.connect_again(1), Err(Turned::KeptDown));
    assert_eq!(bench.view(1).kept_down.unwrap().to_string(), "shut down by a person: new cable");
    bench.pass(600);
    assert_eq!(bench.view(1).state, SessionState::Idle);
    bench.engine.start(bench.now, &Which::Peer(bench.id(1)));
    bench.connect(Other::new(1)).unwrap();
    bench.settle();
    assert!(bench.other(1).is_up() && bench.other(2).is_up());
}

#[test]
fn a_hard_reset_ends_the_session_and_a_soft_one_says_all_again() {
    let mut bench = Bench::up(config([1, 2]), [1, 2]);
    bench.other(1).announce(&[65001], &["10.0.0.0/8"]);
    bench.settle();
    bench.others.values_mut().for_each(|other| drop(other.heard()));
    assert_eq!(bench.engine.reset(bench.now, &Which::All, &Reset::Soft), 2);
    bench.settle();
    let again = ["route refresh of ipv4: request", "route refresh of ipv6: request"];
    assert_eq!(bench.other(1).heard()[..2], again);
    let heard = bench.other(2).heard();
    assert_eq!(heard[..2], again);
    assert_eq!(
        heard[2..5],
        ["route refresh of ipv4: begin of refresh", "+10.0.0.0/8", "route refresh of ipv4: end of refresh"]
    );

    bench.engine.reset(bench.now, &Which::At(remote(1)), &Reset::Hard(Some("hello".into())));
    bench.settle();
    assert_eq!(
        bench.other(1).down.as_ref().unwrap().to_string(),
        "Cease, Administrative Reset (6/4): \"hello\", received"
    );
    assert_eq!(bench.other(2).routes().len(), 0);
    bench.pass(3);
    bench.connect_again(1).unwrap();
    bench.settle();
    assert!(bench.other(1).is_up());
}

#[test]
fn keys_are_known_before_anybody_connects() {
    let mut config = config([1, 2, 3]);
    config.peers[0].settings.password = Password::new("a");
    config.peers[2].remote = Remote::Interface("eth1".into());
    config.peers[2].settings.password = Password::new("b");
    config.groups = vec![group("all", "198.51.100.0/24"), group("open", "203.0.113.0/24")];
    config.groups[0].settings.password = Password::new("c");
    let key = |range: &str, interface: Option<&str>, text| {
        (range.parse().unwrap(), interface.map(Into::into), Password::new(text).unwrap())
    };
    assert_eq!(
        Bench::new(config).engine.keys(),
        [
            key("192.0.2.1/32", None, "a"),
            key("fe80::/10", Some("eth1"), "b"),
            key("198.51.100.0/24", None, "c")
        ]
    );
}

#[test]
fn a_peer_in_the_wrong_as_is_refused_and_that_is_said_once() {
    let mut bench = Bench::new(config([1]));
    for _ in 0..3 {
        let mut wrong = Other::with(1, |settings| settings.offer.asn = bgp_proto::numbers::Asn(64999));
        wrong.number = 1;
        let _ = bench.connect(wrong);
        bench.settle();
        bench.pass(2);
    }
    assert_eq!(
        bench.events[0],
        "peer 192.0.2.1 does not come up: OPEN Message Error, Bad Peer AS (2/2): the peer is in AS 64999, and AS 65001 \
         is wanted, sent"
    );
    assert_eq!(bench.events.iter().filter(|event| event.contains("Bad Peer AS")).count(), 1);
    assert_eq!(
        (bench.view(1).last.unwrap().at + Duration::from_secs(10) > bench.now, address(1)),
        (true, address(1))
    );
}
