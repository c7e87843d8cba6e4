//! A network namespace as a value. It has no name in `/run/netns`: it lives while this value or a process in it lives.

use std::fs::File;
use std::process::{Command, Output, Stdio};
use std::rc::Rc;

use nix::sched::{CloneFlags, setns, unshare};

use crate::daemon::Daemon;
use crate::keeper::HOW;
use crate::lab::Core;
use crate::programs::program;

/// One network namespace of a [`Lab`](crate::Lab), with `lo` up and forwarding on.
#[derive(Clone)]
pub struct Namespace {
    pub(crate) core: Rc<Core>,
    pub(crate) net: Rc<File>,
    name: Rc<str>,
}

impl Namespace {
    pub(crate) fn new(core: &Rc<Core>, name: &str) -> Self {
        let made = std::thread::scope(|scope| {
            let made = scope.spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET)
                    .map_err(|e| format!("no network namespace ({e}): {HOW}"))?;
                File::open("/proc/thread-self/ns/net").map_err(|e| format!("/proc/thread-self/ns/net: {e}"))
            });
            made.join().expect("unsharing does not panic")
        });
        let net = made.unwrap_or_else(|e| panic!("namespace {name}: {e}"));
        let made = Self { core: Rc::clone(core), net: Rc::new(net), name: name.into() };
        made.ip("link set lo up");
        made.sysctl("net/ipv4/ip_forward", "1");
        made.sysctl("net/ipv6/conf/all/forwarding", "1");
        made
    }

    /// The name it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a closure in the namespace. Sockets that it opens, and threads that it starts, stay there.
    ///
    /// # Panics
    /// When the closure does, with the same message.
    pub fn run<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        let net: &File = &self.net;
        let done = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name(format!("in {}", self.name));
            let running = thread.spawn_scoped(scope, move || {
                setns(net, CloneFlags::CLONE_NEWNET).expect("the namespace is open");
                inside()
            });
            running.expect("a thread starts").join()
        });
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Starts a program in the namespace; both its outputs go to a log that every failed expectation shows.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use = "a daemon dies when it is dropped"]
    pub fn start(&self, name: &str, command: Command) -> Daemon {
        Daemon::start(self, name, command).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Runs a program to its end in the namespace.
    ///
    /// # Errors
    /// When it does not start or does not succeed: what it was and what it printed.
    pub fn output(&self, mut command: Command) -> Result<String, String> {
        let shown = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let Output { status, stdout, stderr } = self
            .spawn(command)
            .and_then(std::process::Child::wait_with_output)
            .map_err(|e| format!("{shown} in {}: {e}", self.name))?;
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        if status.success() {
            return Ok(stdout.into_owned());
        }
        Err(format!("{shown} in {}: {status}: {} {}", self.name, stderr.trim(), stdout.trim()))
    }

    /// `ip` with these words, for example `addr add 10.0.0.1/32 dev lo`, and what it printed.
    ///
    /// # Panics
    /// When `ip` refuses, with what it said.
    #[track_caller]
    pub fn ip(&self, words: &str) -> String {
        let mut command = program("ip");
        command.args(words.split_whitespace());
        self.output(command).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Writes a value under `/proc/sys`.
    ///
    /// # Panics
    /// When there is no such setting.
    pub fn sysctl(&self, setting: &str, value: &str) {
        let file = format!("/proc/sys/{setting}");
        self.run(|| std::fs::write(&file, value)).unwrap_or_else(|e| panic!("{file} in {}: {e}", self.name));
    }

    /// A child process in the namespace and in the lab's process namespace.
    pub(crate) fn spawn(&self, mut command: Command) -> std::io::Result<std::process::Child> {
        let keeper = &self.core.keeper;
        self.run(move || {
            keeper.adopt_children();
            command.spawn()
        })
    }
}
