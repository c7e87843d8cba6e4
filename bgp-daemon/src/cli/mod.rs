//! The program's face: arguments, what they do, and how it ends.

mod arguments;
mod ask;
mod check;
#[cfg(test)]
mod docs;
mod failure;
mod log;
mod notify;
mod run;
mod show;
mod table;
mod trim;

use arguments::{Action, Arguments};
use ask::Ask;
use clap::{CommandFactory as _, Parser as _};
use std::{io::stdout, process::ExitCode};

/// Does what the arguments say.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.action {
        Action::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "bgp-daemon", &mut stdout());
            Ok(())
        }
        Action::Run { file, log } => run::run(&file, &log),
        Action::Check { file, against_running: false } => check::check(&file),
        Action::Check { file, against_running: true } => {
            check::compare(&file, &Ask::new(arguments.socket, arguments.json))
        }
        _ => ask::ask(arguments),
    };
    done.map_or_else(|failure| failure.end(), |()| ExitCode::SUCCESS)
}
