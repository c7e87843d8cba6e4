//! The examples of `bgp-proto`, as their pages say to run them, against real routers.

use lab::{BIRD, Config, EXABGP, FRR, GOBGP, Lab, Model, Need, OPENBGPD, Peer};
use std::{path::PathBuf, process::Command, sync::OnceLock, time::Duration};

const BOUND: Duration = Duration::from_secs(30);

/// The example's program, built by the cargo that runs this test.
fn example(name: &str) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let build =
            Command::new(env!("CARGO")).args(["build", "--quiet", "-p", "bgp-proto", "--examples"]).output();
        let build = build.expect("cargo starts");
        assert!(
            build.status.success(),
            "the examples do not build:\n{}",
            String::from_utf8_lossy(&build.stderr)
        );
        let test = std::env::current_exe().expect("this test has a path");
        test.ancestors().nth(2).expect("a test lies two folders below its profile's").join("examples")
    });
    Command::new(folder.join(name))
}

/// The router waits; the example dials it, announces one prefix, and the router holds it.
fn announces(name: &str, model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let (node, router) = (lab.namespace("node"), lab.namespace("router"));
    lab.link((&node, &["10.0.0.1/24"]), (&router, &["10.0.0.2/24"]));
    let peer = Peer::new("10.0.0.2", "10.0.0.1", 65001).passive();
    let running = model.start(&router, &Config::new(65002, "10.0.0.2").peer(peer));
    // The blocking speaker dials once: a connection before the router listens would be refused.
    lab.wait_until("a listener on port 179", BOUND, || {
        let mut sockets = lab::program("ss");
        sockets.args(["-ltnH", "sport = :179"]);
        router.output(sockets).is_ok_and(|found| !found.trim().is_empty())
    });
    let mut command = example(name);
    command.args(["10.0.0.2:179", "65001", "10.0.0.1", "203.0.113.0/24"]);
    let _example = node.start(name, command);
    let route = running.wait_route("203.0.113.0/24");
    assert_eq!(
        (route.next_hop.to_string(), &route.as_path[..]),
        ("10.0.0.1".into(), &[65001][..]),
        "{route:?}"
    );
}

macro_rules! examples {
    ($($test:ident: $name:literal, $model:expr;)*) => {
        $(#[test] fn $test() { announces($name, $model); })*
    };
}

examples! {
    the_blocking_speaker_announces_to_bird: "announce", BIRD.current();
    the_blocking_speaker_announces_to_frr: "announce", FRR.current();
    the_blocking_speaker_announces_to_gobgp: "announce", GOBGP.current();
    the_blocking_speaker_announces_to_openbgpd: "announce", OPENBGPD.current();
    the_blocking_speaker_announces_to_old_bird: "announce", BIRD.host();
    the_blocking_speaker_announces_to_old_frr: "announce", FRR.host();
    the_tokio_speaker_announces_to_bird: "announce_tokio", BIRD.current();
    the_tokio_speaker_announces_to_frr: "announce_tokio", FRR.current();
}

/// The collector waits; the router dials it and is heard.
fn is_collected(model: Model) {
    let Some(lab) = Lab::needing(&[Need::Router(model)]) else { return };
    let (node, router) = (lab.namespace("node"), lab.namespace("router"));
    lab.link((&node, &["10.0.0.1/24"]), (&router, &["10.0.0.2/24"]));
    let mut command = example("collector");
    command.args(["0.0.0.0:179", "65001", "10.0.0.1"]);
    let collector = node.start("collector", command);
    let peer = Peer::new("10.0.0.2", "10.0.0.1", 65001);
    let _running = model.start(&router, &Config::new(65002, "10.0.0.2").peer(peer).announce("192.0.2.0/24"));
    collector.wait_log("192.0.2.0/24", BOUND);
}

#[test]
fn the_collector_hears_bird() {
    is_collected(BIRD.current());
}

#[test]
fn the_collector_hears_frr() {
    is_collected(FRR.current());
}

#[test]
fn the_collector_hears_exabgp() {
    is_collected(EXABGP.current());
}

#[test]
fn two_sessions_find_each_other_without_a_socket() {
    let done = example("two_sessions").output().expect("the example starts");
    let printed = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && printed.contains("learned 192.0.2.0/24"), "{printed}");
}
