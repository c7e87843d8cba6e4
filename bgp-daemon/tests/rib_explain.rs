//! What each peer is told of a prefix, with the reason.

mod world;

use bgp_daemon::rib::{Aggregate, Rib, Settings};
use bgp_proto::{
    agreed::PeerKind::{External, Internal},
    attr::{community::Community, set::PathAttributes},
};
use world::{announce, attributes, learn, local, policy, session, up, withdraw};

#[test]
fn every_peer_that_is_up_has_a_reason_and_what_is_written_for_it() {
    let mut rib = Rib::new(Settings::default());
    let (source, plain) = (up(&mut rib, 1), up(&mut rib, 2));
    let judged = rib.add_peer().unwrap();
    let export = policy("{ name = \"mine\", match = { source = \"local\" }, then = \"accept\" }");
    rib.peer_up(judged, &session(External, 3).with_policies(export.clone(), export));
    let inside = rib.add_peer().unwrap();
    rib.peer_up(inside, &session(Internal, 4));
    let told = |rib: &Rib, prefix: &str| {
        let tellings = rib.tellings(prefix.parse().unwrap());
        let line = |telling: &bgp_daemon::rib::Telling| {
            let path = telling.told.as_ref().map(|(attributes, _)| attributes.as_path.to_string());
            (telling.peer, path, telling.reason.clone())
        };
        let mut lines: Vec<_> = tellings.iter().map(line).collect();
        lines.sort();
        lines
    };
    let reason = |text: &str| text.to_owned();

    learn(&mut rib, source, &announce(&attributes(&[65001]), &["10.0.0.0/8"]));
    let expected = vec![
        (source, None, reason("it came from this peer")),
        (plain, Some("65000 65001".into()), reason("accepted by policy all")),
        (judged, None, reason("rejected by policy test: no rule matches")),
        (inside, Some("65001".into()), reason("accepted by policy all")),
    ];
    assert_eq!(told(&rib, "10.0.0.0/8"), expected);

    let own = rib.add_source("config").unwrap();
    rib.announce(own, &local("192.0.2.0/24", &[]), 0);
    assert_eq!(
        told(&rib, "192.0.2.0/24")[2],
        (judged, Some("65000".into()), reason("accepted by policy test, rules[0] \"mine\""))
    );

    let kept = PathAttributes { communities: vec![Community::NO_EXPORT], ..attributes(&[65001]) };
    learn(&mut rib, source, &announce(&kept, &["10.0.0.0/8"]));
    assert_eq!(told(&rib, "10.0.0.0/8")[1], (plain, None, reason("kept back by community no-export")));
    assert_eq!(told(&rib, "172.16.0.0/12"), []);
}

#[test]
fn what_an_aggregate_hides_says_so() {
    let mut rib = Rib::new(Settings::default());
    let peer = up(&mut rib, 1);
    let source = rib.add_source("config").unwrap();
    let aggregate = Aggregate { route: local("10.0.0.0/8", &[]), summary_only: true };
    rib.set_aggregates(source, &[aggregate]);
    rib.announce(source, &local("10.1.0.0/16", &[]), 0);
    while rib.work(1000) {}
    let tellings = rib.tellings("10.1.0.0/16".parse().unwrap());
    assert_eq!((tellings[0].peer, tellings[0].told.is_none()), (peer, true));
    assert_eq!(tellings[0].reason, "hidden by an aggregate that is told in its place");
}

#[test]
fn who_watches_sees_each_prefix_once_and_is_told_when_there_were_too_many() {
    let mut rib = Rib::new(Settings::default());
    let peer = up(&mut rib, 1);
    learn(&mut rib, peer, &announce(&attributes(&[65001]), &["10.0.0.0/8"]));
    let mut seen = rib.watch();
    assert_eq!(rib.changed(&mut seen), Some([].into()), "what was before is not seen");
    learn(&mut rib, peer, &announce(&attributes(&[65001]), &["10.1.0.0/16", "10.2.0.0/16"]));
    learn(&mut rib, peer, &announce(&attributes(&[65002]), &["10.1.0.0/16"]));
    learn(&mut rib, peer, &withdraw(&["10.0.0.0/8"]));
    let mut other = rib.watch();
    let changed = ["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"].map(|prefix| prefix.parse().unwrap());
    assert_eq!(rib.changed(&mut seen), Some(changed.into()));
    assert_eq!(rib.changed(&mut seen), Some([].into()));
    let source = rib.add_source("config").unwrap();
    for number in 0..20_000_u32 {
        let prefix = std::net::Ipv4Addr::from_bits(0x0b00_0000 + (number << 8));
        rib.announce(source, &local(&format!("{prefix}/24"), &[]), 0);
    }
    assert_eq!((rib.changed(&mut seen), rib.changed(&mut other)), (None, None));
    assert_eq!(rib.changed(&mut seen), Some([].into()), "it goes on from there");
    drop((seen, other));
    rib.announce(source, &local("10.3.0.0/16", &[]), 0);
    let mut again = rib.watch();
    rib.announce(source, &local("10.4.0.0/16", &[]), 0);
    assert_eq!(rib.changed(&mut again), Some(["10.4.0.0/16".parse().unwrap()].into()));
}
