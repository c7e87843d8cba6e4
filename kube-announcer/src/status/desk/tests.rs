use super::*;
use crate::{
    crd::PeerState,
    object::Kind,
    status::{kept::ACCEPTED, state::UP},
};
use proptest::prelude::*;

const SECOND: u64 = 1000;

fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

fn state(peers: &[(&str, bool, u64)], announced: i64) -> NodeState {
    let peers = peers.iter().map(|(name, up, since)| PeerState {
        name: (*name).into(),
        address: "192.0.2.1".into(),
        state: if *up { UP } else { "Down" }.into(),
        since: since.to_string(),
        last_error: None,
    });
    NodeState { peers: peers.collect(), announced, ..NodeState::default() }
}

fn picture(state: NodeState) -> Picture {
    Picture { owner: Some("uid-1".into()), state, ..Picture::default() }
}

fn key(name: &str) -> Key {
    Key { kind: Kind::BgpPeer, name: name.into() }
}

fn judgement(generation: i64, rank: u32) -> Judgement {
    let condition = Condition {
        kind: ACCEPTED.into(),
        status: "True".into(),
        observed_generation: Some(generation),
        ..Condition::default()
    };
    Judgement { generation, conditions: vec![condition], rank }
}

fn note(rank: u32) -> Note {
    let about = Key { kind: Kind::Service, name: "shop/web".into() };
    Note { about, reason: "NotUnicast".into(), message: "it is not".into(), rank }
}

fn failure() -> Outcome {
    Outcome::Failed(Failure { code: 0, sentence: "it is away".into(), wait: None, only_this: false })
}

/// A desk, and what was written so far, with the milliseconds.
struct Run {
    desk: Desk,
    now: u64,
    written: Vec<(u64, Write)>,
}

impl Run {
    fn new() -> Self {
        Run { desk: Desk::new(&"node-1".into()), now: 0, written: Vec::new() }
    }

    fn want(&mut self, picture: Picture) {
        self.desk.want(picture, at(self.now));
    }

    /// Goes on until then; everything is taken as `outcome` says.
    fn until(&mut self, end: u64, mut outcome: impl FnMut(&Write) -> Outcome) {
        loop {
            let due = self.desk.due().nanos().div_ceil(1_000_000).max(self.now);
            if due > end {
                break;
            }
            self.now = due;
            let write = self.desk.next(at(due)).expect("what is due is there");
            let outcome = outcome(&write);
            self.desk.done(&outcome, at(due));
            if outcome == Outcome::Done {
                self.written.push((due, write));
            }
            assert!(self.written.len() < 10_000, "it writes without end");
        }
        self.now = end;
    }

    fn times(&self) -> Vec<u64> {
        self.written.iter().map(|(time, _)| *time).collect()
    }
}

#[test]
fn a_start_writes_once_when_its_sessions_are_up_and_then_nothing_more() {
    let mut run = Run::new();
    run.want(picture(state(&[("tor", false, 0)], 8)));
    run.until(2 * SECOND, |_| Outcome::Done);
    run.want(picture(state(&[("tor", true, 2)], 8)));
    run.until(3600 * SECOND, |_| Outcome::Done);
    assert_eq!(run.times(), [2 * SECOND]);
    run.want(picture(state(&[("tor", true, 2)], 8)));
    assert_eq!(run.desk.due(), Time::NEVER, "nothing is another");

    let mut run = Run::new();
    run.want(picture(state(&[("tor", false, 0)], 8)));
    run.until(60 * SECOND, |_| Outcome::Done);
    assert_eq!(run.times(), [10 * SECOND], "a session that stays down is told too");
}

#[test]
fn a_peer_that_flaps_is_told_at_once_and_once_a_second_at_the_most() {
    let mut run = Run::new();
    run.want(picture(state(&[("tor", true, 0)], 8)));
    run.until(60 * SECOND, |_| Outcome::Done);
    for flap in 0..100 {
        run.want(picture(state(&[("tor", flap % 2 == 1, flap)], 8)));
        run.until((60 * SECOND) + 100 * (flap + 1), |_| Outcome::Done);
    }
    run.until(3600 * SECOND, |_| Outcome::Done);
    let times = run.times();
    assert_eq!(times[..3], [0, 60 * SECOND, 61 * SECOND]);
    assert!(times.len() <= 13, "{times:?}");
    let Some((_, Write::State { state: last, .. })) = run.written.last() else { panic!("no state") };
    assert_eq!(**last, state(&[("tor", true, 99)], 8));
}

#[test]
fn counts_are_told_every_half_a_minute_at_the_most_and_not_by_all_nodes_at_once() {
    let mut firsts = Vec::new();
    for node in 0..50 {
        let mut run = Run { desk: Desk::new(&format!("node-{node}").into()), now: 0, written: Vec::new() };
        run.want(picture(state(&[("tor", true, 0)], 0)));
        for second in 1..=300 {
            run.until(100 * SECOND + second * SECOND, |_| Outcome::Done);
            run.want(picture(state(&[("tor", true, 0)], second as i64)));
        }
        run.until(3600 * SECOND, |_| Outcome::Done);
        let times = run.times();
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 30 * SECOND), "{times:?}");
        firsts.push(times[1] / (10 * SECOND));
    }
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts, [10, 11, 12, 13], "within half a minute, and spread over it");
}

#[test]
fn an_object_of_another_node_or_of_none_is_written_when_its_node_is_there() {
    let mut run = Run::new();
    run.want(Picture { owner: None, ..picture(state(&[], 1)) });
    run.until(60 * SECOND, |_| Outcome::Done);
    assert!(run.written.is_empty(), "nothing could own it");
    run.want(picture(state(&[], 1)));
    run.until(61 * SECOND, |_| Outcome::Done);
    run.want(Picture { owner: Some("uid-2".into()), ..picture(state(&[], 1)) });
    run.until(120 * SECOND, |_| Outcome::Done);
    assert_eq!(run.times(), [60 * SECOND, 61 * SECOND]);
}

#[test]
fn what_is_written_in_an_object_is_seen_again_before_it_is_written_anew() {
    let mut run = Run::new();
    let wanted = |generation| Picture {
        conditions: [(key("tor"), judgement(generation, 0))].into(),
        ..Picture::default()
    };
    for look in 0..50 {
        run.want(wanted(1));
        run.until(look * 100, |_| Outcome::Done);
    }
    assert_eq!(run.times(), [0]);
    run.want(wanted(2));
    run.until(5 * SECOND, |_| Outcome::Done);
    assert_eq!(run.times(), [0, 4900], "somebody wrote in it");
    run.until(60 * SECOND, |_| Outcome::Done);
    assert_eq!(run.times()[2], 14_900, "it was undone");
}

#[test]
fn whoever_comes_later_writes_only_what_nobody_before_it_did() {
    // Node 2 and those behind it run; nobody else does.
    let mut runs: Vec<_> = (0..30).map(|_| Run::new()).collect();
    let mut is_written = false;
    for tick in 0..1200 {
        for (rank, run) in runs.iter_mut().enumerate().skip(2) {
            let conditions =
                if is_written { BTreeMap::new() } else { [(key("tor"), judgement(1, rank as u32))].into() };
            run.want(Picture { conditions, ..Picture::default() });
            run.until(tick * 100, |_| Outcome::Done);
            is_written |= !run.written.is_empty();
        }
    }
    let counts: Vec<_> = runs.iter().map(|run| run.written.len()).collect();
    assert_eq!((counts[2], counts.iter().sum::<usize>()), (1, 1));
    assert_eq!(runs[2].times(), [15_850]);
}

#[test]
fn an_event_is_told_once_however_often_it_is_looked_at_and_many_one_after_the_other() {
    let mut run = Run::new();
    let notes: BTreeMap<u64, Note> = (0..20).map(|mark| (mark, note(0))).collect();
    for look in 0..200 {
        run.want(Picture { notes: notes.clone(), ..Picture::default() });
        run.until(look * SECOND, |_| Outcome::Done);
    }
    let seconds: Vec<_> = run.times().iter().map(|time| time / SECOND).collect();
    assert_eq!(seconds, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50]);
}

#[test]
fn what_fails_is_told_once_and_keeps_nothing_else_from_being_written() {
    let mut desk = Desk::new(&"node-1".into());
    let all = Picture { notes: [(7, note(0))].into(), ..picture(state(&[], 1)) };
    desk.want(all, at(0));
    let mut lines = Vec::new();
    for (time, outcome) in [(0, failure()), (0, Outcome::Done), (60, failure()), (600, Outcome::Done)] {
        let write = desk.next(at(time * SECOND)).expect("there is something to write");
        assert_eq!(desk.next(at(time * SECOND)), None, "one at a time");
        assert_eq!(matches!(write, Write::State { .. }), lines.len() != 1);
        lines.push(desk.done(&outcome, at(time * SECOND)));
    }
    let texts: Vec<_> = lines.into_iter().map(|line| line.map(|line| line.text)).collect();
    let away = "this node's BgpNodeState is not written: it is away; nothing that is announced waits for it";
    let back = "this node's BgpNodeState is written again";
    assert_eq!(texts, [Some(away.into()), None, None, Some(back.into())]);
    assert_eq!(desk.due(), Time::NEVER);
}

/// What happens in a cluster, and to its API server.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Peer(bool),
    Announced(i64),
    Fails(bool),
    Wish(u8, i64),
    Wrong(u64, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..60_000_u64).prop_map(Step::Wait),
        any::<bool>().prop_map(Step::Peer),
        (0..5_i64).prop_map(Step::Announced),
        any::<bool>().prop_map(Step::Fails),
        (0..4_u8, 1..4_i64).prop_map(|(name, generation)| Step::Wish(name, generation)),
        (0..4_u64, any::<bool>()).prop_map(|(mark, is)| Step::Wrong(mark, is)),
    ]
}

proptest! {
    /// Whatever happens, nothing is written that stands there, and in the end all of it does.
    #[test]
    fn only_what_differs_is_written_and_in_the_end_nothing_differs(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut run = Run::new();
        let (mut up, mut since, mut announced, mut fails) = (true, 0, 0, false);
        let mut wishes: BTreeMap<Key, i64> = BTreeMap::new();
        let mut wrong: BTreeMap<u64, Note> = BTreeMap::new();
        let (mut stands, mut judged): (Option<NodeState>, BTreeMap<Key, i64>) = Default::default();
        let mut told: Vec<u64> = Vec::new();
        let steps = steps.into_iter().chain([Step::Fails(false), Step::Wait(1_200_000)]);
        for step in steps {
            let mut end = run.now;
            match step {
                Step::Wait(millis) => end += millis,
                Step::Peer(now) => {
                    since += u64::from(now != up);
                    up = now;
                }
                Step::Announced(now) => announced = now,
                Step::Fails(how) => fails = how,
                Step::Wish(name, generation) => drop(wishes.insert(key(&name.to_string()), generation)),
                Step::Wrong(mark, true) => drop(wrong.insert(mark, note(0))),
                Step::Wrong(mark, false) => drop(wrong.remove(&mark)),
            }
            // It is looked every ten seconds.
            loop {
                let differing = wishes.iter().filter(|(key, now)| judged.get(key) != Some(now));
                run.want(Picture {
                    conditions: differing.map(|(key, now)| (key.clone(), judgement(*now, 0))).collect(),
                    notes: wrong.clone(),
                    ..picture(state(&[("tor", up, since)], announced))
                });
                let until = end.min(run.now + 10_000);
                run.until(until, |write| {
                    if fails {
                        return failure();
                    }
                    match write {
                        Write::State { state, .. } => {
                            assert_ne!(stands.as_ref(), Some(&**state), "it stands there");
                            stands = Some((**state).clone());
                        }
                        Write::Conditions { about, conditions } => {
                            let generation = conditions[0].observed_generation.unwrap();
                            judged.insert(about.clone(), generation);
                        }
                        Write::Note { mark, .. } => told.push(*mark),
                    }
                    Outcome::Done
                });
                if run.now >= end { break }
            }
        }
        prop_assert_eq!(stands.as_ref(), Some(&state(&[("tor", up, since)], announced)));
        prop_assert_eq!(&judged, &wishes);
        prop_assert!(wrong.keys().all(|mark| told.contains(mark)));
    }
}
