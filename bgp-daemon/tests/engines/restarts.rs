//! Speakers that restart, leave, die and come back.

use crate::{
    model::{self, found},
    world::{World, millis, secs},
};
use bgp_daemon::engine::Shutdown;
use std::time::Duration;

/// One that restarts, between two of which the second has another peer: `far - restarting - near - third`, which all
/// announce something.
struct Row {
    world: World,
    restarting: usize,
    near: usize,
    third: usize,
    to_third: usize,
}

fn row(seed: u64) -> Row {
    let mut world = World::new(seed);
    let [far, restarting, near, third] = [65001, 65002, 65003, 65004].map(|asn| world.node(asn));
    world.cable(far, restarting);
    world.cable(restarting, near);
    let to_third = world.cable(near, third);
    world.start();
    for node in 0..4 {
        world.announce(node, &[&format!("10.{node}.0.0/24"), &format!("10.{node}.1.0/24")]);
        world.announce(node, &[&format!("2001:db8:{node}::/48")]);
    }
    world.settle();
    model::check(&world);
    Row { world, restarting, near, third, to_third }
}

impl Row {
    /// Prefixes that the third was told of and that were taken back, ever.
    fn taken_back(&self) -> usize {
        self.world.told_by(self.near, self.to_third).withdrawn
    }

    fn known_to_third(&self) -> usize {
        found(&self.world, self.third).len()
    }

    /// How long until the third has so many routes only.
    fn until_third_has(&mut self, routes: usize) -> Duration {
        let third = self.third;
        self.world.run_until("the third has fewer", |world| found(world, third).len() == routes)
    }
}

#[test]
fn a_restart_is_seen_by_nobody_but_the_peers() {
    for seed in 0..8 {
        let mut row = row(seed);
        let told = row.world.told_by(row.near, row.to_third).clone();
        let since = row.world.now;
        row.world.end(row.restarting, &Shutdown::Restart);
        row.world.run(secs(seed));
        assert_eq!(row.known_to_third(), 12);
        row.world.boot(row.restarting, true);
        row.world.settle();
        model::check(&row.world);
        let after = row.world.told_by(row.near, row.to_third);
        assert_eq!((after.withdrawn, after.announced), (told.withdrawn, told.announced), "seed {seed}");
        let events = row.world.nodes[row.near].said_since(since);
        let count = |text: &str| events.iter().filter(|event| event.contains(text)).count();
        assert_eq!(
            (count("is down"), count("restarts; its routes are kept"), count("no stale routes")),
            (1, 1, 2)
        );
    }
}

#[test]
fn a_leave_takes_everything_back_at_once() {
    let mut row = row(1);
    row.world.shutdown(row.restarting, &Shutdown::Leave(Some("moved".into())));
    let took = row.until_third_has(6);
    assert!(took < millis(50), "{took:?}");
    row.world.settle();
    model::check(&row.world);
    assert_eq!(row.taken_back(), 6);
}

#[test]
fn a_machine_that_dies_is_missed_after_the_hold_time_and_its_routes_after_the_restart_time() {
    let mut row = row(1);
    row.world.vanish(row.restarting);
    let restarting = row.restarting;
    let down = row.world.run_until("it is missed", |world| {
        let mut peers = world.engine(2).peers();
        peers.any(|peer| !peer.stale.is_empty())
    });
    assert!(secs(20) <= down && down <= secs(30), "{down:?}");
    assert_eq!(row.known_to_third(), 12);
    let gone = row.until_third_has(6);
    assert!(secs(119) <= gone && gone <= secs(121), "{gone:?}");
    row.world.boot(restarting, false);
    row.world.settle();
    model::check(&row.world);
    assert_eq!(row.known_to_third(), 12);
}

#[test]
fn what_a_peer_comes_back_without_is_taken_back_and_nothing_else() {
    let mut row = row(1);
    let (announced, withdrawn) = (row.world.told_by(row.near, row.to_third).announced, row.taken_back());
    row.world.kill(row.restarting);
    row.world.run(secs(3));
    let lost = ["10.1.1.0/24".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()];
    row.world.nodes[row.restarting].own.retain(|own| !lost.contains(own));
    row.world.boot(row.restarting, true);
    row.world.settle();
    model::check(&row.world);
    assert_eq!(row.known_to_third(), 10);
    assert_eq!(row.taken_back() - withdrawn, 2);
    assert_eq!(row.world.told_by(row.near, row.to_third).announced, announced);
}

/// RFC 4724 §4.2: consecutive restarts.
#[test]
fn what_was_stale_already_is_gone_when_a_peer_restarts_once_more() {
    let mut row = row(1);
    let far = 0;
    row.world.kill(row.restarting);
    row.world.run(secs(3));
    let lost = ["10.1.1.0/24".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()];
    row.world.nodes[row.restarting].own.retain(|own| !lost.contains(own));
    // As long as this one is away, the restarting one does not say that it has sent all.
    row.world.kill(far);
    row.world.boot(row.restarting, true);
    row.world.run_until("it is up again", |world| world.peer(2, 1).unwrap().ups == 2);
    row.world.run(millis(10));
    assert_eq!(row.known_to_third(), 12);
    row.world.kill(row.restarting);
    row.world.run(millis(10));
    // Of the first life nothing is left, and the routes of the second are kept.
    let kept = found(&row.world, row.third);
    assert!(kept.contains_key(&"10.1.0.0/24".parse().unwrap()));
    assert!(lost.iter().all(|lost| !kept.contains_key(lost)), "{:?}", kept.keys());
    [row.restarting, far].into_iter().for_each(|node| row.world.boot(node, true));
    row.world.settle();
    model::check(&row.world);
}

#[test]
fn who_comes_back_without_its_forwarding_is_not_trusted_with_the_old_routes() {
    let mut row = row(1);
    row.world.kill(row.restarting);
    row.world.run(secs(3));
    assert_eq!((row.known_to_third(), row.taken_back()), (12, 0));
    row.world.boot(row.restarting, false);
    row.world.settle();
    model::check(&row.world);
    assert_eq!((row.known_to_third(), row.taken_back()), (12, 6));
}

#[test]
fn who_installs_no_routes_comes_back_without_a_word_and_keeps_them_at_its_peers() {
    let mut row = row(1);
    row.world.nodes[row.restarting].config.kernel = None;
    row.world.kill(row.restarting);
    row.world.run(secs(3));
    row.world.boot(row.restarting, false);
    row.world.settle();
    model::check(&row.world);
    assert_eq!((row.known_to_third(), row.taken_back()), (12, 0));
}

#[test]
fn a_whole_row_that_restarts_one_by_one_keeps_every_route() {
    for seed in 0..4 {
        let mut row = row(seed);
        for node in 0..4 {
            row.world.end(node, &Shutdown::Restart);
            row.world.run(millis(700));
            row.world.boot(node, true);
            row.world.settle();
            model::check(&row.world);
        }
        for cable in 0..row.world.cables.len() {
            for node in row.world.cables[cable].ends {
                assert_eq!(row.world.told_by(node, cable).withdrawn, 0, "seed {seed}");
            }
        }
    }
}
