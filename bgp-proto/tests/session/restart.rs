//! Graceful restart on a wire: who keeps what, and until when.

use crate::wire::{World, graceful, secs, speaker};
use bgp_proto::{
    family::Family,
    session::{Cause, SessionState, record::Event},
    wire::{capability::Capability, pack},
};

fn pair(notification: bool, long_lived: u32) -> World {
    let settings = |id| graceful(speaker(id), notification, long_lived);
    let mut world = World::new(settings(1), settings(2));
    world.start();
    world.forget_log();
    world
}

fn end_of_rib(world: &mut World, host: usize, family: Family) {
    assert!(world.session(host).send(|_, out| pack::end_of_rib(family, out)));
    world.run(secs(1));
}

fn unreachable(world: &mut World) {
    world.reachable = [false; 2];
}

/// RFC 4724 §4.2.
#[test]
fn routes_of_a_peer_that_comes_back_stay_until_its_end_of_rib() {
    let mut world = pair(false, 0);
    world.cut();
    assert!(world.log(0).contains("down: connection lost; keep ipv4; keep ipv6"), "{}", world.log(0));
    assert!(world.run_until(world.now + secs(60), World::both_up));
    assert!(!world.log(0).contains("drop stale"), "{}", world.log(0));
    end_of_rib(&mut world, 1, Family::IPV4);
    assert!(world.log(0).ends_with("end of ipv4\ndrop stale ipv4"), "{}", world.log(0));
    end_of_rib(&mut world, 1, Family::IPV6);
    assert!(world.log(0).ends_with("end of ipv6\ndrop stale ipv6"), "{}", world.log(0));
    world.run(secs(1000));
    assert_eq!(world.log(0).matches("drop stale").count(), 2);
}

#[test]
fn routes_of_a_peer_that_does_not_come_back_go_when_its_restart_time_is_over() {
    let mut world = pair(false, 0);
    unreachable(&mut world);
    world.cut();
    let before = world.now;
    assert!(world.run_until(before + secs(500), |world| world.log(0).contains("drop stale ipv6")));
    assert_eq!(world.now - before, secs(120));
}

#[test]
fn routes_of_a_peer_that_is_back_and_never_says_end_of_rib_go_in_the_end() {
    let mut world = pair(false, 0);
    world.cut();
    assert!(world.run_until(world.now + secs(60), World::both_up));
    let before = world.now;
    assert!(world.run_until(before + secs(500), |world| world.log(0).contains("drop stale ipv6")));
    assert!(world.now - before <= secs(360) && world.now - before > secs(350));
}

/// RFC 4724 §4.2: no capability, no family, no forwarding bit: nothing to keep.
#[test]
fn routes_of_a_peer_that_comes_back_without_its_forwarding_state_go_at_once() {
    let mut world = pair(false, 0);
    let mut offer = world.session(1).settings().offer.clone();
    offer.capabilities.retain(|capability| !matches!(capability.view(), Capability::GracefulRestart(..)));
    world.session(1).set_offer(offer).unwrap();
    world.cut();
    assert!(world.run_until(world.now + secs(60), World::both_up));
    let log = world.log(0);
    let (dropped, up) = (log.find("drop stale ipv4").unwrap(), log.find("established").unwrap());
    assert!(dropped < up && log.contains("drop stale ipv6"), "{log}");
}

/// RFC 4724 §4.2: stale routes are not stale twice.
#[test]
fn what_was_stale_when_the_peer_goes_again_goes_for_good() {
    let mut world = pair(false, 0);
    world.cut();
    assert!(world.run_until(world.now + secs(60), World::both_up));
    end_of_rib(&mut world, 1, Family::IPV4);
    world.forget_log();
    world.cut();
    let log = world.log(0);
    assert!(log.contains("drop stale ipv6\ndown: connection lost; keep ipv4; keep ipv6"), "{log}");
    assert!(!log.contains("drop stale ipv4"), "{log}");
}

/// RFC 4724 §4: a NOTIFICATION ends it all, unless RFC 8538 was agreed.
#[test]
fn a_reset_keeps_routes_only_where_both_sides_set_the_n_bit() {
    for (notification, kept) in [(true, "; keep ipv4; keep ipv6"), (false, "")] {
        let mut world = pair(notification, 0);
        world.event(0, Event::Reset(Cause::Reset(None)));
        world.run(secs(0) + std::time::Duration::from_millis(10));
        let sent = format!("down: Cease, Administrative Reset (6/4), sent{kept}");
        let received = format!("down: Cease, Administrative Reset (6/4), received{kept}");
        assert!(world.log(0).lines().any(|line| line == sent), "{}", world.log(0));
        assert!(world.log(1).lines().any(|line| line == received), "{}", world.log(1));
    }
    let mut world = pair(true, 0);
    world.event(0, Event::HardReset(Cause::Reset(None)));
    world.run(secs(1));
    let received = "down: Cease, Hard Reset (6/9): Cease, Administrative Reset (6/4), received";
    assert!(world.log(1).lines().any(|line| line == received), "{}", world.log(1));
}

#[test]
fn leaving_makes_the_peer_drop_our_routes_and_restarting_makes_it_keep_them() {
    for notification in [true, false] {
        let mut world = pair(notification, 0);
        world.event(0, Event::Stop(Cause::Shutdown(None)));
        world.run(secs(1));
        let down = world.log(1);
        let down = down.lines().find(|line| line.starts_with("down")).unwrap();
        assert!(down.contains("(6/2)") && !down.contains("keep"), "{down}");
        assert_eq!(down.contains("(6/9)"), notification, "{down}");

        let mut world = pair(notification, 0);
        world.event(0, Event::Restart);
        world.run(secs(1));
        assert!(world.log(1).contains("down: connection lost; keep ipv4; keep ipv6"), "{}", world.log(1));
        assert_eq!(world.state(0), SessionState::Idle);
    }
}

/// RFC 8538 §4: the expiry of the hold timer is such a NOTIFICATION too.
#[test]
fn a_peer_that_falls_silent_is_kept_as_stale_with_the_n_bit() {
    let mut world = pair(true, 0);
    world.hosts[1].mute = true;
    assert!(world.run_until(world.now + secs(100), |world| world.state(0) != SessionState::Established));
    assert!(
        world.log(0).contains("down: Hold Timer Expired (4/0), sent; keep ipv4; keep ipv6"),
        "{}",
        world.log(0)
    );
}

/// RFC 9494 §4.3.
#[test]
fn long_lived_routes_outlast_the_restart_time() {
    let mut world = pair(false, 1000);
    unreachable(&mut world);
    world.cut();
    let before = world.now;
    assert!(world.run_until(before + secs(5000), |world| world.log(0).contains("long-lived stale ipv6")));
    assert_eq!(world.now - before, secs(120));
    assert!(!world.log(0).contains("drop"), "{}", world.log(0));
    assert!(world.run_until(before + secs(5000), |world| world.log(0).contains("drop stale ipv6")));
    assert_eq!(world.now - before, secs(1120));
}

#[test]
fn long_lived_routes_of_a_peer_that_comes_back_go_at_its_end_of_rib() {
    let mut world = pair(false, 1000);
    unreachable(&mut world);
    world.cut();
    world.run(secs(300));
    world.reachable = [true; 2];
    assert!(world.run_until(world.now + secs(90), World::both_up));
    assert!(!world.log(0).contains("drop"), "{}", world.log(0));
    end_of_rib(&mut world, 1, Family::IPV4);
    assert!(world.log(0).contains("drop stale ipv4"), "{}", world.log(0));
}

/// RFC 4724 §5.
#[test]
fn a_peer_that_crashed_silently_replaces_its_old_connection_when_it_comes_back() {
    let mut world = pair(true, 0);
    let before = world.now;
    world.crash(1, graceful(speaker(2), true, 0));
    world.event(1, Event::Start);
    assert!(world.run_until(world.now + secs(10), World::both_up), "{}\n--\n{}", world.log(0), world.log(1));
    assert!(world.now - before < secs(10));
    world.run(secs(1));
    assert!(world.both_up());
    let replaced = "down: replaced by a newer connection of the restarted peer; keep ipv4; keep ipv6";
    assert!(world.log(0).contains(replaced), "{}", world.log(0));
}

#[test]
fn without_graceful_restart_a_peer_that_crashed_silently_is_refused_until_the_hold_time_is_over() {
    let mut world = World::new(speaker(1), speaker(2));
    world.start();
    world.forget_log();
    let before = world.now;
    world.crash(1, speaker(2));
    world.event(1, Event::Start);
    assert!(world.run_until(world.now + secs(200), World::both_up), "{}\n--\n{}", world.log(0), world.log(1));
    assert!(world.now - before > secs(50));
    assert!(world.log(0).contains("Connection Collision Resolution (6/7), sent"), "{}", world.log(0));
    assert!(world.log(0).contains("down: Hold Timer Expired (4/0), sent"), "{}", world.log(0));
}

/// RFC 4724 §3: the R bit is for the session after a restart and no other.
#[test]
fn the_restart_bit_is_said_once() {
    let mut restarted = graceful(speaker(1), true, 0);
    for capability in &mut restarted.offer.capabilities {
        if let Capability::GracefulRestart(mut flags, entries) = capability.view() {
            flags.restarting = true;
            let entries: Vec<_> = entries.collect();
            *capability = bgp_proto::wire::capability::CapabilityBuf::graceful_restart(flags, &entries);
        }
    }
    let mut world = World::new(restarted, graceful(speaker(2), true, 0));
    world.start();
    let restarting =
        |world: &mut World| world.session(1).terms().unwrap().restart.clone().unwrap().restarting;
    assert!(restarting(&mut world));
    world.cut();
    assert!(world.run_until(world.now + secs(60), World::both_up));
    assert!(!restarting(&mut world));
}
