//! A new configuration: for each peer the smallest thing that does it.

mod bench_peer;

use bench_peer::{Bench, Other, config, group, local, remote};
use bgp_daemon::{
    config::{Config, Distance, MaxPrefixes, Password, PeerSettings, Timers},
    engine::{Change, Effect, Engine, NotDone},
    policy::{self, Names, NextHopChange, Policy, raw::RawPolicies},
    rib::Selection,
};
use bgp_proto::{
    family::Family,
    numbers::{Asn, HoldTime, Role, RouterId},
    session::RemoteAs,
};
use std::time::Duration;

type Edit = fn(&mut PeerSettings);

/// What each change of a peer's settings costs it.
const COSTS: &[(&str, Edit, Effect)] = &[
    ("description", |s| s.description = Some("x".into()), Effect::Noted),
    ("hold", |s| s.timers.hold = HoldTime::new(30).unwrap(), Effect::Noted),
    ("timers", |s| s.timers = Timers { connect_retry: Duration::from_secs(9), ..s.timers }, Effect::Noted),
    ("port", |s| s.port = 1179, Effect::Noted),
    ("passive", |s| s.passive = false, Effect::Noted),
    ("password", |s| s.password = Password::new("new"), Effect::Noted),
    ("distance", |s| s.distance = Distance::Multihop(4), Effect::Noted),
    ("graceful restart", |s| s.graceful_restart = None, Effect::Noted),
    ("strict role", |s| s.strict_role = true, Effect::Noted),
    ("import", |s| s.import = Some(Policy::none()), Effect::Routes),
    ("export", |s| s.export = None, Effect::Routes),
    ("own AS", |s| s.allow_own_asn = 1, Effect::Routes),
    ("first AS", |s| s.first_asn = false, Effect::Routes),
    ("override", |s| s.as_override = true, Effect::Routes),
    ("next hop", |s| s.next_hop = Some(NextHopChange::Unchanged), Effect::Routes),
    ("default", |s| s.default_originate = true, Effect::Routes),
    ("limits", |s| s.limits.as_path = 5, Effect::Routes),
    ("families", |s| s.families = vec![Family::IPV4], Effect::Reset),
    ("next hops of the other family", |s| s.extended_next_hop = false, Effect::Reset),
    ("add path", |s| s.receive_add_path = true, Effect::Reset),
    ("asn", |s| s.asn = RemoteAs::External, Effect::Reset),
    ("local asn", |s| s.local_asn = Some(Asn(65100)), Effect::Reset),
    ("role", |s| s.role = Some(Role::PEER), Effect::Reset),
    ("source", |s| s.source_address = Some([192, 0, 2, 253].into()), Effect::Reset),
    ("client", |s| s.client = true, Effect::Reset),
    ("shutdown", |s| s.shutdown = Some("x".into()), Effect::ShutDown),
];

#[test]
fn each_setting_costs_what_it_must_and_only_the_peer_that_has_it() {
    for (name, edit, cost) in COSTS {
        let mut bench = Bench::up(config([1, 2]), [1, 2]);
        let mut config = config([1, 2]);
        edit(&mut config.peers[0].settings);
        let changed = bench.change(Change::new().config(config.clone()));
        assert!(changed.peers.contains(&(remote(1), *cost)), "{name}: {changed:?}");
        assert_eq!(bench.other(1).is_up(), *cost < Effect::Reset, "{name}");
        assert!(bench.other(2).is_up(), "{name}");
        if *cost == Effect::Reset {
            let said = "Cease, Other Configuration Change (6/6), received";
            assert_eq!(bench.other(1).down.as_ref().unwrap().to_string(), said, "{name}");
        }
        let changed = bench.change(Change::new().config(config));
        assert_eq!(changed.peers, [], "{name}: the same again changes nothing");
    }
}

#[test]
fn a_policy_changes_what_is_told_without_a_word_more() {
    let mut bench = Bench::up(config([1, 2, 3]), [1, 2, 3]);
    bench.change(Change::new().replace("pods", vec![local("10.0.0.0/24"), local("10.0.1.0/24")]));
    bench.others.values_mut().for_each(|other| drop(other.heard()));
    let runs = bench.engine.rib().runs();
    let mut other = config([1, 2, 3]);
    for peer in &mut other.peers[..2] {
        peer.settings.export = Some(Policy::none());
    }
    let proposal = {
        let mut proposal = bench.engine.propose(&other, 1);
        while bench.engine.compare(&mut proposal) {}
        proposal
    };
    let lost: Vec<_> = bench
        .engine
        .differences(&proposal)
        .map(|(id, d)| (id, d.lost.count, d.lost.prefixes.len()))
        .collect();
    assert_eq!(lost, [(bench.id(1), 2, 1), (bench.id(2), 2, 1)]);
    assert_eq!(bench.other(1).routes().len(), 2, "it was only looked at");
    bench.change(Change::new().config(other));
    assert_eq!([1, 2, 3].map(|number| bench.other(number).routes().len()), [0, 0, 2]);
    assert_eq!([1, 2, 3].map(|number| bench.other(number).heard().len()), [2, 2, 0]);
    assert_eq!(bench.engine.rib().runs(), runs + 1, "those who change alike share what is encoded");
}

/// Import and export alike know a peer's routes by its group.
#[test]
fn another_group_of_a_peer_changes_what_policies_say_of_its_routes_and_not_its_session() {
    let raw: RawPolicies = toml::from_str(
        r#"from-a.rules = [{ match = { source = "external", group = "a" }, then = "accept" }]"#,
    )
    .unwrap();
    let only = policy::check(&raw, &Names::default()).unwrap().find("from-a").unwrap().clone();
    let grouped = |name: &str| {
        let mut config = config([1, 2]);
        config.peers[0].group = Some(name.into());
        config.peers[1].settings.export = Some(only.clone());
        config
    };
    let mut bench = Bench::up(grouped("a"), [1, 2]);
    bench.other(1).announce(&[65001], &["10.0.0.0/8"]);
    bench.settle();
    for (group, told) in [("a", 1), ("b", 0), ("a", 1)] {
        bench.change(Change::new().config(grouped(group)));
        assert_eq!(bench.other(2).routes().len(), told, "{group}");
    }
    assert_eq!(bench.view(1).flaps, 0);
}

#[test]
fn options_are_set_on_the_connection_that_is_there() {
    let mut bench = Bench::up(config([1]), [1]);
    let mut other = config([1]);
    other.peers[0].settings.password = Password::new("new");
    bench.change(Change::new().config(other));
    let (key, options) = &bench.options[0];
    assert_eq!((key.peer, options.password.clone()), (bench.id(1), Password::new("new")));
    assert_eq!(bench.options.len(), 1);
}

#[test]
fn peers_come_and_go_with_the_configuration() {
    let mut bench = Bench::up(config([1, 2]), [1, 2]);
    bench.other(1).announce(&[65001], &["10.0.0.0/8"]);
    bench.settle();
    let changed = bench.change(Change::new().config(config([2, 3])));
    assert_eq!(changed.peers, [(remote(1), Effect::Removed), (remote(3), Effect::Added)]);
    let said = "Cease, Peer De-configured (6/3)";
    assert_eq!(bench.other(1).down.as_ref().unwrap().to_string(), format!("{said}, received"));
    assert_eq!(bench.events[0], format!("peer 192.0.2.1 is down: {said}, sent; the peer is forgotten"));
    assert_eq!((bench.other(2).routes().len(), bench.engine.peers().count()), (0, 2));
    bench.connect(Other::new(3)).unwrap();
    bench.settle();
    assert!(bench.other(3).is_up() && bench.other(2).is_up());
}

#[test]
fn a_group_that_changes_changes_its_peers_and_one_that_goes_takes_them_along() {
    let mut config = config([]);
    config.groups = vec![group("all", "192.0.2.0/24")];
    let mut bench = Bench::up(config.clone(), [1, 2]);
    config.groups[0].settings.import = Some(Policy::none());
    let changed = bench.change(Change::new().config(config.clone()));
    assert_eq!(changed.peers, [(remote(1), Effect::Routes), (remote(2), Effect::Routes)]);
    config.groups[0].accept_from = vec!["192.0.2.2/32".parse().unwrap()];
    let changed = bench.change(Change::new().config(config.clone()));
    assert_eq!(changed.peers, [(remote(1), Effect::Removed)]);
    assert!(!bench.other(1).is_up() && bench.other(2).is_up());
    config.groups.clear();
    bench.change(Change::new().config(config));
    assert!(!bench.other(2).is_up());
    assert_eq!(bench.engine.peers().count(), 0);
}

#[test]
fn another_identity_of_ours_takes_all_sessions() {
    for edit in [|c: &mut Config| c.asn = Asn(65099), |c: &mut Config| c.router_id = RouterId::new(7)] {
        let mut bench = Bench::up(config([1, 2]), [1, 2]);
        let mut other = config([1, 2]);
        edit(&mut other);
        bench.change(Change::new().config(other));
        assert!(!bench.other(1).is_up() && !bench.other(2).is_up());
    }
}

#[test]
fn a_peer_that_is_to_be_dialled_from_now_on_is_dialled() {
    let mut bench = Bench::new(config([1]));
    let mut other = config([1]);
    other.peers[0].settings.passive = false;
    bench.change(Change::new().config(other));
    bench.pass(2);
    assert_eq!(bench.dials.len(), 1);
}

#[test]
fn a_peer_that_the_configuration_shuts_down_comes_up_only_by_it() {
    let mut shut = config([1]);
    shut.peers[0].settings.shutdown = Some("moved".into());
    let mut bench = Bench::up(config([1]), [1]);
    bench.change(Change::new().config(shut));
    let said = bench.other(1).down.as_ref().unwrap().to_string();
    assert_eq!(said, "Cease, Administrative Shutdown (6/2): \"moved\", received");
    bench.engine.start(bench.now, &bgp_daemon::engine::Which::All);
    assert!(bench.connect_again(1).is_err());
    let changed = bench.change(Change::new().config(config([1])));
    assert_eq!(changed.peers, [(remote(1), Effect::Started)]);
    bench.connect(Other::new(1)).unwrap();
    bench.settle();
    assert!(bench.other(1).is_up());
}

#[test]
fn how_routes_are_compared_can_change() {
    let mut bench = Bench::up(config([1, 2, 3]), [1, 2, 3]);
    // MEDs of different ASes do not compare, and the lower router id wins, until they do.
    bench.other(1).announce_with(&[65001], Some(10), &["10.0.0.0/8"]);
    bench.other(2).announce_with(&[65002], Some(5), &["10.0.0.0/8"]);
    bench.settle();
    assert_eq!(bench.other(3).routes["10.0.0.0/8"], "65000 65001");
    let mut other = config([1, 2, 3]);
    other.selection = Selection { always_compare_med: true, ..other.selection };
    bench.change(Change::new().config(other));
    assert_eq!(bench.other(3).routes["10.0.0.0/8"], "65000 65002");
}

#[test]
fn what_cannot_be_changed_while_running_is_said() {
    let mut bench = Bench::new(config([1]));
    let mut other = config([1]);
    other.resolve_next_hops = true;
    assert!(bench.change(Change::new().config(other)).needs_start);
}

#[test]
fn a_configuration_with_more_peers_than_there_can_be_is_refused_as_a_whole() {
    let mut config = config([]);
    let peer = bench_peer::peer(1);
    config.peers = (0..66_000u32)
        .map(|n| bgp_daemon::config::Peer {
            remote: bgp_daemon::config::Remote::Address((0x0a00_0000 + n).to_be_bytes().into(), None),
            ..peer.clone()
        })
        .collect();
    let refused = Engine::new(config, bench_peer::start(), bgp_proto::time::Time::START);
    let error = refused.err().unwrap();
    assert!(matches!(error, NotDone::TooManySenders(_)));
    assert!(error.to_string().contains("65535 peers and sources are the most"));
}

fn limited(limit: u32, restart_after: Option<u64>) -> MaxPrefixes {
    MaxPrefixes { limit, warn: 2, only_warn: false, restart_after: restart_after.map(Duration::from_secs) }
}

#[test]
fn a_peer_that_sends_too_many_prefixes_is_warned_of_then_stopped_and_started_again() {
    let mut config = config([1, 2]);
    config.peers[0].settings.max_prefixes = Some(limited(3, Some(60)));
    let mut bench = Bench::up(config, [1, 2]);
    bench.other(1).announce(&[65001], &["10.0.0.0/16", "10.1.0.0/16"]);
    bench.settle();
    bench.other(1).announce(&[65001], &["10.2.0.0/16"]);
    bench.settle();
    assert_eq!(bench.events, ["peer 192.0.2.1 has sent 2 prefixes of ipv4, of 3 that it may"]);
    bench.other(1).announce(&[65001], &["10.3.0.0/16"]);
    bench.settle();
    let over = "peer 192.0.2.1 has sent more than the 3 prefixes of ipv4 that it may; its session is closed: \
                next try in 60.0s";
    assert_eq!(bench.events[1], over);
    assert_eq!(
        bench.other(1).down.as_ref().unwrap().to_string(),
        "Cease, Maximum Number of Prefixes Reached (6/1), received"
    );
    assert_eq!(bench.other(2).routes().len(), 0);
    assert!(bench.connect_again(1).is_err());
    bench.pass(61);
    bench.connect(Other::new(1)).unwrap();
    bench.settle();
    assert!(bench.other(1).is_up());
    // What is sent anew is counted anew.
    bench.other(1).announce(&[65001], &["10.5.0.0/16", "10.6.0.0/16", "10.7.0.0/16"]);
    bench.settle();
    assert!(bench.other(1).is_up());
}

#[test]
fn routes_of_the_last_session_that_are_still_to_be_swept_out_do_not_count() {
    let mut config = config([1]);
    config.peers[0].settings.max_prefixes = Some(limited(3, None));
    let mut bench = Bench::up(config, [1]);
    bench.other(1).announce(&[65001], &["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16"]);
    bench.settle();
    bench.busy = true;
    bench.cut(1);
    bench.pass(3);
    bench.connect(Other::new(1)).unwrap();
    bench.settle();
    bench.other(1).announce(&[65001], &["10.3.0.0/16", "10.4.0.0/16"]);
    bench.settle();
    assert_eq!(bench.view(1).routes[0].received, 5);
    bench.busy = false;
    bench.settle();
    assert_eq!((bench.view(1).routes[0].received, bench.other(1).is_up()), (2, true));
    // But what is too much stays too much when the sweep is over.
    bench.busy = true;
    bench.cut(1);
    bench.pass(3);
    bench.connect(Other::new(1)).unwrap();
    bench.settle();
    bench.other(1).announce(&[65001], &["10.5.0.0/16", "10.6.0.0/16", "10.7.0.0/16", "10.8.0.0/16"]);
    bench.settle();
    assert!(bench.other(1).is_up());
    bench.busy = false;
    bench.settle();
    assert!(!bench.other(1).is_up());
}

#[test]
fn a_limit_may_only_warn_and_a_higher_one_starts_the_peer_again() {
    let mut config = config([1]);
    config.peers[0].settings.max_prefixes = Some(MaxPrefixes { only_warn: true, ..limited(1, None) });
    let mut bench = Bench::up(config.clone(), [1]);
    for (nth, prefix) in ["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16"].into_iter().enumerate() {
        bench.other(1).announce(&[65001, nth as u32 + 1], &[prefix]);
    }
    bench.settle();
    assert_eq!(
        bench.view(1).routes[0].received,
        3,
        "what comes in one piece with what is spoken of is learned"
    );
    assert_eq!(bench.events, ["peer 192.0.2.1 has sent more than the 1 prefixes of ipv4 that it may"]);
    // From now on it costs the session: what was sent is too much already.
    config.peers[0].settings.max_prefixes = Some(limited(1, None));
    bench.change(Change::new().config(config.clone()));
    assert!(!bench.other(1).is_up());
    bench.pass(600);
    assert!(bench.connect_again(1).is_err());
    config.peers[0].settings.max_prefixes = Some(limited(5, None));
    bench.change(Change::new().config(config));
    bench.connect(Other::new(1)).unwrap();
    bench.settle();
    assert!(bench.other(1).is_up());
}

#[test]
fn a_peer_of_a_group_that_sent_too_much_is_not_let_in_again_before_its_time() {
    let mut config = config([]);
    config.groups = vec![group("all", "192.0.2.0/24")];
    config.groups[0].settings.max_prefixes = Some(limited(2, Some(60)));
    let mut bench = Bench::up(config, [1]);
    bench.other(1).announce(&[65001], &["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16"]);
    bench.settle();
    assert!(bench.connect_again(1).is_err());
    bench.pass(61);
    bench.connect(Other::new(1)).unwrap();
    bench.settle();
    assert!(bench.other(1).is_up());
}

#[test]
fn a_silent_peer_is_given_up_and_one_that_speaks_is_not() {
    let mut bench = Bench::up(config([1, 2]), [1, 2]);
    bench.pass(300);
    assert!(bench.other(1).is_up() && bench.other(2).is_up(), "KEEPALIVEs keep both up");
    let (_, key) = bench.other(1).links.remove(0);
    bench.pass(91);
    assert_eq!(
        bench.events,
        ["peer 192.0.2.1 is down: Hold Timer Expired (4/0), sent; waits for the peer to connect"]
    );
    assert_eq!((bench.closed[0].0, bench.other(2).is_up()), (key, true));
}

#[test]
fn a_huge_set_is_taken_in_by_slices_and_what_is_said_later_counts_after_it() {
    let set = |count: u32| {
        let prefix = |n: u32| format!("10.{}.{}.0/24", n >> 8, n & 0xff);
        (0..count).map(|n| local(&prefix(n))).collect::<Vec<_>>()
    };
    let mut bench = Bench::up(config([1]), [1]);
    bench.change(Change::new().replace("a", vec![local("10.0.0.0/24"), local("192.0.2.0/24")]));
    let now = bench.now;
    bench.engine.change(now, Change::new().replace("a", set(20_000))).unwrap();
    let mut before = bench.engine.mark();
    let gone = vec!["10.0.7.0/24".parse().unwrap()];
    bench.engine.change(now, Change::new().update("a", vec![local("198.51.100.0/24")], gone)).unwrap();
    bench.engine.change(now, Change::new().replace("b", vec![local("203.0.113.0/24")])).unwrap();
    assert!(bench.engine.rib().route_count() < 100, "{}", bench.engine.rib().route_count());
    assert!(bench.engine.work(now));
    assert!(bench.engine.rib().route_count() < 3000, "a slice is no more than that");
    assert!(!bench.engine.is_written(&mut before));
    bench.settle();
    assert!(bench.engine.is_written(&mut before));
    let routes = bench.other(1).routes();
    assert_eq!(routes.len(), 20_001);
    for (prefix, is_there) in [
        ("10.0.0.0/24", true),
        ("10.78.31.0/24", true),
        ("198.51.100.0/24", true),
        ("203.0.113.0/24", true),
        ("10.0.7.0/24", false),
        ("192.0.2.0/24", false),
    ] {
        assert_eq!(routes.contains(&prefix), is_there, "{prefix}");
    }
    // A set that is replaced before it is whole leaves nothing behind, nor one that ends.
    bench.engine.change(now, Change::new().replace("a", set(9_000))).unwrap();
    bench.engine.work(now);
    bench.change(Change::new().replace("a", vec![local("10.0.1.0/24")]));
    assert_eq!(bench.other(1).routes(), ["10.0.1.0/24", "203.0.113.0/24"]);
    bench.engine.change(now, Change::new().replace("a", set(9_000))).unwrap();
    bench.change(Change::new().end("a"));
    assert_eq!(bench.other(1).routes(), ["203.0.113.0/24"]);
}
