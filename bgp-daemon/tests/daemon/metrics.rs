//! Metrics and health.

use crate::{
    EDGE, TRANSIT,
    world::{Watch, World},
};
use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
};

const HTTP: u16 = 9179;

fn fetch(address: Ipv4Addr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect((address, HTTP)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[test]
fn every_metric_is_there_once_and_in_the_open_form() {
    let world = World::new();
    let config = EDGE.replace("[api]", &format!("[api]\nhttp = \"{{1}}:{HTTP}\""));
    let edge = world.start("edge", &config);
    let transit = world.start("transit", TRANSIT);
    edge.has_route("203.0.113.0/24");
    transit.has_route("198.51.100.0/24");
    let address = world.address(1);
    assert_eq!(fetch(address, "/healthz").1, "ok\n");
    assert_eq!(fetch(address, "/readyz").1, "ok\n");
    assert!(fetch(address, "/peers").0.contains("404"), "nothing else is answered there");

    let mut watch = Watch::new(&edge.socket, &["show", "peers", "--watch", "--json"]);
    watch.until(&["\"flaps\":0"]);
    edge.says(&["reset", "transit"]);
    watch.until(&["\"flaps\":1", "Established"]);
    let (head, text) = fetch(address, "/metrics");
    assert!(head.contains("application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    let mut series = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(series.insert(name), "{name} is there twice");
    }
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let peer = world.address(2);
    assert_eq!(value(&format!("bgp_peer_state{{peer=\"{peer}\"}}")), Some("6"));
    assert_eq!(value(&format!("bgp_peer_flaps_total{{peer=\"{peer}\"}}")), Some("1"));
    assert_eq!(
        value("bgp_notifications_total{direction=\"sent\",code=\"6\",subcode=\"9\"}"),
        Some("1"),
        "a hard reset"
    );
    let names = text.lines().filter(|line| line.starts_with("# ")).collect::<Vec<_>>().join("\n");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("metrics", names);
    });
}
