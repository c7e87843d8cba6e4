use super::*;
use crate::{
    crd::{Condition, NodeState},
    object::Kind,
    plan::{Facts, Update, plan},
    source::manifest::Manifest,
    status::{
        Note,
        kept::{ACCEPTED, OVERLAPPING},
    },
};

const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// A cluster as several nodes see it.
struct Cluster {
    snapshot: Snapshot,
    boards: Vec<(Name, Board)>,
}

impl Cluster {
    /// One of so many nodes, where each has a peer and everything is announced.
    fn new(nodes: usize, objects: &str) -> Self {
        let names: Vec<Name> = (1..=nodes).map(|number| format!("node-{number}").into()).collect();
        let boards = names.iter().map(|name| (name.clone(), Board::new(name))).collect();
        let mut cluster = Cluster { snapshot: Snapshot::new(), boards };
        for name in &names {
            cluster.apply(&format!(
                "{{apiVersion: v1, kind: Node, metadata: {{name: {name}, uid: of-{name}, labels: {{of: {name}}}}}}}"
            ));
        }
        cluster.apply(PEER);
        cluster.apply(objects);
        cluster
    }

    fn apply(&mut self, objects: &str) {
        let read = Manifest::read("x.yaml", objects.as_bytes());
        assert_eq!(read.mistakes, []);
        for (object, _) in read.objects {
            self.boards.iter_mut().for_each(|(_, board)| board.see(&object));
            let changes = self.snapshot.apply(&object);
            self.boards
                .iter_mut()
                .for_each(|(_, board)| board.planned(&changes, &Update { shown: true, ..Update::default() }));
        }
    }

    fn pictures(&mut self) -> Vec<Picture> {
        let snapshot = &self.snapshot;
        let pictures = self.boards.iter_mut().map(|(node, board)| {
            let plan = plan(snapshot, node, &Facts::default());
            board.picture(snapshot, &plan, &[], now())
        });
        pictures.collect()
    }

    /// What the first node to write would say of an object; `None`: it says so already.
    fn judged(&mut self, kind: Kind, name: &str) -> Option<Vec<Condition>> {
        let key = Key { kind, name: name.into() };
        let pictures = self.pictures();
        let first: Vec<_> = pictures
            .into_iter()
            .filter_map(|mut picture| picture.conditions.remove(&key))
            .filter(|judgement| judgement.rank == 0)
            .collect();
        assert!(first.len() < 2, "one node writes");
        first.into_iter().next().map(|judgement| judgement.conditions)
    }

    /// All Events, each with its number and the ranks of those who would tell it.
    fn notes(&mut self) -> BTreeMap<u64, (Note, Vec<u32>)> {
        let mut all: BTreeMap<u64, (Note, Vec<u32>)> = BTreeMap::new();
        for picture in self.pictures() {
            for (mark, note) in picture.notes {
                let rank = note.rank;
                let (known, ranks) = all.entry(mark).or_insert_with(|| (note.clone(), Vec::new()));
                assert_eq!(known.message, note.message, "all nodes tell the same");
                ranks.push(rank);
            }
        }
        all.values_mut().for_each(|(_, ranks)| ranks.sort_unstable());
        all
    }
}

const PEER: &str =
    "{apiVersion: kube-announcer.io/v1alpha1, kind: BgpPeer, metadata: {name: tor, generation: 1},
    spec: {localAsn: 64512, asn: 65000, address: 192.0.2.1}}";

fn ours(kind: &str, name: &str, rest: &str) -> String {
    format!(
        "{{apiVersion: kube-announcer.io/v1alpha1, kind: {kind}, metadata: {{name: {name}, generation: 3}}, {rest}}}"
    )
}

fn service(name: &str, address: &str, port: u16) -> String {
    format!(
        "{{apiVersion: v1, kind: Service, metadata: {{namespace: shop, name: {name}}},
           spec: {{type: LoadBalancer, ports: [{{port: {port}}}]}},
           status: {{loadBalancer: {{ingress: [{{ip: {address}}}]}}}}}}"
    )
}

/// An advertisement of all Services in this range.
fn services(range: &str) -> String {
    ours(
        "BgpAdvertisement",
        "services",
        &format!("spec: {{allowedCidrs: [{range}], sources: [{{services: {{}}}}]}}"),
    )
}

fn words(conditions: &[Condition]) -> Vec<[&str; 3]> {
    conditions.iter().map(|one| [&*one.kind, &*one.status, &*one.reason]).collect()
}

#[test]
fn what_is_wrong_with_an_object_is_its_condition() {
    let rest = "localAsn: 64512, asn: 65000, address: 192.0.2.2";
    let cases = [
        ("BgpPeer", format!("spec: {{{rest}}}"), ["True", "Accepted"]),
        ("BgpPeer", format!("spec: {{{rest}, port: 0, timers: {{hold: 2s}}}}"), ["False", "Invalid"]),
        (
            "BgpPeer",
            format!("spec: {{{rest}, nodeSelector: {{matchLabels: {{of: nobody}}}}}}"),
            ["True", "NoNode"],
        ),
        ("BgpPeer", format!("spec: {{{rest}, passwordSecretRef: {{name: none}}}}"), ["False", "NoPassword"]),
        ("BgpPeer", format!("spec: {{{rest}, attributes: {{localPref: 5}}}}"), ["True", "LocalPrefUnused"]),
        ("BgpAdvertisement", "spec: {sources: [{podCidrs: {}}]}".into(), ["True", "Accepted"]),
        (
            "BgpAdvertisement",
            "spec: {peers: [tor, tro], sources: [{podCidrs: {}}]}".into(),
            ["False", "UnknownPeer"],
        ),
        ("BgpAdvertisement", "spec: {sources: []}".into(), ["False", "Invalid"]),
    ];
    for (kind, spec, [status, reason]) in cases {
        let mut cluster = Cluster::new(3, &ours(kind, "one", &spec));
        let kind = Kind::of("kube-announcer.io/v1alpha1", kind).unwrap();
        let conditions = cluster.judged(kind, "one").unwrap();
        assert_eq!(words(&conditions), [[ACCEPTED, status, reason]], "{spec}");
        let [Condition { observed_generation, message, .. }] = &conditions[..] else {
            panic!("{conditions:?}")
        };
        assert_eq!(*observed_generation, Some(3));
        assert!(message.len() > 10, "{message}");
        if reason == "Invalid" && kind == Kind::BgpPeer {
            assert!(message.contains("spec.port: ") && message.contains("spec.timers.hold: "), "{message}");
        }
    }
}

#[test]
fn a_condition_is_written_only_where_it_differs_and_keeps_its_time_while_its_status_does() {
    let said = |status: &str, reason: &str, generation: i64| {
        format!(
            "spec: {{sources: [{{podCidrs: {{}}}}]}}, status: {{conditions: [{{type: Accepted, status: '{status}',
               reason: {reason}, message: it is in force, lastTransitionTime: 2026-01-01T00:00:00Z,
               observedGeneration: {generation}}}, {{type: Theirs, status: 'True', reason: a, message: b,
               lastTransitionTime: 2026-01-01T00:00:00Z}}]}}"
        )
    };
    let judged = |status: &str, reason: &str, generation: i64| {
        let object = ours("BgpAdvertisement", "one", &said(status, reason, generation));
        Cluster::new(3, &object).judged(Kind::BgpAdvertisement, "one")
    };
    assert_eq!(judged("True", "Accepted", 3), None);
    let time = |conditions: Option<Vec<Condition>>| conditions.unwrap()[0].last_transition_time.clone();
    assert_eq!(time(judged("True", "Accepted", 2)), "2026-01-01T00:00:00Z");
    assert_eq!(time(judged("True", "NoNode", 3)), "2026-01-01T00:00:00Z");
    assert_eq!(time(judged("False", "Invalid", 3)), "", "it begins when it is written");
}

#[test]
fn nodes_that_are_not_first_stand_in_for_a_status_and_leave_words_alone() {
    let ranks = |rest: &str| {
        let object =
            ours("BgpAdvertisement", "one", &format!("spec: {{sources: [{{podCidrs: {{}}}}]}}{rest}"));
        let mut cluster = Cluster::new(4, &object);
        let key = Key { kind: Kind::BgpAdvertisement, name: "one".into() };
        let pictures = cluster.pictures().into_iter();
        let mut ranks: Vec<_> =
            pictures.filter_map(|picture| Some(picture.conditions.get(&key)?.rank)).collect();
        ranks.sort_unstable();
        ranks
    };
    let says = |status: &str, message: &str, generation: i64| {
        format!(
            ", status: {{conditions: [{{type: Accepted, status: '{status}', reason: Accepted, message: {message},
               lastTransitionTime: 2026-01-01T00:00:00Z, observedGeneration: {generation}}}]}}"
        )
    };
    assert_eq!(ranks(""), [0, 1, 2, 3]);
    assert_eq!(ranks(&says("True", "other words", 3)), [0]);
    assert_eq!(ranks(&says("True", "it is in force", 2)), [0, 1, 2, 3]);
    assert_eq!(ranks(&says("False", "it is in force", 3)), [0, 1, 2, 3]);
    assert!(ranks(&says("True", "it is in force", 3)).is_empty());
}

#[test]
fn only_nodes_that_an_object_chooses_speak_of_it_unless_it_cannot_be_read() {
    let count = |spec: &str| {
        let mut cluster = Cluster::new(5, &ours("BgpAdvertisement", "one", spec));
        let key = Key { kind: Kind::BgpAdvertisement, name: "one".into() };
        cluster.pictures().iter().filter(|picture| picture.conditions.contains_key(&key)).count()
    };
    let chosen = "nodeSelector: {matchLabels: {of: node-2}}";
    assert_eq!(count(&format!("spec: {{{chosen}, sources: [{{podCidrs: {{}}}}]}}")), 1);
    assert_eq!(count(&format!("spec: {{{chosen}, sources: []}}")), 5);
}

#[test]
fn advertisements_that_say_different_things_of_one_prefix_overlap() {
    let wish = |name: &str, med: u8| {
        ours(
            "BgpAdvertisement",
            name,
            &format!("spec: {{attributes: {{med: {med}}}, sources: [{{prefixes: [198.51.100.0/24]}}]}}"),
        )
    };
    let mut cluster = Cluster::new(3, &format!("{}\n---\n{}", wish("a", 1), wish("b", 2)));
    for (name, other) in [("a", "b"), ("b", "a")] {
        let conditions = cluster.judged(Kind::BgpAdvertisement, name).unwrap();
        assert_eq!(words(&conditions), [[ACCEPTED, "True", "Accepted"], [OVERLAPPING, "True", "Attributes"]]);
        let said = format!("med of BgpAdvertisement {other} differs");
        assert!(conditions[1].message.starts_with(&said), "{}", conditions[1].message);
    }
    cluster.apply(&wish("b", 1));
    assert_eq!(
        words(&cluster.judged(Kind::BgpAdvertisement, "a").unwrap()),
        [[ACCEPTED, "True", "Accepted"]]
    );
}

#[test]
fn what_is_wrong_with_a_service_is_told_by_one_node_and_eight_at_the_most_would_stand_in() {
    let objects = [services("203.0.113.0/24"), service("web", "192.0.2.99", 80)].join("\n---\n");
    let notes = Cluster::new(20, &objects).notes();
    let [(note, ranks)] = &notes.values().collect::<Vec<_>>()[..] else { panic!("{notes:?}") };
    assert_eq!(*ranks, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((note.about.to_string().as_str(), &*note.reason), ("Service shop/web", "OutsideAllowedCidrs"));
    let said = "192.0.2.99 of Service shop/web is not inside allowedCidrs; choose another, or allow it";
    assert_eq!(note.message, said);
}

#[test]
fn services_that_share_a_port_of_an_address_are_both_told_and_a_pod_is_told_by_its_node() {
    let pod = "{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: vpn,
        annotations: {kube-announcer.io/prefixes: nonsense}}, spec: {nodeName: node-2},
        status: {podIP: 10.244.2.9, conditions: [{type: Ready, status: 'True'}]}}";
    let behind = ours("BgpAdvertisement", "behind", "spec: {sources: [{podPrefixes: {}}]}");
    let objects = [
        services("203.0.113.0/24"),
        service("web", "203.0.113.1", 80),
        service("api", "203.0.113.1", 80),
        behind,
        pod.into(),
    ];
    let notes = Cluster::new(3, &objects.join("\n---\n")).notes();
    let mut said: Vec<_> = notes
        .values()
        .map(|(note, ranks)| (note.about.to_string(), note.reason.clone(), ranks.len()))
        .collect();
    said.sort();
    let expected = [
        ("Pod shop/vpn", "NotAPrefix", 1),
        ("Service shop/api", "SharedPort", 3),
        ("Service shop/web", "SharedPort", 3),
    ];
    assert_eq!(said, expected.map(|(about, reason, count)| (about.to_owned(), reason.to_owned(), count)));
}

#[test]
fn a_state_counts_everything_and_names_the_first_hundred_refusals() {
    let wrong = (0..150).map(|number| service(&format!("s{number}"), &format!("192.0.2.{number}"), 80));
    let fixed =
        ours("BgpAdvertisement", "fixed", "spec: {sources: [{prefixes: [198.51.100.0/24, 'fd00:5::/64']}]}");
    let objects: Vec<_> = wrong.chain([services("203.0.113.0/24"), fixed]).collect();
    let mut cluster = Cluster::new(1, &objects.join("\n---\n"));
    let picture = cluster.pictures().remove(0);
    assert_eq!(picture.owner.as_deref(), Some("of-node-1"));
    let NodeState { peers_up, announced, sources, reasons, refused, refusals, .. } = picture.state;
    assert_eq!((&*peers_up, announced, refused, refusals.len()), ("0/0", 2, 150, 100));
    assert_eq!(sources, [("prefixes".to_owned(), 2)].into());
    assert_eq!(reasons, [("outside-allowed-cidrs".to_owned(), 150)].into());
    assert!(serde_json::to_string(&refusals).unwrap().len() < 20_000);
}

#[test]
fn a_session_that_is_down_says_since_when_whatever_it_tries_and_one_that_came_back_says_so() {
    let mut sessions = Sessions::default();
    let mut see = |at: i64, state: &str, seconds: u64| {
        let seen = Session::seen("tor", "192.0.2.1", state, seconds);
        let peers = sessions.follow(&[seen], Timestamp::from_second(NOW + at).unwrap());
        format!("{} {}", peers[0].state, &peers[0].since[11..])
    };
    assert_eq!(see(0, "Connect", 2), "Down 07:59:58Z");
    assert_eq!(see(10, "Active", 1), "Down 07:59:58Z");
    assert_eq!(see(20, "Established", 5), "Established 08:00:15Z");
    assert_eq!(see(31, "Established", 15), "Established 08:00:15Z", "two clocks of seconds");
    assert_eq!(see(60, "Established", 10), "Established 08:00:50Z", "it went and came between two looks");
    assert_eq!(see(70, "Idle", 3), "Down 08:01:07Z");
}
