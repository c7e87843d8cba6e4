//! `check`: a folder of manifests, or this node.

use super::{Kernel, Namespace, print, print_json};
use anyhow::Context;
use clap::Args;
use kube_announcer::{
    check_host::{self, Needs, Row},
    report::{Cluster, check, node, table::table},
};
use std::{path::PathBuf, process::ExitCode};

/// Say what the nodes of a cluster would announce, from its manifests alone, and everything that is wrong with them
///
/// The exit status is 1 when anything has to be mended, so it can stand in a CI job.
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Arguments {
    /// The folder with the cluster's manifests: YAML or JSON, as `kubectl get -o yaml` prints them
    #[arg(required_unless_present = "host")]
    dir: Option<PathBuf>,
    /// Only this node, and every prefix with the decision on it
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Look at this machine instead: forwarding, filters, port 179, other speakers. With a folder and --node: is it ready
    /// for what the manifests ask of that node?
    #[arg(long)]
    host: bool,
    /// The root folder of the machine that is looked at
    #[arg(long, value_name = "DIR", default_value = "/", requires = "host")]
    root: PathBuf,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    namespace: Namespace,
    #[command(flatten)]
    kernel: Kernel,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Some(dir) = &arguments.dir else {
        return host(&check_host::check(&arguments.root), arguments.json);
    };
    let cluster = arguments.kernel.with(Cluster::read(dir, &arguments.namespace.namespace)?);
    let node = arguments.node.as_deref().map(|node| node::find(&cluster, node)).transpose();
    let node = node.map_err(anyhow::Error::msg)?;
    if arguments.host {
        let node = node.context("say with --node which node of the manifests this machine is")?;
        let needs = Needs::of(cluster.planner(&node).plan());
        return host(&check_host::check_for(&arguments.root, needs), arguments.json);
    }
    let nodes = node.clone().map_or_else(|| cluster.nodes(), |node| vec![node]);
    let report = check::report(&cluster, &nodes);
    match (arguments.json, node) {
        (true, _) => print_json(&report)?,
        (false, None) => print(&report.text()),
        (false, Some(node)) => {
            let planner = cluster.planner(&node);
            let routes = node::routes(planner.plan());
            print(&format!("{}\n{}\n", node::peers_table(planner.plan()), node::decisions_table(&routes)));
            print(&report.ending());
        }
    }
    Ok(if report.mistakes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn host(rows: &[Row], json: bool) -> anyhow::Result<ExitCode> {
    if json {
        print_json(&rows)?;
    } else {
        let cells: Vec<_> = rows
            .iter()
            .map(|row| [row.verdict.word().to_owned(), row.subject.to_owned(), row.found.clone()])
            .collect();
        print(&table(["", "WHAT", "FOUND"], &cells));
        for row in rows.iter().filter(|row| !row.advice.is_empty()) {
            print(&format!("\n{}: {}\n", row.subject, row.advice));
        }
    }
    Ok(if check_host::is_wrong(rows) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
