//! The FIB against a kernel that is a few maps: whatever happens, in the end the kernel holds what was chosen, and
//! nothing of others was touched.

mod maps;

use bgp_daemon::{
    fib::{Buckets, Fib, Resilient, Settings, guard::Guard, plan::Op},
    rib::{Chosen, Hop, Verdict},
};
use ipnet::IpNet;
use maps::{Kernel, MARK};
use proptest::prelude::*;
use std::{collections::BTreeMap, net::IpAddr};

const PREFIXES: [&str; 7] = [
    "203.0.113.0/24",
    "203.0.113.0/25",
    "10.0.0.0/8",
    "100.64.0.0/16",
    "2001:db8:f::/48",
    "2001:db8:f:1::/64",
    // Barred: a link has it.
    "192.0.2.128/25",
];

/// Next hops: an address, and the link where it needs one.
const HOPS: [(&str, Option<&str>); 6] = [
    ("192.0.2.1", None),
    ("192.0.2.2", None),
    ("198.51.100.1", None),
    // By a route of somebody else.
    ("172.16.9.9", None),
    ("fe80::1", Some("eth2")),
    ("2001:db8:1::1", None),
];

fn prefix(number: usize) -> IpNet {
    PREFIXES[number].parse().unwrap()
}

fn hop(number: usize, weight: u16) -> Hop {
    let (address, interface) = HOPS[number];
    Hop { address: address.parse().unwrap(), interface: interface.map(Box::from), weight }
}

#[derive(Clone, Debug)]
enum Step {
    Choose(usize, Wish),
    Enable(u32, bool),
    Carrier(u32, bool),
    HandDelete(usize),
    HandDeleteObject(usize),
    HandReplace(usize),
    Other { prefix: usize, metric: u32, there: bool },
    Igp(bool),
    Refuse(usize),
    Overrun,
    Complete,
    GiveUp,
    Work(usize),
    Settle,
    Restart,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    Nothing,
    Discard,
    Hops(Vec<(usize, u16)>),
}

fn wish() -> impl Strategy<Value = Wish> {
    let hops = prop::collection::btree_map(0..HOPS.len(), 1u16..4, 1..3);
    prop_oneof![
        1 => Just(Wish::Nothing),
        1 => Just(Wish::Discard),
        5 => hops.prop_map(|hops| Wish::Hops(hops.into_iter().collect())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..PREFIXES.len();
    prop_oneof![
        8 => (at.clone(), wish()).prop_map(|(at, wish)| Step::Choose(at, wish)),
        2 => (1u32..3, any::<bool>()).prop_map(|(device, up)| Step::Enable(device, up)),
        2 => (1u32..3, any::<bool>()).prop_map(|(device, up)| Step::Carrier(device, up)),
        2 => at.clone().prop_map(Step::HandDelete),
        1 => (0usize..9).prop_map(Step::HandDeleteObject),
        1 => at.clone().prop_map(Step::HandReplace),
        2 => (at, prop_oneof![Just(0u32), Just(MARK.metric)], any::<bool>())
            .prop_map(|(prefix, metric, there)| Step::Other { prefix, metric, there }),
        2 => any::<bool>().prop_map(Step::Igp),
        1 => (1usize..4).prop_map(Step::Refuse),
        1 => Just(Step::Overrun),
        1 => Just(Step::Complete),
        1 => Just(Step::GiveUp),
        4 => (1usize..6).prop_map(Step::Work),
        3 => Just(Step::Settle),
        1 => Just(Step::Restart),
    ]
}

/// How routes name their gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Themselves,
    ByGroups,
    /// Some of the prefixes have groups that keep flows where they are.
    ByOwnGroups,
}

const HOWS: [How; 3] = [How::Themselves, How::ByGroups, How::ByOwnGroups];

const BUCKETS: Buckets = Buckets { count: 64, idle: 12_000, unbalanced: 0 };

struct World {
    kernel: Kernel,
    fib: Fib,
    how: How,
    chosen: BTreeMap<IpNet, Wish>,
    complete: bool,
}

impl World {
    fn new(how: How) -> Self {
        let kernel = Kernel::new();
        let mut world = World { fib: Self::fib(how), kernel, how, chosen: BTreeMap::new(), complete: false };
        world.dump();
        world
    }

    fn fib(how: How) -> Fib {
        // All but the last two.
        let prefixes = vec!["0.0.0.0/0".parse().unwrap(), prefix(4)];
        let mut fib = Fib::new(Settings {
            mark: MARK,
            objects: how != How::Themselves,
            multipath: 8,
            resilient: (how == How::ByOwnGroups).then_some(Resilient { buckets: BUCKETS, prefixes }),
            max_routes: None,
            guard: Guard::new(false, &[], &[]),
        });
        for (address, _) in HOPS {
            fib.ask(address.parse::<IpAddr>().unwrap());
        }
        fib
    }

    fn dump(&mut self) {
        self.fib.dump_begins();
        let (first, routes) = self.kernel.dump();
        first.into_iter().for_each(|event| {
            self.fib.heard(event);
        });
        self.fib.objects_end();
        routes.into_iter().for_each(|event| {
            self.fib.heard(event);
        });
        self.fib.dump_ends();
        self.fib.retry();
        self.fib.follow();
    }

    fn hear(&mut self) {
        if std::mem::take(&mut self.kernel.overrun) {
            self.kernel.events.clear();
            self.fib.missed();
        }
        let mut news = false;
        for event in std::mem::take(&mut self.kernel.events) {
            news |= self.fib.heard(event);
        }
        self.fib.follow();
        if news {
            self.fib.retry();
        }
    }

    /// One batch. True: there may be more.
    fn work(&mut self, limit: usize) -> bool {
        self.hear();
        let mut ops = Vec::new();
        self.fib.take(limit, &mut ops);
        for op in &ops {
            if let Err(why) = self.kernel.apply(op, &self.fib) {
                self.fib.refused(op, why);
            }
        }
        !ops.is_empty()
    }

    fn settle(&mut self) {
        self.kernel.refuse = 0;
        self.hear();
        self.dump();
        self.fib.give_up();
        for round in 0.. {
            assert!(round < 200, "it never ends: {:?} {:?}", self.kernel, self.fib);
            if self.work(7) {
                continue;
            }
            if !self.fib.is_blind() && !self.fib.is_doubtful() {
                break;
            }
            self.dump();
        }
        self.check();
    }

    fn check(&self) {
        for number in 0..PREFIXES.len() {
            let net = prefix(number);
            let wish = self.chosen.get(&net);
            let held = self.fib.listed(net).and_then(|listed| listed.held);
            let found = self.kernel.ours(net);
            let desired = match wish {
                None if !self.complete => continue,
                // Its group may be one from before, which keeps its members until all is said.
                _ if !self.complete && self.how == How::ByOwnGroups => continue,
                _ if number == 6 || self.kernel.has_rival(net) => None,
                None | Some(Wish::Nothing) => None,
                Some(Wish::Discard) => Some(Vec::new()),
                Some(Wish::Hops(hops)) => {
                    Some(self.kernel.gateways(hops.iter().map(|(at, weight)| hop(*at, *weight))))
                        .filter(|g| !g.is_empty())
                }
            };
            assert_eq!(found, desired, "{net} {wish:?} {held:?}\n{:#?}\n{:#?}", self.kernel, self.fib);
            let wanted = !matches!(wish, None | Some(Wish::Nothing));
            assert_eq!(held.is_some(), wanted && desired.is_none(), "{net} {held:?}");
        }
        // A group may wait for a place that somebody else has.
        if self.complete && self.fib.totals().held == 0 {
            self.kernel.check_objects(self.how != How::Themselves);
        }
        assert_eq!(self.fib.totals().installed, self.kernel.count());
    }

    fn choose(&mut self, net: IpNet, wish: &Wish) {
        let verdict = match wish {
            Wish::Nothing => Verdict::Nothing,
            Wish::Discard => Verdict::Discard,
            Wish::Hops(hops) => Verdict::Hops(hops.iter().map(|(at, weight)| hop(*at, *weight)).collect()),
        };
        self.fib.choose(&Chosen { prefix: net, verdict });
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Choose(at, wish) => {
                self.choose(prefix(*at), wish);
                self.chosen.insert(prefix(*at), wish.clone());
            }
            Step::Enable(device, up) => self.kernel.enable(*device, *up),
            Step::Carrier(device, up) => self.kernel.carrier(*device, *up),
            Step::HandDelete(at) => self.kernel.delete(prefix(*at)),
            Step::HandDeleteObject(at) => self.kernel.delete_object(*at),
            Step::HandReplace(at) => self.kernel.replace(prefix(*at)),
            Step::Other { prefix: at, metric, there } => self.kernel.other(prefix(*at), *metric, *there),
            Step::Igp(there) => self.kernel.igp(*there),
            Step::Refuse(ops) => self.kernel.refuse = *ops,
            Step::Overrun => self.kernel.overrun = true,
            Step::Complete => {
                self.complete = true;
                self.fib.complete();
            }
            Step::GiveUp => self.fib.give_up(),
            Step::Work(limit) => {
                self.work(*limit);
            }
            Step::Settle => self.settle(),
            Step::Restart => self.restart(),
        }
    }

    /// Another process with the same wishes finds what this one left.
    fn restart(&mut self) {
        self.kernel.events.clear();
        self.kernel.overrun = false;
        self.fib = Self::fib(self.how);
        self.dump();
        for (net, wish) in self.chosen.clone() {
            self.choose(net, &wish);
        }
        if self.complete {
            self.fib.complete();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_the_end_the_kernel_holds_what_was_chosen_and_all_of_others(
        how in prop::sample::select(&HOWS[..]),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::new(how);
        for step in &steps {
            world.run(step);
            world.kernel.check_others();
        }
        world.run(&Step::Complete);
        world.settle();
    }
}

fn settled(how: How) -> World {
    let mut world = World::new(how);
    world.choose(prefix(0), &Wish::Hops(vec![(0, 1)]));
    world.chosen.insert(prefix(0), Wish::Hops(vec![(0, 1)]));
    world.run(&Step::Complete);
    world.settle();
    world
}

#[test]
fn a_restart_with_the_same_routes_sends_nothing() {
    for how in HOWS {
        let mut world = settled(how);
        world.restart();
        let mut ops = Vec::new();
        world.fib.take(100, &mut ops);
        assert_eq!(ops, [], "{how:?}");
    }
}

#[test]
fn until_all_is_said_a_restart_removes_nothing() {
    let mut world = settled(How::ByGroups);
    world.fib = World::fib(How::ByGroups);
    world.complete = false;
    world.chosen.clear();
    world.dump();
    while world.work(100) {}
    assert!(world.kernel.ours(prefix(0)).is_some());
    world.run(&Step::Complete);
    world.settle();
    assert_eq!(world.kernel.ours(prefix(0)), None);
}

#[test]
fn leaving_takes_everything_along() {
    let mut world = settled(How::ByGroups);
    world.fib.leave();
    world.chosen.clear();
    world.settle();
    assert_eq!(world.kernel.count(), 0);
}

#[test]
fn one_message_moves_all_routes_of_a_gateway_that_changes() {
    let mut world = World::new(How::ByGroups);
    world.kernel.igp(true);
    world.hear();
    for number in 0..4 {
        world.choose(prefix(number), &Wish::Hops(vec![(3, 1)]));
        world.chosen.insert(prefix(number), Wish::Hops(vec![(3, 1)]));
    }
    world.run(&Step::Complete);
    world.settle();
    world.kernel.move_igp();
    world.hear();
    let mut ops = Vec::new();
    world.fib.take(100, &mut ops);
    let groups = ops.iter().filter(|op| matches!(op, Op::Group { replaces: true, .. })).count();
    assert_eq!((groups, ops.len()), (1, 2), "{ops:?}");
    ops.iter().for_each(|op| world.kernel.apply(op, &world.fib).unwrap());
    world.settle();
}

/// The messages that follow from these next hops of the first prefix.
fn redirected(world: &mut World, hops: &[(usize, u16)]) -> Vec<Op> {
    world.run(&Step::Choose(0, Wish::Hops(hops.to_vec())));
    let mut all = Vec::new();
    loop {
        let mut ops = Vec::new();
        world.fib.take(100, &mut ops);
        ops.iter().for_each(|op| world.kernel.apply(op, &world.fib).unwrap());
        all.extend(ops.iter().cloned());
        if ops.is_empty() {
            return all;
        }
    }
}

fn groups(ops: &[Op]) -> Vec<(u32, usize, bool)> {
    let group = |op: &Op| match op {
        Op::Group { id, members, buckets: Some(BUCKETS), replaces } => Some((*id, members.len(), *replaces)),
        _ => None,
    };
    ops.iter().filter_map(group).collect()
}

#[test]
fn a_route_that_keeps_its_flows_has_one_group_whatever_its_next_hops_are_and_whoever_runs() {
    let mut world = World::new(How::ByOwnGroups);
    world.run(&Step::Complete);
    // With one next hop there is nothing to keep.
    assert_eq!(groups(&redirected(&mut world, &[(0, 1)])), []);
    let [(id, 3, false)] = groups(&redirected(&mut world, &[(0, 1), (1, 1), (2, 1)]))[..] else { panic!() };
    let moved = |ops: &[Op], members| {
        let routes = ops.iter().filter(|op| matches!(op, Op::Route { .. } | Op::DropRoute { .. })).count();
        assert_eq!((groups(ops), routes), (vec![(id, members, true)], 0), "{ops:?}");
    };
    moved(&redirected(&mut world, &[(0, 1), (1, 1)]), 2);
    moved(&redirected(&mut world, &[(1, 1)]), 1);
    moved(&redirected(&mut world, &[(1, 1), (2, 2)]), 2);
    // Peers come back one by one: nothing moves until all are there.
    world.complete = false;
    world.restart();
    assert_eq!(redirected(&mut world, &[(2, 1)]), []);
    assert_eq!(redirected(&mut world, &[(1, 1), (2, 2)]), []);
    world.run(&Step::Complete);
    assert_eq!(redirected(&mut world, &[(1, 1), (2, 2)]), []);
    moved(&redirected(&mut world, &[(0, 1), (1, 1)]), 2);
    world.complete = false;
    world.restart();
    assert_eq!(redirected(&mut world, &[(1, 1)]), []);
    world.run(&Step::Complete);
    moved(&redirected(&mut world, &[(1, 1)]), 1);
    // Another prefix with the same next hops has its own.
    world.run(&Step::Choose(1, Wish::Hops(vec![(0, 1), (1, 1)])));
    let [(other, 2, false)] = groups(&redirected(&mut world, &[(1, 1)]))[..] else { panic!() };
    assert_ne!(other, id);
    world.run(&Step::Choose(0, Wish::Nothing));
    world.settle();
}

#[test]
fn groups_of_another_kind_from_before_are_left_for_new_ones() {
    for (before, after) in [(How::ByGroups, How::ByOwnGroups), (How::ByOwnGroups, How::ByGroups)] {
        let mut world = World::new(before);
        for number in 0..4 {
            world.run(&Step::Choose(number, Wish::Hops(vec![(0, 1), (2, 1)])));
        }
        world.run(&Step::Complete);
        world.settle();
        world.how = after;
        world.restart();
        world.settle();
    }
}
