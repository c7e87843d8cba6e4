//! What a speaker is told of a plan: sessions, policies, routes; and of a change no more than it needs.

use super::cluster::{Step, steps};
use bgp_daemon::{
    config::{Config, Distance, Remote},
    policy::{Changes, NextHopChange, Policy, Source},
};
use bgp_proto::{
    attr::set::PathAttributes,
    family::Family,
    numbers::{Asn, HoldTime},
};
use ipnet::IpNet;
use kube_announcer::{
    plan::{Facts, Planner},
    snapshot::Snapshot,
    speak::{Moves, Speech, Telling},
};
use std::{fs, path::Path, time::Duration};

/// An announcer of node-1, up to what its speaker is told.
struct Announcer {
    snapshot: Snapshot,
    planner: Planner,
    speech: Speech,
}

impl Announcer {
    /// In the cluster of `cases/base.yaml`.
    fn new() -> Self {
        let planner = Planner::new("node-1", Facts::default());
        let mut announcer = Announcer { snapshot: Snapshot::new(), planner, speech: Speech::new() };
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/base.yaml");
        announcer.tell(&fs::read_to_string(base).unwrap());
        announcer
    }

    /// What the speaker is told when objects change.
    fn tell(&mut self, yaml: &str) -> Telling {
        let mut all = kube_announcer::snapshot::Changes::default();
        for step in steps(yaml) {
            assert!(matches!(step, Step::Apply(_) | Step::Delete(_)), "only objects come and go here");
            all.extend(step.apply(&mut self.snapshot));
        }
        let update = self.planner.update(&self.snapshot, Some(&all));
        self.speech.follow(self.planner.plan(), Some(&update))
    }
}

const ADVERTISEMENT: &str = "
kind: BgpAdvertisement
metadata: {name: services}
spec:
  allowedCidrs: [203.0.113.0/24, '2001:db8:1::/64']
  sources: [{services: {from: all}}]
  attributes: {communities: ['64512:100', no-export], largeCommunities: ['64512:1:2'], med: 10, prepend: 2}
";

fn service(name: &str, address: &str) -> String {
    format!(
        "kind: Service\nmetadata: {{name: {name}}}\nspec: {{type: LoadBalancer}}\n\
         status: {{loadBalancer: {{ingress: [{{ip: '{address}'}}]}}}}\n"
    )
}

fn all(documents: &[&str]) -> String {
    documents.join("\n---\n")
}

fn moves(announce: &[&str], withdraw: &[&str]) -> Moves {
    let parse = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
    Moves { announce: parse(announce), withdraw: parse(withdraw), ..Moves::default() }
}

/// What a policy makes of a route of an owner; `None`: it is not told.
fn told(policy: &Policy, owner: &str, prefix: &str) -> Option<(PathAttributes, Option<NextHopChange>)> {
    let mut attributes = PathAttributes::default();
    let masks = (policy.attribute_mask(&attributes, None), policy.source_mask(&Source::Local { owner }));
    let decision = match prefix.parse().unwrap() {
        IpNet::V4(_) => policy.decide::<u32>(&masks.0, &masks.1, prefix.parse().unwrap()),
        IpNet::V6(_) => policy.decide::<u128>(&masks.0, &masks.1, prefix.parse().unwrap()),
    };
    let rule = policy.rule(decision);
    if rule.verdict() == bgp_daemon::policy::Verdict::Reject {
        return None;
    }
    let changes = rule.changes();
    if let Some(changes) = changes {
        changes.apply(&mut attributes, Asn(64512));
    }
    Some((attributes, changes.and_then(Changes::next_hop)))
}

fn export(config: &Config, at: usize) -> &Policy {
    config.peers[at].settings.export.as_ref().unwrap()
}

#[test]
fn a_session_is_told_as_its_peer_is_written() {
    let mut announcer = Announcer::new();
    let telling = announcer.tell(
        "
kind: BgpPeer
metadata: {name: tor}
spec:
  localAsn: 64512
  asn: 65000
  address: 192.0.2.1
  port: 1790
  ttlSecurity: true
  timers: {hold: 9s, keepalive: 2s, connectRetry: 1s}
  families: [ipv4]
  gracefulRestart: {restartTime: 30s}
  bfd: {multiplier: 5}
  passwordSecretRef: {name: tor}
  import: {maxPrefixes: 100, allowOwnAsn: true}
---
kind: BgpPeer
metadata: {name: zone}
spec: {localAsn: 64513, asn: internal, interface: eth1, multihop: 4, gracefulRestart: {restartTime: 0s}}
---
kind: Secret
metadata: {name: tor, namespace: kube-announcer}
stringData: {password: hunter2}
",
    );
    let config = telling.config.unwrap();
    assert_eq!((config.asn, config.router_id.unwrap().to_string()), (Asn(64512), "192.0.2.11".to_owned()));
    assert!(config.listen.is_empty() && !config.resolve_next_hops);
    let [tor, zone] = &config.peers[..] else { panic!("two peers") };
    assert_eq!(tor.remote, Remote::Address("192.0.2.1".parse().unwrap(), None));
    let settings = &tor.settings;
    assert_eq!((settings.local_asn, settings.port, settings.distance), (None, 1790, Distance::Secured));
    assert_eq!(settings.password.as_ref().unwrap().octets(), b"hunter2");
    assert_eq!(settings.families, [Family::IPV4]);
    assert_eq!(settings.timers.hold, HoldTime::new(9).unwrap());
    assert_eq!(settings.timers.keepalive, Some(Duration::from_secs(2)));
    let bfd = settings.bfd.unwrap();
    assert_eq!((bfd.interval, bfd.multiplier.get()), (Duration::from_millis(300), 5));
    let restart = settings.graceful_restart.unwrap();
    assert_eq!((restart.restart_time, restart.notification), (Duration::from_secs(30), false));
    assert_eq!((settings.max_prefixes.unwrap().limit, settings.allow_own_asn), (100, 1));
    assert_eq!(settings.import, Some(Policy::none()));
    let (ipv4, ipv6) = ("192.0.2.11".parse().ok(), "2001:db8::11".parse().ok());
    assert_eq!(settings.next_hop_addresses, NextHopChange::Addresses { ipv4, ipv6 });
    assert_eq!(zone.remote, Remote::Interface("eth1".into()));
    assert_eq!(zone.settings.local_asn, Some(Asn(64513)));
    assert_eq!(zone.settings.bfd, None);
    assert_eq!((zone.settings.distance, zone.settings.graceful_restart), (Distance::Multihop(4), None));
}

#[test]
fn a_class_is_an_owner_and_a_rule_of_every_peer() {
    let mut announcer = Announcer::new();
    let web = service("web", "203.0.113.10");
    let telling = announcer.tell(&all(&[ADVERTISEMENT, &web]));
    let owner = "kubernetes:services";
    assert_eq!(telling.routes, [(owner.into(), moves(&["203.0.113.10/32"], &[]))].into());
    let config = telling.config.unwrap();
    let (attributes, next_hop) = told(export(&config, 0), owner, "203.0.113.10/32").unwrap();
    let communities: Vec<_> = attributes.communities.iter().map(ToString::to_string).collect();
    assert_eq!(communities, ["64512:100", "no-export"]);
    assert_eq!(attributes.large_communities[0].to_string(), "64512:1:2");
    assert_eq!(
        (attributes.med, attributes.as_path.to_string(), next_hop),
        (Some(10), "64512 64512".into(), None)
    );
    assert!(told(export(&config, 0), "kubernetes:other", "203.0.113.10/32").is_none());
}

#[test]
fn one_prefix_more_is_one_route_and_one_less_is_one_withdrawal() {
    let mut announcer = Announcer::new();
    announcer.tell(&all(&[ADVERTISEMENT, &service("web", "203.0.113.10")]));
    let owner = "kubernetes:services";
    let more = announcer.tell(&service("api", "203.0.113.11"));
    assert_eq!((more.config, more.routes), (None, [(owner.into(), moves(&["203.0.113.11/32"], &[]))].into()));
    let moved = announcer.tell(&service("api", "203.0.113.12"));
    let expected = moves(&["203.0.113.12/32"], &["203.0.113.11/32"]);
    assert_eq!((moved.config, moved.routes), (None, [(owner.into(), expected)].into()));
    let gone = announcer.tell("delete: Service default/api");
    assert_eq!((gone.config, gone.routes), (None, [(owner.into(), moves(&[], &["203.0.113.12/32"]))].into()));
}

#[test]
fn another_community_is_another_policy_and_no_route() {
    let mut announcer = Announcer::new();
    let first = announcer.tell(&all(&[ADVERTISEMENT, &service("web", "203.0.113.10")])).config.unwrap();
    let telling = announcer.tell(&ADVERTISEMENT.replace("64512:100", "64512:200"));
    assert!(telling.routes.is_empty());
    let config = telling.config.unwrap();
    assert_ne!(export(&first, 0), export(&config, 0));
    let same = Config { peers: first.peers.clone(), ..(*config).clone() };
    assert_eq!(*first, same, "nothing else changed");
}

#[test]
fn what_changes_nothing_here_tells_nothing() {
    let mut announcer = Announcer::new();
    announcer.tell(&all(&[ADVERTISEMENT, &service("web", "203.0.113.10")]));
    let elsewhere = [
        "kind: Pod\nmetadata: {name: a}\nspec: {nodeName: node-2}\nstatus: {podIPs: [{ip: 10.244.2.1}]}",
        "kind: Node\nmetadata: {name: node-2, labels: {rack: c}}",
        "kind: Node\nmetadata: {name: node-9}",
        "kind: EndpointSlice\nmetadata: {name: s, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4",
        "kind: Service\nmetadata: {name: quiet}\nspec: {clusterIPs: [10.96.0.1]}",
        "kind: Secret\nmetadata: {name: other, namespace: kube-announcer}\nstringData: {password: x}",
        "kind: ServiceCIDR\nmetadata: {name: kubernetes}\nspec: {cidrs: [10.96.0.0/12]}",
        &ADVERTISEMENT.replace("med: 10", "med: ten"),
    ];
    for object in elsewhere {
        assert!(announcer.tell(object).is_empty(), "{object}");
    }
}

#[test]
fn a_prefix_that_changes_its_class_is_announced_before_it_is_withdrawn() {
    let mut announcer = Announcer::new();
    announcer.tell(&all(&[ADVERTISEMENT, &service("web", "203.0.113.10")]));
    let second = ADVERTISEMENT.replace("{name: services}", "{name: more}").replace("med: 10", "localPref: 7");
    let telling = announcer.tell(&second);
    let expected = [
        ("kubernetes:more+services".into(), moves(&["203.0.113.10/32"], &[])),
        ("kubernetes:services".into(), moves(&[], &["203.0.113.10/32"])),
    ];
    assert_eq!(telling.routes, expected.into());
    let change = format!("{:?}", telling.into_change());
    let (announced, withdrawn) = (change.find("more+services").unwrap(), change.rfind("services\"").unwrap());
    assert!(change.find("LocalRoute").unwrap() > announced && announced < withdrawn, "{change}");
}

#[test]
fn peers_that_are_told_the_same_have_the_same_policy() {
    let mut announcer = Announcer::new();
    let spine =
        "kind: BgpPeer\nmetadata: {name: spine}\nspec: {localAsn: 64512, asn: 65001, address: 192.0.2.2}";
    let config =
        announcer.tell(&all(&[ADVERTISEMENT, &service("web", "203.0.113.10"), spine])).config.unwrap();
    assert_eq!(export(&config, 0), export(&config, 1));
    let special = spine.replace("}\nspec: {", "}\nspec: {attributes: {med: 5}, ");
    let config = announcer.tell(&special).config.unwrap();
    assert_ne!(export(&config, 0), export(&config, 1));
}

#[test]
fn families_with_next_hops_of_their_own_have_rules_of_their_own() {
    let mut announcer = Announcer::new();
    let advertisement = ADVERTISEMENT.replace("med: 10", "nextHop: internalIP");
    let telling = announcer.tell(&all(&[&advertisement, &service("web", "203.0.113.10")]));
    let config = telling.config.unwrap();
    let next_hop = |prefix: &str| told(export(&config, 0), "kubernetes:services", prefix).unwrap().1;
    let ipv4 = NextHopChange::Addresses { ipv4: "192.0.2.11".parse().ok(), ipv6: None };
    let ipv6 = NextHopChange::Addresses { ipv4: None, ipv6: "2001:db8::11".parse().ok() };
    assert_eq!((next_hop("203.0.113.10/32"), next_hop("2001:db8:1::1/128")), (Some(ipv4), Some(ipv6)));
}

#[test]
fn the_speakers_own_as_stays_whoever_comes_first() {
    let mut announcer = Announcer::new();
    let first = "kind: BgpPeer\nmetadata: {name: a}\nspec: {localAsn: 64999, asn: 65001, address: 192.0.2.2}";
    let config = announcer.tell(first).config.unwrap();
    assert_eq!((config.asn, config.peers[0].settings.local_asn), (Asn(64512), Some(Asn(64999))));
    let config = announcer.tell("delete: BgpPeer tor").config.unwrap();
    assert_eq!(config.asn, Asn(64512));
}

#[test]
fn a_node_without_an_ipv4_address_has_an_identifier_all_the_same_and_keeps_what_it_has() {
    let mut announcer = Announcer::new();
    let node = |name: &str| {
        let address = "{type: InternalIP, address: '2001:db8::1'}";
        format!("kind: Node\nmetadata: {{name: {name}}}\nstatus: {{addresses: [{address}]}}")
    };
    let later = announcer.tell(&node("node-1")).config.unwrap();
    assert_eq!(later.router_id.unwrap().to_string(), "192.0.2.11", "another would end every session");
    let [first, second] = ["node-1", "node-5"].map(|name| {
        let mut planner = Planner::new(name, Facts::default());
        planner.update(&announcer.snapshot, None);
        Speech::new().follow(planner.plan(), None).config.unwrap().router_id.unwrap()
    });
    assert_ne!(first, second);
    assert_eq!(first.to_string(), "84.196.51.131");
}

#[test]
fn a_mesh_listens() {
    let mut announcer = Announcer::new();
    let mesh = "kind: BgpPeer\nmetadata: {name: mesh}\nspec: {localAsn: 64512, asn: internal, nodes: {}}";
    let config = announcer.tell(mesh).config.unwrap();
    let listen: Vec<_> = config.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["0.0.0.0:179", "[::]:179"]);
}

/// What a node with routes in its kernel is told.
fn with_kernel() -> Announcer {
    let facts = Facts { kernel_routes: true, ..Facts::default() };
    let kernel = bgp_daemon::config::Kernel::default();
    let mut announcer = Announcer {
        snapshot: Snapshot::new(),
        planner: Planner::new("node-1", facts),
        speech: Speech::with_kernel(kernel),
    };
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/base.yaml");
    announcer.tell(&fs::read_to_string(base).unwrap());
    announcer
}

const RANGES: &str = "
kind: BgpAdvertisement
metadata: {name: ranges}
spec: {sources: [{serviceCidrs: {cidrs: [10.100.0.0/16]}}]}
";

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

#[test]
fn an_aggregate_is_announced_once_the_kernel_has_its_route_and_the_route_goes_once_that_is_withdrawn() {
    let mut announcer = with_kernel();
    let (range, quiet, owner) = ("10.100.0.0/16", "node", "kubernetes:ranges");
    let placing = announcer.tell(RANGES);
    let config = placing.config.unwrap();
    assert!(config.discards.contains(&net(range)) && config.kernel.is_some() && config.resolve_next_hops);
    assert!(told(export(&config, 0), quiet, range).is_none(), "no peer hears of what the node has to itself");
    assert_eq!(placing.routes, [(quiet.into(), moves(&[range], &[]))].into());
    assert!(announcer.speech.looked([(net(range), false)]).is_empty() && announcer.speech.is_placing());
    let handed_over = |from: &str, to: &str| {
        [(to.into(), moves(&[range], &[])), (from.into(), moves(&[], &[range]))].into()
    };
    let placed = announcer.speech.looked([(net(range), true)]);
    assert_eq!((placed.config, placed.routes), (None, handed_over(quiet, owner)));
    // Somebody takes the route away: what needs it is withdrawn, and back with it.
    assert_eq!(announcer.speech.looked([(net(range), false)]).routes, handed_over(owner, quiet));
    assert_eq!(announcer.speech.looked([(net(range), true)]).routes, handed_over(quiet, owner));

    assert_eq!(announcer.speech.withdrawal(), None);
    let gone = announcer.tell("delete: BgpAdvertisement ranges");
    assert_eq!(gone.routes, handed_over(owner, quiet));
    assert!(gone.config.unwrap().discards.contains(&net(range)), "the route stays for now");
    let number = announcer.speech.withdrawal().unwrap();
    // It comes back before that is written, and goes again.
    assert_eq!(announcer.tell(RANGES).routes, handed_over(quiet, owner));
    announcer.tell("delete: BgpAdvertisement ranges");
    assert!(announcer.speech.written(number).is_empty(), "an older withdrawal says nothing of this one");
    let number = announcer.speech.withdrawal().unwrap();
    let over = announcer.speech.written(number);
    assert!(over.config.unwrap().discards.is_empty());
    assert_eq!(over.routes, [(quiet.into(), moves(&[], &[range]))].into());
}

#[test]
fn a_range_behind_pods_changes_its_pod_without_a_word_to_peers() {
    let mut announcer = with_kernel();
    let pod = |name: &str, address: &str, ready: &str| {
        format!(
            "kind: Pod\nmetadata: {{name: {name}, annotations: {{kube-announcer.io/prefixes: 10.99.0.0/24}}}}\n\
             spec: {{nodeName: node-1}}\nstatus: {{podIPs: [{{ip: {address}}}], conditions: [{{type: Ready, status: '{ready}'}}]}}"
        )
    };
    let vpn = "kind: BgpAdvertisement\nmetadata: {name: vpn}\n\
               spec: {allowedCidrs: [10.99.0.0/16], sources: [{podPrefixes: {}}]}";
    announcer.tell(&all(&[vpn, &pod("old", "10.244.1.5", "True"), &pod("young", "10.244.1.6", "True")]));
    let placed = announcer.speech.looked([(net("10.99.0.0/24"), true)]);
    let through = |address: &str| [(net("10.99.0.0/24"), address.parse().unwrap())].into();
    assert_eq!(placed.routes["kubernetes:vpn"].through, through("10.244.1.5"));
    let moved = announcer.tell(&pod("old", "10.244.1.5", "False"));
    let route = Moves { through: through("10.244.1.6"), ..moves(&["10.99.0.0/24"], &[]) };
    assert_eq!((moved.config, moved.routes), (None, [("kubernetes:vpn".into(), route)].into()));
    // It is under way: only a route that was there can be missing.
    assert!(announcer.speech.looked([(net("10.99.0.0/24"), false)]).is_empty());
}

/// What an import policy makes of these prefixes.
fn taken(config: &Config, prefixes: &[&str]) -> Vec<bool> {
    let policy = config.peers[0].settings.import.as_ref().unwrap();
    let accepts = |prefix: &&str| {
        let attributes = PathAttributes::default();
        let source = Source::Local { owner: "" };
        let masks = (policy.attribute_mask(&attributes, None), policy.source_mask(&source));
        let decision = match net(prefix) {
            IpNet::V4(_) => policy.decide::<u32>(&masks.0, &masks.1, prefix.parse().unwrap()),
            IpNet::V6(_) => policy.decide::<u128>(&masks.0, &masks.1, prefix.parse().unwrap()),
        };
        policy.rule(decision).verdict() == bgp_daemon::policy::Verdict::Accept
    };
    prefixes.iter().map(accepts).collect()
}

#[test]
fn what_is_the_nodes_or_the_clusters_own_is_never_taken() {
    let mut announcer = with_kernel();
    let peer = |import: &str| {
        format!(
            "kind: BgpPeer\nmetadata: {{name: tor}}\n\
             spec: {{localAsn: 64512, asn: 65000, address: 192.0.2.1, import: {{{import}}}}}"
        )
    };
    let services = "kind: ServiceCIDR\nmetadata: {name: kubernetes}\nspec: {cidrs: [10.96.0.0/16]}";
    let everything = peer("accept: ['0.0.0.0/0 le 32', '::/0 le 128']");
    let config = announcer.tell(&all(&[&everything, services])).config.unwrap();
    let guarded = [
        "10.244.1.0/24",
        "10.244.1.7/32",
        "fd00:10:244:1::/80",
        "10.96.3.0/24",
        "192.0.2.11/32",
        "2001:db8::11/128",
        "0.0.0.0/0",
        "::/0",
    ];
    assert_eq!(taken(&config, &guarded), [false; 8]);
    assert_eq!(taken(&config, &["10.244.2.0/24", "198.51.100.0/24", "2001:db8:9::/48"]), [true; 3]);
    let config = announcer.tell(&peer("accept: ['0.0.0.0/0', '10.0.0.0/8 le 16']")).config.unwrap();
    assert_eq!(
        taken(&config, &["0.0.0.0/0", "::/0", "10.1.0.0/16", "10.1.2.0/24"]),
        [true, false, true, false]
    );
    let config = announcer.tell(&peer("podRoutes: true")).config.unwrap();
    let pods = ["10.244.2.0/24", "fd00:10:244:2::/64", "10.244.2.0/25", "10.244.3.0/24", "10.244.1.0/24"];
    assert_eq!(taken(&config, &pods), [true, true, false, false, false]);
    let third = "kind: Node\nmetadata: {name: node-3}\nspec: {podCIDRs: [10.244.3.0/24]}";
    let config = announcer.tell(third).config.unwrap();
    assert_eq!(taken(&config, &pods), [true, true, false, true, false]);
    // Without routes in the kernel nothing is taken.
    let mut plain = Announcer::new();
    let config = plain.tell(&peer("podRoutes: true, maxPrefixes: 7")).config.unwrap();
    assert_eq!(config.peers[0].settings.import, Some(Policy::none()));
    assert!(config.kernel.is_none());
}
