//! What is said where something cannot be done, and the exit codes that go with it.

use crate::{
    EDGE, pair,
    world::{World, alone, ask_at},
};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn every_refusal_is_a_sentence_with_what_to_do() {
    let world = World::new();
    let [edge, _transit] = pair(&world);
    let rows: &[(&[&str], i32, &str)] = &[
        (
            &["show", "peer", "192.0.2.9"],
            5,
            "there is no peer 192.0.2.9; `bgp-daemon show peers` lists those there are",
        ),
        (
            &["show", "routes", "192.0.2.0/24"],
            5,
            "there is no route to 192.0.2.0/24; --covering shows those that hold it, --longer those inside it",
        ),
        (&["show", "routes", "--from", "nobody"], 5, "there is no peer nobody"),
        (&["show", "routes", "--from", "local:cli"], 5, "there are no such routes"),
        (
            &["why", "192.0.2.1"],
            5,
            "no route holds 192.0.2.1/32: neither learned nor our own, accepted or not",
        ),
        (
            &["withdraw", "192.0.2.0/24"],
            5,
            "192.0.2.0/24 was not announced by request; `bgp-daemon show routes --from local:cli` lists what was",
        ),
        (&["announce", "192.0.2.1/24"], 1, "192.0.2.1/24 has bits set behind its length; write 192.0.2.0/24"),
        (&["announce", "192.0.2.0/24", "--community", "x"], 1, "community \"x\" is not a community; write"),
        (&["log", "loud!"], 1, "\"loud!\" is no level of logging; write error, warn, info, debug or trace"),
        (
            &["show", "kernel"],
            5,
            "no routes are installed: there is no [kernel] in the configuration; add [kernel] to have them installed",
        ),
        (&["reset", "all", "--soft", "in"], 1, "all peers: no session is up that agreed to route refresh"),
        (&["reset", "all", "--soft", "out"], 1, "all peers: no session is up"),
        (
            &["show", "memory", "--watch"],
            2,
            "only peers, routes and the kernel can be watched; leave --watch out",
        ),
        (&["show", "routes", "many"], 2, "write a prefix like 203.0.113.0/24, or an address"),
        (&["show"], 2, "Usage: bgp-daemon show"),
    ];
    edge.says(&["shutdown", "transit"]);
    for (arguments, code, sentence) in rows {
        let asked = edge.ask(arguments);
        assert_eq!((asked.code, asked.out.as_str()), (*code, ""), "{arguments:?}: {}", asked.err);
        assert!(asked.err.contains(sentence), "{arguments:?}: {}", asked.err);
    }
}

#[test]
fn a_name_that_two_peers_answer_to_is_refused_with_both() {
    let world = World::new();
    let second = "\n[[peer]]\naddress = \"{3}\"\nasn = 65002\npassive = true\ndescription = \"transit\"\n";
    let edge = world.start("edge", &(EDGE.to_owned() + second));
    let asked = edge.ask(&["reset", "transit"]);
    let both = world.fill("bgp-daemon: 2 peers are called transit; write one of {2}, {3}\n");
    assert_eq!((asked.code, asked.err), (5, both));
}

#[test]
fn a_daemon_that_does_not_run_or_may_not_be_asked_is_named() {
    let world = World::new();
    let nowhere = world.path("nowhere.sock");
    let asked = ask_at(&nowhere, &["show", "peers"]);
    let sentence = world.fill(
        "bgp-daemon: no daemon listens on {folder}/nowhere.sock; start one with `bgp-daemon run FILE` and [api] in that file, or say where it listens with --socket\n",
    );
    assert_eq!((asked.code, asked.err), (4, sentence));
    // As a daemon that was killed leaves it.
    drop(std::os::unix::net::UnixListener::bind(&nowhere).unwrap());
    assert_eq!(ask_at(&nowhere, &["show", "peers"]).code, 4);
}

#[test]
fn the_read_only_socket_shows_everything_and_changes_nothing() {
    let world = World::new();
    let [edge, _transit] = pair(&world);
    let mode = |name: &str| std::fs::metadata(world.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("edge.sock"), mode("read.sock")), (0o660, 0o666));
    let read = world.path("read.sock");
    assert_eq!(
        ask_at(&read, &["show", "routes", "--from", "transit"]).out,
        edge.says(&["show", "routes", "--from", "transit"])
    );
    for arguments in [&["reset", "transit"][..], &["leave"], &["announce", "192.0.2.0/24"], &["log", "debug"]]
    {
        let asked = ask_at(&read, arguments);
        let sentence =
            "bgp-daemon: this socket only lets you look; use the daemon's other socket to change something\n";
        assert_eq!((asked.code, asked.err.as_str()), (4, sentence), "{arguments:?}");
    }
}

#[test]
fn a_configuration_with_mistakes_is_not_run_and_all_of_them_are_printed() {
    let world = World::new();
    let file = world.write("bad.toml", &EDGE.replace("65001", "\"many\"").replace("\"all\"", "\"al\""));
    let name = file.to_str().unwrap();
    for action in ["run", "check"] {
        let asked = alone(&[action, name]);
        assert_eq!((asked.code, asked.out.as_str()), (3, ""));
        for part in [":27: peer[0].asn:", ":33: peer[0].export:", ":21: group[0].import:"] {
            assert!(asked.err.contains(&format!("{name}{part}")), "{part}: {}", asked.err);
        }
    }
    let missing = world.path("missing.toml");
    let asked = alone(&["check", missing.to_str().unwrap()]);
    assert!(asked.code == 3 && asked.err.contains("missing.toml cannot be read"), "{}", asked.err);
}

#[test]
fn who_may_not_open_the_socket_is_told_what_to_do() {
    if !lab::need(&[lab::Need::Root, lab::Need::Program("setpriv")]) {
        return;
    }
    let world = World::new();
    let edge = world.start("edge", EDGE);
    // The folder of a test is its user's alone.
    std::fs::set_permissions(world.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
    // Where the program itself lies others may not look, so it is copied: by another process, as a file that is open
    // for writing in any child of ours cannot be run.
    let copy = world.path("program");
    let mut cp = std::process::Command::new("cp");
    assert!(cp.arg(env!("CARGO_BIN_EXE_bgp-daemon")).arg(&copy).status().unwrap().success());
    let ask = |socket: &std::path::Path| {
        let mut ask = std::process::Command::new("setpriv");
        ask.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy).arg("--socket").arg(socket);
        crate::world::Asked::from(ask.args(["show", "peers"]).output().unwrap())
    };
    let asked = ask(&edge.socket);
    let sentence = world.fill(
        "bgp-daemon: you may not use {folder}/edge.sock; become a user or group that owns it, or ask its read-only socket with --socket\n",
    );
    assert_eq!((asked.code, asked.err), (4, sentence));
    assert_eq!(ask(&world.path("read.sock")).code, 0);
}
