//! What is done to each daemon: a row per scenario.

use super::{
    daemon::Model,
    peer::Peer,
    phase::{Taken, World, address, asn},
    received::Table,
};
use crate::{
    cases::agreed,
    traffic::{Routed, Shape, Traffic},
};
use bgp_proto::{attr::next_hop::NextHop, family::Family, numbers::HoldTime};
use std::{net::IpAddr, sync::Arc};

/// What happens in a phase.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// The injectors announce everything.
    Announce,
    /// They withdraw everything.
    Withdraw,
    /// Their sessions drop.
    Drop,
}

/// Peers around a daemon, and what happens one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What the table calls it, behind the number of routes.
    title: &'static str,
    family: Family,
    /// Each has the same prefixes, with attributes of its own.
    injectors: u8,
    receivers: u8,
    /// Which part of the routes asked for an injector has.
    share: u32,
    steps: &'static [Step],
}

/// All of them.
pub const SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "one",
        title: "IPv4 routes, 1 peer to 1",
        family: Family::IPV4,
        injectors: 1,
        receivers: 1,
        share: 1,
        steps: &[Step::Announce, Step::Withdraw],
    },
    Scenario {
        name: "ten",
        title: "prefixes from 10 peers each, to 1",
        family: Family::IPV4,
        injectors: 10,
        receivers: 1,
        share: 10,
        steps: &[Step::Announce, Step::Drop],
    },
    Scenario {
        name: "fan-out",
        title: "IPv4 routes, 1 peer to 20",
        family: Family::IPV4,
        injectors: 1,
        receivers: 20,
        share: 10,
        steps: &[Step::Announce, Step::Withdraw],
    },
    Scenario {
        name: "ipv6",
        title: "IPv6 routes, 1 peer to 1",
        family: Family::IPV6,
        injectors: 1,
        receivers: 1,
        share: 2,
        steps: &[Step::Announce, Step::Withdraw],
    },
];

/// What the injectors of a scenario write, made before anything is measured.
pub struct Feed {
    scenario: Scenario,
    routes: u32,
    announced: Vec<Arc<[u8]>>,
    withdrawn: Vec<Arc<[u8]>>,
}

/// What came of a phase.
pub struct Outcome {
    /// Of which scenario.
    pub scenario: &'static str,
    /// What the table calls the phase.
    pub phase: String,
    /// What it took the daemon.
    pub taken: Taken,
    /// How many UPDATEs the last receiver got.
    pub updates: u64,
    /// What that has then.
    pub table: Table,
}

impl Scenario {
    /// What its injectors write when a million routes are so many.
    pub fn feed(&self, routes: u32) -> Feed {
        let routes = (routes / self.share).max(1);
        let make = match self.family {
            Family::IPV4 => octets::<u32>,
            _ => octets::<u128>,
        };
        let (announced, withdrawn) = (1..=self.injectors).map(|peer| make(routes, peer)).unzip();
        Feed { scenario: *self, routes, announced, withdrawn }
    }
}

/// What announces everything that a peer has, and what withdraws it.
pub(super) fn octets<A: Routed>(routes: u32, peer: u8) -> (Arc<[u8]>, Arc<[u8]>) {
    let next_hop = match address(A::FAMILY, peer) {
        IpAddr::V4(address) => NextHop::Ipv4(address),
        IpAddr::V6(global) => NextHop::Ipv6 { global, link_local: None },
    };
    let traffic = Traffic::<A>::new(&Shape { routes, seed: 1, peer: asn(peer), next_hop });
    let agreed = agreed(true);
    (traffic.announcements(&agreed).into(), traffic.withdrawals(&agreed).into())
}

impl Feed {
    /// Does to a daemon what the scenario says.
    ///
    /// # Panics
    /// When receivers that should have the same have not.
    pub fn run(&self, model: &Model) -> Vec<Outcome> {
        let Scenario { name: scenario, family, injectors, receivers, .. } = self.scenario;
        let hold_time = HoldTime::new(90).expect("90 is allowed");
        let mut world = World::new(model, family, injectors, receivers, hold_time);
        let opened: Vec<_> = world.receivers.iter().map(Peer::received).collect();
        let mut phases = Vec::new();
        for step in self.scenario.steps {
            let taken = world.measure(|world| self.step(*step, world));
            let cuts: Vec<_> = world.receivers.iter().map(Peer::received).collect();
            phases.push((self.title(*step), taken, cuts));
        }
        let heard: Vec<_> = world.receivers.drain(..).map(Peer::close).collect();
        let mut tables = vec![Table::default(); heard.len()];
        let mut from = opened;
        let outcome = |(phase, taken, cuts): (String, Taken, Vec<usize>)| {
            let mut updates = 0;
            for (at, table) in tables.iter_mut().enumerate() {
                updates = table.receive(&heard[at][from[at]..cuts[at]]);
            }
            from = cuts;
            assert!(tables.iter().all(|table| *table == tables[0]), "{phase}: the receivers' tables differ");
            Outcome { scenario, phase, taken, updates, table: tables[0].clone() }
        };
        phases.into_iter().map(outcome).collect()
    }

    fn step(&self, step: Step, world: &mut World) {
        let octets = match step {
            Step::Announce => &self.announced,
            Step::Withdraw => &self.withdrawn,
            Step::Drop => return world.injectors.drain(..).for_each(|peer| drop(peer.close())),
        };
        world.injectors.iter().zip(octets).for_each(|(peer, octets)| peer.write(octets));
    }

    fn title(&self, step: Step) -> String {
        match step {
            Step::Announce => format!("{} {}", self.routes, self.scenario.title),
            Step::Withdraw => "... all withdrawn".to_owned(),
            Step::Drop => "... their sessions dropped".to_owned(),
        }
    }
}
