//! Epochs of a sender's routes: when they came, and which of those that came earlier still count.

use super::{
    super::{Rib, peers::SenderId, table::Route},
    Half,
    jobs::Job,
};
use bgp_proto::prefix::Address;

/// A sender's routes of one width. An epoch ends with the session, and where the peer begins to send all routes again.
/// By age, which is how many epochs ago it came, a route is fresh, then stale, then gone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Epoch {
    pub(super) latest: u16,
    /// The oldest routes that are fresh: above 0 while a refresh is under way.
    fresh: u16,
    /// The oldest routes that count.
    kept: u16,
    pub(super) routes: u32,
    /// Of the routes, those that were accepted.
    pub(super) accepted: u32,
}

/// Refreshes that begin before one ends. From here on the next one counts as a part of the last: the numbers of
/// epochs are used again, and no route may live to see that.
const MAX_BEGUN: u16 = 1000;

impl Epoch {
    fn age(self, route: &Route) -> u16 {
        self.latest.wrapping_sub(route.epoch)
    }

    /// Whether the route came by an earlier session, or waits for the sweep.
    #[inline]
    pub(super) fn is_stale(self, route: &Route) -> bool {
        self.age(route) > self.fresh
    }

    /// Whether the route does not count any more and only waits for the sweep.
    #[inline]
    pub(super) fn is_gone(self, route: &Route) -> bool {
        self.age(route) > self.kept
    }

    /// The session ends: what was fresh is stale if it is kept, and all else is gone. A refresh ends with it.
    pub(super) fn end(&mut self, keep: bool) {
        self.latest = self.latest.wrapping_add(1);
        self.kept = if keep { self.fresh + 1 } else { 0 };
        self.fresh = 0;
    }

    /// What is stale is gone. Whether anything may be.
    pub(super) fn drop_stale(&mut self) -> bool {
        std::mem::replace(&mut self.kept, self.fresh) != self.fresh
    }

    /// Begins a refresh, or begins it anew.
    pub(super) fn begin_refresh(&mut self) {
        if self.fresh < MAX_BEGUN {
            self.latest = self.latest.wrapping_add(1);
            (self.fresh, self.kept) = (self.fresh + 1, self.kept + 1);
        }
    }

    /// What came before the refresh began is gone. Whether one had begun.
    pub(super) fn end_refresh(&mut self) -> bool {
        let begun = self.fresh > 0;
        if begun {
            (self.fresh, self.kept) = (0, 0);
        }
        begun
    }
}

impl<A: Address> Half<A> {
    /// How many routes a sender has here.
    pub(in crate::rib) fn routes_of(&self, sender: SenderId) -> u32 {
        self.epoch(sender).routes
    }

    /// Ends a sender's epoch: its routes are stale from now on, or do not count any more. What was stale before is
    /// gone in either case (RFC 4724 §4.2: consecutive restarts).
    pub(in crate::rib) fn end_epoch(&mut self, sender: SenderId, keep: bool) {
        let epoch = self.epoch_mut(sender);
        epoch.end(keep);
        if epoch.routes > 0 {
            self.begin(Job::Sweep(sender));
        }
    }

    /// Drops what is stale of a sender's routes.
    pub(in crate::rib) fn sweep(&mut self, sender: SenderId) {
        let epoch = self.epoch_mut(sender);
        if epoch.drop_stale() && epoch.routes > 0 {
            self.begin(Job::Sweep(sender));
        }
    }

    /// A sender begins to send all its routes again.
    pub(in crate::rib) fn refresh_begins(&mut self, sender: SenderId) {
        self.epoch_mut(sender).begin_refresh();
    }

    /// Drops what a sender has not sent again.
    pub(in crate::rib) fn refresh_ends(&mut self, sender: SenderId) {
        let epoch = self.epoch_mut(sender);
        if epoch.end_refresh() && epoch.routes > 0 {
            self.begin(Job::Sweep(sender));
        }
    }
}

impl Rib {
    /// From now on routes of a source are announced that are to be all it has. Meanwhile its others count as before.
    pub fn replace_begins(&mut self, id: SenderId) {
        self.v4.refresh_begins(id);
        self.v6.refresh_begins(id);
    }

    /// What a source has not announced since then goes, a slice at a time ([`Rib::work`]).
    pub fn replace_ends(&mut self, id: SenderId) {
        self.v4.refresh_ends(id);
        self.v6.refresh_ends(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(epoch: u16) -> Route {
        Route { epoch, ..Route::default() }
    }

    #[test]
    fn a_peer_that_begins_without_end_makes_no_old_route_count_as_new() {
        let mut epoch = Epoch::default();
        let first = route(epoch.latest);
        epoch.end(true);
        (0..200_000).for_each(|_| epoch.begin_refresh());
        assert!(epoch.is_stale(&first) && !epoch.is_gone(&first));
        epoch.end(true);
        assert!(epoch.is_gone(&first));
        (0..200_000).for_each(|_| epoch.begin_refresh());
        let again = route(epoch.latest);
        assert!(epoch.end_refresh() && !epoch.is_gone(&again) && epoch.is_gone(&first));
        assert!(!epoch.end_refresh(), "nothing had begun");
    }
}
