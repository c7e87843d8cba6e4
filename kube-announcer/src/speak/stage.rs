//! When a prefix is told whose packets need a route in the node's kernel: peers hear of it once the kernel has the route,
//! and the route goes once they have heard that the prefix is gone.
//!
//! Meanwhile the route belongs to an owner that no peer's policy knows, and passes on to the owner that peers hear, or
//! back, without the kernel noticing.

use super::owner;
use crate::{object::Name, plan::Kernel};
use std::net::IpAddr;

/// Who owns routes that are in the kernel alone.
const QUIET: &str = "node";

/// Where a prefix stands between the plan and the peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Peers are told.
    Told,
    /// The kernel is to have the route first.
    Placing,
    /// It is withdrawn, and the route stays until that is written: the number of the withdrawal.
    Leaving(u64),
}

/// What a speaker was told of a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spoken {
    class: Name,
    /// The route in the kernel.
    pub(super) kernel: Option<Kernel>,
    pub(super) stage: Stage,
    /// The kernel was seen to have this very route.
    pub(super) seen: bool,
}

/// What a plan wants of a prefix: its class, and the route in the kernel.
pub(super) type Wanted<'p> = (&'p Name, Option<Kernel>);

/// What follows from what was told and what is wanted. `withdrawal` is the number of one that begins now.
pub(super) fn next(before: Option<&Spoken>, now: Option<Wanted<'_>>, withdrawal: u64) -> Option<Spoken> {
    let Some((class, kernel)) = now else {
        let before = before.filter(|before| before.kernel.is_some() && before.stage != Stage::Placing)?;
        let stage = match before.stage {
            Stage::Told => Stage::Leaving(withdrawal),
            other => other,
        };
        return Some(Spoken { stage, ..before.clone() });
    };
    let same = before.is_some_and(|before| before.kernel == kernel);
    let seen = same && before.is_some_and(|before| before.seen);
    let stage = match (kernel, before.map(|before| before.stage)) {
        // What is announced already stays so.
        (None, _) | (_, Some(Stage::Told)) => Stage::Told,
        (_, Some(Stage::Leaving(_))) if seen => Stage::Told,
        _ => Stage::Placing,
    };
    Some(Spoken { class: class.clone(), kernel, stage, seen })
}

impl Spoken {
    /// Who owns its route.
    pub(super) fn owner(&self) -> Name {
        if self.stage == Stage::Told { owner(&self.class) } else { QUIET.into() }
    }

    /// The address that its packets go to.
    pub(super) fn through(&self) -> Option<IpAddr> {
        match self.kernel {
            Some(Kernel::Pod(address)) => Some(address),
            _ => None,
        }
    }

    /// Its packets are dropped where nothing more specific is for them.
    pub(super) fn is_discarded(&self) -> bool {
        self.kernel == Some(Kernel::Discard)
    }

    /// What follows from a look at the kernel.
    pub(super) fn seen(&self, has: bool) -> Self {
        let stage = match self.stage {
            Stage::Placing if has => Stage::Told,
            // It had the route, and has it no more. One that was never seen is under way.
            Stage::Told if !has && self.seen => Stage::Placing,
            other => other,
        };
        let seen = if stage == Stage::Placing { false } else { self.seen || has };
        Spoken { stage, seen, ..self.clone() }
    }
}
