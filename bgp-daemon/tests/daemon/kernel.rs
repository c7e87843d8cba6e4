//! What is shown of routes in the kernel, in namespaces of their own.

use crate::world::{Watch, World, ask_at, program};
use lab::{Daemon, Lab, Namespace};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(30);

const NODE: &str = r#"
asn = 65000
router_id = "192.0.2.254"
listen = []

[api]
socket = "{folder}/node.sock"

[kernel]

[[peer]]
address = "10.0.0.2"
asn = 65001
import = "all"
export = "none"
"#;

const ROUTER: &str = r#"
asn = 65001
router_id = "192.0.2.1"
resolve_next_hops = false

[api]
socket = "{folder}/router.sock"

[[peer]]
address = "10.0.0.1"
passive = true
asn = 65000
import = "none"
export = "all"

[[route]]
prefix = "203.0.113.0/24"
"#;

fn start(world: &World, at: &Namespace, config: &str) -> Daemon {
    let file = world.write(&format!("{}.toml", at.name()), config);
    let mut run = program();
    run.arg("run").arg(file);
    at.start(at.name(), run)
}

#[test]
fn a_route_in_the_kernel_is_shown_with_its_gateways() {
    let Some(lab) = Lab::needing(&[]) else { return };
    let world = World::new();
    let (node, router) = (lab.namespace("node"), lab.namespace("router"));
    lab.link((&node, &["10.0.0.1/24"]), (&router, &["10.0.0.2/24"]));
    let _router = start(&world, &router, ROUTER);
    let _node = start(&world, &node, NODE);
    let socket = world.path("node.sock");
    let show = || ask_at(&socket, &["show", "kernel"]).out;
    lab.wait_until("the route in the kernel", BOUND, || show().contains("installed"));
    let expected = "PREFIX          STATE      GATEWAYS                 NOTE\n\
                    203.0.113.0/24  installed  via 10.0.0.2 dev router\n";
    assert_eq!(show(), expected);
    let why = ask_at(&socket, &["why", "203.0.113.7"]).out;
    assert!(why.contains("next hop 10.0.0.2 can be reached at cost 0"), "{why}");
    assert!(why.contains("  kernel: installed, via 10.0.0.2 dev router\n"), "{why}");
    let mut watch = Watch::new(&socket, &["show", "kernel", "--watch"]);
    watch.until(&["203.0.113.0/24", "installed"]);
    node.ip("link set router down");
    watch.until(&["203.0.113.0/24", "gone"]);
    lab.wait_until("no route in the kernel", BOUND, || !show().contains("installed"));
}
