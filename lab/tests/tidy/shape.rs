//! Rules on the shape of files and items.

use crate::Rule;
use crate::repo::{Breach, Repo};
use crate::rust::{Kind, Token, code};

const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: &str = "too-many-lines-threshold = 60";

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "short files",
        remedy: "a file past 600 lines holds more than one idea; split it by idea",
        check: long_files,
        bad: &[&[("a/src/lib.rs", LONG)], &[(".ci/run", LONG)]],
        good: &[("a/src/lib.rs", "fn a() {}\n"), ("Cargo.lock", LONG)],
    },
    Rule {
        name: "short functions",
        remedy: "clippy counts the lines of functions (60 at most); keep its threshold, its lint, and every crate under it",
        check: function_lint,
        bad: &[
            &[("clippy.toml", "too-many-lines-threshold = 100"), LINTS, UNDER_LINTS],
            &[THRESHOLD, ("Cargo.toml", "[workspace]"), UNDER_LINTS],
            &[THRESHOLD, LINTS, ("a/Cargo.toml", "[package]")],
        ],
        good: &[THRESHOLD, LINTS, UNDER_LINTS],
    },
    Rule {
        name: "no locks, no unbounded channels",
        remedy: "state has one owning task, asked by message over a channel of stated capacity; a lock that one \
                 thread's harness truly needs is a row of ALLOWED in lab/tests/tidy/shape.rs",
        check: locks,
        bad: &[
            &[("a/src/a.rs", "use tokio::sync::Mutex;")],
            &[("a/src/b.rs", "fn a() { let (tx, rx) = mpsc::unbounded_channel(); }")],
            &[("a/src/c.rs", "static A: std::sync::RwLock<u8> = todo();")],
        ],
        good: &[("a/src/a.rs", "// no Mutex\nfn a() { let (tx, rx) = mpsc::channel(8); print(\"Mutex\") }")],
    },
    Rule {
        name: "an ignored test says why",
        remedy: "write #[ignore = \"what it needs, and how to run it\"], or delete the test",
        check: ignored,
        bad: &[
            &[("a/src/a.rs", "#[test]\n#[ignore]\nfn a() {}")],
            &[("a/src/b.rs", "#[ignore = \"\"]\nfn a() {}")],
        ],
        good: &[(
            "a/src/a.rs",
            "#[test]\n#[ignore = \"twenty minutes: cargo test -- --ignored a\"]\nfn a() {}",
        )],
    },
];

/// Locks and unbounded channels that stand, by the beginning of the path and the name: none yet.
const ALLOWED: &[(&str, &str)] = &[];

const SHARED: [&str; 9] = [
    "Mutex",
    "RwLock",
    "Condvar",
    "DashMap",
    "ArcSwap",
    "unbounded",
    "unbounded_channel",
    "UnboundedSender",
    "UnboundedReceiver",
];

const THRESHOLD: (&str, &str) = ("clippy.toml", "too-many-lines-threshold = 60\n");
const LINTS: (&str, &str) = ("Cargo.toml", "[workspace.lints.clippy]\ntoo_many_lines = \"warn\"\n");
const UNDER_LINTS: (&str, &str) = ("a/Cargo.toml", "[lints]\nworkspace = true\n");

/// 601 lines.
const LONG: &str = {
    const BYTES: [u8; 601] = [b'\n'; 601];
    match std::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => unreachable!(),
    }
};

fn is_source(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.ends_with(".rs") || path.ends_with(".sh") || !name.contains('.') && !name.starts_with("LICENSE")
}

fn long_files(repo: &Repo) -> Vec<Breach> {
    let sources = repo.files().filter(|(path, _)| is_source(path));
    let counted = sources.map(|(path, text)| (path, text.lines().count()));
    counted
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(path, lines)| Breach::new(path, LONGEST_FILE + 1, format!("{lines} lines")))
        .collect()
}

fn function_lint(repo: &Repo) -> Vec<Breach> {
    let mut wanted: Vec<(String, &str)> =
        vec![("clippy.toml".into(), LONGEST_FUNCTION), ("Cargo.toml".into(), "too_many_lines = \"warn\"")];
    wanted.extend(repo.crates().map(|folder| (format!("{folder}/Cargo.toml"), "[lints]\nworkspace = true")));
    let missing =
        wanted.iter().filter(|(path, want)| !repo.text(path).is_some_and(|text| text.contains(want)));
    missing.map(|(path, want)| Breach::new(path, 1, format!("does not say {want:?}"))).collect()
}

fn locks(repo: &Repo) -> Vec<Breach> {
    let mut found = Vec::new();
    for (path, tokens) in repo.rust() {
        let named = tokens.iter().filter(|t| t.kind == Kind::Name && SHARED.contains(&t.text));
        let stand =
            |t: &&Token<'_>| !ALLOWED.iter().any(|(at, name)| path.starts_with(at) && t.text == *name);
        found.extend(named.filter(stand).map(|t| Breach::new(path, t.line, t.text)));
    }
    found
}

fn ignored(repo: &Repo) -> Vec<Breach> {
    let mut found = Vec::new();
    for (path, tokens) in repo.rust() {
        for [name, mark, reason] in code(&tokens).array_windows() {
            let attribute = name.text == "ignore" && (mark.text == "]" || mark.text == "=");
            // `"a b"` is the shortest reason that could be one.
            if attribute && (mark.text == "]" || reason.text.len() < 5) {
                found.push(Breach::new(path, name.line, "#[ignore] without a reason"));
            }
        }
    }
    found
}
