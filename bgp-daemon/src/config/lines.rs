//! Where in a file something stands, and what is wrong with the file, as `check` prints it.

use crate::policy::Mistake;
use std::{collections::BTreeMap, fmt};

/// The lines of everything in a file, by its path.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    /// Where each line but the first begins.
    breaks: Vec<usize>,
    by_path: BTreeMap<String, usize>,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Lines { breaks, by_path: BTreeMap::new() }
    }

    fn line(&self, octet: usize) -> usize {
        self.breaks.partition_point(|begin| *begin <= octet) + 1
    }

    pub(super) fn put(&mut self, path: &str, octet: usize) {
        let line = self.line(octet);
        self.by_path.insert(path.into(), line);
    }

    /// A place that is nothing but a line.
    pub(super) fn place(&mut self, octet: usize) -> String {
        let (line, path) = (self.line(octet), format!("line {}", self.line(octet)));
        self.by_path.insert(path.clone(), line);
        path
    }

    /// Where it stands; of what is not there, the table that it is missing in.
    fn of(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some(line) = self.by_path.get(path) {
                return *line;
            }
            let Some(end) = path.rfind(['.', '[']) else { return 1 };
            path = path.get(..end).unwrap_or_default();
        }
    }
}

/// The known key that was probably meant.
pub(super) fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let key = key.to_lowercase().replace('-', "_");
    let most = if key.len() < 5 { 1 } else { 2 };
    let near = known.iter().map(|known| (slips(&key, known), *known));
    near.filter(|(slips, _)| *slips <= most).min().map(|(_, known)| known)
}

/// How many letters must be added, dropped, changed or swapped with the next to come from one word to the other. What
/// is too long to be a slip is not compared.
fn slips(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().take(40).collect(), to.chars().collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<_>>()];
    for (at, letter) in from.iter().enumerate() {
        let above = &rows[at];
        let mut row = vec![at + 1];
        for (to_at, other) in to.iter().enumerate() {
            let changed = above[to_at] + usize::from(letter != other);
            let swapped = match (at.checked_sub(1), to_at.checked_sub(1)) {
                (Some(i), Some(j)) if from[i] == *other && to[j] == *letter => rows[i][j] + 1,
                _ => usize::MAX,
            };
            row.push(changed.min(swapped).min(above[to_at + 1] + 1).min(row[to_at] + 1));
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

/// What is wrong with a file, or deserves a second look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The line, from 1.
    pub line: usize,
    /// The key: `peer[1].timers.hold`. Empty where the text is no TOML.
    pub path: String,
    /// The sentence: the value, what is wrong with it, and what to write.
    pub message: String,
    /// The file can be used as it is.
    pub is_warning: bool,
}

/// With their lines, in the order of these, each once.
pub(super) fn findings(lines: &Lines, mistakes: Vec<Mistake>, warnings: Vec<Mistake>) -> Vec<Finding> {
    let finding = |is_warning| {
        move |Mistake { path, message }: Mistake| {
            let line = lines.of(&path);
            let path = if path.starts_with("line ") { String::new() } else { path };
            Finding { line, path, message, is_warning }
        }
    };
    let (mistakes, warnings) =
        (mistakes.into_iter().map(finding(false)), warnings.into_iter().map(finding(true)));
    let mut found: Vec<_> = mistakes.chain(warnings).collect();
    found.sort();
    found.dedup();
    found
}

/// The findings of a file, a line each, the sentences below each other:
/// `bgp-daemon.toml:14: peer[1].timers.hold: "2s" is not allowed; write …`.
pub fn report<'a>(file: &'a str, findings: &'a [Finding]) -> impl fmt::Display + 'a {
    Report { file, findings }
}

struct Report<'a> {
    file: &'a str,
    findings: &'a [Finding],
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |of: &Finding| format!("{}:{}:", self.file, of.line);
        let width = self.findings.iter().map(|of| place(of).chars().count()).max().unwrap_or(0);
        for of in self.findings {
            write!(f, "{:width$} ", place(of))?;
            if of.is_warning {
                f.write_str("warning: ")?;
            }
            if !of.path.is_empty() {
                write!(f, "{}: ", of.path.escape_debug())?;
            }
            writeln!(f, "{}", of.message)?;
        }
        Ok(())
    }
}
