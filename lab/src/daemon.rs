//! A program that runs until its value is dropped.

use std::cell::RefCell;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::{Core, Reports};
use crate::namespace::Namespace;

/// How many lines of a log a report shows.
const LINES: usize = 30;

/// A running program of the lab. Dropping it kills and reaps it.
pub struct Daemon {
    running: Rc<Running>,
}

struct Running {
    core: Rc<Core>,
    name: String,
    log: PathBuf,
    child: RefCell<Child>,
}

impl Daemon {
    pub(crate) fn start(namespace: &Namespace, name: &str, mut command: Command) -> Result<Self, String> {
        let core = Rc::clone(&namespace.core);
        let log = core.log_file(name);
        let file = File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let copy = file.try_clone().map_err(|e| format!("{}: {e}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file).stderr(copy);
        let shown = format!("{command:?}");
        let child = namespace.spawn(command).map_err(|e| format!("{name} does not start: {shown}: {e}"))?;
        let running = Rc::new(Running { core, name: name.to_owned(), log, child: RefCell::new(child) });
        let seen: Rc<dyn Reports> = running.clone();
        running.core.show_in_reports(&seen);
        Ok(Self { running })
    }

    /// The name it was started with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.running.name
    }

    /// All it printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.running.log()
    }

    /// Its process id, as this process sees it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.child.borrow().id()
    }

    /// Whether it has not ended yet.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.running.child.borrow_mut().try_wait(), Ok(None))
    }

    /// Waits until its log contains `text`.
    ///
    /// # Panics
    /// When that takes longer than `bound`.
    #[track_caller]
    pub fn wait_log(&self, text: &str, bound: Duration) {
        let what = format!("{} to log {text:?}", self.running.name);
        self.running.core.wait_until(what, bound, || self.log().contains(text));
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.id().cast_signed());
        // A process that has ended already is no mistake: the caller cannot know.
        let _ = kill(id, signal);
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// When it has not after `bound`.
    #[track_caller]
    pub fn stop(self, bound: Duration) {
        self.signal(Signal::SIGTERM);
        self.running.core.wait_until(format!("{} to end", self.running.name), bound, || !self.is_running());
    }
}

impl Running {
    fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

impl Reports for Running {
    fn report(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LINES)..].join("\n    ");
        let ended = match self.child.borrow_mut().try_wait() {
            Ok(Some(status)) => format!(", which has ended ({status})"),
            _ => String::new(),
        };
        format!("{}{ended}, last lines logged:\n    {last}\n", self.name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.core.report_on_panic(|| self.report());
        let mut child = self.child.borrow_mut();
        let _ = child.kill();
        // Without a bound: killed processes end, and the keeper must find no child of ours left.
        let _ = child.wait();
    }
}
