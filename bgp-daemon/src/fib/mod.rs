//! Routes in the kernel, as a plain value: what is desired for each prefix, what is installed, and the messages that
//! bring the one to the other.
//!
//! A [`Fib`] is told what is chosen ([`Fib::choose`]) and what the kernel holds (a dump between [`Fib::dump_begins`] and
//! [`Fib::dump_ends`], and what changes afterwards). It is asked for messages ([`Fib::take`]) and told which of them the
//! kernel refused ([`Fib::refused`]). Only routes and next hop objects with our own [`Mark`] are ever changed.

mod dump;
pub mod guard;
mod held;
mod known;
mod listing;
pub mod plan;
mod redistribute;
pub mod resolve;
mod route;
mod table;
mod ways;

use crate::rib::{Chosen, Verdict};
use bgp_proto::prefix::{Address, Prefix};
use guard::Guard;
use ipnet::IpNet;
use plan::{Installed, Op, Step, WayId, plan};
use resolve::Resolver;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use table::{Desired, Route, Table};
use ways::Ways;

pub use dump::Event;
pub use held::Held;
pub use known::Known;
pub use listing::{Listed, Place, Totals};
pub use redistribute::{Passed, Redistributed};
pub use route::{Buckets, Gateway, KernelRoute, Kind, MAX_PATHS, Mark, Path, Paths, Resilient};
pub use ways::{DISCARD, OBJECTS, first_object};

/// What a FIB is made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whose routes are ours.
    pub mark: Mark,
    /// The kernel has next hop objects, and they are used.
    pub objects: bool,
    /// The most gateways of a route.
    pub multipath: usize,
    /// Which routes keep their flows where they are; it takes next hop objects.
    pub resilient: Option<Resilient>,
    /// The most routes.
    pub max_routes: Option<usize>,
    /// What is never installed.
    pub guard: Guard,
}

/// Routes desired and installed.
#[derive(Debug)]
pub struct Fib {
    settings: Settings,
    resolver: Resolver,
    ways: Ways,
    v4: Table<u32>,
    v6: Table<u128>,
    /// How many routes of ours the kernel holds.
    installed: usize,
    /// Routes of others that have our metric.
    rivals: usize,
    /// Routes of ours with another metric.
    strays: BTreeSet<(IpNet, u32)>,
    /// Next hop objects of ours that the dump has shown so far.
    dumped: Option<BTreeMap<u32, resolve::Object>>,
    /// Everything was said that there is: what nobody asked for is removed.
    is_complete: bool,
    /// Something that the kernel told was missed: nothing is done before a dump.
    is_blind: bool,
    /// It refused what it should have taken: a dump tells why.
    is_doubtful: bool,
}

/// Does the same for the table of either width.
macro_rules! by_width {
    ($fib:expr, $net:expr, |$table:ident, $prefix:ident| $body:expr) => {
        match $net {
            IpNet::V4(net) => {
                let ($table, $prefix) = (&mut $fib.v4, Prefix::from(net));
                $body
            }
            IpNet::V6(net) => {
                let ($table, $prefix) = (&mut $fib.v6, Prefix::from(net));
                $body
            }
        }
    };
}
use by_width;

/// Does the same for the tables of both widths.
macro_rules! both {
    ($fib:expr, |$table:ident| $body:expr) => {{
        {
            let $table = &mut $fib.v4;
            $body
        }
        {
            let $table = &mut $fib.v6;
            $body
        }
    }};
}
use both;

/// Asks the table of either width.
macro_rules! both_refs {
    ($fib:expr, $net:expr, |$table:ident, $prefix:ident| $body:expr) => {
        match $net {
            IpNet::V4(net) => {
                let ($table, $prefix) = (&$fib.v4, Prefix::from(net));
                $body
            }
            IpNet::V6(net) => {
                let ($table, $prefix) = (&$fib.v6, Prefix::from(net));
                $body
            }
        }
    };
}
use both_refs;

fn net_of<A: Address>(prefix: Prefix<A>) -> IpNet {
    IpNet::new_assert(prefix.bits().ip(), prefix.len())
}

/// What deciding about a route needs beside its table.
struct Around<'a> {
    settings: &'a Settings,
    resolver: &'a Resolver,
    ways: &'a mut Ways,
    installed: &'a mut usize,
    rivals: usize,
}

macro_rules! around {
    ($fib:ident) => {
        Around {
            settings: &$fib.settings,
            resolver: &$fib.resolver,
            ways: &mut $fib.ways,
            installed: &mut $fib.installed,
            rivals: $fib.rivals,
        }
    };
}

impl Fib {
    /// Nothing is desired, and nothing known of the kernel.
    pub fn new(settings: Settings) -> Self {
        Fib {
            resolver: Resolver::new(settings.mark),
            ways: Ways::new(&settings),
            v4: Table::default(),
            v6: Table::default(),
            installed: 0,
            rivals: 0,
            strays: BTreeSet::new(),
            dumped: None,
            is_complete: false,
            is_blind: true,
            is_doubtful: false,
            settings,
        }
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the kernel holds beside our routes.
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// Whether something that the kernel told was missed: there are no messages for it before a dump.
    pub fn is_blind(&self) -> bool {
        self.is_blind
    }

    /// Whether a dump may show why the kernel refuses something: have one in a while.
    pub fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// Some of what the kernel told was missed.
    pub fn missed(&mut self) {
        self.is_blind = true;
    }

    /// Another route is chosen for a prefix.
    pub fn choose(&mut self, chosen: &Chosen) {
        let (ways, resolver) = (&mut self.ways, &self.resolver);
        by_width!(self, chosen.prefix, |table, prefix| {
            let desired = match &chosen.verdict {
                Verdict::Nothing => Desired::Nothing,
                Verdict::Discard => Desired::Way(DISCARD),
                Verdict::Hops(hops) => {
                    let is = || table.routes.get(&prefix).and_then(Route::way);
                    Desired::Way(ways.to(chosen.prefix, hops, is, resolver))
                }
            };
            table.choose(prefix, desired, ways);
        });
    }

    /// All that there is was chosen: what nobody asked for is removed from now on.
    pub fn complete(&mut self) {
        self.is_complete = true;
        self.ways.complete(&self.resolver);
        let unsaid = |route: &mut Route| {
            let is = route.desired() == Desired::Unsaid;
            if is {
                route.set_desired(Desired::Nothing);
            }
            is
        };
        both!(self, |table| table.touch_if(unsaid));
    }

    /// Removes everything that is ours.
    pub fn leave(&mut self) {
        self.complete();
        let ways = &mut self.ways;
        both!(self, |table| table.clear(ways));
    }

    /// From now on this next hop is followed. What it costs to get there; `None`: there is no way.
    pub fn ask(&mut self, address: IpAddr) -> Option<u32> {
        self.resolver.ask(address)
    }

    /// Nobody wants to hear of this next hop any more.
    pub fn forget(&mut self, address: IpAddr) {
        self.resolver.forget(address);
    }

    /// Follows what has changed in the kernel: routes whose gateways changed are moved. Returns the next hops that can be
    /// reached at another cost from now on, or not any more.
    pub fn follow(&mut self) -> Vec<(IpAddr, Option<u32>)> {
        let Some(costs) = self.resolver.refresh() else { return Vec::new() };
        self.resolve_ways();
        self.ask_own();
        costs
    }

    fn resolve_ways(&mut self) {
        let changed = self.ways.resolve(&self.resolver);
        if !self.ways.objects && !changed.is_empty() {
            // Each route names its gateways itself: all of them are written again.
            both!(self, |table| table.disown(
                &changed,
                Installed::Other,
                &mut self.ways,
                &mut self.installed
            ));
        }
    }

    /// The machine's own addresses bar routes, and may have changed.
    fn ask_own(&mut self) {
        let own = self.resolver.addresses().map(|(net, _)| net);
        for net in self.settings.guard.set_own(own) {
            by_width!(self, net, |table, prefix| table.touch_in(prefix));
        }
    }

    /// Routes to next hops that have not been reachable for a while go: nobody chose others for them.
    pub fn give_up(&mut self) {
        let ways = &self.ways;
        let is_lost = |route: &mut Route| match route.installed() {
            Installed::Way(way) => ways.is_empty(way) && route.desired() == Desired::Way(way),
            _ => false,
        };
        both!(self, |table| table.touch_if(is_lost));
    }

    /// Something changed by which the kernel may take what it refused before.
    pub fn retry(&mut self) {
        self.ways.retry();
        let like = |held: &Held| matches!(held, Held::Refused(_) | Held::Unresolved);
        both!(self, |table| table.touch_held(like));
    }

    /// How many prefixes wait to be looked at.
    pub fn waiting(&self) -> usize {
        self.v4.dirty.len() + self.v6.dirty.len()
    }

    /// Whether there is anything to be sent to the kernel.
    pub fn is_settled(&self) -> bool {
        self.v4.dirty.is_empty() && self.v6.dirty.is_empty() && !self.ways.is_dirty()
    }

    /// The next messages for the kernel, about so many. They count as obeyed unless [`Fib::refused`] is told otherwise,
    /// so one batch is to be over before the next is taken. None: everything is as desired.
    pub fn take(&mut self, limit: usize, ops: &mut Vec<Op>) {
        if self.is_blind {
            return;
        }
        let ready = self.ways.place_groups(&self.resolver, ops);
        if !ready.is_empty() {
            both!(self, |table| table.touch_waiting(&ready));
        }
        // Routes need their groups: what becomes of these is known before.
        if !ops.is_empty() {
            return;
        }
        let before = self.installed;
        both!(self, |table| table.take(limit, &mut around!(self), ops));
        if self.installed < before && self.settings.max_routes.is_some() {
            both!(self, |table| table.touch_held(|held| matches!(held, Held::Limit(_))));
        }
        if ops.is_empty() && !self.is_doubtful {
            if self.is_complete {
                self.drop_strays(ops);
            }
            self.ways.drop_unused(self.is_complete, ops);
        }
    }

    /// The kernel refused a message of the last batch, for a reason in words. `None`: it only did not find what was to be
    /// removed.
    pub fn refused(&mut self, op: &Op, why: Option<&str>) {
        let refused = |why: &str| Held::Refused(why.into());
        match (op, why) {
            (Op::Route { net, before, .. } | Op::DropRoute { net, before }, why) => {
                let (net, before) = (*net, *before);
                let before = if why.is_none() { Installed::Nothing } else { before };
                by_width!(self, net, |table, prefix| {
                    table.revert(prefix, before, why.map(refused), &mut around!(self));
                });
            }
            (Op::Object { id, .. }, Some(why)) => {
                self.ways.object_refused(*id, &why.into());
                self.is_doubtful = true;
            }
            (Op::Group { id, .. }, Some(why)) => {
                let way = self.ways.group_refused(*id, &why.into());
                let hangs = |route: &mut Route| way.is_some_and(|way| route.desired() == Desired::Way(way));
                both!(self, |table| table.touch_if(hangs));
                self.is_doubtful = true;
            }
            (_, Some(_)) => self.is_doubtful = true,
            (_, None) => {}
        }
    }

    /// Nothing is desired to be sent about a way that is not in a group: the gateways that its routes name.
    pub fn paths(&self, way: WayId) -> &[Path] {
        self.ways.get(way).map_or(&[], |way| &way.wanted)
    }

    /// The next hop object of a way's routes; `None`: they name their gateways themselves.
    pub fn group(&self, way: WayId) -> Option<u32> {
        self.ways.get(way).filter(|_| self.settings.objects).map(|way| way.group)
    }
}

impl<A: Address> Table<A> {
    fn choose(&mut self, prefix: Prefix<A>, desired: Desired, ways: &mut Ways) {
        let route = match desired {
            Desired::Nothing => match self.routes.get_mut(&prefix) {
                Some(route) => route,
                None => return,
            },
            _ => self.routes.entry(prefix).or_default(),
        };
        if route.desired() == desired {
            return;
        }
        if let Desired::Way(way) = desired {
            ways.retain(way);
        }
        if let Desired::Way(way) = route.desired() {
            ways.release(way);
        }
        route.set_desired(desired);
        if !std::mem::replace(&mut route.dirty, true) {
            self.dirty.push_back(prefix);
        }
    }

    /// Nothing is desired any more.
    fn clear(&mut self, ways: &mut Ways) {
        self.touch_if(|route| {
            if let Desired::Way(way) = route.desired() {
                ways.release(way);
            }
            route.set_desired(Desired::Nothing);
            true
        });
    }

    fn take(&mut self, limit: usize, around: &mut Around<'_>, ops: &mut Vec<Op>) {
        while ops.len() < limit {
            let Some(prefix) = self.dirty.pop_front() else { return };
            let Some(route) = self.routes.get_mut(&prefix) else { continue };
            route.dirty = false;
            if route.desired() == Desired::Unsaid {
                continue;
            }
            let net = net_of(prefix);
            let (desired, held) = around.decide(net, route);
            match (held, route.held) {
                (Some(why), _) => {
                    route.held = true;
                    self.held.insert(prefix, why);
                }
                (None, true) => {
                    route.held = false;
                    self.held.remove(&prefix);
                }
                (None, false) => {}
            }
            let before = route.installed();
            let (after, op) = match plan(desired, before) {
                Step::Keep => (before, None),
                Step::Remove => (Installed::Nothing, Some(Op::DropRoute { net, before })),
                Step::Add(way) => {
                    (Installed::Way(way), Some(Op::Route { net, way, replaces: false, before }))
                }
                Step::Replace(way) => {
                    (Installed::Way(way), Some(Op::Route { net, way, replaces: true, before }))
                }
            };
            around.install(route, after);
            ops.extend(op);
            if route.is_blank() {
                self.routes.remove(&prefix);
            }
        }
    }

    /// The kernel did not do what it was told: this is installed, for this reason.
    fn revert(
        &mut self,
        prefix: Prefix<A>,
        installed: Installed,
        why: Option<Held>,
        around: &mut Around<'_>,
    ) {
        let route = self.routes.entry(prefix).or_default();
        around.install(route, installed);
        if let Some(why) = why {
            route.held = true;
            self.held.insert(prefix, why);
        }
        if route.is_blank() {
            self.routes.remove(&prefix);
        }
    }

    /// Routes that go one of these ways are not in the kernel any more, or not as they were.
    fn disown(&mut self, gone: &[WayId], installed: Installed, ways: &mut Ways, count: &mut usize) {
        self.touch_if(|route| {
            let hit = matches!(route.installed(), Installed::Way(way) if gone.contains(&way));
            if hit {
                note_installed(route, installed, ways, count);
            }
            hit
        });
    }
}

/// Takes note of what the kernel holds for a prefix.
fn note_installed(route: &mut Route, installed: Installed, ways: &mut Ways, count: &mut usize) {
    let before = route.installed();
    if before == installed {
        return;
    }
    if let Installed::Way(way) = installed {
        ways.retain(way);
    }
    if let Installed::Way(way) = before {
        ways.release(way);
    }
    match (before, installed) {
        (Installed::Nothing, _) => *count += 1,
        (_, Installed::Nothing) => *count = count.saturating_sub(1),
        _ => {}
    }
    route.set_installed(installed);
}

impl Around<'_> {
    fn install(&mut self, route: &mut Route, installed: Installed) {
        note_installed(route, installed, self.ways, self.installed);
    }

    /// What is to be in the kernel for a prefix, and why it is not what is desired.
    fn decide(&self, net: IpNet, route: &Route) -> (Option<WayId>, Option<Held>) {
        let Desired::Way(way) = route.desired() else { return (None, None) };
        if let Some(barred) = self.settings.guard.bars(net) {
            return (None, Some(Held::Barred(barred)));
        }
        if let Some(protocol) = self.rival(net) {
            return (None, Some(Held::Occupied { protocol }));
        }
        if let Some(why) = self.ways.get(way).and_then(|way| way.error.clone()) {
            let stays = (route.installed() == Installed::Way(way)).then_some(way);
            return (stays, Some(Held::Refused(why)));
        }
        if self.ways.is_empty(way) || !self.ways.is_ready(way) {
            return (None, Some(Held::Unresolved));
        }
        match self.settings.max_routes {
            Some(most) if route.installed() == Installed::Nothing && *self.installed >= most => {
                (None, Some(Held::Limit(most)))
            }
            _ => (Some(way), None),
        }
    }

    /// Whose route with our metric is there.
    fn rival(&self, net: IpNet) -> Option<u8> {
        if self.rivals == 0 {
            return None;
        }
        let metric = self.settings.mark.metric_of(net);
        self.resolver.others(net).find(|known| known.metric == metric).map(|known| known.protocol)
    }
}
