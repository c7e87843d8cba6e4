//! `kube-announcer run`, the program itself, with a router of which every message is looked at.

mod announcer;
mod demo;
mod health;
mod http;
mod probed;
mod router;

use announcer::{Announcer, Files};
use router::{Heard, Router};
use std::net::{Ipv4Addr, TcpListener};

fn update(said: &[&str]) -> Heard {
    Heard::Update(said.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn the_first_plan_is_told_whole_and_then_it_is_said_that_this_was_all() {
    let mut router = Router::new().await;
    let files = Files::new(router.port);
    let _announcer = Announcer::start(&files, &[]);
    router.up().await;
    router.whole().await;
    let routes: Vec<_> = router.routes.iter().map(|(prefix, said)| format!("{prefix} {said}")).collect();
    assert_eq!(
        routes,
        [
            "10.244.1.0/24 192.0.2.11",
            "203.0.113.10/32 192.0.2.11 64512:100",
            "203.0.113.20/32 192.0.2.11 64512:100",
            "fd00:10:244:1::/64 2001:db8::11",
        ]
    );
}

#[tokio::test]
async fn a_change_is_as_few_updates_as_fit_and_what_has_nothing_to_do_with_it_is_not_told_again() {
    let mut router = Router::new().await;
    let files = Files::new(router.port);
    let _announcer = Announcer::start(&files, &[]);
    router.up().await;
    router.whole().await;

    // One prefix of one Service.
    files.change("slices.yaml", "ready: true}} # web", "ready: false}} # web");
    assert_eq!(router.next().await, update(&["-203.0.113.10/32"]));
    files.change("slices.yaml", "ready: false}} # web", "ready: true}} # web");
    assert_eq!(router.next().await, update(&["+203.0.113.10/32"]));

    // One community of two prefixes.
    files.change("bgp.yaml", "64512:100", "64512:101");
    assert_eq!(router.next().await, update(&["+203.0.113.10/32", "+203.0.113.20/32"]));
    assert_eq!(router.routes["203.0.113.20/32"], "192.0.2.11 64512:101");

    // What is not of this node, what nobody announces, what says the same in other words: nothing is told before what
    // comes after.
    files.change("nodes.yaml", "10.244.2.0/24", "10.244.3.0/24");
    files.write("more.yaml", &files.service("quiet", "ClusterIP", ""));
    files.change("services.yaml", "# a remark", "# another remark");
    files.write("last.yaml", &files.service("last", "LoadBalancer", "203.0.113.30"));
    files.change("slices.yaml", "# more", &(files.slice("last", "node-1") + "# more"));
    assert_eq!(router.next().await, update(&["+203.0.113.30/32"]));
    assert!(router.is_left_alone(), "the session was never another");
}

#[tokio::test]
async fn what_is_edited_into_nonsense_stays_as_it_was_and_costs_nobody_else_anything() {
    let mut router = Router::new().await;
    let files = Files::new(router.port);
    let announcer = Announcer::start(&files, &[]);
    router.up().await;
    router.whole().await;

    files.change("bgp.yaml", "64512:100", "no-such-community");
    announcer.logs("BgpAdvertisement services").await;
    files.change("bgp.yaml", "address: 127.0.0.1", "address: nowhere");
    announcer.logs("BgpPeer tor").await;
    files.write("services.yaml", "half of a manif: {");
    announcer.logs("services.yaml").await;
    files.change("slices.yaml", "ready: true}} # web", "ready: false}} # web");
    assert_eq!(router.next().await, update(&["-203.0.113.10/32"]));
    assert_eq!(router.routes["203.0.113.20/32"], "192.0.2.11 64512:100");
    assert!(router.is_left_alone());
}

#[tokio::test]
async fn a_port_that_is_taken_costs_only_the_mesh_and_is_had_once_it_is_free() {
    let mut router = Router::new().await;
    let files = Files::new(router.port);
    let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    files.write("mesh.yaml", &announcer::mesh(port));
    let announcer = Announcer::start(&files, &[]);
    router.up().await;
    router.whole().await;
    assert_eq!(router.routes.len(), 4);
    announcer.logs(&format!("cannot listen at 0.0.0.0:{port}")).await;
    drop(taken);
    announcer.logs("the ports of a mesh are listened at now").await;
    assert!(router.is_left_alone());
}

#[tokio::test]
async fn a_signal_ends_it_without_a_word_and_it_comes_back_as_one_that_restarts() {
    let mut router = Router::new().await;
    let files = Files::new(router.port);
    let announcer = Announcer::start(&files, &[]);
    router.up().await;
    router.whole().await;
    announcer.end();
    let Heard::Down(why) = router.next().await else { panic!("it says something else") };
    assert!(!why.contains("received"), "peers keep the routes: {why}");
    announcer.ended().await;

    // It need not be told.
    for words in [&["--restarting"][..], &[]] {
        let announcer = Announcer::start(&files, words);
        router.up().await;
        assert!(router.says_that_it_restarts());
        router.whole().await;
        assert_eq!(router.routes.len(), 4);
        announcer.end();
        let Heard::Down(_) = router.next().await else { panic!("it says something else") };
        announcer.ended().await;
    }
}

#[tokio::test]
async fn who_leaves_has_peers_drop_its_routes_at_once() {
    let mut router = Router::new().await;
    let files = Files::new(router.port);
    let announcer = Announcer::start(&files, &[]);
    router.up().await;
    router.whole().await;
    announcer.ask(&["leave", "--reason", "moved away"]).await;
    let Heard::Down(why) = router.next().await else { panic!("it says something else") };
    assert!(why.contains("received") && why.contains("moved away"), "{why}");
    announcer.ended().await;
}

#[tokio::test]
async fn the_running_announcer_says_whom_it_told_what_and_why() {
    let mut router = Router::new().await;
    let files = Files::new(router.port);
    let announcer = Announcer::start(&files, &[]);
    router.up().await;
    router.whole().await;
    let peers = announcer.ask(&["peers"]).await;
    assert!(peers.contains("tor   127.0.0.1  65000  Established"), "{peers}");
    let routes = announcer.ask(&["routes"]).await;
    let line = "203.0.113.10/32     tor   127.0.0.1  yes   192.0.2.11    64512:100   Service shop/web";
    assert!(routes.contains(line), "{routes}");
    let why = announcer.ask(&["why", "203.0.113.10"]).await;
    let first = "203.0.113.10/32 is announced on node-1.\n  Service shop/web\n";
    assert!(why.starts_with(first) && why.contains("  sent to tor at 127.0.0.1: Established for "), "{why}");
    let why = announcer.ask(&["why", "192.0.2.99", "--json"]).await;
    let why: serde_json::Value = serde_json::from_str(&why).unwrap();
    assert_eq!((&why["asked"], &why["node"]), (&"192.0.2.99".into(), &"node-1".into()));
}
