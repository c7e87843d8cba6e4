//! One TCP connection: octets in and out, and a farewell that the other side can read.

use crate::engine::Key;
use bytes::{Buf, Bytes, BytesMut};
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    sync::mpsc,
    time::timeout,
};

/// Chunks that may be read before the first of them is handled.
pub(super) const CHUNKS: usize = 2;
/// The most octets of a chunk.
const CHUNK: usize = 64 << 10;
/// The room for a chunk where the last one was small.
const SMALL_CHUNK: usize = 4 << 10;
/// The most pieces of one write.
const SLICES: usize = 64;
/// How long what is unwritten may take once the connection is to be closed, and then the other side's end of it.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a connection is told.
#[derive(Debug)]
pub(super) enum Order<O> {
    /// Write this.
    Write(Bytes),
    /// A chunk was handled: another may be read.
    Read,
    /// Have these options from now on.
    Options(O),
    /// Write what is unwritten and this, and close.
    Close(Bytes),
}

/// What a connection tells.
#[derive(Debug)]
pub(super) enum Report<L> {
    /// The dial succeeded.
    Connected(L),
    /// The dial did not.
    Failed(String),
    /// Octets came in.
    Received(BytesMut),
    /// The socket took so many octets.
    Wrote(usize),
    /// It ended, without our doing.
    Closed(Option<String>),
}

/// What octets are moved through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// What can be changed while it is there.
    type Options;

    /// Has these options from now on.
    fn set(&mut self, options: &Self::Options);
}

/// A connection that is there.
pub(super) struct Connection<S: Stream, L> {
    pub(super) key: Key,
    pub(super) stream: S,
    pub(super) orders: mpsc::Receiver<Order<S::Options>>,
    pub(super) reports: mpsc::Sender<(Key, Report<L>)>,
}

/// What happened next.
enum Step<O> {
    /// `None`: nobody will ever tell anything again.
    Order(Option<Order<O>>),
    Received(BytesMut),
    Wrote(usize),
    Ended(Option<io::Error>),
}

impl<S: Stream, L> Connection<S, L> {
    /// Moves octets until either side has enough of it.
    pub(super) async fn run(self) {
        let Connection { key, stream, mut orders, reports } = self;
        let mut pipe = Pipe { stream, unwritten: Unwritten::default(), incoming: Incoming::default() };
        loop {
            let report = match poll_fn(|cx| pipe.poll_step(cx, &mut orders)).await {
                // Nobody will ever tell anything again.
                Step::Order(None) => Report::Closed(None),
                Step::Order(Some(Order::Close(last))) => return pipe.close(last).await,
                Step::Order(Some(order)) => {
                    pipe.obey(order);
                    continue;
                }
                Step::Received(chunk) => Report::Received(chunk),
                Step::Wrote(octets) => Report::Wrote(octets),
                Step::Ended(why) => Report::Closed(why.map(|why| why.to_string())),
            };
            let ended = matches!(report, Report::Closed(_));
            if reports.send((key, report)).await.is_err() || ended {
                return;
            }
        }
    }
}

/// A stream, what waits for it, and what comes out of it.
struct Pipe<S> {
    stream: S,
    unwritten: Unwritten,
    incoming: Incoming,
}

impl<S: Stream> Pipe<S> {
    fn obey(&mut self, order: Order<S::Options>) {
        match order {
            Order::Write(octets) | Order::Close(octets) => self.unwritten.push(octets),
            Order::Read => self.incoming.permits += 1,
            Order::Options(options) => self.stream.set(&options),
        }
    }

    /// Orders first, so that one write has all that there is.
    fn poll_step(
        &mut self,
        cx: &mut Context<'_>,
        orders: &mut mpsc::Receiver<Order<S::Options>>,
    ) -> Poll<Step<S::Options>> {
        if let Poll::Ready(order) = orders.poll_recv(cx) {
            return Poll::Ready(Step::Order(order));
        }
        if let Poll::Ready(Some(octets)) = self.unwritten.poll(cx, &mut self.stream) {
            return Poll::Ready(Step::Wrote(octets));
        }
        // A write that failed is no end: the NOTIFICATION that says why may still be read.
        match self.incoming.poll(cx, &mut self.stream) {
            Poll::Ready(Ok(chunk)) if chunk.is_empty() => Poll::Ready(Step::Ended(None)),
            Poll::Ready(Ok(chunk)) => Poll::Ready(Step::Received(chunk)),
            Poll::Ready(Err(error)) => Poll::Ready(Step::Ended(Some(error))),
            Poll::Pending if self.incoming.permits > 0 && self.unwritten.failed.is_some() => {
                Poll::Ready(Step::Ended(self.unwritten.failed.take()))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Writes what is unwritten and the last octets, and lets the other side read them: what it sends meanwhile is
    /// read, because closing on it would make the kernel reset the connection.
    async fn close(self, last: Bytes) {
        let Pipe { stream, mut unwritten, .. } = self;
        unwritten.push(last);
        let (mut reader, mut writer) = split(stream);
        let writing = timeout(FAREWELL, async {
            while !unwritten.is_empty() && poll_fn(|cx| unwritten.poll(cx, &mut writer)).await.is_some() {}
            // There is nobody to tell.
            let _ = writer.shutdown().await;
        });
        let reading = async {
            let mut scratch = BytesMut::with_capacity(SMALL_CHUNK);
            while matches!(reader.read_buf(&mut scratch).await, Ok(1..)) {
                scratch.clear();
            }
        };
        let _ = timeout(FAREWELL * 2, async { tokio::join!(writing, reading) }).await;
    }
}

/// What waits for the socket.
#[derive(Default)]
struct Unwritten {
    pieces: VecDeque<Bytes>,
    failed: Option<io::Error>,
}

impl Unwritten {
    fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    fn push(&mut self, octets: Bytes) {
        if !octets.is_empty() {
            self.pieces.push_back(octets);
        }
    }

    /// How many octets the socket took; `None`: it takes no more. Pending while there are none.
    fn poll(&mut self, cx: &mut Context<'_>, writer: &mut (impl AsyncWrite + Unpin)) -> Poll<Option<usize>> {
        if self.pieces.is_empty() {
            return Poll::Pending;
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = slices.iter_mut().zip(&self.pieces).map(|(slice, piece)| *slice = IoSlice::new(piece));
        let count = filled.count();
        let written = match Pin::new(writer).poll_write_vectored(cx, slices.get(..count).unwrap_or_default())
        {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(done) => done,
        };
        match written {
            Ok(octets) => {
                self.took(octets);
                Poll::Ready(Some(octets))
            }
            Err(error) => {
                self.pieces.clear();
                self.failed = Some(error);
                Poll::Ready(None)
            }
        }
    }

    fn took(&mut self, mut octets: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            if octets < piece.len() {
                piece.advance(octets);
                return;
            }
            octets -= piece.len();
            self.pieces.pop_front();
        }
    }
}

/// What comes out of the socket.
struct Incoming {
    /// How many chunks may be read.
    permits: usize,
    chunk: BytesMut,
    /// The room for the next one.
    room: usize,
}

impl Default for Incoming {
    fn default() -> Self {
        Incoming { permits: CHUNKS, chunk: BytesMut::new(), room: SMALL_CHUNK }
    }
}

impl Incoming {
    /// The next chunk; an empty one at the end.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut (impl AsyncRead + Unpin),
    ) -> Poll<io::Result<BytesMut>> {
        if self.permits == 0 {
            return Poll::Pending;
        }
        self.chunk.reserve(self.room);
        let Poll::Ready(read) = pin!(reader.read_buf(&mut self.chunk)).poll(cx) else { return Poll::Pending };
        let read = read?;
        // Peers that are silent most of the time cost a small buffer each.
        self.room = if read < SMALL_CHUNK { SMALL_CHUNK } else { CHUNK };
        self.permits -= 1;
        Poll::Ready(Ok(self.chunk.split()))
    }
}

#[cfg(test)]
mod tests;
