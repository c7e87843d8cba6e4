//! A small cluster on one machine: its manifests, an announcer for each node, and a router on loopback that they talk to.
//! Things happen to the cluster, and it is seen how the router follows.

mod files;
mod next;
mod paint;
mod router;
mod scene;
mod stage;
mod story;

use paint::Paint;
use std::{io::IsTerminal, net::SocketAddr, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// What is played.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// A real router that one node talks to; `None`: one of ours, that all nodes talk to.
    pub peer: Option<SocketAddr>,
    /// The node that talks to a real router.
    pub node: Option<String>,
}

/// How long somebody may read what was just shown.
const PAUSE: Duration = Duration::from_secs(5);

/// Plays it, and prints what happens. Where nobody looks on there are no colours, and no pauses.
///
/// # Errors
/// The machine has no loopback, or no place for a folder; or the router does not follow.
pub async fn play(wanted: &Wanted) -> anyhow::Result<()> {
    let watched = std::io::stdout().is_terminal();
    let paint = Paint { colours: watched && std::env::var_os("NO_COLOR").is_none() };
    let pause = if watched { PAUSE } else { Duration::ZERO };
    // First of all: whoever ends it is to leave nothing behind.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut stage = stage::Stage::set(wanted).await?;
    let played = tokio::select! {
        played = story::tell(&mut stage, paint, pause) => played,
        _ = interrupt.recv() => Ok(()),
    };
    stage.clear().await;
    played
}

/// Prints to the terminal, or to whatever reads; whoever stops reading has seen enough.
fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
