//! The API server is away for a while; a password is missing, there, and another one.

use crate::{
    kinds::slices,
    restarts::{SOLO, SOLO_ROUTE},
    world::{BOUND, NODES, OURS, World},
};
use bgp_daemon::{
    config::{Config, Password, Peer, PeerSettings, Remote},
    rib::Place,
    speaker::{Speaker, Start},
};
use bgp_proto::{
    numbers::{Asn, RouterId},
    session::RemoteAs,
};
use std::{env, time::Duration};
use tokio::runtime::Runtime;

/// How long, in seconds; `.ci/full` says a minute.
const AWAY: &str = "OUTAGE_SECONDS";
const SECONDS: u64 = 15;

pub(crate) fn the_api_server_is_away(world: &mut World) {
    let seconds = env::var(AWAY).map_or(SECONDS, |text| text.parse().expect("a number of seconds"));
    let before: Vec<_> = world.routers.iter().map(World::held).collect();
    let sessions = NODES.map(|node| world.sessions(node));
    let lost = world.load(SOLO).lost(&format!("{seconds} s without an API server"), || {
        world.cluster.stop_api();
        let changed = lab::within(Duration::from_secs(seconds), || {
            let now: Vec<_> = world.routers.iter().map(World::held).collect();
            (now != before).then_some(now)
        });
        assert_eq!(changed, None, "nothing changes at the routers");
        world.cluster.start_api();
        world.cluster.wait_ready(&world.lab);
        world.cluster.apply(&slices("local", "2"));
        world.routed("the first change after it", &[("203.0.113.22/32", "2"), (SOLO_ROUTE, "1")]);
    });
    assert_eq!(lost, [0, 0]);
    assert_eq!(NODES.map(|node| world.sessions(node)), sessions, "the sessions are the same");
}

const SIGNED: &str = "
apiVersion: kube-announcer.io/v1alpha1
kind: BgpPeer
metadata: {name: vault}
spec:
  nodeSelector: {matchLabels: {kubernetes.io/hostname: node-1}}
  localAsn: 64512
  asn: 65000
  address: 192.0.2.4
  passwordSecretRef: {name: vault}
  timers: {connectRetry: 1s}
";

/// A router that changes its key as live as ours does: those of others begin their sessions anew.
fn vault(key: &str) -> Config {
    let settings = PeerSettings {
        password: Password::new(key),
        passive: true,
        ..PeerSettings::new(RemoteAs::Fixed(Asn(64512)))
    };
    let remote = Remote::Address("192.0.2.11".parse().unwrap(), None);
    Config {
        router_id: RouterId::new(4),
        peers: vec![Peer { remote, group: None, settings }],
        listen: vec!["192.0.2.4:179".parse().unwrap()],
        ..Config::new(Asn(65000))
    }
}

pub(crate) fn a_password_comes_and_changes(world: &mut World) {
    let at = world.on_rack("vault", "192.0.2.4/24");
    let speaker = at.run(|| Speaker::start(vault("first"), Start::default()).unwrap());
    let runtime = Runtime::new().unwrap();
    let learned = |prefix: &str| {
        let prefix = prefix.to_owned();
        let found = speaker.ask(move |engine, _| {
            engine.rib().prefixes(Place::default(), 1000).0.iter().any(|one| one.to_string() == prefix)
        });
        runtime.block_on(found).unwrap()
    };
    let others = world.sessions("node-1");
    world.cluster.apply(SIGNED);
    let reason = || world.field("bgppeer vault", ".status.conditions[?(@.type=='Accepted')].reason");
    world.wait("a refusal without the Secret", || reason() == "NoPassword");
    assert_eq!(world.sessions("node-1"), others, "a peer without its password is none at all");

    world.kubectl(&format!("create secret generic vault -n {OURS} --from-literal=password=first"));
    world.wait("a route over the signed session", || learned(SOLO_ROUTE));
    world.wait("the peer to be accepted", || reason() == "Accepted");
    let all = || world.sessions("node-1");
    let up =
        |all: &Vec<[String; 3]>| all.len() == 4 && all.iter().all(|[_, state, _]| state == "Established");
    let has_vault = || Some(all()).filter(up);
    let sessions = world.lab.wait_for("four sessions", BOUND, has_vault);

    world.kubectl(&format!(r#"patch secret vault -n {OURS} -p {{"stringData":{{"password":"second"}}}}"#));
    runtime.block_on(speaker.reload(vault("second"))).unwrap();
    world.cluster.apply(&slices("local", "1"));
    world.wait("a change that is signed with the new key", || learned("203.0.113.22/32"));
    assert_eq!(all(), sessions, "no session is another");

    world.kubectl("delete bgppeer vault");
    world.wait("its routes to be gone, and the sessions of others to be the same", || {
        !learned(SOLO_ROUTE) && all() == others
    });
}
