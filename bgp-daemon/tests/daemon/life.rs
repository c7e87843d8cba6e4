//! A daemon's life: start, reload, restart, leave.

use crate::{
    EDGE, pair,
    world::{Daemon, Watch, World},
};
use bgp_proto::{
    agreed::{Agreed, PeerKind},
    attr::{as_path::AsPathBuf, next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::{Asn, HoldTime, Origin, RouterId},
    prefix::Prefix,
    wire::{message, open::Offer, pack::Announcement},
};
use socket2::{Domain, Socket, Type};
use std::{
    fs,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt as _,
    time::Duration,
};

#[test]
fn two_daemons_exchange_routes_and_say_so() {
    let world = World::new();
    let [edge, transit] = pair(&world);
    let peers = edge.says(&["show", "peers"]);
    let line = peers.lines().nth(1).unwrap();
    let expected = [&*world.address(2).to_string(), "65001", "Established"];
    assert!(
        expected.iter().all(|word| line.contains(word)) && line.ends_with("2         1           1  transit"),
        "{peers}"
    );
    let routes = transit.says(&["show", "routes", "198.51.100.0/24"]);
    assert!(routes.contains("*  next-hop 192.0.2.254  AS 65000"), "{routes}");
}

#[test]
fn a_reload_changes_what_differs_and_a_bad_one_nothing() {
    let world = World::new();
    let [mut edge, transit] = pair(&world);
    let reload = |edge: &mut Daemon, config: &str| {
        world.write("edge.toml", config);
        edge.signal("HUP");
        edge.told("RELOADING=1");
        edge.told("READY=1");
    };
    reload(&mut edge, &EDGE.replace("198.51.100.0/24", "198.51.100.0/25"));
    transit.has_route("198.51.100.0/25");
    let line = edge.logged("was read again");
    assert!(line.contains("AS 65000, 1 peer"), "{line}");
    assert_eq!(transit.ask(&["show", "routes", "198.51.100.0/24"]).code, 5);

    reload(&mut edge, &EDGE.replace("65001", "\"many\"").replace("ge 25", "ge 99"));
    let line = edge.logged("the configuration stays as it was");
    assert!(line.contains("\\\"many\\\""), "{line}");
    transit.has_route("198.51.100.0/25");
    assert!(edge.says(&["show", "config"]).contains("198.51.100.0/25"), "it shows what is in force");

    reload(&mut edge, &EDGE.replace("198.51.100.0/24", "198.51.100.0/25"));
    edge.logged("says the same");
    let state = edge.says(&["show", "peer", "transit", "--json"]);
    assert!(state.contains("\"flaps\":0"), "no reload ended the session: {state}");
}

#[test]
fn a_reload_moves_the_sockets() {
    let world = World::new();
    let mut edge = world.start("edge", EDGE);
    let before = edge.socket.clone();
    world.write("edge.toml", &EDGE.replace("edge.sock", "moved.sock"));
    edge.signal("HUP");
    edge.told("RELOADING=1");
    edge.told("READY=1");
    edge.socket = world.path("moved.sock");
    assert!(edge.says(&["show", "peers"]).contains("transit"));
    assert!(!before.exists());
    let mode = |edge: &Daemon| fs::metadata(&edge.socket).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&edge), 0o660);
    let closed = EDGE.replace("edge.sock\"", "moved.sock\"\nsocket_mode = \"0600\"");
    world.write("edge.toml", &closed);
    edge.signal("HUP");
    edge.told("RELOADING=1");
    edge.told("READY=1");
    assert_eq!(mode(&edge), 0o600);
}

#[test]
fn sigterm_is_a_restart_and_the_peer_keeps_the_routes() {
    let world = World::new();
    let [mut edge, transit] = pair(&world);
    let mut watch = Watch::new(&transit.socket, &["show", "peers", "--watch", "--json"]);
    edge.signal("TERM");
    edge.told("STOPPING=1");
    assert_eq!(edge.end().code(), Some(0));
    watch.until(&["\"flaps\":1", "\"stale\":[\"ipv4\"]"]);
    let kept = transit.says(&["show", "routes", "198.51.100.0/24"]);
    assert!(kept.contains("stale"), "{kept}");
    assert!(!edge.socket.exists(), "the socket goes with the daemon");
    let _again = world.start("edge", EDGE);
    watch.until(&["\"state\":\"Established\"", "\"ups\":2"]);
}

#[test]
fn leaving_tells_the_peer_why_and_takes_the_routes_along() {
    let world = World::new();
    let [mut edge, transit] = pair(&world);
    let mut watch = Watch::new(&transit.socket, &["show", "routes", "198.51.100.0/24", "--watch", "--json"]);
    watch.until(&["\"standing\":\"best\""]);
    assert_eq!(
        edge.says(&["leave", "--reason", "moving"]),
        "all peers are told that we leave, and the daemon ends\n"
    );
    assert_eq!(edge.end().code(), Some(0));
    watch.until(&["\"routes\":[]"]);
    let peer = transit.says(&["show", "peer", &world.address(1).to_string()]);
    assert!(peer.contains("moving"), "{peer}");
}

#[test]
fn a_second_daemon_does_not_take_the_first_ones_place() {
    let world = World::new();
    let edge = world.start("edge", EDGE);
    let elsewhere = EDGE.replace("{1}:1790", "{3}:1790").replace("read.sock", "other.sock");
    let file = world.write("second.toml", &elsewhere);
    let second = crate::world::alone(&["run", file.to_str().unwrap()]);
    assert_eq!(second.code, 1);
    assert!(second.err.contains("another daemon listens there"), "{}", second.err);
    assert!(edge.says(&["show", "peers"]).contains("transit"));
    let file = world.write("third.toml", &EDGE.replace("edge.sock", "third.sock"));
    let third = crate::world::alone(&["run", file.to_str().unwrap()]);
    assert_eq!(third.code, 1);
    assert!(third.err.contains("does another BGP speaker run here?"), "{}", third.err);
}

#[test]
fn who_asks_for_the_end_is_answered_before_it_comes() {
    let world = World::new();
    let config =
        "asn = 65000\nrouter_id = \"192.0.2.254\"\nlisten = []\n[api]\nsocket = \"{folder}/edge.sock\"\n";
    for _ in 0..10 {
        let mut edge = world.start("edge", config);
        assert!(edge.says(&["leave"]).contains("the daemon ends"));
        assert_eq!(edge.end().code(), Some(0));
    }
}

#[test]
fn who_watches_is_told_that_the_daemon_ends() {
    let world = World::new();
    let mut edge = world.start("edge", EDGE);
    let mut watch = Watch::new(&edge.socket, &["show", "peers", "--watch"]);
    watch.until(&["transit"]);
    edge.signal("INT");
    assert_eq!(edge.end().code(), Some(0));
    assert_eq!(
        watch.end(),
        (1, "bgp-daemon: the speaker is shutting down; ask again when it is back\n".to_owned())
    );
}

/// A session's begin, and an UPDATE whose next hop is none for anybody (RFC 4271 §6.3).
fn with_a_loopback_next_hop() -> Vec<u8> {
    let (asn, mut octets) = (Asn(65001), Vec::new());
    let (router_id, hold_time) = (RouterId::new(1).unwrap(), HoldTime::new(90).unwrap());
    Offer::new(asn, router_id, hold_time).encode(&mut octets).unwrap();
    message::keepalive(&mut octets);
    let mut attributes = Vec::new();
    let as_path = AsPathBuf::sequence(&[asn]);
    let set = PathAttributes { origin: Some(Origin::IGP), as_path, ..PathAttributes::default() };
    set.encode(true, &mut attributes);
    let next_hop = NextHop::Ipv4(Ipv4Addr::LOCALHOST);
    let announcement = Announcement { family: Family::IPV4, attributes: &attributes, next_hop };
    let prefix: Prefix<u32> = "203.0.113.0/24".parse().unwrap();
    announcement.encode(&Agreed::new(PeerKind::External), [prefix.into()], &mut octets).unwrap();
    octets
}

#[test]
fn a_message_at_fault_is_kept_and_shown_octet_for_octet() {
    let world = World::new();
    let edge = world.start("edge", &EDGE.replace("password = \"correct horse\"", ""));
    let stream = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    stream.bind(&SocketAddr::from((world.address(2), 0)).into()).unwrap();
    stream.connect(&SocketAddr::from((world.address(1), 1790)).into()).unwrap();
    (&stream).write_all(&with_a_loopback_next_hop()).unwrap();
    let faults = || edge.says(&["show", "peer", "transit", "--faults"]);
    let faults = lab::within(Duration::from_secs(30), || {
        Some(faults()).filter(|said| said.starts_with("withdraw: NEXT_HOP"))
    });
    let faults = faults.unwrap();
    assert!(faults.contains("\n  ffffffffffffffffffffffffffffffff00"), "{faults}");
}
