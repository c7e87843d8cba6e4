//! Links in the docs.

use crate::Rule;
use crate::markdown::{anchors, links};
use crate::repo::{Breach, Repo};

pub(crate) const RULES: &[Rule] = &[Rule {
    name: "links in docs resolve",
    remedy: "point the link at a file or folder of this repository, and at a heading that is there",
    check: broken,
    bad: &[
        &[("README.md", "[a](docs/missing.md)")],
        &[("docs/b.md", "[a](#missing)\n# Present")],
        &[("docs/c.md", "[a](../b/d.md#no-heading)"), ("b/d.md", "# A heading")],
        &[("docs/e.md", "[a]\n\n[a]: missing.md")],
    ],
    good: &[
        ("README.md", "[a](docs/a.md#a-heading) [b](https://example.com/x) [c](docs) [d](#top)\n# Top"),
        ("docs/a.md", "# A heading\n[up](../README.md)"),
    ],
}];

fn broken(repo: &Repo) -> Vec<Breach> {
    let mut found = Vec::new();
    for (path, text) in repo.markdown() {
        let missing = links(text).into_iter().filter(|(_, to)| !resolves(repo, path, to));
        found.extend(missing.map(|(line, to)| Breach::new(path, line, to)));
    }
    found
}

fn resolves(repo: &Repo, from: &str, to: &str) -> bool {
    if to.contains("://") || to.starts_with("mailto:") {
        return true;
    }
    let (file, anchor) = to.split_once('#').unwrap_or((to, ""));
    let Some(target) = (if file.is_empty() { Some(from.into()) } else { beside(from, file) }) else {
        return false;
    };
    match repo.text(&target) {
        Some(text) => anchor.is_empty() || anchors(text).iter().any(|a| a == anchor),
        None => anchor.is_empty() && repo.has_folder(&target),
    }
}

/// `to` as seen from the file `from`; nothing outside the repository.
fn beside(from: &str, to: &str) -> Option<String> {
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for step in to.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(path.pop()?),
            _ => path.push(step),
        }
    }
    Some(path.join("/"))
}
