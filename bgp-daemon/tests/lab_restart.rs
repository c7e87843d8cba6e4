//! Graceful restart with real routers (RFC 4724), both ways, and leaving for good: who keeps whose routes, watched all
//! the time.

#![cfg(feature = "cli")]

mod ours;

use lab::{Announcement, BIRD, Config, FRR, Family, GOBGP, Lab, Model, Namespace, Need, Peer, Router};
use nix::sys::signal::Signal;
use ours::{BOUND, Held, OURS, Ours, THEIRS, link, peer, routes_text, thousand};
use std::collections::BTreeSet;

/// Longer than anything here takes: nothing goes because a restart took too long.
const RESTART_TIME: u16 = 120;
const PEER: &str = "10.0.0.2";
const US: &str = "10.0.0.1";

/// A hundred prefixes of both families, and the same with five others in place of the first five.
fn before_and_after(block: u8) -> (Vec<Announcement>, Vec<Announcement>) {
    let mut all: Vec<_> = thousand(block, Some("2001:db8::2")).into_iter().step_by(9).take(105).collect();
    let others = all.split_off(100);
    let after = others.into_iter().chain(all[5..].iter().cloned()).collect();
    (all, after)
}

fn prefixes(announced: &[Announcement]) -> BTreeSet<String> {
    announced.iter().map(|one| one.prefix.to_string()).collect()
}

fn config(announced: &[Announcement]) -> Config {
    let to_us = Peer::new(PEER, US, OURS).families(&[Family::Ipv4, Family::Ipv6]);
    Config::new(THEIRS, PEER).peer(to_us.graceful_restart(RESTART_TIME)).announce(announced.to_vec())
}

/// What a router holds of ours.
fn at(router: &Router) -> BTreeSet<String> {
    router.accepted().iter().map(|route| route.prefix.to_string()).collect()
}

fn of(held: &[Held]) -> BTreeSet<String> {
    held.iter().map(|held| held.route.prefix.to_string()).collect()
}

/// Ends ours and starts it again with other routes: what it still announces is never gone, and what it does not goes.
#[track_caller]
fn restart(lab: &Lab, ours: &Ours<'_>, theirs: &Router, end: Signal, routes: [&[Announcement]; 2]) {
    let [before, after] = routes.map(prefixes);
    let kept: BTreeSet<_> = before.intersection(&after).cloned().collect();
    let look = || {
        let held = at(theirs);
        let gone: Vec<_> = kept.difference(&held).collect();
        assert!(gone.is_empty(), "{end}: gone are {gone:?}\n{}", lab.report());
        held
    };
    ours.write(&(peer(PEER, "") + &routes_text(routes[1])));
    ours.signal(end);
    lab.wait_until("our program to end", BOUND, || {
        look();
        !ours.is_running()
    });
    let us = US.parse().unwrap();
    lab.wait_until("the router to see it", BOUND, || look() == before && !theirs.is_established(us));
    ours.spawn();
    lab.wait_until("our routes to be as they are now", BOUND, || look() == after);
    ours.wait_established(PEER);
}

fn ours_restarts_and_leaves(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let (west, east) = link(&lab);
    let (before, after) = before_and_after(64);
    let theirs = model.start(&east, &config(&[]));
    let ours = Ours::start(&lab, &west, &(peer(PEER, "") + &routes_text(&before)));
    lab.wait_until("our routes", BOUND, || at(&theirs) == prefixes(&before));
    restart(&lab, &ours, &theirs, Signal::SIGTERM, [&before, &after]);
    restart(&lab, &ours, &theirs, Signal::SIGKILL, [&after, &before]);
    ours.ask(&["leave", "--reason", "moving to another rack"]);
    lab.wait_until("our routes to go", BOUND, || at(&theirs).is_empty());
    lab.wait_until("our program to end", BOUND, || !ours.is_running());
}

/// Their daemon is killed: its routes stay with us until it is back and has sent all that it has now.
fn theirs_is_killed(model: Model) {
    theirs_restarts(model, |theirs| theirs.daemon().signal(Signal::SIGKILL));
}

/// The same where it has words for it.
fn theirs_is_told_to(model: Model) {
    theirs_restarts(model, |theirs| theirs.end_for_restart().unwrap());
}

fn theirs_restarts(model: Model, end: impl Fn(&Router)) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let (west, east) = link(&lab);
    let (before, after) = before_and_after(96);
    let ours = Ours::start(&lab, &west, &peer(PEER, "passive = true"));
    let theirs = start(model, &east, &before);
    ours.wait_held("their routes", |held| of(held) == prefixes(&before));
    ours.wait_log("has sent all its routes", 2);
    end(&theirs);
    ours.wait_held("all of them as stale", |held| {
        assert_eq!(of(held), prefixes(&before));
        held.iter().all(|held| held.stale)
    });
    drop(theirs);
    let held = ours.held();
    assert!(held.iter().all(|held| held.stale) && of(&held) == prefixes(&before));
    let _theirs = start(model, &east, &after);
    ours.wait_held("what they have now", |held| {
        let is_whole = of(held) == prefixes(&before);
        // Whoever does not say that it forwarded on (the F bit) has its stale routes dropped when it is back.
        assert!(is_whole || ours.is_established(PEER), "routes went before the session was back");
        of(held) == prefixes(&after) && held.iter().all(|held| !held.stale)
    });
    assert_eq!(ours.ups_and_flaps(PEER), (2, 1));
}

fn start(model: Model, at: &Namespace, announced: &[Announcement]) -> Router {
    model.start(at, &config(announced))
}

macro_rules! rows {
    ($($name:ident: $check:ident($model:expr);)*) => {
        $(#[test] fn $name() { $check($model); })*
    };
}

rows! {
    frr_keeps_our_routes_until_we_leave: ours_restarts_and_leaves(FRR.current());
    old_frr_keeps_our_routes_until_we_leave: ours_restarts_and_leaves(FRR.host());
    bird_keeps_our_routes_until_we_leave: ours_restarts_and_leaves(BIRD.current());
    old_bird_keeps_our_routes_until_we_leave: ours_restarts_and_leaves(BIRD.host());
    gobgp_keeps_our_routes_until_we_leave: ours_restarts_and_leaves(GOBGP.current());
    old_gobgp_keeps_our_routes_until_we_leave: ours_restarts_and_leaves(GOBGP.host());
    we_keep_the_routes_of_frr: theirs_is_killed(FRR.current());
    we_keep_the_routes_of_old_frr: theirs_is_killed(FRR.host());
    we_keep_the_routes_of_bird: theirs_is_killed(BIRD.current());
    we_keep_the_routes_of_old_bird: theirs_is_killed(BIRD.host());
    we_keep_the_routes_of_bird_as_it_asks: theirs_is_told_to(BIRD.current());
    we_keep_the_routes_of_old_bird_as_it_asks: theirs_is_told_to(BIRD.host());
    we_keep_the_routes_of_gobgp: theirs_is_killed(GOBGP.current());
    we_keep_the_routes_of_old_gobgp: theirs_is_killed(GOBGP.host());
}
