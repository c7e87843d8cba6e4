//! `why`: everything about one address.

use super::{Asked, print, print_json};
use anyhow::Context;
use clap::Args;
use ipnet::IpNet;
use kube_announcer::report::{Cluster, node, why};
use std::{net::IpAddr, process::ExitCode};

/// Say why an address is announced, or is not: each object that has it, the rule, the reason, and who is told what
#[derive(Args)]
pub(super) struct Arguments {
    /// An address like 203.0.113.10, or a prefix like 10.96.0.0/16
    #[arg(value_parser = address)]
    address: IpNet,
    #[command(flatten)]
    asked: Asked,
    /// The node of the manifests; every one, where not said
    #[arg(long, value_name = "NAME", requires = "manifests")]
    node: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn address(text: &str) -> Result<IpNet, String> {
    let host = text.parse::<IpAddr>().map(IpNet::from);
    host.or_else(|_| text.parse::<IpNet>().map(|prefix| prefix.trunc()))
        .map_err(|_| "use an address like 203.0.113.10, or a prefix like 10.96.0.0/16".to_owned())
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Asked { manifests, namespace, kernel, socket } = &arguments.asked;
    let Some(manifests) = manifests else {
        return socket.print(&format!("why/{}", arguments.address), arguments.json);
    };
    let cluster = kernel.with(Cluster::read(manifests, &namespace.namespace).context("--manifests")?);
    let nodes = match &arguments.node {
        Some(node) => vec![node::find(&cluster, node).map_err(anyhow::Error::msg)?],
        None => cluster.nodes(),
    };
    let answers: Vec<_> = nodes.iter().map(|node| why::ask(&cluster, node, arguments.address)).collect();
    if arguments.json {
        print_json(&answers)?;
    } else {
        print(&answers.iter().map(why::Answer::text).collect::<Vec<_>>().join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}
