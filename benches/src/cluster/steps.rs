//! What is done to the announcer, and what it took: a function per line of the table.

use super::{
    announcer::Announcer,
    objects::{self, ENDPOINTS, SLICE},
    requests::Requests,
    world::World,
    writer::{Call, MERGE, STEPS},
};
use crate::load::{now, usage::Usage};
use serde_json::{Value, json};
use std::{net::Ipv4Addr, time::Duration};

/// How long anything may take.
const BOUND: Duration = Duration::from_secs(120);
/// Changes a second, on other nodes.
const RATE: u32 = 100;

/// What a start took.
#[derive(Clone, Debug)]
pub struct Started {
    /// From the start of the process until the last prefix was at the router.
    pub last: Duration,
    /// On a CPU until it was idle.
    pub spent: Duration,
    /// Memory then.
    pub usage: Usage,
    /// UPDATEs until then.
    pub updates: u64,
    /// What the API server was asked for until then.
    pub requests: Requests,
}

/// How long changes took until the router was told.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<f64>);

impl Latencies {
    /// The value that this share of them do not exceed, in milliseconds.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    fn enter(&mut self, from: Duration, to: Duration) {
        self.0.push((to.as_secs_f64() - from.as_secs_f64()) * 1e3);
    }
}

/// Starts an announcer, and waits until it is idle.
///
/// # Panics
/// When it does not announce everything.
pub fn start(world: &mut World) -> (Announcer, Started) {
    let (wanted, asked) = (world.size.prefixes(), world.plane.requests().len());
    world.router.look();
    let (updates, ups) = (world.router.updates, world.router.ups);
    let announcer = world.announcer();
    let all = world.router.wait(BOUND, |router| (router.ups > ups && router.held() == wanted).then_some(()));
    if all.is_none() {
        panic!("{} of {wanted} prefixes were announced\n{}", world.router.held(), world.lab.report());
    }
    let last = world.router.last.saturating_sub(announcer.started);
    let usage = announcer.idle(&world.lab);
    world.router.look();
    let started = Started {
        last,
        spent: usage.spent_since(&Usage::default()),
        usage,
        updates: world.router.updates - updates,
        requests: Requests::count(&world.plane.requests()[asked..]),
    };
    (announcer, started)
}

/// The Services that are Local and have an endpoint on the node.
fn here(world: &World) -> Vec<u32> {
    (0..world.size.services).filter(|number| objects::is_here(&world.size, *number)).collect()
}

/// Makes an endpoint of a Service's slice ready or not.
fn flip(world: &World, service: u32, endpoint: u32, ready: bool) -> Call {
    let slice = objects::slice(&world.size, service);
    let path = format!("/endpoints/{endpoint}/conditions/ready");
    let patch = json!([{ "op": "replace", "path": path, "value": ready }]);
    Call::patch(SLICE.one(&slice), STEPS, &patch)
}

/// Endpoints on the node that become unready and ready again, one at a time: from the answer to the PATCH until the
/// router is told, and from its beginning.
///
/// # Panics
/// When the router is not told, or the API server refuses.
pub fn flips(world: &mut World) -> [Latencies; 2] {
    let mut latencies = [Latencies::default(), Latencies::default()];
    let services = here(world);
    for number in 0..world.size.flips {
        let (service, ready) = (services[number as usize / 2 % services.len()], number % 2 == 1);
        let (call, address) = (flip(world, service, 0, ready), objects::address(service));
        let asked = now();
        // The moment of the answer is taken where it comes in.
        let answered = world.writer.run(|api| async move { api.call(&call).await.map(|_| now()) });
        let answered = answered.unwrap_or_else(|why| panic!("{why}"));
        let told = told(world, address, ready, asked);
        latencies[0].enter(answered, told);
        latencies[1].enter(asked, told);
    }
    latencies
}

fn told(world: &mut World, address: Ipv4Addr, there: bool, since: Duration) -> Duration {
    let told = world.router.wait(BOUND, |router| router.told(address, there, since));
    told.unwrap_or_else(|| panic!("the router is not told of {address}\n{}", world.lab.report()))
}

/// What changes on other nodes took.
#[derive(Clone, Copy, Debug)]
pub struct Elsewhere {
    /// The share of a core that so many changes a second take as were asked for.
    pub share: f64,
    /// Changes that were made.
    pub changes: u32,
    /// As many were made a second.
    pub rate: f64,
    /// UPDATEs because of them.
    pub updates: u64,
}

/// Endpoints on other nodes become unready and ready, in full slices of Services that have others: so many a second, or
/// as many as the API server takes.
///
/// # Panics
/// When the API server refuses.
pub fn elsewhere(world: &mut World, announcer: &Announcer) -> Elsewhere {
    let changes = world.size.elsewhere * RATE;
    let calls: Vec<_> = (0..changes)
        .map(|number| {
            let (service, round) = (number % world.size.full, number / world.size.full);
            flip(world, service, ENDPOINTS / 2, round % 2 == 1)
        })
        .collect();
    world.router.look();
    let updates = world.router.updates;
    let (before, start) = (announcer.usage(), now());
    world.writer.all(changes, Some(Duration::from_secs(1) / RATE), move |number| {
        calls.get(number as usize).cloned().into_iter().collect()
    });
    let lasted = now().saturating_sub(start).as_secs_f64();
    let spent = announcer.idle(&world.lab).spent_since(&before).as_secs_f64();
    world.router.look();
    Elsewhere {
        share: spent / f64::from(changes) * f64::from(RATE),
        changes,
        rate: f64::from(changes) / lasted,
        updates: world.router.updates - updates,
    }
}

/// What a community took that everything is to have.
#[derive(Clone, Copy, Debug)]
pub struct Community {
    /// From the answer to the PATCH until the last prefix was told with it; from its beginning.
    pub took: [f64; 2],
    /// UPDATEs.
    pub updates: u64,
    /// On a CPU until it was idle.
    pub spent: Duration,
    /// Sessions that ended.
    pub downs: u64,
}

/// Adds a community to the advertisement.
///
/// # Panics
/// When not all prefixes are told anew, or the API server refuses.
pub fn community(world: &mut World, announcer: &Announcer) -> Community {
    let wanted = world.size.prefixes();
    world.router.look();
    let (updates, downs, before) = (world.router.updates, world.router.downs, announcer.usage());
    let path = "/apis/kube-announcer.io/v1alpha1/bgpadvertisements/services".to_owned();
    let patch = json!({ "spec": { "attributes": { "communities": ["64512:1", "64512:2"] } } });
    let call = Call::patch(path, MERGE, &patch);
    let asked = now();
    let answered = world.writer.run(|api| async move { api.call(&call).await.map(|_| now()) });
    let answered = answered.unwrap_or_else(|why| panic!("{why}"));
    let all =
        world.router.wait(BOUND, |router| (router.announced_since(asked) == wanted).then_some(router.last));
    let last = all.unwrap_or_else(|| {
        panic!("{} prefixes were told anew\n{}", world.router.announced_since(asked), world.lab.report())
    });
    let milliseconds = |from: Duration| (last.as_secs_f64() - from.as_secs_f64()) * 1e3;
    let after = announcer.idle(&world.lab);
    world.router.look();
    Community {
        took: [milliseconds(answered), milliseconds(asked)],
        updates: world.router.updates - updates,
        spent: after.spent_since(&before),
        downs: world.router.downs - downs,
    }
}

/// What an announcer does when nothing happens.
#[derive(Clone, Debug)]
pub struct Idle {
    /// What the API server was asked for.
    pub requests: Requests,
    /// On a CPU.
    pub spent: Duration,
}

/// Waits, and looks at what was asked for meanwhile.
pub fn idle(world: &World, announcer: &Announcer) -> Idle {
    let (asked, before) = (world.plane.requests().len(), announcer.usage());
    pass(world.size.idle);
    Idle {
        requests: Requests::count(&world.plane.requests()[asked..]),
        spent: announcer.usage().spent_since(&before),
    }
}

/// Lets so many seconds pass.
fn pass(seconds: u32) {
    let until = now() + Duration::from_secs(seconds.into());
    lab::within(Duration::from_secs(seconds.into()), || (now() >= until).then_some(()));
}

/// What an outage of the API server came to.
#[derive(Clone, Debug)]
pub struct Outage {
    /// From the server being ready until the router was told of a change made then.
    pub seen: Duration,
    /// Prefixes that were withdrawn, and sessions that ended, while it was away and until then.
    pub lost: usize,
    /// On a CPU from its start until the announcer was idle.
    pub spent: Duration,
    /// Memory then.
    pub usage: Usage,
    /// What the API server was asked for from then on.
    pub requests: Requests,
}

/// Ends the API server, starts it again after a while, and changes an endpoint as soon as it is ready.
///
/// # Panics
/// When it does not come back, or the router is not told.
pub fn outage(world: &mut World, announcer: &Announcer) -> Outage {
    let (wanted, service) = (world.size.prefixes(), here(world)[0]);
    world.router.look();
    let (downs, asked) = (world.router.downs, world.plane.requests().len());
    world.plane.stop_api();
    pass(world.size.away);
    world.router.look();
    let lost = wanted - world.router.held() + (world.router.downs - downs) as usize;
    let before = announcer.usage();
    world.plane.start_api();
    let ready = world.lab.wait_for("the API server to be ready", BOUND, || {
        world.writer.call(&Call::get("/readyz")).is_ok().then(now)
    });
    let (call, address) = (flip(world, service, 0, false), objects::address(service));
    world.writer.call(&call).unwrap_or_else(|why| panic!("{why}"));
    let seen = told(world, address, false, ready).saturating_sub(ready);
    let usage = announcer.idle(&world.lab);
    world.router.look();
    let lost = lost + (wanted - 1 - world.router.held());
    Outage {
        seen,
        lost,
        spent: usage.spent_since(&before),
        usage,
        requests: Requests::count(&world.plane.requests()[asked..]),
    }
}

/// How large what the API server lists of a kind is, in octets.
///
/// # Panics
/// When it does not list it.
#[must_use]
pub fn listing(world: &World, place: &objects::Place) -> usize {
    let all = world.writer.call(&Call::get(&place.all(&Value::Null)));
    all.unwrap_or_else(|why| panic!("{why}")).len()
}
