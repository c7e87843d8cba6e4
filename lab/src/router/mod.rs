//! Real routers: one table, a row per router, a file per row, each in the same order.

mod bird;
mod exabgp;
mod frr;
mod gobgp;
mod model;
mod mrt;
mod openbgpd;
mod running;

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::{Announcement, Config};
use crate::programs::Age;
use crate::route::Route;
pub use model::Model;
pub use running::Router;
use running::{Place, Running};

/// How long a router may take for anything it is asked; a busy machine is slow, a broken router is slower.
const BOUND: Duration = Duration::from_secs(40);

/// A kind of router.
#[derive(Clone, Copy)]
pub struct Kind(&'static dyn Dialect);

/// BIRD 2.
pub const BIRD: Kind = Kind(&bird::Bird);
/// FRR: bgpd and zebra.
pub const FRR: Kind = Kind(&frr::Frr);
/// GoBGP.
pub const GOBGP: Kind = Kind(&gobgp::GoBgp);
/// OpenBGPD, portable.
pub const OPENBGPD: Kind = Kind(&openbgpd::OpenBgpd);
/// ExaBGP 4.
pub const EXABGP: Kind = Kind(&exabgp::ExaBgp);
/// All of them.
pub const KINDS: [Kind; 5] = [BIRD, FRR, GOBGP, OPENBGPD, EXABGP];

/// What there is to know about one kind of router.
pub(crate) trait Dialect: Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Its programs: the daemon and what asks it.
    fn programs(&self) -> &'static [&'static str];
    /// Whether it must be root for real: it changes to another user.
    fn changes_user(&self) -> bool;
    /// What prints its version, and the word of its output after which the version stands.
    fn version(&self) -> (&'static [&'static str], &'static str);
    /// Its configuration files, by name; the first is the main one.
    fn files(&self, config: &Config, place: &Place) -> Vec<(&'static str, String)>;
    /// What else it wants to find before it starts.
    fn prepare(&self, place: &Place) -> std::io::Result<()>;
    /// What must run before it, each with the file that shows that it does.
    fn helpers(&self, _: &Config, _: &Place) -> Vec<(Command, &'static str)> {
        Vec::new()
    }
    /// How it is started in the foreground.
    fn command(&self, config: &Config, place: &Place) -> Command;
    /// Whether it answers, and has been told everything of its configuration.
    fn begin(&self, router: &Running) -> Result<(), String>;
    /// Whether the session with this peer is established.
    fn is_established(&self, router: &Running, peer: IpAddr) -> Result<bool, String>;
    /// Whether its BFD session with this peer is up, if it speaks BFD.
    fn is_bfd_up(&self, _: &Running, _: IpAddr) -> Result<bool, String> {
        Err("it speaks no BFD".into())
    }
    /// What it learned from its peers.
    fn routes(&self, router: &Running) -> Result<Vec<Route>, String>;
    /// What it accepted of that.
    fn accepted(&self, router: &Running) -> Result<Vec<Route>, String> {
        self.routes(router)
    }
    /// Announces one more prefix.
    fn announce(&self, router: &Running, what: &Announcement) -> Result<(), String>;
    /// Withdraws a prefix.
    fn withdraw(&self, router: &Running, prefix: IpNet) -> Result<(), String>;
    /// Asks the peer to send everything again (ROUTE-REFRESH), if it can.
    fn refresh(&self, router: &Running, peer: IpAddr) -> Result<(), String>;
    /// Closes the session with a reason, if it can: administrative shutdown with text (RFC 9003).
    fn shut_down(&self, router: &Running, peer: IpAddr, reason: &str) -> Result<(), String>;
    /// Ends it so that peers keep its routes until it is back, if there are words for that.
    fn end_for_restart(&self, _: &Running) -> Result<(), String> {
        Err("it has no words for that".into())
    }
    /// Its sessions and tables, for people.
    fn tables(&self, router: &Running) -> Vec<Result<String, String>>;
}

impl Kind {
    /// The host's.
    #[must_use]
    pub const fn host(self) -> Model {
        Model { kind: self, age: Age::Host }
    }

    /// Today's.
    #[must_use]
    pub const fn current(self) -> Model {
        Model { kind: self, age: Age::Current }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    pub(crate) fn programs(self) -> &'static [&'static str] {
        self.0.programs()
    }

    pub(crate) fn changes_user(self) -> bool {
        self.0.changes_user()
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Kind {}
