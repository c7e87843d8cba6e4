//! The lab: what one test has running, and the report of it when an expectation fails.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::keeper::Keeper;
use crate::namespace::Namespace;
use crate::need::{Need, need};
use crate::programs::Age;
use crate::wait::{now, within};

/// Interfaces of the lab are numbered from here.
const INTERFACES: usize = 100;
/// How long a cable may take until it carries packets.
const CABLE: Duration = Duration::from_secs(10);

/// Everything that one test starts.
pub struct Lab {
    core: Rc<Core>,
}

/// What the values of a lab share; the last of them to go takes the keeper along.
pub(crate) struct Core {
    pub(crate) keeper: Keeper,
    logs: PathBuf,
    started: Cell<usize>,
    shown: RefCell<Vec<Weak<dyn Reports>>>,
    reported: Cell<bool>,
}

/// Something that a failed expectation shows.
pub(crate) trait Reports {
    /// Its log and tables, for people.
    fn report(&self) -> String;
}

impl Lab {
    /// A lab, if the machine has what the test needs, or one line on the terminal that says what is missing.
    ///
    /// # Panics
    /// When something is missing and `LAB=required`.
    #[must_use]
    #[track_caller]
    pub fn needing(needs: &[Need]) -> Option<Self> {
        (need(&[Need::Namespaces]) && need(needs)).then(Self::new)
    }

    /// A lab, without asking first.
    ///
    /// # Panics
    /// Without namespaces.
    #[must_use]
    pub fn new() -> Self {
        let keeper = Keeper::start().unwrap_or_else(|e| panic!("{e}"));
        let (logs, _) = keeper.folder(Age::Host, "log").unwrap_or_else(|e| panic!("{e}"));
        let core = Core {
            keeper,
            logs,
            started: Cell::new(0),
            shown: RefCell::default(),
            reported: Cell::new(false),
        };
        Self { core: Rc::new(core) }
    }

    /// A new network namespace. The name is for people and for interfaces.
    ///
    /// # Panics
    /// When the name is longer than an interface's may be.
    #[must_use]
    #[track_caller]
    pub fn namespace(&self, name: &str) -> Namespace {
        assert!(
            (1..16).contains(&name.len()),
            "namespace {name:?}: use 1 to 15 characters, it names interfaces too"
        );
        Namespace::new(&self.core, name)
    }

    /// A cable between two namespaces. In each, the interface has the other's name and the addresses given here
    /// (with prefix length).
    ///
    /// # Panics
    /// When `ip` refuses.
    #[track_caller]
    pub fn link(&self, left: (&Namespace, &[&str]), right: (&Namespace, &[&str])) {
        let net = format!("/proc/{}/fd/{}", std::process::id(), right.0.net.as_raw_fd());
        let (to_right, to_left) = (right.0.name(), left.0.name());
        // Ends with different numbers: the kernel reports a carrier up to a second late where the numbers are equal.
        let (one, other) = (self.core.number() + INTERFACES, self.core.number() + INTERFACES);
        left.0.ip(&format!(
            "link add {to_right} index {one} type veth peer name {to_left} index {other} netns {net}"
        ));
        for ((namespace, addresses), device) in [(left, to_right), (right, to_left)] {
            namespace.sysctl(&format!("net/ipv6/conf/{device}/accept_dad"), "0");
            for address in addresses {
                let nodad = if address.contains(':') { "nodad" } else { "" };
                namespace.ip(&format!("addr add {address} dev {device} {nodad}"));
            }
            namespace.ip(&format!("link set {device} up"));
        }
        for ((namespace, _), device) in [(left, to_right), (right, to_left)] {
            let is_up = || namespace.ip(&format!("-brief link show dev {device}")).contains(" UP ");
            self.wait_until(format!("{device} in {} to be up", namespace.name()), CABLE, is_up);
        }
    }

    /// Waits until the condition holds.
    ///
    /// # Panics
    /// When it does not within the bound: with what was awaited and the report of the lab.
    #[track_caller]
    pub fn wait_until(&self, what: impl Display, bound: Duration, holds: impl FnMut() -> bool) {
        self.core.wait_until(what, bound, holds);
    }

    /// The same, and how long it took.
    ///
    /// # Panics
    /// When it does not within the bound: with what was awaited and the report of the lab.
    #[track_caller]
    pub fn time_until(&self, what: impl Display, bound: Duration, holds: impl FnMut() -> bool) -> Duration {
        let began = now();
        self.core.wait_until(what, bound, holds);
        now() - began
    }

    /// Waits for an answer.
    ///
    /// # Panics
    /// When there is none within the bound: with what was awaited and the report of the lab.
    #[track_caller]
    pub fn wait_for<T>(&self, what: impl Display, bound: Duration, ask: impl FnMut() -> Option<T>) -> T {
        self.core.wait_for(what, bound, ask)
    }

    /// A folder for the test's own files; it goes with the lab.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.core.keeper.own_folder()
    }

    /// What everything in the lab logged and holds.
    #[must_use]
    pub fn report(&self) -> String {
        self.core.report()
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Core {
    #[track_caller]
    pub(crate) fn wait_until(&self, what: impl Display, bound: Duration, mut holds: impl FnMut() -> bool) {
        self.wait_for(what, bound, || holds().then_some(()));
    }

    #[track_caller]
    pub(crate) fn wait_for<T>(
        &self,
        what: impl Display,
        bound: Duration,
        ask: impl FnMut() -> Option<T>,
    ) -> T {
        if let Some(answer) = within(bound, ask) {
            return answer;
        }
        let report = self.report();
        self.reported.set(true);
        panic!("waited {bound:?} in vain for {what}\n\n{report}");
    }

    fn report(&self) -> String {
        let shown = self.shown.borrow();
        shown.iter().filter_map(Weak::upgrade).map(|one| format!("--- {}", one.report())).collect()
    }

    /// From now on reports show this too.
    pub(crate) fn show_in_reports(&self, one: &Rc<dyn Reports>) {
        self.shown.borrow_mut().push(Rc::downgrade(one));
    }

    /// A test that fails by other means than an expectation of the lab shows the report as well, value by value.
    pub(crate) fn report_on_panic(&self, report: impl FnOnce() -> String) {
        if std::thread::panicking() && !self.reported.get() {
            eprintln!("--- {}", report());
        }
    }

    /// A name that nothing else in this lab has.
    pub(crate) fn unique(&self, name: &str) -> String {
        format!("{}-{name}", self.number())
    }

    /// A number that nothing else in this lab has.
    fn number(&self) -> usize {
        self.started.set(self.started.get() + 1);
        self.started.get()
    }

    pub(crate) fn log_file(&self, name: &str) -> PathBuf {
        self.logs.join(self.unique(name))
    }
}
