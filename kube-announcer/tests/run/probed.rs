//! What a node's own health does to what it announces.

use super::{
    announcer::{Announcer, Files},
    health::{Health, Mode},
    router::Router,
    update,
};

const EVERY_SECOND: [&str; 2] = ["--probe-every", "1"];
/// Of these two the first is node-2's before it is node-1's, and the second the other way round.
const LEFT: &str = "203.0.113.20/32";
const KEPT: &str = "203.0.113.10/32";

/// A cluster of which both nodes have endpoints of both Services.
fn files(router: &Router, health: &Health) -> Files {
    let files = Files::new(router.port);
    let there = ["web", "api"].map(|name| files.slice(name, "node-2").replace("  name: ", "  name: more-"));
    files.write("there.yaml", &there.concat());
    let probe = format!("services: {{probe: {{kubeProxy: {{port: {}}}}}}}", health.port);
    files.change("bgp.yaml", "services: {}", &probe);
    files
}

#[tokio::test]
async fn a_node_that_fails_leaves_what_others_announce_and_comes_back_when_it_is_well() {
    let mut router = Router::new().await;
    let health = Health::new(Mode::Broken).await;
    let files = files(&router, &health);
    let announcer = Announcer::start(&files, &EVERY_SECOND);
    router.up().await;
    router.whole().await;

    // It was never well, so that it is broken says nothing.
    health.is(Mode::Broken, 5).await;
    // It was, and then is nobody there: that says nothing either.
    health.is(Mode::Well, 1).await;
    health.is(Mode::Gone, 5).await;
    health.is(Mode::Well, 1).await;
    health.is(Mode::Broken, 2).await;
    health.is(Mode::Well, 1).await;
    files.change("bgp.yaml", "64512:100", "64512:101");
    assert_eq!(router.next().await, update(&["+203.0.113.10/32", "+203.0.113.20/32"]), "nothing before that");

    health.is(Mode::Broken, 3).await;
    assert_eq!(router.next().await, update(&["-203.0.113.20/32"]));
    let why = announcer.ask(&["why", "203.0.113.20"]).await;
    let port = health.port;
    let reason = format!("its port {port} fails its probe, and node-2 announces it too (not-deliverable)");
    assert!(why.contains(&reason), "{why}");
    let why = announcer.ask(&["why", "203.0.113.10"]).await;
    let kept = format!("its port {port} fails its probe, but no node comes before node-1 here");
    assert!(why.contains(&kept), "{why}");
    announcer.logs(&format!("port {port} of this node answers 503")).await;

    // A proxy that restarts does not heal, one that is well does.
    health.is(Mode::Gone, 3).await;
    assert!(!router.routes.contains_key(LEFT) && router.routes.contains_key(KEPT));
    health.is(Mode::Well, 1).await;
    assert_eq!(router.next().await, update(&["+203.0.113.20/32"]));
    assert!(router.is_left_alone(), "the session was never another");
}

#[tokio::test]
async fn of_two_nodes_that_fail_together_one_goes_on_announcing_each_prefix() {
    let mut routers = [Router::new().await, Router::new().await];
    let health = Health::new(Mode::Well).await;
    let all = [0, 1].map(|at| files(&routers[at], &health));
    let names = ["node-1", "node-2"];
    let _announcers = [0, 1].map(|at| Announcer::start_as(names[at], &all[at], &EVERY_SECOND));
    for router in &mut routers {
        router.up().await;
        router.whole().await;
        assert!([LEFT, KEPT].iter().all(|prefix| router.routes.contains_key(*prefix)));
    }
    health.is(Mode::Well, 4).await;
    // Each of them asks: a dozen answers are three for both, whoever comes first.
    health.is(Mode::Broken, 12).await;
    let [first, second] = &mut routers;
    assert_eq!(first.next().await, update(&["-203.0.113.20/32"]));
    assert_eq!(second.next().await, update(&["-203.0.113.10/32"]));
    assert!(first.routes.contains_key(KEPT) && second.routes.contains_key(LEFT));
}
