//! Our own kinds: what an API server is told of them, and what is wrong with what people write.

use kube_announcer::{
    crd::{self, BgpAdvertisement, BgpPeer},
    object::Kind,
};
use serde_json::Value;

#[test]
fn every_schema_is_one_that_an_api_server_takes() {
    for definition in crd::definitions() {
        let definition = serde_json::to_value(&definition).unwrap();
        assert_eq!(definition["spec"]["scope"], "Cluster");
        let mut wrong = Vec::new();
        walk(&definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"], "", &mut wrong);
        assert!(wrong.is_empty(), "{}: {wrong:?}", definition["spec"]["names"]["kind"]);
    }
}

/// What a structural schema must not have.
fn walk(schema: &Value, at: &str, wrong: &mut Vec<String>) {
    let Some(fields) = schema.as_object() else { return };
    let closed = fields.get("additionalProperties") == Some(&Value::Bool(false));
    if closed || fields.contains_key("$ref") {
        wrong.push(at.to_owned());
    }
    if !fields.contains_key("type") && !fields.contains_key("x-kubernetes-int-or-string") {
        wrong.push(format!("{at}: no type"));
    }
    for (name, field) in fields.get("properties").and_then(Value::as_object).into_iter().flatten() {
        walk(field, &format!("{at}.{name}"), wrong);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(field) = fields.get(inner) {
            walk(field, &format!("{at}[]"), wrong);
        }
    }
}

fn mistakes(yaml: &str) -> Vec<String> {
    let value: Value = serde_saphyr::from_str(yaml).unwrap();
    let kind = Kind::of(value["apiVersion"].as_str().unwrap(), value["kind"].as_str().unwrap()).unwrap();
    let found = match kind {
        Kind::BgpPeer => crd::check::peer(&serde_json::from_value::<BgpPeer>(value).unwrap()).err(),
        _ => crd::check::advertisement(&serde_json::from_value::<BgpAdvertisement>(value).unwrap()).err(),
    };
    found.unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn all_mistakes_of_an_object_are_found_at_once() {
    let found = mistakes(
        r#"
apiVersion: kube-announcer.io/v1alpha1
kind: BgpPeer
metadata: {name: tor}
spec:
  localAsn: 0
  asn: customers
  address: 192.0.2.1/24
  gateway: true
  ttlSecurity: true
  multihop: 4
  timers: {hold: 2s, keepalive: 1h, connectRetry: soon}
  families: [ipv5]
  bfd: {interval: 5ms, multiplier: 1}
  import: {accept: [10.0.0.0/8 le 4]}
  attributes: {communities: [no-exports], prepend: 40, nextHop: them}
"#,
    );
    insta::assert_snapshot!(found.join("\n"));
    let found = mistakes(
        r#"
apiVersion: kube-announcer.io/v1alpha1
kind: BgpAdvertisement
metadata: {name: services}
spec:
  allowedCidrs: [203.0.113.1/24]
  sources:
    - {}
    - {podCidrs: {}, prefixes: [x]}
    - tunnelIps: {from: Cluster}
    - tunnelIps: {from: Local, require: {namespace: tunnels, podSelector: {}}}
    - services: {addresses: [NodeIP], from: there, aggregate: {ipv4: 0}}
    - services: {probe: {kubeProxy: {port: 70000}}}
    - tunnelIps: {from: Local, probe: {kubeProxy: {}, healthCheckNodePort: true}}
    - services: {probe: {healthCheckNodePort: 30001}}
  whenNoEndpoints: panic
  honourExcludeLabel: "yes"
  drain: {onTaints: ["a b"]}
"#,
    );
    insta::assert_snapshot!(found.join("\n"));
}
