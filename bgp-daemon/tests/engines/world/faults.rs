//! What goes wrong in a world, because a scenario says so.

use super::World;
use bgp_daemon::engine::Shutdown;
use std::time::Duration;

impl World {
    /// Nothing goes over a cable any more, and nobody is told.
    pub(crate) fn cut(&mut self, cable: usize) {
        self.note(&format!("cable {cable} is cut"));
        self.cables[cable].up = false;
    }

    pub(crate) fn mend(&mut self, cable: usize) {
        if !std::mem::replace(&mut self.cables[cable].up, true) {
            self.note(&format!("cable {cable} is mended"));
            self.resend(cable);
        }
    }

    /// The connections over a cable break, and both sides see it.
    pub(crate) fn reset(&mut self, cable: usize) {
        self.note(&format!("connections over cable {cable} break"));
        let theirs: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, of)| of.cable() == cable)
            .map(|(number, _)| *number)
            .collect();
        for number in theirs {
            self.break_connection(number);
        }
    }

    /// One side of a cable takes nothing off its sockets.
    pub(crate) fn deafen(&mut self, node: usize, cable: usize) {
        self.note(&format!("{node} reads nothing from cable {cable}"));
        let side = self.cables[cable].side_of(node);
        self.cables[cable].deaf[side] = true;
    }

    pub(crate) fn hear(&mut self, node: usize, cable: usize) {
        self.note(&format!("{node} reads from cable {cable}"));
        let side = self.cables[cable].side_of(node);
        self.cables[cable].deaf[side] = false;
        let ends = self.ends_of(node);
        for (number, side) in ends {
            self.pull(number, side);
        }
    }

    /// The process is stopped; the machine goes on.
    pub(crate) fn pause(&mut self, node: usize) {
        self.note(&format!("{node} pauses"));
        self.nodes[node].paused = true;
    }

    pub(crate) fn go_on(&mut self, node: usize) {
        self.note(&format!("{node} goes on"));
        self.nodes[node].paused = false;
        (self.nodes[node].round_at, self.nodes[node].awake) = (bgp_proto::time::Time::NEVER, false);
        self.wake(node);
    }

    /// The clock of a node jumps ahead.
    pub(crate) fn jump(&mut self, node: usize, span: Duration) {
        self.note(&format!("the clock of {node} jumps by {span:?}"));
        self.nodes[node].ahead += span;
        self.wake(node);
    }

    /// The process is killed, and the kernel ends its connections.
    pub(crate) fn kill(&mut self, node: usize) {
        self.note(&format!("{node} is killed"));
        self.end_process(node, true);
    }

    /// The machine is gone, without a word.
    pub(crate) fn vanish(&mut self, node: usize) {
        self.note(&format!("{node} vanishes"));
        self.nodes[node].off = true;
        self.end_process(node, false);
    }

    fn end_process(&mut self, node: usize, is_said: bool) {
        let gone = &mut self.nodes[node];
        (gone.engine, gone.runs) = (None, false);
        gone.inbox.clear();
        gone.keys.clear();
        gone.unreported.clear();
        let theirs: Vec<_> =
            self.connections.iter().filter(|(_, of)| of.is_of(node)).map(|(number, _)| *number).collect();
        for number in theirs {
            self.drop_end(number, node, is_said);
        }
    }

    /// Ends a speaker as it wants to be ended, and waits until it has.
    pub(crate) fn end(&mut self, node: usize, how: &Shutdown) {
        self.shutdown(node, how);
        self.run_until("the speaker has ended", |world| world.nodes[node].engine.is_none());
    }

    fn ends_of(&self, node: usize) -> Vec<(usize, usize)> {
        self.nodes[node].keys.values().copied().collect()
    }
}
