//! The routes of one address width: what is desired for each prefix, and what of it is in the kernel.

use super::{
    held::Held,
    plan::{Installed, WayId},
};
use bgp_proto::prefix::{Address, Prefix};
use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
};

/// What is desired for a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Desired {
    /// No route.
    Nothing,
    /// Nobody has said yet: what is there of ours stays.
    Unsaid,
    /// A route that goes this way.
    Way(WayId),
}

/// A prefix: two numbers with flags, since there may be a million of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    desired: u32,
    installed: u32,
    /// It waits to be looked at.
    pub(super) dirty: bool,
    /// Something keeps it out of the kernel; what, the table knows.
    pub(super) held: bool,
    /// The dump that is under way has shown it.
    pub(super) seen: bool,
}

const NOTHING: u32 = u32::MAX;
const OTHER: u32 = u32::MAX - 1;

impl Default for Route {
    fn default() -> Self {
        Route { desired: NOTHING, installed: NOTHING, dirty: false, held: false, seen: false }
    }
}

impl Route {
    pub(super) fn desired(&self) -> Desired {
        match self.desired {
            NOTHING => Desired::Nothing,
            OTHER => Desired::Unsaid,
            way => Desired::Way(way),
        }
    }

    pub(super) fn set_desired(&mut self, desired: Desired) {
        self.desired = match desired {
            Desired::Nothing => NOTHING,
            Desired::Unsaid => OTHER,
            Desired::Way(way) => way,
        };
    }

    pub(super) fn installed(&self) -> Installed {
        match self.installed {
            NOTHING => Installed::Nothing,
            OTHER => Installed::Other,
            way => Installed::Way(way),
        }
    }

    /// The way that it goes in the kernel.
    pub(super) fn way(&self) -> Option<WayId> {
        match self.installed() {
            Installed::Way(way) => Some(way),
            Installed::Nothing | Installed::Other => None,
        }
    }

    pub(super) fn set_installed(&mut self, installed: Installed) {
        self.installed = match installed {
            Installed::Nothing => NOTHING,
            Installed::Other => OTHER,
            Installed::Way(way) => way,
        };
    }

    /// Whether there is nothing to remember of it.
    pub(super) fn is_blank(&self) -> bool {
        self.desired == NOTHING && self.installed == NOTHING && !self.dirty && !self.held
    }
}

/// All prefixes of a width.
#[derive(Debug)]
pub(super) struct Table<A> {
    pub(super) routes: BTreeMap<Prefix<A>, Route>,
    pub(super) dirty: VecDeque<Prefix<A>>,
    pub(super) held: BTreeMap<Prefix<A>, Held>,
}

impl<A> Default for Table<A> {
    fn default() -> Self {
        Table { routes: BTreeMap::new(), dirty: VecDeque::new(), held: BTreeMap::new() }
    }
}

impl<A: Address> Table<A> {
    /// A prefix is to be looked at.
    pub(super) fn touch(&mut self, prefix: Prefix<A>) {
        if let Some(route) = self.routes.get_mut(&prefix)
            && !std::mem::replace(&mut route.dirty, true)
        {
            self.dirty.push_back(prefix);
        }
    }

    /// All prefixes of which this holds are to be looked at. It may change them first.
    pub(super) fn touch_if(&mut self, mut wanted: impl FnMut(&mut Route) -> bool) {
        for (prefix, route) in &mut self.routes {
            if wanted(route) && !std::mem::replace(&mut route.dirty, true) {
                self.dirty.push_back(*prefix);
            }
        }
    }

    /// All prefixes in this one are to be looked at.
    pub(super) fn touch_in(&mut self, around: Prefix<A>) {
        let from = (Bound::Included(around), Bound::Unbounded);
        let inside = self
            .routes
            .range_mut(from)
            .take_while(|(prefix, _)| prefix.bits().masked(around.len()) == around.bits());
        for (prefix, route) in inside {
            if around.covers(*prefix) && !std::mem::replace(&mut route.dirty, true) {
                self.dirty.push_back(*prefix);
            }
        }
    }

    /// All prefixes that are held and are to go one of these ways are to be looked at.
    pub(super) fn touch_waiting(&mut self, ways: &[WayId]) {
        let waits = |prefix: &&Prefix<A>| {
            let desired = self.routes.get(prefix).map(Route::desired);
            matches!(desired, Some(Desired::Way(way)) if ways.contains(&way))
        };
        let waiting: Vec<_> = self.held.keys().filter(waits).copied().collect();
        waiting.into_iter().for_each(|prefix| self.touch(prefix));
    }

    /// All prefixes that are held for a reason like this are to be looked at.
    pub(super) fn touch_held(&mut self, like: impl Fn(&Held) -> bool) {
        let held: Vec<_> =
            self.held.iter().filter(|(_, held)| like(held)).map(|(prefix, _)| *prefix).collect();
        held.into_iter().for_each(|prefix| self.touch(prefix));
    }
}
