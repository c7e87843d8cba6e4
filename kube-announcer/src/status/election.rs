//! Which node writes what any of them could: each works it out for itself, by a hash of what is written.

use std::time::Duration;

/// FNV-1a: the same on every machine and in every version.
const START: u64 = 0xcbf2_9ce4_8422_2325;

/// A number for some words, the same on all nodes.
pub(super) fn hash<'w>(words: impl IntoIterator<Item = &'w str>) -> u64 {
    let octets = words.into_iter().flat_map(|word| word.bytes().chain([0xff]));
    let sum = octets.fold(START, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3));
    mixed(sum)
}

/// Numbers that are close to each other are not any more.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let number = (number ^ (number >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    number ^ (number >> 33)
}

/// How many candidates come before a node: 0 writes. `None`: the node is no candidate. Names are told by their numbers.
///
/// Each candidate has a place of its own for each thing, and the highest comes first: a node that comes or goes changes
/// nobody's place but its own.
pub(super) fn rank(what: u64, node: u64, candidates: impl IntoIterator<Item = u64>) -> Option<u32> {
    let place = |name: u64| mixed(what ^ name.rotate_left(32));
    let own = place(node);
    let (mut found, mut before) = (false, 0);
    for name in candidates {
        found |= name == node;
        before += u32::from(place(name) > own);
    }
    found.then_some(before)
}

/// How long the first of those who stand in waits for the one before.
const STAND_IN: Duration = Duration::from_secs(10);

/// How long a node waits before it writes in place of those who come before it: they may run no announcer. Twice as many
/// before it cost it one step more, so that somebody writes soon, and few at once, however many do not run.
pub(super) fn delay(rank: u32) -> Duration {
    STAND_IN.mul_f64((f64::from(rank) + 1.0).log2())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: usize) -> u64 {
        hash([&*format!("node-{number}")])
    }

    fn nodes(count: usize) -> Vec<u64> {
        (0..count).map(node).collect()
    }

    #[test]
    fn every_node_has_another_rank_and_work_is_spread() {
        let nodes = nodes(50);
        let mut first = [0; 50];
        for what in 0..500 {
            let what = hash([&*format!("Service shop/{what}")]);
            let mut ranks: Vec<_> =
                nodes.iter().map(|node| rank(what, *node, nodes.clone()).unwrap()).collect();
            first[ranks.iter().position(|rank| *rank == 0).unwrap()] += 1;
            ranks.sort_unstable();
            assert_eq!(ranks, (0..50).collect::<Vec<_>>());
        }
        assert!(first.iter().all(|count| (1..=30).contains(count)), "{first:?}");
        assert_eq!(rank(1, node(50), nodes), None);
    }

    #[test]
    fn a_node_that_goes_moves_only_those_behind_it() {
        let all = nodes(20);
        let fewer: Vec<_> = all.iter().copied().filter(|name| *name != node(7)).collect();
        for what in 0..50 {
            let gone = rank(what, node(7), all.clone()).unwrap();
            for node in &fewer {
                let ranks = [&all, &fewer].map(|nodes| rank(what, *node, nodes.clone()).unwrap());
                let [before, now] = ranks;
                assert_eq!(now, before - u32::from(before > gone));
            }
        }
    }

    #[test]
    fn who_is_first_does_not_wait_and_the_last_of_thousands_waits_two_minutes() {
        let waits = [0, 1, 3, 7, 4095].map(|rank| delay(rank).as_secs());
        assert_eq!(waits, [0, 10, 20, 30, 120]);
    }
}
