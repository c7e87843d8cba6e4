//! The docs: every block in them is run, or read as what it says it is, or says whose it is.

mod fields;
mod reasons;
mod shell;

use bgp_daemon::config::{self, Secret};
use kube_announcer::report::Cluster;
use lab::docs::{Block, blocks, commands, top};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Whose a block may be, where it is nothing that we could read: `yaml of MetalLB`.
const OTHERS: &[(&str, &str)] = &[
    ("MetalLB", "its objects, before"),
    ("kube-router", "its flags, before"),
    ("Calico", "its objects, before"),
    ("Cilium", "its objects, before"),
    ("svc-bgp", "its variables, before"),
    ("Cargo", "a part of a Cargo.toml, which names a folder of the reader's"),
    ("kubectl", "what a cluster answers"),
    ("Prometheus", "rules that a Prometheus reads"),
];

/// Files whose blocks of Rust a documentation test compiles, and where that is said.
const RUST: &[(&str, &str)] = &[("docs/embedding.md", "bgp-daemon/src/lib.rs")];

/// Kinds of other groups that our docs show, and no plan reads.
const UNREAD: &[&str] = &["ClusterRole (rbac.authorization.k8s.io/v1)"];

fn languages() -> Vec<(Block, String, Option<String>)> {
    let parted = |block: Block| {
        let (language, whose) = match block.info.split_once(" of ") {
            Some((language, whose)) => (language.to_owned(), Some(whose.to_owned())),
            None => (block.info.clone(), None),
        };
        (block, language, whose)
    };
    blocks().into_iter().map(parted).collect()
}

/// The blocks of a language that are ours.
fn ours(language: &str) -> Vec<Block> {
    let found = languages().into_iter().filter(|(_, found, whose)| found == language && whose.is_none());
    found.map(|(block, ..)| block).collect()
}

#[test]
fn every_block_says_what_it_is_and_is_something_that_a_test_looks_at() {
    let all = languages();
    assert!(all.len() > 50, "{} blocks were found", all.len());
    let mut wrong = Vec::new();
    for (block, language, whose) in all {
        let fine = match (language.as_str(), &whose) {
            (_, Some(whose)) => OTHERS.iter().any(|(name, _)| name == whose),
            ("rust", None) => RUST.iter().any(|(file, at)| {
                let named = fs::read_to_string(top().join(at)).unwrap().contains(&format!("../../{file}"));
                *file == block.file && named
            }),
            // What somebody sees, or a drawing: nobody types it.
            ("text", None) => true,
            (language, None) => ["console", "sh", "toml", "yaml"].contains(&language),
        };
        if !fine {
            wrong.push(format!("{block}: {:?}", block.info));
        }
    }
    assert!(
        wrong.is_empty(),
        "write sh, console, yaml, toml, text, or whose it is (yaml of MetalLB):\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_object_of_ours_is_one_that_an_announcer_takes() {
    let (mut wrong, mut read) = (Vec::new(), 0);
    for block in ours("yaml") {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("block.yaml"), &block.text).unwrap();
        let cluster = Cluster::read(folder.path(), "kube-announcer").unwrap();
        let mistakes = cluster.unreadable.iter().map(ToString::to_string);
        let refused = cluster.snapshot.refused().map(ToString::to_string);
        let unread = cluster.ignored.iter().map(ToString::to_string);
        let unread = unread.filter(|kind| !UNREAD.contains(&kind.as_str()));
        let unread = unread.map(|kind| format!("{kind} is nothing that we read"));
        wrong.extend(mistakes.chain(refused).chain(unread).map(|what| format!("{block}: {what}")));
        read += cluster.snapshot.peers().count() + cluster.snapshot.advertisements().count();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read >= 17, "{read} objects were read");
}

#[test]
fn every_configuration_is_one_that_a_daemon_takes() {
    let secret = |_: &Path| Ok(Secret { text: "secret".into(), is_open: false });
    let blocks = ours("toml");
    assert!(blocks.len() >= 2);
    for block in blocks {
        let begins = block.text.lines().any(|line| line.starts_with("asn"));
        let text = if begins { block.text.clone() } else { format!("asn = 65000\n{}", block.text) };
        let loaded = config::read(&text, &secret);
        assert!(loaded.is_ok(), "{block}: {}", config::report("", &loaded.err().unwrap()));
    }
}

/// What a line of a console prints: ours, and what `tail` and `head` leave of it.
fn run(line: &str) -> String {
    let mut text = String::new();
    for words in commands(line) {
        let count = || words.last().and_then(|word| word.parse::<usize>().ok()).expect("a number of lines");
        text = match words[0].as_str() {
            "kube-announcer" => {
                let program = env!("CARGO_BIN_EXE_kube-announcer");
                let Output { stdout, stderr, .. } =
                    Command::new(program).args(&words[1..]).current_dir(top()).output().unwrap();
                String::from_utf8([stdout, stderr].concat()).unwrap()
            }
            "head" => text.lines().take(count()).map(|line| format!("{line}\n")).collect(),
            "tail" => {
                let skipped = text.lines().count().saturating_sub(count());
                text.lines().skip(skipped).map(|line| format!("{line}\n")).collect()
            }
            other => panic!("{other} is nothing that a console of the docs may run"),
        };
    }
    text
}

#[test]
fn every_console_shows_what_is_printed() {
    let (mut wrong, mut shown) = (Vec::new(), 0);
    for block in ours("console") {
        let mut parts = block.text.split("$ ");
        assert_eq!(parts.next(), Some(""), "{block}: a console begins with what is typed");
        for part in parts {
            let (typed, printed) = part.split_once('\n').unwrap();
            shown += 1;
            let now = run(typed);
            if now != printed {
                wrong.push(format!("{block}: {typed}\n--- the page\n{printed}--- now\n{now}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(shown >= 5, "{shown} were looked at");
}
