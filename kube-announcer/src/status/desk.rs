//! What is written next, and when: a plain value. It knows what was written before, and asks for nothing that stands
//! there already.

use super::{
    Note, Picture,
    conditions::Judgement,
    election::{delay, hash},
    pace::{Failure, Pace},
    state::UP,
};
use crate::{
    crd::{Condition, NodeState, PeerState},
    object::{Key, Name},
    run::Line,
};
use bgp_proto::time::Time;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A start waits as long for its sessions, so that it writes once.
const START: Duration = Duration::from_secs(10);
/// Changes of a peer are told at once, those that follow together.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Everything else is told as often, at a time that differs between nodes.
const COUNTS: Duration = Duration::from_secs(30);
/// What was written of an object is seen again before it is written anew, unless somebody wrote in it since.
const SEEN_AGAIN: Duration = Duration::from_secs(10);

/// Something to write.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// How the node is doing.
    State {
        /// The node.
        node: Name,
        /// The UID of its Node.
        owner: Arc<str>,
        /// How it is doing.
        state: Box<NodeState>,
    },
    /// What became of an object. Conditions without a time begin now.
    Conditions {
        /// The object.
        about: Key,
        /// All conditions of ours.
        conditions: Vec<Condition>,
    },
    /// An Event.
    Note {
        /// Its number.
        mark: u64,
        /// What it says.
        note: Note,
    },
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is written, or stands there already, or what it is about is gone.
    Done,
    /// It is not.
    Failed(Failure),
}

/// What is written next, and when.
#[derive(Debug)]
pub struct Desk {
    node: Name,
    wanted: Option<Picture>,
    /// How the node is doing, as it was written, and by whom that is owned.
    told: Option<(Arc<str>, NodeState)>,
    told_at: Time,
    begun: Option<Time>,
    state_due: Time,
    state_pace: Pace,
    /// Since when each object says something else than it should.
    differing: BTreeMap<Key, Time>,
    /// What was written of objects, for which generation, and when.
    judged: BTreeMap<Key, (i64, Time)>,
    conditions_pace: Pace,
    /// Since when there is something to tell; `None`: it is told.
    notes: BTreeMap<u64, Option<Time>>,
    notes_pace: Pace,
    /// What is being written.
    written: Option<Write>,
    /// How often something was left to luck.
    draws: u64,
}

impl Desk {
    /// Nothing was written, and nothing is to be.
    pub fn new(node: &Name) -> Self {
        Desk {
            node: node.clone(),
            wanted: None,
            told: None,
            told_at: Time::START,
            begun: None,
            state_due: Time::NEVER,
            state_pace: Pace::new(AT_ONCE, 1),
            differing: BTreeMap::new(),
            judged: BTreeMap::new(),
            conditions_pace: Pace::new(Duration::from_secs(1), 10),
            notes: BTreeMap::new(),
            notes_pace: Pace::new(Duration::from_secs(5), 10),
            written: None,
            draws: 0,
        }
    }

    /// This should be written now, and nothing else.
    pub fn want(&mut self, picture: Picture, now: Time) {
        let differing = std::mem::take(&mut self.differing);
        let since = |key: &Key| differing.get(key).copied().unwrap_or(now);
        self.differing = picture.conditions.keys().map(|key| (key.clone(), since(key))).collect();
        let notes = std::mem::take(&mut self.notes);
        let since = |mark: &u64| notes.get(mark).copied().unwrap_or(Some(now));
        self.notes = picture.notes.keys().map(|mark| (*mark, since(mark))).collect();
        self.judged.retain(|_, (_, at)| now.since(*at) < SEEN_AGAIN);
        self.wanted = Some(picture);
        self.weigh_state(now);
    }

    /// When the state is to be written, as it is wanted now.
    fn weigh_state(&mut self, now: Time) {
        let begun = *self.begun.get_or_insert(now);
        let Some(Picture { owner: Some(owner), state, .. }) = &self.wanted else {
            self.state_due = Time::NEVER;
            return;
        };
        let due = match &self.told {
            Some((told_owner, told)) if told_owner == owner && told == state => Time::NEVER,
            Some((told_owner, told)) if told_owner != owner || is_urgent(told, state) => now,
            // The time is drawn once.
            Some(_) if self.state_due != Time::NEVER => self.state_due,
            Some(_) => (now + COUNTS.mul_f64(self.luck())).max(self.told_at + COUNTS),
            None if state.peers.iter().all(|peer| peer.state == UP) => now,
            None => begun + START,
        };
        self.state_due = due;
    }

    /// From 0 to 1: the same in every run, and another on each node each time.
    fn luck(&mut self) -> f64 {
        self.draws += 1;
        let number = hash([&*self.node, &*self.draws.to_string()]);
        (number % 10_000) as f64 / 10_000.0
    }

    /// When there is something to write; [`Time::NEVER`]: not before something else is wanted.
    pub fn due(&self) -> Time {
        if self.written.is_some() {
            return Time::NEVER;
        }
        let not_before = |due: Option<Time>, pace: &Pace| match due.and_then(Time::due) {
            Some(due) => due.max(pace.free()),
            None => Time::NEVER,
        };
        let state = not_before(Some(self.state_due), &self.state_pace);
        let conditions = not_before(self.next_judgement().map(|(due, ..)| due), &self.conditions_pace);
        let notes = not_before(self.next_note().map(|(due, ..)| due), &self.notes_pace);
        state.min(conditions).min(notes)
    }

    /// The object that is to be written first, and when.
    fn next_judgement(&self) -> Option<(Time, &Key, &Judgement)> {
        let wanted = &self.wanted.as_ref()?.conditions;
        let all = wanted.iter().filter_map(|(key, judgement)| {
            let since = *self.differing.get(key)?;
            let seen_again = match self.judged.get(key) {
                Some((generation, at)) if *generation == judgement.generation => *at + SEEN_AGAIN,
                _ => Time::START,
            };
            Some(((since + delay(judgement.rank)).max(seen_again), key, judgement))
        });
        all.min_by_key(|(due, ..)| *due)
    }

    /// The Event that is to be written first, and when.
    fn next_note(&self) -> Option<(Time, u64, &Note)> {
        let wanted = &self.wanted.as_ref()?.notes;
        let all = wanted.iter().filter_map(|(mark, note)| {
            let since = (*self.notes.get(mark)?)?;
            Some((since + delay(note.rank), *mark, note))
        });
        all.min_by_key(|(due, ..)| *due)
    }

    /// What is to be written now. Nothing else is before it is [`done`](Self::done).
    pub fn next(&mut self, now: Time) -> Option<Write> {
        if self.written.is_some() {
            return None;
        }
        self.written = self.next_state(now).or_else(|| self.next_conditions(now)).or_else(|| {
            let (due, mark, note) = self.next_note()?;
            let note = note.clone();
            (due.max(self.notes_pace.free()) <= now).then(|| {
                self.notes_pace.spend(now);
                Write::Note { mark, note }
            })
        });
        self.written.clone()
    }

    fn next_state(&mut self, now: Time) -> Option<Write> {
        if self.state_due.max(self.state_pace.free()) > now {
            return None;
        }
        let Picture { owner, state, .. } = self.wanted.as_ref()?;
        let (owner, state) = (owner.clone()?, Box::new(state.clone()));
        self.state_pace.spend(now);
        Some(Write::State { node: self.node.clone(), owner, state })
    }

    fn next_conditions(&mut self, now: Time) -> Option<Write> {
        let (due, about, judgement) = self.next_judgement()?;
        if due.max(self.conditions_pace.free()) > now {
            return None;
        }
        let (about, conditions, generation) =
            (about.clone(), judgement.conditions.clone(), judgement.generation);
        self.judged.insert(about.clone(), (generation, now));
        self.conditions_pace.spend(now);
        Some(Write::Conditions { about, conditions })
    }

    /// What became of what [`next`](Self::next) gave. What people are to be told of it.
    pub fn done(&mut self, outcome: &Outcome, now: Time) -> Option<Line> {
        let write = self.written.take()?;
        let what = write.what();
        let luck = self.luck();
        let pace = match &write {
            Write::State { .. } => &mut self.state_pace,
            Write::Conditions { .. } => &mut self.conditions_pace,
            Write::Note { .. } => &mut self.notes_pace,
        };
        let line = match outcome {
            Outcome::Done => pace.went_well().then(|| Line::plain(format!("{what} written again"))),
            Outcome::Failed(failure) => pace.went_wrong(failure, now, luck).then(|| {
                let sentence = &failure.sentence;
                Line::warning(format!(
                    "{what} not written: {sentence}; nothing that is announced waits for it"
                ))
            }),
        };
        let settled = match outcome {
            Outcome::Done => true,
            Outcome::Failed(failure) => failure.only_this,
        };
        match write {
            Write::State { owner, state, .. } if settled => {
                self.told = Some((owner, *state));
                self.told_at = now;
                self.state_due = Time::NEVER;
                self.weigh_state(now);
            }
            Write::State { .. } => {}
            // It is seen again when the object is. What failed for all is not held against the object.
            Write::Conditions { about, .. } if !settled => drop(self.judged.remove(&about)),
            Write::Conditions { .. } => {}
            Write::Note { mark, .. } => {
                if let Some(since) = self.notes.get_mut(&mark).filter(|_| settled) {
                    *since = None;
                }
            }
        }
        line
    }
}

impl Write {
    /// For people, with a verb to come.
    fn what(&self) -> &'static str {
        match self {
            Write::State { .. } => "this node's BgpNodeState is",
            Write::Conditions { .. } => "conditions of BgpPeers and BgpAdvertisements are",
            Write::Note { .. } => "Events are",
        }
    }
}

/// Whether sessions came, went, or are up or down now that were not.
fn is_urgent(told: &NodeState, now: &NodeState) -> bool {
    let lives = |state: &NodeState| {
        let peers = state.peers.iter();
        let all = peers.map(|PeerState { name, address, state, since, .. }| [name, address, state, since]);
        all.map(|words| words.map(Clone::clone)).collect::<Vec<_>>()
    };
    lives(told) != lives(now)
}

#[cfg(test)]
mod tests;
