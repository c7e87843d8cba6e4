//! A relay between two routers that keeps every BGP message of both: each router peers with the relay's address.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::namespace::Namespace;

/// Chunks on their way from the relay to [`Recorder::messages`]; a relay that is ahead by more waits.
const CHUNKS: usize = 1 << 16;
/// Header of a BGP message: marker, length, type.
const HEADER: usize = 19;

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The router that connects.
    FromActive,
    /// The router that listens.
    FromPassive,
}

/// A relay in a namespace between two routers. It ends with the connection that it relays.
pub struct Recorder {
    chunks: Receiver<(Direction, Vec<u8>)>,
    /// Bytes of a message that is not whole yet, by direction.
    begun: [Vec<u8>; 2],
    messages: Vec<(Direction, Vec<u8>)>,
}

impl Recorder {
    /// Waits for one connection to `listen` and relays it to `target`.
    ///
    /// # Panics
    /// When the address is not the namespace's, or taken.
    #[must_use]
    pub fn start(namespace: &Namespace, listen: SocketAddr, target: SocketAddr) -> Self {
        let (sender, chunks) = sync_channel(CHUNKS);
        namespace.run(|| {
            let listener = TcpListener::bind(listen).unwrap_or_else(|e| panic!("{listen}: {e}"));
            std::thread::spawn(move || relay(&listener, target, &sender));
        });
        Self { chunks, begun: [Vec::new(), Vec::new()], messages: Vec::new() }
    }

    /// Every whole message so far, in the order of their last bytes' arrival.
    pub fn messages(&mut self) -> &[(Direction, Vec<u8>)] {
        while let Ok((direction, chunk)) = self.chunks.try_recv() {
            let begun = &mut self.begun[usize::from(direction == Direction::FromPassive)];
            begun.extend(chunk);
            while let Some(length) = whole(begun) {
                self.messages.push((direction, begun.drain(..length).collect()));
            }
        }
        &self.messages
    }
}

/// The length of the first message, if all of it is there.
fn whole(bytes: &[u8]) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes([*bytes.get(16)?, *bytes.get(17)?])).max(HEADER);
    (bytes.len() >= length).then_some(length)
}

/// One connection at a time, the first that both sides make: routers try until one works.
fn relay(listener: &TcpListener, target: SocketAddr, chunks: &SyncSender<(Direction, Vec<u8>)>) {
    while let Ok((active, _)) = listener.accept() {
        let Ok(passive) = TcpStream::connect_timeout(&target, Duration::from_secs(5)) else { continue };
        std::thread::scope(|scope| {
            scope.spawn(|| copy(&active, &passive, Direction::FromActive, chunks));
            scope.spawn(|| copy(&passive, &active, Direction::FromPassive, chunks));
        });
        return;
    }
}

fn copy(
    mut from: &TcpStream,
    mut to: &TcpStream,
    direction: Direction,
    chunks: &SyncSender<(Direction, Vec<u8>)>,
) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let chunk = &buffer[..length];
        if to.write_all(chunk).is_err() || chunks.send((direction, chunk.to_vec())).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_out_of_a_stream_in_any_pieces() {
        let keepalive = [[0xff; 16].as_slice(), &[0, 19, 4]].concat();
        let (sender, chunks) = sync_channel(64);
        for piece in [keepalive.as_slice(), &keepalive].concat().chunks(7) {
            sender.send((Direction::FromActive, piece.to_vec())).unwrap();
        }
        let mut recorder = Recorder { chunks, begun: [Vec::new(), Vec::new()], messages: Vec::new() };
        assert_eq!(recorder.messages().len(), 2);
        assert!(recorder.messages().iter().all(|(_, message)| *message == keepalive));
    }
}
