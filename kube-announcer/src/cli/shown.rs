//! `routes` and `peers`: what a node announces, and to whom.

use super::{Manifests, print, print_json};
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
    manifests: Manifests,
    /// The node
    #[arg(long, value_name = "NAME")]
    node: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Of {
    fn planner(&self) -> anyhow::Result<Planner> {
        let Manifests { manifests, namespace } = &self.manifests;
        let cluster = Cluster::read(manifests, &namespace.namespace).context("--manifests")?;
        let node = node::find(&cluster, &self.node).map_err(anyhow::Error::msg)?;
        Ok(cluster.planner(&node))
    }
}

pub(super) fn routes(arguments: &Routes) -> anyhow::Result<ExitCode> {
    let planner = arguments.of.planner()?;
    let mut routes = node::routes(planner.plan());
    routes.retain(|route| route.announced);
    if arguments.of.json {
        print_json(&routes)?;
    } else {
        print(&node::routes_table(&routes));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn peers(arguments: &Peers) -> anyhow::Result<ExitCode> {
    let planner = arguments.of.planner()?;
    if arguments.of.json {
        print_json(&node::peers(planner.plan()))?;
    } else {
        print(&node::peers_table(planner.plan()));
    }
    Ok(ExitCode::SUCCESS)
}
