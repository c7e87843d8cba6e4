//! How the program ends when something is not as it should be.

use bgp_daemon::api::client;
use hyper::StatusCode;
use std::{fmt, process::ExitCode};

/// Why the program does not do what it was asked: a sentence, and an exit code that says what kind of reason it is.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    sentence: String,
}

/// The exit codes, as `--help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nobody reads what we print any more.
    Unread = 0,
    Failed = 1,
    Arguments = 2,
    Mistakes = 3,
    Unreachable = 4,
    Missing = 5,
}

impl Failure {
    fn new(kind: Kind, sentence: impl fmt::Display) -> Self {
        Failure { kind, sentence: sentence.to_string() }
    }

    pub(crate) fn failed(sentence: impl fmt::Display) -> Self {
        Failure::new(Kind::Failed, sentence)
    }

    pub(crate) fn arguments(sentence: impl fmt::Display) -> Self {
        Failure::new(Kind::Arguments, sentence)
    }

    pub(crate) fn mistakes(sentence: impl fmt::Display) -> Self {
        Failure::new(Kind::Mistakes, sentence)
    }

    pub(crate) fn missing(sentence: impl fmt::Display) -> Self {
        Failure::new(Kind::Missing, sentence)
    }

    /// Says it on stderr.
    pub(crate) fn end(&self) -> ExitCode {
        if self.kind != Kind::Unread {
            eprintln!("bgp-daemon: {}", self.sentence);
        }
        ExitCode::from(self.kind as u8)
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        let kind = match &error {
            client::Error::NotRunning(_) | client::Error::NotPermitted(_) => Kind::Unreachable,
            client::Error::Refused(StatusCode::FORBIDDEN, _) => Kind::Unreachable,
            client::Error::Refused(StatusCode::NOT_FOUND, _) => Kind::Missing,
            client::Error::Refused(StatusCode::UNPROCESSABLE_ENTITY, _) => Kind::Mistakes,
            client::Error::Refused(..) | client::Error::Broken(..) => Kind::Failed,
        };
        Failure::new(kind, error)
    }
}

/// Of writing to stdout.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let unread = error.kind() == std::io::ErrorKind::BrokenPipe;
        Failure::new(if unread { Kind::Unread } else { Kind::Failed }, error)
    }
}
