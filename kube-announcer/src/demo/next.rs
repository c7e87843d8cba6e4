//! What can be typed, as it can be typed here.

use super::paint::Paint;
use crate::{
    object::Name,
    report::{Cluster, why},
};
use ipnet::IpNet;
use std::path::Path;

/// Where the example cluster may lie: in a checkout, or where a package has put it.
const PLACES: [&str; 2] = ["examples/cluster", "/usr/share/doc/kube-announcer/cluster"];

/// The address whose reasons are shown.
const ASKED: &str = "203.0.113.10";

const NEXT: [(&str, &str); 6] = [
    ("check CLUSTER", "what every node would announce, and every mistake"),
    ("why 203.0.113.30 --manifests CLUSTER", "why nobody announces this address"),
    ("router-config --for frr --manifests CLUSTER", "the other side's configuration"),
    ("demo --peer 192.0.2.1", "one of the nodes, against a router of yours"),
    ("run --manifests DIR --node NAME", "the real thing, from a folder"),
    ("manifests", "and in a cluster: pipe it to kubectl apply -f -"),
];

/// The program, as it was called.
fn program() -> String {
    let called = std::env::args_os().next().map(|name| name.to_string_lossy().into_owned());
    called.filter(|name| !name.is_empty()).unwrap_or_else(|| "kube-announcer".to_owned())
}

fn cluster() -> &'static str {
    PLACES.into_iter().find(|place| Path::new(place).is_dir()).unwrap_or(PLACES[0])
}

/// A question about one address, and its answer.
pub(super) fn question(known: &Cluster, node: &Name, paint: Paint) -> String {
    let asked = ASKED.parse::<std::net::IpAddr>().map(IpNet::from);
    let Ok(asked) = asked else { return String::new() };
    let answer = why::ask(known, node, asked).text();
    let answer: String = answer.lines().map(|line| format!("  {line}\n")).collect();
    let typed = format!("{} why {ASKED} --manifests {} --node {node}", program(), cluster());
    format!(
        "{}\n  {}\n{answer}",
        paint.title("Any address can be asked about"),
        paint.quiet(&format!("$ {typed}"))
    )
}

/// The end of the last screen.
pub(super) fn next(paint: Paint) -> String {
    let program = program();
    let lines =
        NEXT.map(|(words, what)| (format!("{program} {}", words.replace("CLUSTER", cluster())), what));
    let width = lines.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
    let lines: String =
        lines.iter().map(|(line, what)| format!("  {line:width$}  {}\n", paint.quiet(what))).collect();
    format!("\n{}\n{lines}", paint.title("To type next"))
}
