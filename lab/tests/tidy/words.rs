//! One word for one thing: in names, in what we print, in comments and in docs.

use crate::Rule;
use crate::markdown::{prose, without_code};
use crate::names::parts;
use crate::repo::{Breach, Repo};
use crate::rust::Kind;

pub(crate) const RULES: &[Rule] = &[Rule {
    name: "one word for one thing",
    remedy: "say it with the word of CONTRIBUTING.md; another product's word goes between backticks, and a file that \
             has to speak it is a row of ALLOWED in lab/tests/tidy/words.rs",
    check: other_words,
    bad: &[
        &[("a/src/a.rs", "fn add_neighbor() {}")],
        &[("a/src/b.rs", "struct NeighborTable;")],
        &[("a/src/c.rs", "// The neighbour went away.")],
        &[("a/src/d.rs", "fn a() { println!(\"2 routes advertised, 1 retracted\") }")],
        &[("README.md", "It advertises Service addresses.")],
    ],
    good: &[
        ("a/src/a.rs", "/// As FRR's `neighbor`. What is in the advertised set stays.\nfn peer() {}"),
        ("a/src/b.rs", "const NO_ADVERTISE: &str = \"no-advertise\";"),
        ("README.md", "Write `neighbor` as `peer`.\n```\nneighbor 192.0.2.1 remote-as 65000\n```\n"),
        ("lab/src/router/frr.rs", "const CONFIG: &str = \"neighbor {} remote-as {}\";"),
    ],
}];

/// A word that is not ours, and the one that is. What ends in `*` stands for all that begin so.
const WORDS: &[(&str, &str)] = &[
    ("neighbor*", "peer"),
    ("neighbour*", "peer"),
    ("nbr", "peer"),
    ("nbrs", "peers"),
    ("advertise", "announce"),
    ("advertises", "announces"),
    ("advertising", "announcing"),
    ("retract*", "withdraw"),
    ("unannounce*", "withdraw"),
    ("nhop*", "next hop"),
];

/// What RFCs call things that have a name of their own.
const RFC_NAMES: [&str; 3] = ["NO_ADVERTISE", "no-advertise", "NoAdvertise"];

/// Where another product's words are quoted: the beginning of the path, the kind of token, the reason.
const ALLOWED: &[(&str, Kind, &str)] = &[
    ("lab/", Kind::Text, "configurations and output of other routers"),
    ("kube-announcer/src/router_config/", Kind::Text, "configurations of other routers"),
    ("lab/tests/tidy/", Kind::Comment, "this table"),
];

fn not_ours(word: &str) -> Option<&'static str> {
    let hit = |(not, _): &&(&str, &str)| match not.strip_suffix('*') {
        Some(stem) => word.starts_with(stem),
        None => word == *not,
    };
    WORDS.iter().find(hit).map(|(_, ours)| *ours)
}

fn of_text(path: &str, line: usize, text: &str) -> Vec<Breach> {
    let text = RFC_NAMES.iter().fold(text.to_owned(), |text, name| text.replace(name, ""));
    let words = text.split(|c: char| c != '_' && !c.is_alphanumeric());
    let hits = words.filter_map(|word| {
        let ours = parts(word).iter().find_map(|part| not_ours(part))?;
        Some(Breach::new(path, line, format!("{word:?}: say {ours:?}")))
    });
    hits.collect()
}

fn other_words(repo: &Repo) -> Vec<Breach> {
    let mut found = Vec::new();
    for (path, tokens) in repo.rust() {
        for token in tokens {
            let allowed = ALLOWED.iter().any(|(at, kind, _)| path.starts_with(at) && token.kind == *kind);
            let words =
                if token.kind == Kind::Comment { without_code(token.text) } else { token.text.into() };
            if !allowed {
                found.extend(of_text(path, token.line, &words));
            }
        }
    }
    for (path, text) in repo.markdown() {
        found.extend(prose(text).flat_map(|(line, words)| of_text(path, line, &words)));
    }
    found
}
