//! No text that stands in a configuration file breaks its reader, and what is said of it fits on its lines.

#![cfg(feature = "toml")]

use bgp_daemon::config::{self, Finding, Secret};
use proptest::{collection::vec, prelude::*, sample::select};
use std::{fs, path::Path};

fn check(text: &str) {
    let secret = |_: &Path| Ok(Secret { text: "secret".into(), is_open: true });
    let found: Vec<Finding> = match config::read(text, &secret) {
        Ok(loaded) => loaded.warnings,
        Err(findings) => {
            assert!(findings.iter().any(|finding| !finding.is_warning), "it is refused for a reason");
            findings
        }
    };
    let lines = text.matches('\n').count() + 1;
    for finding in &found {
        assert!((1..=lines).contains(&finding.line), "{finding:?} in {lines} lines");
        assert!(!finding.message.contains(char::is_control), "{finding:?}");
    }
    assert_eq!(config::report("c.toml", &found).to_string().lines().count(), found.len());
    assert!(found.is_sorted_by_key(|finding| finding.line));
}

const VALUES: &[&str] = &[
    "true",
    "1",
    "-1",
    "0x10",
    "9223372036854775807",
    "1.5",
    "nan",
    "2026-11-21",
    "\"\"",
    "\"all\"",
    "\"é\\u0000\\n\"",
    "[]",
    "[[]]",
    "{}",
    "[1, \"a\"]",
    "{ a = 1 }",
    "\"192.0.2.1\"",
    "\"192.0.2.0/24\"",
    "\"fe80::1\"",
    "\"90s\"",
    "\"internal\"",
    "65000",
    "\"self\"",
    "[\"192.0.2.1\", \"2001:db8::1\"]",
    "\"eth1\"",
    "{ limit = 1 }",
];

const KEYS: &[&str] = &[
    "asn",
    "router_id",
    "listen",
    "cluster_id",
    "selection",
    "kernel",
    "api",
    "policy",
    "group",
    "peer",
    "route",
    "aggregate",
    "redistribute",
    "name",
    "accept_from",
    "max_peers",
    "address",
    "interface",
    "local_asn",
    "source_address",
    "multihop",
    "ttl_security",
    "password",
    "password_file",
    "families",
    "add_path",
    "import",
    "export",
    "max_prefixes",
    "timers",
    "timers.hold",
    "next_hop",
    "own_addresses",
    "graceful_restart",
    "bfd",
    "blackhole",
    "limits",
    "discard_attributes",
    "shutdown",
    "prefix",
    "from",
    "rules",
    "policy.a.rules",
    "\"a.b\"",
    "colour",
];

const HEADERS: &[&str] = &[
    "[api]",
    "[kernel]",
    "[selection]",
    "[policy.a]",
    "[policy.\"b c\"]",
    "[[group]]",
    "[[peer]]",
    "[[route]]",
    "[[aggregate]]",
    "[[redistribute]]",
    "[peer.timers]",
    "[x]",
];

/// Lines that are TOML one by one, and mean anything or nothing together.
fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => (select(KEYS), select(VALUES)).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => select(HEADERS).prop_map(str::to_owned),
    ];
    vec(line, 0..20).prop_map(|lines| lines.join("\n"))
}

/// An example with octets changed, cut out or doubled.
fn mutated() -> impl Strategy<Value = String> {
    let tor = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/tor.toml");
    let tor = fs::read_to_string(tor).expect("the example is there");
    vec((0..tor.len(), 0..12_usize, "[ -~]{0,3}"), 1..4).prop_map(move |cuts| {
        let mut octets = tor.clone().into_bytes();
        for (at, len, put) in cuts {
            let at = at.min(octets.len());
            let end = (at + len).min(octets.len());
            octets.splice(at..end, put.bytes());
        }
        String::from_utf8_lossy(&octets).into_owned()
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_lines_are_read_or_refused(text in lines()) {
        check(&text);
    }

    #[test]
    fn any_slip_in_an_example_is_read_or_refused(text in mutated()) {
        check(&text);
    }
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    for open in ["[", "{ a = "] {
        check(&format!("asn = {}", open.repeat(100_000)));
    }
    check(&format!("a{} = 1", ".a".repeat(50_000)));
}
