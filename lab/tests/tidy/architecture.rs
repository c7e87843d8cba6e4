//! ARCHITECTURE.md names the modules that there are, and no others.

use std::collections::BTreeMap;

use crate::Rule;
use crate::repo::{Breach, Repo};

pub(crate) const RULES: &[Rule] = &[Rule {
    name: "ARCHITECTURE.md names every module",
    remedy: "under `### crate` stands a line \"* `module`, `folder::{one,other}`: what it is for\" for each module \
             (tests apart), and none for a module that is gone",
    check: unnamed,
    bad: &[
        &[("a/Cargo.toml", ""), ("ARCHITECTURE.md", "# A")],
        &[
            ("a/Cargo.toml", ""),
            ("a/src/lib.rs", ""),
            ("a/src/wire/mod.rs", ""),
            ("a/src/wire/open.rs", ""),
            ("ARCHITECTURE.md", "### a\n* `wire`: bytes\n* `gone`: no more\n"),
        ],
    ],
    good: &[
        ("a/Cargo.toml", ""),
        ("a/src/lib.rs", ""),
        ("a/src/main.rs", ""),
        ("a/src/wire.rs", ""),
        ("a/src/wire/open.rs", ""),
        ("a/src/wire/update.rs", ""),
        ("a/src/wire/update/tests.rs", ""),
        ("a/src/rib/mod.rs", ""),
        ("a/tests/speaks.rs", ""),
        (
            "ARCHITECTURE.md",
            "### `a`\n* `wire`, `wire::{open, update}`: bytes\n* `rib`: `routes`\n## Next\n* `x`: y",
        ),
    ],
}];

const FILE: &str = "ARCHITECTURE.md";

/// The modules of a crate by their paths (`wire::open`), with their files.
fn modules(repo: &Repo, folder: &str) -> BTreeMap<String, String> {
    let source = format!("{folder}/src/");
    let mut found = BTreeMap::new();
    for (path, _) in repo.files() {
        let Some(module) = path.strip_prefix(&source).and_then(|p| p.strip_suffix(".rs")) else { continue };
        let module = module.strip_suffix("/mod").unwrap_or(module).replace('/', "::");
        let named_by_crate = matches!(module.as_str(), "lib" | "main") || module.starts_with("bin::");
        if !named_by_crate && module.rsplit("::").next() != Some("tests") {
            found.insert(module, path.to_owned());
        }
    }
    found
}

/// What ARCHITECTURE.md names: the crates, and the modules of each, with the lines they stand on.
fn named(text: &str) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut crates: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    let mut current = None;
    for (index, line) in text.lines().enumerate() {
        if let Some(heading) = line.strip_prefix("### ") {
            let name =
                heading.split(|c: char| !c.is_alphanumeric() && c != '-').find(|word| !word.is_empty());
            current = name.map(|name| crates.entry(name.into()).or_default());
        } else if line.starts_with("## ") {
            current = None;
        } else if let (Some(modules), Some(item)) = (current.as_mut(), line.strip_prefix("* `")) {
            let names = item.split_once("`:").map_or(item, |(names, _)| names);
            modules.extend(names.split("`, `").flat_map(expand).map(|name| (name, index + 1)));
        }
    }
    crates
}

/// `wire::{open,update}` as `wire::open` and `wire::update`.
fn expand(name: &str) -> Vec<String> {
    let braces = name.split_once('{').and_then(|(stem, rest)| Some((stem, rest.strip_suffix('}')?)));
    match braces {
        Some((stem, inner)) => inner.split(',').map(|last| format!("{stem}{}", last.trim())).collect(),
        None => vec![name.into()],
    }
}

fn unnamed(repo: &Repo) -> Vec<Breach> {
    let mut crates = repo.text(FILE).map(named).unwrap_or_default();
    let mut found = Vec::new();
    for folder in repo.crates() {
        let Some(mut lines) = crates.remove(folder) else {
            found.push(Breach::new(FILE, 1, format!("the crate {folder} is missing; add \"### {folder}\"")));
            continue;
        };
        for (module, file) in modules(repo, folder) {
            if lines.remove(&module).is_none() {
                let line =
                    format!("{file} is missing; under \"### {folder}\" add \"* `{module}`: what it is for\"");
                found.push(Breach::new(FILE, 1, line));
            }
        }
        let gone = lines
            .iter()
            .map(|(name, at)| Breach::new(FILE, *at, format!("there is no `{name}` in {folder}")));
        found.extend(gone);
    }
    found
}

#[test]
fn a_missing_and_a_gone_module_are_both_named() {
    let found: Vec<String> = unnamed(&Repo::of(RULES[0].bad[1])).iter().map(ToString::to_string).collect();
    let expected = [
        "ARCHITECTURE.md:1: a/src/wire/open.rs is missing; under \"### a\" add \"* `wire::open`: what it is for\"",
        "ARCHITECTURE.md:3: there is no `gone` in a",
    ];
    assert_eq!(found, expected);
}
