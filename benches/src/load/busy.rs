//! Sessions with a short hold time while every core is busy and a table comes and goes: none may be lost.

use super::{
    daemon::Model,
    now,
    peer::Peer,
    phase::{PEERS, World},
    scenario::octets,
};
use bgp_proto::{family::Family, numbers::HoldTime};
use std::{
    hint,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

/// How a daemon's sessions endured.
#[derive(Clone, Copy, Debug)]
pub struct Endured {
    /// Sessions that were lost.
    pub lost: usize,
    /// The longest time that a peer heard nothing.
    pub silence: Duration,
}

/// In seconds.
const HOLD_TIME: u16 = 3;
/// How long it goes on: several hold times.
const LASTING: Duration = Duration::from_secs(15);

/// Announces and withdraws routes over and over while as many threads as there are cores do nothing but spin.
pub fn endure(model: &Model, routes: u32) -> Endured {
    let hold_time = HoldTime::new(HOLD_TIME).expect("3 is allowed");
    let world = World::new(model, Family::IPV4, 1, PEERS - 1, hold_time);
    let (announced, withdrawn) = octets::<u32>(routes, 1);
    let (start, injector) = (now(), &world.injectors[0]);
    let over = spin();
    world.wait_until("some hold times to pass", LASTING * 4, || {
        if injector.is_written() && !injector.is_down() {
            injector.write(&announced);
            injector.write(&withdrawn);
        }
        now().saturating_sub(start) > LASTING
    });
    over.store(true, Relaxed);
    let all = || world.injectors.iter().chain(&world.receivers);
    Endured {
        lost: all().filter(|peer| peer.is_down()).count(),
        silence: all().map(Peer::silence).max().unwrap_or_default(),
    }
}

/// Keeps every core busy until what it returns is set.
fn spin() -> Arc<AtomicBool> {
    let over = Arc::new(AtomicBool::new(false));
    for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
        let over = Arc::clone(&over);
        thread::spawn(move || {
            while !over.load(Relaxed) {
                hint::spin_loop();
            }
        });
    }
    over
}
