//! Policies as people write them: every matcher and every action as a row.

use bgp_daemon::policy::{
    self, Names, NextHopChange, Policies, Policy, RuleIndex, RuleMask, Source, Verdict, raw::RawPolicies,
};
use bgp_proto::{
    agreed::PeerKind,
    attr::{next_hop::NextHop, set::PathAttributes},
    numbers::{Asn, Origin},
    prefix::Prefix,
};
use std::net::IpAddr;

const OWN: Asn = Asn(65000);

fn policies(text: &str) -> Policies {
    let raw: RawPolicies = toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    policy::check(&raw, &Names::default()).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"))
}

/// The policy with these rules, as they stand between `[` and `]`.
fn rules(text: &str) -> Policy {
    policies(&format!("[test]\nrules = [{text}]")).find("test").expect("it was just written").clone()
}

/// A route and where it came from.
#[derive(Clone)]
struct Route {
    prefix: &'static str,
    attributes: PathAttributes,
    next_hop: Option<&'static str>,
    source: Source<'static>,
}

fn route() -> Route {
    Route {
        prefix: "192.0.2.0/24",
        attributes: PathAttributes {
            origin: Some(Origin::IGP),
            as_path: "65001 65002 65003".parse().expect("a path"),
            communities: ["65001:1", "no-export"].map(|text| text.parse().expect("a community")).into(),
            large_communities: vec!["65001:1:2".parse().expect("a large community")],
            extended_communities: vec!["rt:65001:1".parse().expect("an extended community")],
            extended_communities_ipv6: vec![
                "rt:[2001:db8::1]:1".parse().expect("an IPv6 extended community"),
            ],
            ..PathAttributes::default()
        },
        next_hop: Some("198.51.100.1"),
        source: peer("198.51.100.1", PeerKind::External),
    }
}

fn peer(address: &str, kind: PeerKind) -> Source<'static> {
    Source::Peer {
        address: address.parse().expect("an address"),
        interface: Some("eth1"),
        group: Some("cluster-a"),
        kind,
    }
}

fn decide(policy: &Policy, route: &Route) -> Option<RuleIndex> {
    let next_hop = route.next_hop.map(|text| NextHop::from(text.parse::<IpAddr>().expect("an address")));
    let attributes = policy.attribute_mask(&route.attributes, next_hop);
    let source = policy.source_mask(&route.source);
    match route.prefix.parse::<Prefix<u32>>() {
        Ok(prefix) => policy.decide(&attributes, &source, prefix),
        Err(_) => policy.decide::<u128>(&attributes, &source, route.prefix.parse().expect("a prefix")),
    }
}

fn accepts(condition: &str, route: &Route) -> bool {
    let policy = rules(&format!("{{ match = {{ {condition} }}, then = \"accept\" }}"));
    policy.verdict(decide(&policy, route)) == Verdict::Accept
}

/// Conditions of one kind that hold for `route()`, and those that do not.
const CONDITIONS: &[(&[&str], &[&str])] = &[
    (
        &[
            "",
            "prefix = \"192.0.2.0/24\"",
            "prefix = [\"10.0.0.0/8\", \"192.0.0.0/16 ge 24 le 24\", \"::/0\"]",
        ],
        &["prefix = \"192.0.2.0/25\"", "prefix = \"0.0.0.0/0\"", "prefix = [\"::/0 le 128\"]"],
    ),
    (&["family = \"ipv4\"", "family = [\"ipv6\", \"ipv4\"]"], &["family = \"ipv6\""]),
    (
        &["peer = \"198.51.100.1\"", "peer = [\"192.0.2.9\", \"eth1\"]"],
        &["peer = \"198.51.100.2\"", "peer = \"eth0\""],
    ),
    (&["group = \"cluster-a\"", "group = [\"b\", \"cluster-a\"]"], &["group = \"cluster-b\""]),
    (
        &["source = \"external\"", "source = [\"local\", \"external\"]"],
        &["source = \"local\"", "source = \"internal\"", "source = [\"confederation\", \"local:x\"]"],
    ),
    (
        &[
            "as_path = { contains = 65002 }",
            "as_path = { contains = [1, \"private\"] }",
            "as_path = { contains = \"65003|7\" }",
        ],
        &["as_path = { contains = 65004 }", "as_path = { contains = \"1-64000\" }"],
    ),
    (&["as_path = { starts = 65001 }"], &["as_path = { starts = [65002, 65003] }"]),
    (&["as_path = { origin = 65003 }"], &["as_path = { origin = [65001, 65002] }"]),
    (
        &["as_path = { length = 3 }", "as_path = { length = \"ge 2 le 3\" }"],
        &["as_path = { length = \"le 2\" }", "as_path = { length = \"ge 4\" }"],
    ),
    (
        &["as_path = { pattern = \"65001 * 65003\" }", "as_path = { pattern = [\"1 *\", \"? ? ?\"] }"],
        &["as_path = { pattern = \"65001 65003\" }", "as_path = { pattern = \"* 65002\" }"],
    ),
    (
        &[
            "communities = { any = \"65001:1\" }",
            "communities = { any = [\"1:1\", \"65001:1:*\"] }",
            "communities = { any = \"rt:65001:*\" }",
            "communities = { any = \"rt:[*]:1\" }",
            "communities = { any = \"no-export\" }",
        ],
        &["communities = { any = [\"65001:2\", \"65001:2:*\", \"ro:*\"] }"],
    ),
    (
        &[
            "communities = { all = [\"65001:*\", \"no-export\", \"rt:*\", \"rt:[2001:db8::1]:1\", \"*:1:2\"] }",
        ],
        &["communities = { all = [\"65001:1\", \"no-peer\"] }"],
    ),
    (
        &["communities = { none = [\"65002:*\", \"65001:1:3\"] }"],
        &["communities = { none = [\"65002:*\", \"rt:*\"] }", "communities = { none = \"*\" }"],
    ),
    (
        &["next_hop = \"198.51.100.0/24\"", "next_hop = [\"::/0\", \"198.51.100.1/32\"]"],
        &["next_hop = \"192.0.2.0/24\"", "next_hop = \"::/0\""],
    ),
    // What is not there counts as it does in selection.
    (&["med = 0", "med = \"le 10\""], &["med = \"ge 1\""]),
    (
        &["local_pref = 100", "local_pref = \"ge 100 le 100\""],
        &["local_pref = \"le 99\"", "local_pref = 200"],
    ),
    (&["origin = \"igp\"", "origin = [\"egp\", \"igp\"]"], &["origin = \"incomplete\""]),
    // All that is said must hold.
    (
        &["origin = \"igp\", family = \"ipv4\", source = \"external\", prefix = \"192.0.2.0/24\""],
        &[
            "origin = \"egp\", family = \"ipv4\"",
            "origin = \"igp\", family = \"ipv6\"",
            "origin = \"igp\", source = \"local\"",
            "origin = \"igp\", prefix = \"10.0.0.0/8\"",
        ],
    ),
];

#[test]
fn each_condition_holds_for_some_routes_and_not_for_others() {
    for (holding, others) in CONDITIONS {
        holding.iter().for_each(|text| assert!(accepts(text, &route()), "{text} holds"));
        others.iter().for_each(|text| assert!(!accepts(text, &route()), "{text} does not hold"));
    }
}

#[test]
fn conditions_see_each_kind_of_route() {
    let local = |owner| Route { source: Source::Local { owner }, next_hop: None, ..route() };
    let ipv6 = Route { prefix: "2001:db8::/48", next_hop: Some("2001:db8::1"), ..route() };
    let ours = Route { attributes: PathAttributes::default(), ..local("config") };
    let metrics = Route {
        attributes: PathAttributes { med: Some(50), local_pref: Some(200), ..route().attributes },
        source: peer("2001:db8::1", PeerKind::Internal),
        ..route()
    };
    let rows = [
        (&local("kubernetes"), "source = \"local\"", true),
        (&local("kubernetes"), "source = \"local:kubernetes\"", true),
        (&local("kubernetes"), "source = \"local:config\"", false),
        (&local("kubernetes"), "source = [\"internal\", \"external\", \"confederation\"]", false),
        (&local("kubernetes"), "group = \"cluster-a\"", false),
        (&local("kubernetes"), "peer = \"eth1\"", false),
        (&local("kubernetes"), "next_hop = [\"0.0.0.0/0\", \"::/0\"]", false),
        (&ipv6, "family = \"ipv6\"", true),
        (&ipv6, "family = \"ipv4\"", false),
        (&ipv6, "prefix = [\"10.0.0.0/8\", \"2001:db8::/32 le 48\"]", true),
        (&ipv6, "prefix = \"0.0.0.0/0 le 32\"", false),
        (&ipv6, "next_hop = \"2001:db8::/32\"", true),
        (&ours, "as_path = { length = 0 }", true),
        (&ours, "as_path = { pattern = \"*\" }", true),
        (&ours, "as_path = { pattern = \"?+\" }", false),
        (&ours, "as_path = { starts = \"0-4294967295\" }", false),
        (&ours, "communities = { none = \"*\" }", true),
        (&ours, "origin = [\"igp\", \"egp\", \"incomplete\"]", false),
        (&metrics, "med = 50, local_pref = \"ge 101\"", true),
        (&metrics, "med = 0", false),
        (&metrics, "source = \"internal\", peer = \"2001:DB8:0::1\"", true),
    ];
    for (route, condition, expected) in rows {
        assert_eq!(
            accepts(condition, route),
            expected,
            "{condition} for {} from {:?}",
            route.prefix,
            route.source
        );
    }
}

/// What the route's attributes are after `set`, as one line.
fn after(set: &str) -> String {
    let policy = rules(&format!("{{ set = {{ {set} }}, then = \"accept\" }}"));
    let mut attributes = PathAttributes { med: Some(50), ..route().attributes };
    let changes = policy.rule(decide(&policy, &route())).changes().expect("the rule has changes").clone();
    changes.apply(&mut attributes, OWN);
    let mut words = vec![format!("path {}", attributes.as_path)];
    words.extend(attributes.origin.map(|origin| origin.to_string()));
    words.extend(attributes.med.map(|med| format!("med {med}")));
    words.extend(attributes.local_pref.map(|local_pref| format!("pref {local_pref}")));
    words.extend(attributes.communities.iter().map(ToString::to_string));
    words.extend(attributes.large_communities.iter().map(ToString::to_string));
    words.extend(attributes.extended_communities.iter().map(ToString::to_string));
    words.extend(attributes.extended_communities_ipv6.iter().map(ToString::to_string));
    words.join(", ")
}

#[test]
fn each_action_changes_what_it_says_and_nothing_else() {
    let path = "path 65001 65002 65003";
    let communities = "65001:1, no-export, 65001:1:2, rt:65001:1, rt:[2001:db8::1]:1";
    let rows = [
        ("next_hop = \"self\"", format!("{path}, IGP, med 50, {communities}")),
        ("local_pref = 200", format!("{path}, IGP, med 50, pref 200, {communities}")),
        ("med = 7", format!("{path}, IGP, med 7, {communities}")),
        ("med = \"remove\"", format!("{path}, IGP, {communities}")),
        ("add_med = 7", format!("{path}, IGP, med 57, {communities}")),
        ("add_med = -51", format!("{path}, IGP, med 0, {communities}")),
        ("add_med = 4294967295", format!("{path}, IGP, med 4294967295, {communities}")),
        ("origin = \"incomplete\"", format!("{path}, incomplete, med 50, {communities}")),
        (
            "prepend = { times = 2 }",
            format!("path 65000 65000 65001 65002 65003, IGP, med 50, {communities}"),
        ),
        ("prepend = { asn = 64999 }", format!("path 64999 65001 65002 65003, IGP, med 50, {communities}")),
        (
            "add_communities = [\"65000:1\", \"65001:1\", \"65000:1:1\", \"rt:65000:1\", \"rt:[2001:db8::2]:2\"]",
            format!(
                "{path}, IGP, med 50, 65001:1, no-export, 65000:1, 65001:1:2, 65000:1:1, rt:65001:1, rt:65000:1, \
                 rt:[2001:db8::1]:1, rt:[2001:db8::2]:2"
            ),
        ),
        (
            "remove_communities = [\"65001:*\", \"rt:*\"]",
            format!("{path}, IGP, med 50, no-export, 65001:1:2, rt:[2001:db8::1]:1"),
        ),
        ("remove_communities = \"*\"", format!("{path}, IGP, med 50")),
        (
            "remove_communities = \"*:*\", add_communities = \"65001:1\"",
            format!("{path}, IGP, med 50, 65001:1, 65001:1:2, rt:65001:1, rt:[2001:db8::1]:1"),
        ),
        ("communities = [\"65000:9\", \"65000:9:9\"]", format!("{path}, IGP, med 50, 65000:9, 65000:9:9")),
        ("communities = []", format!("{path}, IGP, med 50")),
        (
            "med = 1, local_pref = 2, origin = \"egp\", communities = []",
            format!("{path}, EGP, med 1, pref 2"),
        ),
    ];
    for (set, expected) in rows {
        assert_eq!(after(set), expected, "{set}");
    }
}

#[test]
fn a_next_hop_is_a_word_or_an_address_of_each_family() {
    let change = |set: &str| {
        let policy = rules(&format!("{{ set = {{ next_hop = {set} }}, then = \"accept\" }}"));
        let rule = policy.rule(Some(RuleIndex::from(0))).clone();
        let changes = rule.changes().expect("it has changes");
        assert!(changes.keep_attributes());
        changes.next_hop().expect("it says so")
    };
    assert_eq!(change("\"self\""), NextHopChange::Own);
    assert_eq!(change("\"unchanged\""), NextHopChange::Unchanged);
    let hop = |text: &str| Some(NextHop::from(text.parse::<IpAddr>().expect("an address")));
    let rows = [
        ("\"192.0.2.1\"", hop("192.0.2.1"), None),
        ("[\"192.0.2.1\", \"2001:db8::1\"]", hop("192.0.2.1"), hop("2001:db8::1")),
        ("\"2001:db8::1\"", hop("2001:db8::1"), hop("2001:db8::1")),
    ];
    for (text, ipv4, ipv6) in rows {
        assert_eq!((change(text).address(true), change(text).address(false)), (ipv4, ipv6), "{text}");
    }
}

#[test]
fn the_first_rule_that_matches_decides_and_says_so() {
    let policy = rules(
        "{ name = \"bogons\", match = { prefix = \"10.0.0.0/8 le 32\" }, then = \"reject\" },
         { match = { as_path = { starts = 65001 } }, then = \"accept\" },
         { match = { source = \"external\" }, then = \"reject\" }",
    );
    let at = |prefix, path: &str| {
        let attributes =
            PathAttributes { as_path: path.parse().expect("a path"), ..PathAttributes::default() };
        policy.reason(decide(&policy, &Route { prefix, attributes, ..route() })).to_string()
    };
    assert_eq!(at("10.1.0.0/16", "65001"), "rejected by policy test, rules[0] \"bogons\"");
    assert_eq!(at("192.0.2.0/24", "65001"), "accepted by policy test, rules[1]");
    assert_eq!(at("192.0.2.0/24", "65002"), "rejected by policy test, rules[2]");
    let ours =
        Route { source: Source::Local { owner: "config" }, attributes: PathAttributes::default(), ..route() };
    assert_eq!(policy.reason(decide(&policy, &ours)).to_string(), "rejected by policy test: no rule matches");
}

#[test]
fn without_a_policy_ebgp_rejects_and_the_inside_accepts() {
    for (kind, expected) in [
        (PeerKind::External, "rejected by policy none"),
        (PeerKind::Internal, "accepted by policy all"),
        (PeerKind::Confederation, "accepted by policy all"),
    ] {
        let policy = Policy::default_for(kind);
        for prefix in ["192.0.2.0/24", "2001:db8::/32"] {
            let decision = decide(&policy, &Route { prefix, ..route() });
            assert_eq!(policy.reason(decision).to_string(), expected, "{kind:?}");
        }
    }
}

#[test]
fn a_policy_says_what_it_needs_to_know() {
    let rows = [
        ("{ then = \"accept\" }", [false, false, false]),
        ("{ match = { prefix = \"10.0.0.0/8\" }, then = \"accept\" }", [false, false, true]),
        ("{ match = { med = 1 }, then = \"accept\" }", [true, false, false]),
        ("{ match = { next_hop = \"10.0.0.0/8\" }, then = \"accept\" }", [true, false, false]),
        ("{ match = { group = \"a\" }, then = \"accept\" }", [false, true, false]),
        ("{ match = { family = \"ipv4\" }, then = \"accept\" }", [false, false, false]),
        (
            "{ then = \"reject\" }, { match = { peer = \"eth0\", origin = \"igp\" }, then = \"accept\" }",
            [true, true, false],
        ),
    ];
    for (text, expected) in rows {
        let policy = rules(text);
        assert_eq!(
            [policy.needs_attributes(), policy.needs_source(), policy.needs_prefix()],
            expected,
            "{text}"
        );
        if !policy.needs_attributes() {
            let other = policy.attribute_mask(&PathAttributes::default(), None);
            assert_eq!(policy.attribute_mask(&route().attributes, None), other, "{text}");
        }
    }
}

#[test]
fn more_rules_than_a_word_has_bits_are_asked_in_order() {
    let mut text = String::new();
    for number in 0..200 {
        text +=
            &format!("{{ match = {{ med = {number}, prefix = \"10.0.0.0/8 le 32\" }}, then = \"accept\" }},");
    }
    text += "{ then = \"reject\" }";
    let policy = rules(&text);
    for number in [0u32, 63, 64, 127, 128, 199, 200] {
        let attributes = PathAttributes { med: Some(number), ..PathAttributes::default() };
        let inside =
            decide(&policy, &Route { prefix: "10.0.0.0/24", attributes: attributes.clone(), ..route() });
        assert_eq!(inside.map(RuleIndex::number), u16::try_from(number).ok(), "med {number}");
        let outside = decide(&policy, &Route { attributes, ..route() });
        assert_eq!(outside.map(RuleIndex::number), Some(200), "med {number}");
    }
}

#[test]
fn a_reload_sees_which_policies_changed() {
    let text = |pref: u32| {
        format!(
            "[a]\nrules = [{{ match = {{ prefix = \"10.0.0.0/8\" }}, then = \"accept\" }}]\n\
             [b]\nrules = [{{ set = {{ local_pref = {pref} }}, then = \"accept\" }}]"
        )
    };
    let (before, after) = (policies(&text(100)), policies(&text(200)));
    for (name, same) in [("a", true), ("b", false), ("all", true), ("none", true)] {
        assert_eq!(before.find(name) == after.find(name), same, "{name}");
    }
    assert_eq!(before.find("c"), None);
}

#[test]
fn a_foreign_rule_number_and_a_foreign_mask_reject() {
    let (none, all) = (Policy::none(), Policy::all());
    assert_eq!(none.verdict(Some(RuleIndex::from(7))), Verdict::Reject);
    assert!(none.rule(Some(RuleIndex::from(0))).changes().is_none());
    let mask: RuleMask = none.attribute_mask(&PathAttributes::default(), None);
    assert!(mask.is_empty());
    assert_eq!(all.decide::<u32>(&mask, &mask, Prefix::default()), None);
}

#[test]
fn the_policies_of_the_documentation_are_read() {
    let policies = policies(
        r#"
        [from-cluster]
        rules = [
          { match = { prefix = ["10.244.0.0/16 le 26", "10.96.0.0/12 ge 32"] }, set = { local_pref = 200, add_communities = ["65000:1"] }, then = "accept" },
          { then = "reject" },
        ]

        [from-transit]
        rules = [{ then = "accept" }]
        [to-transit]
        rules = [{ match = { source = "local" }, then = "accept" }]
        "#,
    );
    let policy = policies.find("from-cluster").expect("it is there");
    for (prefix, verdict) in [
        ("10.244.3.0/26", Verdict::Accept),
        ("10.244.3.0/27", Verdict::Reject),
        ("10.96.0.1/32", Verdict::Accept),
        ("10.96.0.0/12", Verdict::Reject),
    ] {
        assert_eq!(policy.verdict(decide(policy, &Route { prefix, ..route() })), verdict, "{prefix}");
    }
    let export = policies.find("to-transit").expect("it is there");
    assert_eq!(export.only_for_export(), None);
    assert_eq!(export.verdict(decide(export, &route())), Verdict::Reject);
    let own = rules("{ then = \"accept\" }, { set = { next_hop = \"self\" }, then = \"accept\" }");
    assert_eq!(own.only_for_export().map(RuleIndex::number), Some(1));
}
