//! Announcers that are killed, told to end, and replaced all over the cluster, while two clients send to what one node alone
//! announces.

use crate::{
    install::kubelets,
    kinds::slices,
    world::{BOUND, LATE, NODES, OURS, World},
};
use nix::sys::signal::Signal;
use serde_json::Value;

pub(crate) const SOLO: &str = "203.0.113.11";
pub(crate) const SOLO_ROUTE: &str = "203.0.113.11/32";

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: solo, namespace: default}
spec: {type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]}
";

pub(crate) fn announcers_come_and_go_under_load(world: &mut World) {
    world.listen(SOLO);
    world.serve(1, SOLO);
    world.cluster.apply(SERVICE);
    world.give("solo", &format!(r#"{{"ip":"{SOLO}"}}"#));
    world.cluster.apply(&slices("solo", "1"));
    world.routed("what one node has", &[(SOLO_ROUTE, "1")]);
    world.reachable(SOLO);
    let everything: Vec<_> = world.routers.iter().map(World::held).collect();

    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let what = format!("{signal} and a new start");
        let lost = restarted(world, &what, |world| {
            world.end("node-1", signal);
            world.start("node-1");
            sessions_up(world, "node-1");
        });
        assert_eq!(lost, [0, 0]);
    }
    let lost = restarted(world, "a rollout", |world| {
        let before: Vec<_> = world.announcers.values().map(|announcer| announcer.pod.clone()).collect();
        world.kubectl(&format!("rollout restart daemonset {OURS} -n {OURS}"));
        let replaced = lab::within(2 * BOUND, || {
            let all = kubelets(world, true) == 4 && world.announcers.len() == 4;
            let new = world.announcers.values().all(|announcer| !before.contains(&announcer.pod));
            (all && new).then_some(())
        });
        replaced.unwrap_or_else(|| world.wait("every announcer to be another", || false));
        NODES.iter().chain([&LATE]).for_each(|node| sessions_up(world, node));
    });
    assert_eq!(lost, [0, 0]);
    // Nobody keeps what a goodbye takes along: what is counted here can be lost.
    let lost = restarted(world, "a goodbye and a new start", |world| {
        world.ask("node-1", "leave");
        let daemon = world.announcers.remove("node-1").unwrap().daemon;
        world.wait("the end of the announcer of node-1", || !daemon.is_running());
        world.start("node-1");
        sessions_up(world, "node-1");
        world.routed("what one node has", &[(SOLO_ROUTE, "1")]);
    });
    assert!(lost.iter().all(|lost| *lost > 0), "{lost:?}");
    // Whoever came back has told everything: nothing is kept of the time before that is not so.
    world.wait("the same routes as before", || {
        world.routers.iter().map(World::held).eq(everything.iter().cloned())
    });
}

/// How many packets were lost while announcers were restarted.
fn restarted(world: &mut World, what: &str, restart: impl FnOnce(&mut World)) -> [usize; 2] {
    let load = world.load(SOLO);
    load.lost(what, || restart(world))
}

/// A node's sessions with all routers are up, and nothing is left that they have not been told.
pub(crate) fn sessions_up(world: &World, node: &str) {
    world.wait(format!("the sessions of {node}"), || {
        let said = world.try_ask(node, "peers --json").unwrap_or_default();
        let peers: Vec<Value> = serde_json::from_str(&said).unwrap_or_default();
        peers.len() == 3 && peers.iter().all(|peer| peer["state"] == "Established")
    });
    world.wait(format!("{node} to be ready"), || world.is_ready(node));
}
