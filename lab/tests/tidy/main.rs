//! The house rules that a machine can check. CONTRIBUTING.md says why they are; each row says what to do about a breach.

mod architecture;
mod links;
mod markdown;
mod names;
mod repo;
mod rust;
mod shape;
mod text;
mod words;

use repo::{Breach, Repo};

/// One house rule: its row is all there is to it.
struct Rule {
    name: &'static str,
    /// What to do, said to the person who broke it.
    remedy: &'static str,
    check: fn(&Repo) -> Vec<Breach>,
    /// Small repositories that each break the rule, and one close to them that does not: it is tested on both.
    bad: &'static [Sample],
    good: Sample,
}

/// Files by their paths.
type Sample = &'static [(&'static str, &'static str)];

const TABLES: [&[Rule]; 6] =
    [shape::RULES, names::RULES, words::RULES, text::RULES, links::RULES, architecture::RULES];

fn rules() -> impl Iterator<Item = &'static Rule> {
    TABLES.into_iter().flatten()
}

#[test]
fn the_repository_keeps_every_rule() {
    let repo = Repo::read();
    let mut report = String::new();
    for rule in rules() {
        let breaches = (rule.check)(&repo);
        if !breaches.is_empty() {
            report += &format!("\n{}: {}\n", rule.name, rule.remedy);
            breaches.iter().for_each(|b| report += &format!("  {b}\n"));
        }
    }
    assert!(report.is_empty(), "the house rules are broken:\n{report}");
}

#[test]
fn every_rule_finds_what_breaks_it() {
    for rule in rules() {
        for sample in rule.bad {
            let found = (rule.check)(&Repo::of(sample));
            assert!(!found.is_empty(), "{}: finds nothing in {sample:?}", rule.name);
        }
    }
}

#[test]
fn every_rule_lets_good_files_pass() {
    for rule in rules() {
        let breaches = (rule.check)(&Repo::of(rule.good));
        assert!(breaches.is_empty(), "{}: {}", rule.name, breaches[0]);
    }
}

#[test]
fn the_walk_finds_the_files_and_leaves_out_what_git_ignores() {
    let repo = Repo::read();
    for path in ["Cargo.toml", ".ci/run", "lab/setup", "lab/tests/tidy/main.rs", "README.md"] {
        assert!(repo.text(path).is_some(), "{path} is not among the files that were read");
    }
    assert!(!repo.files().any(|(path, _)| path.starts_with("target/") || path.starts_with(".git/")));
}
