//! `demo`: a small cluster on this machine, and how its routes follow.

use clap::Args;
use kube_announcer::demo;
use std::{
    net::{IpAddr, SocketAddr},
    process::ExitCode,
};

/// Show a small cluster at work: its nodes' announcers, a router, and how routes follow what happens
///
/// It needs no root and no cluster, uses addresses of loopback only, and ends by itself in half a minute.
#[derive(Args)]
pub(super) struct Arguments {
    /// Play one node against this router instead, at port 179 or another: 192.0.2.1, 192.0.2.1:1790
    #[arg(long, value_name = "ADDRESS", value_parser = router)]
    peer: Option<SocketAddr>,
    /// The node that is played: node-1, node-2 or node-3
    #[arg(long, value_name = "NAME", requires = "peer")]
    node: Option<String>,
}

fn router(text: &str) -> Result<SocketAddr, String> {
    let alone = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 179));
    alone.or_else(|_| text.parse()).map_err(|_| "use an address like 192.0.2.1, or 192.0.2.1:1790".to_owned())
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let wanted = demo::Wanted { peer: arguments.peer, node: arguments.node.clone() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(demo::play(&wanted))?;
    Ok(ExitCode::SUCCESS)
}
