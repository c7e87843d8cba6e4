//! The command line: what can be asked, and how it is answered. Exit status: 0 all is well, 1 something is wrong with
//! what was looked at, 2 it could not be looked at.

mod check;
mod demo;
#[cfg(test)]
mod docs;
mod kernel;
mod log;
mod manifests;
mod place;
mod router_config;
mod run;
mod running;
mod shown;
mod why;

use clap::{Args, Parser, Subcommand};
use kube_announcer::report::Cluster;
use std::{path::PathBuf, process::ExitCode};

/// Announces by BGP what a Kubernetes cluster makes reachable on its nodes
#[derive(Parser)]
#[command(version, long_about = LONG, after_help = AFTER)]
pub(crate) struct Cli {
    #[command(subcommand)]
    wanted: Wanted,
}

const LONG: &str = "\
Announces by BGP what a Kubernetes cluster makes reachable on its nodes: pod ranges, pods, Services, tunnel addresses.

BgpPeer objects say whom nodes talk to, BgpAdvertisement objects what they announce. Both are read from a cluster or from
a folder of manifests, and everything that can be announced, and why it is or is not, can be asked before anything runs.";

const AFTER: &str = "\
Begin here:
  kube-announcer demo                                        a small cluster at work, in half a minute
  kube-announcer check examples/cluster                      what the nodes of a small cluster would announce
  kube-announcer why 203.0.113.10 --manifests examples/cluster --node node-3
  kube-announcer router-config --for frr --manifests examples/cluster
                                                             the other side's configuration
  kube-announcer check --host                                is this node ready for it?
  kube-announcer manifests | kubectl apply -f -              all that a cluster takes to run it on every node";

#[derive(Subcommand)]
enum Wanted {
    Demo(demo::Arguments),
    Run(run::Arguments),
    Check(check::Arguments),
    Why(why::Arguments),
    Routes(shown::Routes),
    Peers(shown::Peers),
    Kernel(kernel::Arguments),
    Leave(running::Leave),
    RouterConfig(router_config::Arguments),
    Crds(Crds),
    Manifests(manifests::Arguments),
}

/// What is asked: manifests, or the announcer that runs here.
#[derive(Args)]
struct Asked {
    /// Ask these manifests, and not the announcer that runs on this node
    #[arg(long, value_name = "DIR")]
    manifests: Option<PathBuf>,
    #[command(flatten)]
    namespace: Namespace,
    #[command(flatten)]
    kernel: Kernel,
    #[command(flatten)]
    socket: running::Socket,
}

/// What manifests are looked at as.
#[derive(Args)]
struct Kernel {
    /// Look at manifests as an announcer that puts routes into the kernel (`run --kernel-routes`)
    #[arg(long)]
    kernel_routes: bool,
}

impl Kernel {
    fn with(&self, cluster: Cluster) -> Cluster {
        if self.kernel_routes { cluster.with_kernel_routes() } else { cluster }
    }
}

#[derive(Args)]
struct Namespace {
    /// The namespace of the announcer, where Secrets with passwords are
    #[arg(long, value_name = "NAME", default_value = "kube-announcer")]
    namespace: String,
}

/// Print the definitions of BgpPeer, BgpAdvertisement and BgpNodeState for `kubectl apply -f -`
#[derive(Args)]
struct Crds {}

/// Does what was asked for.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.wanted {
        Wanted::Demo(arguments) => demo::run(&arguments),
        Wanted::Run(arguments) => run::run(&arguments),
        Wanted::Kernel(arguments) => kernel::run(&arguments),
        Wanted::Leave(arguments) => running::leave(&arguments),
        Wanted::Check(arguments) => check::run(&arguments),
        Wanted::Why(arguments) => why::run(&arguments),
        Wanted::Routes(arguments) => shown::routes(&arguments),
        Wanted::Peers(arguments) => shown::peers(&arguments),
        Wanted::RouterConfig(arguments) => router_config::run(&arguments),
        Wanted::Crds(Crds {}) => crds(),
        Wanted::Manifests(arguments) => manifests::run(arguments),
    }
}

fn crds() -> anyhow::Result<ExitCode> {
    for definition in kube_announcer::crd::definitions() {
        print(&format!("---\n{}", serde_saphyr::to_string(&definition)?));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints to the terminal, or to whatever reads; whoever stops reading has seen enough.
fn print(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Prints a value for programs.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"));
    Ok(())
}
