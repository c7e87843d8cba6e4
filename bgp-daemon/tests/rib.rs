//! The RIB as its owner drives it: UPDATEs in, UPDATEs out.

mod world;

use bgp_daemon::{
    policy::Policy,
    rib::{Rib, Settings},
};
use bgp_proto::{
    agreed::PeerKind::{External, Internal},
    attr::set::PathAttributes,
    family::Family,
};
use world::{Heard, announce, attributes, learn, local, session, up, withdraw};

fn rib() -> Rib {
    Rib::new(Settings::default())
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
fn nothing_is_kept_of_a_prefix_that_nobody_is_left_to_hear_the_end_of() {
    let mut rib = rib();
    let (a, b) = (up(&mut rib, 1), up(&mut rib, 2));
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8", "10.1.0.0/16"]));
    Heard::default().listen(&mut rib, b);
    learn(&mut rib, a, &withdraw(&["10.0.0.0/8", "10.1.0.0/16"]));
    assert_eq!(rib.prefix_count(), 2, "the second peer is still to be told");
    [a, b].into_iter().for_each(|peer| rib.peer_down(peer, &[]));
    while rib.work(1000) {}
    assert_eq!((rib.prefix_count(), rib.attribute_sets()), (0, 0));
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

#[test]
fn a_source_is_replaced_as_a_whole_and_only_the_difference_is_told() {
    let mut rib = rib();
    let (source, peer) = (rib.add_source("config").unwrap(), up(&mut rib, 1));
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
    let (source, a, b) = (rib.add_source("config").unwrap(), up(&mut rib, 1), up(&mut rib, 2));
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
    rib.peer_up(a, &session(External, 1));
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8"]));
    rib.sweep(a, Family::IPV4);
    assert_eq!(heard.listen(&mut rib, c).routes(), ["10.0.0.0/8 65000 65001"]);
    assert_eq!(rib.routes_of(a), 1);
}

/// RFC 7313 §4: what a peer does not send again between the marks is withdrawn, and until then it is as good as before.
#[test]
fn what_is_not_sent_again_is_withdrawn_when_the_refresh_ends() {
    let mut rib = rib();
    let (a, b, c) = (up(&mut rib, 1), up(&mut rib, 2), up(&mut rib, 3));
    let mut heard = Heard::default();
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"]));
    learn(&mut rib, b, &announce(&attributes(&[65002, 65009]), &["10.0.0.0/8"]));
    heard.listen(&mut rib, c);
    let before = heard.messages;

    rib.refresh_ends(a, Family::IPV4);
    rib.refresh_begins(a, Family::IPV4);
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.1.0.0/16"]));
    // It begins anew: what it has sent so far does not count.
    rib.refresh_begins(a, Family::IPV4);
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.2.0.0/16"]));
    rib.refresh_ends(a, Family::IPV6);
    assert_eq!(
        (heard.listen(&mut rib, c).messages, rib.routes_of(a)),
        (before, 3),
        "nothing has changed yet"
    );
    assert!(rib.routes("10.0.0.0/8".parse().unwrap()).iter().all(|route| !route.stale));

    rib.refresh_ends(a, Family::IPV4);
    let left = ["10.0.0.0/8 65000 65002 65009", "10.2.0.0/16 65000 65001"];
    assert_eq!((heard.listen(&mut rib, c).routes(), rib.routes_of(a)), (left.map(String::from).into(), 1));
    let after = heard.messages;
    rib.refresh_ends(a, Family::IPV4);
    assert_eq!((heard.listen(&mut rib, c).messages, rib.routes_of(a)), (after, 1));
}

#[test]
fn a_refresh_ends_with_its_session() {
    let mut rib = rib();
    let (a, b) = (up(&mut rib, 1), up(&mut rib, 2));
    let mut heard = Heard::default();
    let prefixes = ["10.0.0.0/8", "10.1.0.0/16"];
    learn(&mut rib, a, &announce(&attributes(&[65001]), &prefixes));
    rib.refresh_begins(a, Family::IPV4);
    learn(&mut rib, a, &announce(&attributes(&[65001]), &prefixes[..1]));
    rib.peer_down(a, &[Family::IPV4]);
    let stale = |rib: &Rib| prefixes.map(|prefix| rib.routes(prefix.parse().unwrap())[0].stale);
    assert_eq!(stale(&rib), [true, true], "sent again or not");
    rib.peer_up(a, &session(External, 1));
    learn(&mut rib, a, &announce(&attributes(&[65001]), &prefixes[1..]));
    rib.refresh_ends(a, Family::IPV4);
    assert_eq!((heard.listen(&mut rib, b).routes().len(), stale(&rib)), (2, [true, false]));
    rib.sweep(a, Family::IPV4);
    assert_eq!(heard.listen(&mut rib, b).routes(), ["10.1.0.0/16 65000 65001"]);
}

#[test]
fn a_route_counts_only_while_its_next_hop_can_be_reached() {
    let mut rib = Rib::new(Settings { resolve_next_hops: true, ..Settings::default() });
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
    let mut rib = Rib::new(Settings { ring: 64 << 10, ..Settings::default() });
    let source = rib.add_source("config").unwrap();
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

#[test]
fn a_run_is_let_go_when_the_last_member_has_read_it_or_is_gone() {
    let mut rib = rib();
    let source = rib.add_source("config").unwrap();
    let members: Vec<_> = (1..=3).map(|number| up(&mut rib, number)).collect();
    let mut heard: Vec<_> = members.iter().map(|_| Heard::default()).collect();
    // A run of 8 KiB, beside which what tables grow by is little.
    let announce = |rib: &mut Rib, med| {
        for n in 0..2000 {
            let prefix = format!("10.{}.{}.0/24", n >> 8, n & 255);
            rib.announce(source, &local(&prefix, &[med, 7]), 0);
        }
    };
    for round in 1..=4 {
        announce(&mut rib, round);
        let [first, second, third] = [0, 1, 2].map(|nth| members[nth]);
        heard[0].listen(&mut rib, first);
        heard[1].listen(&mut rib, second);
        let held = rib.octets();
        if round == 4 {
            rib.peer_down(third, &[]);
        } else {
            heard[2].listen(&mut rib, third);
        }
        assert!(rib.octets() + 8000 < held, "round {round}: {held} then {}", rib.octets());
    }
}

#[test]
fn a_group_gives_memory_back_when_routes_go() {
    const ALL: u32 = 10 * 4096;
    let prefix = |n: u32| format!("10.{}.{}.0/24", n >> 8, n & 255);
    // Octets when full and when emptied, with one group of peers or with two.
    let [one, two] = [[External].as_slice(), &[External, Internal]].map(|kinds| {
        let mut rib = rib();
        let source = rib.add_source("config").unwrap();
        let members = kinds.iter().zip(1..).map(|(kind, number)| {
            let id = rib.add_peer().unwrap();
            rib.peer_up(id, &session(*kind, number));
            (id, Heard { internal: *kind == Internal, ..Heard::default() })
        });
        let mut members: Vec<_> = members.collect();
        let mut counted = |rib: &mut Rib, routes: u32| {
            for (id, heard) in &mut members {
                assert_eq!(heard.listen(rib, *id).routes.len(), routes as usize);
            }
            rib.octets()
        };
        (0..ALL).for_each(|n| rib.announce(source, &local(&prefix(n), &[1]), 0));
        let full = counted(&mut rib, ALL);
        // One route at each end stays.
        (1..ALL - 1).for_each(|n| rib.withdraw(source, prefix(n).parse().unwrap()));
        let left = counted(&mut rib, 2);
        (0..ALL).for_each(|n| rib.announce(source, &local(&prefix(n), &[1]), 0));
        counted(&mut rib, ALL);
        [full, left]
    });
    let [full, left] = [0, 1].map(|at| two[at] - one[at]);
    assert!(left * 2 < full, "the second group took {full} octets and keeps {left}");
}

#[test]
fn a_prefix_may_be_withdrawn_twice_in_one_message() {
    let mut rib = rib();
    let a = rib.add_peer().unwrap();
    // Nothing of it is accepted, so that nobody is still to be told and its place goes at once.
    rib.peer_up(a, &session(External, 1).with_policies(Policy::default_for(External), Policy::all()));
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8"]));
    learn(&mut rib, a, &withdraw(&["10.0.0.0/8", "10.0.0.0/8"]));
    assert_eq!(rib.routes_of(a), 0);
}

/// What a peer reads, octet for octet, of a busy hour.
fn octets_of_an_hour(seed: u64) -> Vec<u8> {
    let mut rib = Rib::new(Settings { seed, ring: 4096, ..Settings::default() });
    let (source, a, b) = (rib.add_source("config").unwrap(), up(&mut rib, 1), up(&mut rib, 2));
    let mut octets = Vec::new();
    for round in 0..20u32 {
        let prefixes: Vec<_> = (0..40).map(|n| format!("10.{}.{}.0/24", round % 3, n * 5 % 64)).collect();
        let texts: Vec<_> = prefixes.iter().map(String::as_str).collect();
        for (nth, some) in texts.chunks(7).enumerate() {
            learn(&mut rib, a, &announce(&attributes(&[65001, nth as u32 + 7, round % 4 + 1]), some));
        }
        learn(&mut rib, a, &withdraw(&texts[..round as usize]));
        rib.replace(source, &[local(texts[(round % 40) as usize], &[])], 0);
        while rib.work(16) {}
        if round % 5 == 4 {
            octets.extend(std::iter::from_fn(|| rib.take(b)).flatten());
        }
    }
    octets
}

#[test]
fn the_same_calls_give_the_same_octets_whatever_the_seed_of_the_hashes_is() {
    let octets = octets_of_an_hour(1);
    assert!(octets.len() > 4096, "the hour was meant to be busy: {}", octets.len());
    assert_eq!(octets, octets_of_an_hour(1));
    // No order that can be seen comes from a hash.
    assert_eq!(octets, octets_of_an_hour(2));
}

#[test]
fn the_same_attributes_in_other_octets_are_the_same_set() {
    let mut rib = rib();
    let a = up(&mut rib, 1);
    let plain = announce(&attributes(&[65001]), &["10.0.0.0/8"]);
    // The length of ORIGIN in two octets, which nobody has to do and some do: one octet more in all.
    let mut long = plain.clone();
    let origin = long.windows(4).position(|at| at == [0x40, 1, 1, 0]).unwrap();
    long.splice(origin..origin + 3, [0x50, 1, 0, 1]);
    for length in [16, 21] {
        long[length + 1] += 1;
    }
    for octets in [&long, &plain, &long, &plain] {
        learn(&mut rib, a, octets);
        assert_eq!(rib.attribute_sets(), 1);
    }
    learn(&mut rib, a, &withdraw(&["10.0.0.0/8"]));
    Heard::default().listen(&mut rib, a);
    assert_eq!(rib.attribute_sets(), 0);
}
