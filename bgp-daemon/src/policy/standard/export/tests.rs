use super::*;
use crate::policy::{Names, Source, check, raw::RawPolicies};
use PeerKind::{Confederation, External, Internal};
use bgp_proto::{
    attr::{set::OpaqueAttribute, table::flags},
    numbers::RouterId,
    prefix::Prefix,
};

const US: Asn = Asn(65000);

fn learned(kind: PeerKind) -> LearnedFrom {
    LearnedFrom { kind, router_id: RouterId::new(9).unwrap(), client: false }
}

fn route(path: &str) -> PathAttributes {
    PathAttributes { as_path: path.parse().unwrap(), ..PathAttributes::default() }
}

fn carrying(communities: &[&str]) -> PathAttributes {
    PathAttributes {
        communities: communities.iter().map(|text| text.parse().unwrap()).collect(),
        ..route("1")
    }
}

fn prepared(
    side: &ExportSide,
    learned: Option<LearnedFrom>,
    mut attributes: PathAttributes,
    set: &str,
) -> PathAttributes {
    let raw: RawPolicies =
        toml::from_str(&format!("[p]\nrules = [{{ set = {{ {set} }}, then = \"accept\" }}]")).unwrap();
    let policies = check(&raw, &Names::default()).unwrap();
    let policy = policies.find("p").unwrap();
    let (all, source) =
        (policy.attribute_mask(&attributes, None), policy.source_mask(&Source::Local { owner: "" }));
    let rule = policy.rule(policy.decide::<u32>(&all, &source, Prefix::default()));
    prepare(side, side.provenance(learned), &mut attributes, rule.changes());
    attributes
}

#[test]
fn communities_keep_learned_routes_from_some_peers_and_ours_from_none() {
    // Whether it goes to internal, external and confederation peers.
    let rows = [
        ("no-export", [true, false, true]),
        ("no-export-subconfed", [true, false, false]),
        ("no-advertise", [false, false, false]),
        ("no-peer", [true, true, true]),
        // What keeps it is the `no-export` that import puts beside it.
        ("blackhole", [true, true, true]),
        ("graceful-shutdown", [true, true, true]),
        ("65000:1", [true, true, true]),
    ];
    for (community, goes) in rows {
        for (kind, goes) in [Internal, External, Confederation].into_iter().zip(goes) {
            let side = ExportSide::new(kind, US);
            let kept = withheld(&side, Some(learned(External)), &carrying(&[community]));
            let expected = (!goes).then(|| format!("kept back by community {community}"));
            assert_eq!(kept.map(|kept| kept.to_string()), expected, "{community} to {kind:?}");
            assert_eq!(withheld(&side, None, &carrying(&[community])), None, "our own goes everywhere");
        }
    }
}

#[test]
fn ibgp_routes_go_to_ibgp_peers_only_by_reflection() {
    // From whom and whether it is a client, to whom and whether it is one; with and without a cluster.
    let rows = [
        ((Internal, false), (Internal, false), false, false),
        ((Internal, true), (Internal, false), true, false),
        ((Internal, false), (Internal, true), true, false),
        ((Internal, true), (Internal, true), true, false),
        ((External, false), (Internal, false), true, true),
        ((Internal, false), (External, false), true, true),
        ((Internal, false), (Confederation, false), true, true),
        ((Confederation, false), (Internal, false), true, true),
    ];
    for ((from, from_client), (to, to_client), reflecting, plain) in rows {
        let from = LearnedFrom { client: from_client, ..learned(from) };
        for (cluster_id, goes) in [(Some(7), reflecting), (None, plain)] {
            let side = ExportSide { client: to_client, cluster_id, ..ExportSide::new(to, US) };
            let kept = withheld(&side, Some(from), &route("1"));
            assert_eq!(kept, (!goes).then_some(Withheld::Internal), "{from:?} to {side:?}");
        }
    }
}

#[test]
fn a_route_for_customers_goes_to_customers() {
    let marked = PathAttributes { only_to_customer: Some(Asn(5)), ..route("1") };
    let rows =
        [(Role::CUSTOMER, true), (Role::PEER, true), (Role::PROVIDER, false), (Role::ROUTE_SERVER, false)];
    for (role, kept) in rows {
        let side = ExportSide { role: Some(role), ..ExportSide::new(External, US) };
        let found = withheld(&side, Some(learned(External)), &marked);
        assert_eq!(found.is_some(), kept, "{role}");
        let internal = ExportSide { kind: Internal, ..side };
        assert_eq!(withheld(&internal, Some(learned(External)), &marked), None, "roles are for eBGP");
        // The mark that we set, or the one that was there; none towards internal peers.
        let downwards = !kept || role == Role::PEER;
        assert_eq!(prepared(&side, None, route(""), "").only_to_customer, downwards.then_some(US), "{role}");
        assert_eq!(prepared(&side, None, marked.clone(), "").only_to_customer, Some(Asn(5)), "{role}");
        assert_eq!(prepared(&internal, None, route(""), "").only_to_customer, None, "{role}");
    }
}

#[test]
fn paths_are_written_as_the_session_wants_them() {
    let plain = ExportSide::new(External, US);
    let rows = [
        (plain, "1 2", "", "65000 1 2"),
        (plain, "", "", "65000"),
        (plain, "(65010) 1", "", "65000 1"),
        (plain, "1", "prepend = { times = 2 }", "65000 65000 65000 1"),
        (plain, "1", "prepend = { asn = 3 }", "65000 3 1"),
        (ExportSide { real_asn: Some(Asn(64999)), ..plain }, "1", "", "65000 64999 1"),
        (ExportSide { real_asn: Some(US), ..plain }, "1", "", "65000 1"),
        (ExportSide { as_override: Some(Asn(1)), ..plain }, "1 2 1", "", "65000 65000 2 65000"),
        (
            ExportSide { remove_private: Some((RemovePrivate::All, Asn(5))), ..plain },
            "64512 1 64513",
            "",
            "65000 1",
        ),
        // Removed before our own AS, which is private too, is put in front.
        (
            ExportSide { remove_private: Some((RemovePrivate::Leading, Asn(5))), ..plain },
            "64512 1 64513",
            "",
            "65000 1 64513",
        ),
        (
            ExportSide { remove_private: Some((RemovePrivate::Replace, Asn(5))), ..plain },
            "64512 1",
            "",
            "65000 65000 1",
        ),
        (ExportSide::new(Internal, US), "1 2", "", "1 2"),
        (ExportSide::new(Internal, US), "", "prepend = { times = 1 }", "65000"),
        (ExportSide::new(Confederation, Asn(65010)), "1", "", "(65010) 1"),
    ];
    for (side, path, set, expected) in rows {
        let found = prepared(&side, Some(learned(External)), route(path), set);
        assert_eq!(found.as_path.to_string(), expected, "{path} to {side:?}");
    }
}

#[test]
fn local_preference_is_for_inside_and_anothers_med_not_for_outside() {
    let with = |path| PathAttributes { med: Some(10), local_pref: Some(200), ..route(path) };
    // To whom, from whom (None: ours), path, policy; MED, local preference.
    let rows = [
        (External, Some(External), "1", "", None, None),
        (External, Some(Internal), "1", "", None, None),
        (External, Some(Internal), "", "", Some(10), None),
        (External, None, "", "", Some(10), None),
        (External, Some(External), "1", "med = 20", Some(20), None),
        (External, Some(External), "1", "add_med = 5", Some(5), None),
        (Internal, Some(External), "1", "", Some(10), Some(200)),
        (Internal, Some(External), "1", "local_pref = 50", Some(10), Some(50)),
        (Confederation, Some(External), "1", "", Some(10), Some(200)),
    ];
    for (to, from, path, set, med, local_pref) in rows {
        let found = prepared(&ExportSide::new(to, US), from.map(learned), with(path), set);
        assert_eq!(
            (found.med, found.local_pref),
            (med, local_pref),
            "{path:?} from {from:?} to {to:?}, {set}"
        );
    }
    let found = prepared(&ExportSide::new(Internal, US), Some(learned(External)), route("1"), "");
    assert_eq!(found.local_pref, Some(100), "a default towards iBGP");
}

#[test]
fn a_reflected_route_names_its_originator_and_our_cluster() {
    let side = ExportSide { cluster_id: Some(7), ..ExportSide::new(Internal, US) };
    let first = prepared(&side, Some(learned(Internal)), route("1"), "");
    assert_eq!((first.originator_id, first.cluster_list), (RouterId::new(9), vec![7]));
    let second = PathAttributes { originator_id: RouterId::new(4), cluster_list: vec![8], ..route("1") };
    let found = prepared(&side, Some(learned(Internal)), second.clone(), "");
    assert_eq!((found.originator_id, found.cluster_list), (RouterId::new(4), vec![7, 8]));
    for (to, from) in [(External, Internal), (Internal, External), (Confederation, Internal)] {
        let side = ExportSide { kind: to, ..side };
        let found = prepared(&side, Some(learned(from)), second.clone(), "");
        assert_eq!((found.originator_id, found.cluster_list), (None, vec![]), "{from:?} to {to:?}");
    }
    let ours = prepared(&side, None, route(""), "");
    assert_eq!((ours.originator_id, ours.cluster_list), (None, vec![]));
}

#[test]
fn what_is_not_transitive_stays_unless_the_policy_puts_it_there() {
    let carried = || PathAttributes {
        extended_communities: vec!["bandwidth:65000:1".parse().unwrap(), "rt:1:1".parse().unwrap()],
        extended_communities_ipv6: vec!["0x4002:[::1]:1".parse().unwrap(), "rt:[::1]:1".parse().unwrap()],
        aigp: Some(5),
        opaque: vec![OpaqueAttribute {
            flags: flags::OPTIONAL | flags::TRANSITIVE,
            code: 99,
            value: vec![1],
        }],
        ..route("1")
    };
    let texts = |attributes: &PathAttributes| {
        let plain = attributes.extended_communities.iter().map(ToString::to_string);
        plain.chain(attributes.extended_communities_ipv6.iter().map(ToString::to_string)).collect::<Vec<_>>()
    };
    let external = ExportSide::new(External, US);
    let found = prepared(&external, Some(learned(External)), carried(), "");
    assert_eq!(texts(&found), ["rt:1:1", "rt:[::1]:1"]);
    assert_eq!(found.aigp, None);
    assert_eq!(found.opaque[0].flags & flags::PARTIAL, flags::PARTIAL);
    let set = "add_communities = [\"bandwidth:65000:2\"]";
    let found = prepared(&external, Some(learned(External)), carried(), set);
    assert_eq!(texts(&found), ["rt:1:1", "bandwidth:65000:2", "rt:[::1]:1"]);
    let internal = ExportSide { aigp: true, ..ExportSide::new(Internal, US) };
    let found = prepared(&internal, Some(learned(External)), carried(), "");
    assert_eq!((texts(&found).len(), found.aigp), (4, Some(5)));
    let ours = prepared(&external, None, carried(), "");
    assert_eq!(texts(&ours).len(), 4, "ours are for the peer");
    assert_eq!(ours.opaque[0].flags & flags::PARTIAL, 0);
}

#[test]
fn a_route_of_ours_that_says_no_origin_is_igp() {
    let side = ExportSide::new(External, US);
    assert_eq!(prepared(&side, None, route(""), "").origin, Some(Origin::IGP));
    assert_eq!(prepared(&side, None, route(""), "origin = \"incomplete\"").origin, Some(Origin::INCOMPLETE));
}

#[test]
fn who_leaves_says_so_on_every_route() {
    for (kind, local_pref) in [(External, None), (Internal, Some(0))] {
        let side = ExportSide { leaving: true, ..ExportSide::new(kind, US) };
        let found = prepared(&side, None, route(""), "local_pref = 300");
        assert_eq!(found.local_pref, local_pref, "{kind:?}");
        assert_eq!(found.communities, [Community::GRACEFUL_SHUTDOWN]);
        let twice = prepared(&side, None, carrying(&["graceful-shutdown"]), "");
        assert_eq!(twice.communities, [Community::GRACEFUL_SHUTDOWN]);
    }
}
