//! Logs to stderr: text where a person looks on, JSON otherwise; levels that change at run time.

use bgp_daemon::api::SetLevels;
use std::{
    io::{IsTerminal as _, stderr},
    sync::Arc,
};
use tracing_subscriber::{
    Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, reload, util::SubscriberInitExt as _,
};

/// `info`, or `info,bgp_daemon=debug`.
fn filter(levels: &str) -> Result<Targets, String> {
    levels.parse().map_err(|error| {
        let known = "error, warn, info, debug or trace, or such a level by module: info,bgp_daemon=debug";
        format!("\"{}\" is no level of logging ({error}); write {known}", levels.escape_debug())
    })
}

/// Logs these levels from now on. What comes back changes them.
pub(super) fn init(levels: &str) -> Result<SetLevels, String> {
    let (filter_layer, handle) = reload::Layer::new(filter(levels)?);
    let layer = if stderr().is_terminal() {
        fmt::layer().with_writer(stderr).with_target(false).boxed()
    } else {
        fmt::layer().json().flatten_event(true).with_writer(stderr).boxed()
    };
    let started = tracing_subscriber::registry().with(filter_layer).with(layer).try_init();
    started.map_err(|error| error.to_string())?;
    Ok(Arc::new(move |levels| handle.reload(filter(levels)?).map_err(|error| error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_level_is_refused_with_what_is() {
        assert!(filter("info,bgp_daemon::speaker=trace").is_ok());
        let sentence = filter("info,a=loud").unwrap_err();
        assert!(sentence.contains("write error, warn"), "{sentence}");
    }
}
