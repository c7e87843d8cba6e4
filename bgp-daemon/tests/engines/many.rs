//! One speaker with very many peers.

use crate::{
    model::found,
    world::{Over, World, open_settings, secs},
};
use bgp_daemon::config::{Group, Peer};
use bgp_proto::{session::RemoteAs, time::Time};

#[test]
fn a_thousand_peers_that_nobody_configured_come_up_and_are_told_everything() {
    let mut world = World::new(1);
    let hub = world.node(65000);
    let mut settings = open_settings(0);
    settings.asn = RemoteAs::External;
    world.nodes[hub].config.groups.push(Group {
        name: "nodes".into(),
        accept_from: vec!["10.0.0.0/8".parse().unwrap()],
        max_peers: 1000,
        settings,
    });
    for _ in 0..1000 {
        let node = world.node(65001);
        let cable = world.plug(Over::Ipv4, hub, node);
        let remote = world.cables[cable].remote(1);
        world.nodes[node].config.peers.push(Peer { remote, group: None, settings: open_settings(65000) });
    }
    world.start();
    world.announce(hub, &["10.0.0.0/24", "10.0.1.0/24"]);
    world.announce(500, &["192.0.2.0/24"]);
    world.run(secs(30));
    let up = world.engine(hub).peers().filter(|peer| peer.ups == 1 && peer.flaps == 0).count();
    assert_eq!(up, 1000);
    assert!((1..=1000).all(|node| found(&world, node).len() == if node == 500 { 3 } else { 2 }));
    world.nodes[hub].said_since(Time::START);
}
