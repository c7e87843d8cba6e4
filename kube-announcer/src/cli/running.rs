//! Asking the announcer that runs on this node, over its socket.

use super::{print, print_json};
use anyhow::anyhow;
use bgp_daemon::api::client::{Client, Error, escape};
use clap::Args;
use kube_announcer::run::Answer;
use std::{path::PathBuf, process::ExitCode};

/// Where an announcer can be asked, if nobody says otherwise.
pub(super) const SOCKET: &str = "/run/kube-announcer/api.sock";

#[derive(Args)]
pub(super) struct Socket {
    /// The socket of the announcer that runs on this node
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
}

/// Have the announcer on this node withdraw everything, and end
///
/// Peers drop the routes at once; nothing is kept as for a restart.
#[derive(Args)]
pub(super) struct Leave {
    /// What operators of the peers read
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    socket: Socket,
}

pub(super) fn leave(arguments: &Leave) -> anyhow::Result<ExitCode> {
    let body = serde_json::json!({ "reason": arguments.reason }).to_string();
    arguments.socket.with(async |client| client.post("/leave", body).await)?;
    print("the announcer withdraws everything, and ends\n");
    Ok(ExitCode::SUCCESS)
}

impl Socket {
    /// Asks about something, and prints the answer.
    pub(super) fn print(&self, about: &str, json: bool) -> anyhow::Result<ExitCode> {
        let path = format!("/program/{}", about.split('/').map(escape).collect::<Vec<_>>().join("/"));
        let answer: Answer = self.with(async |client| client.get(&path).await)?;
        if json {
            print_json(&answer.value)?;
        } else {
            print(&answer.text);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn with<T>(&self, ask: impl AsyncFnOnce(Client) -> Result<T, Error>) -> anyhow::Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let asked = runtime.block_on(ask(Client::new(vec![self.socket.clone()])));
        asked.map_err(|error| match error {
            Error::NotRunning(socket) => anyhow!(
                "no announcer listens on {}: none runs, or it has not seen all of the cluster yet, and its log says what \
                 it waits for; say where another one listens with --socket, or ask manifests with --manifests DIR",
                socket.display()
            ),
            error => anyhow!("{error}"),
        })
    }
}
