//! Two terminals on one machine: the example that people are shown first, as it is printed.

#![cfg(feature = "cli")]

use lab::Lab;
use std::{process::Command, time::Duration};

const BOUND: Duration = Duration::from_secs(60);

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bgp-daemon"))
}

#[test]
fn the_two_routers_of_the_example_exchange_routes() {
    let Some(lab) = Lab::needing(&[]) else { return };
    let machine = lab.namespace("machine");
    let run = |name: &str| {
        let mut command = program();
        command.args(["run", &format!("examples/two-routers/{name}.toml")]);
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        machine.start(name, command)
    };
    let (_left, _right) = (run("left"), run("right"));
    let says = |name: &str, prefix: &str, wanted: &[&str]| {
        let mut command = program();
        command.args([
            "--socket",
            &format!("/tmp/bgp-daemon-{name}.sock"),
            "--json",
            "show",
            "routes",
            prefix,
        ]);
        machine.output(command).is_ok_and(|said| wanted.iter().all(|wanted| said.contains(wanted)))
    };
    let waits = |name: &str, prefix: &str, wanted: &[&str]| {
        lab.wait_until(format!("{prefix} at the {name} one"), BOUND, || says(name, prefix, wanted));
    };
    let marked = ["\"as_path\":\"65001\"", "\"local_pref\":200", "65001:100"];
    waits("right", "198.51.100.0/25", &marked);
    waits("right", "203.0.113.0/25", &["\"as_path\":\"65001\""]);
    waits("left", "198.51.100.128/25", &["\"as_path\":\"65002 65002 65002\""]);
}
