//! Restarts: the peers' and ours, leaving for good, and refreshes.

mod bench_peer;

use bench_peer::{Bench, Other, config, graceful, local, remote, start};
use bgp_daemon::{
    config::{Config, GracefulRestart, Timers},
    engine::{Change, Shutdown, Start, Turned, Which},
    policy::Policy,
};
use bgp_proto::{
    family::Family,
    numbers::CapabilityCode,
    session::Reason,
    wire::{
        capability::Capability,
        route_refresh::{RefreshKind, RouteRefresh},
    },
};
use std::time::Duration;

const BOTH: [Family; 2] = [Family::IPV4, Family::IPV6];

/// R bit, and whether all families have the F bit, of the last OPEN that a peer got.
fn said(other: &Other) -> (bool, bool) {
    let offer = other.session.peer_offer().unwrap();
    let graceful = offer.capabilities.iter().find_map(|capability| match capability.view() {
        Capability::GracefulRestart(flags, mut entries) => {
            Some((flags.restarting, entries.all(|entry| entry.forwarding)))
        }
        _ => None,
    });
    graceful.unwrap()
}

fn restarting() -> Start {
    Start { restarting: true, ..start() }
}

#[test]
fn routes_of_a_peer_that_restarts_are_kept_until_it_has_sent_all_again() {
    let mut bench = Bench::up(config([2]), [2]);
    let mut config = config([1, 2]);
    config.peers[0].settings.timers = Timers { idle_hold: Duration::ZERO, ..Timers::default() };
    bench.change(Change::new().config(config));
    bench.connect(Other::graceful(1, false)).unwrap();
    bench.settle();
    bench.other(1).announce(&[65001], &["10.0.0.0/8", "10.1.0.0/16"]);
    bench.settle();
    bench.events.clear();
    bench.cut(1);
    assert_eq!(bench.other(2).routes(), ["10.0.0.0/8", "10.1.0.0/16"]);
    assert_eq!(bench.events[1], "peer 192.0.2.1 restarts; its routes are kept: ipv4 ipv6");
    assert_eq!(bench.view(1).stale, BOTH);
    bench.pass(1);
    bench.connect(Other::graceful(1, true)).unwrap();
    bench.settle();
    bench.other(1).announce(&[65001], &["10.0.0.0/8"]);
    bench.settle();
    assert_eq!(bench.other(2).routes(), ["10.0.0.0/8", "10.1.0.0/16"]);
    bench.other(1).end_of_rib(&BOTH);
    bench.settle();
    assert_eq!(bench.other(2).routes(), ["10.0.0.0/8"]);
    assert!(bench.view(1).stale.is_empty());
    assert!(bench.events.contains(&"peer 192.0.2.1 holds no stale routes of ipv4 any more".into()));
    assert!(bench.events.contains(&"peer 192.0.2.1 has sent all its routes of ipv4".into()));
}

#[test]
fn routes_of_a_peer_that_does_not_come_back_in_time_go() {
    let mut bench = Bench::new(config([1, 2]));
    bench.connect(Other::graceful(1, false)).unwrap();
    bench.connect(Other::new(2)).unwrap();
    bench.settle();
    bench.other(1).announce(&[65001], &["10.0.0.0/8"]);
    bench.settle();
    bench.cut(1);
    bench.pass(59);
    assert_eq!(bench.other(2).routes(), ["10.0.0.0/8"]);
    bench.pass(2);
    assert_eq!(bench.other(2).routes().len(), 0);
}

#[test]
fn a_peer_of_a_group_that_restarts_is_remembered_as_long_as_its_routes_are() {
    let mut config = config([2]);
    config.groups = vec![bench_peer::group("all", "192.0.2.0/24")];
    let mut bench = Bench::new(config);
    bench.connect(Other::graceful(1, false)).unwrap();
    bench.connect(Other::new(2)).unwrap();
    bench.settle();
    bench.other(1).announce(&[65001], &["10.0.0.0/8"]);
    bench.settle();
    let id = bench.id(1);
    bench.cut(1);
    assert_eq!((bench.id(1), bench.other(2).routes().len()), (id, 1));
    bench.pass(61);
    assert_eq!((bench.engine.peers().count(), bench.other(2).routes().len()), (1, 0));
}

#[test]
fn the_first_open_after_a_restart_says_so_and_no_later_one() {
    let mut bench = Bench::started(config([1]), restarting());
    bench.connect(Other::graceful(1, false)).unwrap();
    bench.settle();
    assert_eq!(said(bench.other(1)), (true, true));
    // Not even when something else is offered from now on.
    let mut other = config([1]);
    other.peers[0].settings.timers.idle_hold = Duration::ZERO;
    bench.change(Change::new().config(other));
    bench.cut(1);
    bench.pass(2);
    bench.connect(Other::graceful(1, false)).unwrap();
    bench.settle();
    assert_eq!(said(bench.other(1)), (false, true));
}

#[test]
fn who_comes_first_when_the_restart_is_over_is_not_told_of_it() {
    let mut config = config([1]);
    config.groups = vec![bench_peer::group("all", "192.0.2.0/24")];
    let mut bench = Bench::started(config, restarting());
    bench.pass(31);
    for number in [1, 2] {
        bench.connect(Other::graceful(number, false)).unwrap();
        bench.settle();
        assert_eq!(said(bench.other(number)), (false, true));
    }
}

#[test]
fn forwarding_was_not_kept_when_we_begin_and_is_kept_from_then_on() {
    let mut bench = Bench::new(config([1]));
    bench.connect(Other::graceful(1, false)).unwrap();
    bench.settle();
    assert_eq!(said(bench.other(1)), (false, false));
    bench.cut(1);
    bench.pass(3);
    bench.connect(Other::graceful(1, false)).unwrap();
    bench.settle();
    assert_eq!(said(bench.other(1)), (false, true));
}

#[test]
fn who_installs_nothing_lost_no_forwarding_whenever_it_begins() {
    let mut bench = Bench::new(Config { kernel: None, ..config([1, 2]) });
    for (number, times) in [(1, 2), (2, 1)] {
        for time in 0..times {
            bench.connect(Other::graceful(number, false)).unwrap();
            bench.settle();
            // R with the first OPEN to each, so that nobody waits for whom we wait for ourselves.
            assert_eq!(said(bench.other(number)), (time == 0, true));
            bench.cut(number);
            bench.pass(3);
        }
    }
    bench.pass(30);
    bench.connect(Other::graceful(2, false)).unwrap();
    bench.settle();
    assert_eq!(said(bench.other(2)), (false, true));
}

#[test]
fn who_takes_nothing_from_its_peers_does_not_wait_for_them_and_says_all_the_same_that_it_restarted() {
    let mut config = config([1, 2]);
    config.peers.iter_mut().for_each(|peer| peer.settings.import = Some(Policy::none()));
    let mut bench = Bench::started(config, Start { expects: vec!["pods".into()], ..restarting() });
    bench.connect(Other::graceful(1, false)).unwrap();
    bench.settle();
    assert_eq!((said(bench.other(1)), bench.other(1).ends()), ((true, true), 0));
    bench.change(Change::new().replace("pods", vec![local("10.0.0.0/24")]));
    // The other one never comes, or comes late.
    assert_eq!((bench.other(1).routes().len(), bench.other(1).ends()), (1, 2));
    bench.connect(Other::graceful(2, false)).unwrap();
    bench.settle();
    assert_eq!((said(bench.other(2)), bench.other(2).ends()), ((true, true), 2));
}

#[test]
fn end_of_rib_waits_for_the_first_whole_set_of_each_expected_owner_and_routes_do_not() {
    let start = Start { expects: vec!["pods".into(), "services".into()], ..start() };
    let mut bench = Bench::started(config([1]), start);
    bench.connect(Other::new(1)).unwrap();
    bench.settle();
    bench.change(Change::new().replace("pods", vec![local("10.0.0.0/24")]));
    // A part is not the whole.
    bench.change(Change::new().update("services", vec![local("10.96.0.1/32")], vec![]));
    bench.pass(40);
    assert_eq!((bench.other(1).routes().len(), bench.other(1).ends()), (2, 0));
    bench.change(Change::new().replace("services", vec![]));
    assert_eq!((bench.other(1).routes().len(), bench.other(1).ends()), (1, 2));
    assert_eq!(
        bench.events.last().unwrap(),
        "the first complete set of routes is known; End-of-RIB goes out"
    );
}

#[test]
fn after_a_restart_end_of_rib_waits_for_that_of_the_peers() {
    let mut bench = Bench::started(config([1, 2]), restarting());
    bench.connect(Other::graceful(1, false)).unwrap();
    bench.connect(Other::graceful(2, false)).unwrap();
    bench.settle();
    bench.other(1).announce(&[65001], &["10.0.0.0/8"]);
    bench.other(1).end_of_rib(&BOTH);
    bench.settle();
    assert_eq!((bench.other(2).routes().len(), bench.other(2).ends()), (1, 0));
    bench.other(2).end_of_rib(&BOTH);
    bench.settle();
    assert_eq!((bench.other(1).ends(), bench.other(2).ends()), (2, 2));
}

#[test]
fn after_a_restart_nobody_is_waited_for_longer_than_half_a_minute() {
    for (restart_time, waits) in [(120, 29), (10, 9)] {
        let mut config = config([1, 2, 3]);
        for peer in &mut config.peers {
            let restart_time = Duration::from_secs(restart_time);
            peer.settings.graceful_restart = Some(GracefulRestart { restart_time, ..Default::default() });
        }
        let mut bench = Bench::started(config, restarting());
        // One sends no End-of-RIB, one never comes.
        bench.connect(Other::graceful(1, false)).unwrap();
        bench.connect(Other::new(2)).unwrap();
        bench.pass(waits);
        assert_eq!(bench.other(2).ends(), 0);
        bench.pass(2);
        assert_eq!(bench.other(2).ends(), 2);
    }
}

#[test]
fn after_a_restart_who_does_no_graceful_restart_or_has_restarted_too_is_not_waited_for() {
    let mut bench = Bench::started(config([1, 2]), restarting());
    bench.connect(Other::new(1)).unwrap();
    bench.connect(Other::graceful(2, true)).unwrap();
    bench.settle();
    assert_eq!((bench.other(1).ends(), bench.other(2).ends()), (2, 2));
}

#[test]
fn a_restart_of_ours_closes_without_a_word_and_leaving_ends_graceful_restart_too() {
    let ends = |how: Shutdown| {
        let mut bench = Bench::new(config([1, 2]));
        bench.connect(Other::graceful(1, false)).unwrap();
        bench.connect(Other::new(2)).unwrap();
        bench.settle();
        bench.engine.shutdown(bench.now, &how);
        assert!(bench.engine.is_down());
        bench.settle();
        assert_eq!(bench.connect(Other::new(2)), Err(Turned::GoingDown));
        bench.pass(300);
        assert!(bench.dials.is_empty());
        [1, 2].map(|number| bench.other(number).down.clone().unwrap())
    };
    assert_eq!(ends(Shutdown::Restart), [Reason::Lost, Reason::Lost]);
    let [graceful, plain] = ends(Shutdown::Leave(Some("moved".into()))).map(|reason| reason.to_string());
    let said = "Cease, Administrative Shutdown (6/2): \"moved\"";
    assert_eq!(graceful, format!("Cease, Hard Reset (6/9): {said}, received"));
    assert_eq!(plain, format!("{said}, received"));
}

#[test]
fn a_peer_that_wants_no_restart_of_ours_is_told_of_no_family() {
    let mut config = config([1]);
    config.peers[0].settings.graceful_restart = None;
    let mut bench = Bench::new(config);
    bench.connect(Other::graceful(1, false)).unwrap();
    bench.settle();
    assert!(bench.other(1).terms.as_ref().unwrap().restart.as_ref().unwrap().families.is_empty());
    // And we are patient with its restarts all the same.
    bench.cut(1);
    assert_eq!(bench.view(1).stale, BOTH);
}

#[test]
fn a_peer_that_asks_is_told_a_family_again_between_marks() {
    let mut bench = Bench::up(config([1]), [1]);
    bench.change(Change::new().replace("pods", vec![local("10.0.0.0/24")]));
    bench.other(1).heard();
    let request = RouteRefresh { family: Family::IPV4, kind: RefreshKind::REQUEST };
    bench.other(1).session.send(|_, out| request.encode(out));
    bench.settle();
    assert_eq!(
        bench.other(1).heard(),
        ["route refresh of ipv4: begin of refresh", "+10.0.0.0/24", "route refresh of ipv4: end of refresh"]
    );
}

#[test]
fn what_a_peer_does_not_send_again_goes_at_the_end_of_its_refresh_or_when_it_never_ends() {
    for ends in [true, false] {
        let mut bench = Bench::up(config([1, 2]), [1, 2]);
        bench.other(1).announce(&[65001], &["10.0.0.0/8", "10.1.0.0/16"]);
        bench.settle();
        assert_eq!(bench.engine.refresh(bench.now, &Which::At(remote(1))), 1);
        let mark = |kind| RouteRefresh { family: Family::IPV4, kind };
        bench.other(1).session.send(|_, out| mark(RefreshKind::BEGIN).encode(out));
        bench.other(1).announce(&[65001], &["10.0.0.0/8"]);
        bench.settle();
        assert_eq!(bench.other(2).routes().len(), 2);
        if ends {
            bench.other(1).session.send(|_, out| mark(RefreshKind::END).encode(out));
            bench.settle();
        } else {
            bench.pass(598);
            assert_eq!(bench.other(2).routes().len(), 2);
            bench.pass(4);
            let said = "peer 192.0.2.1 began to send ipv4 again and never ended; what came counts as all";
            assert_eq!(bench.events, [said]);
        }
        assert_eq!(bench.other(2).routes(), ["10.0.0.0/8"]);
    }
}

#[test]
fn what_is_offered_to_everybody() {
    let mut bench = Bench::new(config([1]));
    bench.connect(Other::new(1)).unwrap();
    bench.settle();
    let offer = bench.other(1).session.peer_offer().unwrap();
    let codes: Vec<_> = offer.capabilities.iter().map(|capability| capability.view().code()).collect();
    for code in [
        CapabilityCode::MULTIPROTOCOL,
        CapabilityCode::ROUTE_REFRESH,
        CapabilityCode::ENHANCED_ROUTE_REFRESH,
        CapabilityCode::EXTENDED_MESSAGE,
        CapabilityCode::EXTENDED_NEXT_HOP,
        CapabilityCode::GRACEFUL_RESTART,
    ] {
        assert!(codes.contains(&code), "{code}");
    }
    assert!(offer.four_octet_as && !codes.contains(&CapabilityCode::ROLE));
    assert_eq!(graceful(true).view().code(), CapabilityCode::GRACEFUL_RESTART);
}
