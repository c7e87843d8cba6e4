//! What is shown: plain values as aligned text.

use super::{paint::Paint, router::Routes, stage::Followed};
use crate::{
    object::Name,
    plan::{Code, Outcome, Weight},
    report::{Cluster, names, node, table::table, why},
};
use ipnet::IpNet;
use std::{collections::BTreeMap, time::Duration};

/// The most characters of a line of text.
const WIDE: usize = 110;

/// A table of all prefixes: which nodes announce each, with what, and for whom.
pub(super) fn matrix(cluster: &Cluster, nodes: &[Name], routes: &Routes, paint: Paint) -> String {
    let plans: Vec<_> = nodes.iter().map(|node| cluster.planner(node)).collect();
    let mut rows = Vec::new();
    for (prefix, holders) in routes {
        let decided =
            plans.iter().find(|planner| holders.contains(&planner.plan().node)).and_then(|planner| {
                let decision = planner.plan().prefixes.get(prefix)?;
                Some(node::route(planner.plan(), *prefix, decision))
            });
        let Some(route) = decided else { continue };
        let words = route.told.first().map(|said| said.attributes.words()).unwrap_or_default();
        let marks: Vec<_> = nodes.iter().map(|node| if holders.contains(node) { "●" } else { "·" }).collect();
        rows.push([prefix.to_string(), marks.join("       "), words, names(&route.objects)]);
    }
    let heading = nodes.iter().map(|node| format!("{node:8}")).collect::<String>();
    let text = table(["PREFIX", heading.trim_end(), "WITH", "BECAUSE OF"], &rows);
    let mut lines = text.lines();
    let heading = paint.quiet(lines.next().unwrap_or_default());
    let body: String = lines.map(|line| format!("  {}\n", line.replace('●', &paint.came("●")))).collect();
    format!("  {heading}\n{body}")
}

/// Which address stands for which node.
pub(super) fn next_hops(cluster: &Cluster, nodes: &[Name]) -> String {
    let hops = nodes.iter().map(|node| {
        let planner = cluster.planner(node);
        let hops: Vec<_> = planner.plan().addresses.iter().flatten().map(ToString::to_string).collect();
        format!("{node} by {}", hops.join(" and "))
    });
    wrapped(
        &format!("Next hops are the nodes' own addresses: {}.", hops.collect::<Vec<_>>().join(", ")),
        "  ",
    )
}

/// What nobody announces, though an object would have it, and why: as the node says it that came closest.
pub(super) fn withheld(cluster: &Cluster, nodes: &[Name], routes: &Routes) -> String {
    let mut found: BTreeMap<IpNet, (Weight, Code, String)> = BTreeMap::new();
    for node in nodes {
        let planner = cluster.planner(node);
        let plan = planner.plan();
        for (prefix, decision) in plan.prefixes.iter().filter(|(prefix, _)| !routes.contains_key(*prefix)) {
            let Outcome::Withheld(refusal) = &decision.outcome else { continue };
            let code = refusal.reason.code;
            let sentence = refusal.reason.sentence(&refusal.object, node, Some(*prefix));
            let reason = (code.weight(), code, sentence);
            if found.get(prefix).is_none_or(|known| (known.0, known.1) < (reason.0, reason.1)) {
                found.insert(*prefix, reason);
            }
        }
    }
    let width = found.keys().map(|prefix| prefix.to_string().len()).max().unwrap_or(0);
    found.iter().map(|(prefix, (.., why))| format!("  {:width$}  {why}\n", prefix.to_string())).collect()
}

/// What routes did, each with how long it took and why.
pub(super) fn moves(cluster: &Cluster, followed: &Followed, paint: Paint) -> String {
    let prefixes = followed.moves.keys().map(|(prefix, _)| prefix.to_string().len());
    let width = prefixes.max().unwrap_or(0);
    let mut text = String::new();
    let mut last = String::new();
    for ((prefix, node), (announced, after)) in &followed.moves {
        let (sign, why) = match announced {
            true => (paint.came("+"), why_yes(cluster, node, *prefix)),
            false => (paint.went("-"), why_no(cluster, node, *prefix)),
        };
        text += &format!("  {} {sign} {:width$}  from {node}\n", millis(*after), prefix.to_string());
        if why != last {
            text += &(paint.quiet(wrapped(&why, "              ").trim_end()) + "\n");
        }
        last = why;
    }
    text
}

fn why_yes(cluster: &Cluster, node: &Name, prefix: IpNet) -> String {
    let said = why::ask(cluster, node, prefix);
    let claims = said.prefixes.into_iter().filter(|found| found.prefix == prefix.to_string());
    let yes = claims.flat_map(|found| found.claims).find(|claim| claim.yes);
    yes.map(|claim| claim.because).unwrap_or_default()
}

fn why_no(cluster: &Cluster, node: &Name, prefix: IpNet) -> String {
    let planner = cluster.planner(node);
    let plan = planner.plan();
    let route = plan.prefixes.get(&prefix).map(|decision| node::route(plan, prefix, decision));
    let reason = route.and_then(|route| route.reason).map(|why| why.sentence);
    reason.unwrap_or_else(|| "no object has it any more".to_owned())
}

/// Six characters and the unit.
pub(super) fn millis(after: Duration) -> String {
    format!("{:6.1} ms", after.as_secs_f64() * 1000.0)
}

/// A text in lines that are not too long, each behind a margin.
pub(super) fn wrapped(text: &str, margin: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let long = lines.last().map_or(0, |line| line.chars().count());
        if long > 0 && margin.len() + long + 1 + word.chars().count() > WIDE {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                *line += " ";
            }
            *line += word;
        }
    }
    lines.iter().map(|line| format!("{margin}{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_wrapped_between_words() {
        let text = "word ".repeat(30);
        let shown = wrapped(&text, "  ");
        assert!(shown.lines().all(|line| line.len() <= WIDE && line.starts_with("  word")), "{shown}");
        assert_eq!(shown.split_whitespace().count(), 30);
    }
}
