//! Why a route that is desired is not in the kernel.

use super::guard::Barred;
use std::{fmt, sync::Arc};

/// What keeps a route out of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It would cut the machine off.
    Barred(Barred),
    /// As many routes as allowed are there.
    Limit(usize),
    /// There is no way to any of its next hops.
    Unresolved,
    /// Somebody else's route with the same metric has its place.
    Occupied {
        /// Whose it is, by the number of the protocol.
        protocol: u8,
    },
    /// The kernel refused it.
    Refused(Arc<str>),
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::Barred(barred) => barred.fmt(f),
            Held::Limit(most) => {
                write!(f, "{most} routes are installed, the most that kernel.max_routes allows")
            }
            Held::Unresolved => f.write_str("there is no way to its next hop"),
            Held::Occupied { protocol } => write!(
                f,
                "a route of protocol {protocol} with our metric is there; give one of the two another metric"
            ),
            Held::Refused(why) => write!(f, "the kernel refused it: {why}"),
        }
    }
}
