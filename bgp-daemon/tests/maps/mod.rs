//! A kernel as a few maps, with the habits of the real one that matter to routes.

use bgp_daemon::{
    fib::{
        Event, Fib, Gateway, KernelRoute, Kind, Mark, Path, Paths,
        plan::Op,
        resolve::{Link, Object},
    },
    rib::Hop,
};
use ipnet::IpNet;
use std::{collections::BTreeMap, net::IpAddr};

pub(crate) const MARK: Mark = Mark { protocol: 179, table: 254, metric: 179 };
const KERNEL: u8 = 2;
const STATIC: u8 = 4;

/// What a route of ours is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ours {
    Discard,
    Group(u32),
    Paths(Vec<Path>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    enabled: bool,
    carrier: bool,
}

#[derive(Debug)]
pub(crate) struct Kernel {
    links: BTreeMap<u32, State>,
    others: Vec<KernelRoute>,
    /// How many of these there should be, whoever writes what.
    expected_others: usize,
    ours: BTreeMap<IpNet, Ours>,
    objects: BTreeMap<u32, Object>,
    pub(crate) events: Vec<Event>,
    pub(crate) overrun: bool,
    /// So many messages are refused.
    pub(crate) refuse: usize,
}

fn connected(net: &str, device: u32) -> KernelRoute {
    KernelRoute {
        net: net.parse().unwrap(),
        table: 254,
        protocol: KERNEL,
        metric: 0,
        kind: Kind::Unicast,
        paths: Paths::One(Path::from(Gateway { via: None, device, onlink: false })),
        source: None,
    }
}

const NETWORKS: [(&str, u32); 3] = [("192.0.2.0/24", 1), ("198.51.100.0/24", 2), ("2001:db8:1::/64", 2)];

fn via(net: IpNet, gateway: &str, device: u32, metric: u32) -> KernelRoute {
    let gateway = Gateway { via: Some(gateway.parse().unwrap()), device, onlink: false };
    KernelRoute {
        net,
        table: 254,
        protocol: STATIC,
        metric,
        kind: Kind::Unicast,
        paths: Paths::One(Path::from(gateway)),
        source: None,
    }
}

/// The same shares in the smallest numbers.
fn reduced(mut paths: Vec<(Gateway, u16)>) -> Vec<(Gateway, u16)> {
    let common = (1..100).rev().find(|by| paths.iter().all(|(_, weight)| weight % by == 0)).unwrap_or(1);
    paths.iter_mut().for_each(|(_, weight)| *weight /= common);
    paths
}

type Refusal = Option<&'static str>;

impl Kernel {
    pub(crate) fn new() -> Self {
        let up = State { enabled: true, carrier: true };
        let others: Vec<_> = NETWORKS.iter().map(|(net, device)| connected(net, *device)).collect();
        Kernel {
            links: [(1, up), (2, up)].into(),
            expected_others: others.len(),
            others,
            ours: BTreeMap::new(),
            objects: BTreeMap::new(),
            events: Vec::new(),
            overrun: false,
            refuse: 0,
        }
    }

    fn link(&self, device: u32) -> Event {
        let State { enabled, carrier } = self.links[&device];
        let name = format!("eth{device}").into();
        Event::Link(device, Some(Link { name, enabled, up: enabled && carrier }))
    }

    fn is_up(&self, device: u32) -> bool {
        self.links.get(&device).is_some_and(|state| state.enabled && state.carrier)
    }

    pub(crate) fn dump(&self) -> (Vec<Event>, Vec<Event>) {
        let mut first: Vec<_> = self.links.keys().map(|device| self.link(*device)).collect();
        for (net, device) in [("192.0.2.7/24", 1), ("198.51.100.7/24", 2), ("2001:db8:1::7/64", 2)] {
            first.push(Event::Address { net: net.parse().unwrap(), device, there: true });
        }
        first.extend(self.objects.iter().map(|(id, object)| Event::Object {
            id: *id,
            protocol: MARK.protocol,
            object: Some(object.clone()),
        }));
        let others = self.others.iter().cloned();
        let routes = others.chain(self.ours.keys().map(|net| self.own(*net)));
        (first, routes.map(|route| Event::Route { route, there: true, replaces: false }).collect())
    }

    fn own(&self, net: IpNet) -> KernelRoute {
        let (kind, paths) = match &self.ours[&net] {
            Ours::Discard => (Kind::Discard, Paths::None),
            Ours::Group(id) => (Kind::Unicast, Paths::Object(*id)),
            Ours::Paths(paths) => (Kind::Unicast, paths.clone().into()),
        };
        let Mark { protocol, table, metric } = MARK;
        KernelRoute { net, table, protocol, metric, kind, paths, source: None }
    }

    pub(crate) fn apply(&mut self, op: &Op, fib: &Fib) -> Result<(), Refusal> {
        if self.refuse > 0 {
            self.refuse -= 1;
            return Err(Some("no luck"));
        }
        match op {
            Op::Object { id, gateway } => {
                let free = !self.objects.contains_key(id) && self.is_up(gateway.device);
                free.then(|| self.objects.insert(*id, Object::Single(*gateway))).ok_or(Some("no device"))?;
            }
            Op::Group { id, members, buckets, replaces } => {
                let whole =
                    members.iter().all(|(id, _)| matches!(self.objects.get(id), Some(Object::Single(_))));
                if !whole || *replaces != self.objects.contains_key(id) {
                    return Err(Some("no such member"));
                }
                if matches!(self.objects.get(id), Some(Object::Group(_, other)) if other != buckets) {
                    return Err(Some("another kind of group"));
                }
                self.objects.insert(*id, Object::Group(members.clone(), *buckets));
            }
            Op::DropObject { id } => {
                if !self.objects.contains_key(id) {
                    return Err(None);
                }
                let routes = self.ours.len();
                self.objects.remove(id);
                self.shrink();
                assert_eq!(self.ours.len(), routes, "{id} took routes along: {self:?}");
            }
            Op::Route { net, way, replaces, .. } => self.put(*net, *way, *replaces, fib)?,
            Op::DropRoute { net, .. } => {
                self.ours.remove(net).ok_or(None)?;
            }
            Op::DropStray { .. } => unreachable!("no other metric was ever used"),
        }
        Ok(())
    }

    fn is_used(&self, id: u32) -> bool {
        let in_group =
            |object: &Object| matches!(object, Object::Group(of, _) if of.iter().any(|(one, _)| *one == id));
        self.ours.values().any(|ours| *ours == Ours::Group(id)) || self.objects.values().any(in_group)
    }

    fn put(&mut self, net: IpNet, way: u32, replaces: bool, fib: &Fib) -> Result<(), Refusal> {
        assert!(!self.has_rival(net), "somebody else's {net} would be replaced");
        if !replaces && self.ours.contains_key(&net) {
            return Err(Some("exists"));
        }
        let ours = match fib.group(way) {
            _ if way == bgp_daemon::fib::DISCARD => Ours::Discard,
            Some(group) if matches!(self.objects.get(&group), Some(Object::Group(..))) => Ours::Group(group),
            Some(_) => return Err(Some("no such group")),
            None if fib.paths(way).iter().all(|path| self.is_up(path.gateway.device)) => {
                Ours::Paths(fib.paths(way).to_vec())
            }
            None => return Err(Some("no such device")),
        };
        self.ours.insert(net, ours);
        Ok(())
    }

    /// The gateways of our route; none: packets are dropped.
    pub(crate) fn ours(&self, net: IpNet) -> Option<Vec<(Gateway, u16)>> {
        let single = |(id, weight): &(u32, u16)| match self.objects.get(id) {
            Some(Object::Single(gateway)) => (*gateway, *weight),
            other => panic!("{id} is {other:?}"),
        };
        Some(reduced(match self.ours.get(&net)? {
            Ours::Discard => Vec::new(),
            Ours::Paths(paths) => paths.iter().map(|path| (path.gateway, path.weight)).collect(),
            Ours::Group(id) => match self.objects.get(id) {
                Some(Object::Group(members, _)) => members.iter().map(single).collect(),
                other => panic!("group {id} is {other:?}"),
            },
        }))
    }

    pub(crate) fn count(&self) -> usize {
        self.ours.len()
    }

    pub(crate) fn check_objects(&self, objects: bool) {
        for id in self.objects.keys() {
            assert!(objects && self.is_used(*id), "{id} is left over: {self:?}");
        }
    }

    pub(crate) fn check_others(&self) {
        assert_eq!(self.others.len(), self.expected_others, "{:?}", self.others);
    }

    pub(crate) fn has_rival(&self, net: IpNet) -> bool {
        self.others.iter().any(|other| other.net == net && other.metric == MARK.metric)
    }

    /// Where packets to these next hops go: by the longest of all prefixes, looked at one by one.
    pub(crate) fn gateways(&self, hops: impl Iterator<Item = Hop>) -> Vec<(Gateway, u16)> {
        let mut found: BTreeMap<Gateway, u16> = BTreeMap::new();
        for hop in hops {
            let gateway = match &hop.interface {
                Some(_) => Some(Gateway { via: Some(hop.address), device: 2, onlink: false }),
                None => self.gateway(hop.address),
            };
            if let Some(gateway) = gateway.filter(|gateway| self.is_up(gateway.device)) {
                *found.entry(gateway).or_default() += hop.weight;
            }
        }
        reduced(found.into_iter().collect())
    }

    fn gateway(&self, address: IpAddr) -> Option<Gateway> {
        let usable = |route: &&KernelRoute| {
            route.net.contains(&address) && route.paths.iter().all(|path| self.is_up(path.gateway.device))
        };
        let mut matching: Vec<_> = self.others.iter().filter(usable).collect();
        matching.sort_by_key(|route| (std::cmp::Reverse(route.net.prefix_len()), route.metric));
        let path = matching.first()?.paths.iter().next()?;
        Some(Gateway { via: path.gateway.via.or(Some(address)), ..path.gateway })
    }
}

/// What others do.
impl Kernel {
    fn tell(&mut self, route: KernelRoute, there: bool, replaces: bool) {
        self.events.push(Event::Route { route, there, replaces });
    }

    pub(crate) fn enable(&mut self, device: u32, enabled: bool) {
        let before = self.links[&device];
        if before.enabled == enabled {
            return;
        }
        self.links.insert(device, State { enabled, ..before });
        self.events.push(self.link(device));
        if enabled {
            for (net, on) in NETWORKS.iter().filter(|(_, on)| *on == device) {
                self.others.push(connected(net, *on));
                self.expected_others += 1;
                self.tell(connected(net, *on), true, false);
            }
        } else {
            // The kernel does not say what goes along.
            self.others.retain(|other| other.paths.iter().all(|path| path.gateway.device != device));
            self.expected_others = self.others.len();
            self.flush(device, |path| path.gateway.device == device);
        }
    }

    pub(crate) fn carrier(&mut self, device: u32, carrier: bool) {
        let before = self.links[&device];
        if before.carrier == carrier {
            return;
        }
        self.links.insert(device, State { carrier, ..before });
        self.events.push(self.link(device));
        if !carrier {
            self.flush(device, |_| false);
        }
    }

    /// Objects over a link that is down go, and then what has none left.
    fn flush(&mut self, device: u32, gone: impl Fn(&Path) -> bool) {
        let dead = |object: &Object| matches!(object, Object::Single(gateway) if gateway.device == device);
        self.objects.retain(|_, object| !dead(object));
        self.shrink();
        self.ours.retain(|_, ours| !matches!(ours, Ours::Paths(paths) if paths.iter().all(&gone)));
    }

    fn shrink(&mut self) {
        let left: Vec<u32> = self.objects.keys().copied().collect();
        for object in self.objects.values_mut() {
            if let Object::Group(members, _) = object {
                members.retain(|(id, _)| left.contains(id));
            }
        }
        self.objects.retain(|_, object| !matches!(object, Object::Group(members, _) if members.is_empty()));
        let objects = &self.objects;
        self.ours.retain(|_, ours| !matches!(ours, Ours::Group(id) if !objects.contains_key(id)));
    }

    pub(crate) fn delete(&mut self, net: IpNet) {
        if self.ours.contains_key(&net) {
            let route = self.own(net);
            self.ours.remove(&net);
            self.tell(route, false, false);
        }
    }

    pub(crate) fn replace(&mut self, net: IpNet) {
        if let Some(ours) = self.ours.get_mut(&net) {
            *ours = Ours::Discard;
            self.tell(self.own(net), true, true);
        }
    }

    pub(crate) fn delete_object(&mut self, at: usize) {
        let Some(id) = self.objects.keys().nth(at).copied() else { return };
        self.objects.remove(&id);
        self.events.push(Event::Object { id, protocol: MARK.protocol, object: None });
        self.shrink();
    }

    pub(crate) fn other(&mut self, net: IpNet, metric: u32, there: bool) {
        let route = via(net, if net.addr().is_ipv4() { "192.0.2.66" } else { "2001:db8:1::66" }, 2, metric);
        let at = self.others.iter().position(|other| (other.net, other.metric) == (net, metric));
        match at {
            Some(at) if !there => {
                self.others.remove(at);
                self.expected_others -= 1;
                self.tell(route, false, false);
            }
            // Over a link that is down nobody can put a route.
            None if there && self.links[&2].enabled => {
                let replaces = metric == MARK.metric && self.ours.remove(&net).is_some();
                self.others.push(route.clone());
                self.expected_others += 1;
                self.tell(route, true, replaces);
            }
            _ => {}
        }
    }

    pub(crate) fn igp(&mut self, there: bool) {
        let route = via("172.16.0.0/12".parse().unwrap(), "192.0.2.66", 1, 20);
        let at = self.others.iter().position(|other| other.net == route.net);
        match at {
            Some(at) if !there => {
                let route = self.others.remove(at);
                self.expected_others -= 1;
                self.tell(route, false, false);
            }
            None if there && self.links[&1].enabled => {
                self.others.push(route.clone());
                self.expected_others += 1;
                self.tell(route, true, false);
            }
            _ => {}
        }
    }

    /// The route by which a next hop is reached leads elsewhere.
    pub(crate) fn move_igp(&mut self) {
        let route = via("172.16.0.0/12".parse().unwrap(), "198.51.100.66", 2, 20);
        self.others.retain(|other| other.net != route.net);
        self.others.push(route.clone());
        self.tell(route, true, true);
    }
}
