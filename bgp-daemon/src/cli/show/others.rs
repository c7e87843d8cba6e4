//! Policies, groups, memory, configuration.

use super::{
    super::table::{Column, Side, Table, octets},
    joined,
};
use bgp_daemon::api::document::{Comparison, Config, Difference, Group, Memory, Policy};

/// Policies with their rules, and who uses them.
pub(crate) fn policies(policies: &[Policy]) -> String {
    let mut text = String::new();
    for policy in policies {
        text += &format!("{}\n", policy.policy);
        let mut rules = Table::plain(&[("", Side::Left); 4]);
        for (number, rule) in policy.rules.iter().enumerate() {
            let name = rule.name.as_ref().map(|name| format!("\"{name}\"")).unwrap_or_default();
            let changes = if rule.changes { "with changes" } else { "" };
            rules.push(vec![format!("  rules[{number}]"), name, rule.verdict.clone(), changes.to_owned()]);
        }
        text += &rules.take();
        for (side, users) in [("import", &policy.import), ("export", &policy.export)] {
            if !users.is_empty() {
                text += &format!("  {side} of {}\n", users.join(", "));
            }
        }
        if policy.import.is_empty() && policy.export.is_empty() {
            text += "  not in use\n";
        }
    }
    text
}

const GROUPS: [Column; 6] = [
    ("GROUP", Side::Left),
    ("ACCEPTS FROM", Side::Left),
    ("PEERS", Side::Right),
    ("ESTABLISHED", Side::Right),
    ("IMPORT", Side::Left),
    ("EXPORT", Side::Left),
];

/// Groups, a line each.
pub(crate) fn groups(groups: &[Group]) -> String {
    let mut table = Table::new(&GROUPS);
    let name = |policy: &Option<String>| policy.clone().unwrap_or_else(|| "-".to_owned());
    for group in groups {
        table.push(vec![
            group.group.clone(),
            joined(&group.accept_from, ", "),
            format!("{}/{}", group.peers, group.max_peers),
            group.established.to_string(),
            name(&group.import),
            name(&group.export),
        ]);
    }
    table.take()
}

/// How much there is, and what it takes.
pub(crate) fn memory(memory: &Memory) -> String {
    let mut table = Table::plain(&[("", Side::Left), ("", Side::Right)]);
    let rows = [
        ("prefixes", Some(memory.prefixes.to_string())),
        ("routes", Some(memory.routes.to_string())),
        ("attribute sets", Some(memory.attribute_sets.to_string())),
        ("memory of tables", Some(octets(memory.tables_octets))),
        ("memory of the process", memory.resident_octets.map(octets)),
    ];
    for (name, value) in rows {
        table.push(vec![name.to_owned(), value.unwrap_or_else(|| "not known".to_owned())]);
    }
    table.take()
}

/// The configuration in force.
pub(crate) fn config(config: &Config) -> String {
    let file = config.file.as_ref().map(|file| format!("# {file}\n")).unwrap_or_default();
    file + config.text.as_deref().unwrap_or("# this speaker was not started from a file\n")
}

/// What another configuration would change.
pub(crate) fn comparison(comparison: &Comparison) -> String {
    if comparison.changes.is_empty() && comparison.peers.is_empty() {
        return "nothing would change\n".to_owned();
    }
    let mut text: String = comparison.changes.iter().map(|change| format!("{change}\n")).collect();
    for Difference { peer, gained, lost, changed } in &comparison.peers {
        text += &format!("{peer} would be told\n");
        for (what, sample) in [("of", gained), ("no more of", lost), ("otherwise of", changed)] {
            if sample.count > 0 {
                let more = if sample.count > sample.prefixes.len() as u64 { " …" } else { "" };
                let prefixes = if sample.count == 1 { "prefix" } else { "prefixes" };
                text +=
                    &format!("  {what} {} {prefixes}: {}{more}\n", sample.count, sample.prefixes.join(" "));
            }
        }
    }
    text
}
