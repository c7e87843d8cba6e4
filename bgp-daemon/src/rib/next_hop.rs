//! Next hops: each once, with what it costs to get there. Others fill this table; the RIB only asks it.

use super::slab::{self, Slab};
use std::{collections::BTreeMap, net::IpAddr};

/// A next hop that some attribute set points to.
#[derive(Clone, Copy, Debug)]
struct NextHop {
    address: IpAddr,
    /// The cost of the way there; `None`: there is none.
    cost: Option<u32>,
    /// While free: the next free one.
    refs: u32,
}

impl Default for NextHop {
    fn default() -> Self {
        NextHop { address: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), cost: None, refs: 0 }
    }
}

impl slab::Entry for NextHop {
    fn link(&self) -> u32 {
        self.refs
    }
    fn set_link(&mut self, link: u32) {
        self.refs = link;
    }
}

/// All next hops, and whether they have to be resolved at all.
pub(super) struct NextHops {
    known: Slab<NextHop>,
    index: BTreeMap<IpAddr, u32>,
    /// Those to which the first reference was made or the last one given up, since somebody asked; while somebody does.
    changed: Option<Vec<IpAddr>>,
    /// Off: every next hop counts as reachable at cost 0, as in a reflector or a collector.
    resolve: bool,
}

impl NextHops {
    pub(super) fn new(resolve: bool) -> Self {
        NextHops { known: Slab::new(), index: BTreeMap::new(), changed: None, resolve }
    }

    /// The number of an address, with one more reference to it.
    pub(super) fn retain(&mut self, address: IpAddr) -> u32 {
        let known = &mut self.known;
        let id = *self
            .index
            .entry(address)
            .or_insert_with(|| known.insert(NextHop { address, ..NextHop::default() }));
        known.get_mut(id).refs += 1;
        if known.get(id).refs == 1 {
            self.note(address);
        }
        id
    }

    fn note(&mut self, address: IpAddr) {
        if let Some(changed) = &mut self.changed {
            changed.push(address);
        }
    }

    /// Those that sets began to point to since the last call, and those that none points to any more; first all.
    pub(super) fn changed(&mut self) -> impl Iterator<Item = (IpAddr, bool)> {
        let changed =
            self.changed.replace(Vec::new()).unwrap_or_else(|| self.index.keys().copied().collect());
        let is_used = |address| self.index.get(&address).is_some_and(|id| self.known.get(*id).refs > 0);
        changed.into_iter().map(move |address| (address, is_used(address)))
    }

    /// One reference less. Without any an address stays as long as the way there is known: routes that point to it
    /// may come back at once.
    pub(super) fn release(&mut self, id: u32) {
        let next_hop = self.known.get_mut(id);
        next_hop.refs -= 1;
        if next_hop.refs == 0 {
            let address = next_hop.address;
            self.note(address);
        }
        self.forget_unknown(id);
    }

    fn forget_unknown(&mut self, id: u32) {
        let next_hop = *self.known.get(id);
        if next_hop.refs == 0 && next_hop.cost.is_none() {
            self.known.remove(id);
            self.index.remove(&next_hop.address);
        }
    }

    /// What it costs to get there; `None`: it cannot be reached.
    #[inline]
    pub(super) fn cost(&self, id: u32) -> Option<u32> {
        if self.resolve { self.known.get(id).cost } else { Some(0) }
    }

    /// Takes note of the way to an address. Returns its number if some set points to it and its cost changed.
    pub(super) fn set_cost(&mut self, address: IpAddr, cost: Option<u32>) -> Option<u32> {
        let id = *self.index.get(&address)?;
        let next_hop = self.known.get_mut(id);
        let changed = std::mem::replace(&mut next_hop.cost, cost) != cost && next_hop.refs > 0;
        self.forget_unknown(id);
        (changed && self.resolve).then_some(id)
    }

    /// Whether some set points to this address, or did.
    pub(super) fn is_known(&self, address: IpAddr) -> bool {
        self.index.contains_key(&address)
    }

    /// The addresses that want resolving.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.index.keys().copied()
    }
}
