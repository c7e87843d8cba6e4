//! kube-announcer on one node of a large cluster, through a real API server. One table at the end. See README.md.

use benches::{
    cluster::{
        Size,
        announcer::{self, Announcer},
        objects,
        rows::{Report, median},
        steps::{self, Started},
        world::World,
    },
    load::usage::Usage,
};
use std::{env, process::ExitCode};

const MEBIBYTE: f64 = 1024.0 * 1024.0;

fn mebibytes(octets: u64) -> f64 {
    octets as f64 / MEBIBYTE
}

fn starts(world: &mut World, report: &mut Report) -> Announcer {
    let mut all: Vec<Started> = Vec::new();
    let announcer = loop {
        let (announcer, started) = steps::start(world);
        let Started { last, spent, usage, .. } = &started;
        eprintln!("started: {last:.2?}, {spent:.2?} of CPU, {:.1} MiB", mebibytes(usage.resident));
        all.push(started);
        if all.len() >= world.size.starts as usize {
            break announcer;
        }
        drop(announcer);
        let downs = world.router.downs;
        world.router.wait(std::time::Duration::from_secs(10), |router| (router.downs > downs).then_some(()));
    };
    let of = |what: fn(&Started) -> f64| median(all.iter().map(what).collect());
    report.enter(0, format!("{:.2} s", of(|one| one.last.as_secs_f64())));
    report.enter(1, format!("{:.2} s", of(|one| one.spent.as_secs_f64())));
    let (resident, peak) = (of(|one| mebibytes(one.usage.resident)), of(|one| mebibytes(one.usage.peak)));
    report.note(format!("after a start: {resident:.1} MiB resident, {peak:.1} at its peak"));
    if let Some(started) = all.last() {
        report.enter(8, started.requests.total().to_string());
        report.note(format!("a start asks for: {}; {} UPDATEs", started.requests, started.updates));
    }
    announcer
}

fn changes(world: &mut World, announcer: &Announcer, report: &mut Report) {
    let [answered, asked] = steps::flips(world);
    report.enter(4, format!("{:.2} ms, {:.2} ms", answered.percentile(50), answered.percentile(99)));
    report.note(format!(
        "{} changes of an endpoint: from the PATCH's beginning p50 {:.2} ms, p99 {:.2}; from its answer at most {:.2} ms",
        asked.count(),
        asked.percentile(50),
        asked.percentile(99),
        answered.percentile(100)
    ));
    let elsewhere = steps::elsewhere(world, announcer);
    report.enter(5, format!("{:.3} of a core, {} UPDATEs", elsewhere.share, elsewhere.updates));
    report.note(format!(
        "{} changes on other nodes, {:.0} a second; a core's share is that of 100 a second",
        elsewhere.changes, elsewhere.rate
    ));
    let community = steps::community(world, announcer);
    let [answered, asked] = community.took;
    let resets = match community.downs {
        0 => "no reset".to_owned(),
        downs => format!("{downs} resets"),
    };
    report.enter(6, format!("{answered:.1} ms, {} UPDATEs, {resets}", community.updates));
    report.note(format!(
        "the community: {asked:.1} ms from the PATCH's beginning, {:.0} ms of CPU",
        community.spent.as_secs_f64() * 1e3
    ));
}

fn quiet(world: &mut World, announcer: &Announcer, report: &mut Report) {
    let idle = steps::idle(world, announcer);
    report.enter(9, idle.requests.total().to_string());
    report.note(format!(
        "idle for {} s: {:.1} ms of CPU; asked for: {}",
        world.size.idle,
        idle.spent.as_secs_f64() * 1e3,
        idle.requests
    ));
    let outage = steps::outage(world, announcer);
    report.enter(7, format!("{:.2} s", outage.seen.as_secs_f64()));
    report.note(format!(
        "{} s without an API server: {} prefixes or sessions lost; then {:.2} s of CPU, asked for: {}",
        world.size.away,
        outage.lost,
        outage.spent.as_secs_f64(),
        outage.requests
    ));
    memory(&outage.usage, report);
}

/// Memory at the end, when everything was listed at least twice.
fn memory(usage: &Usage, report: &mut Report) {
    report.enter(2, format!("{:.1} MiB", mebibytes(usage.resident)));
    report.enter(3, format!("{:.1} MiB", mebibytes(usage.peak)));
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let size = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Size::FULL,
        ["--small"] => Size::SMALL,
        _ => panic!("{words:?}: use --small, or nothing"),
    };
    if !lab::need(&[lab::Need::Root, lab::Need::Namespaces, lab::Need::Api]) || !announcer::build() {
        return ExitCode::SUCCESS;
    }
    let mut world = World::new(size);
    let mut report = Report::default();
    let listed = [objects::NODE, objects::SERVICE, objects::SLICE]
        .map(|place| format!("{} {:.1} MiB", place.plural, mebibytes(steps::listing(&world, &place) as u64)));
    report.note(format!("as JSON: {}", listed.join(", ")));
    let announcer = starts(&mut world, &mut report);
    changes(&mut world, &announcer, &mut report);
    quiet(&mut world, &announcer, &mut report);
    print!("{report}");
    ExitCode::SUCCESS
}
