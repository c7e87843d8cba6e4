//! What each peer is told of a prefix, and why: asked anew, as it would be decided now.

use super::{
    Rib, SenderId, Told,
    group::Group,
    half::{Half, find},
    intern::Sets,
    peers::Sender,
    slab::NONE,
    table::Route,
};
use bgp_proto::{
    attr::set::PathAttributes,
    prefix::{Address, Prefix},
};
use ipnet::IpNet;

/// What a peer whose session is up is told of a prefix, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The peer.
    pub peer: SenderId,
    /// The route as it is written for this peer; `None`: it is told of none.
    pub told: Option<Told>,
    /// Why, in words.
    pub reason: String,
}

impl Rib {
    /// What each peer is told of a prefix. Nothing where no route is selected: then nobody is told anything.
    pub fn tellings(&self, prefix: IpNet) -> Vec<Telling> {
        self.tellings_to(prefix, None)
    }

    /// What one peer is told of a prefix; `None`: no route is selected, or its session is down.
    pub fn telling(&self, prefix: IpNet, peer: SenderId) -> Option<Telling> {
        self.tellings_to(prefix, Some(peer)).pop()
    }

    fn tellings_to(&self, prefix: IpNet, only: Option<SenderId>) -> Vec<Telling> {
        match prefix {
            IpNet::V4(net) => self.tellings_in(&self.v4, Prefix::from(net), only),
            IpNet::V6(net) => self.tellings_in(&self.v6, Prefix::from(net), only),
        }
    }

    fn tellings_in<A: Address>(
        &self,
        half: &Half<A>,
        prefix: Prefix<A>,
        only: Option<SenderId>,
    ) -> Vec<Telling> {
        let best =
            half.table.find(half.table.hash(prefix), prefix).map(|slot| half.table.slots.get(slot).best);
        let Some(best) = best.filter(|best| *best != NONE) else { return Vec::new() };
        let route = half.table.routes.get(best);
        let Some(sender) = find(&self.senders, route.sender) else { return Vec::new() };
        let hidden = half.is_hidden(prefix);
        let is_meant = |peer: SenderId| only.is_none_or(|only| peer == only);
        let groups = half.groups.iter().flatten();
        let groups = groups.filter(|group| group.members().any(|member| is_meant(SenderId(member))));
        let all = groups.flat_map(|group| tellings_of(group, prefix, (route, sender), hidden, &self.sets));
        all.filter(|telling| is_meant(telling.peer)).collect()
    }
}

fn tellings_of<A: Address>(
    group: &Group<A>,
    prefix: Prefix<A>,
    (route, sender): (&Route, &Sender),
    hidden: bool,
    sets: &Sets,
) -> Vec<Telling> {
    let explained = group.view().explain(route, prefix, sender, group.addresses(), sets);
    let (wish, reason) = match explained {
        _ if hidden => (None, "hidden by an aggregate that is told in its place".to_owned()),
        Ok((wish, reason)) => (Some(wish), reason),
        Err(reason) => (None, reason),
    };
    let told = wish.and_then(|wish| {
        let mut attributes = PathAttributes::default();
        let next_hop = group.view().prepare(sets, &wish, &mut attributes)?;
        Some((wish, (attributes, Some(next_hop))))
    });
    let telling = |member| {
        let peer = SenderId(member);
        match &told {
            _ if peer == route.sender => {
                Telling { peer, told: None, reason: "it came from this peer".into() }
            }
            Some((wish, _)) if wish.source == member => {
                Telling { peer, told: None, reason: "the next hop would be the peer itself".into() }
            }
            Some((_, told)) => Telling { peer, told: Some(told.clone()), reason: reason.clone() },
            None => Telling { peer, told: None, reason: reason.clone() },
        }
    };
    group.members().map(telling).collect()
}
