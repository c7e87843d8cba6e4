//! A configuration in one line, for whoever has just had it checked.

use super::Config;
use std::fmt;

/// `AS 65000, 3 peers, 1 group, 2 policies, 1 route of our own, listening on 0.0.0.0:179`.
pub struct Summary<'a>(&'a Config);

impl Config {
    /// The configuration in one line.
    pub fn summary(&self) -> Summary<'_> {
        Summary(self)
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary(config) = self;
        let rows = [
            (config.peers.len(), "peer", "peers"),
            (config.groups.len(), "group", "groups"),
            (config.policies.written(), "policy", "policies"),
            (config.routes.len(), "route of our own", "routes of our own"),
            (config.aggregates.len(), "aggregate", "aggregates"),
        ];
        write!(f, "AS {}", config.asn)?;
        // Peers are what it is all about: none is worth a word too.
        for (count, one, several) in rows.into_iter().filter(|(count, one, _)| *count > 0 || *one == "peer") {
            write!(f, ", {count} {}", if count == 1 { one } else { several })?;
        }
        match config.listen.as_slice() {
            [] => f.write_str(", listening nowhere"),
            [first, rest @ ..] => {
                write!(f, ", listening on {first}")?;
                rest.iter().try_for_each(|address| write!(f, " and {address}"))
            }
        }
    }
}
