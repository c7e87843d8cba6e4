//! A list of a million routes, while other peers go on.

use crate::world::World;
use bgp_daemon::{
    config::Config,
    engine::{Change, Shutdown},
    rib::LocalRoute,
    speaker::{Speaker, Start},
};
use std::{fs, net::Ipv4Addr};

/// Accepts both of the test's speakers, with the shortest hold time there is.
const COLLECTOR: &str = r#"
asn = 65000
router_id = "192.0.2.254"
listen = "{1}:1790"
resolve_next_hops = false

[api]
socket = "{folder}/edge.sock"

[[group]]
name = "all"
accept_from = ["{2}/32", "{3}/32"]
asn = "any"
import = "all"
export = "none"
timers = { hold = "3s", keepalive = "1s" }
"#;

const SPEAKER: &str = r#"
asn = 65001
router_id = "{own}"
listen = []

[[peer]]
address = "{1}"
port = 1790
source_address = "{own}"
asn = 65000
import = "none"
export = "all"
next_hop = "192.0.2.1"
"#;

fn config(world: &World, number: u8) -> Config {
    let text = SPEAKER.replace("{own}", &format!("{{{number}}}"));
    bgp_daemon::config::read_in(&world.fill(&text), &world.path("")).unwrap().config
}

fn route(number: u32) -> LocalRoute {
    LocalRoute::new(format!("{}/24", Ipv4Addr::from_bits((16 << 24) + (number << 8))).parse().unwrap())
}

/// A line of what the kernel says of a process, in KiB.
fn status(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
#[ignore = "minutes without optimisation: cargo test --release -p bgp-daemon --test daemon -- --ignored million"]
fn a_list_of_a_million_routes_costs_no_session_and_no_memory() {
    const ROUTES: u32 = 1_000_000;
    let world = World::new();
    let daemon = world.start("edge", COLLECTOR);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let [table, churn] =
            [2, 3].map(|number| Speaker::start(config(&world, number), Start::default()).unwrap());
        // Part by part: it has to say that it is here meanwhile.
        for part in (0..ROUTES).step_by(10_000) {
            let routes = (part..part + 10_000).map(route).collect();
            table.change(Change::new().update("table", routes, Vec::new())).await.unwrap();
        }
        table.written().await.unwrap();
        let last = route(ROUTES - 1).prefix.to_string();
        daemon.has_route(&last);
        let restless = tokio::spawn({
            let churn = churn.clone();
            async move {
                let routes: Vec<_> = (ROUTES..ROUTES + 1000).map(route).collect();
                loop {
                    for all in [routes.clone(), Vec::new()] {
                        churn.change(Change::new().replace("churn", all)).await.unwrap();
                        churn.written().await.unwrap();
                    }
                }
            }
        });
        daemon.has_route(&route(ROUTES).prefix.to_string());
        let process = daemon.process();
        let before = status(process, "VmRSS:");
        // The highest mark begins anew.
        fs::write(format!("/proc/{process}/clear_refs"), "5").unwrap();
        let listed = daemon.says(&["show", "routes", "--from", &world.address(2).to_string(), "--json"]);
        assert_eq!(listed.lines().count(), ROUTES as usize);
        let grown = status(process, "VmHWM:").saturating_sub(before);
        eprintln!("{ROUTES} routes in {before} KiB; the list took {grown} KiB more");
        assert!(grown < 8 * 1024, "the list took {grown} KiB");
        restless.abort();
        for number in [2, 3] {
            let peer = daemon.says(&["show", "peer", &world.address(number).to_string(), "--json"]);
            assert!(peer.contains("\"flaps\":0") && peer.contains("\"hold_time\":3"), "{peer}");
        }
        table.shutdown(Shutdown::Restart).await;
        churn.shutdown(Shutdown::Restart).await;
    });
}
