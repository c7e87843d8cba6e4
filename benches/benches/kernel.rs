//! Routes learned and put into the kernel: ours beside BIRD, each alone on the machine. See README.md.

use benches::{
    cases::agreed,
    load::{
        daemon::{FORWARDING, FORWARDING_NOTHING, Model},
        now,
        phase::{Taken, World},
    },
    traffic::{Shape, Traffic},
};
use bgp_proto::{
    attr::next_hop::NextHop,
    family::Family,
    numbers::{Asn, HoldTime},
};
use lab::Namespace;
use std::{env, process::ExitCode, sync::Arc, time::Duration};

const MEBIBYTE: f64 = 1024.0 * 1024.0;
/// How long routes may take to move.
const BOUND: Duration = Duration::from_secs(60);

/// What is done one after the other; each is a line of the table.
const PHASES: [&str; 3] = ["installed", "moved to another next hop", "removed"];

/// What announces so many routes over a next hop, and what withdraws them.
fn octets(routes: u32, next_hop: [u8; 4]) -> (Arc<[u8]>, Arc<[u8]>) {
    let next_hop = NextHop::Ipv4(next_hop.into());
    let traffic = Traffic::<u32>::new(&Shape { routes, seed: 1, peer: Asn(65001), next_hop });
    let agreed = agreed(true);
    (traffic.announcements(&agreed).into(), traffic.withdrawals(&agreed).into())
}

fn open(model: &Model) -> World {
    World::new(model, Family::IPV4, 1, 0, HoldTime::new(90).expect("90 is allowed"))
}

/// How many IPv4 routes the kernel has in a namespace.
fn installed(namespace: &Namespace) -> usize {
    let table = namespace.run(|| std::fs::read_to_string("/proc/thread-self/net/route"));
    // A heading comes first.
    table.map_or(0, |table| table.lines().count().saturating_sub(1))
}

/// A few of the prefixes are link-local ones, which we never install.
fn check(model: &Model, installed: usize, wanted: u32) {
    let missing = (wanted as usize).abs_diff(installed);
    assert!(missing <= wanted as usize / 10_000, "{} has {installed} routes of {wanted}", model.name);
}

/// What each phase takes a daemon.
fn phases(model: &Model, routes: u32) -> [Taken; 3] {
    let (first, withdrawn) = octets(routes, [10, 0, 0, 1]);
    let (second, _) = octets(routes, [10, 0, 0, 2]);
    let mut world = open(model);
    let before = installed(&world.under_test);
    [(first, routes), (second, routes), (withdrawn, 0)].map(|(octets, left)| {
        let taken = world.measure(|world| world.injectors[0].write(&octets));
        check(model, installed(&world.under_test) - before, left);
        taken
    })
}

/// Resident memory with so many routes that were learned.
fn resident(model: &Model, routes: u32) -> f64 {
    let (octets, _) = octets(routes, [10, 0, 0, 1]);
    open(model).measure(|world| world.injectors[0].write(&octets)).resident as f64
}

/// How long it takes until all routes follow one that their next hop is reached by, and what it takes us.
fn failover(model: &Model, routes: u32) -> (Duration, Taken) {
    let mut world = open(model);
    let node = world.under_test.clone();
    node.ip("route add 10.1.0.0/24 via 10.0.0.1");
    let before = installed(&node);
    let (first, _) = octets(routes, [10, 1, 0, 1]);
    world.measure(|world| world.injectors[0].write(&first));
    check(model, installed(&node) - before, routes);
    let mut lasted = Duration::ZERO;
    let taken = world.measure(|world| {
        let start = now();
        node.ip("route replace 10.1.0.0/24 via 10.0.0.2");
        world.wait_until("the routes to move", BOUND, || node.ip("nexthop show").contains("via 10.0.0.2"));
        lasted = now().saturating_sub(start);
    });
    (lasted, taken)
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn number(words: &[String], name: &str, usual: u32) -> u32 {
    let at = words.iter().position(|word| word == name);
    let value = at.and_then(|at| words.get(at + 1));
    value.map_or(usual, |value| {
        value.parse().unwrap_or_else(|_| panic!("{name} wants a number, not {value:?}"))
    })
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().collect();
    let (routes, repeat) = (number(&words, "--routes", 100_000), number(&words, "--repeat", 3));
    if !lab::need(&[lab::Need::Root]) {
        return ExitCode::SUCCESS;
    }
    println!("{routes} IPv4 routes in the kernel: CPU s / RSS MiB, medians of {repeat}");
    for model in FORWARDING.iter().filter(|model| model.is_there()) {
        let runs: Vec<_> = (0..repeat).map(|_| phases(model, routes)).collect();
        for (at, phase) in PHASES.iter().enumerate() {
            let of = |what: fn(&Taken) -> f64| median(runs.iter().map(|run| what(&run[at])).collect());
            let spent = of(|taken| taken.spent.as_secs_f64());
            let resident = of(|taken| taken.resident as f64 / MEBIBYTE);
            println!("{:24} {phase:28} {spent:6.2} / {resident:.1}", model.title());
        }
    }
    let ours = FORWARDING[1];
    if ours.is_there() {
        let (lasted, taken) = failover(&ours, routes);
        let (lasted, spent) = (lasted.as_secs_f64() * 1e3, taken.spent.as_secs_f64() * 1e3);
        println!("{:24} all follow a gateway that moves: {lasted:.1} ms, {spent:.1} ms of CPU", ours.title());
        let of = |model| median((0..repeat).map(|_| resident(model, routes)).collect());
        let (with, without) = (of(&ours), of(&FORWARDING_NOTHING));
        let (all, each) = ((with - without) / MEBIBYTE, (with - without) / f64::from(routes));
        println!(
            "{:24} memory for what is in the kernel: {all:.1} MiB, {each:.0} octets a route",
            ours.title()
        );
    }
    ExitCode::SUCCESS
}
