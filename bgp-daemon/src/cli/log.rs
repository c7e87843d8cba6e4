//! Logs to stderr: text where a person looks on, JSON otherwise; levels that change at run time.

use std::io::{IsTerminal as _, stderr};
use tracing_subscriber::{
    Layer as _, Registry,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    reload,
    util::SubscriberInitExt as _,
};

/// Which levels are logged.
#[derive(Clone)]
pub(crate) struct Levels(reload::Handle<Targets, Registry>);

/// `info`, or `info,bgp_daemon::speaker=trace`.
fn filter(levels: &str) -> Result<Targets, String> {
    let mut targets = Targets::new();
    for part in levels.split(',').map(str::trim) {
        let (module, level) =
            part.rsplit_once('=').map_or((None, part), |(module, level)| (Some(module), level));
        let level: LevelFilter = level.parse().map_err(|_| {
            let known = "error, warn, info, debug or trace, or such a level by module: info,bgp_daemon::speaker=trace";
            format!("\"{}\" is no level of logging; write {known}", part.escape_debug())
        })?;
        targets = match module {
            Some(module) => targets.with_target(module, level),
            None => targets.with_default(level),
        };
    }
    Ok(targets)
}

impl Levels {
    /// Logs from now on.
    ///
    /// # Errors
    /// The levels are none, as a sentence.
    pub(crate) fn init(levels: &str) -> Result<Self, String> {
        let (filter, handle) = reload::Layer::new(filter(levels)?);
        let text = stderr().is_terminal();
        let layer = if text {
            fmt::layer().with_writer(stderr).with_target(false).boxed()
        } else {
            fmt::layer().json().flatten_event(true).with_writer(stderr).boxed()
        };
        let started = tracing_subscriber::registry().with(filter).with(layer).try_init();
        started.map(|()| Levels(handle)).map_err(|error| error.to_string())
    }

    /// Logs these levels from now on.
    ///
    /// # Errors
    /// They are none, as a sentence.
    pub(crate) fn set(&self, levels: &str) -> Result<(), String> {
        self.0.reload(filter(levels)?).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_level_is_refused_with_what_is() {
        assert!(filter("info,bgp_daemon::speaker=trace").is_ok());
        let sentence = filter("info,loud").unwrap_err();
        assert!(sentence.starts_with("\"loud\" is no level of logging; write error, warn"), "{sentence}");
    }
}
