//! What a change of policies would tell peers, found out without making it.

use super::{
    Rib, SenderId,
    group::Group,
    half::{Half, find},
    import::Judge,
    intern::{AttrId, Sets},
    listing::Place,
    peers::Sender,
    select::{self, Candidate, Settings},
    session::{Export, Import},
    slab::NONE,
    table::{Route, Slot},
    view::{Addresses, Memo, Scratch, View, Wish},
};
use crate::policy::RuleMask;
use bgp_proto::prefix::{Address, Prefix};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Prefixes: how many, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// How many there are.
    pub count: u64,
    /// Up to as many as were asked for.
    pub prefixes: Vec<IpNet>,
}

/// What a peer would be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Prefixes that it is not told of now.
    pub gained: Sample,
    /// Prefixes that it is told of and then would not be.
    pub lost: Sample,
    /// Prefixes that it would be told of with other attributes.
    pub changed: Sample,
}

/// Changes of policies that are not made, and what is known of their consequences.
#[derive(Clone, Debug)]
pub struct Proposal {
    imports: Vec<(SenderId, Import)>,
    exports: Vec<(SenderId, Export)>,
    keep: usize,
    place: Place,
    differences: BTreeMap<SenderId, Difference>,
}

impl Proposal {
    /// These changes; of each difference up to so many prefixes are kept.
    pub fn new(imports: Vec<(SenderId, Import)>, exports: Vec<(SenderId, Export)>, keep: usize) -> Self {
        Proposal { imports, exports, keep, place: Place::default(), differences: BTreeMap::new() }
    }

    /// What peers would be told, those who would be told something.
    pub fn differences(&self) -> &BTreeMap<SenderId, Difference> {
        &self.differences
    }
}

impl Rib {
    /// Finds out a part of what a proposal would change: about `slots` prefixes. False: all is found out. That an
    /// aggregate would come or go by the change is not part of it.
    pub fn compare(&mut self, proposal: &mut Proposal, slots: u32) -> bool {
        let Rib { sets, senders, settings, v4, v6, .. } = self;
        let imports = proposal.imports.iter().filter_map(|(id, import)| {
            let mask = import.policy.source_mask(&find(senders, *id)?.source());
            Some((*id, (import.clone(), mask)))
        });
        let imports = imports.collect();
        if proposal.exports.iter().any(|(_, export)| export.default_originate) {
            sets.need_default();
        }
        let around = Around { sets, senders, settings: settings.selection, imports, judge: Judge::default() };
        let Place { wide, slot } = proposal.place;
        let next = if wide {
            around.look(v6, slot, slots, proposal)
        } else {
            around.look(v4, slot, slots, proposal)
        };
        proposal.place = match next {
            Some(slot) => Place { wide, slot },
            None if wide => return false,
            None => Place { wide: true, slot: 0 },
        };
        true
    }
}

/// What is needed beside the tables of one half.
struct Around<'a> {
    sets: &'a mut Sets,
    senders: &'a [Option<Sender>],
    settings: Settings,
    imports: Vec<(SenderId, (Import, RuleMask))>,
    judge: Judge,
}

/// A route with its sender.
type Sent<'a> = (Route, &'a Sender);

/// Members of one group that get the same view: what they are told now, and then.
struct Part<'a> {
    old: Teller<'a>,
    new: Teller<'a>,
    members: Vec<u16>,
    last: Option<([(Wish, u32); 2], bool)>,
    scratch: [Scratch; 2],
}

/// A view, and for whom.
struct Teller<'a> {
    view: View,
    memo: Memo,
    addresses: Addresses,
    is_member: Box<dyn Fn(u16) -> bool + 'a>,
}

impl Teller<'_> {
    fn wish<A: Address>(&mut self, prefix: Prefix<A>, best: Option<&Sent<'_>>, sets: &Sets) -> Option<Wish> {
        if let Some(wish) = self.view.originated(prefix, sets) {
            return Some(wish);
        }
        let (route, sender) = best?;
        let wish = self.view.wish(route, prefix, sender, &self.addresses, (sets, &mut self.memo))?;
        let number = route.sender.0;
        let source = if (self.is_member)(number) { number } else { wish.source };
        Some(Wish { source, ..wish })
    }
}

/// The parts of all groups, changed or not: another import policy concerns everybody.
fn parts<'a, A: Address>(half: &'a Half<A>, exports: &[(SenderId, Export)]) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    for group in half.groups.iter().flatten() {
        let mut views = group.views_of(exports);
        let moving: Vec<_> = views.iter().flat_map(|(_, members)| members.clone()).collect();
        let rest: Vec<_> = group.members().filter(|member| !moving.contains(member)).collect();
        views.push((group.view().clone(), rest));
        parts.extend(views.into_iter().map(|(view, members)| part(group, view, members)));
    }
    parts
}

fn part<A: Address>(group: &Group<A>, view: View, members: Vec<u16>) -> Part<'_> {
    let all = group.addresses();
    let theirs = all.iter().filter(|(_, member)| members.contains(member));
    let addresses = theirs.map(|(address, member)| (*address, *member)).collect();
    let among = members.clone();
    let old = Teller {
        view: group.view().clone(),
        memo: Memo::default(),
        addresses: all.clone(),
        is_member: Box::new(|member| group.has(member)),
    };
    let is_member = Box::new(move |member| among.contains(&member));
    let new = Teller { view, memo: Memo::default(), addresses, is_member };
    Part { old, new, members, last: None, scratch: Default::default() }
}

impl Part<'_> {
    /// Whether both are written alike.
    fn is_same(&mut self, old: Wish, new: Wish, sets: &Sets) -> bool {
        let key = [old, new].map(|wish| (Wish { source: 0, ..wish }, sets.serial(wish.attributes)));
        if let Some((_, same)) = self.last.filter(|(last, _)| *last == key) {
            return same;
        }
        let [first, second] = &mut self.scratch;
        let next_hop = self.old.view.write(sets, &old, first);
        let same = next_hop == self.new.view.write(sets, &new, second) && first.section == second.section;
        self.last = Some((key, same));
        same
    }

    fn compare<A: Address>(
        &mut self,
        prefix: Prefix<A>,
        [old, new]: [Option<&Sent<'_>>; 2],
        sets: &Sets,
        proposal: &mut Proposal,
    ) {
        let (old, new) = (self.old.wish(prefix, old, sets), self.new.wish(prefix, new, sets));
        let same = match (old, new) {
            (None, None) => return,
            (Some(old), Some(new)) => self.is_same(old, new, sets),
            _ => false,
        };
        let Ok(net) = IpNet::new(prefix.bits().ip(), prefix.len()) else { return };
        for member in &self.members {
            let told = |wish: Option<Wish>| wish.is_some_and(|wish| wish.source != *member);
            let pick: fn(&mut Difference) -> &mut Sample = match (told(old), told(new)) {
                (true, true) if !same => |difference| &mut difference.changed,
                (true, false) => |difference| &mut difference.lost,
                (false, true) => |difference| &mut difference.gained,
                _ => continue,
            };
            let sample = pick(proposal.differences.entry(SenderId(*member)).or_default());
            sample.count += 1;
            if sample.prefixes.len() < proposal.keep {
                sample.prefixes.push(net);
            }
        }
    }
}

impl<'a> Around<'a> {
    /// Looks at some slots; returns where to go on.
    fn look<A: Address>(
        mut self,
        half: &Half<A>,
        from: u32,
        slots: u32,
        proposal: &mut Proposal,
    ) -> Option<u32> {
        let mut parts = parts(half, &proposal.exports);
        let end = half.table.slots.end();
        let to = end.min(from.saturating_add(slots));
        for slot in from..to {
            let Some(prefix) = half.table.slots.peek(slot).and_then(Slot::prefix) else { continue };
            if half.is_hidden(prefix) {
                continue;
            }
            let mut held = Vec::new();
            let old = self.selected(half, slot);
            let new = self.proposed(half, slot, prefix, &mut held).unwrap_or(old);
            for part in &mut parts {
                part.compare(prefix, [old.as_ref(), new.as_ref()], self.sets, proposal);
            }
            held.into_iter().for_each(|id| self.sets.release(id));
        }
        self.judge.let_go(self.sets);
        (to < end).then_some(to)
    }

    fn selected<A: Address>(&self, half: &Half<A>, slot: u32) -> Option<Sent<'a>> {
        let best = half.table.slots.get(slot).best;
        let route = (best != NONE).then(|| *half.table.routes.get(best))?;
        Some((route, find(self.senders, route.sender)?))
    }

    /// What would be selected. `None`: what is, because no sender of such a route has another policy. What is accepted
    /// anew is held, to be released when it was looked at.
    fn proposed<A: Address>(
        &mut self,
        half: &Half<A>,
        slot: u32,
        prefix: Prefix<A>,
        held: &mut Vec<AttrId>,
    ) -> Option<Option<Sent<'a>>> {
        let other = |route: &Route| self.imports.iter().find(|(id, _)| *id == route.sender);
        half.table.routes_of(slot).find(|(_, route)| other(route).is_some())?;
        let mut routes = Vec::new();
        for (id, route) in half.table.routes_of(slot) {
            let (Some(stale), Some(sender)) = (half.staleness(route), find(self.senders, route.sender))
            else {
                continue;
            };
            let mut route = *route;
            if let Some((_, import)) = self.imports.iter().find(|(id, _)| *id == route.sender) {
                let of = (route.sender, route.learned);
                route.accepted = self.judge.accept(of, import, prefix, self.sets);
                if route.accepted.is_some() {
                    self.sets.retain(route.accepted);
                    held.push(route.accepted);
                }
            }
            routes.push((id, route, stale, sender));
        }
        let candidates = routes
            .iter()
            .filter_map(|(id, route, stale, sender)| Candidate::of(*id, route, *stale, sender, self.sets));
        let mut all: Vec<_> = candidates.collect();
        let best = select::select(&mut all, self.settings, self.sets, |_, _| {}).map(|found| found.best);
        let found = routes.iter().find(|(id, ..)| Some(*id) == best);
        Some(found.map(|(_, route, _, sender)| (*route, *sender)))
    }
}
