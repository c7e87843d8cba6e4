//! What two speakers on a wire come to.

use crate::wire::{World, secs, speaker};
use bgp_proto::session::{SessionState, record::Event};

#[test]
fn two_that_dial_each_other_end_in_one_session() {
    let mut world = World::new(speaker(1), speaker(2));
    world.start();
    world.run(secs(3600));
    assert!(world.both_up(), "{}\n--\n{}", world.log(0), world.log(1));
    for host in 0..2 {
        assert_eq!(world.log(host).matches("established").count(), 1, "{}", world.log(host));
        assert_eq!(world.session(host).connections().count(), 1);
    }
}

#[test]
fn a_silent_peer_is_given_up_after_the_hold_time() {
    let mut world = World::new(speaker(1), speaker(2));
    world.start();
    let before = world.now;
    world.hosts[1].mute = true;
    world.event(0, Event::Tick);
    assert!(world.run_until(before + secs(200), |world| world.state(0) != SessionState::Established));
    assert!(world.log(0).contains("Hold Timer Expired (4/0), sent"), "{}", world.log(0));
    let waited = world.now - before;
    assert!(waited <= secs(90) && waited >= secs(59), "{waited:?}");
}
