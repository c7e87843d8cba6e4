//! The way to a next hop, against a search that looks at each route, one after the other.

use bgp_daemon::{
    fib::{
        Gateway, KernelRoute, Kind, Mark, Path, Paths,
        resolve::{Link, Resolver},
    },
    rib::Hop,
};
use ipnet::IpNet;
use proptest::prelude::*;
use std::{collections::BTreeMap, net::IpAddr};

const MARK: Mark = Mark { protocol: 179, table: 254, metric: 179 };

/// Routes of which each is there or not, by number: short and long ones around a few addresses.
fn route(number: u8, metric: u32, device: u32) -> KernelRoute {
    let (bits, len) = (
        u32::from(number % 4) << 30 | u32::from(number / 4 % 4) << 6,
        [0, 2, 24, 26, 32][usize::from(number) % 5],
    );
    let net = IpNet::new(IpAddr::V4(bits.into()), len).unwrap().trunc();
    let via = (!number.is_multiple_of(3)).then(|| IpAddr::from([192, 0, 2, number]));
    let gateway = Gateway { via, device, onlink: false };
    let kind = if number.is_multiple_of(7) { Kind::Discard } else { Kind::Unicast };
    let paths = if kind == Kind::Discard { Paths::None } else { Paths::One(Path::from(gateway)) };
    KernelRoute { net, table: 254, protocol: 4, metric, kind, paths, source: None }
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u32, u32),
    Remove(u8, u32),
    Link(u32, bool),
    Ask(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..40, 0u32..3, 1u32..4).prop_map(|(number, metric, device)| Step::Put(number, metric, device)),
        2 => (0u8..40, 0u32..3).prop_map(|(number, metric)| Step::Remove(number, metric)),
        1 => (1u32..4, any::<bool>()).prop_map(|(device, up)| Step::Link(device, up)),
        2 => (0u32..4, 0u32..4).prop_map(|(high, low)| Step::Ask(high << 30 | low << 6 | 1)),
    ]
}

/// The cost and the gateway, by looking at everything.
fn search(
    address: IpAddr,
    routes: &BTreeMap<(IpNet, u32), KernelRoute>,
    up: &BTreeMap<u32, bool>,
) -> Option<(u32, Gateway)> {
    let mut all: Vec<_> = routes.values().filter(|route| route.net.contains(&address)).collect();
    all.sort_by_key(|route| (std::cmp::Reverse(route.net.prefix_len()), route.metric));
    for route in all {
        match route.paths.iter().next() {
            None => return None,
            Some(path) if up[&path.gateway.device] => {
                let cost = if path.gateway.via.is_some() { route.metric } else { 0 };
                return Some((cost, Gateway { via: path.gateway.via.or(Some(address)), ..path.gateway }));
            }
            Some(_) => {}
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_next_hop_that_was_asked_for_is_known_as_it_is(steps in prop::collection::vec(step(), 1..80)) {
        let mut resolver = Resolver::new(MARK);
        let (mut routes, mut up, mut asked) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let link = |up| Some(Link { name: "link".into(), enabled: true, up });
        for device in 1..4 {
            up.insert(device, true);
            resolver.link(device, link(true));
        }
        for step in &steps {
            match *step {
                Step::Put(number, metric, device) => {
                    let route = route(number, metric, device);
                    resolver.route(route.clone(), true);
                    routes.insert((route.net, metric), route);
                }
                Step::Remove(number, metric) => {
                    if let Some(route) = routes.remove(&(route(number, metric, 1).net, metric)) {
                        resolver.route_gone(route);
                    }
                }
                Step::Link(device, is_up) => {
                    up.insert(device, is_up);
                    resolver.link(device, link(is_up));
                }
                Step::Ask(bits) => {
                    let address = IpAddr::V4(bits.into());
                    let cost = resolver.ask(address);
                    asked.insert(address, cost);
                }
            }
            // Only what changed is told.
            for (address, cost) in resolver.refresh().unwrap_or_default() {
                let before = asked.insert(address, cost);
                prop_assert_ne!(before, Some(cost));
            }
            for (address, cost) in &asked {
                let found = search(*address, &routes, &up);
                prop_assert_eq!(*cost, found.map(|(cost, _)| cost), "{}", address);
                let hop = Hop { address: *address, interface: None, weight: 1 };
                let gateway = resolver.paths(&hop).first().map(|path| path.gateway);
                prop_assert_eq!(gateway, found.map(|(_, gateway)| gateway), "{}", address);
            }
        }
    }
}
