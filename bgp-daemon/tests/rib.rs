//! The RIB as its owner drives it: UPDATEs in, UPDATEs out.

use bgp_daemon::rib::{LocalRoute, Rib, SenderId, Session, Settings};
use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    attr::{as_path::AsPathBuf, next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::{Asn, Origin, RouterId},
    prefix::Prefix,
    wire::{
        frame::{Frame, frame},
        nlri::Path,
        pack::{self, Announcement},
        update::Update,
    },
};
use std::collections::BTreeMap;

fn agreed() -> Agreed {
    Agreed::new(PeerKind::External).with_families([Family::IPV4, Family::IPV6].map(FamilyAgreed::plain))
}

fn rib() -> Rib {
    Rib::new(Settings::new(Asn(65000)))
}

fn up(rib: &mut Rib, number: u8) -> SenderId {
    let address = std::net::IpAddr::from([192, 0, 2, number]);
    let router_id = RouterId::new(number.into()).unwrap();
    let next_hop = Some(NextHop::Ipv4([198, 51, 100, 1].into()));
    let id = rib.add_peer().unwrap();
    rib.peer_up(id, &Session { router_id, address, agreed: agreed(), next_hop });
    id
}

fn attributes(path: &[u32]) -> PathAttributes {
    let as_path = AsPathBuf::sequence(&path.iter().copied().map(Asn).collect::<Vec<_>>());
    PathAttributes { origin: Some(Origin::IGP), as_path, ..PathAttributes::default() }
}

fn announce(attributes: &PathAttributes, prefixes: &[&str]) -> Vec<u8> {
    let mut section = Vec::new();
    attributes.encode(true, &mut section);
    let announcement = Announcement {
        family: Family::IPV4,
        attributes: &section,
        next_hop: NextHop::Ipv4([192, 0, 2, 9].into()),
    };
    let mut out = Vec::new();
    announcement
        .encode(&agreed(), prefixes.iter().map(|p| Path::from(p.parse::<Prefix<u32>>().unwrap())), &mut out)
        .unwrap();
    out
}

fn withdraw(prefixes: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    pack::withdraw(
        Family::IPV4,
        &agreed(),
        prefixes.iter().map(|p| Path::from(p.parse::<Prefix<u32>>().unwrap())),
        &mut out,
    );
    out
}

fn each(octets: &[u8], mut then: impl FnMut(&Update<'_>)) {
    let mut rest = octets;
    while !rest.is_empty() {
        let Frame::Message(raw) = frame(rest, Some(&agreed())) else { panic!("{rest:?}") };
        rest = &rest[raw.len()..];
        then(&Update::decode(raw, &agreed()).unwrap());
    }
}

fn learn(rib: &mut Rib, from: SenderId, octets: &[u8]) {
    each(octets, |update| rib.learn(from, update, 0));
}

/// What a peer holds after all it was told: prefix → AS path. And how many messages that took, End-of-RIB apart.
#[derive(Default)]
struct Heard {
    routes: BTreeMap<String, String>,
    messages: usize,
    ends: usize,
}

impl Heard {
    fn listen(&mut self, rib: &mut Rib, peer: SenderId) -> &mut Self {
        while rib.work(1000) {}
        while let Some(octets) = rib.take(peer) {
            each(&octets, |update| {
                if update.end_of_rib().is_some() {
                    self.ends += 1;
                    return;
                }
                self.messages += 1;
                for path in update.withdrawn() {
                    self.routes.remove(&path.item.to_string());
                }
                let as_path = update.attributes().as_path().unwrap_or_default().to_string();
                for path in update.announced() {
                    self.routes.insert(path.item.to_string(), as_path.clone());
                }
            });
        }
        self
    }

    fn routes(&self) -> Vec<String> {
        self.routes.iter().map(|(prefix, path)| format!("{prefix} {path}")).collect()
    }
}

#[test]
fn a_route_goes_from_one_peer_to_another_and_leaves_with_its_peer() {
    let mut rib = rib();
    let (a, b) = (up(&mut rib, 1), up(&mut rib, 2));
    let (mut at_a, mut at_b) = (Heard::default(), Heard::default());
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8", "10.1.0.0/16"]));
    at_b.listen(&mut rib, b);
    assert_eq!(at_b.routes(), ["10.0.0.0/8 65000 65001", "10.1.0.0/16 65000 65001"]);
    assert_eq!((at_b.messages, at_b.ends), (1, 2));
    // The source is not told, and its End-of-RIB markers come all the same.
    assert_eq!((at_a.listen(&mut rib, a).routes(), at_a.ends), (vec![], 2));
    learn(&mut rib, a, &withdraw(&["10.1.0.0/16"]));
    assert_eq!(at_b.listen(&mut rib, b).routes(), ["10.0.0.0/8 65000 65001"]);
    rib.peer_down(a, &[]);
    assert_eq!(at_b.listen(&mut rib, b).routes(), Vec::<String>::new());
    assert_eq!(rib.attribute_sets(), 0);
}

#[test]
fn the_better_route_wins_and_its_source_loses_the_other_one() {
    let mut rib = rib();
    let (a, b, c) = (up(&mut rib, 1), up(&mut rib, 2), up(&mut rib, 3));
    let (mut at_a, mut at_b, mut at_c) = (Heard::default(), Heard::default(), Heard::default());
    learn(&mut rib, a, &announce(&attributes(&[65001, 65009]), &["10.0.0.0/8"]));
    for (heard, peer) in [(&mut at_a, a), (&mut at_b, b), (&mut at_c, c)] {
        heard.listen(&mut rib, peer);
    }
    assert_eq!(
        (at_a.routes().len(), at_b.routes(), at_c.routes()),
        (0, at_c.routes(), vec!["10.0.0.0/8 65000 65001 65009".into()])
    );
    learn(&mut rib, b, &announce(&attributes(&[65002]), &["10.0.0.0/8"]));
    for (heard, peer) in [(&mut at_a, a), (&mut at_b, b), (&mut at_c, c)] {
        heard.listen(&mut rib, peer);
    }
    assert_eq!((at_a.routes(), at_b.routes()), (vec!["10.0.0.0/8 65000 65002".into()], Vec::<String>::new()));
    assert_eq!(at_c.routes(), at_a.routes());
}

/// RFC 4271 §9.1.2.2 (c): the arrival of a route can change the order of two others.
#[test]
fn a_route_with_a_lower_med_makes_another_as_the_best_and_gives_it_back_when_it_goes() {
    let mut rib = rib();
    let peers: Vec<_> = (1..=4).map(|n| up(&mut rib, n)).collect();
    let with_med = |path: &[u32], med| PathAttributes { med: Some(med), ..attributes(path) };
    let mut heard = Heard::default();
    // A (AS 1, MED 10) is best over B (AS 2) by its lower router id. C (AS 1, MED 5) beats A but loses to B.
    learn(&mut rib, peers[0], &announce(&with_med(&[1, 7], 10), &["10.0.0.0/8"]));
    learn(&mut rib, peers[1], &announce(&with_med(&[2, 7], 10), &["10.0.0.0/8"]));
    assert_eq!(heard.listen(&mut rib, peers[3]).routes(), ["10.0.0.0/8 65000 1 7"]);
    learn(&mut rib, peers[2], &announce(&with_med(&[1, 7], 5), &["10.0.0.0/8"]));
    assert_eq!(heard.listen(&mut rib, peers[3]).routes(), ["10.0.0.0/8 65000 2 7"]);
    learn(&mut rib, peers[2], &withdraw(&["10.0.0.0/8"]));
    assert_eq!(heard.listen(&mut rib, peers[3]).routes(), ["10.0.0.0/8 65000 1 7"]);
}

fn local(prefix: &str, path: &[u32]) -> LocalRoute {
    LocalRoute { prefix: prefix.parse().unwrap(), attributes: attributes(path), next_hop: None }
}

#[test]
fn a_source_is_replaced_as_a_whole_and_only_the_difference_is_told() {
    let mut rib = rib();
    let (source, peer) = (rib.add_source().unwrap(), up(&mut rib, 1));
    let mut heard = Heard::default();
    rib.replace(source, &[local("10.0.0.0/8", &[]), local("10.1.0.0/16", &[])], 0);
    assert_eq!(heard.listen(&mut rib, peer).routes(), ["10.0.0.0/8 65000", "10.1.0.0/16 65000"]);
    heard.messages = 0;
    rib.replace(source, &[local("10.0.0.0/8", &[]), local("10.2.0.0/16", &[])], 0);
    assert_eq!(heard.listen(&mut rib, peer).routes(), ["10.0.0.0/8 65000", "10.2.0.0/16 65000"]);
    assert_eq!(heard.messages, 2, "one UPDATE for the new route, one for the old one");
    rib.replace(source, &[local("10.0.0.0/8", &[]), local("10.2.0.0/16", &[])], 0);
    assert_eq!(heard.listen(&mut rib, peer).messages, 2, "the same set again says nothing");
    rib.remove(source);
    assert_eq!((heard.listen(&mut rib, peer).routes(), rib.attribute_sets()), (vec![], 0));
}

#[test]
fn a_local_route_wins_over_a_learned_one() {
    let mut rib = rib();
    let (source, a, b) = (rib.add_source().unwrap(), up(&mut rib, 1), up(&mut rib, 2));
    let mut heard = Heard::default();
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8"]));
    assert_eq!(heard.listen(&mut rib, b).routes(), ["10.0.0.0/8 65000 65001"]);
    rib.announce(source, &local("10.0.0.0/8", &[]), 0);
    assert_eq!(heard.listen(&mut rib, b).routes(), ["10.0.0.0/8 65000"]);
    rib.withdraw(source, "10.0.0.0/8".parse().unwrap());
    assert_eq!(heard.listen(&mut rib, b).routes(), ["10.0.0.0/8 65000 65001"]);
}

/// RFC 4724 §4.2: kept while the peer restarts, last in selection, and swept at its End-of-RIB.
#[test]
fn stale_routes_stay_until_they_are_swept_and_lose_to_any_other() {
    let mut rib = rib();
    let (a, b, c) = (up(&mut rib, 1), up(&mut rib, 2), up(&mut rib, 3));
    let mut heard = Heard::default();
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8", "10.1.0.0/16"]));
    learn(&mut rib, b, &announce(&attributes(&[65002, 65009]), &["10.0.0.0/8"]));
    assert_eq!(heard.listen(&mut rib, c).routes(), ["10.0.0.0/8 65000 65001", "10.1.0.0/16 65000 65001"]);
    rib.peer_down(a, &[Family::IPV4]);
    assert_eq!(
        heard.listen(&mut rib, c).routes(),
        ["10.0.0.0/8 65000 65002 65009", "10.1.0.0/16 65000 65001"]
    );
    let session = Session {
        router_id: RouterId::new(1).unwrap(),
        address: [192, 0, 2, 1].into(),
        agreed: agreed(),
        next_hop: None,
    };
    rib.peer_up(a, &session);
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8"]));
    rib.sweep(a, Family::IPV4);
    assert_eq!(heard.listen(&mut rib, c).routes(), ["10.0.0.0/8 65000 65001"]);
    assert_eq!(rib.routes_of(a), 1);
}

#[test]
fn a_route_counts_only_while_its_next_hop_can_be_reached() {
    let mut rib = Rib::new(Settings { resolve_next_hops: true, ..Settings::new(Asn(65000)) });
    let (a, b) = (up(&mut rib, 1), up(&mut rib, 2));
    let mut heard = Heard::default();
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8"]));
    assert_eq!(heard.listen(&mut rib, b).routes(), Vec::<String>::new());
    let gateway: std::net::IpAddr = [192, 0, 2, 9].into();
    assert_eq!(rib.next_hops().collect::<Vec<_>>(), [gateway]);
    rib.next_hop(gateway, Some(10));
    assert_eq!(heard.listen(&mut rib, b).routes(), ["10.0.0.0/8 65000 65001"]);
    rib.next_hop(gateway, None);
    assert_eq!(heard.listen(&mut rib, b).routes(), Vec::<String>::new());
}

#[test]
fn twenty_members_share_one_encoding_and_a_stalled_one_catches_up_without_another() {
    let mut rib = Rib::new(Settings { ring: 64 << 10, ..Settings::new(Asn(65000)) });
    let source = rib.add_source().unwrap();
    let members: Vec<_> = (1..=20).map(|n| up(&mut rib, n)).collect();
    let mut heard: Vec<_> = members.iter().map(|_| Heard::default()).collect();
    let prefix = |n: u32| format!("10.{}.{}.0/24", n >> 8 & 255, n & 255);
    for round in 1..=40 {
        // Every route has attributes of its own, so that the runs of all rounds are far more than the ring holds.
        (0..100).for_each(|n| rib.announce(source, &local(&prefix(n), &[round, n, 7, 8, 9, 10, 11, 12]), 0));
        (0..25).for_each(|n| rib.withdraw(source, prefix(n * 4 + round % 4).parse().unwrap()));
        for (heard, member) in heard.iter_mut().zip(&members).skip(1) {
            heard.listen(&mut rib, *member);
        }
    }
    let (shared, again) = rib.encoded();
    assert_eq!(again, 0, "who keeps up is never told again");
    heard[0].listen(&mut rib, members[0]);
    assert_eq!(rib.encoded().0, shared, "who catches up costs the group nothing");
    assert!(rib.encoded().1 > 0, "the ring was meant to overflow");
    assert_eq!((heard[0].routes(), heard[0].routes.len()), (heard[1].routes(), 75));
    assert!(heard[0].messages < heard[1].messages / 2, "{} {}", heard[0].messages, heard[1].messages);
}
