//! The program with every router of the lab, old and current: sessions from either side, and a thousand routes each way.

#![cfg(feature = "cli")]

mod ours;

use lab::{BIRD, Config, EXABGP, FRR, Family, GOBGP, Lab, Model, Need, OPENBGPD, Peer};
use ours::{OURS, Ours, THEIRS, compare, compare_held, link, peer, routes_text, thousand};

/// Who has how many sessions.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// We dial, a session for each family.
    Dialling,
    /// We wait, one session for both families.
    Waiting,
    /// We wait, a session for each family.
    WaitingForTwo,
}
use Shape::{Dialling, Waiting, WaitingForTwo};

/// A thousand routes each way, compared one by one with all their attributes.
fn exchange(model: Model, shape: Shape) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let (west, east) = link(&lab);
    // On an IPv4 session most routers do not find out by themselves where their IPv6 packets should go.
    let ipv6_next_hop = (shape == Waiting).then_some("2001:db8::2");
    let (told, learned) = (thousand(64, None), thousand(96, ipv6_next_hop));
    let to_us = Peer::new("10.0.0.2", "10.0.0.1", OURS);
    let mut config = Config::new(THEIRS, "10.0.0.2").announce(learned.clone());
    let sessions = match shape {
        Waiting => {
            config = config.peer(to_us.families(&[Family::Ipv4, Family::Ipv6]));
            peer("10.0.0.2", "passive = true")
        }
        Dialling | WaitingForTwo => {
            let over_ipv6 = Peer::new("2001:db8::2", "2001:db8::1", OURS);
            let (to_us, over_ipv6, passive) = match shape {
                Dialling => (to_us.passive(), over_ipv6.passive(), "false"),
                _ => (to_us, over_ipv6, "true"),
            };
            config = config.peer(to_us).peer(over_ipv6);
            let session =
                |address, family| peer(address, &format!("families = [\"{family}\"]\npassive = {passive}"));
            session("10.0.0.2", "ipv4") + &session("2001:db8::2", "ipv6")
        }
    };
    let start = || Ours::start(&lab, &west, &(sessions + &routes_text(&told)));
    // Whoever is dialled is there first: OpenBGPD tries again after two minutes only.
    let (ours, theirs) = match shape {
        Waiting | WaitingForTwo => {
            let ours = start();
            (ours, model.start(&east, &config))
        }
        Dialling => {
            let theirs = model.start(&east, &config);
            (start(), theirs)
        }
    };
    let held = ours.wait_held("what they announce", |held| held.len() >= learned.len());
    compare_held(&held, &learned, THEIRS, ["10.0.0.2", "2001:db8::2"]);
    let found = theirs.wait_routes("what we announce", |routes| routes.len() >= told.len());
    compare(&model.to_string(), found, &told, OURS, ["10.0.0.1", "2001:db8::1"]);
    assert_eq!(ours.ups_and_flaps("10.0.0.2"), (1, 0));
}

macro_rules! rows {
    ($($name:ident: $model:expr, $shape:expr;)*) => {
        $(#[test] fn $name() { exchange($model, $shape); })*
    };
}

rows! {
    we_dial_frr: FRR.current(), Dialling;
    frr_dials_us: FRR.current(), Waiting;
    we_dial_old_frr: FRR.host(), Dialling;
    old_frr_dials_us: FRR.host(), Waiting;
    we_dial_bird: BIRD.current(), Dialling;
    bird_dials_us: BIRD.current(), Waiting;
    we_dial_old_bird: BIRD.host(), Dialling;
    old_bird_dials_us: BIRD.host(), Waiting;
    we_dial_gobgp: GOBGP.current(), Dialling;
    gobgp_dials_us: GOBGP.current(), Waiting;
    we_dial_old_gobgp: GOBGP.host(), Dialling;
    old_gobgp_dials_us: GOBGP.host(), Waiting;
    we_dial_openbgpd: OPENBGPD.current(), Dialling;
    openbgpd_dials_us: OPENBGPD.current(), Waiting;
    we_dial_old_openbgpd: OPENBGPD.host(), Dialling;
    // Over an IPv4 session it says that its next hop is ::1, whatever it is told to say.
    old_openbgpd_dials_us: OPENBGPD.host(), WaitingForTwo;
    we_dial_exabgp: EXABGP.current(), Dialling;
    exabgp_dials_us: EXABGP.current(), Waiting;
    we_dial_old_exabgp: EXABGP.host(), Dialling;
    old_exabgp_dials_us: EXABGP.host(), Waiting;
}
