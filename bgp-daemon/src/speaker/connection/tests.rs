//! A connection over streams in memory, in time that stands still until everybody waits.

use super::*;
use crate::engine::PeerId;
use bgp_proto::session::ConnectionId;
use tokio::{
    io::{DuplexStream, duplex},
    task::JoinHandle,
    time::Instant,
};

impl Stream for DuplexStream {
    type Options = ();

    fn set(&mut self, (): &()) {}
}

struct Ours {
    orders: mpsc::Sender<Order<()>>,
    reports: mpsc::Receiver<(Key, Report<()>)>,
    running: JoinHandle<()>,
}

/// A connection whose socket takes so many octets before the peer reads.
fn connection(room: usize) -> (Ours, DuplexStream) {
    let (stream, peer) = duplex(room);
    let (orders, inbox) = mpsc::channel(64);
    let (outbox, reports) = mpsc::channel(64);
    let connection = Connection {
        key: Key { peer: PeerId(1), connection: ConnectionId(1) },
        stream,
        orders: inbox,
        reports: outbox,
    };
    (Ours { orders, reports, running: tokio::spawn(connection.run()) }, peer)
}

impl Ours {
    fn order(&self, order: Order<()>) {
        self.orders.try_send(order).expect("there is room");
    }

    fn write(&self, octets: &'static [u8]) {
        self.order(Order::Write(Bytes::from_static(octets)));
    }

    async fn report(&mut self) -> Report<()> {
        self.reports.recv().await.expect("it still tells").1
    }

    async fn received(&mut self) -> BytesMut {
        match self.report().await {
            Report::Received(octets) => octets,
            other => panic!("{other:?}"),
        }
    }

    /// How long it lived from now on.
    #[expect(clippy::disallowed_methods, reason = "a clock that stands still")]
    async fn lived(self) -> Duration {
        let begin = Instant::now();
        self.running.await.expect("it does not panic");
        begin.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn octets_go_both_ways_and_what_went_out_is_told() {
    let (mut ours, mut peer) = connection(1024);
    ours.write(b"one ");
    ours.write(b"two");
    let mut read = [0; 7];
    peer.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"one two");
    let mut told = 0;
    while told < 7 {
        let Report::Wrote(octets) = ours.report().await else { panic!("nothing else happened") };
        told += octets;
    }
    assert_eq!(told, 7);
    peer.write_all(b"three").await.unwrap();
    assert_eq!(&ours.received().await[..], b"three");
}

#[tokio::test(start_paused = true)]
async fn only_so_many_chunks_wait_to_be_handled() {
    let (mut ours, mut peer) = connection(4);
    let writing = tokio::spawn(async move {
        peer.write_all(b"aaaabbbbccccdddd").await.unwrap();
        peer
    });
    let first = ours.received().await;
    let second = ours.received().await;
    assert_eq!((&first[..], &second[..]), (&b"aaaa"[..], &b"bbbb"[..]));
    assert!(
        timeout(Duration::from_secs(3600), ours.reports.recv()).await.is_err(),
        "a third without a permit"
    );
    ours.order(Order::Read);
    assert_eq!(&ours.received().await[..], b"cccc");
    ours.order(Order::Read);
    assert_eq!(&ours.received().await[..], b"dddd");
    drop(writing);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_reading_takes_no_more_and_keeps_nobody_from_hearing_it() {
    let (mut ours, mut peer) = connection(8);
    ours.write(b"0123456789abcdef");
    assert!(matches!(ours.report().await, Report::Wrote(8)));
    peer.write_all(b"heard").await.unwrap();
    assert_eq!(&ours.received().await[..], b"heard");
    assert!(timeout(Duration::from_secs(3600), ours.reports.recv()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_farewell_is_what_was_unwritten_and_the_last_octets_and_the_end() {
    let (ours, mut peer) = connection(4);
    ours.write(b"unwritten ");
    ours.order(Order::Close(Bytes::from_static(b"and the last")));
    let mut read = Vec::new();
    peer.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"unwritten and the last");
    drop(peer);
    assert_eq!(ours.lived().await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_farewell_to_a_peer_that_does_not_read_has_an_end() {
    let (ours, peer) = connection(4);
    ours.order(Order::Close(Bytes::from_static(b"more than it takes")));
    assert_eq!(ours.lived().await, FAREWELL * 2);
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_goes_on_sending_can_still_read_the_farewell() {
    let (ours, peer) = connection(4);
    ours.order(Order::Close(Bytes::from_static(b"goodbye")));
    let (mut reader, mut writer) = split(peer);
    let talking = tokio::spawn(async move {
        for _ in 0..100 {
            writer.write_all(b"blah").await.unwrap();
        }
        writer
    });
    let mut read = Vec::new();
    reader.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"goodbye");
    let writer = talking.await.unwrap();
    assert_eq!(ours.lived().await, FAREWELL * 2);
    drop((reader, writer));
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_said_before_it_closed_is_heard_first() {
    let (mut ours, mut peer) = connection(1024);
    peer.write_all(b"half a mess").await.unwrap();
    drop(peer);
    assert_eq!(&ours.received().await[..], b"half a mess");
    assert!(matches!(ours.report().await, Report::Closed(None)));
    assert_eq!(ours.lived().await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_said_is_heard_even_where_nothing_can_be_written_any_more() {
    let (mut ours, mut peer) = connection(1024);
    peer.write_all(b"why").await.unwrap();
    drop(peer);
    ours.write(b"too late");
    assert_eq!(&ours.received().await[..], b"why");
    assert!(matches!(ours.report().await, Report::Closed(_)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_wants_any_more_ends_at_once() {
    let (ours, mut peer) = connection(1024);
    let Ours { orders, reports, running } = ours;
    drop((orders, reports));
    running.await.unwrap();
    assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);
}
