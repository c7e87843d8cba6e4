//! What is said over each cable, as it is written.

use super::World;
use bgp_daemon::{
    config::Remote,
    engine::{Engine, Key},
};
use bgp_proto::{
    agreed::Agreed,
    attr::{next_hop::NextHop, set::PathAttributes},
    numbers::MessageType,
    prefix::{Address, Prefix},
    wire::{
        frame::{Frame, RawMessage, frame},
        nlri::{Items, Nlri},
        update::Update,
    },
};
use ipnet::IpNet;
use std::{collections::BTreeMap, sync::Arc};

/// Attributes with the next hop.
pub(crate) type Route = Arc<(PathAttributes, Option<NextHop>)>;

/// What one side of a cable was told in a session.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// What it holds after all of it.
    pub(crate) routes: BTreeMap<IpNet, Route>,
    /// UPDATEs that are no End-of-RIB.
    pub(crate) updates: usize,
    /// Prefixes that were announced and withdrawn, however often.
    pub(crate) announced: usize,
    pub(crate) withdrawn: usize,
    pub(crate) ends: usize,
    pub(crate) refreshes: usize,
}

impl Told {
    pub(crate) const fn nothing() -> Self {
        Told { routes: BTreeMap::new(), updates: 0, announced: 0, withdrawn: 0, ends: 0, refreshes: 0 }
    }

    fn hear(&mut self, update: &Update<'_>) {
        if update.end_of_rib().is_some() {
            self.ends += 1;
            return;
        }
        self.updates += 1;
        self.withdraw(update.withdrawn());
        match update.unreach().map(|unreach| unreach.nlri) {
            Some(Nlri::Ipv4(items)) => self.withdraw(items),
            Some(Nlri::Ipv6(items)) => self.withdraw(items),
            _ => {}
        }
        let mut attributes = PathAttributes::default();
        attributes.read(update.attributes());
        let body = update.attributes().next_hop().map(NextHop::Ipv4);
        self.announce(update.announced(), &Arc::new((attributes.clone(), body)));
        if let Some(reach) = update.reach() {
            let route = Arc::new((attributes, reach.next_hop));
            match reach.nlri {
                Nlri::Ipv4(items) => self.announce(items, &route),
                Nlri::Ipv6(items) => self.announce(items, &route),
                _ => {}
            }
        }
    }

    fn announce<A: Address>(&mut self, items: Items<'_, Prefix<A>>, route: &Route)
    where
        for<'a> Items<'a, Prefix<A>>: Iterator<Item = bgp_proto::wire::nlri::Path<Prefix<A>>>,
    {
        for path in items {
            self.announced += 1;
            self.routes.insert(net(path.item), route.clone());
        }
    }

    fn withdraw<A: Address>(&mut self, items: Items<'_, Prefix<A>>)
    where
        for<'a> Items<'a, Prefix<A>>: Iterator<Item = bgp_proto::wire::nlri::Path<Prefix<A>>>,
    {
        for path in items {
            self.withdrawn += 1;
            self.routes.remove(&net(path.item));
        }
    }
}

fn net<A: Address>(prefix: Prefix<A>) -> IpNet {
    IpNet::new(prefix.bits().ip(), prefix.len()).unwrap()
}

fn messages<'a>(octets: &'a [u8], agreed: &'a Agreed) -> impl Iterator<Item = RawMessage<'a>> {
    let mut rest = octets;
    std::iter::from_fn(move || match frame(rest, Some(agreed)) {
        Frame::Message(raw) => {
            rest = &rest[raw.len()..];
            Some(raw)
        }
        other => {
            assert!(rest.is_empty(), "a write is whole messages, and this is not: {other:?}");
            None
        }
    })
}

impl World {
    /// A session is up: from here on it is told anew.
    pub(super) fn begin_told(&mut self, node: usize, remote: &Remote) {
        if let Some(place) = self.places.get(&(node, remote.clone())) {
            self.told.insert(*place, Told::nothing());
        }
    }

    /// Listens to what a node writes.
    pub(super) fn listen(&mut self, node: usize, engine: &Engine, key: Key, number: usize, octets: &[u8]) {
        let Some(terms) = engine.peer(key.peer).and_then(|peer| peer.terms) else { return };
        let agreed = terms.agreed;
        let cable = self.connections[&number].cable();
        let side = self.cables[cable].side_of(node);
        let told = self.told.entry((cable, side)).or_insert_with(Told::nothing);
        let before = (told.announced, told.withdrawn, told.ends);
        for raw in messages(octets, &agreed) {
            match raw.kind {
                MessageType::UPDATE => told.hear(&Update::decode(raw, &agreed).unwrap()),
                MessageType::ROUTE_REFRESH => told.refreshes += 1,
                _ => {}
            }
        }
        let after = (told.announced, told.withdrawn, told.ends);
        if before != after {
            let other = self.cables[cable].ends[1 - side];
            let (announced, withdrawn, ends) = (after.0 - before.0, after.1 - before.1, after.2 - before.2);
            self.note(&format!("{node} tells {other}: +{announced} -{withdrawn} and {ends} ends"));
        }
    }
}
