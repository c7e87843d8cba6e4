//! Whole speakers that talk over loopback: sockets, tasks and all.

#![cfg(feature = "speaker")]

mod speakers;

use bgp_daemon::{
    config::Config,
    engine::{Change, Shutdown},
    speaker::{Speaker, Start},
};
use speakers::{active, config, pair, passive, route, start, start_as, within};

#[tokio::test]
async fn routes_go_from_one_speaker_to_another() {
    let (first, second) = pair().await;
    let pods = first.speaker.source("pods");
    pods.replace(vec![route("192.0.2.0/24"), route("198.51.100.0/24")]).await.unwrap();
    within("the routes to be written", pods.written()).await.unwrap();
    second.has("192.0.2.0/24", 1).await;
    assert_eq!(second.paths("192.0.2.0/24").await, ["65001"]);
    pods.update(vec![], vec!["192.0.2.0/24".parse().unwrap()]).await.unwrap();
    second.has("192.0.2.0/24", 0).await;
    second.has("198.51.100.0/24", 1).await;
    pods.end().await.unwrap();
    second.has("198.51.100.0/24", 0).await;
}
