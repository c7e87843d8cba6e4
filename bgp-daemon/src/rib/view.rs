//! How a group's members are told of routes: everything that changes the octets.

use super::{
    intern::{AttrId, Sets},
    peers::Sender,
    session::Export,
    table::Route,
};
use crate::policy::{
    Changes, Policy, RuleIndex, RuleMask, Verdict,
    standard::{
        export::{self, ExportSide, Provenance},
        next_hop::{self, NextHops},
    },
};
use bgp_proto::{
    agreed::{Agreed, FamilyAgreed},
    attr::{next_hop::NextHop, set::PathAttributes},
    family::Family,
    prefix::{Address, Prefix},
    wire::attributes::Attributes,
};
use std::{collections::BTreeMap, net::IpAddr};

/// A group's export view of one family.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    family: Family,
    agreed: Agreed,
    side: ExportSide,
    policy: Policy,
    /// Members are told a default route, whether or not there is one.
    originates: bool,
    /// `None`: the family cannot be announced on these sessions, for want of an address of ours.
    next_hops: Option<NextHops>,
}

/// What the RIB wants said of a slot. Routes for which the same is wished are told with the same octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wish {
    pub(super) attributes: AttrId,
    /// The rule of the export policy that changes something, or `UNCHANGED`.
    pub(super) rule: u16,
    /// The member that is not told, or `NOBODY`.
    pub(super) source: u16,
    /// Which of the group's views it was wished under.
    pub(super) view: u16,
    pub(super) provenance: Provenance,
}

impl Default for Wish {
    fn default() -> Self {
        let (attributes, provenance) = (AttrId::NONE, Provenance::Ours);
        Wish { attributes, rule: UNCHANGED, source: NOBODY, view: 0, provenance }
    }
}

/// The members of a group by their addresses.
pub(super) type Addresses = BTreeMap<IpAddr, u16>;

/// No rule changes anything.
const UNCHANGED: u16 = u16::MAX;

/// No member is the source.
pub(super) const NOBODY: u16 = u16::MAX;

/// Memory that is used again for each attribute set.
#[derive(Default)]
pub(super) struct Scratch {
    attributes: PathAttributes,
    pub(super) section: Vec<u8>,
    other: Vec<u8>,
}

/// What was found out about the last attribute set of one sender: the prefixes of an UPDATE ask for the same.
pub(super) struct Memo {
    of: Option<(AttrId, u32, u16)>,
    /// Rules that match the attributes and the sender; `None`: the routes stay here.
    masks: Option<(RuleMask, RuleMask)>,
    provenance: Provenance,
    next_hop: Option<NextHop>,
    /// The answer, where it does not depend on the prefix.
    same: Option<Option<Wish>>,
    attributes: PathAttributes,
}

impl Default for Memo {
    fn default() -> Self {
        let (provenance, attributes) = (Provenance::Ours, PathAttributes::default());
        Memo { of: None, masks: None, provenance, next_hop: None, same: None, attributes }
    }
}

impl Memo {
    /// What was found out may not hold any more.
    pub(super) fn forget(&mut self) {
        self.of = None;
    }
}

impl View {
    pub(super) fn new(agreed: Agreed, family: FamilyAgreed, export: &Export) -> Self {
        View {
            family: family.family,
            agreed,
            side: export.side,
            policy: export.policy.clone(),
            originates: export.default_originate,
            next_hops: export.next_hops(family),
        }
    }

    pub(super) fn family(&self) -> Family {
        self.family
    }

    pub(super) fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// The same, changed as a peer's configuration changes: what the two OPENs settled stays.
    pub(super) fn with_export(&self, export: &Export) -> Self {
        match self.agreed.family(self.family) {
            Some(family) => View::new(self.agreed, family, export),
            None => self.clone(),
        }
    }

    /// What it takes to read our own runs.
    pub(super) fn reading(&self) -> Agreed {
        let families = self
            .agreed
            .families()
            .map(|family| FamilyAgreed { receive_add_path: family.send_add_path, ..family });
        self.agreed.with_families(families.collect::<Vec<_>>())
    }

    /// Whether members are told a default route, whether or not there is one.
    pub(super) fn originates(&self) -> bool {
        self.originates && self.next_hops.is_some()
    }

    /// What the members are to be told of a prefix whatever is selected.
    #[inline]
    pub(super) fn originated<A: Address>(&self, prefix: Prefix<A>, sets: &Sets) -> Option<Wish> {
        let attributes = sets.default_route();
        let told = prefix.len() == 0 && attributes.is_some() && self.originates();
        told.then(|| Wish { attributes, ..Wish::default() })
    }

    /// What the members, of which some have these addresses, are to be told of a route.
    #[inline]
    pub(super) fn wish<A: Address>(
        &self,
        route: &Route,
        prefix: Prefix<A>,
        sender: &Sender,
        members: &Addresses,
        (sets, memo): (&Sets, &mut Memo),
    ) -> Option<Wish> {
        let of = Some((route.accepted, sets.serial(route.accepted), route.sender.0));
        if memo.of != of {
            self.look(route.accepted, sender, sets, memo);
            (memo.of, memo.same) = (of, None);
        }
        if let Some(same) = memo.same {
            return same;
        }
        let wish = self.decide(route.accepted, prefix, members, memo);
        if !self.policy.needs_prefix() {
            memo.same = Some(wish);
        }
        wish
    }

    fn look(&self, id: AttrId, sender: &Sender, sets: &Sets, memo: &mut Memo) {
        let learned = sender.learned_from();
        let (next_hop, section) = sets.octets_of(id);
        memo.attributes.read(&Attributes::of_section(section));
        memo.next_hop = next_hop;
        memo.provenance = self.side.provenance(learned);
        let stays =
            self.next_hops.is_none() || export::withheld(&self.side, learned, &memo.attributes).is_some();
        let masks = || {
            let attributes = self.policy.attribute_mask(&memo.attributes, next_hop);
            (attributes, self.policy.source_mask(&sender.source()))
        };
        memo.masks = (!stays).then(masks);
    }

    fn decide<A: Address>(
        &self,
        attributes: AttrId,
        prefix: Prefix<A>,
        members: &Addresses,
        memo: &Memo,
    ) -> Option<Wish> {
        let (by_attributes, by_source) = memo.masks.as_ref()?;
        let (next_hops, provenance) = (self.next_hops.as_ref()?, memo.provenance);
        let decision = self.policy.decide(by_attributes, by_source, prefix);
        let rule = self.policy.rule(decision);
        if rule.verdict() == Verdict::Reject {
            return None;
        }
        let changing = decision.filter(|_| rule.changes().is_some());
        let by_rule = rule.changes().and_then(Changes::next_hop);
        let written = next_hop::written(next_hops, provenance, memo.next_hop, by_rule);
        // RFC 4271 §5.1.3: nobody is told his own address as the next hop. Others of the group are.
        let owner = Some(written.address()).filter(|_| written != next_hops.own);
        let source = owner.and_then(|address| members.get(&address)).copied().unwrap_or(NOBODY);
        Some(Wish {
            attributes,
            rule: changing.map_or(UNCHANGED, RuleIndex::number),
            source,
            view: 0,
            provenance,
        })
    }

    /// What the members, of which some have these addresses, are to be told of a route, with the reason in words.
    ///
    /// # Errors
    /// They are told nothing, for this reason.
    pub(super) fn explain<A: Address>(
        &self,
        route: &Route,
        prefix: Prefix<A>,
        sender: &Sender,
        members: &Addresses,
        sets: &Sets,
    ) -> Result<(Wish, String), String> {
        let mut memo = Memo::default();
        self.look(route.accepted, sender, sets, &mut memo);
        let withheld = export::withheld(&self.side, sender.learned_from(), &memo.attributes);
        if let Some(withheld) = withheld {
            return Err(withheld.to_string());
        }
        let Some((attributes, source)) = &memo.masks else {
            return Err(format!(
                "we have no address to write as next hop for {} on this session",
                self.family
            ));
        };
        let reason = self.policy.reason(self.policy.decide(attributes, source, prefix)).to_string();
        match self.decide(route.accepted, prefix, members, &memo) {
            Some(wish) => Ok((wish, reason)),
            None => Err(reason),
        }
    }

    /// Writes attributes as the members are told them, and says the next hop. `None`: they cannot be told.
    pub(super) fn write(&self, sets: &Sets, wish: &Wish, scratch: &mut Scratch) -> Option<NextHop> {
        let next_hop = self.prepare(sets, wish, &mut scratch.attributes);
        scratch.section.clear();
        scratch.attributes.encode(self.agreed.four_octet_as, &mut scratch.section);
        next_hop
    }

    /// Attributes as the members are told them, and the next hop.
    pub(super) fn prepare(
        &self,
        sets: &Sets,
        wish: &Wish,
        attributes: &mut PathAttributes,
    ) -> Option<NextHop> {
        let (next_hop, section) = sets.octets_of(wish.attributes);
        attributes.read(&Attributes::of_section(section));
        let changes = self.policy.rule(Some(RuleIndex::from(wish.rule))).changes();
        export::prepare(&self.side, wish.provenance, attributes, changes);
        let policy = changes.and_then(Changes::next_hop);
        Some(next_hop::written(self.next_hops.as_ref()?, wish.provenance, next_hop, policy))
    }
}

/// The views of a group: the latest, and older ones under which something was said that was not looked at since.
#[derive(Clone)]
pub(super) struct Views {
    number: u16,
    latest: View,
    older: Vec<(u16, View)>,
}

impl Views {
    pub(super) fn new(view: View) -> Self {
        Views { number: 0, latest: view, older: Vec::new() }
    }

    /// The latest.
    #[inline]
    pub(super) fn latest(&self) -> &View {
        &self.latest
    }

    /// The number of the latest.
    #[inline]
    pub(super) fn number(&self) -> u16 {
        self.number
    }

    /// The one of this number.
    pub(super) fn of(&self, number: u16) -> &View {
        let older = self.older.iter().find(|(at, _)| *at == number && number != self.number);
        older.map_or(&self.latest, |(_, view)| view)
    }

    /// From now on routes are wished so.
    pub(super) fn push(&mut self, view: View) {
        self.older.push((self.number, std::mem::replace(&mut self.latest, view)));
        self.number = self.number.wrapping_add(1);
    }

    /// Forgets older ones that are not in use.
    pub(super) fn forget_unused(&mut self, used: impl Fn(u16) -> bool) {
        self.older.retain(|(number, _)| used(*number));
    }

    /// Whether two wishes are told with the same octets.
    pub(super) fn tell_the_same(&self, a: &Wish, b: &Wish, sets: &Sets, scratch: &mut Scratch) -> bool {
        let first = self.of(a.view).write(sets, a, scratch);
        std::mem::swap(&mut scratch.section, &mut scratch.other);
        first.is_some()
            && self.of(b.view).write(sets, b, scratch) == first
            && scratch.section == scratch.other
    }
}
