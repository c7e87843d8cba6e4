//! What holds of plans in any cluster: made-up objects come, change and go.

use bgp_daemon::config::Kernel;
use kube_announcer::{
    object::{Key, Kind, Object},
    plan::{self, Decision, Facts, Plan, Planner},
    snapshot::{Changes, Snapshot},
    speak::{Speech, Telling},
};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];

#[derive(Clone, Debug)]
enum Step {
    Apply(Value),
    Delete(Kind, &'static str),
    Forbid(Kind, bool),
    /// Probes of a node say otherwise.
    Failing(usize, BTreeSet<u16>),
}

fn meta(name: &str, labelled: bool, annotations: &Value) -> Value {
    let labels = if labelled { json!({ "expose": "bgp" }) } else { json!({}) };
    json!({ "name": name, "labels": labels, "annotations": annotations })
}

fn node() -> impl Strategy<Value = Value> {
    let taints =
        select(vec![json!([]), json!([{ "key": "karpenter.sh/disrupted", "effect": "NoSchedule" }])]);
    (0..3usize, any::<bool>(), any::<bool>(), taints, 0..3u8).prop_map(
        |(number, labelled, excluded, taints, peer)| {
            let mut meta =
                meta(NODES[number], labelled, &json!({ "example.com/tor": format!("192.0.2.{peer}") }));
            if excluded {
                meta["labels"]["node.kubernetes.io/exclude-from-external-load-balancers"] = json!("");
            }
            let addresses = [format!("192.0.2.1{number}"), format!("2001:db8::1{number}")];
            let addresses: Vec<_> =
                addresses.iter().map(|address| json!({ "type": "InternalIP", "address": address })).collect();
            json!({
                "kind": "Node", "metadata": meta, "status": {
                    "addresses": &addresses[..1 + usize::from(labelled)],
                    "conditions": [{ "type": "Ready", "status": if peer == 2 { "Unknown" } else { "True" } }],
                },
                "spec": { "podCIDRs": [format!("10.244.{number}.0/24")], "taints": taints },
            })
        },
    )
}

const SERVICES: [&str; 4] = ["a", "b", "c", "d"];
const TUNNELS: [&str; 4] = ["203.0.113.9", "203.0.113.9, 203.0.113.2", "198.51.100.1, x", ""];

fn service() -> impl Strategy<Value = Value> {
    let name = select(&SERVICES);
    (name, any::<[bool; 3]>(), 0..4u8, 0..4u8, select(&TUNNELS)).prop_map(
        |(name, [labelled, local, wide], first, second, tunnel)| {
            let policy = if local { "Local" } else { "Cluster" };
            let ipv6 = if wide { json!([{ "ip": format!("2001:db8:1::{second}") }]) } else { json!([]) };
            let mut ingress = vec![json!({ "ip": format!("203.0.113.{first}") })];
            ingress.extend(ipv6.as_array().cloned().unwrap_or_default());
            json!({
                "kind": "Service", "metadata": meta(name, labelled, &json!({ "cmd.nu/tunnel": tunnel })),
                "spec": {
                    "type": "LoadBalancer", "externalTrafficPolicy": policy, "healthCheckNodePort": 30_000 + u16::from(first), "ports": [{ "port": 80 }],
                    "clusterIPs": [format!("10.96.0.{second}")], "externalIPs": [format!("203.0.113.{second}")],
                },
                "status": { "loadBalancer": { "ingress": ingress } },
            })
        },
    )
}

const SLICES: [&str; 4] = ["s1", "s2", "s3", "s4"];

fn slice() -> impl Strategy<Value = Value> {
    let endpoint = (proptest::option::of(select(&NODES)), any::<[bool; 3]>()).prop_map(|(node, [r, s, t])| {
        json!({ "nodeName": node, "conditions": { "ready": r, "serving": s, "terminating": t } })
    });
    let endpoints = proptest::collection::vec(endpoint, 0..4);
    (select(&SLICES), select(&SERVICES), any::<bool>(), endpoints).prop_map(|(name, service, ipv6, endpoints)| {
        json!({
            "kind": "EndpointSlice", "endpoints": endpoints, "addressType": if ipv6 { "IPv6" } else { "IPv4" },
            "metadata": { "name": name, "labels": { "kubernetes.io/service-name": service } },
        })
    })
}

const PODS: [&str; 4] = ["p1", "p2", "p3", "p4"];
const BEHIND: [&str; 4] = ["203.0.113.128/26", "203.0.113.128/26, 203.0.113.192/26", "10.244.1.0/25", ""];

fn pod() -> impl Strategy<Value = Value> {
    (select(&PODS), select(&NODES), any::<[bool; 4]>(), 0..6u8, select(&BEHIND)).prop_map(
        |(name, node, [labelled, ready, terminating, foreign], number, behind)| {
            let mut meta = meta(name, labelled, &json!({ "kube-announcer.io/prefixes": behind }));
            if terminating {
                meta["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            }
            let net = if foreign { "172.16.0" } else { "10.244.1" };
            json!({
                "kind": "Pod", "metadata": meta, "spec": { "nodeName": node },
                "status": {
                    "podIPs": [{ "ip": format!("{net}.{number}") }],
                    "conditions": [{ "type": "Ready", "status": if ready { "True" } else { "False" } }],
                },
            })
        },
    )
}

fn selector(labelled: bool) -> Value {
    if labelled { json!({ "matchLabels": { "expose": "bgp" } }) } else { json!({}) }
}

fn source() -> impl Strategy<Value = Value> {
    let require = json!({ "namespace": "default", "podSelector": { "matchLabels": { "expose": "bgp" } } });
    (0..11usize, any::<bool>(), select(vec![20u8, 26, 32])).prop_map(
        move |(kind, labelled, length)| match kind {
            0 => json!({ "podCidrs": {} }),
            1 => json!({ "pods": { "selector": selector(labelled), "onlyReady": labelled } }),
            2 => json!({ "serviceCidrs": { "cidrs": ["10.96.0.0/24"] } }),
            3 => json!({ "services": { "selector": selector(labelled), "aggregate": { "ipv4": length } } }),
            4 => json!({ "services": { "addresses": ["ClusterIP", "ExternalIP"], "from": "endpoints" } }),
            5 => json!({ "tunnelIps": { "from": "Local", "selector": selector(labelled) } }),
            6 => json!({ "tunnelIps": { "from": "Cluster", "require": require, "probe": { "kubeProxy": {} } } }),
            9 => json!({ "services": { "probe": { "kubeProxy": {} }, "aggregate": { "ipv4": length } } }),
            10 => json!({ "services": { "probe": { "healthCheckNodePort": true } } }),
            7 => json!({ "podPrefixes": { "selector": selector(labelled) } }),
            _ => json!({ "prefixes": ["203.0.113.2/32", "198.51.100.0/24"] }),
        },
    )
}

const ADVERTISEMENTS: [&str; 3] = ["x", "y", "z"];
const PEERS: [&str; 3] = ["core", "mesh", "tor"];

fn advertisement() -> impl Strategy<Value = Value> {
    let sources = proptest::collection::vec(source(), 1..4);
    let peers = select(vec![json!([]), json!(["tor"]), json!(["core", "nobody"])]);
    let attributes = select(vec![
        json!({}),
        json!({ "med": 10, "communities": ["64512:1"] }),
        json!({ "med": 20, "nextHop": "internalIP" }),
    ]);
    (select(&ADVERTISEMENTS), any::<[bool; 3]>(), sources, peers, attributes).prop_map(
        |(name, [labelled, keep, broken], sources, peers, attributes)| {
            json!({
                "kind": "BgpAdvertisement", "metadata": { "name": name },
                "spec": {
                    "allowedCidrs": ["203.0.113.0/24", "2001:db8:1::/64"], "peers": peers, "sources": sources,
                    "nodeSelector": selector(labelled), "attributes": attributes,
                    "whenNoEndpoints": if broken && keep { "no" } else if keep { "keep" } else { "withdraw" },
                },
            })
        },
    )
}

fn peer() -> impl Strategy<Value = Value> {
    let place = select(vec![
        json!({ "address": "192.0.2.1" }),
        json!({ "nodes": {} }),
        json!({ "addressFrom": { "annotation": "example.com/tor" } }),
    ]);
    let families = select(vec![json!(["ipv4"]), json!(["ipv4", "ipv6"])]);
    let imports =
        select(vec![Value::Null, json!({ "podRoutes": true }), json!({ "accept": ["10.0.0.0/8 le 24"] })]);
    (select(&PEERS), any::<bool>(), place, families, imports).prop_map(
        |(name, labelled, mut spec, families, import)| {
            spec["localAsn"] = json!(64512);
            spec["import"] = import;
            spec["asn"] = json!(65000);
            spec["families"] = families;
            spec["nodeSelector"] = selector(labelled);
            json!({ "kind": "BgpPeer", "metadata": { "name": name }, "spec": spec })
        },
    )
}

fn object() -> impl Strategy<Value = Value> {
    prop_oneof![2 => node(), 4 => service(), 4 => slice(), 4 => pod(), 4 => advertisement(), 2 => peer()]
}

/// kube-proxy's port, and those of Services.
const PROBED: [u16; 3] = [10256, 30001, 30002];

fn step() -> impl Strategy<Value = Step> {
    let names = [
        (Kind::Node, &NODES[..]),
        (Kind::Service, &SERVICES[..]),
        (Kind::EndpointSlice, &SLICES[..]),
        (Kind::Pod, &PODS[..]),
        (Kind::BgpAdvertisement, &ADVERTISEMENTS[..]),
        (Kind::BgpPeer, &PEERS[..]),
    ];
    let names: Vec<_> =
        names.into_iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind, *name))).collect();
    let forbid = select(vec![Kind::Pod, Kind::EndpointSlice]);
    prop_oneof![
        12 => object().prop_map(Step::Apply),
        4 => select(names).prop_map(|(kind, name)| Step::Delete(kind, name)),
        1 => (forbid, any::<bool>()).prop_map(|(kind, forbidden)| Step::Forbid(kind, forbidden)),
        2 => (0..3usize, proptest::collection::btree_set(select(&PROBED), 0..3))
            .prop_map(|(node, ports)| Step::Failing(node, ports)),
    ]
}

fn read(value: &Value) -> Object {
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == value["kind"]).unwrap();
    kind.read(value).unwrap()
}

fn snapshot(objects: &[Value]) -> Snapshot {
    let mut snapshot = Snapshot::new();
    for object in objects {
        snapshot.apply(&read(object));
    }
    snapshot
}

fn facts(kernel_routes: bool) -> Facts {
    Facts { kernel_routes, ..Facts::default() }
}

/// What is announced.
fn announced(plan: &Plan) -> BTreeSet<ipnet::IpNet> {
    let all = plan.prefixes.iter().filter(|(_, decision)| decision.outcome.class().is_some());
    all.map(|(prefix, _)| *prefix).collect()
}

/// What claims of other objects come to.
fn others(decision: &Decision, not: &Key) -> Vec<String> {
    let answers = decision.answers().filter(|(claim, _)| claim.owner != *not);
    answers.map(|(claim, answer)| format!("{claim:?} {answer:?}")).collect()
}

/// Three nodes that nothing is wrong with.
fn plain() -> Vec<Value> {
    let node = |name| json!({ "kind": "Node", "metadata": { "name": name }, "status": { "addresses": [] } });
    NODES.map(node).into()
}

/// A router for all of them, and an advertisement that asks all that can be asked.
fn probed() -> Vec<Value> {
    let peer =
        json!({ "localAsn": 64512, "asn": 65000, "address": "192.0.2.1", "families": ["ipv4", "ipv6"] });
    let require = json!({ "namespace": "default", "podSelector": {} });
    let proxy = json!({ "kubeProxy": {} });
    let sources = json!([
        { "services": { "probe": { "healthCheckNodePort": true } } },
        { "services": { "addresses": ["ClusterIP"], "probe": proxy, "from": "endpoints" } },
        { "tunnelIps": { "from": "Local", "probe": proxy } },
        { "tunnelIps": { "from": "Cluster", "annotation": "cmd.nu/tunnel", "require": require, "probe": proxy } },
    ]);
    let spec = json!({ "sources": sources, "allowedCidrs": ["203.0.113.0/24", "2001:db8:1::/64"] });
    vec![
        json!({ "kind": "BgpPeer", "metadata": { "name": "all" }, "spec": peer }),
        json!({ "kind": "BgpAdvertisement", "metadata": { "name": "probed" }, "spec": spec }),
    ]
}

/// What a speaker was told, as it adds up.
#[derive(Debug, Default)]
struct Told {
    owners: BTreeMap<ipnet::IpNet, String>,
    discards: BTreeSet<ipnet::IpNet>,
}

impl Told {
    fn take(&mut self, telling: Telling) {
        for (owner, moves) in &telling.routes {
            self.owners.extend(moves.announce.iter().map(|prefix| (*prefix, owner.to_string())));
        }
        for (owner, moves) in telling.routes {
            for prefix in moves.withdraw {
                if self.owners.get(&prefix).is_some_and(|now| **now == *owner) {
                    self.owners.remove(&prefix);
                }
            }
        }
        if let Some(config) = telling.config {
            self.discards = config.discards;
        }
    }

    /// What the node has to itself.
    fn quiet(&self) -> BTreeSet<ipnet::IpNet> {
        self.of(|owner| owner == "node")
    }

    /// What peers hear of.
    fn heard(&self) -> BTreeSet<ipnet::IpNet> {
        self.of(|owner| owner != "node")
    }

    fn of(&self, wanted: impl Fn(&str) -> bool) -> BTreeSet<ipnet::IpNet> {
        self.owners.iter().filter(|(_, owner)| wanted(owner)).map(|(prefix, _)| *prefix).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_by_changes_is_the_plan_from_scratch(
        kernel in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut facts = NODES.map(|_| facts(kernel));
        let mut snapshot = Snapshot::new();
        let mut planners = NODES.map(|node| (Planner::new(node, facts[0].clone()), Speech::new()));
        let mut routes: [BTreeMap<ipnet::IpNet, String>; 3] = Default::default();
        for step in steps {
            let mut failing = None;
            let changes = match &step {
                Step::Apply(value) => snapshot.apply(&read(value)),
                Step::Forbid(kind, forbidden) => snapshot.set_forbidden(*kind, *forbidden),
                Step::Delete(kind, name) => snapshot.remove(&Key::written(*kind, None, name)),
                Step::Failing(node, ports) => {
                    failing = Some(*node);
                    facts[*node].failing.clone_from(ports);
                    Changes::default()
                }
            };
            let known = facts.iter().enumerate();
            for (((planner, speech), routes), (node, facts)) in planners.iter_mut().zip(&mut routes).zip(known) {
                let mut changes = changes.clone();
                if failing == Some(node) {
                    changes.extend(planner.set_facts(facts.clone()));
                }
                let update = planner.update(&snapshot, Some(&changes));
                let scratch = plan::plan(&snapshot, &planner.plan().node, facts);
                prop_assert_eq!(planner.plan(), &scratch, "after {:?}", step);
                // What the speaker was told adds up to the plan, and it is told nothing twice.
                let telling = speech.follow(planner.plan(), Some(&update));
                for (owner, moves) in telling.routes {
                    for prefix in moves.announce {
                        let before = routes.insert(prefix, owner.to_string());
                        prop_assert_ne!(before.as_deref(), Some(&*owner));
                    }
                    for prefix in moves.withdraw {
                        if routes.get(&prefix).is_some_and(|now| **now == *owner) {
                            routes.remove(&prefix);
                        }
                    }
                }
                prop_assert_eq!(announced(&scratch), routes.keys().copied().collect());
                prop_assert!(speech.follow(&scratch, None).is_empty());
            }
        }
    }

    #[test]
    fn whatever_the_kernel_does_meanwhile_what_is_told_comes_to_the_plan(
        steps in proptest::collection::vec((step(), any::<[bool; 4]>()), 1..30),
    ) {
        let mut snapshot = Snapshot::new();
        let mut planner = Planner::new(NODES[0], facts(true));
        let mut speech = Speech::with_kernel(Kernel::default());
        let mut told = Told::default();
        for (step, [looks, has, begins, ends]) in steps {
            let changes = match &step {
                Step::Apply(value) => snapshot.apply(&read(value)),
                Step::Forbid(kind, forbidden) => snapshot.set_forbidden(*kind, *forbidden),
                Step::Delete(kind, name) => snapshot.remove(&Key::written(*kind, None, name)),
                Step::Failing(..) => continue,
            };
            let update = planner.update(&snapshot, Some(&changes));
            told.take(speech.follow(planner.plan(), Some(&update)));
            if looks {
                let found: Vec<_> = speech.placed().map(|(prefix, _)| (prefix, has)).collect();
                told.take(speech.looked(found));
            }
            if begins && let Some(number) = speech.withdrawal() && ends {
                told.take(speech.written(number));
            }
            // Peers hear of nothing that the plan does not announce, and the node keeps what they heard of.
            prop_assert!(told.heard().is_subset(&announced(planner.plan())));
            let needs = |prefix: &ipnet::IpNet| speech.placed().any(|(placed, _)| placed == *prefix);
            prop_assert!(told.discards.iter().all(|prefix| needs(prefix) || told.quiet().contains(prefix)));
        }
        // At rest all of it is told, and nothing more is kept.
        for _ in 0..2 {
            let found: Vec<_> = speech.placed().map(|(prefix, _)| (prefix, true)).collect();
            told.take(speech.looked(found));
            if let Some(number) = speech.withdrawal() {
                told.take(speech.written(number));
            }
        }
        prop_assert_eq!(told.heard(), announced(planner.plan()));
        prop_assert!(told.quiet().is_empty(), "{:?}", told);
        let kept: BTreeSet<_> = speech.placed().filter(|(_, kernel)| *kernel == plan::Kernel::Discard).map(|(p, _)| p).collect();
        prop_assert_eq!(told.discards, kept);
    }

    #[test]
    fn one_owner_more_never_withdraws_anything(
        objects in proptest::collection::vec(object(), 1..30),
        more in service(),
    ) {
        let mut before = snapshot(&objects);
        before.remove(&read(&more).key());
        let mut after = snapshot(&objects);
        after.apply(&read(&more));
        for node in NODES {
            let facts = facts(true);
            let (before, after) = (plan::plan(&before, node, &facts), plan::plan(&after, node, &facts));
            prop_assert!(announced(&before).is_subset(&announced(&after)));
        }
    }

    #[test]
    fn one_advertisement_more_never_withdraws_anything(
        objects in proptest::collection::vec(object(), 1..30),
        sources in proptest::collection::vec(source(), 1..4),
    ) {
        let before = snapshot(&objects);
        let mut after = snapshot(&objects);
        let spec = json!({
            "sources": sources, "allowedCidrs": ["203.0.113.0/24"], "peers": ["tor"],
            "attributes": { "nextHop": "internalIP" },
        });
        let mut ranges = sources.iter().filter(|source| source.get("serviceCidrs").is_some());
        // What is a range of Services by this is no pod's any more, and that is as it should be.
        prop_assume!(ranges.next().is_none());
        after.apply(&read(&json!({ "kind": "BgpAdvertisement", "metadata": { "name": "more" }, "spec": spec })));
        for node in NODES {
            let facts = facts(true);
            let (before, after) = (plan::plan(&before, node, &facts), plan::plan(&after, node, &facts));
            let lost: Vec<_> = announced(&before).difference(&announced(&after)).copied().collect();
            // A pod that terminates leaves where another one is now let claim the same.
            let handed_over = |prefix: &ipnet::IpNet| {
                let mut answers = after.prefixes[prefix].answers();
                answers.any(|(_, answer)| answer.is_err_and(|reason| reason.code == plan::Code::PodTerminating))
            };
            prop_assert!(lost.iter().all(handed_over), "{:?}", lost);
        }
    }

    #[test]
    fn no_services_removal_changes_what_another_comes_to(
        objects in proptest::collection::vec(object(), 1..30),
        name in select(&SERVICES),
    ) {
        let before = snapshot(&objects);
        let mut after = snapshot(&objects);
        let key = Key::written(Kind::Service, None, name);
        after.remove(&key);
        for node in NODES {
            let facts = facts(true);
            let (before, after) = (plan::plan(&before, node, &facts), plan::plan(&after, node, &facts));
            for (prefix, decision) in &before.prefixes {
                let left = after.prefixes.get(prefix).map(|left| others(left, &key)).unwrap_or_default();
                prop_assert_eq!(others(decision, &key), left, "{}", prefix);
            }
            prop_assert!(after.prefixes.keys().all(|prefix| before.prefixes.contains_key(prefix)));
        }
    }

    #[test]
    fn whatever_fails_somebody_announces_what_anybody_would(
        nodes in proptest::collection::vec(node(), 0..6),
        objects in proptest::collection::vec(prop_oneof![service(), slice(), slice(), pod(), advertisement()], 1..30),
        failing in proptest::collection::vec(proptest::collection::btree_set(select(&PROBED), 2..4), 3),
    ) {
        let snapshot = snapshot(&[plain(), nodes, objects, probed()].concat());
        let (mut well, mut left) = (BTreeSet::new(), BTreeSet::new());
        for (node, failing) in NODES.iter().zip(&failing) {
            let facts = facts(true);
            let before = announced(&plan::plan(&snapshot, node, &facts));
            let after = announced(&plan::plan(&snapshot, node, &Facts { failing: failing.clone(), ..facts }));
            prop_assert!(after.is_subset(&before), "a probe never adds anything");
            well.extend(before);
            left.extend(after);
        }
        prop_assert_eq!(well, left);
    }
}
