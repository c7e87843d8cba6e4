//! Classes of prefixes: whom they are told to, and with which attributes. Where several advertisements say something,
//! communities are put together, and of everything else the most specific one's word holds.

use super::{Code, Conflict, here::Here, peers::Session};
use crate::{
    object::Name,
    wish::{Advertisement, Attributes, NextHop, Peer},
};
use bgp_proto::family::Family;
use std::{cmp::Reverse, collections::BTreeMap, net::IpAddr};

/// What is told of prefixes that the same advertisements announce.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// Who is told, by the name of the BgpPeer.
    pub told: BTreeMap<Name, Told>,
    /// What advertisements that are equally specific say differently.
    pub conflicts: Vec<Conflict>,
}

/// What one BgpPeer is told: IPv4 prefixes, IPv6 prefixes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The attributes; `None`: it is not told of prefixes of this family. A next hop that is written is one of the
    /// family, and none is the session's own.
    pub attributes: [Option<Attributes>; 2],
}

/// Who says yes to a prefix: advertisements, in the order of their names, and whether a source's selector chose it.
pub(super) type Votes = Vec<(Name, bool)>;

/// The name of a class: those who say yes, with a star where a selector chose. It stays while they do, whatever they say.
pub(super) fn name(votes: &Votes) -> Name {
    if let [(alone, false)] = &votes[..] {
        return alone.clone();
    }
    let names = votes
        .iter()
        .map(|(advertisement, selected)| [&**advertisement, if *selected { "*" } else { "" }].concat());
    names.collect::<Vec<_>>().join("+").into()
}

impl Class {
    pub(super) fn new(here: &Here, sessions: &[Session], votes: &Votes) -> Self {
        let mut class = Class { told: BTreeMap::new(), conflicts: Vec::new() };
        let voters: Vec<_> = here
            .advertisements
            .iter()
            .filter_map(|advert| {
                let (_, selected) = votes.iter().find(|(name, _)| *name == advert.wish.name)?;
                Some((&*advert.wish, *selected))
            })
            .collect();
        for session in sessions {
            let peer = &*session.wish;
            if class.told.contains_key(&peer.name) {
                continue;
            }
            let naming =
                voters.iter().filter(|(wish, _)| wish.peers.is_empty() || wish.peers.contains(&peer.name));
            let mut naming: Vec<_> = naming.copied().collect();
            naming.sort_by_key(|(wish, selected)| (Reverse(specificity(wish, *selected)), wish.name.clone()));
            if !naming.is_empty() {
                let told = told(here, peer, &naming, &mut class.conflicts);
                class.told.insert(peer.name.clone(), told);
            }
        }
        class
    }

    /// Why nobody is told of a family. `None`: somebody is.
    pub(super) fn silent(&self, sessions: &[Session], ipv6: bool) -> Option<Code> {
        let family = usize::from(ipv6);
        if self.told.values().any(|told| told.attributes[family].is_some()) {
            return None;
        }
        let taken =
            |session: &Session| self.told.contains_key(&session.wish.name) && takes(&session.wish, ipv6);
        Some(match self.told.is_empty() {
            true => Code::NoPeer,
            false if sessions.iter().any(taken) => Code::NoNextHop,
            false => Code::NoPeerOfFamily,
        })
    }
}

fn takes(peer: &Peer, ipv6: bool) -> bool {
    peer.families.contains(&if ipv6 { Family::IPV6 } else { Family::IPV4 })
}

/// Whether a peer is told of a family by an advertisement, on a node with these InternalIPs.
pub(super) fn is_told_by(
    peer: &Peer,
    wish: &Advertisement,
    internal: [Option<IpAddr>; 2],
    ipv6: bool,
) -> bool {
    let next_hops = [wish.attributes.next_hop, peer.attributes.next_hop];
    (wish.peers.is_empty() || wish.peers.contains(&peer.name))
        && takes(peer, ipv6)
        && next_hops.into_iter().all(|next_hop| resolve(internal, next_hop, ipv6).is_some())
}

/// How much an advertisement is about the thing at hand: the first difference decides.
fn specificity(wish: &Advertisement, selected: bool) -> [bool; 3] {
    [!wish.peers.is_empty(), !wish.node_selector.is_empty(), selected]
}

/// What a peer is told by those who name it, the most specific first.
fn told(here: &Here, peer: &Peer, naming: &[(&Advertisement, bool)], conflicts: &mut Vec<Conflict>) -> Told {
    let attributes = [false, true].map(|ipv6| {
        // Who writes a next hop that does not exist here says nothing of the family: an explicit one never falls back.
        let naming = naming
            .iter()
            .filter(|(wish, _)| resolve(here.internal, wish.attributes.next_hop, ipv6).is_some());
        let naming: Vec<_> = naming.copied().collect();
        let merged = (takes(peer, ipv6) && !naming.is_empty()).then(|| merge(peer, &naming, conflicts))?;
        let next_hop = resolve(here.internal, merged.next_hop, ipv6)?;
        Some(Attributes { next_hop, ..merged })
    });
    Told { attributes }
}

fn merge(peer: &Peer, naming: &[(&Advertisement, bool)], conflicts: &mut Vec<Conflict>) -> Attributes {
    let mut merged = peer.attributes.clone();
    for (wish, _) in naming {
        merged.communities.extend(&wish.attributes.communities);
        merged.large_communities.extend(&wish.attributes.large_communities);
    }
    merged.communities.sort_unstable();
    merged.communities.dedup();
    merged.large_communities.sort_unstable();
    merged.large_communities.dedup();
    let mut pick = Pick { naming, conflicts };
    merged.local_pref = merged.local_pref.or_else(|| pick.first("localPref", |said| said.local_pref));
    merged.med = merged.med.or_else(|| pick.first("med", |said| said.med));
    merged.prepend = merged.prepend.or_else(|| pick.first("prepend", |said| said.prepend));
    merged.next_hop = merged.next_hop.or_else(|| pick.first("nextHop", |said| said.next_hop));
    merged
}

/// Picks a word among those that are said.
struct Pick<'a> {
    naming: &'a [(&'a Advertisement, bool)],
    conflicts: &'a mut Vec<Conflict>,
}

impl Pick<'_> {
    /// The most specific one's; among equals the first by name, and it is a conflict if they differ.
    fn first<T: PartialEq>(&mut self, field: &'static str, said: fn(&Attributes) -> Option<T>) -> Option<T> {
        let all = self.naming.iter();
        let mut saying = all.filter_map(|(wish, selected)| {
            Some((&wish.name, specificity(wish, *selected), said(&wish.attributes)?))
        });
        let (first, rank, value) = saying.next()?;
        let equals = saying.take_while(|(_, other, _)| *other == rank);
        let others: Vec<_> = equals.filter(|(.., other)| *other != value).map(|(name, ..)| name).collect();
        if !others.is_empty() {
            let advertisements = [first].into_iter().chain(others).cloned().collect();
            let conflict = Conflict::Attributes { field, advertisements };
            if !self.conflicts.contains(&conflict) {
                self.conflicts.push(conflict);
            }
        }
        Some(value)
    }
}

/// The next hop that is written for a family; outer `None`: there is none, and an explicit one never falls back.
fn resolve(internal: [Option<IpAddr>; 2], next_hop: Option<NextHop>, ipv6: bool) -> Option<Option<NextHop>> {
    let address = match next_hop {
        None | Some(NextHop::Own) => return Some(None),
        Some(NextHop::InternalIp) => internal[usize::from(ipv6)]?,
        Some(NextHop::Addresses { ipv4, .. }) if !ipv6 => ipv4?.into(),
        Some(NextHop::Addresses { ipv6, .. }) => ipv6?.into(),
    };
    Some(Some(match address {
        IpAddr::V4(address) => NextHop::Addresses { ipv4: Some(address), ipv6: None },
        IpAddr::V6(address) => NextHop::Addresses { ipv4: None, ipv6: Some(address) },
    }))
}
