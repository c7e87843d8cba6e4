//! A turn of one engine, as the real shell gives it: what waits goes in, then everything that follows is done.

use super::{
    Happening, World,
    node::{Input, Node},
};
use bgp_daemon::engine::{Action, Change, Engine, Event, Key, MAX_WRITES, Shutdown, Start, WINDOW};
use bgp_daemon::rib::LocalRoute;
use bgp_proto::time::Time;
use bytes::Bytes;
use std::time::Duration;

/// What one turn takes in at the most.
const ROUND: usize = 256;

/// Turns with nothing to take in and more to do, one after the other, after which that is no work but a circle.
const IDLE: u32 = 2000;

impl World {
    /// What a node's clock says.
    pub(crate) fn clock(&self, node: usize) -> Time {
        self.now + self.nodes[node].ahead
    }

    /// A speaker starts.
    pub(crate) fn boot(&mut self, node: usize, restarting: bool) {
        let now = self.clock(node);
        let Node { config, seed, own, .. } = &self.nodes[node];
        let expects = vec!["test".into()];
        let start = Start { seed: *seed, router_id: config.router_id.unwrap(), restarting, expects };
        let mut engine = Engine::new(config.clone(), start, now).unwrap();
        let routes = own.iter().copied().map(LocalRoute::new).collect();
        engine.change(now, Change::new().replace("test", routes)).unwrap();
        let node_of = &mut self.nodes[node];
        (node_of.engine, node_of.runs) = (Some(Box::new(engine)), true);
        (node_of.off, node_of.paused, node_of.awake) = (false, false, false);
        self.note(&format!("{node} starts{}", if restarting { " again" } else { "" }));
        self.wake(node);
    }

    /// A speaker ends, and says so in the one way or the other.
    pub(crate) fn shutdown(&mut self, node: usize, how: &Shutdown) {
        self.note(&format!("{node} shuts down: {how:?}"));
        self.with(node, |engine, now| engine.shutdown(now, how));
    }

    pub(super) fn tell(&mut self, node: usize, input: Input) {
        if self.nodes[node].runs {
            self.nodes[node].inbox.push_back(input);
            self.wake(node);
        }
    }

    /// Something waits for a node: it has a turn soon.
    pub(super) fn wake(&mut self, node: usize) {
        let soon = self.now + Duration::from_micros(5) + self.random.span(Duration::from_micros(40));
        let known = self.nodes[node].round_at;
        if !self.nodes[node].awake || soon < known {
            let at = soon.min(known.max(self.now));
            self.plan_round(node, at, true);
        }
    }

    fn plan_round(&mut self, node: usize, at: Time, awake: bool) {
        if !self.nodes[node].paused {
            (self.nodes[node].round_at, self.nodes[node].awake) = (at, awake);
            self.plan(at, Happening::Round(node, awake));
        }
    }

    pub(super) fn round(&mut self, node: usize, at: Time) {
        if at != self.nodes[node].round_at || self.nodes[node].paused {
            return;
        }
        (self.nodes[node].round_at, self.nodes[node].awake) = (Time::NEVER, false);
        let Some(mut engine) = self.nodes[node].engine.take() else { return };
        let now = self.clock(node);
        for _ in 0..ROUND {
            let Some(input) = self.nodes[node].inbox.pop_front() else { break };
            self.feed(node, &mut engine, now, input);
        }
        let is_due = |engine: &Engine| engine.deadline().is_some_and(|due| due <= now);
        // Only silence on the wire may expire a hold timer.
        if self.nodes[node].inbox.is_empty() && is_due(&engine) {
            engine.tick(now);
        }
        let more = engine.work(now);
        engine.fill(now);
        let from = self.nodes[node].events.len();
        while let Some(action) = engine.poll() {
            self.act(node, &engine, action);
        }
        self.check_downs(node, &engine, from);
        if engine.is_down() {
            return self.exit(node);
        }
        let (waits, deadline) = (more || is_due(&engine), engine.deadline());
        let ahead = self.nodes[node].ahead;
        self.nodes[node].engine = Some(engine);
        let idle = waits && self.nodes[node].inbox.is_empty();
        self.nodes[node].idle_rounds = if idle { self.nodes[node].idle_rounds + 1 } else { 0 };
        if self.nodes[node].idle_rounds > IDLE {
            self.fail(&format!("{node} goes on and on, and nothing happens"));
        }
        if waits || !self.nodes[node].inbox.is_empty() {
            self.wake(node);
        } else if let Some(due) = deadline {
            self.plan_round(node, Time::START + due.since(Time::START + ahead), false);
        }
    }

    fn feed(&mut self, node: usize, engine: &mut Engine, now: Time, input: Input) {
        match input {
            Input::Arrival(connection) => {
                let link = self.link(connection, 1);
                match engine.accepted(now, link) {
                    Ok((key, _)) => {
                        self.note(&format!("{node} accepts {connection} as {key}"));
                        self.admit(connection, key);
                    }
                    Err(why) => {
                        self.note(&format!("{node} turns {connection} away: {why}"));
                        self.drop_end(connection, node, true);
                    }
                }
            }
            Input::Connected(key) => {
                if let Some((connection, side)) = self.nodes[node].keys.get(&key).copied() {
                    engine.connected(now, key, self.link(connection, side));
                    self.handled(connection, side, 0);
                }
            }
            Input::Failed(key, why) => {
                let known = self.nodes[node].keys.remove(&key);
                engine.failed(now, key, why);
                known.into_iter().for_each(|(connection, _)| self.bury(connection));
            }
            Input::Received(key, octets) => {
                engine.receive(now, key, octets);
                if let Some((connection, side)) = self.nodes[node].keys.get(&key).copied() {
                    self.handled(connection, side, 1);
                }
            }
            Input::Wrote(key, octets) => {
                self.nodes[node].report(key, octets);
                engine.wrote(now, key, octets);
            }
            Input::Closed(key, why) => {
                self.note(&format!("{node} sees {key} closed: {}", why.unwrap_or("the other side's end")));
                let known = self.nodes[node].forget(key);
                engine.closed(now, key, why);
                known.into_iter().for_each(|(connection, _)| self.bury(connection));
            }
        }
    }

    fn act(&mut self, node: usize, engine: &Engine, action: Action) {
        match action {
            Action::Dial(key, dial) => self.dial(node, key, &dial),
            Action::Write(key, octets) => self.act_write(node, engine, key, octets),
            Action::Close(key, last) => {
                let Some((connection, side)) = self.nodes[node].forget(key) else { return };
                self.note(&format!("{node} closes {connection}, with {} octets", last.len()));
                self.close(connection, side, last);
                self.bury(connection);
            }
            Action::Options(..) | Action::Bfd(..) => {}
            Action::Event(event) => {
                self.note(&format!("{node}: {event}"));
                if let Event::Up(who, _) = &event {
                    self.begin_told(node, &who.remote);
                }
                let at = self.now;
                self.nodes[node].events.push((at, event));
            }
        }
    }

    fn act_write(&mut self, node: usize, engine: &Engine, key: Key, octets: Bytes) {
        let Some((connection, side)) = self.nodes[node].keys.get(&key).copied() else { return };
        let (waiting, writes) = self.nodes[node].unreported.entry(key).or_default();
        *waiting += octets.len();
        writes.push_back(octets.len());
        if *waiting > WINDOW || writes.len() > MAX_WRITES || octets.is_empty() {
            let why = format!("{node} has {waiting} octets in {} writes on {connection}", writes.len());
            self.fail(&why);
        }
        self.listen(node, engine, key, connection, &octets);
        self.write(connection, side, octets);
    }

    /// A process has ended by itself: its last octets are written by whoever writes them.
    fn exit(&mut self, node: usize) {
        self.note(&format!("{node} has ended"));
        let gone = &mut self.nodes[node];
        gone.runs = false;
        gone.inbox.clear();
        gone.keys.clear();
        gone.unreported.clear();
    }
}

impl Node {
    /// A write, or a part of one, was reported.
    fn report(&mut self, key: Key, mut octets: usize) {
        let Some((waiting, writes)) = self.unreported.get_mut(&key) else { return };
        *waiting -= octets;
        while let Some(first) = writes.front_mut() {
            if octets < *first {
                *first -= octets;
                return;
            }
            octets -= *first;
            writes.pop_front();
        }
    }

    fn forget(&mut self, key: Key) -> Option<(usize, usize)> {
        self.unreported.remove(&key);
        self.keys.remove(&key)
    }
}
