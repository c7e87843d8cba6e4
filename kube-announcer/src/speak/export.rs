//! What a peer is told: one policy, with a rule for each class of prefixes that it hears of.

use super::owner;
use crate::{
    object::Name,
    plan::{Class, Told},
    wish::{Attributes, NextHop},
};
use bgp_daemon::policy::{
    self, Names, Policy,
    raw::{RawMatch, RawPolicy, RawPrepend, RawRule, RawSet, Text, Texts},
};
use std::{collections::BTreeMap, sync::Arc};

/// The name of all export policies: two that say the same are one, and their peers share what is encoded.
const ANNOUNCE: &str = "announce";

/// What a peer is told: a rule for each class that it hears of, and nothing else. `through`: routes may have next hops
/// behind us, which are nobody else's.
pub(super) fn export(classes: &BTreeMap<Name, Arc<Class>>, peer: &Name, through: bool) -> Policy {
    let rules = classes.iter().filter_map(|(name, class)| Some((name, class.told.get(peer)?)));
    let mut rules: Vec<RawRule> = rules.flat_map(|(name, told)| rules_of(name, told)).collect();
    for rule in rules.iter_mut().filter(|rule| through && rule.set.next_hop.is_none()) {
        rule.set.next_hop = Some(Texts::One("self".into()));
    }
    let policies = [(ANNOUNCE.to_owned(), RawPolicy { rules })].into();
    // Every value was one before it became a text, so nothing can be wrong with it; a peer is told nothing otherwise.
    let checked = policy::check(&policies, &Names::default());
    checked.ok().and_then(|policies| policies.find(ANNOUNCE).cloned()).unwrap_or_else(Policy::none)
}

/// One rule where both families are told the same, else one for each that is told.
fn rules_of(class: &Name, told: &Told) -> Vec<RawRule> {
    let families = ["ipv4", "ipv6"].into_iter().zip(&told.attributes);
    match &told.attributes {
        [Some(ipv4), Some(ipv6)] if ipv4 == ipv6 => vec![rule(class, None, ipv4)],
        _ => families
            .filter_map(|(family, attributes)| Some(rule(class, Some(family), attributes.as_ref()?)))
            .collect(),
    }
}

fn rule(class: &Name, family: Option<&str>, attributes: &Attributes) -> RawRule {
    let Attributes { communities, large_communities, local_pref, med, prepend, next_hop } = attributes;
    let plain = communities.iter().map(Text::from);
    let communities: Vec<Text> = plain.chain(large_communities.iter().map(Text::from)).collect();
    let addresses = match next_hop {
        Some(NextHop::Addresses { ipv4, ipv6 }) => {
            ipv4.iter().map(Text::from).chain(ipv6.iter().map(Text::from)).collect()
        }
        _ => Vec::new(),
    };
    RawRule {
        name: Some(class.to_string()),
        matches: RawMatch {
            source: Some(Texts::One(format!("local:{}", owner(class)).into())),
            family: family.map(|family| Texts::One(family.into())),
            ..RawMatch::default()
        },
        set: RawSet {
            add_communities: (!communities.is_empty()).then_some(Texts::Many(communities)),
            local_pref: local_pref.map(Text::from),
            med: med.map(Text::from),
            prepend: prepend.map(|times| RawPrepend { times: Some(times.into()), asn: None }),
            next_hop: (!addresses.is_empty()).then_some(Texts::Many(addresses)),
            ..RawSet::default()
        },
        then: Some("accept".into()),
    }
}
