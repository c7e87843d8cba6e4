use super::*;
use crate::policy::{Names, Policy, check, raw::RawPolicies};

const US: Asn = Asn(65000);
const PEER: Asn = Asn(65001);

fn side(kind: PeerKind) -> ImportSide {
    let peer = if kind == PeerKind::Internal { US } else { PEER };
    ImportSide { cluster_id: Some(7), ..ImportSide::new(kind, US, peer, RouterId::new(1).unwrap()) }
}

fn route(path: &str, communities: &[&str]) -> PathAttributes {
    PathAttributes {
        as_path: path.parse().unwrap(),
        communities: communities.iter().map(|text| text.parse().unwrap()).collect(),
        ..PathAttributes::default()
    }
}

fn policy(set: &str) -> Policy {
    let raw: RawPolicies =
        toml::from_str(&format!("[p]\nrules = [{{ set = {{ {set} }}, then = \"accept\" }}]")).unwrap();
    check(&raw, &Names::default()).unwrap().find("p").unwrap().clone()
}

fn prepared(side: &ImportSide, mut attributes: PathAttributes, set: Option<&str>) -> PathAttributes {
    let policy = set.map(policy);
    let rule = policy.as_ref().map(|policy| {
        let masks = (
            policy.attribute_mask(&attributes, None),
            policy.source_mask(&super::super::super::Source::Local { owner: "" }),
        );
        policy.rule(policy.decide::<u32>(&masks.0, &masks.1, Prefix::default()))
    });
    let changes_of_policy = rule.and_then(|rule| rule.changes());
    let before = attributes.clone();
    let said = changes(side, &attributes, changes_of_policy);
    prepare(side, &mut attributes, changes_of_policy);
    assert!(said || before == attributes, "a change that was not foretold");
    attributes
}

#[test]
fn a_path_with_our_as_is_a_loop_beyond_what_is_allowed() {
    let rows = [
        ("65001 65000", 0, Some("loop: our AS 65000 is in the AS path")),
        ("65001 65000", 1, None),
        ("65001 65000 65000", 1, Some("loop: our AS 65000 is in the AS path")),
        ("65001 {65000,1}", 0, Some("loop: our AS 65000 is in the AS path")),
        // Our AS elsewhere counts too.
        ("65001 64999", 0, Some("loop: our AS 64999 is in the AS path")),
        ("65001 65002", 0, None),
    ];
    for (path, allow_own_asn, expected) in rows {
        let side = ImportSide { allow_own_asn, real_asn: Asn(64999), ..side(PeerKind::External) };
        let found = refusal(&side, &route(path, &[])).map(|refusal| refusal.to_string());
        assert_eq!(found.as_deref(), expected, "{path}, {allow_own_asn} allowed");
    }
    assert!(refusal(&side(PeerKind::Internal), &route("1 65000", &[])).is_some());
}

#[test]
fn an_external_path_begins_with_the_peers_as_unless_that_is_not_asked_for() {
    let wrong =
        |path| refusal(&side(PeerKind::External), &route(path, &[])).map(|refusal| refusal.to_string());
    assert_eq!(wrong("65001 1"), None);
    assert_eq!(wrong("1 65001").unwrap(), "the AS path begins with 1, not with the peer's AS 65001");
    assert_eq!(wrong("{65001} 1").unwrap(), "the AS path does not begin with the peer's AS 65001");
    assert_eq!(wrong("").unwrap(), "the AS path does not begin with the peer's AS 65001");
    let server = ImportSide { first_asn: false, ..side(PeerKind::External) };
    assert_eq!(refusal(&server, &route("1 2", &[])), None);
    assert_eq!(refusal(&side(PeerKind::Internal), &route("1 2", &[])), None);
}

#[test]
fn reflected_routes_that_come_back_are_loops() {
    let originator = PathAttributes { originator_id: RouterId::new(1), ..route("1", &[]) };
    let cluster = PathAttributes { cluster_list: vec![9, 7], ..route("1", &[]) };
    let internal = side(PeerKind::Internal);
    assert_eq!(refusal(&internal, &originator).unwrap().to_string(), "loop: we are its originator");
    let wrong = refusal(&internal, &cluster).unwrap().to_string();
    assert_eq!(wrong, "loop: our cluster 0.0.0.7 is in the cluster list");
    assert_eq!(refusal(&ImportSide { cluster_id: Some(8), ..internal }, &cluster), None);
    assert_eq!(refusal(&ImportSide { router_id: RouterId::new(2).unwrap(), ..internal }, &originator), None);
}

#[test]
fn leaks_are_refused_and_marks_are_set_for_external_peers_only() {
    let marked = PathAttributes { only_to_customer: Some(Asn(1)), ..route("65001", &[]) };
    let provider = ImportSide { role: Some(Role::PROVIDER), ..side(PeerKind::External) };
    let wrong = refusal(&provider, &marked).unwrap().to_string();
    assert_eq!(wrong, "route leak: AS 1 marked it for customers only");
    assert_eq!(
        refusal(&ImportSide { role: Some(Role::PROVIDER), ..side(PeerKind::Internal) }, &marked),
        None
    );
    let customer = ImportSide { role: Some(Role::CUSTOMER), ..side(PeerKind::External) };
    assert_eq!(prepared(&customer, route("65001", &[]), None).only_to_customer, Some(PEER));
    assert_eq!(prepared(&customer, marked, None).only_to_customer, Some(Asn(1)));
    let internal = ImportSide { role: Some(Role::CUSTOMER), ..side(PeerKind::Internal) };
    assert_eq!(prepared(&internal, route("1", &[]), None).only_to_customer, None);
}

#[test]
fn graceful_shutdown_beats_the_policys_local_preference() {
    let external = side(PeerKind::External);
    let leaving = || route("65001", &["graceful-shutdown"]);
    assert_eq!(prepared(&external, leaving(), Some("local_pref = 200")).local_pref, Some(0));
    // Even where the policy takes the community out.
    let set = "remove_communities = [\"*\"]";
    assert_eq!(prepared(&external, leaving(), Some(set)).local_pref, Some(0));
    let ignoring = ImportSide { graceful_shutdown: false, ..external };
    assert_eq!(prepared(&ignoring, leaving(), Some("local_pref = 200")).local_pref, Some(200));
    assert_eq!(
        prepared(&side(PeerKind::Internal), leaving(), Some("local_pref = 200")).local_pref,
        Some(200)
    );
    // A policy's own community is for those that hear it from us.
    let set = "add_communities = [\"graceful-shutdown\"], local_pref = 50";
    assert_eq!(prepared(&external, route("65001", &[]), Some(set)).local_pref, Some(50));
}

#[test]
fn a_blackhole_counts_only_where_it_was_agreed_on() {
    let host: Prefix<u32> = "192.0.2.1/32".parse().unwrap();
    let wider: Prefix<u32> = "192.0.2.0/25".parse().unwrap();
    let agreed = Some(Blackhole::HOSTS);
    let shorter = Some(Blackhole { ipv4: 25, ipv6: 64 });
    let rows = [
        (PeerKind::External, None, host, Blackholed::NotAllowed),
        (PeerKind::External, agreed, host, Blackholed::Discard),
        (PeerKind::External, agreed, wider, Blackholed::TooShort(32)),
        (PeerKind::External, shorter, wider, Blackholed::Discard),
        (PeerKind::Internal, None, wider, Blackholed::Discard),
    ];
    for (kind, allowed, prefix, expected) in rows {
        let side = ImportSide { blackhole: allowed, ..side(kind) };
        assert_eq!(
            blackhole(&side, &route("65001", &["blackhole"]), prefix),
            expected,
            "{kind:?} {allowed:?} {prefix}"
        );
        assert_eq!(blackhole(&side, &route("65001", &["no-export"]), prefix), Blackholed::No);
    }
    let side = ImportSide { blackhole: shorter, ..side(PeerKind::External) };
    let blackholed = route("65001", &["blackhole"]);
    let ipv6 = |text: &str| blackhole::<u128>(&side, &blackholed, text.parse().unwrap());
    assert_eq!(ipv6("2001:db8::/64"), Blackholed::Discard);
    assert_eq!(ipv6("2001:db8::/63"), Blackholed::TooShort(64));
}

#[test]
fn an_accepted_blackhole_is_confined() {
    let external = ImportSide { blackhole: Some(Blackhole::HOSTS), ..side(PeerKind::External) };
    let rows: [(&[&str], &[&str]); 3] = [
        (&["blackhole"], &["blackhole", "no-export"]),
        (&["no-advertise", "blackhole"], &["no-advertise", "blackhole"]),
        (&["65000:1"], &["65000:1"]),
    ];
    for (communities, expected) in rows {
        assert_eq!(prepared(&external, route("65001", communities), None), route("65001", expected));
    }
    let set = "remove_communities = [\"no-export\"]";
    let onwards = prepared(&external, route("65001", &["blackhole"]), Some(set));
    assert_eq!(onwards, route("65001", &["blackhole"]), "a policy may let it go further");
    let internal = side(PeerKind::Internal);
    assert_eq!(prepared(&internal, route("1", &["blackhole"]), None), route("1", &["blackhole"]));
}
