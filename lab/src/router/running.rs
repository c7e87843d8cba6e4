//! A running router: what tests ask it, and what its file needs to answer.

use std::cell::RefCell;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;

use ipnet::IpNet;

use super::{BOUND, Kind, Model};
use crate::config::{Announcement, Config};
use crate::daemon::Daemon;
use crate::lab::Reports;
use crate::namespace::Namespace;
use crate::programs::Age;
use crate::route::Route;

/// A running router. Dropping it kills it.
pub struct Router {
    pub(super) running: Rc<Running>,
}

/// What a router's file needs to talk to it.
pub(crate) struct Running {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) config: RefCell<Config>,
    pub(super) place: Place,
    pub(super) namespace: Namespace,
    pub(super) daemon: Daemon,
    pub(super) helpers: Vec<Daemon>,
}

/// Where a router keeps its files.
pub(crate) struct Place {
    pub(super) age: Age,
    /// The folder as we see it.
    pub(super) ours: PathBuf,
    /// The folder as the router sees it.
    pub(super) theirs: PathBuf,
}

impl Router {
    /// Its daemon: log, signals, process id.
    #[must_use]
    pub fn daemon(&self) -> &Daemon {
        &self.running.daemon
    }

    /// Whether the session with this peer is established.
    #[must_use]
    pub fn is_established(&self, peer: IpAddr) -> bool {
        self.running.kind.0.is_established(&self.running, peer).unwrap_or(false)
    }

    /// Whether its BFD session with this peer is up.
    #[must_use]
    pub fn is_bfd_up(&self, peer: IpAddr) -> bool {
        self.running.kind.0.is_bfd_up(&self.running, peer).unwrap_or(false)
    }

    /// What runs beside its daemon: FRR's other daemons.
    #[must_use]
    pub fn helpers(&self) -> &[Daemon] {
        &self.running.helpers
    }

    /// What it learned from its peers, sorted. Nothing while it does not answer.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let mut routes = self.running.kind.0.routes(&self.running).unwrap_or_default();
        routes.sort();
        routes
    }

    /// What it accepted of that, sorted: where a policy of its own rejects or changes routes.
    #[must_use]
    pub fn accepted(&self) -> Vec<Route> {
        let mut routes = self.running.kind.0.accepted(&self.running).unwrap_or_default();
        routes.sort();
        routes
    }

    /// Waits until the session with this peer is established.
    ///
    /// # Panics
    /// When that takes too long: with the report of the lab.
    #[track_caller]
    pub fn wait_established(&self, peer: &str) {
        let address = peer.parse().unwrap_or_else(|_| panic!("{peer:?}: use the peer's address"));
        let what = format!("{} to have an established session with {peer}", self.running.name);
        self.running.namespace.core.wait_until(what, BOUND, || self.is_established(address));
    }

    /// Waits until it holds a route for this prefix from a peer.
    ///
    /// # Panics
    /// When that takes too long: with the report of the lab.
    #[track_caller]
    pub fn wait_route(&self, prefix: &str) -> Route {
        let wanted: IpNet = prefix.parse().unwrap_or_else(|_| panic!("{prefix:?}: use a prefix"));
        let what = format!("{} to hold a route for {prefix}", self.running.name);
        let held = || self.routes().into_iter().find(|route| route.prefix == wanted);
        self.running.namespace.core.wait_for(what, BOUND, held)
    }

    /// Waits until what it holds satisfies a condition, and gives that.
    ///
    /// # Panics
    /// When that takes too long: with the report of the lab.
    #[track_caller]
    pub fn wait_routes(&self, what: &str, holds: impl Fn(&[Route]) -> bool) -> Vec<Route> {
        let what = format!("{} to hold {what}", self.running.name);
        let held = || Some(self.routes()).filter(|routes| holds(routes));
        self.running.namespace.core.wait_for(what, BOUND, held)
    }

    /// Announces one more prefix.
    ///
    /// # Panics
    /// When it refuses.
    pub fn announce(&self, what: &Announcement) {
        self.running.config.borrow_mut().announced.push(what.clone());
        self.done("announce", self.running.kind.0.announce(&self.running, what));
    }

    /// Withdraws a prefix.
    ///
    /// # Panics
    /// When it refuses.
    pub fn withdraw(&self, prefix: &str) {
        let prefix = prefix.parse().unwrap_or_else(|_| panic!("{prefix:?}: use a prefix"));
        self.running.config.borrow_mut().announced.retain(|one| one.prefix != prefix);
        self.done("withdraw", self.running.kind.0.withdraw(&self.running, prefix));
    }

    /// Asks the peer to send everything again.
    ///
    /// # Errors
    /// When this router cannot, or refuses.
    pub fn refresh(&self, peer: IpAddr) -> Result<(), String> {
        self.running.kind.0.refresh(&self.running, peer)
    }

    /// Closes the session with a reason (RFC 9003).
    ///
    /// # Errors
    /// When this router cannot, or refuses.
    pub fn shut_down(&self, peer: IpAddr, reason: &str) -> Result<(), String> {
        self.running.kind.0.shut_down(&self.running, peer, reason)
    }

    /// Ends it so that peers keep its routes until it is back (RFC 4724).
    ///
    /// # Errors
    /// When this router has no words for that, or refuses.
    pub fn end_for_restart(&self) -> Result<(), String> {
        self.running.kind.0.end_for_restart(&self.running)
    }

    /// The configuration files that say what it runs with.
    #[must_use]
    pub fn written(&self) -> String {
        Model { kind: self.running.kind, age: self.running.place.age }.written(&self.running.config.borrow())
    }

    fn done(&self, what: &str, result: Result<(), String>) {
        result.unwrap_or_else(|e| panic!("{} does not {what}: {e}", self.running.name));
    }
}

impl Running {
    /// What one of its programs prints.
    pub(super) fn ask(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = self.place.age.command(program);
        command.args(arguments);
        self.namespace.output(command)
    }

    /// The same as JSON.
    pub(super) fn ask_json(&self, program: &str, arguments: &[&str]) -> Result<serde_json::Value, String> {
        let printed = self.ask(program, arguments)?;
        serde_json::from_str(&printed)
            .map_err(|e| format!("{program} {arguments:?} printed no JSON ({e}): {printed}"))
    }

    /// A file of its folder, as it sees it.
    pub(super) fn path(&self, file: &str) -> String {
        self.place.path(file)
    }

    /// The place of a peer among its peers.
    pub(super) fn index(&self, peer: IpAddr) -> Result<usize, String> {
        let found = self.config.borrow().peers.iter().position(|one| one.address == peer);
        found.ok_or_else(|| format!("{} has no peer {peer}", self.name))
    }
}

impl Reports for Running {
    fn report(&self) -> String {
        let tables = self.kind.0.tables(self);
        let shown: String = tables.into_iter().map(|table| table.unwrap_or_else(|e| e) + "\n").collect();
        format!("{} holds:\n    {}\n", self.name, shown.trim_end().replace('\n', "\n    "))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.namespace.core.report_on_panic(|| self.report());
    }
}

impl Place {
    /// A file of the folder, as the router sees it.
    pub(super) fn path(&self, file: &str) -> String {
        self.theirs.join(file).to_string_lossy().into_owned()
    }

    pub(super) fn write(&self, file: &str, text: &str) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let file = self.ours.join(file);
        fs::write(&file, text)?;
        // OpenBGPD insists that nobody else may read it.
        fs::set_permissions(file, fs::Permissions::from_mode(0o600))
    }
}
