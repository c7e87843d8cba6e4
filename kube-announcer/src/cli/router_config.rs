//! `router-config`: the other side, complete.

use super::{Namespace, print};
use anyhow::{Context, bail};
use bgp_proto::{attr::community::Community, numbers::Asn};
use clap::Args;
use kube_announcer::{
    report::{
        Cluster,
        router::{Named, Wanted, facts},
    },
    router_config::{ROUTERS, Router},
};
use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Print what the router on the other side has to be told: the sessions, what may come over them, and nothing more
///
/// Several clusters may announce the same addresses to one router: give each of them a --manifests and a --community. No
/// password is printed, only the place where it goes.
#[derive(Args)]
pub(super) struct Arguments {
    /// The router's language
    #[arg(long = "for", value_name = "ROUTER", value_parser = ROUTERS.map(|one| one.name))]
    language: String,
    /// The folder with a cluster's manifests; the folder's name is the cluster's
    #[arg(long, value_name = "DIR", required = true)]
    manifests: Vec<PathBuf>,
    /// What the router adds to a cluster's routes, for each --manifests in turn, like 65000:1
    #[arg(long, value_name = "COMMUNITY")]
    community: Vec<Community>,
    /// The router's address, where the nodes know several
    #[arg(long, value_name = "ADDRESS")]
    router: Option<IpAddr>,
    /// The router's AS, where the BgpPeers do not say it
    #[arg(long, value_name = "AS")]
    asn: Option<Asn>,
    /// The router's identifier, where it is not its address
    #[arg(long, value_name = "ID")]
    router_id: Option<Ipv4Addr>,
    /// The most prefixes of a family that one node may announce
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    max_prefixes: u32,
    #[command(flatten)]
    namespace: Namespace,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { manifests, community, .. } = arguments;
    if community.len() > manifests.len() {
        bail!(
            "there are {} --community for {} --manifests; give one for each",
            community.len(),
            manifests.len()
        );
    }
    let read = |dir: &PathBuf| Cluster::read(dir, &arguments.namespace.namespace).context("--manifests");
    let clusters = manifests.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let named: Vec<_> = clusters
        .iter()
        .zip(manifests)
        .enumerate()
        .map(|(index, (cluster, dir))| Named {
            name: name(dir),
            cluster,
            community: community.get(index).copied(),
        })
        .collect();
    let wanted = Wanted {
        address: arguments.router,
        asn: arguments.asn,
        id: arguments.router_id,
        max_prefixes: arguments.max_prefixes,
    };
    let facts = facts(&named, &wanted).map_err(anyhow::Error::msg)?;
    let language = Router::named(&arguments.language).map_err(anyhow::Error::msg)?;
    let text = language.write(&facts).map_err(|mistakes| anyhow::Error::msg(mistakes.join("\n")))?;
    print(&text);
    Ok(ExitCode::SUCCESS)
}

/// What a cluster in this folder is called.
fn name(dir: &Path) -> String {
    let whole = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
