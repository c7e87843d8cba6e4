//! A speaker as its shell drives it: routes in, routes out, and what people are shown of them.

mod bench_peer;

use bench_peer::{Bench, Other, address, config, local, peer, remote};
use bgp_daemon::{
    config::Remote,
    engine::{Action, Change, Event, Link, NotDone, Sent, Start, WINDOW, Which},
    policy::NextHopChange,
    rib::{Aggregate, Place},
};
use bgp_proto::{family::Family, numbers::MessageType, session::SessionState};
use bytes::BytesMut;
use std::net::Ipv4Addr;

#[test]
fn what_one_peer_announces_the_others_are_told() {
    let mut bench = Bench::up(config([1, 2]), [1, 2]);
    bench.other(1).announce(&[65001], &["10.0.0.0/8", "10.1.0.0/16"]);
    bench.settle();
    assert_eq!(bench.other(2).heard(), ["+10.1.0.0/16", "+10.0.0.0/8"]);
    assert_eq!(bench.other(2).routes["10.0.0.0/8"], "65000 65001");
    assert_eq!(bench.other(1).routes().len(), 0);
    bench.other(1).withdraw(&["10.1.0.0/16"]);
    bench.settle();
    assert_eq!(bench.other(2).routes(), ["10.0.0.0/8"]);
    bench.cut(1);
    assert_eq!(bench.other(2).routes().len(), 0);
    assert_eq!(bench.events, ["peer 192.0.2.1 is down: connection lost; waits for the peer to connect"]);
}

#[test]
fn a_peer_that_comes_up_is_told_all_there_is_and_then_that_this_is_all() {
    let mut bench = Bench::new(config([1]));
    bench.change(Change::new().replace("pods", vec![local("10.0.0.0/24"), local("2001:db8::/64")]));
    bench.connect(Other::new(1)).unwrap();
    bench.settle();
    let heard = bench.other(1).heard();
    assert_eq!(heard[1..], ["+10.0.0.0/24", "end of ipv4", "end of ipv6"]);
    assert_eq!(
        bench.events[1],
        "peer 192.0.2.1 is told nothing of ipv6: there is no address of ours for the next hop; set own_addresses"
    );
}

#[test]
fn each_owner_has_routes_of_its_own() {
    let mut bench = Bench::up(config([1]), [1]);
    bench.change(Change::new().replace("a", vec![local("10.1.0.0/16")]).update(
        "b",
        vec![local("10.2.0.0/16"), local("10.3.0.0/16")],
        vec![],
    ));
    assert_eq!(bench.other(1).routes(), ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]);
    bench.change(Change::new().update("b", vec![], vec!["10.2.0.0/16".parse().unwrap()]));
    bench.change(Change::new().replace("a", vec![local("10.4.0.0/16")]));
    assert_eq!(bench.other(1).routes(), ["10.3.0.0/16", "10.4.0.0/16"]);
    assert_eq!(bench.engine.source("a"), bench.engine.source("a"));
    assert_ne!(bench.engine.source("a"), bench.engine.source("b"));
    bench.change(Change::new().end("b"));
    assert_eq!(bench.other(1).routes(), ["10.4.0.0/16"]);
}

#[test]
fn the_owner_config_is_the_configuration_itself_and_a_change_that_is_refused_changes_nothing() {
    let mut config = config([1]);
    config.routes = vec![local("10.0.0.0/16")];
    let mut bench = Bench::up(config.clone(), [1]);
    assert_eq!(bench.other(1).routes(), ["10.0.0.0/16"]);
    let refused =
        bench.engine.change(bench.now, Change::new().replace("a", vec![local("10.1.0.0/16")]).end("config"));
    assert_eq!(refused, Err(NotDone::OwnerTaken("config".into())));
    bench.settle();
    assert_eq!(bench.other(1).routes(), ["10.0.0.0/16"]);
    config.routes.clear();
    bench.change(Change::new().config(config));
    assert_eq!(bench.other(1).routes().len(), 0);
}

#[test]
fn an_aggregate_of_the_configuration_is_there_while_a_contributor_is() {
    let mut config = config([1, 2]);
    config.aggregates = vec![Aggregate { route: local("10.0.0.0/8"), summary_only: true }];
    let mut bench = Bench::up(config.clone(), [1, 2]);
    bench.other(1).announce(&[65001], &["10.1.0.0/16"]);
    bench.settle();
    assert_eq!(bench.other(2).routes(), ["10.0.0.0/8"]);
    config.aggregates.clear();
    bench.change(Change::new().config(config));
    assert_eq!(bench.other(2).routes(), ["10.1.0.0/16"]);
}

#[test]
fn a_default_route_is_originated_whether_or_not_there_is_one_and_for_nobody_else() {
    let mut config = config([1, 2, 3]);
    config.peers[0].settings.default_originate = true;
    config.peers[0].settings.export = None;
    let mut bench = Bench::up(config.clone(), [1, 2, 3]);
    assert_eq!(bench.other(1).routes["0.0.0.0/0"], "65000");
    assert_eq!(bench.other(2).routes().len(), 0);
    // Somebody's default route changes nothing for it, coming or going.
    bench.other(3).announce(&[65003], &["0.0.0.0/0"]);
    bench.settle();
    assert_eq!(bench.other(2).routes["0.0.0.0/0"], "65000 65003");
    bench.other(3).withdraw(&["0.0.0.0/0"]);
    bench.settle();
    assert_eq!((bench.other(1).heard().len(), bench.other(2).routes().len()), (0, 0));
    // It comes and goes with the configuration, without a reset.
    for wanted in [false, true, false] {
        config.peers[0].settings.default_originate = wanted;
        bench.change(Change::new().config(config.clone()));
        assert_eq!(bench.other(1).routes().len(), usize::from(wanted));
    }
    assert_eq!((bench.view(1).flaps, bench.engine.page(Place::default(), 10).prefixes.len()), (0, 0));
}

#[test]
fn octets_may_come_cut_anywhere() {
    let mut bench = Bench::up(config([1, 2]), [1, 2]);
    for piece in [1, 7, 19, 20, 23, 100] {
        bench.other(1).announce(&[65001, piece], &["10.0.0.0/8", "10.1.0.0/16"]);
        bench.other(1).withdraw(&["10.1.0.0/16"]);
        let (connection, key) = bench.other(1).links[0];
        let octets = bench.other(1).session.transmit(connection).to_vec();
        let now = bench.now;
        bench.other(1).session.sent(now, connection, octets.len());
        for chunk in octets.chunks(piece as usize) {
            bench.engine.receive(now, key, BytesMut::from(chunk));
        }
        bench.settle();
        assert_eq!(bench.other(2).routes["10.0.0.0/8"], format!("65000 65001 {piece}"));
    }
    // Two UPDATEs each time, an OPEN and a KEEPALIVE; not what came in pieces counted twice.
    let received = bench.view(1).received;
    let kinds =
        [MessageType::UPDATE, MessageType::OPEN, MessageType::KEEPALIVE].map(|kind| received.of(kind));
    assert_eq!(kinds, [12, 1, 1]);
}

#[test]
fn a_mark_is_written_when_every_socket_took_what_came_before_it() {
    let mut bench = Bench::up(config([1, 2]), [1, 2]);
    let mut before = bench.engine.mark();
    assert!(bench.engine.is_written(&mut before));
    bench.other(2).stalled = true;
    bench.change(Change::new().replace("pods", vec![local("10.0.0.0/24")]));
    let mut mark = bench.engine.mark();
    assert_eq!(bench.other(1).routes(), ["10.0.0.0/24"]);
    assert!(!bench.engine.is_written(&mut mark), "a socket has not taken it");
    bench.unstall(2);
    assert!(bench.engine.is_written(&mut mark));
    // Who is gone is owed nothing.
    bench.other(2).stalled = true;
    bench.change(Change::new().end("pods"));
    let mut mark = bench.engine.mark();
    assert!(!bench.engine.is_written(&mut mark));
    bench.cut(2);
    assert!(bench.engine.is_written(&mut mark));
}

#[test]
fn a_peer_that_takes_nothing_is_handed_no_more_than_the_window_and_others_are_not_held_up() {
    let mut bench = Bench::up(config([1, 2]), [1, 2]);
    bench.other(2).stalled = true;
    let prefix = |n: u32| format!("10.{}.{}.{}/32", n >> 16, n >> 8 & 255, n & 255);
    let routes = (0..200_000).map(|n| local(&prefix(n))).collect();
    bench.change(Change::new().replace("pods", routes));
    assert_eq!(bench.other(1).routes.len(), 200_000);
    let waiting = bench.stalled_octets(2);
    assert!(waiting > WINDOW / 2 && waiting <= WINDOW, "{waiting}");
    bench.unstall(2);
    assert_eq!(bench.other(2).routes.len(), 200_000);
}

#[test]
fn a_notification_follows_what_was_handed_out_and_nothing_is_said_twice() {
    let mut bench = Bench::up(config([1]), [1]);
    bench.other(1).stalled = true;
    // A KEEPALIVE is handed out and not written when the session is ended.
    bench.pass(31);
    assert_eq!(bench.stalled_octets(1), 19);
    let which = Which::All;
    bench.engine.shut_down(bench.now, &which, "bye");
    let closes: Vec<_> = std::iter::from_fn(|| bench.engine.poll()).collect();
    let last = closes.iter().find_map(|action| match action {
        Action::Close(_, last) => Some(last),
        _ => None,
    });
    let last = last.unwrap();
    assert_eq!((last[18], last.len()), (3, 25), "a NOTIFICATION with its text, and no KEEPALIVE before it");
    assert!(closes.iter().any(|action| matches!(action, Action::Event(Event::Down { .. }))));
}

#[test]
fn what_there_is_to_be_seen_of_a_peer() {
    let mut config = config([1, 2]);
    config.peers[0].settings.description = Some("first".into());
    config.peers[1].settings.import = None;
    let mut bench = Bench::up(config, [1, 2]);
    bench.other(1).announce(&[65001], &["10.0.0.0/8", "10.1.0.0/16"]);
    bench.other(2).announce(&[65002], &["10.2.0.0/16"]);
    bench.settle();
    let view = bench.view(1);
    let (terms, routes) = (view.terms.unwrap(), view.routes[0]);
    assert_eq!(
        (view.description, view.state, view.ups, view.flaps),
        (Some("first"), SessionState::Established, 1, 0)
    );
    assert_eq!((view.address, terms.remote_asn.0, view.last), (Some(address(1)), 65001, None));
    assert_eq!((routes.family, routes.received, routes.accepted, routes.advertised), (Family::IPV4, 2, 2, 0));
    let routes = bench.view(2).routes[0];
    assert_eq!((routes.received, routes.accepted, routes.advertised), (1, 0, 2));
    let listed = &bench.engine.routes("10.2.0.0/16".parse().unwrap())[0];
    assert_eq!(listed.reason, "rejected by policy none");
    assert_eq!(bench.engine.sender(listed.sender), Some(Sent::Peer(bench.id(2), &remote(2))));
    let page = bench.engine.page(Place::default(), 2);
    assert_eq!((page.prefixes.len(), page.next.is_some()), (2, true));

    bench.cut(1);
    bench.pass(5);
    let view = bench.view(1);
    let last = view.last.unwrap();
    assert_eq!((view.state, view.flaps, view.terms), (SessionState::Active, 1, None));
    assert_eq!(
        (last.reason.to_string(), last.why.as_deref()),
        ("connection lost".into(), Some("connection reset"))
    );
    let counts = |number| bench.view(number).routes[0];
    assert_eq!((counts(1).received, counts(1).accepted, counts(2).advertised), (0, 0, 0));
}

#[test]
fn messages_at_fault_are_counted_kept_and_said_once() {
    let mut bench = Bench::up(config([1, 2]), [1, 2]);
    let now = bench.now;
    let (_, key) = bench.other(1).links[0];
    // ORIGIN 9 is none: the routes count as withdrawn.
    let update = [
        &[0xff; 16][..],
        &[0, 41, 2, 0, 0, 0, 14],
        &[0x40, 1, 1, 9, 0x40, 2, 0],
        &[0x40, 3, 4, 192, 0, 2, 1, 8, 10, 8, 11],
    ]
    .concat();
    for _ in 0..6 {
        bench.engine.receive(now, key, BytesMut::from(&update[..]));
    }
    bench.settle();
    let view = bench.view(1);
    assert_eq!((view.malformed, view.faulty.len(), &*view.faulty[0].octets), ([0, 6, 0], 4, &update[..]));
    assert_eq!((bench.events.len(), bench.view(1).state), (1, SessionState::Established));
    assert!(bench.events[0].starts_with(
        "peer 192.0.2.1 sent a malformed UPDATE; its routes count as withdrawn: ORIGIN: UPDATE Message Error"
    ));
    // One that ends the session is kept too.
    let broken = [&[0xff; 16][..], &[0, 23, 2, 0, 9, 0, 0]].concat();
    bench.engine.receive(now, key, BytesMut::from(&broken[..]));
    bench.settle();
    let view = bench.view(1);
    assert_eq!((view.malformed, &*view.faulty[3].octets), ([0, 6, 1], &broken[..]));
}

#[test]
fn the_same_calls_give_the_same_octets() {
    let run = |seed| {
        let start = Start { seed, ..bench_peer::start() };
        let mut bench = Bench::started(config([1, 2, 3]), start);
        (1..=3).for_each(|number| drop(bench.connect(Other::new(number)).unwrap()));
        bench.settle();
        for round in 0..5u32 {
            let prefixes: Vec<_> = (0..50).map(|n| format!("10.{}.{n}.0/24", round % 3)).collect();
            let prefixes: Vec<_> = prefixes.iter().map(String::as_str).collect();
            bench.other(1).announce(&[65001, round], &prefixes);
            bench.other(2).announce(&[65002, 7], &prefixes[10..20]);
            bench.settle();
        }
        (bench.other(3).heard(), bench.events)
    };
    assert_eq!(run(1), run(1));
    assert_eq!(run(1), run(2), "no order that can be seen comes from a hash");
}

#[test]
fn messages_of_a_peer_are_shown_decoded_while_somebody_wants_it_and_of_no_other() {
    let mut bench = Bench::new(config([1, 2]));
    assert_eq!(bench.engine.show_messages(bench.now, &Which::At(remote(1)), true), 1);
    bench.connect(Other::new(1)).unwrap();
    bench.connect(Other::new(2)).unwrap();
    bench.settle();
    bench.other(1).announce(&[65001], &["10.0.0.0/8"]);
    bench.other(2).announce(&[65002], &["10.1.0.0/16"]);
    bench.settle();
    let shown = bench.events.join("\n");
    for line in [
        "peer 192.0.2.1: received OPEN AS 65001, router id 0.0.0.1, hold time 90s; capabilities: ",
        "peer 192.0.2.1: sent OPEN AS 65000, router id 0.0.253.232, hold time 90s; capabilities: ",
        "peer 192.0.2.1: received KEEPALIVE",
        "peer 192.0.2.1: received UPDATE announces 10.0.0.0/8; next hop 192.0.2.1, path 65001, origin IGP",
        "peer 192.0.2.1: sent UPDATE announces 10.1.0.0/16; next hop ",
        "peer 192.0.2.1: sent UPDATE end of ipv4",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
    assert!(!shown.contains("peer 192.0.2.2: "), "{shown}");
    bench.events.clear();
    bench.engine.shut_down(bench.now, &Which::At(remote(1)), "works");
    bench.settle();
    let last = "peer 192.0.2.1: sent NOTIFICATION Cease, Administrative Shutdown (6/2): \"works\"";
    assert!(bench.events.iter().any(|line| line == last), "{:?}", bench.events);
    bench.engine.show_messages(bench.now, &Which::All, false);
    bench.events.clear();
    bench.other(2).announce(&[65002], &["10.2.0.0/16"]);
    bench.settle();
    assert_eq!(bench.events.len(), 0, "{:?}", bench.events);
}

#[test]
fn a_loopback_address_is_no_next_hop_and_a_configured_one_takes_its_place() {
    let events = |next_hop: Option<NextHopChange>| {
        let mut config = config([]);
        let mut peer = peer(1);
        peer.remote = Remote::Address(Ipv4Addr::LOCALHOST.into(), None);
        peer.settings.next_hop = next_hop;
        config.peers = vec![peer];
        let mut bench = Bench::new(config);
        let link = Link::new("127.0.0.2:179".parse().unwrap(), "127.0.0.1:50000".parse().unwrap());
        bench.connect_over(Other::new(1), link).unwrap();
        bench.settle();
        bench.events.split_off(1)
    };
    let untold = |family| {
        format!(
            "peer 127.0.0.1 is told nothing of {family}: there is no address of ours for the next hop; set own_addresses"
        )
    };
    assert_eq!(events(None), [untold("ipv4"), untold("ipv6")]);
    let given = NextHopChange::Addresses { ipv4: Some([192, 0, 2, 254].into()), ipv6: None };
    assert_eq!(events(Some(given)), [untold("ipv6")]);
}
