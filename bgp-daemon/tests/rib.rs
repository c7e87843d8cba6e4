//! The RIB as its owner drives it: UPDATEs in, UPDATEs out.

use bgp_daemon::rib::{PeerSettings, Rib, Selection, SenderId, Settings};
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
    let selection = Selection::default();
    Rib::new(Settings { local_asn: Asn(65000), seed: 1, resolve_next_hops: false, selection })
}

fn up(rib: &mut Rib, number: u8) -> SenderId {
    let address = std::net::IpAddr::from([192, 0, 2, number]);
    let router_id = RouterId::new(number.into()).unwrap();
    let next_hop = Some(NextHop::Ipv4([198, 51, 100, 1].into()));
    rib.peer_up(&PeerSettings {
        name: format!("peer{number}"),
        router_id,
        address,
        agreed: agreed(),
        next_hop,
    })
    .unwrap()
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
    rib.peer_down(a);
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
