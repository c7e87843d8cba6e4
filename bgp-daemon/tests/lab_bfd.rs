//! BFD with real routers: both sides see a path that is cut without a word, far sooner than a hold time, and a restart
//! is no broken path.

#![cfg(feature = "cli")]

mod ours;

use lab::{Announcement, BIRD, Config, FRR, Lab, Model, Namespace, Need, Peer, Router, program};
use nix::sys::signal::Signal;
use ours::{BOUND, OURS, Ours, THEIRS, link, peer};
use std::{net::IpAddr, time::Duration};

/// Three packets of 300 ms each, with room for a busy machine; a hold time here is 9 s.
const SOON: Duration = Duration::from_secs(4);

const IPV4: [&str; 2] = ["10.0.0.1", "10.0.0.2"];
const IPV6: [&str; 2] = ["2001:db8::1", "2001:db8::2"];

/// Us and a router at the two ends of a link.
struct World<'a> {
    lab: &'a Lab,
    ours: Ours<'a>,
    theirs: Router,
    east: Namespace,
    us: IpAddr,
    them: &'static str,
}

impl<'a> World<'a> {
    /// With BFD on their side; on ours it is among `more`.
    fn new(lab: &'a Lab, model: Model, [us, them]: [&'static str; 2], more: &str, multihop: bool) -> Self {
        let (west, east) = link(lab);
        let to_us = Peer::new(them, us, OURS).bfd(300).graceful_restart(120);
        let to_us = if multihop { to_us.multihop(3) } else { to_us };
        let theirs = model.start(&east, &Config::new(THEIRS, "10.0.0.2").peer(to_us));
        let ours = Ours::start(lab, &west, &tables(them, more));
        ours.wait_established(them);
        theirs.wait_established(us);
        World { lab, ours, theirs, east, us: us.parse().unwrap(), them }
    }

    fn bfd(&self) -> serde_json::Value {
        self.ours.peer(self.them)["bfd"].clone()
    }

    #[track_caller]
    fn wait_bfd(&self) {
        self.lab.wait_until("BFD to be up here", BOUND, || self.bfd()["state"] == "Up");
        self.lab.wait_until("BFD to be up there", BOUND, || self.theirs.is_bfd_up(self.us));
    }
}

fn tables(them: &str, more: &str) -> String {
    let route = if them.contains(':') { "2001:db8:1::/48" } else { "198.51.100.0/24" };
    peer(them, more) + &format!("[[route]]\nprefix = \"{route}\"\n")
}

/// From now on nothing gets into a namespace or out of it, and nobody is told.
fn cut(at: &Namespace) {
    nft(at, "add table inet cut");
    for hook in ["input", "output"] {
        nft(at, &format!("add chain inet cut {hook} {{ type filter hook {hook} priority 0; policy drop; }}"));
    }
}

fn nft(at: &Namespace, words: &str) {
    let mut nft = program("nft");
    nft.arg(words);
    at.output(nft).unwrap_or_else(|e| panic!("{e}"));
}

/// Both see that nothing gets through, and both see when it does again.
fn a_cut_path(model: Model, ends: [&'static str; 2], more: &str, multihop: bool) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let world = World::new(&lab, model, ends, more, multihop);
    world.wait_bfd();
    let World { ours, theirs, east, us, them, .. } = &world;
    let agreed = |bfd: serde_json::Value| bfd["interval_ms"] == 300 && bfd["silence_ms"] == 900;
    lab.wait_until("the pace of both", BOUND, || agreed(world.bfd()));
    assert!(!ours.log().contains("the path is broken"));
    cut(east);
    let took = lab.time_until("the session to end", SOON, || !ours.is_established(them));
    println!("{model}: our session ended {took:?} after the cut");
    assert!(ours.peer(them)["last"]["reason"].as_str().unwrap().contains("BFD Down"), "{}", ours.peer(them));
    // With no bound of BFD's: FRR makes its BFD session anew soon after BGP is up, and where the cut comes between, only
    // the hold time is left to it. That it sees silence soon is for the tests of our end.
    lab.wait_until("the router to see it", BOUND, || !theirs.is_bfd_up(*us) && !theirs.is_established(*us));
    assert_eq!(world.bfd()["last"]["reason"], "control detection time expired");
    nft(east, "delete table inet cut");
    world.wait_bfd();
    ours.wait_established(them);
    assert_eq!(ours.log().matches("BFD Down (6/10), sent").count(), 1);
    ours.wait_log("BFD is down, the path is broken: control detection time expired", 1);
}

/// BFD comes, becomes slower and goes, and the session of BGP stays. FRR takes our word that BFD ends on purpose for a
/// broken path, so that it has to forget it first.
fn a_reload(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let world = World::new(&lab, model, IPV4, "", false);
    let World { ours, theirs, us, them, .. } = &world;
    assert!(world.bfd().is_null() && !theirs.is_bfd_up(*us));
    ours.reload(&tables(them, "bfd = true"));
    world.wait_bfd();
    ours.reload(&tables(them, "bfd = { interval = \"600ms\", multiplier = 4 }"));
    lab.wait_until("the slower pace", BOUND, || world.bfd()["silence_ms"] == 1800);
    assert_eq!((&world.bfd()["flaps"], &world.bfd()["ups"]), (&0.into(), &1.into()));
    if model.kind() == BIRD {
        ours.reload(&tables(them, ""));
        lab.wait_until("BFD to be down there", BOUND, || !theirs.is_bfd_up(*us));
    }
    assert!(theirs.is_established(*us));
    assert_eq!(ours.ups_and_flaps(them), (1, 0));
}

/// We are killed: the router sees that sooner than by a hold time.
fn our_end(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let world = World::new(&lab, model, IPV4, "bfd = true", false);
    world.wait_bfd();
    world.ours.signal(Signal::SIGKILL);
    let took = lab.time_until("the router to see it", SOON, || !world.theirs.is_bfd_up(world.us));
    println!("{model}: our end was seen after {took:?}");
}

/// We restart, orderly or not: the router keeps our route all the time. BIRD does not when we are killed, and 2.0 never:
/// it takes any end of BFD for a broken path.
fn our_restart(model: Model, end: Signal) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let world = World::new(&lab, model, IPV4, "bfd = true", false);
    world.wait_bfd();
    let World { ours, theirs, us, them, .. } = &world;
    theirs.wait_route("198.51.100.0/24");
    let kept =
        || theirs.accepted().iter().any(|route| route.prefix == Announcement::new("198.51.100.0/24").prefix);
    let look = || assert!(kept(), "the route is gone\n{}", lab.report());
    ours.signal(end);
    lab.wait_until("our program to end", BOUND, || {
        look();
        !ours.is_running()
    });
    lab.wait_until("the router to see it", BOUND, || {
        look();
        !theirs.is_established(*us) && !theirs.is_bfd_up(*us)
    });
    ours.spawn();
    lab.wait_until("both to be up again", BOUND, || {
        look();
        theirs.is_established(*us) && theirs.is_bfd_up(*us)
    });
    ours.wait_established(them);
    look();
}

macro_rules! rows {
    ($($name:ident: $check:ident($($of:expr),*);)*) => {
        $(#[test] fn $name() { $check($($of),*); })*
    };
}

rows! {
    a_cut_path_to_frr_is_seen: a_cut_path(FRR.current(), IPV4, "bfd = true", false);
    a_cut_path_to_frr_over_ipv6_is_seen: a_cut_path(FRR.current(), IPV6, "bfd = true", false);
    a_cut_path_to_frr_over_hops_is_seen: a_cut_path(FRR.current(), IPV4, "bfd = true\nmultihop = 3", true);
    a_cut_path_to_old_frr_is_seen: a_cut_path(FRR.host(), IPV4, "bfd = true", false);
    a_cut_path_to_old_frr_over_ipv6_is_seen: a_cut_path(FRR.host(), IPV6, "bfd = true", false);
    a_cut_path_to_bird_is_seen: a_cut_path(BIRD.current(), IPV4, "bfd = true", false);
    a_cut_path_to_bird_over_ipv6_is_seen: a_cut_path(BIRD.current(), IPV6, "bfd = true", false);
    a_cut_path_to_bird_over_hops_is_seen: a_cut_path(BIRD.current(), IPV6, "bfd = true\nmultihop = 3", true);
    a_cut_path_to_old_bird_is_seen: a_cut_path(BIRD.host(), IPV4, "bfd = true", false);
    bfd_with_frr_comes_and_goes_beside_the_session: a_reload(FRR.current());
    bfd_with_bird_comes_and_goes_beside_the_session: a_reload(BIRD.current());
    frr_sees_our_end: our_end(FRR.current());
    bird_sees_our_end: our_end(BIRD.current());
    frr_keeps_our_routes_while_we_restart: our_restart(FRR.current(), Signal::SIGTERM);
    old_frr_keeps_our_routes_while_we_restart: our_restart(FRR.host(), Signal::SIGTERM);
    frr_keeps_our_routes_when_we_are_killed: our_restart(FRR.current(), Signal::SIGKILL);
    old_frr_keeps_our_routes_when_we_are_killed: our_restart(FRR.host(), Signal::SIGKILL);
    bird_keeps_our_routes_while_we_restart: our_restart(BIRD.current(), Signal::SIGTERM);
}
