//! Rules on the names of items.

use std::collections::BTreeMap;

use crate::Rule;
use crate::repo::{Breach, Repo};
use crate::rust::{Kind, Token, code};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "no twins for the two address families",
        remedy: "a family is a row of a table, and what is hot is generic over the key; make one item of the two",
        check: twins,
        bad: &[
            &[("a/src/a.rs", "fn encode_v4() {} fn encode_v6() {}")],
            &[("b/src/a.rs", "struct Table4; struct Table6;")],
            &[("c/src/a.rs", "enum Ipv4Path {} enum Ipv6Path {}")],
            &[("d/src/a.rs", "fn inet_rule() {} fn inet6_rule() {}")],
        ],
        good: &[
            ("a/src/a.rs", "fn encode_v4() {} fn decode_v6() {} struct Sha256;"),
            ("b/src/a.rs", "fn encode_v6() {} fn uses(a: Ipv4Addr, b: Ipv6Addr) {}"),
        ],
    },
    Rule {
        name: "names say what a thing is",
        remedy: "name the thing: no get_, process_ or do_, no Manager, Handler, Helper, Util, Info, Data or Context",
        check: empty_names,
        bad: &[
            &[("a/src/a.rs", "fn get_peer() {}")],
            &[("a/src/b.rs", "struct PeerManager;")],
            &[("a/src/c.rs", "mod utils;")],
            &[("a/src/d.rs", "fn process_update() {}")],
        ],
        good: &[(
            "a/src/a.rs",
            "fn peer() {} struct Database; fn getter() {} fn get_mut() {} fn f() { do_it(1); }",
        )],
    },
];

const PREFIXES: [&str; 3] = ["get", "process", "do"];
const SUFFIXES: [&str; 10] =
    ["manager", "handler", "helper", "helpers", "util", "utils", "info", "data", "context", "misc"];

/// The items that a file defines: `fn`, `struct` and so on with the name after it.
fn items<'a>(tokens: &[Token<'a>]) -> Vec<(&'a str, Token<'a>)> {
    const KINDS: [&str; 7] = ["fn", "struct", "enum", "trait", "type", "union", "mod"];
    let code = code(tokens);
    let pairs =
        code.array_windows().filter(|[kind, name]| KINDS.contains(&kind.text) && name.kind == Kind::Name);
    pairs.map(|[kind, name]| (kind.text, *name)).collect()
}

/// `encode_v4`, `Ipv4Path` and `inet6` in lower case, cut at underscores and capitals.
pub(crate) fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = '_';
    for c in name.chars() {
        if c == '_' || c.is_uppercase() && !before.is_uppercase() {
            parts.push(String::new());
        }
        if c != '_' {
            parts.last_mut().expect("it begins with one").extend(c.to_lowercase());
        }
        before = c;
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// A name without its family, and the family: `Table6` is `table` and 6.
fn family(name: &str) -> Option<(String, u8)> {
    let mut parts = parts(name);
    let named = |part: &str| match part {
        "inet" => Some((String::new(), 4)),
        _ => {
            let (stem, version) = part.split_at(part.len().checked_sub(1)?);
            let digit_before = stem.ends_with(|c: char| c.is_ascii_digit());
            let version = version.parse().ok().filter(|v| !digit_before && (*v == 4 || *v == 6))?;
            let stem = if matches!(stem, "v" | "ip" | "ipv" | "inet") { "" } else { stem };
            Some((stem.to_owned(), version))
        }
    };
    let (at, (stem, version)) = parts.iter().enumerate().find_map(|(at, part)| Some((at, named(part)?)))?;
    parts[at] = format!("{stem}*");
    Some((parts.join("_"), version))
}

fn twins(repo: &Repo) -> Vec<Breach> {
    // By crate, kind of item and name without its family.
    let mut seen: BTreeMap<_, Vec<(u8, &str, Token<'_>)>> = BTreeMap::new();
    for (path, tokens) in repo.rust() {
        let folder = path.split('/').next().unwrap_or(path);
        for (kind, name) in items(&tokens) {
            if let Some((stem, version)) = family(name.text) {
                seen.entry((folder, kind, stem)).or_default().push((version, path, name));
            }
        }
    }
    let mut found = Vec::new();
    for of_one_stem in seen.values() {
        let first = |version| of_one_stem.iter().find(|(v, ..)| *v == version);
        if let (Some((_, _, four)), Some((_, path, six))) = (first(4), first(6)) {
            found.push(Breach::new(path, six.line, format!("{} and {}", four.text, six.text)));
        }
    }
    found
}

fn empty_names(repo: &Repo) -> Vec<Breach> {
    let mut found = Vec::new();
    for (path, tokens) in repo.rust() {
        for (kind, name) in items(&tokens) {
            let parts = parts(name.text);
            let (first, last) = (parts.first(), parts.last());
            // `get_mut` beside `get` is what every Rust reader expects.
            let verb = kind == "fn" && parts.len() > 1 && name.text != "get_mut";
            let empty_verb = verb && first.is_some_and(|p| PREFIXES.contains(&&**p));
            let empty_noun = kind != "fn" && last.is_some_and(|p| SUFFIXES.contains(&&**p));
            if empty_verb || empty_noun {
                found.push(Breach::new(path, name.line, name.text));
            }
        }
    }
    found
}
