//! What a plan needs of the node that it is for.

use crate::plan::{Kernel, Outcome, Plan};

/// What a plan needs of its node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Routes are put into the kernel: those of peers, the way to ranges behind pods, what aggregates drop.
    pub routes: bool,
    /// Routes of peers are taken.
    pub import: bool,
    /// They are taken from several peers, so packets may come in by another interface than the answers leave by.
    pub several: bool,
    /// Nodes of a mesh connect to this one.
    pub mesh: bool,
}

/// The bit of `CAP_NET_ADMIN` among the capabilities of a process.
const NET_ADMIN: u64 = 1 << 12;

impl Needs {
    /// What this plan needs.
    pub fn of(plan: &Plan) -> Self {
        let importing = plan.sessions.iter().filter(|session| session.wish.import.is_some()).count();
        let stands = |outcome: &Outcome| {
            matches!(outcome, Outcome::Announced { kernel: Some(Kernel::Discard | Kernel::Pod(_)), .. })
        };
        Needs {
            routes: importing > 0 || plan.prefixes.values().any(|decision| stands(&decision.outcome)),
            import: importing > 0,
            several: importing > 1,
            mesh: plan.sessions.iter().any(|session| session.listens),
        }
    }
}

/// Whether a process may change routes, as `/proc/PID/status` says it.
pub(super) fn may_change_routes(status: &str) -> Option<bool> {
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    Some(u64::from_str_radix(mask.trim(), 16).ok()? & NET_ADMIN != 0)
}
