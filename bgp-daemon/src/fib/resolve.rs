//! The way to a next hop: the kernel's table as a value. It is told what the kernel holds and asked for next hops; it
//! says which of these can be reached, over which gateways and at what cost, and which of that has changed.

use super::{
    Buckets, Gateway, KernelRoute, Kind, MAX_PATHS, Mark, Path, Paths,
    known::{Known, Routes, span},
};
use crate::rib::Hop;
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: Box<str>,
    /// An operator wants it to be up; where not, the kernel takes the routes over it away without saying so.
    pub enabled: bool,
    /// It carries packets.
    pub up: bool,
}

/// A next hop object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// One way out.
    Single(Gateway),
    /// Several of them by number and weight, and how it keeps flows where they are, if it does.
    Group(Vec<(u32, u16)>, Option<Buckets>),
    /// Packets are dropped.
    Discard,
}

/// How a next hop can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    cost: u32,
    paths: Vec<Path>,
}

/// What the kernel holds beside our own routes, and the next hops that somebody wants to reach by it.
#[derive(Debug)]
pub struct Resolver {
    mark: Mark,
    routes: Routes,
    links: BTreeMap<u32, Link>,
    addresses: BTreeSet<(IpAddr, u8, u32)>,
    /// Next hop objects, whoever's they are.
    objects: BTreeMap<u32, Object>,
    asked: BTreeMap<IpAddr, Option<Answer>>,
    stale: bool,
}

/// The table that `ip route` shows, where the links' own routes are.
pub const MAIN: u32 = 254;

impl Resolver {
    /// Nothing is known yet. Routes with this mark are ours and lead nowhere.
    pub fn new(mark: Mark) -> Self {
        Resolver {
            mark,
            routes: Routes::default(),
            links: BTreeMap::new(),
            addresses: BTreeSet::new(),
            objects: BTreeMap::new(),
            asked: BTreeMap::new(),
            stale: false,
        }
    }

    /// Forgets what the kernel held: it is told anew. What was asked stays asked.
    pub fn clear(&mut self) {
        self.routes.clear();
        self.links.clear();
        self.addresses.clear();
        self.objects.clear();
        self.stale = true;
    }

    fn concerns(&self, route: &KernelRoute) -> bool {
        route.table == self.mark.table || route.table == MAIN
    }

    fn note(&mut self, net: IpNet) {
        self.stale = self.stale || self.asked.range(span(net)).next().is_some();
    }

    /// A route of somebody else is there. True: that is news.
    pub fn route(&mut self, route: KernelRoute, replaces: bool) -> bool {
        let net = route.net;
        let news = self.concerns(&route) && self.routes.insert(net, route.into(), replaces);
        if news {
            self.note(net);
        }
        news
    }

    /// A route of somebody else is gone. True: that is news.
    pub fn route_gone(&mut self, route: KernelRoute) -> bool {
        let net = route.net;
        let news = self.concerns(&route) && self.routes.remove(net, &route.into());
        if news {
            self.note(net);
        }
        news
    }

    /// A link is there, as it is now; `None`: it is gone. Returns prefixes whose routes went along with it.
    pub fn link(&mut self, device: u32, link: Option<Link>) -> Vec<IpNet> {
        let enabled = link.as_ref().is_some_and(|link| link.enabled);
        let before = match link {
            Some(link) => {
                self.stale |= self.links.get(&device) != Some(&link);
                self.links.insert(device, link)
            }
            None => self.links.remove(&device).inspect(|_| self.stale = true),
        };
        // The kernel says nothing of the IPv4 routes that go with a link.
        if enabled || before.is_none_or(|before| !before.enabled) {
            return Vec::new();
        }
        let over = |path: &Path| path.gateway.device == device;
        self.routes.retain(|_, known| known.paths.is_empty() || !known.paths.iter().all(over))
    }

    /// An address of the machine is there, or gone. Returns prefixes whose routes went along with it.
    pub fn address(&mut self, net: IpNet, device: u32, there: bool) -> Vec<IpNet> {
        let own = (net.addr(), net.prefix_len(), device);
        let news = if there { self.addresses.insert(own) } else { self.addresses.remove(&own) };
        self.stale |= news;
        if there || self.addresses.range((net.addr(), 0, 0)..).next().is_some_and(|own| own.0 == net.addr()) {
            return Vec::new();
        }
        // The kernel says nothing of the routes that carried the address.
        self.routes.retain(|_, known| known.source != Some(net.addr()))
    }

    /// A next hop object is there, as it is now; `None`: it is gone.
    pub fn object(&mut self, id: u32, object: Option<Object>) {
        let before = self.objects.get(&id);
        self.stale |= before != object.as_ref();
        match object {
            Some(object) => drop(self.objects.insert(id, object)),
            None => drop(self.objects.remove(&id)),
        }
    }

    /// Whether a number is that of a next hop object.
    pub fn has_object(&self, id: u32) -> bool {
        self.objects.contains_key(&id)
    }

    /// The routes of others to exactly this prefix, in our table.
    pub fn others(&self, net: IpNet) -> impl Iterator<Item = &Known> {
        self.routes.at(net).iter().filter(|known| known.table == self.mark.table)
    }

    /// All routes of others in our table and in the main one.
    pub fn routes(&self) -> impl Iterator<Item = (IpNet, &Known)> {
        self.routes.iter()
    }

    /// Whether a route is one of our table that leads somewhere now.
    pub(super) fn is_ours_to_tell(&self, known: &Known) -> bool {
        let up = |path: &Path| self.links.get(&path.gateway.device).is_some_and(|link| link.up);
        let leads = match known.kind {
            Kind::Unicast => self.expand(&known.paths).iter().any(up),
            Kind::Discard => true,
            Kind::Other => false,
        };
        known.table == self.mark.table && leads
    }

    /// The addresses of the machine, with the length of their networks and the link.
    pub fn addresses(&self) -> impl Iterator<Item = (IpNet, u32)> {
        self.addresses.iter().filter_map(|(ip, len, device)| Some((IpNet::new(*ip, *len).ok()?, *device)))
    }

    /// The name of a link.
    pub fn name(&self, device: u32) -> Option<&str> {
        self.links.get(&device).map(|link| &*link.name)
    }

    /// From now on this next hop is followed. What it costs to get there; `None`: there is no way.
    pub fn ask(&mut self, address: IpAddr) -> Option<u32> {
        let answer = self.answer(address);
        let cost = answer.as_ref().map(|answer| answer.cost);
        self.asked.insert(address, answer);
        cost
    }

    /// Nobody wants to hear of this next hop any more.
    pub fn forget(&mut self, address: IpAddr) {
        self.asked.remove(&address);
    }

    /// Resolves what was asked again if it may have changed: `None` if not, else which costs are new.
    pub fn refresh(&mut self) -> Option<Vec<(IpAddr, Option<u32>)>> {
        if !std::mem::take(&mut self.stale) {
            return None;
        }
        let mut changed = Vec::new();
        let mut asked = std::mem::take(&mut self.asked);
        for (address, answer) in &mut asked {
            let old = std::mem::replace(answer, self.answer(*address)).map(|old| old.cost);
            let cost = answer.as_ref().map(|answer| answer.cost);
            if old != cost {
                changed.push((*address, cost));
            }
        }
        self.asked = asked;
        Some(changed)
    }

    /// The paths to a hop of a route: none where it cannot be reached.
    pub fn paths(&self, hop: &Hop) -> Vec<Path> {
        if let Some(name) = &hop.interface {
            let mut links = self.links.iter();
            let device = links.find(|(_, link)| link.up && *link.name == **name).map(|(device, _)| *device);
            let gateway = |device| Gateway { via: Some(hop.address), device, onlink: false };
            return device.map(gateway).map(Path::from).into_iter().collect();
        }
        let answer = match self.asked.get(&hop.address) {
            Some(answer) if !self.stale => answer.clone(),
            _ => self.answer(hop.address),
        };
        answer.map(|answer| answer.paths).unwrap_or_default()
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.addresses.range((address, 0, 0)..).next().is_some_and(|own| own.0 == address)
    }

    fn answer(&self, address: IpAddr) -> Option<Answer> {
        if self.is_own(address) {
            return None;
        }
        if let IpAddr::V6(v6) = address
            && v6.is_unicast_link_local()
        {
            // Which link it is on only the route knows that points there.
            return Some(Answer { cost: 0, paths: Vec::new() });
        }
        // Our own table comes first; what it does not know the main one may.
        let in_table = |table| {
            let mut known = self.routes.matches(address).filter(move |(_, known)| known.table == table);
            known.find_map(|(_, known)| self.by(known, address)).flatten()
        };
        in_table(self.mark.table).or_else(|| (self.mark.table != MAIN).then(|| in_table(MAIN)).flatten())
    }

    /// The answer that this route gives. `None`: it leads nowhere now, ask the next one. `Some(None)`: there is no way.
    fn by(&self, known: &Known, address: IpAddr) -> Option<Option<Answer>> {
        let mut paths = match known.kind {
            Kind::Unicast => self.expand(&known.paths),
            Kind::Discard => return Some(None),
            Kind::Other => return None,
        };
        paths.retain(|path| self.links.get(&path.gateway.device).is_some_and(|link| link.up));
        paths.truncate(MAX_PATHS);
        let direct = paths.iter().all(|path| path.gateway.via.is_none());
        for Path { gateway, .. } in &mut paths {
            // The kernel looks for gateways in the main table alone.
            gateway.onlink |= known.table != MAIN;
            gateway.via = gateway.via.or(Some(address));
        }
        let cost = if direct { 0 } else { known.metric };
        (!paths.is_empty()).then_some(Some(Answer { cost, paths }))
    }

    fn expand(&self, paths: &Paths) -> Vec<Path> {
        match paths {
            Paths::Object(id) => self.members(*id, true),
            _ => paths.iter().copied().collect(),
        }
    }

    fn members(&self, id: u32, deep: bool) -> Vec<Path> {
        match self.objects.get(&id) {
            Some(Object::Single(gateway)) => vec![Path::from(*gateway)],
            // A group has no groups among its members.
            Some(Object::Group(members, _)) if deep => {
                let of = |(id, weight): &(u32, u16)| {
                    let paths = self.members(*id, false).into_iter();
                    paths.map(|path| Path { weight: *weight, ..path }).collect::<Vec<_>>()
                };
                members.iter().flat_map(of).collect()
            }
            _ => Vec::new(),
        }
    }
}
