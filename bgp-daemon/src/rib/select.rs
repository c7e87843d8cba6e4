//! Selection: rules that narrow the candidates down to equal ones, and tie-breakers that choose among these.

use super::{
    intern::{AttrId, Sets, Summary},
    peers::{Sender, SenderKind},
    table::Route,
};
use std::net::IpAddr;

/// A route that may be selected, with all that the rules look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) route: u32,
    pub(super) attributes: AttrId,
    summary: Summary,
    cost: u32,
    stale: bool,
    path_id: u32,
    sender: &'a Sender,
}

impl<'a> Candidate<'a> {
    /// The route as a candidate; `None`: it is not eligible.
    #[inline]
    pub(super) fn of(id: u32, route: &Route, stale: bool, sender: &'a Sender, sets: &Sets) -> Option<Self> {
        let attributes = route.accepted;
        if !attributes.is_some() {
            return None;
        }
        let cost = sets.cost(attributes)?;
        let summary = *sets.summary(attributes);
        Some(Candidate { route: id, attributes, summary, cost, stale, path_id: route.path_id, sender })
    }

    /// Whether a MED may change the order of others.
    pub(super) fn has_med(&self) -> bool {
        self.summary.med != 0
    }
}

/// How candidates are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Settings {
    /// Compare MEDs of routes from different ASes too.
    pub always_compare_med: bool,
    /// Multipath takes paths of the same length through any AS.
    pub multipath_relax: bool,
}

/// One rule of the ladder: its name for people, and a key of which the smallest stays.
struct Rule {
    reason: &'static str,
    key: fn(&Candidate<'_>, &Sets) -> u128,
}

macro_rules! rules {
    ($(#[doc = $doc:literal] $name:ident = [$($reason:literal |$c:pat_param, $s:pat_param| $key:expr;)*];)*) => {
        $(#[doc = $doc] const $name: &[Rule] = &[$(Rule { reason: $reason, key: |$c, $s| ($key) as u128 }),*];)*
    };
}

rules! {
    #[doc = "Before MED (RFC 4271 §9.1.2.2; stale routes last as RFC 4724 §4.2 and RFC 9494 §4.3 want them)."]
    BEFORE_MED = [
        "stale" |c, _| c.stale;
        "not a local route" |c, _| c.sender.kind != SenderKind::Local;
        "lower local-pref" |c, _| u32::MAX - c.summary.local_pref;
        "longer AS path" |c, _| c.summary.path_len;
        "worse origin" |c, _| c.summary.origin;
    ];
    #[doc = "Between MED and the tie-breakers: what these leave is equal."]
    AFTER_MED = [
        "internal, another is external" |c, _| c.sender.kind == SenderKind::Internal;
        "farther next hop" |c, _| c.cost;
    ];
    #[doc = "Tie-breakers: exactly one is left (RFC 4271 §9.1.2.2 (f), (g); RFC 4456 §9)."]
    TIE_BREAKERS = [
        "higher router id" |c, s| s.originator(c.attributes).unwrap_or(c.sender.router_id);
        "longer cluster list" |c, s| s.cluster_list_len(c.attributes);
        "higher address" |c, _| address_key(c.sender.address);
        "higher path id" |c, _| c.path_id;
    ];
}

const MED: &str = "higher MED";

fn address_key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Keeps the candidates with the smallest key in front; returns how many these are.
fn narrow(
    candidates: &mut [Candidate<'_>],
    rule: &Rule,
    sets: &Sets,
    lost: &mut impl FnMut(u32, &'static str),
) -> usize {
    let Some(least) = candidates.iter().map(|c| (rule.key)(c, sets)).min() else { return 0 };
    partition(candidates, |c| (rule.key)(c, sets) == least, rule.reason, lost)
}

fn partition<'a>(
    candidates: &mut [Candidate<'a>],
    mut stays: impl FnMut(&Candidate<'a>) -> bool,
    reason: &'static str,
    lost: &mut impl FnMut(u32, &'static str),
) -> usize {
    let mut kept = 0;
    for at in 0..candidates.len() {
        if stays(&candidates[at]) {
            candidates.swap(kept, at);
            kept += 1;
        } else {
            lost(candidates[at].route, reason);
        }
    }
    kept
}

/// Drops candidates for which another of the same AS has a lower MED.
fn narrow_by_med(
    candidates: &mut [Candidate<'_>],
    settings: Settings,
    lost: &mut impl FnMut(u32, &'static str),
) -> usize {
    if !candidates.iter().any(Candidate::has_med) {
        return candidates.len();
    }
    let group = |c: &Candidate<'_>| if settings.always_compare_med { 0 } else { c.summary.from_as };
    candidates.sort_unstable_by_key(|c| (group(c), c.summary.med, c.route));
    let mut best = None;
    partition(
        candidates,
        |c| {
            let (least_group, least_med) = *best.get_or_insert((group(c), c.summary.med));
            if least_group != group(c) {
                best = Some((group(c), c.summary.med));
                return true;
            }
            least_med == c.summary.med
        },
        MED,
        lost,
    )
}

/// The selected route and the ones equal to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) best: u32,
    /// How many of the candidates, from the first on, are equal to the best (itself included).
    pub(super) equal: usize,
}

/// Selects among all candidates of a prefix. `lost` hears of each that is out and by which rule.
pub(super) fn select(
    candidates: &mut [Candidate<'_>],
    settings: Settings,
    sets: &Sets,
    mut lost: impl FnMut(u32, &'static str),
) -> Option<Selected> {
    let mut left = candidates.len();
    for rule in BEFORE_MED {
        left = narrow(&mut candidates[..left], rule, sets, &mut lost);
    }
    left = narrow_by_med(&mut candidates[..left], settings, &mut lost);
    for rule in AFTER_MED {
        left = narrow(&mut candidates[..left], rule, sets, &mut lost);
    }
    // The tie-breakers choose one of the equal ones and leave the others where they are.
    let mut chosen = candidates[..left].to_vec();
    let mut one = left;
    for rule in TIE_BREAKERS {
        if one > 1 {
            one = narrow(&mut chosen[..one], rule, sets, &mut lost);
        }
    }
    let best = *chosen.first()?;
    let alike = |c: &Candidate<'_>| settings.multipath_relax || c.summary.from_as == best.summary.from_as;
    let equal =
        partition(&mut candidates[..left], alike, "another AS, multipath not relaxed", &mut |_, _| {});
    Some(Selected { best: best.route, equal })
}

/// Whether `new` is selected over `best`, where these two are all that matters: no candidate has a MED.
#[inline]
pub(super) fn beats(new: &Candidate<'_>, best: &Candidate<'_>, sets: &Sets) -> bool {
    for rule in BEFORE_MED.iter().chain(AFTER_MED).chain(TIE_BREAKERS) {
        let (ours, theirs) = ((rule.key)(new, sets), (rule.key)(best, sets));
        if ours != theirs {
            return ours < theirs;
        }
    }
    false
}
