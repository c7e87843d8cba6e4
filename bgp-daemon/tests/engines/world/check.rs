//! What must be so, after every turn and at rest.

use super::{Told, World};
use bgp_daemon::{
    engine::{Engine, Event},
    rib::{Listed, Place, SenderId},
};
use bgp_proto::session::SessionState;
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Up to so many prefixes are looked at whenever a session ends.
const FEW: usize = 200;

/// All routes of a speaker.
pub(crate) fn all_routes(engine: &Engine) -> impl Iterator<Item = (IpNet, Vec<Listed>)> {
    let mut place = Some(Place::default());
    std::iter::from_fn(move || {
        let page = engine.page(place.take()?, 1024);
        place = page.next;
        Some(page.prefixes)
    })
    .flatten()
}

/// The routes that came from one sender.
fn learned(engine: &Engine, from: SenderId) -> BTreeMap<IpNet, Listed> {
    let of = |(prefix, routes): (IpNet, Vec<Listed>)| {
        routes.into_iter().find(|route| route.sender == from).map(|route| (prefix, route))
    };
    all_routes(engine).filter_map(of).collect()
}

impl World {
    /// Nothing fresh is left of sessions that ended in this turn.
    pub(super) fn check_downs(&self, node: usize, engine: &Engine, from: usize) {
        let is_down = |event: &Event| matches!(event, Event::Down { .. });
        if !self.nodes[node].events[from..].iter().any(|(_, event)| is_down(event)) {
            return;
        }
        if engine.rib().prefix_count() <= FEW {
            self.check_fresh(node, engine);
        }
    }

    /// No route comes from a session that is down, but stale ones.
    fn check_fresh(&self, node: usize, engine: &Engine) {
        let down = |peer: &bgp_daemon::engine::PeerView<'_>| {
            (peer.state != SessionState::Established).then_some((peer.sender, !peer.stale.is_empty()))
        };
        let down: BTreeMap<_, _> = engine.peers().filter_map(|peer| down(&peer)).collect();
        for (prefix, routes) in all_routes(engine) {
            for route in routes {
                if down.get(&route.sender).is_some_and(|keeps| !(route.stale && *keeps)) {
                    self.fail(&format!("{node} has {prefix} of a session that is down: {route:?}"));
                }
            }
        }
    }

    /// What must be so when the world is at rest.
    pub(crate) fn check(&self) {
        for node in 0..self.nodes.len() {
            if let Some(engine) = &self.nodes[node].engine {
                self.check_fresh(node, engine);
                self.check_deadline(node, engine);
            }
        }
        for cable in 0..self.cables.len() {
            let open = self.connections.values().filter(|of| of.cable() == cable && of.is_open()).count();
            if open != usize::from(self.is_up(cable)) {
                self.fail(&format!("{open} connections over cable {cable}"));
            }
            if open == 1 {
                let [a, b] = self.cables[cable].ends;
                self.check_told(cable, a, b);
                self.check_told(cable, b, a);
            }
        }
    }

    fn check_deadline(&self, node: usize, engine: &Engine) {
        let late = engine.deadline().is_some_and(|due| due <= self.clock(node));
        if late && !self.nodes[node].paused {
            self.fail(&format!("{node} has a deadline that has passed"));
        }
    }

    /// What one told, what the other has learned, and what the one says it tells are the same.
    fn check_told(&self, cable: usize, from: usize, to: usize) {
        let told = self.told_by(from, cable);
        let (sender, receiver) = (self.engine(from), self.engine(to));
        let learned = learned(receiver, self.peer(to, cable).unwrap().sender);
        let pair = format!("{from} to {to} over cable {cable}");
        if !told.routes.keys().eq(learned.keys()) {
            let (told, learned): (Vec<_>, Vec<_>) = (told.routes.keys().collect(), learned.keys().collect());
            self.fail(&format!("{pair}: told {told:?}, learned {learned:?}"));
        }
        for (prefix, route) in &told.routes {
            let known = &learned[prefix];
            if known.learned != **route || known.stale {
                self.fail(&format!("{pair}: told {prefix} {route:?}, learned {known:?}"));
            }
        }
        self.check_said(&pair, sender, self.peer(from, cable).unwrap().sender, told);
    }

    fn check_said(&self, pair: &str, engine: &Engine, to: SenderId, told: &Told) {
        let rib = engine.rib();
        let mut said = 0;
        for (prefix, _) in all_routes(engine) {
            let Some(telling) = rib.tellings(prefix).into_iter().find(|telling| telling.peer == to) else {
                continue;
            };
            said += usize::from(telling.told.is_some());
            let is_told = told.routes.get(&prefix).map(|route| (**route).clone());
            if telling.told != is_told {
                self.fail(&format!("{pair}: {prefix} should be {telling:?}, told was {is_told:?}"));
            }
        }
        if said != told.routes.len() {
            self.fail(&format!("{pair}: {said} routes should be told, {} are", told.routes.len()));
        }
    }
}
