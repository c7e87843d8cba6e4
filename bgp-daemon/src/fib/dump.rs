//! What the kernel tells: a dump of all there is, and what changes from then on.

use super::{
    Fib, KernelRoute, Kind, Paths, both, by_width, note_installed,
    plan::{Installed, Op},
    resolve::{Link, Object},
    route::normal,
    table::{Desired, Table},
    ways::{DISCARD, Ways},
};
use bgp_proto::prefix::{Address, Prefix};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Something that the kernel tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A link as it is now; `None`: it is gone.
    Link(u32, Option<Link>),
    /// An address of ours with its network.
    Address {
        /// The address, with the length of its network.
        net: IpNet,
        /// The number of its link.
        device: u32,
        /// It came; else it went.
        there: bool,
    },
    /// A next hop object as it is now; `None`: it is gone.
    Object {
        /// Its number.
        id: u32,
        /// Who put it there.
        protocol: u8,
        /// What it is.
        object: Option<Object>,
    },
    /// A route.
    Route {
        /// The route.
        route: KernelRoute,
        /// It is there; else it is gone.
        there: bool,
        /// It took the place of another one.
        replaces: bool,
    },
}

impl Fib {
    /// A dump begins: what was known of the kernel does not count. Links, addresses and objects come first.
    pub fn dump_begins(&mut self) {
        self.resolver.clear();
        self.rivals = 0;
        self.strays.clear();
        self.dumped = Some(BTreeMap::new());
        both!(self, |table| table.routes.values_mut().for_each(|route| route.seen = false));
    }

    /// Links, addresses and objects are through; routes come now.
    pub fn objects_end(&mut self) {
        if let Some(objects) = &mut self.dumped {
            self.ways.found(&std::mem::take(objects));
        }
    }

    /// The dump is over. What of ours it did not show is not there.
    pub fn dump_ends(&mut self) {
        self.dumped = None;
        (self.is_blind, self.is_doubtful) = (false, false);
        let (ways, count) = (&mut self.ways, &mut self.installed);
        both!(self, |table| table.touch_if(|route| {
            let lost = !route.seen && route.installed() != Installed::Nothing;
            if lost {
                note_installed(route, Installed::Nothing, ways, count);
            }
            lost
        }));
        self.resolve_ways();
        self.ways.retry();
        both!(self, |table| table.touch_held(|_| true));
        self.ask_own();
    }

    /// Takes in what the kernel tells. True: it may take by now what it refused before.
    pub fn heard(&mut self, event: Event) -> bool {
        match event {
            Event::Link(device, link) => self.heard_link(device, link),
            Event::Address { net, device, there } => {
                let lost = self.resolver.address(net, device, there);
                self.places_are_free(&lost);
                true
            }
            Event::Object { id, protocol, object } => self.heard_object(id, protocol, object),
            Event::Route { route, there, replaces } => {
                let mark = self.settings.mark;
                if (route.protocol, route.table) == (mark.protocol, mark.table) && route.kind != Kind::Other {
                    self.heard_own(&route, there);
                    return false;
                }
                self.heard_other(route, there, replaces)
            }
        }
    }

    fn heard_link(&mut self, device: u32, link: Option<Link>) -> bool {
        let up = link.as_ref().is_some_and(|link| link.up);
        let lost = self.resolver.link(device, link);
        self.places_are_free(&lost);
        if !up && self.dumped.is_none() && self.settings.objects {
            // The kernel drops what leads over a link that is down, and does not say so.
            let gone = self.ways.lost(|gateway| gateway.device == device);
            self.are_gone(&gone);
        }
        up
    }

    fn heard_object(&mut self, id: u32, protocol: u8, object: Option<Object>) -> bool {
        let own = protocol == self.settings.mark.protocol && self.ways.is_own(id);
        if !own {
            self.resolver.object(id, object);
            return true;
        }
        match (&mut self.dumped, object) {
            (Some(dumped), Some(object)) => {
                dumped.insert(id, object);
            }
            (Some(dumped), None) => {
                dumped.remove(&id);
            }
            (None, None) => {
                let gone = self.ways.object_gone(id);
                self.are_gone(&gone);
            }
            // Somebody else changed what is ours.
            (None, Some(object)) => self.is_doubtful |= !self.ways.is_as_placed(id, &object),
        }
        false
    }

    /// The kernel took the routes away that go these ways.
    fn are_gone(&mut self, ways: &[u32]) {
        if !ways.is_empty() {
            let (of, count) = (&mut self.ways, &mut self.installed);
            both!(self, |table| table.disown(ways, Installed::Nothing, of, count));
        }
    }

    fn heard_other(&mut self, route: KernelRoute, there: bool, replaces: bool) -> bool {
        let mark = self.settings.mark;
        let (net, rival) =
            (route.net, route.table == mark.table && route.metric == mark.metric_of(route.net));
        let news = if there { self.resolver.route(route, replaces) } else { self.resolver.route_gone(route) };
        if rival && news {
            self.rivals = if there { self.rivals + 1 } else { self.rivals.saturating_sub(1) };
            let (ways, count) = (&mut self.ways, &mut self.installed);
            by_width!(self, net, |table, prefix| {
                if let Some(route) = table.routes.get_mut(&prefix).filter(|_| there && replaces) {
                    note_installed(route, Installed::Nothing, ways, count);
                }
                table.touch(prefix);
            });
        }
        news
    }

    /// Routes of others to these prefixes went without a word.
    fn places_are_free(&mut self, nets: &[IpNet]) {
        for net in nets {
            by_width!(self, *net, |table, prefix| table.touch(prefix));
        }
        if !nets.is_empty() {
            let mark = self.settings.mark;
            let is_rival = |net: IpNet, known: &super::Known| {
                known.table == mark.table && known.metric == mark.metric_of(net)
            };
            self.rivals = self.resolver.routes().filter(|(net, known)| is_rival(*net, known)).count();
        }
    }

    fn heard_own(&mut self, route: &KernelRoute, there: bool) {
        let net = route.net;
        if route.metric != self.settings.mark.metric_of(net) {
            // From before another metric was configured.
            if there {
                self.strays.insert((net, route.metric));
            } else {
                self.strays.remove(&(net, route.metric));
            }
            return;
        }
        let found = if there { self.form(route) } else { Installed::Nothing };
        let (ways, count) = (&mut self.ways, &mut self.installed);
        let unsaid = self.dumped.is_some() && !self.is_complete;
        by_width!(self, net, |table, prefix| table.found(prefix, found, unsaid, ways, count));
    }

    /// Which way a route of ours goes that the kernel shows.
    fn form(&mut self, route: &KernelRoute) -> Installed {
        let way = match &route.paths {
            _ if route.kind == Kind::Discard => Some(DISCARD),
            Paths::Object(group) => self.ways.of_group(*group),
            paths => {
                let paths = paths.iter().map(|path| (path.gateway, u64::from(path.weight))).collect();
                self.ways.of_paths(normal(paths, usize::MAX))
            }
        };
        way.map_or(Installed::Other, Installed::Way)
    }

    /// Messages that remove routes of ours with another metric.
    pub(super) fn drop_strays(&mut self, ops: &mut Vec<Op>) {
        ops.extend(
            std::mem::take(&mut self.strays).into_iter().map(|(net, metric)| Op::DropStray { net, metric }),
        );
    }
}

impl<A: Address> Table<A> {
    fn found(
        &mut self,
        prefix: Prefix<A>,
        found: Installed,
        unsaid: bool,
        ways: &mut Ways,
        count: &mut usize,
    ) {
        let is_new = !self.routes.contains_key(&prefix);
        if is_new && found == Installed::Nothing {
            return;
        }
        let route = self.routes.entry(prefix).or_default();
        route.seen = true;
        if is_new && unsaid {
            route.set_desired(Desired::Unsaid);
        }
        if route.installed() != found || is_new {
            note_installed(route, found, ways, count);
            self.touch(prefix);
        }
    }
}
