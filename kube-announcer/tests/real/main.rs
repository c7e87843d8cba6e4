//! A cluster as people run it: installed by what `manifests` prints, a real control plane, an announcer on every node with
//! the shipped rights alone, three routers of others, and packets.
//!
//! One control plane serves all chapters, one after the other: each begins with what the one before has left.

mod install;
mod kinds;
mod outage;
mod pods;
mod restarts;
mod world;

use world::World;

#[test]
fn a_cluster_at_work() {
    let Some(mut world) = World::new() else { return };
    install::from_nothing_to_routes_on_three_routers(&mut world);
    kinds::whatever_changes_in_a_cluster_is_followed(&mut world);
    pods::pods_come_and_go_under_load(&mut world);
    restarts::announcers_come_and_go_under_load(&mut world);
    outage::the_api_server_is_away(&mut world);
    outage::a_password_comes_and_changes(&mut world);
    install::nothing_is_left_after_it_goes(&mut world);
}
