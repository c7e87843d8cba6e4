//! Whole speakers that talk over loopback: sockets, tasks and all.

#![cfg(feature = "speaker")]

mod speakers;

use bgp_daemon::{
    config::{Config, Peer},
    engine::{Change, Event, Reset, Shutdown, Which},
    speaker::{Error, Heard, Speaker, Start},
};
use speakers::{active, config, pair, passive, remote, route, settings, start, start_as, within};
use std::net::TcpListener;

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

#[tokio::test]
async fn a_speaker_in_the_middle_tells_each_side_of_the_other() {
    let mut middle = start(Config { peers: vec![passive(2, 1), passive(2, 3)], ..config(2) }).await;
    let first = start(Config { peers: vec![active(1, 2, middle.port)], ..config(1) }).await;
    let third = start(Config { peers: vec![active(3, 2, middle.port)], ..config(3) }).await;
    middle.up(1).await;
    middle.up(3).await;
    first.speaker.source("pods").replace(vec![route("192.0.2.0/24")]).await.unwrap();
    third.speaker.source("pods").replace(vec![route("198.51.100.0/24")]).await.unwrap();
    third.has("192.0.2.0/24", 1).await;
    first.has("198.51.100.0/24", 1).await;
    assert_eq!(third.paths("192.0.2.0/24").await, ["65002 65001"]);
    first.speaker.shutdown(Shutdown::Leave(Some("for good".into()))).await;
    third.has("192.0.2.0/24", 0).await;
    assert!(middle.down(1).await.contains("for good"));
}

#[tokio::test]
async fn routes_of_a_speaker_that_restarts_stay_until_it_has_told_them_again() {
    let (mut first, mut second) = pair().await;
    let routes = || vec![route("192.0.2.0/24")];
    first.speaker.source("pods").replace(routes()).await.unwrap();
    second.has("192.0.2.0/24", 1).await;

    let again = first.speaker.ask(|engine, _| engine.config().clone()).await.unwrap();
    first.speaker.shutdown(Shutdown::Restart).await;
    second.event("the restart", |event| matches!(event, Event::RestartBegan(..))).await;
    second.has("192.0.2.0/24", 1).await;

    let restarting = Start { restarting: true, expects: vec!["pods".into()] };
    first = start_as(again, restarting).await.unwrap();
    first.up(2).await;
    second.has("192.0.2.0/24", 1).await;
    first.speaker.source("pods").replace(routes()).await.unwrap();
    second.event("the end of the restart", |event| matches!(event, Event::RestartEnded(..))).await;
    second.has("192.0.2.0/24", 1).await;
}

#[tokio::test]
async fn routes_of_a_speaker_that_leaves_go_at_once() {
    let (first, mut second) = pair().await;
    first.speaker.source("pods").replace(vec![route("192.0.2.0/24")]).await.unwrap();
    second.has("192.0.2.0/24", 1).await;
    within("its end", first.speaker.shutdown(Shutdown::Leave(Some("moved away".into())))).await;
    let down = second.down(1).await;
    assert!(down.contains("moved away"), "{down}");
    second.has("192.0.2.0/24", 0).await;
    let error = first.speaker.source("pods").replace(vec![]).await.unwrap_err();
    assert_eq!(error.to_string(), "the speaker has ended");
    assert_eq!(within("the end of its events", first.speaker.events().next()).await, None);
}

#[tokio::test]
async fn a_speaker_whose_handles_are_all_gone_ends_as_for_a_restart() {
    let (first, mut second) = pair().await;
    first.speaker.source("pods").replace(vec![route("192.0.2.0/24")]).await.unwrap();
    second.has("192.0.2.0/24", 1).await;
    drop(first);
    second.event("the restart", |event| matches!(event, Event::RestartBegan(..))).await;
    second.has("192.0.2.0/24", 1).await;
}

#[tokio::test]
async fn a_new_configuration_moves_listeners_and_peers_and_leaves_sessions_alone() {
    let (mut first, second) = pair().await;
    let before = second.speaker.ask(|engine, _| engine.config().clone()).await.unwrap();
    let mut after = before.clone();
    after.listen.push(([127, 0, 0, 22], 0).into());
    after.peers.push(passive(2, 3));
    second.speaker.reload(after).await.unwrap();
    let listening = second.speaker.listening().await.unwrap();
    assert_eq!(listening.len(), 2);
    assert_eq!(listening[0].port(), second.port);

    let port = listening[1].port();
    let to_second = Peer { remote: remote(22), group: None, settings: settings(3, 2) };
    let mut third = Config { peers: vec![to_second], ..config(3) };
    third.peers[0].settings.port = port;
    let mut third = start(third).await;
    third.up(22).await;

    second.speaker.reload(before).await.unwrap();
    assert_eq!(second.speaker.listening().await.unwrap().len(), 1);
    let down = third.down(22).await;
    assert!(down.contains("(6/3)"), "{down}");
    assert!(first.is_up(2).await && second.is_up(1).await);
    assert_eq!(first.speaker.reset(Which::All, Reset::Hard(None)).await.unwrap(), 1);
    first.down(2).await;
    first.event("the session once more", |event| matches!(event, Event::Up(..))).await;
}

#[tokio::test]
async fn a_configuration_that_cannot_be_listened_for_changes_nothing() {
    let (first, second) = pair().await;
    let taken = TcpListener::bind("127.0.0.77:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let before = second.speaker.ask(|engine, _| engine.config().clone()).await.unwrap();
    let wanted = Config { listen: vec![taken], peers: vec![], ..before.clone() };
    let error = second.speaker.change(Change::new().config(wanted)).await.unwrap_err();
    let why = format!("cannot listen at {taken}: ");
    assert!(error.to_string().starts_with(&why), "{error}");
    assert_eq!(second.speaker.ask(|engine, _| engine.config().clone()).await.unwrap(), before);
    assert_eq!(second.speaker.listening().await.unwrap().len(), 1);
    assert!(first.is_up(2).await);
    let started = Speaker::start(Config { listen: vec![taken], ..config(7) }, Start::default());
    assert!(matches!(started.unwrap_err(), Error::Listen(address, _) if address == taken));
}

#[tokio::test]
async fn who_is_slow_to_hear_events_is_told_how_many_are_lost() {
    let alone = start(config(1)).await;
    let mut slow = alone.speaker.events();
    let nobody = TcpListener::bind("127.0.0.78:0").unwrap().local_addr().unwrap().port();
    let mut busy = config(1);
    busy.peers = (0..1100u16)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            let mut peer = active(1, 2, nobody);
            peer.remote = bgp_daemon::config::Remote::Address([127, 1, high, low].into(), None);
            peer
        })
        .collect();
    let mut events = alone.speaker.events();
    alone.speaker.reload(busy).await.unwrap();
    let counting = async {
        let mut count = 0;
        while count < 1100 {
            match events.next().await.expect("it runs") {
                Heard::Event(Event::NotUp { .. }) => count += 1,
                Heard::Missed(missed) => count += missed,
                Heard::Event(_) => {}
            }
        }
    };
    within("all dials to fail", counting).await;
    let Some(Heard::Missed(missed)) = slow.next().await else { panic!("nothing is said to be missed") };
    assert!(missed >= 1100 - 1024, "{missed}");
    assert!(matches!(slow.next().await, Some(Heard::Event(_))));
}
