//! Mistakes in configurations: all at once, each with its line, its key, the value, what is wrong and what to write.
//!
//! The cases stand in `config_mistakes.txt`: a title, the configuration, and what is said of it. A title that ends in
//! `(peer)`, `(group)` or `(top)` puts the lines of `BASES` in front. `CONFIG_MISTAKES=write` writes down what is said now.

#![cfg(feature = "toml")]

use bgp_daemon::config::{self, Finding, Loaded, Secret};
use std::{env, fs, path::Path};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config_mistakes.txt");

const BASES: &[(&str, &str)] = &[
    ("(top)", "asn = 65000\n"),
    (
        "(peer)",
        "asn = 65000\n[[peer]]\naddress = \"192.0.2.1\"\nasn = 65001\nimport = \"all\"\nexport = \"all\"\n",
    ),
    (
        "(group)",
        "asn = 65000\n[[group]]\nname = \"a\"\naccept_from = \"192.0.2.0/24\"\nasn = 65001\nimport = \"all\"\nexport = \"all\"\n",
    ),
];

/// The files of passwords that there are.
fn secret(path: &Path) -> Result<Secret, String> {
    let secret = |text: &str, is_open| Ok(Secret { text: text.into(), is_open });
    match path.to_str() {
        Some("good.key") => secret("secret\n", false),
        Some("open.key") => secret("secret\n", true),
        Some("empty.key") => secret("\n", false),
        _ => Err("No such file or directory (os error 2)".into()),
    }
}

fn read(text: &str) -> Result<Loaded, Vec<Finding>> {
    config::read(text, &secret)
}

struct Case<'a> {
    title: &'a str,
    text: &'a str,
    said: Vec<&'a str>,
}

impl Case<'_> {
    fn new(text: &str) -> Case<'_> {
        let (title, rest) = text.split_once('\n').expect("a case has lines");
        let text = rest.split("\n=> ").next().expect("there is always a first");
        let text = text.strip_prefix("=> ").map_or(text, |_| "");
        let said = rest.lines().filter_map(|line| line.strip_prefix("=> ")).collect();
        Case { title, text: text.trim_end(), said }
    }

    fn found(&self) -> Vec<String> {
        let base = BASES.iter().find(|(name, _)| self.title.ends_with(name)).map_or("", |(_, base)| base);
        let findings = match read(&format!("{base}{}\n", self.text)) {
            Ok(loaded) => loaded.warnings,
            Err(findings) => findings,
        };
        config::report("x", &findings)
            .to_string()
            .lines()
            .map(|line| line.strip_prefix("x:").unwrap_or(line).into())
            .collect()
    }
}

fn cases(file: &str) -> Vec<Case<'_>> {
    file.split("\n### ").skip(1).map(Case::new).collect()
}

#[test]
fn every_mistake_is_told_with_its_line_and_what_to_write() {
    let file = fs::read_to_string(FILE).expect("the cases are there");
    let cases = cases(&file);
    if env::var("CONFIG_MISTAKES").is_ok_and(|value| value == "write") {
        let (head, _) = file.split_once("\n### ").expect("there are cases");
        let written = cases.iter().map(|case| {
            let said: String = case.found().iter().map(|line| format!("=> {line}\n")).collect();
            let text = if case.text.is_empty() { String::new() } else { format!("{}\n", case.text) };
            format!("\n### {}\n{text}{said}", case.title)
        });
        fs::write(FILE, format!("{head}{}", written.collect::<String>())).expect("the cases can be written");
    }
    assert!(cases.len() >= 80, "{} cases", cases.len());
    for case in &cases {
        assert_eq!(case.found(), case.said, "{}:\n{}", case.title, case.text);
    }
}

#[test]
fn the_sentences_stand_below_each_other_in_the_order_of_the_lines() {
    let text = "router_id = \"0.0.0.0\"\n\n\n\n\n\n\n\nasn = 0\nlisten = [\n  \"1.2.3.4\",\n]\n";
    let found = read(text).expect_err("there are mistakes");
    let expected = "\
c.toml:1:  router_id: \"0.0.0.0\" is no router id; write four octets like \"192.0.2.1\", not 0.0.0.0
c.toml:9:  asn: \"0\" is reserved, and no network's AS number; write the AS number that you were given
c.toml:11: listen[0]: \"1.2.3.4\" has no port; write \"1.2.3.4:179\"
";
    assert_eq!(config::report("c.toml", &found).to_string(), expected);
}
