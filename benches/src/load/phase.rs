//! One phase: something happens to a daemon, and what it took until all is quiet again.

use super::{
    daemon::Model,
    now,
    peer::{Identity, Peer},
    usage::{self, Usage},
};
use bgp_proto::{
    family::Family,
    numbers::{Asn, HoldTime, RouterId},
};
use lab::{Daemon, Lab, Namespace};
use std::{cell::RefCell, net::IpAddr, time::Duration};

/// How many peers the configurations have.
pub const PEERS: u8 = 21;
/// How long a session may take to be established.
const OPENING: Duration = Duration::from_secs(60);
/// How long a phase may take.
const BOUND: Duration = Duration::from_secs(600);
/// How long nothing may happen until a phase is over.
const QUIET: Duration = Duration::from_secs(1);
/// A daemon that is at work, or waits to be, less than this in [`QUIET`] is idle.
const IDLE: Duration = Duration::from_millis(10);

/// A daemon with its peers around it.
pub struct World {
    /// Those that write. Fields are dropped from the top: nobody outlives the lab.
    pub injectors: Vec<Peer>,
    /// Those whose tables count.
    pub receivers: Vec<Peer>,
    daemons: Vec<Daemon>,
    /// Where the daemon is.
    pub under_test: Namespace,
    lab: Lab,
}

/// What a phase took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// Time on a CPU until the daemon was idle.
    pub spent: Duration,
    /// Time until the last receiver had the last UPDATE.
    pub wall: Duration,
    /// Memory at the end, in octets.
    pub resident: u64,
    /// The most memory during the phase.
    pub peak: u64,
}

/// The address of a peer; 0 stands for the daemon.
pub fn address(family: Family, peer: u8) -> IpAddr {
    let host = if peer == 0 { 254 } else { peer };
    match family {
        Family::IPV4 => IpAddr::from([10, 0, 0, host]),
        _ => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()]),
    }
}

/// The AS of a peer.
pub fn asn(peer: u8) -> Asn {
    Asn(65000 + u32::from(peer))
}

fn texts(addresses: &[String]) -> Vec<&str> {
    addresses.iter().map(String::as_str).collect()
}

impl World {
    /// Starts a daemon, and establishes the sessions of so many injectors and receivers, numbered in this order.
    ///
    /// # Panics
    /// When it does not come up or a session is not established: with what it logged.
    pub fn new(model: &Model, family: Family, injectors: u8, receivers: u8, hold_time: HoldTime) -> Self {
        let lab = Lab::new();
        let (under_test, around) = (lab.namespace("under-test"), lab.namespace("load"));
        let addresses = |peers: &[u8]| -> Vec<String> {
            let of =
                |family, length| peers.iter().map(move |peer| format!("{}/{length}", address(family, *peer)));
            of(Family::IPV4, 24).chain(of(Family::IPV6, 64)).collect()
        };
        let (one, all) = (addresses(&[0]), addresses(&(1..=PEERS).collect::<Vec<_>>()));
        lab.link((&under_test, &texts(&one)), (&around, &texts(&all)));
        let daemons = model.start(&lab, &under_test);
        let mut world = World { injectors: Vec::new(), receivers: Vec::new(), daemons, under_test, lab };
        for peer in 1..=injectors + receivers {
            let is_receiver = peer > injectors;
            let made = world.establish(&around, family, peer, hold_time, is_receiver);
            if is_receiver { world.receivers.push(made) } else { world.injectors.push(made) }
        }
        world.wait_quiet();
        world
    }

    fn establish(
        &self,
        namespace: &Namespace,
        family: Family,
        peer: u8,
        hold_time: HoldTime,
        keep: bool,
    ) -> Peer {
        let identity = Identity {
            asn: asn(peer),
            router_id: RouterId::new(0x0a00_0000 + u32::from(peer)).expect("not zero"),
            address: address(family, peer),
            daemon: (address(family, 0), 179).into(),
            family,
            hold_time,
        };
        let last = RefCell::new(String::new());
        let made = lab::within(OPENING, || {
            namespace.run(|| Peer::establish(&identity, keep)).map_err(|why| *last.borrow_mut() = why).ok()
        });
        made.unwrap_or_else(|| {
            panic!("no session from {}: {}\n{}", identity.address, last.borrow(), self.lab.report())
        })
    }

    /// Does something, waits until all is quiet, and tells what it took the daemon.
    ///
    /// # Panics
    /// When it never becomes quiet, or a receiver's session is lost.
    pub fn measure(&mut self, work: impl FnOnce(&mut Self)) -> Taken {
        let processes = self.processes();
        usage::forget_peaks(&processes);
        let (before, start) = (Usage::of(&processes), now());
        work(self);
        self.wait_quiet();
        assert!(
            !self.receivers.iter().any(Peer::is_down),
            "a receiver's session is lost\n{}",
            self.lab.report()
        );
        let after = Usage::of(&processes);
        let last = self.receivers.iter().map(Peer::last).max().unwrap_or_default();
        Taken {
            spent: after.spent_since(&before),
            wall: last.saturating_sub(start),
            resident: after.resident,
            peak: after.peak,
        }
    }

    /// Waits until all is written, nothing comes any more and the daemon has nothing to do.
    fn wait_quiet(&self) {
        let processes = self.processes();
        let (mut since, mut before, mut received) = (now(), Usage::of(&processes), 0);
        self.lab.wait_until("the daemon to be idle", BOUND, || {
            if now().saturating_sub(since) < QUIET {
                return false;
            }
            let (after, all) = (Usage::of(&processes), self.receivers.iter().map(Peer::updates).sum());
            let is_idle = after.busy_since(&before) < IDLE && std::mem::replace(&mut received, all) == all;
            (since, before) = (now(), after);
            is_idle && self.injectors.iter().all(|peer| peer.is_written() || peer.is_down())
        });
    }

    /// Waits until the condition holds.
    pub fn wait_until(&self, what: &str, bound: Duration, holds: impl FnMut() -> bool) {
        self.lab.wait_until(what, bound, holds);
    }

    fn processes(&self) -> Vec<u32> {
        self.daemons.iter().map(Daemon::id).collect()
    }
}
