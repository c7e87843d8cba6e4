//! Real routers: one table, a row per router, a file per row, each in the same order.

mod bird;
mod exabgp;
mod frr;
mod gobgp;
mod openbgpd;

use std::cell::RefCell;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv6Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::{Announcement, Config};
use crate::daemon::Daemon;
use crate::lab::Reports;
use crate::namespace::Namespace;
use crate::programs::Age;
use crate::route::Route;
use crate::wait::within;

/// How long a router may take for anything it is asked; a busy machine is slow, a broken router is slower.
const BOUND: Duration = Duration::from_secs(40);

/// A kind of router.
#[derive(Clone, Copy)]
pub struct Kind(&'static dyn Dialect);

/// BIRD 2.
pub const BIRD: Kind = Kind(&bird::Bird);
/// FRR's bgpd, without zebra.
pub const FRR: Kind = Kind(&frr::Frr);
/// GoBGP.
pub const GOBGP: Kind = Kind(&gobgp::GoBgp);
/// OpenBGPD, portable.
pub const OPENBGPD: Kind = Kind(&openbgpd::OpenBgpd);
/// ExaBGP 4.
pub const EXABGP: Kind = Kind(&exabgp::ExaBgp);
/// All of them.
pub const KINDS: [Kind; 5] = [BIRD, FRR, GOBGP, OPENBGPD, EXABGP];

/// A kind of router of some age: what can be started.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Model {
    pub(crate) kind: Kind,
    pub(crate) age: Age,
}

/// A running router. Dropping it kills it.
pub struct Router {
    running: Rc<Running>,
}

/// What a router's file needs to talk to it.
pub(crate) struct Running {
    kind: Kind,
    name: String,
    config: RefCell<Config>,
    place: Place,
    namespace: Namespace,
    daemon: Daemon,
    _helper: Option<Daemon>,
}

/// Where a router keeps its files.
pub(crate) struct Place {
    age: Age,
    /// The folder as we see it.
    ours: PathBuf,
    /// The folder as the router sees it.
    theirs: PathBuf,
}

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
    /// What must run before it, and the file that shows that it does.
    fn helper(&self, _: &Place) -> Option<(Command, &'static str)> {
        None
    }
    /// How it is started in the foreground.
    fn command(&self, config: &Config, place: &Place) -> Command;
    /// Whether it answers, and has been told everything of its configuration.
    fn begin(&self, router: &Running) -> Result<(), String>;
    /// Whether the session with this peer is established.
    fn is_established(&self, router: &Running, peer: IpAddr) -> Result<bool, String>;
    /// What it learned from its peers.
    fn routes(&self, router: &Running) -> Result<Vec<Route>, String>;
    /// Announces one more prefix.
    fn announce(&self, router: &Running, what: &Announcement) -> Result<(), String>;
    /// Withdraws a prefix.
    fn withdraw(&self, router: &Running, prefix: IpNet) -> Result<(), String>;
    /// Asks the peer to send everything again (ROUTE-REFRESH), if it can.
    fn refresh(&self, router: &Running, peer: IpAddr) -> Result<(), String>;
    /// Closes the session with a reason, if it can: administrative shutdown with text (RFC 9003).
    fn shut_down(&self, router: &Running, peer: IpAddr, reason: &str) -> Result<(), String>;
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

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = if self.age == Age::Host { "the host's" } else { "today's" };
        write!(f, "{age} {}", self.kind.name())
    }
}

impl Model {
    /// The version that it says it has.
    ///
    /// # Panics
    /// When it cannot be asked.
    #[must_use]
    pub fn version(self) -> String {
        let (words, after) = self.kind.0.version();
        let mut command = self.age.command(words[0]);
        let printed =
            command.args(&words[1..]).output().unwrap_or_else(|e| panic!("{self}: {command:?}: {e}"));
        let text = [printed.stdout, printed.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let version = text.split_once(after).and_then(|(_, rest)| rest.split_whitespace().next());
        version.unwrap_or_else(|| panic!("{self}: no version in {text:?}")).trim_end_matches(',').to_owned()
    }

    /// The configuration files that `config` becomes, each with its name in front.
    #[must_use]
    pub fn written(self, config: &Config) -> String {
        let place = Place { age: self.age, ours: "/lab".into(), theirs: "/lab".into() };
        let files = self.kind.0.files(config, &place);
        files.iter().map(|(name, text)| format!("== {name}\n{text}")).collect()
    }

    /// Starts it in a namespace and waits until it answers.
    ///
    /// # Panics
    /// When it does not, with what it logged.
    #[must_use = "a router dies when it is dropped"]
    #[track_caller]
    pub fn start(self, namespace: &Namespace, config: &Config) -> Router {
        let port = config.port;
        // Several routers would otherwise only log it, and one would wait in vain for the other.
        if let Err(taken) = namespace.run(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))) {
            panic!(
                "{self}: port {port} in {} ({taken}): use Config::port or another namespace",
                namespace.name()
            );
        }
        let core = Rc::clone(&namespace.core);
        let name = core.unique(self.kind.name());
        let (ours, theirs) = core.keeper.folder(self.age, &name).unwrap_or_else(|e| panic!("{e}"));
        let place = Place { age: self.age, ours, theirs };
        let dialect = self.kind.0;
        for (file, text) in dialect.files(config, &place) {
            place.write(file, &text).unwrap_or_else(|e| panic!("{self}: {file}: {e}"));
        }
        dialect.prepare(&place).unwrap_or_else(|e| panic!("{self}: {}: {e}", place.ours.display()));
        let name = format!("{self} in {}", namespace.name());
        let helper = dialect.helper(&place).map(|(command, file)| {
            let helper = namespace.start(&format!("the helper of {name}"), command);
            let file = place.ours.join(file);
            core.wait_until(format!("the helper of {name} to make {}", file.display()), BOUND, || {
                file.exists()
            });
            helper
        });
        let daemon = Daemon::start(namespace, &name, dialect.command(config, &place))
            .unwrap_or_else(|e| panic!("{e}"));
        let (config, namespace) = (RefCell::new(config.clone()), namespace.clone());
        let running =
            Rc::new(Running { kind: self.kind, name, config, place, namespace, daemon, _helper: helper });
        let mut last = String::new();
        let answers = within(BOUND, || match dialect.begin(&running) {
            Err(refused) if running.daemon.is_running() => {
                last = refused;
                None
            }
            end => Some(end),
        });
        if !matches!(answers, Some(Ok(()))) {
            panic!(
                "{} does not answer: {last}\n{}\nit logged:\n{}",
                running.name,
                self.written(&running.config.borrow()),
                running.daemon.log()
            );
        }
        let shown: Rc<dyn Reports> = running.clone();
        core.show_in_reports(&shown);
        Router { running }
    }
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

    /// What it learned from its peers, sorted. Nothing while it does not answer.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let mut routes = self.running.kind.0.routes(&self.running).unwrap_or_default();
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
    fn ask(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = self.place.age.command(program);
        command.args(arguments);
        self.namespace.output(command)
    }

    /// The same as JSON.
    fn ask_json(&self, program: &str, arguments: &[&str]) -> Result<serde_json::Value, String> {
        let printed = self.ask(program, arguments)?;
        serde_json::from_str(&printed)
            .map_err(|e| format!("{program} {arguments:?} printed no JSON ({e}): {printed}"))
    }

    /// A file of its folder, as it sees it.
    fn path(&self, file: &str) -> String {
        self.place.path(file)
    }

    /// The place of a peer among its peers.
    fn index(&self, peer: IpAddr) -> Result<usize, String> {
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
    fn path(&self, file: &str) -> String {
        self.theirs.join(file).to_string_lossy().into_owned()
    }

    fn write(&self, file: &str, text: &str) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let file = self.ours.join(file);
        fs::write(&file, text)?;
        // OpenBGPD insists that nobody else may read it.
        fs::set_permissions(file, fs::Permissions::from_mode(0o600))
    }
}
