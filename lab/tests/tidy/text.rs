//! Rules on any text file.

use crate::Rule;
use crate::markdown::prose;
use crate::repo::{Breach, Repo, top};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "nothing is left for later",
        remedy: "do it now, or write it down as an issue; the tree holds no notes to come back to",
        check: left_over,
        bad: &[
            &[("a/src/a.rs", "fn a() { todo!() }")],
            &[("a/src/b.rs", "// TODO: more")],
            &[("lab/setup", "# FIXME")],
            &[("README.md", "The rest is TODO.")],
        ],
        good: &[("a/src/a.rs", "fn todos() {} // mastodon"), ("README.md", "No `TODO` stays.")],
    },
    Rule {
        name: "no path of one machine",
        remedy: "a path from somebody's machine means nothing on another; use a variable, or a path inside the project",
        check: machine_paths,
        bad: &[&[("a/src/a.rs", "const A: &str = \"/home/me/a\";")], &[("README.md", "See /root/notes.")]],
        good: &[("a/src/a.rs", "use crate::home; // ~/.cache, $HOME, a/root/b, /tmp/x")],
    },
];

const LEFT_OVER: [&str; 5] = ["TODO", "FIXME", "XXX", "todo!", "unimplemented!"];

const PERSONAL: [&str; 3] = ["/home/", "/root/", "/Users/"];

/// Parents of a checkout that say nothing of the machine.
const COMMON: [&str; 8] = ["/", "/tmp", "/var/tmp", "/home", "/root", "/opt", "/srv", "/usr/src"];

/// Text files but for this folder, whose tables hold what it looks for.
fn texts(repo: &Repo) -> impl Iterator<Item = (&str, usize, String)> {
    let files = repo.files().filter(|(path, _)| !path.starts_with("lab/tests/tidy/"));
    files.flat_map(|(path, text)| {
        let lines: Vec<_> = if path.ends_with(".md") {
            prose(text).collect()
        } else {
            text.lines().enumerate().map(|(index, line)| (index + 1, line.to_owned())).collect()
        };
        lines.into_iter().map(move |(number, line)| (path, number, line))
    })
}

/// Does `what` stand in `line`, with no letter, digit or path sign before it?
fn stands_in(line: &str, what: &str) -> bool {
    let free = |c: char| !c.is_alphanumeric() && !"_-./}~".contains(c);
    let ends_in_word = what.ends_with(char::is_alphanumeric);
    line.match_indices(what).any(|(at, _)| {
        let after = line[at + what.len()..].chars().next();
        line[..at].chars().next_back().is_none_or(free)
            && (!ends_in_word || after.is_none_or(|c| !c.is_alphanumeric() && c != '_'))
    })
}

fn left_over(repo: &Repo) -> Vec<Breach> {
    let hit = |line: &str| LEFT_OVER.into_iter().find(|what| stands_in(line, what));
    texts(repo).filter_map(|(path, number, line)| Some(Breach::new(path, number, hit(&line)?))).collect()
}

fn machine_paths(repo: &Repo) -> Vec<Breach> {
    let top = top();
    let places = [Some(top.as_path()), top.parent()].into_iter().flatten().map(|p| p.display().to_string());
    let mut banned: Vec<String> = PERSONAL.map(String::from).into();
    banned.extend(places.filter(|place| !COMMON.contains(&place.as_str())).map(|place| place + "/"));
    let hit = |line: &str| banned.iter().find(|place| stands_in(line, place));
    texts(repo).filter_map(|(path, number, line)| Some(Breach::new(path, number, hit(&line)?))).collect()
}
