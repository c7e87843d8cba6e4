//! The files that the rules look at: the checkout as it lies on disk (with or without git), or a sample.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::rust::{Token, tokens};

/// Text files by their path from the top of the repository.
pub(crate) struct Repo {
    files: BTreeMap<String, String>,
}

/// Where a rule is broken, and by what.
#[derive(Debug)]
pub(crate) struct Breach {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl Breach {
    pub(crate) fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.into(), line, what: what.into() }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

impl Repo {
    /// Everything in the checkout but `.git`, what the top `.gitignore` names, and files that are not text.
    pub(crate) fn read() -> Self {
        let top = top();
        let ignored =
            fs::read_to_string(top.join(".gitignore")).expect(".gitignore is part of the repository");
        let ignored: Vec<PathBuf> =
            ignored.lines().map(|l| top.join(l.trim_matches('/'))).chain([top.join(".git")]).collect();
        let mut files = BTreeMap::new();
        let mut folders = vec![top.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder of the repository can be read") {
                let path = entry.expect("a folder of the repository can be listed").path();
                if ignored.contains(&path) || path.is_symlink() {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(text) = fs::read_to_string(&path) {
                    files.insert(relative(&top, &path), text);
                }
            }
        }
        Self { files }
    }

    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect() }
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    pub(crate) fn has_folder(&self, path: &str) -> bool {
        self.files.keys().any(|file| file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
    }

    /// Rust files, as tokens.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, Vec<Token<'_>>)> {
        self.files().filter(|(path, _)| path.ends_with(".rs")).map(|(path, text)| (path, tokens(text)))
    }

    pub(crate) fn markdown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(path, _)| path.ends_with(".md"))
    }

    /// The folders of the workspace that hold a crate.
    pub(crate) fn crates(&self) -> impl Iterator<Item = &str> {
        self.files.keys().filter_map(|path| path.strip_suffix("/Cargo.toml"))
    }
}

/// The top of the checkout.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("lab is a folder of the repository").to_owned()
}

fn relative(top: &Path, path: &Path) -> String {
    path.strip_prefix(top).expect("the walk stays inside").to_string_lossy().into_owned()
}
