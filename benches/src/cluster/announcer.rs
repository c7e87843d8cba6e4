//! The program under test: `kube-announcer run` on one node of the cluster.

use crate::load::{now, usage::Usage};
use lab::{Daemon, Lab, Namespace};
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// How long nothing may happen until it counts as idle.
const QUIET: Duration = Duration::from_secs(1);
/// It is idle where it is at work, or waits to be, less than this in [`QUIET`].
const IDLE: Duration = Duration::from_millis(10);
/// How long it may take to be idle.
const BOUND: Duration = Duration::from_secs(120);

/// A running announcer.
pub struct Announcer {
    daemon: Daemon,
    /// When it was started.
    pub started: Duration,
}

impl Announcer {
    /// Starts it in a namespace.
    #[must_use]
    pub fn start(namespace: &Namespace, node: &str, kubeconfig: &Path, socket: &Path) -> Self {
        let mut command = Command::new(binary());
        command.args(["run", "--node", node, "--kubeconfig"]).arg(kubeconfig).arg("--socket").arg(socket);
        let started = now();
        Announcer { daemon: namespace.start("kube-announcer", command), started }
    }

    /// What it has taken so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage::of(&[self.daemon.id()])
    }

    /// Waits until it is idle, and tells what it had taken then.
    pub fn idle(&self, lab: &Lab) -> Usage {
        let (mut since, mut before) = (now(), self.usage());
        lab.wait_until("the announcer to be idle", BOUND, || {
            assert!(self.daemon.is_running(), "the announcer has ended");
            if now().saturating_sub(since) < QUIET {
                return false;
            }
            let after = self.usage();
            let is_idle = after.busy_since(&before) < IDLE;
            (since, before) = (now(), after);
            is_idle
        });
        before
    }
}

/// The program under test: `KUBE_ANNOUNCER`, or what [`build`] makes.
fn binary() -> PathBuf {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/kube-announcer");
    env::var_os("KUBE_ANNOUNCER").map_or_else(built, PathBuf::from)
}

/// What the program prints of our kinds.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn printed(word: &str) -> String {
    let output = Command::new(binary()).arg(word).output().expect("the program is there");
    assert!(output.status.success(), "{word}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

/// A bench is built without the programs of other crates.
#[must_use]
pub fn build() -> bool {
    if env::var_os("KUBE_ANNOUNCER").is_some() {
        return true;
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--profile", "bench", "-p", "kube-announcer", "--bin", "kube-announcer"]);
    cargo.args(["--target-dir", concat!(env!("CARGO_MANIFEST_DIR"), "/../target")]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().is_ok_and(|status| status.success())
}
