//! What a node announces and why, as text cases: a file for each behaviour, with objects in and a table of decisions out.
//!
//! A file is a number of steps. A step is YAML, a line `=>`, and what all nodes do then; the next one begins with a line
//! `## ` that says what happens. Before the first stands the cluster of `cases/base.yaml`. `REWRITE=1` writes the tables
//! anew. Files whose names begin with `peer` show sessions too.

use super::cluster::{Step, steps, table};
use kube_announcer::{
    plan::{self, Facts, Planner},
    snapshot::Snapshot,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// A running announcer for every node, in one.
#[derive(Default)]
struct World {
    snapshot: Snapshot,
    planners: BTreeMap<String, Planner>,
    facts: Facts,
    /// The ports that fail, by node.
    failing: BTreeMap<String, BTreeSet<u16>>,
    /// Nodes to plan for that have no Node.
    extra: Vec<String>,
}

impl World {
    fn apply(&mut self, yaml: &str) {
        for step in steps(yaml) {
            match &step {
                Step::Facts(facts) => self.facts = facts.clone(),
                Step::Failing(failing) => self.failing = failing.clone(),
                Step::Plan(node) => self.extra.push(node.clone()),
                _ => {}
            }
            let changes = step.apply(&mut self.snapshot);
            for (node, planner) in &mut self.planners {
                let mut changes = changes.clone();
                changes.extend(planner.set_facts(facts(&self.facts, &self.failing, node)));
                planner.update(&self.snapshot, Some(&changes));
            }
        }
    }

    /// What all nodes do; each plan by changes is the plan from scratch.
    fn table(&mut self, peers: bool) -> String {
        let nodes = self.snapshot.nodes().map(|(name, _)| name.to_string());
        let mut nodes: Vec<_> = nodes.chain(self.extra.iter().cloned()).collect();
        nodes.sort();
        nodes.dedup();
        let mut rows = String::new();
        for node in nodes {
            let facts = facts(&self.facts, &self.failing, &node);
            let planner = self.planners.entry(node.clone()).or_insert_with(|| {
                let mut planner = Planner::new(&node, facts.clone());
                planner.update(&self.snapshot, None);
                planner
            });
            let scratch = plan::plan(&self.snapshot, &node, &facts);
            assert_eq!(*planner.plan(), scratch, "by changes and from scratch, for {node}");
            rows += &table(planner.plan(), peers);
        }
        for mistake in self.snapshot.refused() {
            writeln!(rows, "refused | {mistake}").unwrap();
        }
        align(&rows)
    }
}

/// What a node knows.
fn facts(all: &Facts, failing: &BTreeMap<String, BTreeSet<u16>>, node: &str) -> Facts {
    Facts { failing: failing.get(node).cloned().unwrap_or_default(), ..all.clone() }
}

/// Columns one below the other, but for the last, a sentence.
fn align(rows: &str) -> String {
    let rows: Vec<Vec<&str>> = rows.lines().map(|row| row.split(" | ").collect()).collect();
    let width = |column: usize| {
        let short = rows.iter().filter(|row| row.len() > column + 1);
        short.map(|row| row[column].len()).max().unwrap_or(0)
    };
    let mut aligned = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, text) in row.iter().enumerate() {
            let width = if column + 1 == row.len() { 0 } else { width(column) };
            let between = if column == 0 { "" } else { "  " };
            write!(line, "{between}{text:width$}").unwrap();
        }
        aligned += line.trim_end();
        aligned.push('\n');
    }
    aligned
}

/// The file as it should be.
fn run(text: &str, peers: bool) -> String {
    let mut world = World::default();
    world.apply(&fs::read_to_string(folder().join("base.yaml")).unwrap());
    let mut written = String::new();
    let (mut yaml, mut in_table) = (String::new(), false);
    for line in text.lines() {
        in_table &= !line.starts_with("## ");
        if line == "=>" {
            world.apply(&std::mem::take(&mut yaml));
            write!(written, "=>\n{}", world.table(peers)).unwrap();
            in_table = true;
        } else if !in_table {
            if line.starts_with("## ") && !written.is_empty() {
                written.push('\n');
            }
            writeln!(written, "{line}").unwrap();
            writeln!(yaml, "{line}").unwrap();
        }
    }
    written
}

#[test]
fn every_case_comes_to_its_table() {
    let rewrite = std::env::var_os("REWRITE").is_some();
    let mut files: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    let mut wrong = String::new();
    for path in &files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(path).unwrap();
        let found = run(&text, name.starts_with("peer"));
        if found != text && rewrite {
            fs::write(path, &found).unwrap();
        } else if found != text {
            wrong += &difference(name, &text, &found);
        }
    }
    assert!(wrong.is_empty(), "{wrong}\nREWRITE=1 writes the tables as they are now.");
    assert!(files.len() >= 100, "{} cases", files.len());
}

/// Lines that are gone and lines that are new.
fn difference(name: &str, expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let mut text = format!("\n{name}:\n");
    for line in &expected {
        let mark = if found.contains(line) { ' ' } else { '-' };
        writeln!(text, "{mark} {line}").unwrap();
    }
    for line in found.iter().filter(|line| !expected.contains(line)) {
        writeln!(text, "+ {line}").unwrap();
    }
    text
}

#[test]
fn a_port_is_asked_while_the_node_would_announce_by_it() {
    let mut world = World::default();
    world.apply(&fs::read_to_string(folder().join("base.yaml")).unwrap());
    let text = fs::read_to_string(folder().join("probe_the_last_announcer_stays.txt")).unwrap();
    world.apply(text.split("---\nfailing").next().unwrap());
    let asked = |world: &World, facts: &Facts| {
        let planner = |node| {
            let mut planner = Planner::new(node, facts.clone());
            planner.update(&world.snapshot, None);
            planner.probes()
        };
        ["node-1", "node-2"].map(planner)
    };
    // Only node-1 has an endpoint. That the port fails is no reason not to ask it again.
    assert_eq!(asked(&world, &Facts::default()), [[30001].into(), [].into()]);
    assert_eq!(
        asked(&world, &Facts { failing: [30001].into(), ..Facts::default() }),
        [[30001].into(), [].into()]
    );
    let text = fs::read_to_string(folder().join("probe_a_failing_node_leaves_to_others.txt")).unwrap();
    world.apply(text.split("---\nkind: Service").next().unwrap());
    assert_eq!(asked(&world, &Facts::default()), [[10256].into(), [10256].into()], "whatever it has");
}
