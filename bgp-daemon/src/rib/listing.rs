//! What there is to be seen: the routes to a prefix with what became of each and why, and all prefixes by a cursor.

use super::{
    Rib, SenderId,
    half::{Half, find},
    import::Judge,
    intern::{AttrId, Sets},
    select::{self, Candidate},
    slab::NONE,
    table::{Route, Slot},
};
use bgp_proto::{
    attr::{next_hop::NextHop, set::PathAttributes},
    prefix::{Address, Prefix},
    wire::attributes::Attributes,
};
use ipnet::IpNet;

/// How a route compares to the others to its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is selected.
    Best,
    /// As good as the selected one up to the tie-breakers.
    Equal,
    /// Another is better; by which rule.
    Lost(&'static str),
    /// Its next hop cannot be reached.
    Unreachable,
    /// It was not accepted.
    Rejected,
}

/// Attributes with the next hop; `None`: ourselves.
pub type Told = (PathAttributes, Option<NextHop>);

/// A route, with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Who sent it.
    pub sender: SenderId,
    /// The path identifier it came with.
    pub path_id: u32,
    /// When it came, in seconds.
    pub since: u32,
    /// Its session ended since, and it is kept.
    pub stale: bool,
    /// The attributes as they came.
    pub learned: Told,
    /// The attributes as they were accepted.
    pub accepted: Option<Told>,
    /// Why it was accepted or not, as its sender's policy says now; empty for a route of our own.
    pub reason: String,
    /// What it costs to get to its next hop; `None`: there is no way, it was not accepted, or nobody asks.
    pub cost: Option<u32>,
    /// How it compares.
    pub standing: Standing,
    /// To whom it was told.
    pub told: Vec<SenderId>,
}

/// Where a walk over all prefixes goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Place {
    pub(super) wide: bool,
    pub(super) slot: u32,
}

/// Slots that are looked at in one step of a walk, however few of them are in use.
const LOOK: u32 = 16 * 1024;

fn attributes_of(id: AttrId, sets: &Sets) -> Told {
    let (next_hop, section) = sets.octets_of(id);
    let mut attributes = PathAttributes::default();
    attributes.read(&Attributes::of_section(section));
    (attributes, next_hop)
}

impl Rib {
    /// The routes to a prefix, in no order that means anything.
    pub fn routes(&self, prefix: IpNet) -> Vec<Listed> {
        match prefix {
            IpNet::V4(net) => self.routes_in(&self.v4, Prefix::from(net)),
            IpNet::V6(net) => self.routes_in(&self.v6, Prefix::from(net)),
        }
    }

    fn routes_in<A: Address>(&self, half: &Half<A>, prefix: Prefix<A>) -> Vec<Listed> {
        let Some(slot) = half.table.find(half.table.hash(prefix), prefix) else { return Vec::new() };
        let standings = self.standings(half, slot);
        let best = half.table.slots.get(slot).best;
        let routes = half.table.routes_of(slot).filter_map(|(id, route)| {
            let stale = half.staleness(route)?;
            let sets = &self.sets;
            let import = find(&self.senders, route.sender)?.import();
            let reason = |import| Judge::reason(import, route.learned, prefix, sets);
            let accepted = route.accepted.is_some().then(|| attributes_of(route.accepted, sets));
            let resolved = accepted.is_some() && self.settings.resolve_next_hops;
            let unranked = if accepted.is_none() { Standing::Rejected } else { Standing::Unreachable };
            let known = standings.iter().find(|(of, _)| *of == id).map(|(_, standing)| *standing);
            Some(Listed {
                sender: route.sender,
                path_id: route.path_id,
                since: route.since,
                stale,
                learned: attributes_of(route.learned, sets),
                accepted,
                reason: import.map(reason).unwrap_or_default(),
                cost: if resolved { sets.cost(route.accepted) } else { None },
                standing: known.unwrap_or(unranked),
                told: if id == best { half.told(slot) } else { Vec::new() },
            })
        });
        routes.collect()
    }

    /// How the candidates of a slot compare.
    fn standings<A: Address>(&self, half: &Half<A>, slot: u32) -> Vec<(u32, Standing)> {
        let candidate = |(id, route): (u32, &Route)| {
            let sender = find(&self.senders, route.sender)?;
            Candidate::of(id, route, half.staleness(route)?, sender, &self.sets)
        };
        let mut all: Vec<_> = half.table.routes_of(slot).filter_map(candidate).collect();
        let mut standings = Vec::new();
        let lost = |id, reason| standings.push((id, Standing::Lost(reason)));
        let found = select::select(&mut all, self.settings.selection, &self.sets, lost);
        if let Some(found) = found {
            // What only a tie-breaker put behind is as good as the best.
            let equal: Vec<_> = all[..found.equal].iter().map(|equal| equal.route).collect();
            standings.retain(|(id, _)| !equal.contains(id));
            standings.extend(equal.into_iter().map(|id| (id, Standing::Equal)));
            standings.retain(|(id, _)| *id != found.best);
            standings.push((found.best, Standing::Best));
        }
        standings
    }

    /// Up to so many prefixes, from a place on, and where to go on; `None`: that is all. What was there all along is
    /// seen once, whatever comes and goes meanwhile.
    pub fn prefixes(&self, from: Place, limit: usize) -> (Vec<IpNet>, Option<Place>) {
        let mut found = Vec::new();
        if !from.wide {
            let slot = walk(&self.v4, from.slot, limit, &mut found);
            return (
                found,
                Some(slot.map_or(Place { wide: true, slot: 0 }, |slot| Place { wide: false, slot })),
            );
        }
        let slot = walk(&self.v6, from.slot, limit, &mut found);
        (found, slot.map(|slot| Place { wide: true, slot }))
    }
}

fn walk<A: Address>(half: &Half<A>, from: u32, limit: usize, found: &mut Vec<IpNet>) -> Option<u32> {
    let end = half.table.slots.end();
    for slot in from..end.min(from.saturating_add(LOOK)) {
        if found.len() == limit {
            return Some(slot);
        }
        let held = half.table.slots.peek(slot).filter(|slot| slot.first != NONE);
        let prefix = held.and_then(Slot::prefix);
        found.extend(prefix.and_then(|prefix| IpNet::new(prefix.bits().ip(), prefix.len()).ok()));
    }
    Some(from.saturating_add(LOOK)).filter(|next| *next < end)
}
