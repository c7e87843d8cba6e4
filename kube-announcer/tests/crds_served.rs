//! A real API server takes our definitions, takes what is right, and refuses the mistakes that `check` refuses.

use kube_announcer::{
    crd::{self, BgpAdvertisement, BgpPeer},
    object::Kind,
};
use lab::{ControlPlane, Lab, Need};
use serde_json::{Value, json};
use std::{fmt::Write, fs, time::Duration};

const PEER: &str = "localAsn: 64512, asn: 65000";

/// What a BgpPeer may say.
const GOOD_PEERS: [&str; 12] = [
    "{localAsn: 64512, asn: 65000, address: 127.0.0.1}",
    "{localAsn: 64512, asn: 65000, address: 169.254.169.1, attributes: {nextHop: '192.0.2.1, 2001:db8::1'}}",
    "{localAsn: 64512, asn: 65000, address: 192.0.2.1, import: {accept: ['::/0', '10.0.0.0/8 ge 9 le 24', '0.0.0.0/0']}}",
    "{localAsn: 64512, asn: 65000, address: 192.0.2.1, bfd: {}}",
    "{localAsn: 4294967295, asn: internal, address: 2001:db8::1, ttlSecurity: true, port: 1790}",
    "{localAsn: 64512, asn: external, address: 'fe80::1%eth1', multihop: 4}",
    "{localAsn: 64512, asn: 65000, gateway: true, ttlSecurity: false, multihop: 255}",
    "{localAsn: 64512, asn: 65000, interface: eth1, timers: {hold: 0s}}",
    "{localAsn: 64512, asn: 65000, addressFrom: {annotation: example.com/tor}, gateway: false}",
    "{localAsn: 64512, asn: 65000, nodes: {}, nodeSelector: {matchLabels: {rack: a}}}",
    "{localAsn: 64512, asn: 65000, nodes: {selector: {matchExpressions: [{key: a, operator: In, values: [b]}]}}}",
    "{localAsn: 64512, asn: 65000, address: 192.0.2.1, passwordSecretRef: {name: tor}, families: [ipv4, ipv6],
      timers: {hold: 90s, keepalive: 30s, connectRetry: 5s}, gracefulRestart: {restartTime: 120s},
      bfd: {interval: 300ms, multiplier: 3}, import: {accept: ['10.0.0.0/8 le 24'], podRoutes: true, allowOwnAsn: true, maxPrefixes: 10000},
      attributes: {communities: ['64512:100', no-export], largeCommunities: ['64512:1:2'], localPref: 200, med: 10,
                   prepend: 1, nextHop: self}}",
];

/// What comes behind `localAsn` and `asn`, or stands in their place, and is a mistake.
const BAD_PEERS: [&str; 49] = [
    ", address: 'fe80::xyz%eth1'",
    ", address: 192.0.2.1, timers: {connectRetry: 0s}",
    ", address: 192.0.2.1, import: {accept: ['10.0.0.0/8 le 4']}",
    ", address: 192.0.2.1, import: {accept: ['10.0.0.1/8']}",
    ", address: 192.0.2.1, import: {accept: ['everything']}",
    ", address: 192.0.2.1, import: {accept: ['10.0.0.0/8 ge 20 le 16']}",
    ", address: 192.0.2.1, attributes: {nextHop: '192.0.2.1, 192.0.2.2'}",
    ", address: 192.0.2.1, attributes: {nextHop: 'fe80::1'}",
    ", address: 192.0.2.1, attributes: {communities: [no-exports]}",
    ", address: 192.0.2.1, attributes: {communities: ['65536:1']}",
    ", address: 192.0.2.1, attributes: {largeCommunities: ['1:2:4294967296']}",
    ", address: 192.0.2.1, nodeSelector: {matchLabels: {'a b': c}}",
    "",
    ", address: 192.0.2.1, gateway: true",
    ", gateway: false",
    ", address: 192.0.2.1, nodes: {}",
    ", address: 192.0.2.1/24",
    ", address: tor.example.com",
    ", address: fe80::1",
    ", address: '192.0.2.1%eth1'",
    ", address: 0.0.0.0",
    ", address: 224.0.0.1",
    ", interface: a/b",
    ", interface: an-interface-with-a-long-name",
    ", addressFrom: {}",
    ", addressFrom: {annotation: 'a b'}",
    ", nodes: {selector: {matchExpressions: [{key: a, operator: Near}]}}",
    ", nodes: {selector: {matchExpressions: [{key: a, operator: In}]}}",
    ", nodes: {selector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}",
    ", nodes: {selector: {matchExpressions: [{operator: Exists}]}}",
    ", address: 192.0.2.1, port: 0",
    ", address: 192.0.2.1, passwordSecretRef: {}",
    ", address: 192.0.2.1, ttlSecurity: true, multihop: 4",
    ", address: 192.0.2.1, multihop: 256",
    ", address: 192.0.2.1, timers: {hold: 2s}",
    ", address: 192.0.2.1, timers: {hold: 90}",
    ", address: 192.0.2.1, timers: {keepalive: 31s}",
    ", address: 192.0.2.1, timers: {hold: 30s, keepalive: 11s}",
    ", address: 192.0.2.1, timers: {connectRetry: soon}",
    ", address: 192.0.2.1, families: [ipv5]",
    ", address: 192.0.2.1, families: []",
    ", address: 192.0.2.1, gracefulRestart: {restartTime: 2h}",
    ", address: 192.0.2.1, bfd: {interval: 5ms}",
    ", address: 192.0.2.1, bfd: {multiplier: 1}",
    ", address: 192.0.2.1, import: {maxPrefixes: many}",
    ", address: 192.0.2.1, attributes: {prepend: 0}",
    ", address: 192.0.2.1, attributes: {localPref: -1}",
    ", address: 192.0.2.1, attributes: {nextHop: them}",
    ", address: 192.0.2.1, attributes: {largeCommunities: ['1:2']}",
];

/// AS numbers that are mistakes.
const BAD_ASNS: [&str; 6] = [
    "localAsn: 0, asn: 65000",
    "localAsn: 4294967296, asn: 65000",
    "localAsn: 64512, asn: 0",
    "localAsn: 64512, asn: customers",
    "localAsn: 64512",
    "asn: 65000",
];

/// What a BgpAdvertisement may say.
const GOOD_ADVERTISEMENTS: [&str; 6] = [
    "{peers: [tor], nodeSelector: {}, allowedCidrs: [203.0.113.0/24, '2001:db8:1::/64'], sources: [
       {services: {addresses: [LoadBalancerIP], selector: {}, aggregate: {ipv4: 32}}},
       {tunnelIps: {from: Local, annotation: cmd.nu/tunnel}}, {pods: {selector: {}, onlyReady: true}}],
      whenNoEndpoints: withdraw, honourExcludeLabel: true, drain: {onTaints: []},
      attributes: {communities: ['64512:100', no-export], localPref: 200, nextHop: '192.0.2.1, 2001:db8::1'}}",
    "{sources: [{services: {probe: {kubeProxy: {}}}}, {tunnelIps: {from: Local, probe: {kubeProxy: {port: 10256}}}}]}",
    "{sources: [{services: {probe: {healthCheckNodePort: true}}},
       {tunnelIps: {from: Local, probe: {kubeProxy: {port: 1}, healthCheckNodePort: false}}}]}",
    "{sources: [{podCidrs: {}}, {prefixes: [198.51.100.0/24]}, {serviceCidrs: {}}, {podPrefixes: {}}]}",
    "{sources: [{tunnelIps: {from: Cluster, require: {namespace: tunnels, podSelector: {matchLabels: {app: r}}}}}]}",
    "{sources: [{serviceCidrs: {cidrs: [10.96.0.0/12]}}], drain: {onTaints: [a.b/c, 'd=e', 'f:NoExecute', 'g=h:NoSchedule']}}",
];

/// What a BgpAdvertisement says by mistake.
const BAD_ADVERTISEMENTS: [&str; 32] = [
    "{}",
    "{sources: []}",
    "{sources: [{}]}",
    "{sources: [{podCidrs: {}, pods: {}}]}",
    "{sources: [{podCidrs: {}}], allowedCidrs: [203.0.113.1/24]}",
    "{sources: [{podCidrs: {}}], allowedCidrs: [203.0.113.1]}",
    "{sources: [{prefixes: [x]}]}",
    "{sources: [{serviceCidrs: {cidrs: [10.96.0.1/12]}}]}",
    "{sources: [{tunnelIps: {}}]}",
    "{sources: [{tunnelIps: {from: Everywhere}}]}",
    "{sources: [{tunnelIps: {from: Cluster}}]}",
    "{sources: [{tunnelIps: {from: Cluster, require: {namespace: a}}}]}",
    "{sources: [{tunnelIps: {from: Cluster, require: {podSelector: {}}}}]}",
    "{sources: [{tunnelIps: {from: Local, require: {namespace: a, podSelector: {}}}}]}",
    "{sources: [{tunnelIps: {from: Local, annotation: 'a b'}}]}",
    "{sources: [{services: {addresses: []}}]}",
    "{sources: [{services: {addresses: [NodeIP]}}]}",
    "{sources: [{services: {from: there}}]}",
    "{sources: [{services: {aggregate: {ipv4: 33}}}]}",
    "{sources: [{services: {aggregate: {ipv6: 8}}}]}",
    "{sources: [{services: {probe: {}}}]}",
    "{sources: [{services: {probe: {healthCheckNodePort: false}}}]}",
    "{sources: [{services: {probe: {healthCheckNodePort: 30001}}}]}",
    "{sources: [{services: {probe: {kubeProxy: {}, healthCheckNodePort: true}}}]}",
    "{sources: [{services: {probe: {kubeProxy: {port: 0}}}}]}",
    "{sources: [{services: {probe: {kubeProxy: {port: 65536}}}}]}",
    "{sources: [{tunnelIps: {from: Local, probe: {}}}]}",
    "{sources: [{pods: {onlyReady: sometimes}}]}",
    "{sources: [{podCidrs: {}}], whenNoEndpoints: panic}",
    "{sources: [{podCidrs: {}}], honourExcludeLabel: perhaps}",
    "{sources: [{podCidrs: {}}], drain: {onTaints: ['a:Sometimes']}}",
    "{sources: [{podCidrs: {}}], nodeSelector: {matchExpressions: [{key: a}]}}",
];

struct Case {
    kind: Kind,
    spec: String,
    good: bool,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |kind, specs: Vec<String>, good| {
        cases.extend(specs.into_iter().map(|spec| Case { kind, spec, good }));
    };
    let bad_peers = BAD_PEERS.iter().map(|rest| format!("{{{PEER}{rest}}}"));
    let bad_asns = BAD_ASNS.iter().map(|asns| format!("{{{asns}, address: 192.0.2.1}}"));
    add(Kind::BgpPeer, GOOD_PEERS.map(String::from).into(), true);
    add(Kind::BgpPeer, bad_peers.chain(bad_asns).collect(), false);
    add(Kind::BgpAdvertisement, GOOD_ADVERTISEMENTS.map(String::from).into(), true);
    add(Kind::BgpAdvertisement, BAD_ADVERTISEMENTS.map(String::from).into(), false);
    cases
}

/// What `check` says of a spec.
fn is_accepted(case: &Case) -> bool {
    let spec: Value = serde_saphyr::from_str(&case.spec).unwrap();
    let object = json!({ "metadata": { "name": "a" }, "spec": spec });
    let text = object.to_string();
    match case.kind {
        Kind::BgpPeer => {
            serde_json::from_str::<BgpPeer>(&text).is_ok_and(|peer| crd::check::peer(&peer).is_ok())
        }
        _ => serde_json::from_str::<BgpAdvertisement>(&text)
            .is_ok_and(|advertisement| crd::check::advertisement(&advertisement).is_ok()),
    }
}

#[test]
fn check_takes_what_is_right_and_refuses_mistakes() {
    for case in cases() {
        assert_eq!(is_accepted(&case), case.good, "{} {}", case.kind, case.spec);
    }
}

#[test]
fn an_api_server_refuses_the_same() {
    let Some(lab) = Lab::needing(&[Need::Api]) else { return };
    let cluster = ControlPlane::api(&lab, &lab.namespace("cluster"));
    let definitions: Vec<_> =
        crd::definitions().iter().map(|definition| serde_json::to_string(definition).unwrap()).collect();
    cluster.apply(&definitions.join("\n---\n"));
    lab.wait_until("our kinds to be served", Duration::from_secs(60), || {
        ["bgppeers", "bgpadvertisements", "bgpnodestates"]
            .iter()
            .all(|kind| cluster.kubectl(&format!("get {kind}")).is_ok())
    });

    let cases = cases();
    let folder = tempfile::tempdir().unwrap();
    for (number, Case { kind, spec, .. }) in cases.iter().enumerate() {
        let version = kind.api_version();
        let text =
            format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: case-{number}}}\nspec: {spec}\n");
        fs::write(folder.path().join(format!("case-{number}.yaml")), text).unwrap();
    }
    let files = folder.path().display();
    let said = cluster.kubectl(&format!("create --dry-run=server --filename {files}"));
    let said = said.unwrap_or_else(|refusals| refusals);
    let mut wrong = String::new();
    for (number, Case { kind, spec, good }) in cases.iter().enumerate() {
        let lines = said.lines().filter(|line| {
            line.contains(&format!("case-{number}.yaml")) || line.contains(&format!("\"case-{number}\""))
        });
        let refusals: Vec<_> = lines.collect();
        if refusals.is_empty() != *good {
            writeln!(wrong, "{kind} {spec}: {refusals:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}\nthe API server said:\n{said}");
}
