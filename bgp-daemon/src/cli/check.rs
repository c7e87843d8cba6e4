//! Saying what is wrong in a configuration, and what it would change.

use super::{ask::Ask, failure::Failure};
use bgp_daemon::config;
use std::{
    fs,
    io::{Write as _, stdout},
    path::Path,
};

/// Checks a file.
pub(crate) fn check(file: &Path) -> Result<(), Failure> {
    let loaded = config::load(file).map_err(Failure::mistakes)?;
    let name = file.display().to_string();
    eprint!("{}", config::report(&name, &loaded.warnings));
    Ok(writeln!(stdout(), "{name}: {}", loaded.config.summary())?)
}

/// Checks a file, and says what a reload with it would change in the daemon that runs.
pub(crate) fn compare(file: &Path, ask: &Ask) -> Result<(), Failure> {
    check(file)?;
    let text = fs::read_to_string(file)?;
    let folder = fs::canonicalize(file)?.parent().map(Path::to_owned).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(ask.compare(&text, &folder))
}
