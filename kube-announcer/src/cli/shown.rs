//! `routes` and `peers`: what a node announces, and to whom.

use super::{Asked, print, print_json};
use anyhow::Context;
use clap::Args;
use kube_announcer::{
    plan::Planner,
    report::{Cluster, node},
};
use std::process::ExitCode;

/// List what a node announces, a line for each prefix and peer
#[derive(Args)]
pub(super) struct Routes {
    #[command(flatten)]
    of: Of,
}

/// List the sessions of a node, and the BgpPeers that it has none with
#[derive(Args)]
pub(super) struct Peers {
    #[command(flatten)]
    of: Of,
}

#[derive(Args)]
struct Of {
    #[command(flatten)]
    asked: Asked,
    /// The node of the manifests
    #[arg(long, value_name = "NAME", requires = "manifests")]
    node: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Of {
    /// What the manifests say; `None`: the running announcer is asked.
    fn planner(&self) -> anyhow::Result<Option<Planner>> {
        let Asked { manifests, namespace, kernel, .. } = &self.asked;
        let Some(manifests) = manifests else { return Ok(None) };
        let cluster = kernel.with(Cluster::read(manifests, &namespace.namespace).context("--manifests")?);
        let node = self.node.as_deref().context("say with --node which node of the manifests is meant")?;
        let node = node::find(&cluster, node).map_err(anyhow::Error::msg)?;
        Ok(Some(cluster.planner(&node)))
    }
}

pub(super) fn routes(arguments: &Routes) -> anyhow::Result<ExitCode> {
    let Routes { of } = arguments;
    let Some(planner) = of.planner()? else { return of.asked.socket.print("routes", of.json) };
    let mut routes = node::routes(planner.plan());
    routes.retain(|route| route.announced);
    if of.json {
        print_json(&routes)?;
    } else {
        print(&node::routes_table(&routes));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn peers(arguments: &Peers) -> anyhow::Result<ExitCode> {
    let Peers { of } = arguments;
    let Some(planner) = of.planner()? else { return of.asked.socket.print("peers", of.json) };
    if of.json {
        print_json(&node::peers(planner.plan()))?;
    } else {
        print(&node::peers_table(planner.plan()));
    }
    Ok(ExitCode::SUCCESS)
}
