//! What is chosen for each prefix, for whoever forwards packets: where to send them. Nothing of this costs anything
//! while nobody follows.

use super::{
    Rib,
    half::{Half, find},
    intern::AttrId,
    select::{self, Candidate},
    slab::NONE,
    table::Route,
};
use bgp_proto::{
    attr::{
        community::{Community, Extended},
        next_hop::NextHop,
    },
    prefix::Address,
    wire::attributes::Attributes,
};
use ipnet::IpNet;
use std::{collections::BTreeSet, collections::VecDeque, net::IpAddr, sync::Arc};

/// One of the next hops that packets are sent to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// The address.
    pub address: IpAddr,
    /// The link, where the address is good on one link only.
    pub interface: Option<Box<str>>,
    /// Its share, beside those of the others.
    pub weight: u16,
}

/// Where packets go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// There is no route, or it leads to ourselves and others know how.
    Nothing,
    /// They are dropped.
    Discard,
    /// To these next hops, of which there is at least one.
    Hops(Arc<[Hop]>),
}

/// What is chosen for a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The prefix.
    pub prefix: IpNet,
    /// Where its packets go.
    pub verdict: Verdict,
}

/// How a forwarder wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    /// The most next hops of a prefix.
    pub multipath: usize,
    /// Prefixes of routes of our own whose packets end here, unless a more specific route takes them.
    pub discards: BTreeSet<IpNet>,
}

/// Slots of which a forwarder is to hear.
pub(super) struct Following {
    /// All equal routes count, not only the best.
    pub(super) multipath: bool,
    waiting: VecDeque<u32>,
    /// A bit for each slot: it waits.
    waits: Vec<u64>,
}

impl Following {
    fn new(multipath: bool) -> Self {
        Following { multipath, waiting: VecDeque::new(), waits: Vec::new() }
    }

    #[inline]
    pub(super) fn note(&mut self, slot: u32) {
        let (at, bit) = (slot as usize / 64, 1 << (slot % 64));
        if self.waits.len() <= at {
            self.waits.resize((at + 1).next_power_of_two(), 0);
        }
        if self.waits[at] & bit == 0 {
            self.waits[at] |= bit;
            self.waiting.push_back(slot);
        }
    }

    /// Whether nothing waits to be said about a slot.
    #[inline]
    pub(super) fn is_idle(&self, slot: u32) -> bool {
        self.waits.get(slot as usize / 64).is_none_or(|bits| bits & 1 << (slot % 64) == 0)
    }

    fn pop(&mut self) -> Option<u32> {
        let slot = self.waiting.pop_front()?;
        self.waits[slot as usize / 64] &= !(1 << (slot % 64));
        Some(slot)
    }
}

/// Shares of up to this: a number that many small ones divide.
const WHOLE: f32 = 240.0;

/// Whole numbers in the proportion of these rates; all the same unless every rate is known.
fn shares(rates: &[Option<f32>]) -> Vec<u16> {
    let most = rates.iter().copied().flatten().fold(0.0, f32::max);
    if rates.contains(&None) || most <= 0.0 {
        return vec![1; rates.len()];
    }
    let share = |rate: &Option<f32>| (rate.unwrap_or_default() / most * WHOLE).round().max(1.0) as u16;
    let shares: Vec<_> = rates.iter().map(share).collect();
    let gcd = |mut a: u16, mut b: u16| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let common = shares.iter().copied().fold(0, gcd).max(1);
    shares.into_iter().map(|share| share / common).collect()
}

/// What was found out for the last route: many in a row have the same set from the same sender.
#[derive(Default)]
struct Last {
    of: Option<(AttrId, u32, super::SenderId)>,
    verdict: Option<Verdict>,
}

impl Rib {
    /// From now on [`Rib::chosen`] tells what is chosen for each prefix, beginning with all there are.
    pub fn follow(&mut self, follow: Follow) {
        let multipath = follow.multipath > 1;
        self.follow = Some(follow);
        self.v4.follow(Following::new(multipath));
        self.v6.follow(Following::new(multipath));
    }

    /// Tells of up to so many prefixes for which something else is chosen than when they were told of last. False:
    /// there are no more.
    pub fn chosen(&mut self, limit: usize, mut tell: impl FnMut(Chosen)) -> bool {
        let (mut left, mut last) = (limit, Last::default());
        while left > 0 {
            let Some(slot) = self.v4.following.as_mut().and_then(Following::pop) else { break };
            let chosen = self.choose(&self.v4, slot, &mut last);
            self.v4.give_back(slot);
            chosen.into_iter().for_each(&mut tell);
            left -= 1;
        }
        while left > 0 {
            let Some(slot) = self.v6.following.as_mut().and_then(Following::pop) else { return false };
            let chosen = self.choose(&self.v6, slot, &mut last);
            self.v6.give_back(slot);
            chosen.into_iter().for_each(&mut tell);
            left -= 1;
        }
        true
    }

    fn choose<A: Address>(&self, half: &Half<A>, slot: u32, last: &mut Last) -> Option<Chosen> {
        let entry = half.table.slots.peek(slot)?;
        let prefix = entry.prefix()?;
        let prefix = IpNet::new(prefix.bits().ip(), prefix.len()).ok()?;
        if entry.best == NONE {
            return Some(Chosen { prefix, verdict: Verdict::Nothing });
        }
        let best = half.table.routes.get(entry.best);
        let follow = self.follow.as_ref()?;
        let of = (best.accepted, self.sets.serial(best.accepted), best.sender);
        if last.of != Some(of) {
            *last = Last { of: Some(of), verdict: self.verdict_of(best) };
        }
        let verdict = match &last.verdict {
            None if follow.discards.contains(&prefix) => Verdict::Discard,
            None => Verdict::Nothing,
            Some(Verdict::Hops(_)) if self.has_others(half, slot) => self.equals(half, slot, best),
            Some(verdict) => verdict.clone(),
        };
        Some(Chosen { prefix, verdict })
    }

    /// Whether packets may be shared out among several routes of a slot.
    fn has_others<A: Address>(&self, half: &Half<A>, slot: u32) -> bool {
        let first = half.table.slots.get(slot).first;
        half.following.as_ref().is_some_and(|f| f.multipath) && half.table.routes.get(first).next != NONE
    }

    /// Where one route leads; `None`: to ourselves.
    fn verdict_of(&self, route: &Route) -> Option<Verdict> {
        if self.is_blackhole(route) {
            return Some(Verdict::Discard);
        }
        self.hop(route).map(|hop| Verdict::Hops(Arc::new([hop])))
    }

    /// Where the routes lead that are as good as the best.
    fn equals<A: Address>(&self, half: &Half<A>, slot: u32, best: &Route) -> Verdict {
        let candidate = |(id, route): (u32, &Route)| {
            let sender = find(&self.senders, route.sender)?;
            Candidate::of(id, route, half.staleness(route)?, sender, &self.sets)
        };
        let mut all: Vec<_> = half.table.routes_of(slot).filter_map(candidate).collect();
        let found = select::select(&mut all, self.settings.selection, &self.sets, |_, _| {});
        all.truncate(found.map_or(0, |found| found.equal));
        let routes = all.iter().map(|equal| half.table.routes.get(equal.route));
        let routes = routes.filter(|route| !self.is_blackhole(route));
        let mut hops: Vec<_> =
            routes.filter_map(|route| Some((self.hop(route)?, self.rate(route)))).collect();
        // Nothing depends on who came when.
        hops.sort_by(|(a, _), (b, _)| a.cmp(b));
        hops.dedup_by(|(a, _), (b, _)| a == b);
        let first = self.hop(best);
        hops.sort_by_key(|(hop, _)| Some(hop) != first.as_ref());
        hops.truncate(self.follow.as_ref().map_or(1, |follow| follow.multipath));
        let shares = shares(&hops.iter().map(|(_, rate)| *rate).collect::<Vec<_>>());
        let weigh = |((hop, _), weight)| Hop { weight, ..hop };
        let mut hops: Vec<_> = hops.into_iter().zip(shares).map(weigh).collect();
        hops.sort();
        Verdict::Hops(hops.into())
    }

    /// Whether packets to the prefix are to be dropped (RFC 7999): where the peer may not say so the route was not
    /// accepted.
    fn is_blackhole(&self, route: &Route) -> bool {
        let learned = find(&self.senders, route.sender).is_some_and(|sender| sender.learned_from().is_some());
        let attributes = Attributes::of_section(self.sets.octets_of(route.accepted).1);
        learned && attributes.communities().any(|community| community == Community::BLACKHOLE)
    }

    fn rate(&self, route: &Route) -> Option<f32> {
        let attributes = Attributes::of_section(self.sets.octets_of(route.accepted).1);
        attributes.extended_communities().find_map(|community| match community.decode() {
            Some(Extended::LinkBandwidth { rate, .. }) if rate.is_finite() && rate > 0.0 => Some(rate),
            _ => None,
        })
    }

    fn hop(&self, route: &Route) -> Option<Hop> {
        let (next_hop, _) = self.sets.octets_of(route.accepted);
        let interface =
            || find(&self.senders, route.sender).and_then(|sender| sender.interface().map(Box::from));
        Some(match next_hop? {
            NextHop::Ipv6 { global, link_local }
                if global.is_unicast_link_local() || global.is_unspecified() =>
            {
                let address = link_local.unwrap_or(global).into();
                Hop { address, interface: interface(), weight: 1 }
            }
            next_hop => Hop { address: next_hop.address(), interface: None, weight: 1 },
        })
    }
}

impl<A: Address> Half<A> {
    fn follow(&mut self, following: Following) {
        self.following = Some(following);
        for slot in 0..self.table.slots.end() {
            if self.table.slots.peek(slot).is_some_and(|slot| slot.best != NONE) {
                self.note(slot);
            }
        }
    }

    /// A forwarder is to hear of this slot.
    #[inline]
    pub(super) fn note(&mut self, slot: u32) {
        if let Some(following) = &mut self.following {
            following.note(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn shares_are_small_numbers_in_the_proportion_of_the_rates() {
        let of = |rates: &[f32]| shares(&rates.iter().copied().map(Some).collect::<Vec<_>>());
        assert_eq!(of(&[1e9, 1e9]), [1, 1]);
        assert_eq!(of(&[1e9, 4e9]), [1, 4]);
        assert_eq!(of(&[1e9, 2e9, 5e9]), [1, 2, 5]);
        assert_eq!(of(&[1.0, 1e9]), [1, 240]);
        assert_eq!(shares(&[Some(1e9), None]), [1, 1]);
        assert_eq!(shares(&[]), [0; 0]);
    }
}
