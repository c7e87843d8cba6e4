//! Sets of routes that are too large to be taken in at once: they are, a slice at a time.

use super::{Engine, fill::SLICE, seconds, source::Routes};
use crate::rib::{LocalRoute, SenderId};
use bgp_proto::time::Time;
use ipnet::IpNet;
use std::{collections::VecDeque, vec};

/// The largest set that is taken in at once.
pub(super) const AT_ONCE: usize = 8192;

/// What is still to be done, in this order.
#[derive(Default)]
pub(super) struct Backlog {
    steps: VecDeque<Waits>,
    /// How many steps there ever were.
    put: u64,
}

/// A step of an owner's.
struct Waits {
    number: u64,
    owner: Box<str>,
    step: Step,
}

enum Step {
    /// These are left of a set.
    Rest(vec::IntoIter<LocalRoute>),
    /// This waits for a set before it.
    Update(Vec<LocalRoute>, Vec<IpNet>),
}

impl Backlog {
    fn put(&mut self, owner: &str, step: Step) {
        self.put += 1;
        self.steps.push_back(Waits { number: self.put, owner: owner.into(), step });
    }

    /// Forgets what an owner's next set comes in place of.
    fn forget(&mut self, owner: &str) {
        self.steps.retain(|waits| *waits.owner != *owner);
    }

    /// A moment: all that waits now is before it.
    pub(super) fn moment(&self) -> u64 {
        self.put
    }

    /// Whether all that waited at this moment is done.
    pub(super) fn is_past(&self, moment: u64) -> bool {
        self.steps.front().is_none_or(|first| first.number > moment)
    }
}

impl Engine {
    /// Whether this change of a source has to wait, or takes long: then it is done later.
    pub(super) fn put_off(&mut self, owner: &str, id: SenderId, routes: Routes) -> Option<Routes> {
        let backlog = &mut self.backlog;
        match routes {
            Routes::Update(announce, withdraw)
                if backlog.steps.iter().any(|waits| *waits.owner == *owner) =>
            {
                backlog.put(owner, Step::Update(announce, withdraw));
                None
            }
            Routes::Update(..) => Some(routes),
            Routes::Replace(routes) => {
                backlog.forget(owner);
                if routes.len() <= AT_ONCE {
                    return Some(Routes::Replace(routes));
                }
                self.rib.replace_begins(id);
                backlog.put(owner, Step::Rest(routes.into_iter()));
                None
            }
            Routes::End => {
                backlog.forget(owner);
                Some(Routes::End)
            }
        }
    }

    /// Does a slice of what was put off. True: there is more.
    pub(super) fn work_off(&mut self, now: Time) -> bool {
        let Some(mut first) = self.backlog.steps.pop_front() else { return false };
        let Some(id) = self.sources.get(&first.owner).copied() else { return true };
        self.dirty = true;
        match &mut first.step {
            Step::Rest(routes) => {
                let slice = routes.by_ref().take(SLICE as usize);
                slice.for_each(|route| self.rib.announce(id, &route, seconds(now)));
                if routes.len() > 0 {
                    self.backlog.steps.push_front(first);
                } else {
                    self.rib.replace_ends(id);
                    self.known(now, &first.owner);
                }
            }
            Step::Update(announce, withdraw) => self.update(now, id, announce, withdraw),
        }
        true
    }
}
