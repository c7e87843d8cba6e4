//! One rule, resolved: what it asks of a route, and what becomes of a route that matches.

use super::{
    as_path::{AsnSet, Pattern as PathPattern},
    changes::Changes,
    communities::Pattern as CommunityPattern,
    prefixes::PrefixList,
    source::{PeerName, Source, SourceKind},
    span::Span,
    standard::DEFAULT_LOCAL_PREF,
};
use bgp_proto::{
    attr::{next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::Origin,
    prefix::Address,
};
use std::fmt;

/// What becomes of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is taken, with the rule's changes.
    Accept,
    /// It is not.
    Reject,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Accept => "accepted",
            Verdict::Reject => "rejected",
        })
    }
}

/// A rule of a [`Policy`](super::Policy).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(super) name: Option<Box<str>>,
    /// All of these hold.
    pub(super) attributes: Box<[AttributeCondition]>,
    /// And all of these.
    pub(super) sources: Box<[SourceCondition]>,
    /// And the family is one of these; `None`: any.
    pub(super) families: Option<Box<[Family]>>,
    /// And the prefix is in this list; `None`: any.
    pub(super) prefixes: Option<PrefixList>,
    pub(super) changes: Option<Changes>,
    pub(super) verdict: Verdict,
}

impl Rule {
    /// A rule that matches everything.
    pub(super) fn always(verdict: Verdict) -> Self {
        Rule {
            name: None,
            attributes: [].into(),
            sources: [].into(),
            families: None,
            prefixes: None,
            changes: None,
            verdict,
        }
    }

    /// The name it was given.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What becomes of a route that matches.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What changes in it. Always `None` where the route is rejected.
    pub fn changes(&self) -> Option<&Changes> {
        self.changes.as_ref()
    }

    pub(super) fn attributes_hold(&self, attributes: &PathAttributes, next_hop: Option<NextHop>) -> bool {
        self.attributes.iter().all(|condition| condition.holds(attributes, next_hop))
    }

    pub(super) fn source_holds(&self, source: &Source<'_>) -> bool {
        self.sources.iter().all(|condition| condition.holds(source))
    }

    /// Whether prefixes of this width can match at all.
    pub(super) fn width_holds<A: Address>(&self) -> bool {
        let family = if A::WIDTH == 32 { Family::IPV4 } else { Family::IPV6 };
        self.families.as_ref().is_none_or(|families| families.contains(&family))
            && self.prefixes.as_ref().is_none_or(|list| !list.is_empty::<A>())
    }
}

/// What a rule asks of a route's attributes. Of a list, one element holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AttributeCondition {
    PathContains(AsnSet),
    PathStarts(AsnSet),
    PathOrigin(AsnSet),
    PathLength(Span),
    Path(Box<[PathPattern]>),
    AnyCommunity(Box<[CommunityPattern]>),
    AllCommunities(Box<[CommunityPattern]>),
    NoCommunity(Box<[CommunityPattern]>),
    NextHop(PrefixList),
    Med(Span),
    LocalPref(Span),
    Origin(Box<[Origin]>),
}

impl AttributeCondition {
    fn holds(&self, attributes: &PathAttributes, next_hop: Option<NextHop>) -> bool {
        let path = attributes.as_path.view();
        match self {
            Self::PathContains(set) => path.asns().any(|asn| set.contains(asn)),
            Self::PathStarts(set) => path.first().is_some_and(|asn| set.contains(asn)),
            Self::PathOrigin(set) => path.origin().is_some_and(|asn| set.contains(asn)),
            Self::PathLength(span) => span.contains(u32::try_from(path.len()).unwrap_or(u32::MAX)),
            Self::Path(patterns) => patterns.iter().any(|pattern| pattern.matches(path)),
            Self::AnyCommunity(patterns) => patterns.iter().any(|pattern| pattern.is_in(attributes)),
            Self::AllCommunities(patterns) => patterns.iter().all(|pattern| pattern.is_in(attributes)),
            Self::NoCommunity(patterns) => !patterns.iter().any(|pattern| pattern.is_in(attributes)),
            Self::NextHop(list) => next_hop.is_some_and(|next_hop| list.contains_address(next_hop.address())),
            // As route selection counts what is not there.
            Self::Med(span) => span.contains(attributes.med.unwrap_or(0)),
            Self::LocalPref(span) => span.contains(attributes.local_pref.unwrap_or(DEFAULT_LOCAL_PREF)),
            Self::Origin(origins) => attributes.origin.is_some_and(|origin| origins.contains(&origin)),
        }
    }
}

/// What a rule asks of where a route came from. Of a list, one element holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SourceCondition {
    Kind(Box<[SourceKind]>),
    Peer(Box<[PeerName]>),
    Group(Box<[String]>),
}

impl SourceCondition {
    fn holds(&self, source: &Source<'_>) -> bool {
        match self {
            Self::Kind(kinds) => kinds.iter().any(|kind| kind.holds(source)),
            Self::Peer(peers) => peers.iter().any(|peer| peer.holds(source)),
            Self::Group(groups) => match source {
                Source::Peer { group: Some(group), .. } => groups.iter().any(|wanted| wanted == group),
                _ => false,
            },
        }
    }
}
