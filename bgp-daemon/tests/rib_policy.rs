//! Policies in the RIB: what is accepted and told by them, why, and what a change of them costs.

mod world;

use bgp_daemon::{
    policy::{NextHopChange, Policy, standard::discard::Discards},
    rib::{Aggregate, Difference, Import, Limits, Mark, Place, Proposal, Rib, SenderId, Settings, Standing},
};
use bgp_proto::{
    agreed::{
        FamilyAgreed,
        PeerKind::{External, Internal},
    },
    attr::{
        community::Community,
        set::{OpaqueAttribute, PathAttributes},
        table::{AttributeCode, flags},
    },
    family::Family,
    numbers::{Origin, RouterId},
    prefix::Prefix,
    wire::{
        frame::{Frame, frame},
        nlri::Path,
        pack,
        update::Update,
    },
};
use world::{
    Heard, announce, announce_paths, announce_to, attributes, learn, local, policy, session, up, withdraw,
};

fn rib() -> Rib {
    Rib::new(Settings::default())
}

#[test]
fn without_policies_an_external_peer_is_not_heard_and_told_nothing() {
    let mut rib = rib();
    let (a, b, c) = (rib.add_peer().unwrap(), up(&mut rib, 2), rib.add_peer().unwrap());
    for (peer, number) in [(a, 1), (c, 3)] {
        let all = session(External, number);
        let default = Policy::default_for(External);
        rib.peer_up(peer, &all.with_policies(default.clone(), default));
    }
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8"]));
    assert!(Heard::default().listen(&mut rib, b).routes().is_empty());
    learn(&mut rib, b, &announce(&attributes(&[65002]), &["10.1.0.0/16"]));
    let mut heard = Heard::default();
    assert_eq!((heard.listen(&mut rib, c).routes(), heard.ends), (vec![], 2));
    let listed = rib.routes("10.0.0.0/8".parse().unwrap());
    assert_eq!(listed[0].reason, "rejected by policy none");
    assert_eq!((listed[0].standing, listed[0].accepted.is_none()), (Standing::Rejected, true));
}

#[test]
fn what_limits_and_the_protocol_refuse_is_listed_with_the_reason() {
    let mut rib = rib();
    let peer = rib.add_peer().unwrap();
    let mut limited = session(External, 1);
    limited.import.limits = Limits { as_path: 3, communities: 2 };
    rib.peer_up(peer, &limited);
    let with =
        |count| PathAttributes { communities: (0..count).map(Community).collect(), ..attributes(&[65001]) };
    let blackhole = PathAttributes { communities: vec![Community::BLACKHOLE], ..attributes(&[65001]) };
    let rows = [
        (attributes(&[1, 2, 3]), "accepted by policy all"),
        (attributes(&[1, 2, 3, 4]), "the AS path has 4 ASes and the limit is 3"),
        (with(2), "accepted by policy all"),
        (with(3), "it has 3 communities and the limit is 2"),
        (attributes(&[1, 65000]), "loop: our AS 65000 is in the AS path"),
        (blackhole, "it is a blackhole, which the peer may not announce"),
    ];
    for (attributes, reason) in rows {
        learn(&mut rib, peer, &announce(&attributes, &["10.0.0.0/8"]));
        let listed = rib.routes("10.0.0.0/8".parse().unwrap());
        assert_eq!((listed.len(), &*listed[0].reason), (1, reason));
        assert_eq!(listed[0].accepted.is_some(), reason.starts_with("accepted"), "{reason}");
    }
}

#[test]
fn discarded_attributes_are_learned_and_neither_judged_nor_accepted_nor_told() {
    let mut rib = rib();
    let (a, b) = (rib.add_peer().unwrap(), up(&mut rib, 2));
    let tagged =
        r#"{ match = { communities = { any = ["65001:1"] } }, then = "reject" }, { then = "accept" }"#;
    let some = session(External, 1).with_policies(policy(tagged), Policy::all());
    rib.peer_up(a, &some);
    let opaque = |code| OpaqueAttribute { flags: flags::OPTIONAL | flags::TRANSITIVE, code, value: vec![7] };
    let bare = PathAttributes { opaque: vec![opaque(98)], ..attributes(&[65001]) };
    let full = PathAttributes {
        communities: vec!["65001:1".parse().unwrap()],
        opaque: vec![opaque(98), opaque(99)],
        ..bare.clone()
    };
    learn(&mut rib, a, &announce(&full, &["10.0.0.0/8"]));
    let mut heard = Heard::default();
    assert!(heard.listen(&mut rib, b).routes().is_empty());

    let discards = Discards::new([AttributeCode::COMMUNITIES, AttributeCode(99)]).unwrap();
    rib.set_import(a, Import { discards, ..some.import.clone() });
    assert_eq!(heard.listen(&mut rib, b).routes(), ["10.0.0.0/8 65000 65001"]);
    assert!(heard.last.communities.is_empty());
    assert_eq!(heard.last.opaque.iter().map(|opaque| opaque.code).collect::<Vec<_>>(), [98]);
    let listed = rib.routes("10.0.0.0/8".parse().unwrap()).remove(0);
    assert_eq!((listed.learned.0, listed.accepted.map(|told| told.0)), (full, Some(bare)));

    // What changes a set besides does not bring them back.
    let with_med = policy(r#"{ set = { med = 5 }, then = "accept" }"#);
    rib.set_import(a, Import { discards, policy: with_med, ..some.import.clone() });
    heard.listen(&mut rib, b);
    let listed = rib.routes("10.0.0.0/8".parse().unwrap()).remove(0);
    let accepted = listed.accepted.unwrap().0;
    assert_eq!((accepted.med, accepted.communities.len(), accepted.opaque.len()), (Some(5), 0, 1));

    rib.set_import(a, some.import);
    assert!(heard.listen(&mut rib, b).routes().is_empty());
}

#[test]
fn a_loop_is_found_by_an_attribute_that_is_discarded() {
    let mut rib = rib();
    let a = rib.add_peer().unwrap();
    let mut inside = session(Internal, 1);
    inside.import.discards = Discards::new([AttributeCode::ORIGINATOR_ID]).unwrap();
    rib.peer_up(a, &inside);
    let own =
        PathAttributes { originator_id: RouterId::new(65000), local_pref: Some(100), ..attributes(&[1]) };
    let mut agreed = world::agreed();
    agreed.peer_kind = Internal;
    let octets = announce_to(&agreed, &own, &["10.0.0.0/8"]);
    let Frame::Message(raw) = frame(&octets, Some(&agreed)) else { panic!("a whole UPDATE") };
    rib.learn(a, &Update::decode(raw, &agreed).unwrap(), 0);
    let listed = rib.routes("10.0.0.0/8".parse().unwrap());
    assert_eq!((listed[0].standing, &*listed[0].reason), (Standing::Rejected, "loop: we are its originator"));
}

#[test]
fn rejected_routes_are_not_held_where_memory_matters() {
    let mut rib = Rib::new(Settings { keep_rejected: false, ..Settings::default() });
    let (a, b) = (rib.add_peer().unwrap(), up(&mut rib, 2));
    let some = policy(r#"{ match = { prefix = "10.0.0.0/8" }, then = "accept" }"#);
    rib.peer_up(a, &session(External, 1).with_policies(some, Policy::all()));
    // The second one twice in one message.
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/16"]));
    assert_eq!(rib.routes_of(a), 1);
    let mut heard = Heard::default();
    assert_eq!(heard.listen(&mut rib, b).routes(), ["10.0.0.0/8 65000 65001"]);
    // A route that is held goes when what replaces it is rejected.
    learn(&mut rib, a, &announce(&attributes(&[65001, 65000]), &["10.0.0.0/8"]));
    assert_eq!((rib.routes_of(a), heard.listen(&mut rib, b).routes()), (0, vec![]));
    assert_eq!(rib.attribute_sets(), 0);
}

#[test]
fn an_attribute_that_is_not_passed_on_changes_and_nothing_is_told() {
    let mut rib = rib();
    let (a, b) = (up(&mut rib, 1), up(&mut rib, 2));
    let mut heard = Heard::default();
    for med in [10, 20, 30] {
        let attributes = PathAttributes { med: Some(med), ..attributes(&[65001]) };
        learn(&mut rib, a, &announce(&attributes, &["10.0.0.0/8", "10.1.0.0/16"]));
        heard.listen(&mut rib, b);
        assert_eq!((heard.messages, rib.encoded().0), (1, 1));
    }
    let other = PathAttributes { origin: Some(Origin::EGP), ..attributes(&[65001]) };
    learn(&mut rib, a, &announce(&other, &["10.0.0.0/8"]));
    assert_eq!(heard.listen(&mut rib, b).messages, 2);
}

#[test]
fn what_was_found_out_about_a_set_does_not_hold_for_the_next_one_with_its_number() {
    let mut rib = rib();
    let (a, b) = (up(&mut rib, 1), rib.add_peer().unwrap());
    let export =
        policy(r#"{ match = { as_path = { contains = 7 } }, then = "reject" }, { then = "accept" }"#);
    rib.peer_up(b, &session(External, 2).with_policies(Policy::all(), export));
    let mut heard = Heard::default();
    learn(&mut rib, a, &announce(&attributes(&[65001, 7]), &["10.0.0.0/8"]));
    learn(&mut rib, a, &withdraw(&["10.0.0.0/8"]));
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8"]));
    assert_eq!(heard.listen(&mut rib, b).routes(), ["10.0.0.0/8 65000 65001"]);
}

#[test]
fn a_change_of_import_policy_tells_only_what_changes_by_it() {
    let mut rib = rib();
    let (a, b) = (up(&mut rib, 1), up(&mut rib, 2));
    let mut heard = Heard::default();
    let prefixes: Vec<_> = (0..100).map(|n| format!("10.{n}.0.0/16")).collect();
    learn(&mut rib, a, &announce(&attributes(&[65001]), &prefixes.iter().map(|p| &**p).collect::<Vec<_>>()));
    assert_eq!(heard.listen(&mut rib, b).routes().len(), 100);
    let mut import = session(External, 1).import;
    import.policy = policy(
        r#"{ match = { prefix = "10.7.0.0/16" }, then = "reject" },
           { match = { prefix = "10.8.0.0/16" }, set = { prepend = { asn = 65001 } }, then = "accept" },
           { match = { prefix = "10.9.0.0/16" }, set = { local_pref = 500 }, then = "accept" },
           { then = "accept" }"#,
    );
    heard.touched.clear();
    rib.set_import(a, import.clone());
    assert_eq!(heard.listen(&mut rib, b).routes().len(), 99);
    assert_eq!(heard.touched, ["10.7.0.0/16", "10.8.0.0/16"], "a local preference is not told to other ASes");
    heard.touched.clear();
    import.policy = Policy::all();
    rib.set_import(a, import);
    assert_eq!(heard.listen(&mut rib, b).routes().len(), 100);
    assert_eq!(heard.touched, ["10.7.0.0/16", "10.8.0.0/16"]);
}

#[test]
fn a_change_of_export_policy_for_all_members_is_encoded_once_and_tells_only_what_changes_by_it() {
    let mut rib = rib();
    let source = rib.add_source("config").unwrap();
    let members: Vec<_> = (1..=20).map(|n| up(&mut rib, n)).collect();
    let mut heard: Vec<_> = members.iter().map(|_| Heard::default()).collect();
    (0..100).for_each(|n| rib.announce(source, &local(&format!("10.{n}.0.0/16"), &[65009]), 0));
    heard.iter_mut().zip(&members).for_each(|(heard, member)| drop(heard.listen(&mut rib, *member).routes()));
    let change = policy(
        r#"{ match = { prefix = "10.7.0.0/16" }, then = "reject" },
           { match = { prefix = "10.8.0.0/15 le 16", source = "local:config" }, set = { med = 5 }, then = "accept" },
           { then = "accept" }"#,
    );
    let export = |n, policy: &Policy| {
        let mut export = session(External, n).export;
        export.policy = policy.clone();
        export
    };
    let before = rib.encoded();
    let all: Vec<_> = (1..).zip(&members).map(|(n, id)| (*id, export(n, &change))).collect();
    rib.set_exports(&all);
    for (heard, member) in heard.iter_mut().zip(&members) {
        heard.touched.clear();
        heard.listen(&mut rib, *member);
        assert_eq!(heard.touched, ["10.7.0.0/16", "10.8.0.0/16", "10.9.0.0/16"]);
        assert_eq!(heard.routes().len(), 99);
    }
    assert_eq!((rib.encoded().0 - before.0, rib.encoded().1), (1, 0));
    // One of them goes apart; the others are told nothing, and neither is it but for the difference.
    rib.set_exports(&[(members[3], export(4, &Policy::all()))]);
    for (n, (heard, member)) in heard.iter_mut().zip(&members).enumerate() {
        heard.touched.clear();
        heard.listen(&mut rib, *member);
        let expected = if n == 3 { 3 } else { 0 };
        assert_eq!((heard.touched.len(), heard.routes().len()), (expected, if n == 3 { 100 } else { 99 }));
    }
    // And both parts go on by themselves.
    rib.withdraw(source, "10.50.0.0/16".parse().unwrap());
    rib.withdraw(source, "10.7.0.0/16".parse().unwrap());
    for (n, (heard, member)) in heard.iter_mut().zip(&members).enumerate() {
        assert_eq!(heard.listen(&mut rib, *member).routes().len(), 98, "member {n}");
    }
}

#[test]
fn a_client_is_reflected_with_its_originator_and_nobody_is_told_his_own_address_as_next_hop() {
    let mut rib = rib();
    let (client, other, third) = (rib.add_peer().unwrap(), rib.add_peer().unwrap(), rib.add_peer().unwrap());
    for (id, number) in [(client, 1), (other, 2), (third, 9)] {
        let mut session = session(Internal, number);
        (session.export.side.cluster_id, session.import.side.cluster_id) = (Some(7), Some(7));
        session.export.side.client = number == 1;
        rib.peer_up(id, &session);
    }
    // Its next hop is the address of the third.
    learn(&mut rib, client, &announce(&attributes(&[65009]), &["10.0.0.0/8"]));
    let mut heard = Heard { internal: true, ..Heard::default() };
    assert_eq!(heard.listen(&mut rib, other).routes(), ["10.0.0.0/8 65009"]);
    assert_eq!(heard.last.originator_id, RouterId::new(1));
    assert_eq!(heard.last.cluster_list, [7]);
    assert!(Heard::default().listen(&mut rib, third).routes().is_empty());
    // With ourselves as the next hop there is nothing against it.
    let mut export = session(Internal, 9).export;
    export.side.cluster_id = Some(7);
    export.policy = policy(r#"{ set = { next_hop = "self" }, then = "accept" }"#);
    export.next_hop = Some(NextHopChange::Own);
    rib.set_exports(&[(third, export)]);
    assert_eq!(Heard::default().listen(&mut rib, third).routes(), ["10.0.0.0/8 65009"]);
}

#[test]
fn who_joins_a_group_later_is_not_told_what_leads_to_himself() {
    let mut rib = rib();
    let (a, other, owner) = (up(&mut rib, 1), rib.add_peer().unwrap(), rib.add_peer().unwrap());
    rib.peer_up(other, &session(Internal, 2));
    let mut heard =
        [Heard { internal: true, ..Heard::default() }, Heard { internal: true, ..Heard::default() }];
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8"]));
    assert_eq!(heard[0].listen(&mut rib, other).routes().len(), 1);
    rib.peer_up(owner, &session(Internal, 9));
    assert!(heard[1].listen(&mut rib, owner).routes().is_empty());
    rib.peer_down(owner, &[]);
    assert_eq!((heard[0].listen(&mut rib, other).routes().len(), heard[0].messages), (1, 1));
}

#[test]
fn the_listing_says_how_routes_compare_and_who_was_told() {
    let mut rib = rib();
    let peers: Vec<_> = (1..=4).map(|n| up(&mut rib, n)).collect();
    for (peer, path) in peers.iter().zip([&[65001, 65009][..], &[65002, 65008], &[65003, 65008, 65009]]) {
        learn(&mut rib, *peer, &announce(&attributes(path), &["10.0.0.0/8"]));
    }
    peers.iter().for_each(|peer| drop(Heard::default().listen(&mut rib, *peer).routes()));
    let mut listed = rib.routes("10.0.0.0/8".parse().unwrap());
    listed.sort_by_key(|listed| listed.sender);
    let standings: Vec<_> = listed.iter().map(|listed| (listed.sender, listed.standing)).collect();
    let lost = Standing::Lost;
    assert_eq!(
        standings,
        [
            (peers[0], Standing::Best),
            (peers[1], lost("higher router id")),
            (peers[2], lost("longer AS path"))
        ]
    );
    assert_eq!(listed[0].told, peers[1..]);
    assert!(listed[1].told.is_empty() && rib.routes("10.9.0.0/16".parse().unwrap()).is_empty());
}

#[test]
fn a_walk_sees_every_prefix_once() {
    let mut rib = rib();
    let source = rib.add_source("config").unwrap();
    let mut all: Vec<_> = (0..50).map(|n| format!("10.{n}.0.0/16")).chain(["2001:db8::/32".into()]).collect();
    all.iter().for_each(|prefix| rib.announce(source, &local(prefix, &[]), 0));
    let (mut seen, mut place) = (Vec::new(), Some(Place::default()));
    while let Some(from) = place {
        let (found, next) = rib.prefixes(from, 7);
        assert!(found.len() <= 7);
        seen.extend(found.into_iter().map(|prefix| prefix.to_string()));
        place = next;
    }
    all.sort();
    seen.sort();
    assert_eq!(seen, all);
}

fn is_told(rib: &Rib, mark: &mut Mark) -> bool {
    rib.is_told(mark)
}

#[test]
fn a_mark_is_told_once_every_member_has_taken_what_came_before_it() {
    let mut rib = Rib::new(Settings { ring: 100, ..Settings::default() });
    let source = rib.add_source("config").unwrap();
    let (a, b) = (up(&mut rib, 1), up(&mut rib, 2));
    let (mut at_a, mut at_b) = (Heard::default(), Heard::default());
    at_a.listen(&mut rib, a);
    at_b.listen(&mut rib, b);
    (0..20).for_each(|n| rib.announce(source, &local(&format!("10.{n}.0.0/16"), &[65001 + n]), 0));
    let mut mark = rib.mark();
    assert!(!is_told(&rib, &mut mark));
    assert_eq!(at_a.listen(&mut rib, a).routes().len(), 20);
    assert!(!is_told(&rib, &mut mark), "the other one has not taken it");
    assert_eq!(at_b.listen(&mut rib, b).routes().len(), 20);
    rib.announce(source, &local("10.99.0.0/16", &[]), 0);
    assert!(is_told(&rib, &mut mark), "what came after it does not count");
    // What a job does later counts too.
    rib.replace(source, [], 0);
    let mut mark = rib.mark();
    assert!(!is_told(&rib, &mut mark));
    while rib.work(1000) {}
    assert!(!is_told(&rib, &mut mark));
    assert!(at_a.listen(&mut rib, a).routes().is_empty());
    rib.peer_down(b, &[]);
    assert!(is_told(&rib, &mut mark), "who is gone is not waited for");
}

#[test]
fn the_end_of_rib_comes_after_what_was_pending_and_changed_before_it_was_told() {
    let mut rib = rib();
    let (a, b, source) = (up(&mut rib, 1), up(&mut rib, 2), rib.add_source("config").unwrap());
    rib.announce(source, &local("10.0.0.0/8", &[]), 0);
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8"]));
    // Pending as a local route for everybody, and by now a learned one that its source is not told.
    rib.withdraw(source, "10.0.0.0/8".parse().unwrap());
    let mut heard = Heard::default();
    heard.listen(&mut rib, b);
    assert_eq!(heard.log, ["10.0.0.0/8", "end of RIB", "end of RIB"]);
}

#[test]
fn an_enhanced_refresh_stands_between_its_marks() {
    let mut rib = rib();
    let (a, b) = (up(&mut rib, 1), rib.add_peer().unwrap());
    let mut session = session(External, 2);
    session.enhanced_refresh = true;
    rib.peer_up(b, &session);
    let mut heard = Heard::default();
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8"]));
    heard.listen(&mut rib, b);
    // One route is told, another is still to be told when the refresh begins: both stand between the marks.
    learn(&mut rib, a, &announce(&attributes(&[65001, 5]), &["10.1.0.0/16"]));
    rib.refresh(b, Family::IPV4);
    heard.log.clear();
    heard.listen(&mut rib, b);
    assert_eq!(heard.log, ["begin of refresh", "10.0.0.0/8", "10.1.0.0/16", "end of refresh"]);
}

#[test]
fn a_route_that_does_not_fit_a_message_is_withdrawn_and_counted_once() {
    let mut rib = rib();
    let (a, b) = (rib.add_peer().unwrap(), up(&mut rib, 2));
    let mut wide = session(External, 1);
    wide.agreed.extended_message = true;
    rib.peer_up(a, &wide);
    let mut heard = Heard::default();
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.0.0.0/8"]));
    assert_eq!(heard.listen(&mut rib, b).routes().len(), 1);
    let large = PathAttributes {
        communities: (0..998).map(Community).collect(),
        large_communities: Vec::new(),
        as_path: (0..30).map(|n| (65001 + n).to_string()).collect::<Vec<_>>().join(" ").parse().unwrap(),
        ..attributes(&[65001])
    };
    learn(&mut rib, a, &announce_to(&wide.agreed, &large, &["10.0.0.0/8", "10.1.0.0/16"]));
    assert_eq!((heard.listen(&mut rib, b).routes(), rib.untold()), (vec![], 1));
    assert_eq!(rib.routes_of(a), 2);
}

fn compare(rib: &mut Rib, mut proposal: Proposal) -> Vec<(SenderId, [u64; 3])> {
    while rib.compare(&mut proposal, 1000) {}
    let counts = |d: &Difference| [d.gained.count, d.lost.count, d.changed.count];
    proposal.differences().iter().map(|(peer, difference)| (*peer, counts(difference))).collect()
}

#[test]
fn a_proposal_says_what_it_would_change_and_changes_nothing() {
    let mut rib = rib();
    let (a, b, c) = (up(&mut rib, 1), up(&mut rib, 2), up(&mut rib, 3));
    let mut heard = Heard::default();
    let prefixes: Vec<_> = (0..100).map(|n| format!("10.{n}.0.0/16")).collect();
    let prefixes: Vec<_> = prefixes.iter().map(String::as_str).collect();
    learn(&mut rib, a, &announce(&attributes(&[65001]), &prefixes));
    learn(&mut rib, b, &announce(&attributes(&[65002, 65002]), &["10.7.0.0/16"]));
    heard.listen(&mut rib, c);
    let (sets, messages) = (rib.attribute_sets(), heard.messages);
    let mut import = session(External, 1).import;
    import.policy = policy(
        r#"{ match = { prefix = ["10.7.0.0/16", "10.8.0.0/16"] }, then = "reject" },
           { match = { prefix = "10.9.0.0/16" }, set = { prepend = { asn = 7 } }, then = "accept" },
           { match = { prefix = "10.10.0.0/16" }, set = { local_pref = 500 }, then = "accept" },
           { then = "accept" }"#,
    );
    let mut export = session(External, 3).export;
    export.policy =
        policy(r#"{ match = { prefix = "10.20.0.0/14 le 16" }, then = "reject" }, { then = "accept" }"#);
    // 10.7 then comes from the second peer, which loses it itself, and the first one is told of it.
    let both = Proposal::new(vec![(a, import.clone())], vec![(c, export.clone())], 2);
    assert_eq!(compare(&mut rib, both.clone()), [(a, [1, 0, 0]), (b, [0, 2, 1]), (c, [0, 5, 2])]);
    let exports = Proposal::new(Vec::new(), vec![(c, export.clone())], 2);
    assert_eq!(compare(&mut rib, exports), [(c, [0, 4, 0])]);
    let mut proposal = both;
    while rib.compare(&mut proposal, 7) {}
    let lost: Vec<_> = proposal.differences()[&c].lost.prefixes.iter().map(ToString::to_string).collect();
    assert_eq!(lost, ["10.8.0.0/16", "10.20.0.0/16"]);
    assert_eq!((heard.listen(&mut rib, c).messages, rib.attribute_sets()), (messages, sets));
    // It says what happens when the change is made.
    heard.touched.clear();
    rib.set_import(a, import);
    rib.set_exports(&[(c, export)]);
    heard.listen(&mut rib, c);
    let expected = ["10.20", "10.21", "10.22", "10.23", "10.7", "10.8", "10.9"];
    assert_eq!(heard.touched, expected.map(|prefix| format!("{prefix}.0.0/16")));
}

fn aggregate(prefix: &str, summary_only: bool) -> Aggregate {
    Aggregate { route: local(prefix, &[]), summary_only }
}

#[test]
fn an_aggregate_is_announced_while_a_more_specific_route_is_selected() {
    let mut rib = rib();
    let (a, b, source) = (up(&mut rib, 1), up(&mut rib, 2), rib.add_source("aggregates").unwrap());
    let mut heard = Heard::default();
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.1.0.0/16", "10.1.0.0/24", "10.2.0.0/16"]));
    rib.set_aggregates(source, &[aggregate("10.1.0.0/16", false), aggregate("0.0.0.0/0", false)]);
    // The aggregate's own prefix is no contributor, but our route to it is the better one.
    let all = ["0.0.0.0/0 65000", "10.1.0.0/16 65000", "10.1.0.0/24 65000 65001", "10.2.0.0/16 65000 65001"];
    assert_eq!(heard.listen(&mut rib, b).routes(), all);
    learn(&mut rib, a, &withdraw(&["10.1.0.0/24"]));
    let left = ["0.0.0.0/0 65000", "10.1.0.0/16 65000 65001", "10.2.0.0/16 65000 65001"];
    assert_eq!(heard.listen(&mut rib, b).routes(), left);
    learn(&mut rib, a, &withdraw(&["10.1.0.0/16", "10.2.0.0/16"]));
    assert!(heard.listen(&mut rib, b).routes().is_empty(), "a default route with nothing behind it is none");
    assert_eq!((rib.routes_of(source), rib.attribute_sets()), (0, 0));
}

#[test]
fn a_summary_stands_for_its_contributors_and_gives_them_back() {
    let mut rib = rib();
    let (a, b, source) = (up(&mut rib, 1), up(&mut rib, 2), rib.add_source("aggregates").unwrap());
    let mut heard = Heard::default();
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.1.0.0/24", "10.2.0.0/16"]));
    let before = ["10.1.0.0/24 65000 65001", "10.2.0.0/16 65000 65001"];
    assert_eq!(heard.listen(&mut rib, b).routes(), before);
    rib.set_aggregates(source, &[aggregate("10.1.0.0/16", true)]);
    let summary = ["10.1.0.0/16 65000", "10.2.0.0/16 65000 65001"];
    assert_eq!(heard.listen(&mut rib, b).routes(), summary);
    learn(&mut rib, a, &announce(&attributes(&[65001]), &["10.1.7.0/24"]));
    heard.touched.clear();
    assert_eq!(
        (heard.listen(&mut rib, b).routes(), heard.touched.len()),
        (summary.map(str::to_owned).into(), 0)
    );
    // What is said of it changes without its going away.
    let mut other = aggregate("10.1.0.0/16", true);
    other.route.attributes.atomic_aggregate = true;
    rib.set_aggregates(source, &[other]);
    heard.listen(&mut rib, b);
    assert_eq!(
        (heard.messages, heard.last.atomic_aggregate, &*heard.touched),
        (4, true, &["10.1.0.0/16".to_owned()][..])
    );
    rib.set_aggregates(source, &[]);
    let after = ["10.1.0.0/24 65000 65001", "10.1.7.0/24 65000 65001", "10.2.0.0/16 65000 65001"];
    assert_eq!(heard.listen(&mut rib, b).routes(), after);
}

/// RFC 7911: paths to one prefix with their identifiers are routes of their own.
#[test]
fn paths_of_one_peer_come_and_go_by_their_identifiers() {
    let mut rib = rib();
    let (a, b) = (rib.add_peer().unwrap(), up(&mut rib, 2));
    let mut with_ids = session(External, 1);
    let family =
        FamilyAgreed { receive_add_path: true, send_add_path: true, ..FamilyAgreed::plain(Family::IPV4) };
    with_ids.agreed = with_ids.agreed.with_families([family]);
    with_ids.import.policy =
        policy(r#"{ match = { as_path = { contains = 7 } }, then = "reject" }, { then = "accept" }"#);
    rib.peer_up(a, &with_ids);
    let agreed = with_ids.agreed;
    let hear = |rib: &mut Rib, octets: &[u8]| {
        let Frame::Message(raw) = frame(octets, Some(&agreed)) else { panic!("one message") };
        rib.learn(a, &Update::decode(raw, &agreed).unwrap(), 0);
    };
    let path = |id| Path { id, item: "10.0.0.0/8".parse::<Prefix<u32>>().unwrap() };
    let mut heard = Heard::default();
    // Identifier, path, and what the other peer holds then.
    let rows: [(u32, &[u32], &str); 5] = [
        (5, &[65001, 65009], "65000 65001 65009"),
        (3, &[65001], "65000 65001"),
        (5, &[65001], "65000 65001"),
        (1, &[65001, 7], "65000 65001"),
        (3, &[65001, 65008, 65009], "65000 65001"),
    ];
    for (id, as_path, expected) in rows {
        hear(&mut rib, &announce_paths(&agreed, &attributes(as_path), [path(id)]));
        assert_eq!(heard.listen(&mut rib, b).routes(), [format!("10.0.0.0/8 {expected}")], "{id}");
    }
    assert_eq!(rib.routes_of(a), 3);
    let mut listed = rib.routes("10.0.0.0/8".parse().unwrap());
    listed.sort_by_key(|listed| listed.path_id);
    let standings: Vec<_> = listed.iter().map(|listed| (listed.path_id, listed.standing)).collect();
    let longer = Standing::Lost("longer AS path");
    assert_eq!(standings, [(1, Standing::Rejected), (3, longer), (5, Standing::Best)]);
    let mut out = Vec::new();
    pack::withdraw(Family::IPV4, &agreed, [path(5)], &mut out);
    hear(&mut rib, &out);
    assert_eq!(heard.listen(&mut rib, b).routes(), ["10.0.0.0/8 65000 65001 65008 65009"]);
    rib.set_import(a, Import { policy: Policy::all(), ..with_ids.import });
    assert_eq!(heard.listen(&mut rib, b).routes(), ["10.0.0.0/8 65000 65001 7"]);
    rib.peer_down(a, &[]);
    assert!(heard.listen(&mut rib, b).routes().is_empty());
    assert_eq!((rib.routes_of(a), rib.attribute_sets()), (0, 0));
}
