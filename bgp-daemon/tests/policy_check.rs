//! Mistakes in policies: all at once, each with its place, the value, what is wrong and what to write.

use bgp_daemon::policy::{self, Names, Policies, raw::RawPolicies};

fn mistakes(text: &str, names: &Names) -> Vec<String> {
    let raw: RawPolicies = toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let found = policy::check(&raw, names).map(|_| ()).unwrap_err();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn every_mistake_is_found_in_one_go() {
    let text = r#"
        [all]
        rules = [{ then = "accept" }]

        [from-cluster]
        rules = [
          { match = { prefix = ["10.0.0.0/8", "10.0.0.1/8"], med = "10-20", source = "remote" }, then = "accept" },
          { match = { as_path = { pattern = "65000 .*" }, communities = { none = ["65000:1", "65536:1"] } } },
          { set = { med = "more", next_hop = "127.0.0.1", prepend = { times = 0 } }, then = "permit" },
          { set = { local_pref = 10 }, then = "reject" },
        ]
    "#;
    let expected = [
        "policy.all: \"all\" is built in; write another name",
        "policy.from-cluster.rules[0].match.prefix[1]: \"10.0.0.1/8\" has bits set behind its length; write 10.0.0.0/8",
        "policy.from-cluster.rules[0].match.med: \"10-20\" is not a number or range; write one like 100, \"ge 100\", \"le 200\" or \"ge 100 le 200\"",
        "policy.from-cluster.rules[0].match.source: \"remote\" is not a source; write local, local:OWNER, internal, external or confederation",
        "policy.from-cluster.rules[1].then: the rule does not say what becomes of a route; write accept or reject",
        "policy.from-cluster.rules[1].match.as_path.pattern: \"65000 .*\" is not a pattern of AS paths because of \".*\"; write ASes in order like \"65000 * 65010\", where * is any number of ASes, ? is one, 65000+ one or more of 65000, and 65000|65001, 64512-65534 and private are sets",
        "policy.from-cluster.rules[1].match.communities.none[1]: \"65536:1\" is not a community; write 65000:1, a name like no-export, 65000:1:2, rt:65000:1 or rt:[2001:db8::1]:1; numbers may be * or a range: 65000:*, 65000:100-199, rt:65000:*, *",
        "policy.from-cluster.rules[2].then: \"permit\" is no verdict; write accept or reject",
        "policy.from-cluster.rules[2].set.med: \"more\" is no MED; write 0 to 4294967295, or remove",
        "policy.from-cluster.rules[2].set.next_hop: \"127.0.0.1\" is no next hop; write self, unchanged, or the address of a router like 192.0.2.1",
        "policy.from-cluster.rules[2].set.prepend.times: \"0\" is not how often an AS can be prepended; write 1 to 32",
        "policy.from-cluster.rules[3].set: a rejected route is not changed; leave out set, or write then = \"accept\"",
    ];
    let mut found = mistakes(text, &Names::default());
    let mut expected = expected.map(str::to_owned);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

/// A rule without its verdict, and its mistake.
const LEAVES: &[(&str, &str)] = &[
    (
        "match = { family = \"l2vpn\" }",
        "match.family: \"l2vpn\" is not a family that policies see; write ipv4 or ipv6",
    ),
    (
        "match = { origin = [\"bgp\"] }",
        "match.origin[0]: \"bgp\" is not an origin; write igp, egp or incomplete",
    ),
    (
        "match = { prefix = [] }",
        "match.prefix: the list is empty, so no route can match; fill it or leave it out",
    ),
    (
        "match = { communities = { all = [] } }",
        "match.communities.all: the list is empty, so no route can match; fill it or leave it out",
    ),
    (
        "match = { next_hop = \"192.0.2.0/24 le 32\" }",
        "match.next_hop: \"192.0.2.0/24 le 32\" has lengths, and a next hop is an address; write the prefix alone, like 192.0.2.0/24",
    ),
    (
        "match = { as_path = { contains = \"AS1\" } }",
        "match.as_path.contains: \"AS1\" is not a set of ASes; write one like 65000, 64512-65534, private or 65000|65001",
    ),
    (
        "match = { as_path = { length = \"ge 3 le 2\" } }",
        "match.as_path.length: \"ge 3 le 2\" holds no number; write \"ge 2 le 3\"",
    ),
    (
        "match = { local_pref = -1 }",
        "match.local_pref: \"-1\" is not a number or range; write one like 100, \"ge 100\", \"le 200\" or \"ge 100 le 200\"",
    ),
    ("set = { local_pref = \"high\" }", "set.local_pref: \"high\" is not a number; write 0 to 4294967295"),
    (
        "set = { local_pref = 4294967296 }",
        "set.local_pref: \"4294967296\" is not a number; write 0 to 4294967295",
    ),
    ("set = { origin = 0 }", "set.origin: \"0\" is not an origin; write igp, egp or incomplete"),
    ("set = { med = 1, add_med = 1 }", "set.add_med: the MED is set and added to; keep med or add_med"),
    (
        "set = { add_med = \"+ 1\" }",
        "set.add_med: \"+ 1\" cannot be added to a MED; write -4294967295 to 4294967295",
    ),
    (
        "set = { add_med = -9223372036854775808 }",
        "set.add_med: \"-9223372036854775808\" cannot be added to a MED; write -4294967295 to 4294967295",
    ),
    (
        "set = { next_hop = [\"192.0.2.1\", \"192.0.2.2\"] }",
        "set.next_hop: there is one next hop; write self, unchanged, an address, or one IPv4 and one IPv6 address",
    ),
    (
        "set = { next_hop = [] }",
        "set.next_hop: there is one next hop; write self, unchanged, an address, or one IPv4 and one IPv6 address",
    ),
    (
        "set = { add_communities = \"65000:*\" }",
        "set.add_communities: \"65000:*\" stands for many communities where one is needed; write 65000:1, a name like no-export, 65000:1:2, rt:65000:1 or rt:[2001:db8::1]:1",
    ),
    (
        "set = { communities = [], remove_communities = \"*\" }",
        "set.communities: communities says all that the route has, so nothing is added or removed; keep one of them",
    ),
    (
        "set = { prepend = { asn = 0 } }",
        "set.prepend.asn: \"0\" is no AS number; write 1 to 4294967295, or leave it out for our own",
    ),
    (
        "set = { prepend = { times = 33 } }",
        "set.prepend.times: \"33\" is not how often an AS can be prepended; write 1 to 32",
    ),
];

#[test]
fn each_leaf_says_what_it_takes() {
    for (rule, expected) in LEAVES {
        let text = format!("[p]\nrules = [{{ {rule}, then = \"accept\" }}]");
        assert_eq!(mistakes(&text, &Names::default()), [format!("policy.p.rules[0].{expected}")]);
    }
}

#[test]
fn unknown_names_are_mistakes_where_names_are_known() {
    let text = "[p]\nrules = [{ match = { peer = [\"192.0.2.1\", \"192.0.2.2\"], group = \"b\" }, then = \"accept\" }]";
    let raw: RawPolicies = toml::from_str(text).expect("it can be read");
    assert!(policy::check(&raw, &Names::default()).is_ok(), "nothing is known, so all is believed");
    let names = Names {
        peers: Some(["192.0.2.1".into()].into()),
        groups: Some(["a".to_owned(), "c".to_owned()].into()),
    };
    let expected = [
        "policy.p.rules[0].match.peer[1]: \"192.0.2.2\" is no configured peer; write one of 192.0.2.1",
        "policy.p.rules[0].match.group: \"b\" is no configured group; write one of a, c",
    ];
    assert_eq!(mistakes(text, &names), expected);
    let names = Names { peers: None, groups: Some([].into()) };
    let expected = [
        "policy.p.rules[0].match.group: \"b\" is no configured group; write one that is, or configure the group",
    ];
    assert_eq!(mistakes(text, &names), expected);
}

#[test]
fn a_reference_to_a_missing_policy_names_those_that_exist() {
    let mistake =
        Policies::default().resolve("peer[2].import", "from-\u{1b}transit").expect_err("there is none");
    assert_eq!(
        mistake.to_string(),
        "peer[2].import: \"from-\\u{1b}transit\" is no policy; write one of all, none"
    );
    assert_eq!(Policies::default().resolve("peer[2].import", "all").expect("it is built in").name(), "all");
}

#[test]
fn fields_that_there_are_not_and_wrong_shapes_are_refused_by_the_reader() {
    let rows = [
        ("rules = [{ when = { } }]", "unknown field `when`"),
        ("rules = [{ match = { asn = 1 } }]", "unknown field `asn`"),
        (
            "rules = [{ match = { as_path = \"65000 *\" } }]",
            "a table of contains, starts, origin, length and pattern",
        ),
        ("rules = [{ match = { communities = [\"65000:1\"] } }]", "a table of any, all and none"),
        ("rules = [{ match = [\"10.0.0.0/8\"] }]", "a table, like { prefix = \"10.0.0.0/8 le 24\" }"),
        ("rules = [[\"a\"]]", "a table of name, match, set and then"),
        ("rules = [{ set = 100 }]", "a table, like { local_pref = 200 }"),
        ("rules = [{ set = { prepend = [1, 3] } }]", "a table of times and asn"),
        ("rules = [{ set = { prepend = 3 } }]", "a table of times and asn"),
        // It would be read as the number 1.1.
        (
            "rules = [{ match = { as_path = { contains = 1.10 } } }]",
            "a text in quotes, a whole number, or a list of them",
        ),
        ("rules = [{ match = { med = [1, 2] } }]", "a list stands where one text or number is expected"),
        ("", "missing field `rules`"),
    ];
    for (text, expected) in rows {
        let error = toml::from_str::<RawPolicies>(&format!("[p]\n{text}")).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
