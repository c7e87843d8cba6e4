//! The program as people and service managers use it: daemons on loopback addresses, asked over their sockets.

mod api;
mod examples;
mod kernel;
mod life;
mod metrics;
mod million;
mod refusals;
mod world;

use world::{Daemon, World};

/// A node's router with a transit, a group for a cluster's nodes, and a route of its own.
const EDGE: &str = r#"
asn = 65000
router_id = "192.0.2.254"
listen = "{1}:1790"
resolve_next_hops = false

[api]
socket = "{folder}/edge.sock"
read_only_socket = "{folder}/read.sock"

[policy.from-transit]
rules = [
  { name = "too long", match = { prefix = "0.0.0.0/0 ge 25" }, then = "reject" },
  { set = { local_pref = 200 }, then = "accept" },
]

[[group]]
name = "cluster-a"
accept_from = ["{3}/32"]
asn = 64512
import = "all"
export = "none"

[[peer]]
address = "{2}"
passive = true                         # so that there is one connection, whoever is first
asn = 65001
description = "transit"
password = "correct horse"
next_hop = "192.0.2.254"
families = ["ipv4"]
import = "from-transit"
export = "all"

[[route]]
prefix = "198.51.100.0/24"
"#;

/// Its transit.
const TRANSIT: &str = r#"
asn = 65001
router_id = "192.0.2.1"
listen = "{2}:1790"
resolve_next_hops = false

[api]
socket = "{folder}/transit.sock"

[[peer]]
address = "{1}"
port = 1790
source_address = "{2}"
asn = 65000
password = "correct horse"
next_hop = "192.0.2.1"
families = ["ipv4"]
import = "all"
export = "all"

[[route]]
prefix = "203.0.113.0/24"
communities = ["65001:1"]
[[route]]
prefix = "203.0.113.128/25"
"#;

/// Both, with their session up and their routes exchanged.
fn pair(world: &World) -> [Daemon; 2] {
    let daemons = [world.start("edge", EDGE), world.start("transit", TRANSIT)];
    daemons[0].has_route("203.0.113.0/24");
    daemons[1].has_route("198.51.100.0/24");
    daemons
}
