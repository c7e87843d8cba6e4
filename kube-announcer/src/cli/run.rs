//! `run`: announce until a signal or somebody says otherwise.

use super::{kernel, log, running::SOCKET};
use anyhow::Context;
use bgp_daemon::engine::Shutdown;
use clap::Args;
use kube_announcer::{
    object::Name,
    run::{Objects, Task, Wanted},
    source::cluster::{Access, NAMESPACE},
};
use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

/// Announce what a node makes reachable, and follow every change of its cluster
///
/// In a pod of the cluster it needs to be told nothing but the node's name, elsewhere a kubeconfig; a folder of
/// manifests does without an API server.
///
/// SIGTERM ends it for a restart: peers that do graceful restart keep the routes until it is back. Where the node is
/// about to go, or the DaemonSet is deleted, it withdraws everything first, as `kube-announcer leave` does.
#[derive(Args)]
#[command(after_help = AFTER)]
pub(super) struct Arguments {
    /// The folder with the cluster's manifests, followed as they change
    #[arg(long, value_name = "DIR", conflicts_with = "kubeconfig")]
    manifests: Option<PathBuf>,
    /// How the API server is reached; not needed in a pod
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The node that this is; $NODE_NAME where not said
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// The namespace of the announcer, where Secrets with passwords are; a pod's own, or kube-announcer, where not said
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The DaemonSet that it belongs to: when that is deleted it leaves; $DAEMONSET_NAME where not said
    #[arg(long, value_name = "NAME", conflicts_with = "manifests")]
    daemonset: Option<String>,
    /// Where it can be asked and told
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
    /// Where metrics and health are answered over HTTP: ADDRESS:PORT, or a PORT of all addresses
    #[arg(long, value_name = "PLACE", value_parser = super::place::parse)]
    http: Option<SocketAddr>,
    /// It ran a moment ago: peers that still hold its routes keep them until all are told again. Every start counts as
    /// such a one in a pod, and wherever no routes are installed
    #[arg(long)]
    restarting: bool,
    /// How often, in seconds, the ports of this node are asked that a source's `probe` names; three failures act
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    probe_every: u64,
    /// What is logged: error, warn, info, debug or trace, also by module
    #[arg(long, value_name = "LEVELS", default_value = "info")]
    log: String,
    #[command(flatten)]
    kernel: kernel::Flags,
}

const AFTER: &str = "\
Examples:
  kube-announcer run                                         in a pod, with $NODE_NAME
  kube-announcer run --kubeconfig /etc/kube-announcer/kubeconfig --node node-1
  kube-announcer run --manifests examples/cluster --node node-1";

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let levels = log::init(&arguments.log).map_err(anyhow::Error::msg)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // First of all: a signal that comes while we start is not to be the end.
        let mut signals = Signals::new()?;
        let wanted = wanted(arguments).await?;
        let started = tokio::select! {
            started = Task::start(&wanted, levels, Box::new(|_| {})) => started?,
            // Nothing was announced yet, and nothing can be withdrawn.
            () = signals.next() => return Ok(ExitCode::SUCCESS),
        };
        let ending = async {
            signals.next().await;
            Shutdown::Restart
        };
        started.run(ending).await?;
        Ok(ExitCode::SUCCESS)
    })
}

async fn wanted(arguments: &Arguments) -> anyhow::Result<Wanted> {
    let node = said(arguments.node.as_ref(), "NODE_NAME")
        .context("nothing says which node this is; use --node NAME, or set NODE_NAME")?;
    let in_pod = arguments.manifests.is_none() && arguments.kubeconfig.is_none();
    let access = match (&arguments.manifests, &arguments.kubeconfig) {
        (Some(_), _) => None,
        (None, Some(file)) => Some(Access::kubeconfig(file).await?),
        (None, None) => Some(Access::in_cluster()?),
    };
    let own = access.as_ref().filter(|_| in_pod).map(|access| access.namespace().to_owned());
    let namespace = arguments.namespace.clone().or(own).unwrap_or_else(|| NAMESPACE.to_owned());
    let objects = match (access, &arguments.manifests) {
        (Some(access), _) => {
            Objects::Cluster { access, daemonset: said(arguments.daemonset.as_ref(), "DAEMONSET_NAME") }
        }
        (None, Some(folder)) => Objects::Folder(folder.clone()),
        (None, None) => anyhow::bail!("nothing says where the cluster is; use --kubeconfig or --manifests"),
    };
    Ok(Wanted {
        objects,
        node,
        namespace: namespace.into(),
        socket: Some(arguments.socket.clone()),
        http: arguments.http,
        // A pod cannot know whether another ran here a moment ago; on a node that is new nobody holds anything.
        restarting: arguments.restarting || in_pod,
        probe_every: Duration::from_secs(arguments.probe_every),
        kernel: arguments.kernel.kernel()?,
    })
}

/// What an argument says, or else the environment.
fn said(argument: Option<&String>, variable: &str) -> Option<Name> {
    let argument = argument.cloned().or_else(|| std::env::var(variable).ok());
    argument.filter(|text| !text.is_empty()).map(Name::from)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Signals { terminate, interrupt })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
