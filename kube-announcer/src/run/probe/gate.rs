//! What a node's ports answered, and what that means: a value that is told answers, one of each port in each round.
//!
//! A port counts once it was well: where nobody ever answers, nobody asks anything of it. Three failures with no success
//! between them act, and one success heals: kube-proxy is well only after it has written its rules, so one is proof,
//! while a busy machine is late now and then. That nobody is there says nothing, for a proxy restarts; where nobody is
//! there for long, what was known is no more.

use std::collections::{BTreeMap, BTreeSet};

/// So many failures act.
const FAILURES: u32 = 3;
/// After so many rounds with nobody there a port is as one that was never asked: ten minutes of five seconds, twice what
/// a kubelet waits before it starts a container again.
const FORGOTTEN: u32 = 120;

/// What a port said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// All is well.
    Well,
    /// It is not: with this status, or without a word for as long as it is waited for.
    Failed(Option<u16>),
    /// Nobody is there, or nobody who knows.
    Nobody,
}

/// What is known of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Gate {
    /// It was well once.
    armed: bool,
    /// Failures since it was well.
    failures: u32,
    /// Rounds with nobody there.
    absent: u32,
}

impl Gate {
    fn is_failing(self) -> bool {
        self.armed && self.failures >= FAILURES
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Well => *self = Gate { armed: true, ..Gate::default() },
            Said::Failed(_) => {
                self.absent = 0;
                // What fails before it was ever well does not count later.
                self.failures = if self.armed { self.failures.saturating_add(1) } else { 0 };
            }
            Said::Nobody => {
                self.absent = self.absent.saturating_add(1);
                if self.absent >= FORGOTTEN {
                    *self = Gate::default();
                }
            }
        }
    }
}

/// The ports that are asked.
#[derive(Debug, Default)]
pub(super) struct Gates(BTreeMap<u16, Gate>);

impl Gates {
    /// These are asked, and what was known of others is forgotten.
    pub(super) fn want(&mut self, ports: &BTreeSet<u16>) {
        self.0.retain(|port, _| ports.contains(port));
        for port in ports {
            self.0.entry(*port).or_default();
        }
    }

    /// Takes in a round of answers, and says of which ports the verdict is another, each with the last word.
    pub(super) fn hear(&mut self, answers: &[(u16, Said)]) -> Vec<(u16, Said)> {
        let mut other = Vec::new();
        for (port, said) in answers {
            let Some(gate) = self.0.get_mut(port) else { continue };
            let before = gate.is_failing();
            gate.hear(*said);
            if gate.is_failing() != before {
                other.push((*port, *said));
            }
        }
        other
    }

    /// The ports that fail.
    pub(super) fn failing(&self) -> BTreeSet<u16> {
        self.0.iter().filter(|(_, gate)| gate.is_failing()).map(|(port, _)| *port).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: Said = Said::Failed(Some(503));
    const LATE: Said = Said::Failed(None);
    const PORT: u16 = 10256;

    /// Whether the port fails after each of these rounds.
    fn verdicts(rounds: &[Said]) -> String {
        let mut gates = Gates::default();
        gates.want(&[PORT].into());
        let verdict = |said: &Said| {
            let before = gates.failing();
            let other = gates.hear(&[(PORT, *said)]);
            assert_eq!(!other.is_empty(), before != gates.failing(), "a change is told, and nothing else");
            if gates.failing().is_empty() { '.' } else { 'F' }
        };
        rounds.iter().map(verdict).collect()
    }

    #[test]
    fn three_failures_act_and_one_success_heals() {
        assert_eq!(verdicts(&[Said::Well, BAD, LATE, BAD, BAD, Said::Well, BAD]), "...FF..");
        assert_eq!(
            verdicts(&[Said::Well, BAD, BAD, Said::Well, BAD, BAD]),
            "......",
            "they follow each other"
        );
    }

    #[test]
    fn what_was_never_well_never_fails() {
        assert_eq!(verdicts(&[BAD; 9]), ".........");
        assert_eq!(verdicts(&[BAD, BAD, BAD, Said::Well, BAD, BAD, BAD]), "......F");
    }

    #[test]
    fn nobody_there_is_neither_a_failure_nor_a_success() {
        let gone = Said::Nobody;
        assert_eq!(verdicts(&[Said::Well, gone, gone, gone, gone]), ".....");
        assert_eq!(verdicts(&[Said::Well, BAD, gone, BAD, gone, BAD]), ".....F");
        assert_eq!(verdicts(&[Said::Well, BAD, BAD, BAD, gone, gone]), "...FFF", "it does not heal either");
    }

    #[test]
    fn what_nobody_answers_for_long_is_forgotten() {
        let mut rounds = vec![Said::Well, BAD, BAD, BAD];
        rounds.extend([Said::Nobody; FORGOTTEN as usize]);
        rounds.extend([BAD; 5]);
        let verdicts = verdicts(&rounds);
        let failing = verdicts.matches('F').count();
        assert_eq!(
            failing, FORGOTTEN as usize,
            "from the third failure until it is forgotten, and not again"
        );
        assert!(verdicts.ends_with("......"), "{verdicts}");
    }

    #[test]
    fn a_port_that_nobody_wants_any_more_is_forgotten_and_others_are_not() {
        let mut gates = Gates::default();
        gates.want(&[1, 2].into());
        for said in [Said::Well, BAD, BAD, BAD] {
            gates.hear(&[(1, said), (2, said), (3, said)]);
        }
        assert_eq!(gates.failing(), [1, 2].into());
        gates.want(&[2].into());
        gates.want(&[1, 2].into());
        assert_eq!(gates.failing(), [2].into());
    }
}
