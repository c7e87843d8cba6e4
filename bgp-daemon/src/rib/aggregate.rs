//! Aggregates: local routes that are there while a more specific one is selected. One to `0.0.0.0/0` or `::/0` is a
//! default route that is announced as long as there is anything behind it; who is told of it, export policies say.

use super::{LocalRoute, Rib, SenderId};
use bgp_proto::prefix::Prefix;
use ipnet::IpNet;

/// An aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// What is announced while any route to a more specific prefix is selected.
    pub route: LocalRoute,
    /// Nobody is told of the more specific prefixes.
    pub summary_only: bool,
}

/// An aggregate that is watched.
pub(super) struct Watched {
    source: SenderId,
    aggregate: Aggregate,
    is_announced: bool,
}

impl Rib {
    /// Makes these the aggregates of a source, which has no other routes: all of them, and one that was there already
    /// stays untouched. They are announced and withdrawn in [`Rib::work`]. Of several to one prefix the first counts.
    pub fn set_aggregates(&mut self, source: SenderId, aggregates: &[Aggregate]) {
        let of = |aggregate: &Aggregate| (aggregate.route.prefix.trunc(), aggregate.summary_only);
        let stays = |watched: &Watched| {
            watched.source != source || aggregates.iter().any(|wanted| of(wanted) == of(&watched.aggregate))
        };
        let gone: Vec<_> = self.aggregates.extract_if(.., |watched| !stays(watched)).collect();
        gone.into_iter().for_each(|watched| self.drop_aggregate(&watched));
        for wanted in aggregates {
            let prefix = wanted.route.prefix.trunc();
            let known = |watched: &Watched| watched.aggregate.route.prefix.trunc() == prefix;
            match self.aggregates.iter().position(known) {
                Some(at) => self.change_aggregate(at, source, wanted),
                None => self.add_aggregate(source, wanted),
            }
        }
    }

    fn add_aggregate(&mut self, source: SenderId, aggregate: &Aggregate) {
        match aggregate.route.prefix {
            IpNet::V4(net) => self.v4.watch(Prefix::from(net), aggregate.summary_only),
            IpNet::V6(net) => self.v6.watch(Prefix::from(net), aggregate.summary_only),
        }
        self.aggregates.push(Watched { source, aggregate: aggregate.clone(), is_announced: false });
    }

    fn change_aggregate(&mut self, at: usize, source: SenderId, wanted: &Aggregate) {
        let watched = &mut self.aggregates[at];
        if watched.source == source && watched.aggregate != *wanted {
            watched.aggregate = wanted.clone();
            if watched.is_announced {
                self.announce(source, &wanted.route, self.now);
            }
        }
    }

    fn drop_aggregate(&mut self, Watched { source, aggregate, is_announced }: &Watched) {
        match aggregate.route.prefix {
            IpNet::V4(net) => self.v4.unwatch(Prefix::from(net)),
            IpNet::V6(net) => self.v6.unwatch(Prefix::from(net)),
        }
        if *is_announced {
            self.withdraw(*source, aggregate.route.prefix);
        }
    }

    fn has_contributors(&self, prefix: IpNet) -> bool {
        let contributors = match prefix {
            IpNet::V4(net) => self.v4.contributors(Prefix::from(net)),
            IpNet::V6(net) => self.v6.contributors(Prefix::from(net)),
        };
        contributors > 0
    }

    /// An aggregate that is announced and should not be, or the other way round.
    fn unsettled(&self) -> Option<usize> {
        let differs =
            |watched: &Watched| self.has_contributors(watched.aggregate.route.prefix) != watched.is_announced;
        self.aggregates.iter().position(differs)
    }

    /// Whether every aggregate with contributors is announced and no other.
    pub(super) fn are_aggregates_settled(&self) -> bool {
        self.unsettled().is_none()
    }

    /// Announces an aggregate that has got its first contributor, or withdraws one that has lost its last. False: there
    /// is none.
    pub(super) fn settle_aggregate(&mut self) -> bool {
        let Some(at) = self.unsettled() else { return false };
        let watched = &mut self.aggregates[at];
        watched.is_announced = !watched.is_announced;
        let (source, is_announced) = (watched.source, watched.is_announced);
        let route = watched.aggregate.route.clone();
        if is_announced {
            self.announce(source, &route, self.now);
        } else {
            self.withdraw(source, route.prefix);
        }
        true
    }
}
