//! What can be started: a kind of router of some age.

use std::cell::RefCell;
use std::fmt;
use std::net::{Ipv6Addr, TcpListener};
use std::rc::Rc;

use super::running::{Place, Running};
use super::{BOUND, Kind, Router};
use crate::config::Config;
use crate::daemon::Daemon;
use crate::lab::Reports;
use crate::namespace::Namespace;
use crate::programs::Age;
use crate::wait::within;

/// A kind of router of some age: what can be started.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Model {
    pub(crate) kind: Kind,
    pub(crate) age: Age,
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = if self.age == Age::Host { "the host's" } else { "today's" };
        write!(f, "{age} {}", self.kind.name())
    }
}

impl Model {
    /// Its kind.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.kind
    }

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
        let files = self.files(config, &place);
        files.iter().map(|(name, text)| format!("== {name}\n{text}")).collect()
    }

    /// Its files; the first is the main one.
    fn files(self, config: &Config, place: &Place) -> Vec<(&'static str, String)> {
        let mut files = self.kind.0.files(config, place);
        if let (Some((_, main)), Some(text)) = (files.first_mut(), &config.text) {
            main.clone_from(text);
        }
        files
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
        for (file, text) in self.files(config, &place) {
            place.write(file, &text).unwrap_or_else(|e| panic!("{self}: {file}: {e}"));
        }
        dialect.prepare(&place).unwrap_or_else(|e| panic!("{self}: {}: {e}", place.ours.display()));
        let name = format!("{self} in {}", namespace.name());
        let helpers = dialect.helpers(config, &place).into_iter().map(|(command, file)| {
            let helper = namespace.start(&format!("a helper of {name}"), command);
            let file = place.ours.join(file);
            core.wait_until(format!("a helper of {name} to make {}", file.display()), BOUND, || {
                file.exists()
            });
            helper
        });
        let helpers = helpers.collect();
        let daemon = Daemon::start(namespace, &name, dialect.command(config, &place))
            .unwrap_or_else(|e| panic!("{e}"));
        let (config, namespace) = (RefCell::new(config.clone()), namespace.clone());
        let running = Rc::new(Running { kind: self.kind, name, config, place, namespace, daemon, helpers });
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
