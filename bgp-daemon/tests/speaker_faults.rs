//! Peers and strangers that misbehave, over real sockets: each is said once, and nobody else is harmed.

#![cfg(feature = "speaker")]

mod speakers;

use bgp_daemon::{
    config::{Config, Peer, PeerSettings, Remote},
    engine::{Engine, Event, Shutdown, Turned},
    rib::LocalRoute,
};
use bgp_proto::{
    numbers::{Asn, HoldTime, RouterId},
    wire::open::Offer,
};
use speakers::{Running, active, address, config, passive, remote, route, start, within};
use std::{
    fs,
    net::{IpAddr, SocketAddr},
    process::{Command, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::oneshot,
};

const KEEPALIVE: [u8; 19] =
    [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 19, 4];

/// The one that is tried, and one whose session with it has to stay up. Peer 9 is whoever misbehaves.
struct World {
    tried: Running,
    steady: Running,
}

impl World {
    async fn new() -> World {
        let mut tried = start(Config { peers: vec![passive(1, 2), passive(1, 9)], ..config(1) }).await;
        let steady = start(Config { peers: vec![active(2, 1, tried.port)], ..config(2) }).await;
        tried.up(2).await;
        World { tried, steady }
    }

    async fn connect(&self, from: IpAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        let connecting = socket.connect(SocketAddr::new(address(1), self.tried.port));
        within("the connection", connecting).await.unwrap()
    }

    /// Peer 9, with its session up.
    async fn established(&mut self) -> TcpStream {
        let mut stream = self.connect(address(9)).await;
        stream.write_all(&open()).await.unwrap();
        stream.write_all(&KEEPALIVE).await.unwrap();
        self.tried.event("the session with 9", |event| matches!(event, Event::Up(..))).await;
        stream
    }

    /// The steady session stayed up, and routes still go through.
    async fn is_well(&mut self) {
        let source = self.steady.speaker.source("steady");
        source.replace(vec![route("203.0.113.0/24")]).await.unwrap();
        self.tried.has("203.0.113.0/24", 1).await;
        source.replace(vec![]).await.unwrap();
        self.tried.has("203.0.113.0/24", 0).await;
        let flaps = self.tried.speaker.ask(|engine, _| {
            engine.peers().filter(|peer| *peer.remote == remote(2)).map(|peer| peer.flaps).sum::<u64>()
        });
        assert_eq!(flaps.await.unwrap(), 0);
    }
}

fn open() -> Vec<u8> {
    let mut octets = Vec::new();
    let offer = Offer::new(Asn(65009), RouterId::new(9).unwrap(), HoldTime::new(90).unwrap());
    offer.encode(&mut octets).unwrap();
    octets
}

/// The types of the messages until the end, and what the last one says.
async fn messages(stream: &mut TcpStream) -> (Vec<u8>, Vec<u8>) {
    let mut octets = Vec::new();
    // A reset is an end as well.
    let _ = within("the end of the connection", stream.read_to_end(&mut octets)).await;
    let (mut kinds, mut last) = (Vec::new(), Vec::new());
    let mut rest = &octets[..];
    while let [header @ .., kind] = rest.get(..19).unwrap_or_default() {
        let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
        kinds.push(*kind);
        last = rest[19..length].to_vec();
        rest = &rest[length..];
    }
    (kinds, last)
}

#[tokio::test]
async fn garbage_is_answered_by_a_notification_that_can_be_read() {
    let mut world = World::new().await;
    let mut stream = world.connect(address(9)).await;
    // More than is read before the connection is closed: unread octets must not reset it.
    stream.write_all(&[b'x'; 100_000]).await.unwrap();
    let (kinds, last) = messages(&mut stream).await;
    assert_eq!((kinds.last(), &last[..2]), (Some(&3), &[1, 1][..]), "connection not synchronized");
    world.tried.event("what was wrong", |event| event.to_string().contains("(1/1)")).await;
    world.is_well().await;
}

#[tokio::test]
async fn a_connection_that_ends_within_a_message_ends_the_session() {
    let mut world = World::new().await;
    let mut stream = world.established().await;
    stream.write_all(&KEEPALIVE[..10]).await.unwrap();
    drop(stream);
    world.tried.down(9).await;
    world.is_well().await;
}

/// Only silence on the wire may expire a hold timer.
#[tokio::test]
async fn a_speaker_that_stood_still_hears_its_peers_before_it_gives_them_up() {
    let mut world = World::new().await;
    let mut stream = world.connect(address(9)).await;
    let mut octets = Vec::new();
    let hold = HoldTime::new(3).unwrap();
    Offer::new(Asn(65009), RouterId::new(9).unwrap(), hold).encode(&mut octets).unwrap();
    stream.write_all(&octets).await.unwrap();
    stream.write_all(&KEEPALIVE).await.unwrap();
    world.tried.up(9).await;
    // Its thread has better things to do than BGP until the hold time is over.
    let (done, wait) = std::sync::mpsc::sync_channel::<()>(1);
    let (begun, begins) = oneshot::channel();
    let speaker = world.tried.speaker.clone();
    let stuck = tokio::spawn(async move {
        let busy = move |_: &Engine, _| {
            begun.send(()).unwrap();
            wait.recv_timeout(Duration::from_millis(3500))
        };
        speaker.ask(busy).await.unwrap()
    });
    begins.await.unwrap();
    stream.write_all(&KEEPALIVE).await.unwrap();
    stuck.await.unwrap().unwrap_err();
    drop(done);
    // At once: nothing more is said on this connection, so it has three seconds to live.
    assert!(world.tried.is_up(9).await);
    world.is_well().await;
}

#[tokio::test]
async fn strangers_are_turned_away_and_that_is_said_once() {
    let mut world = World::new().await;
    let mut events = world.tried.speaker.events();
    for _ in 0..500 {
        let mut stream = world.connect(address(99)).await;
        assert_eq!(within("its end", stream.read(&mut [0])).await.unwrap_or_default(), 0);
    }
    world.is_well().await;
    world.tried.speaker.shutdown(Shutdown::Restart).await;
    let mut said = Vec::new();
    while let Some(heard) = events.next().await {
        if let bgp_daemon::speaker::Heard::Event(Event::TurnedAway { address, why, .. }) = heard {
            said.push((address, why));
        }
    }
    assert_eq!(said, [(address(99), Turned::Stranger)]);
}

#[tokio::test]
async fn a_peer_that_opens_hundreds_of_connections_holds_the_last() {
    let mut world = World::new().await;
    let mut streams = Vec::new();
    for _ in 0..500 {
        streams.push(world.connect(address(9)).await);
    }
    let mut last = streams.pop().unwrap();
    for mut stream in streams {
        let (kinds, _) = messages(&mut stream).await;
        assert!(kinds.is_empty() || kinds == [1, 3], "{kinds:?}");
    }
    last.write_all(&open()).await.unwrap();
    last.write_all(&KEEPALIVE).await.unwrap();
    world.tried.up(9).await;
    world.is_well().await;
}

#[tokio::test]
async fn a_peer_that_comes_and_goes_harms_nobody() {
    let mut world = World::new().await;
    for _ in 0..50 {
        let mut stream = world.connect(address(9)).await;
        // It may be turned away while it has to wait.
        let _ = stream.write_all(&open()).await;
        let _ = stream.write_all(&KEEPALIVE).await;
    }
    world.is_well().await;
}

#[tokio::test]
async fn a_peer_that_stops_reading_holds_up_nobody_else() {
    let mut world = World::new().await;
    let stream = world.established().await;
    let many = (0..200_000u32).map(|number| {
        let prefix = ipnet::Ipv4Net::new((0x0a00_0000 + (number << 8)).into(), 24).unwrap();
        LocalRoute::new(prefix.into())
    });
    world.tried.speaker.source("pods").replace(many.collect()).await.unwrap();
    world.steady.has("10.0.0.0/24", 1).await;
    world.steady.has("12.0.0.0/24", 1).await;
    world.is_well().await;
    assert!(world.tried.is_up(9).await);
    within("its end", world.tried.speaker.shutdown(Shutdown::Leave(None))).await;
    drop(stream);
}

#[tokio::test]
async fn nothing_is_left_of_connections_that_are_gone() {
    let mut world = World::new().await;
    let open_files = || fs::read_dir("/proc/self/fd").unwrap().count();
    // Other tests of this process have files as well: what counts is that there are not hundreds.
    for _ in 0..300 {
        drop(world.connect(address(9)).await);
        drop(world.connect(address(99)).await);
    }
    world.is_well().await;
    let all_gone = async {
        while open_files() > 250 {
            tokio::task::yield_now().await;
        }
    };
    within("the connections to be closed", all_gone).await;
}

#[test]
fn a_process_without_room_for_more_files_goes_on_and_recovers() {
    let exe = std::env::current_exe().unwrap();
    let script =
        "ulimit -n 64; exec \"$0\" --ignored --exact --nocapture the_same_in_a_process_with_few_files";
    let ran = Command::new("sh").args(["-c", script]).arg(exe).stdin(Stdio::null()).output().unwrap();
    let shown = [ran.stdout, ran.stderr].concat();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&shown));
}

#[tokio::test]
#[ignore = "run by a_process_without_room_for_more_files_goes_on_and_recovers, which limits its files"]
async fn the_same_in_a_process_with_few_files() {
    let mut world = World::new().await;
    // Nobody is at the other end of these: they only take up room.
    let mut hogs = Vec::new();
    while let Ok(file) = fs::File::open("/dev/null") {
        hogs.push(file);
    }
    // Room for the near end of one connection; the far end has none.
    hogs.pop();
    let late = world.connect(address(9)).await;
    world.is_well().await;
    drop(hogs);
    let mut late = late;
    late.write_all(&open()).await.unwrap();
    late.write_all(&KEEPALIVE).await.unwrap();
    world.tried.up(9).await;
    world.is_well().await;
}

#[tokio::test]
async fn peers_whose_dials_fail_are_said_once() {
    let nobody = std::net::TcpListener::bind("127.0.0.79:0").unwrap().local_addr().unwrap();
    let settings = PeerSettings { port: nobody.port(), ..active(1, 3, 0).settings };
    let lost = Peer { remote: Remote::Address(nobody.ip(), None), group: None, settings };
    let mut running = start(config(1)).await;
    let wanted = Config { peers: vec![lost], ..config(1) };
    running.speaker.reload(wanted).await.unwrap();
    let is = |event: &Event| matches!(event, Event::NotUp { .. });
    let said = running.event("the dial to fail", is).await.to_string();
    assert!(said.contains("127.0.0.79") && said.contains("refused"), "{said}");
}
