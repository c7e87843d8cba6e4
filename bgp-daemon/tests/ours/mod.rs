//! The program running in a namespace of the lab, and what it is asked over its socket.

#![allow(dead_code, reason = "each test file uses a part")]

mod many;

#[allow(unused_imports, reason = "each test file uses a part")]
pub(crate) use many::{compare, compare_held, routes_text, thousand};

use lab::{Daemon, Lab, Namespace, Route};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{cell::RefCell, fs, path::PathBuf, process::Command, time::Duration};

/// The longest that anything takes on a busy machine.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// Our AS and the one of whoever we talk to.
pub(crate) const OURS: u32 = 65001;
pub(crate) const THEIRS: u32 = 65002;

/// Short times, so that what ends comes back soon.
const TIMERS: &str =
    r#"timers = { hold = "9s", connect_retry = "1s", idle_hold = "1s", idle_hold_max = "1s" }"#;

/// A link with both families: the west is 10.0.0.1 and 2001:db8::1, the east 10.0.0.2 and 2001:db8::2.
pub(crate) fn link(lab: &Lab) -> (Namespace, Namespace) {
    let (west, east) = (lab.namespace("west"), lab.namespace("east"));
    lab.link((&west, &["10.0.0.1/24", "2001:db8::1/64"]), (&east, &["10.0.0.2/24", "2001:db8::2/64"]));
    (west, east)
}

/// A peer at this address that takes and is told everything, and more of its settings.
pub(crate) fn peer(address: &str, more: &str) -> String {
    format!(
        "[[peer]]\naddress = \"{address}\"\nasn = {THEIRS}\nimport = \"all\"\nexport = \"all\"\n{TIMERS}\n{more}\n"
    )
}

/// The program in a namespace.
pub(crate) struct Ours<'a> {
    lab: &'a Lab,
    namespace: Namespace,
    asn: u32,
    file: PathBuf,
    socket: PathBuf,
    daemon: RefCell<Option<Daemon>>,
}

/// A route that we hold, and what only we show of it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) route: Route,
    /// Extended communities, sorted.
    pub(crate) extended: Vec<String>,
    pub(crate) path_id: u64,
    pub(crate) stale: bool,
}

impl<'a> Ours<'a> {
    /// Starts it with these tables behind what is the same in every test; it answers when this returns.
    #[track_caller]
    pub(crate) fn start(lab: &'a Lab, at: &Namespace, tables: &str) -> Self {
        Self::start_as(lab, at, OURS, tables)
    }

    /// The same in another AS.
    #[track_caller]
    pub(crate) fn start_as(lab: &'a Lab, at: &Namespace, asn: u32, tables: &str) -> Self {
        let path = |end: &str| lab.folder().join(format!("ours-{}.{end}", at.name()));
        let (file, socket) = (path("toml"), path("sock"));
        let ours = Ours { lab, namespace: at.clone(), asn, file, socket, daemon: RefCell::default() };
        ours.write(tables);
        ours.spawn();
        ours.lab.wait_until("our program to answer", BOUND, || ours.try_ask(&["show", "memory"]).is_ok());
        ours
    }

    /// Has these tables for the next start or reload.
    pub(crate) fn write(&self, tables: &str) {
        let (socket, asn) = (self.socket.display(), self.asn);
        let id = asn & 0xff;
        let text = format!(
            "asn = {asn}\nrouter_id = \"10.9.9.{id}\"\nlisten = [\"0.0.0.0:179\", \"[::]:179\"]\n\
             resolve_next_hops = false\n\n[api]\nsocket = \"{socket}\"\n\n{tables}"
        );
        fs::write(&self.file, text).unwrap();
    }

    /// Starts its process, for the first time or again.
    pub(crate) fn spawn(&self) {
        let mut command = program();
        command.arg("run").arg(&self.file);
        *self.daemon.borrow_mut() = Some(self.namespace.start("ours", command));
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.daemon.borrow().as_ref().unwrap().signal(signal);
    }

    /// Whether its process is there.
    pub(crate) fn is_running(&self) -> bool {
        self.daemon.borrow().as_ref().is_some_and(Daemon::is_running)
    }

    /// What it logged since it was started.
    pub(crate) fn log(&self) -> String {
        self.daemon.borrow().as_ref().map(Daemon::log).unwrap_or_default()
    }

    /// Waits until it has logged this so many times.
    #[track_caller]
    pub(crate) fn wait_log(&self, text: &str, times: usize) {
        let what = format!("us to log {text:?}, time {times}");
        self.lab.wait_until(what, BOUND, || self.log().matches(text).count() >= times);
    }

    /// Writes other tables and has them read (SIGHUP).
    #[track_caller]
    pub(crate) fn reload(&self, tables: &str) {
        let before = self.log().matches("was read again").count();
        self.write(tables);
        self.signal(Signal::SIGHUP);
        self.wait_log("was read again", before + 1);
    }

    fn try_ask(&self, words: &[&str]) -> Result<String, String> {
        let done = program().arg("--socket").arg(&self.socket).args(words).output().unwrap();
        if done.status.success() {
            return Ok(String::from_utf8(done.stdout).unwrap());
        }
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }

    /// What it says.
    #[track_caller]
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        self.try_ask(words).unwrap_or_else(|said| panic!("{words:?}: {said}\n{}", self.lab.report()))
    }

    /// A peer as JSON.
    #[track_caller]
    pub(crate) fn peer(&self, peer: &str) -> Value {
        serde_json::from_str(&self.ask(&["show", "peer", peer, "--json"])).unwrap()
    }

    /// How many messages of a kind went each way: to it, from it.
    #[track_caller]
    pub(crate) fn messages(&self, peer: &str, kind: &str) -> (u64, u64) {
        let messages = &self.peer(peer)["messages"];
        let count = |way: &str| messages[way][kind].as_u64().unwrap_or_default();
        (count("sent"), count("received"))
    }

    /// How often its session came up and went down.
    #[track_caller]
    pub(crate) fn ups_and_flaps(&self, peer: &str) -> (u64, u64) {
        let peer = self.peer(peer);
        (peer["ups"].as_u64().unwrap(), peer["flaps"].as_u64().unwrap())
    }

    pub(crate) fn is_established(&self, peer: &str) -> bool {
        self.try_ask(&["show", "peer", peer, "--json"])
            .is_ok_and(|said| said.contains("\"state\":\"Established\""))
    }

    #[track_caller]
    pub(crate) fn wait_established(&self, peer: &str) {
        self.lab.wait_until(format!("our session with {peer}"), BOUND, || self.is_established(peer));
    }

    /// All that its peers sent, in order.
    pub(crate) fn held(&self) -> Vec<Held> {
        let said = self.try_ask(&["show", "routes", "--json"]).unwrap_or_default();
        let mut all: Vec<Held> = said.lines().flat_map(held).collect();
        all.sort_by(|one, other| (&one.route, one.path_id).cmp(&(&other.route, other.path_id)));
        all
    }

    /// Waits until what it holds is as wanted.
    #[track_caller]
    pub(crate) fn wait_held(&self, what: &str, holds: impl Fn(&[Held]) -> bool) -> Vec<Held> {
        let held = || Some(self.held()).filter(|held| holds(held));
        self.lab.wait_for(format!("us to hold {what}"), BOUND, held)
    }
}

/// The program.
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bgp-daemon"))
}

/// The routes of one line that did not begin here, and that were accepted: some routers send back what we told them,
/// and we find ourselves in the path.
fn held(line: &str) -> Vec<Held> {
    let prefix: Value = serde_json::from_str(line).unwrap();
    let is_taken = |route: &&Value| !route["from"]["peer"].is_null() && route["standing"] != "rejected";
    let routes = prefix["routes"].as_array().unwrap().iter().filter(is_taken);
    routes
        .map(|route| {
            let attributes = &route["attributes"];
            let text = |name: &str| attributes[name].as_str().unwrap_or_default();
            let of = |colons: usize| {
                let all = attributes["communities"].as_array().unwrap().iter().filter_map(Value::as_str);
                let all = all.filter(|one| {
                    let is_named = one.starts_with(|c: char| c.is_ascii_alphabetic());
                    if colons == 0 { is_named } else { !is_named && one.matches(':').count() == colons }
                });
                let mut all: Vec<_> = all.map(str::to_owned).collect();
                all.sort();
                all
            };
            let numbers = text("as_path").split(|c: char| !c.is_ascii_digit());
            Held {
                route: Route {
                    prefix: prefix["prefix"].as_str().unwrap().parse().unwrap(),
                    next_hop: text("next_hop").parse().unwrap(),
                    as_path: numbers.filter_map(|number| number.parse().ok()).collect(),
                    communities: of(1),
                    large_communities: of(2),
                    med: attributes["med"].as_u64().map(|med| med.try_into().unwrap()),
                },
                extended: of(0),
                path_id: route["path_id"].as_u64().unwrap(),
                stale: route["stale"] == true,
            }
        })
        .collect()
}
