//! `run`: announce until a signal or somebody says otherwise.

use super::{Namespace, log, running::SOCKET};
use bgp_daemon::engine::Shutdown;
use clap::Args;
use kube_announcer::run::{Task, Wanted};
use std::{path::PathBuf, process::ExitCode, time::Duration};
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

/// Announce what a node makes reachable, and follow every change of its cluster
///
/// SIGTERM ends it for a restart: peers that do graceful restart keep the routes until it is back (`run --restarting`).
/// `kube-announcer leave` withdraws everything first.
#[derive(Args)]
pub(super) struct Arguments {
    /// The folder with the cluster's manifests, followed as they change
    #[arg(long, value_name = "DIR")]
    manifests: PathBuf,
    /// The node that this is
    #[arg(long, value_name = "NAME")]
    node: String,
    /// Where it can be asked and told
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
    /// It ran a moment ago: peers that still hold its routes keep them until all are told again
    #[arg(long)]
    restarting: bool,
    /// How often, in seconds, the ports of this node are asked that a source's `probe` names; three failures act
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    probe_every: u64,
    /// What is logged: error, warn, info, debug or trace, also by module
    #[arg(long, value_name = "LEVELS", default_value = "info")]
    log: String,
    #[command(flatten)]
    namespace: Namespace,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let levels = log::init(&arguments.log).map_err(anyhow::Error::msg)?;
    let wanted = Wanted {
        manifests: arguments.manifests.clone(),
        node: arguments.node.as_str().into(),
        namespace: arguments.namespace.namespace.as_str().into(),
        socket: Some(arguments.socket.clone()),
        restarting: arguments.restarting,
        probe_every: Duration::from_secs(arguments.probe_every),
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // First of all: a signal that comes while we start is not to be the end.
        let mut signals = Signals::new()?;
        let task = Task::start(&wanted, levels, Box::new(|_| {})).await?;
        let ending = async {
            signals.next().await;
            Shutdown::Restart
        };
        task.run(ending).await?;
        Ok(ExitCode::SUCCESS)
    })
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
