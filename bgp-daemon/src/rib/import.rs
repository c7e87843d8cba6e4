//! Import: what becomes of the routes of one attribute set, asked once for the set and then for each prefix.

use super::{
    intern::{AttrId, Sets},
    peers::SenderId,
    session::{Import, Limits},
};
use crate::policy::{
    Changes, RuleIndex, RuleMask, Verdict,
    standard::{
        import::{self, Blackholed, Refusal},
        next_hop,
    },
};
use bgp_proto::{
    attr::{next_hop::NextHop, set::PathAttributes},
    family::Family,
    prefix::{Address, Prefix},
    wire::attributes::Attributes,
};
use std::fmt;

/// Why a route is not accepted, whatever the policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The protocol forbids it.
    Rule(Refusal),
    /// The AS path is longer than the limit.
    LongPath {
        /// ASes in the path.
        length: usize,
        /// The most that are accepted.
        limit: usize,
    },
    /// There are more communities than the limit.
    ManyCommunities {
        /// How many there are.
        count: usize,
        /// The most that are accepted.
        limit: usize,
    },
    /// It asks for packets to be discarded, and the peer may not.
    Blackhole,
    /// It asks for packets to more than the peer may blackhole to be discarded.
    ShortBlackhole {
        /// The length of the shortest prefix that the peer may blackhole.
        shortest: u8,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Rule(refusal) => refusal.fmt(f),
            Refused::LongPath { length, limit } => {
                write!(f, "the AS path has {length} ASes and the limit is {limit}")
            }
            Refused::ManyCommunities { count, limit } => {
                write!(f, "it has {count} communities and the limit is {limit}")
            }
            Refused::Blackhole => f.write_str("it is a blackhole, which the peer may not announce"),
            Refused::ShortBlackhole { shortest } => {
                write!(f, "the shortest prefix that the peer may blackhole is a /{shortest}")
            }
        }
    }
}

/// What was found out about a prefix.
type Fate = Result<Option<RuleIndex>, Refused>;

/// Judges the routes of one sender and one attribute set after the other. It holds on to the sets in question until it
/// is told to let go.
#[derive(Default)]
pub(super) struct Judge {
    of: Option<(SenderId, AttrId)>,
    attributes: PathAttributes,
    next_hop: Option<NextHop>,
    refused: Option<Refused>,
    mask: Option<RuleMask>,
    /// Attributes of the learned set were taken out.
    discarded: bool,
    /// Whether each prefix has to be looked at.
    by_prefix: bool,
    same: Option<AttrId>,
    /// The set that each rule makes of the learned one.
    accepted: Vec<(RuleIndex, AttrId)>,
    changed: PathAttributes,
}

fn over_limit(limits: Limits, attributes: &PathAttributes) -> Option<Refused> {
    let length = attributes.as_path.view().asns().count();
    if length > limits.as_path {
        return Some(Refused::LongPath { length, limit: limits.as_path });
    }
    let count = attributes.communities.len()
        + attributes.extended_communities.len()
        + attributes.extended_communities_ipv6.len()
        + attributes.large_communities.len();
    (count > limits.communities).then_some(Refused::ManyCommunities { count, limit: limits.communities })
}

fn family<A: Address>() -> Family {
    if A::WIDTH == 32 { Family::IPV4 } else { Family::IPV6 }
}

impl Judge {
    /// What a route of this sender, learned with this set, is accepted with; `NONE`: it is not. The set stays at least
    /// until [`Judge::let_go`].
    #[inline]
    pub(super) fn accept<A: Address>(
        &mut self,
        (sender, learned): (SenderId, AttrId),
        (import, source): &(Import, RuleMask),
        prefix: Prefix<A>,
        sets: &mut Sets,
    ) -> AttrId {
        if self.of != Some((sender, learned)) {
            self.begin((sender, learned), import, sets);
        }
        if let Some(accepted) = self.same {
            return accepted;
        }
        let accepted = match self.fate(import, source, prefix) {
            Ok(Some(rule)) => self.accepted_by::<A>(rule, import, sets),
            _ => AttrId::NONE,
        };
        self.same = (!self.by_prefix).then_some(accepted);
        accepted
    }

    fn begin(&mut self, of: (SenderId, AttrId), import: &Import, sets: &mut Sets) {
        self.let_go(sets);
        sets.retain(of.1);
        self.of = Some(of);
        let (next_hop, section) = sets.octets_of(of.1);
        self.attributes.read(&Attributes::of_section(section));
        self.next_hop = next_hop;
        self.look(import);
    }

    fn look(&mut self, Import { side, policy, limits, discards }: &Import) {
        let refused = import::refusal(side, &self.attributes).map(Refused::Rule);
        self.discarded = discards.apply(&mut self.attributes);
        let attributes = &self.attributes;
        self.refused = over_limit(*limits, attributes).or(refused);
        self.mask = self.refused.is_none().then(|| policy.attribute_mask(attributes, self.next_hop));
        let blackhole = import::blackhole::<u32>(side, attributes, Prefix::default()) != Blackholed::No;
        self.by_prefix = policy.needs_prefix() || blackhole;
    }

    fn fate<A: Address>(&self, import: &Import, source: &RuleMask, prefix: Prefix<A>) -> Fate {
        let Some(mask) = &self.mask else {
            return self.refused.map_or(Ok(None), Err);
        };
        if self.by_prefix {
            match import::blackhole(&import.side, &self.attributes, prefix) {
                Blackholed::No | Blackholed::Discard => {}
                Blackholed::NotAllowed => return Err(Refused::Blackhole),
                Blackholed::TooShort(shortest) => return Err(Refused::ShortBlackhole { shortest }),
            }
        }
        let rule = import.policy.decide(mask, source, prefix);
        Ok(rule.filter(|_| import.policy.verdict(rule) == Verdict::Accept))
    }

    fn accepted_by<A: Address>(&mut self, rule: RuleIndex, import: &Import, sets: &mut Sets) -> AttrId {
        if let Some((_, accepted)) = self.accepted.iter().find(|(by, _)| *by == rule) {
            return *accepted;
        }
        let Some((_, learned)) = self.of else { return AttrId::NONE };
        let changes = import.policy.rule(Some(rule)).changes();
        let next_hop = next_hop::accepted(family::<A>(), self.next_hop, changes.and_then(Changes::next_hop));
        let accepted = if import::changes(&import.side, &self.attributes, changes) {
            self.changed.read(&Attributes::of_section(sets.octets_of(learned).1));
            import.discards.apply(&mut self.changed);
            import::prepare(&import.side, &mut self.changed, changes);
            sets.intern(&self.changed, next_hop)
        } else if self.discarded || next_hop != self.next_hop {
            sets.intern(&self.attributes, next_hop)
        } else {
            sets.retain(learned);
            learned
        };
        self.accepted.push((rule, accepted));
        accepted
    }

    /// Lets go of all sets.
    pub(super) fn let_go(&mut self, sets: &mut Sets) {
        self.accepted.drain(..).for_each(|(_, accepted)| sets.release(accepted));
        if let Some((_, learned)) = self.of.take() {
            sets.release(learned);
        }
        self.same = None;
    }

    /// Why a route was accepted or not, in words.
    pub(super) fn reason<A: Address>(
        (import, source): &(Import, RuleMask),
        learned: AttrId,
        prefix: Prefix<A>,
        sets: &Sets,
    ) -> String {
        let mut judge = Judge::default();
        let (next_hop, section) = sets.octets_of(learned);
        judge.attributes.read(&Attributes::of_section(section));
        judge.next_hop = next_hop;
        judge.look(import);
        match judge.fate(import, source, prefix) {
            Err(refused) => refused.to_string(),
            Ok(_) => {
                let decision = judge.mask.and_then(|mask| import.policy.decide(&mask, source, prefix));
                import.policy.reason(decision).to_string()
            }
        }
    }
}
