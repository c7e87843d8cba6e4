//! Routes of others that are announced as our own: which they are, and what of that has changed.

use super::{Kind, Known, guard::is_special, resolve::Resolver};
use crate::config::KernelRoutes;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// What of the kernel's routes is passed on.
#[derive(Debug, Default)]
pub struct Redistributed {
    routes: BTreeMap<KernelRoutes, BTreeSet<IpNet>>,
}

/// Prefixes of one kind of routes that came, and those that went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The kind.
    pub from: KernelRoutes,
    /// Prefixes that have such a route now.
    pub come: Vec<IpNet>,
    /// Prefixes that have none any more.
    pub gone: Vec<IpNet>,
}

/// The routes that a link makes.
const KERNEL: u8 = 2;
/// Routes that people make, at boot or later.
const BY_HAND: [u8; 2] = [3, 4];

fn is_of(from: KernelRoutes, known: &Known) -> bool {
    match from {
        KernelRoutes::Connected => {
            known.protocol == KERNEL
                && known.kind == Kind::Unicast
                && known.paths.iter().all(|path| path.gateway.via.is_none())
        }
        KernelRoutes::Static => BY_HAND.contains(&known.protocol),
        KernelRoutes::Protocol(number) => known.protocol == number,
    }
}

impl Redistributed {
    /// From now on these kinds are passed on.
    pub fn want(&mut self, kinds: &[KernelRoutes]) {
        self.routes.retain(|from, _| kinds.contains(from));
        for from in kinds {
            self.routes.entry(*from).or_default();
        }
    }

    /// What has changed since the last call.
    pub fn compare(&mut self, resolver: &Resolver) -> Vec<Passed> {
        let mut passed = Vec::new();
        for (from, before) in &mut self.routes {
            let theirs = resolver.routes().filter(|(net, known)| {
                is_of(*from, known) && !is_special(*net) && resolver.is_ours_to_tell(known)
            });
            let now: BTreeSet<IpNet> = theirs.map(|(net, _)| net).collect();
            let come: Vec<_> = now.difference(before).copied().collect();
            let gone: Vec<_> = before.difference(&now).copied().collect();
            if !come.is_empty() || !gone.is_empty() {
                passed.push(Passed { from: *from, come, gone });
                *before = now;
            }
        }
        passed
    }
}
