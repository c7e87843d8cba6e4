//! A peer of the daemon under test: a session that stays up, writes what it is told to, and keeps what it receives.

use super::now;
use bgp_proto::{
    family::Family,
    numbers::{Asn, HoldTime, MessageType, RouterId},
    wire::{
        capability::Capability,
        frame::{Frame, frame},
        message,
        notification::Notification,
        open::Offer,
    },
};
use socket2::{Domain, Socket, Type};
use std::{
    io::{self, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Octets that are read at a time.
const CHUNK: usize = 256 * 1024;
/// Messages to write that may wait.
const WAITING: usize = 4;

/// Who a peer is, and whom it talks to.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Its AS.
    pub asn: Asn,
    /// Its identifier.
    pub router_id: RouterId,
    /// The address that it connects from.
    pub address: IpAddr,
    /// The daemon.
    pub daemon: SocketAddr,
    /// The family that it exchanges.
    pub family: Family,
    /// The hold time that it proposes.
    pub hold_time: HoldTime,
}

/// A peer whose session is established. It stays so until the value is closed or dropped.
pub struct Peer {
    stream: TcpStream,
    seen: Arc<Seen>,
    writer: SyncSender<Arc<[u8]>>,
    reader: JoinHandle<Vec<u8>>,
}

/// What others may know while the session goes on.
#[derive(Debug, Default)]
struct Seen {
    /// Octets of whole messages received.
    received: AtomicU64,
    /// Of them, those of UPDATEs.
    updates: AtomicU64,
    /// When the last UPDATE came, in nanoseconds.
    last: AtomicU64,
    /// The longest time without any octet, in nanoseconds.
    silence: AtomicU64,
    /// Octets that are still to be written.
    unwritten: AtomicU64,
    /// The session is over, whoever ended it.
    down: AtomicBool,
}

impl Peer {
    /// Connects and opens a session; call it in the namespace. With `keep`, all that comes is kept.
    ///
    /// # Errors
    /// When the daemon does not want the session (yet): what it said or did.
    pub fn establish(identity: &Identity, keep: bool) -> Result<Self, String> {
        let stream = connect(identity).map_err(|e| format!("{}: {e}", identity.daemon))?;
        let rest = greet(&stream, identity)?;
        let seen = Arc::new(Seen::default());
        let (writer, orders) = sync_channel(WAITING);
        let interval = Duration::from_secs(identity.hold_time.seconds().into()) / 3;
        let copy = || stream.try_clone().map_err(|e| e.to_string());
        let (from, to, told) = (copy()?, copy()?, Arc::clone(&seen));
        thread::spawn(move || write(to, &orders, interval, &told));
        let told = Arc::clone(&seen);
        let reader = thread::spawn(move || read(from, rest, keep, &told));
        Ok(Peer { stream, seen, writer, reader })
    }

    /// Writes messages, in the background.
    pub fn write(&self, messages: &Arc<[u8]>) {
        self.seen.unwritten.fetch_add(messages.len() as u64, SeqCst);
        // Where the session is down nobody takes them, which `is_down` tells.
        let _ = self.writer.send(Arc::clone(messages));
    }

    /// Whether all that was to be written is.
    pub fn is_written(&self) -> bool {
        self.seen.unwritten.load(SeqCst) == 0
    }

    /// Whether the session is over.
    pub fn is_down(&self) -> bool {
        self.seen.down.load(SeqCst)
    }

    /// Octets of whole messages received.
    pub fn received(&self) -> usize {
        self.seen.received.load(SeqCst) as usize
    }

    /// Of them, those of UPDATEs.
    pub fn updates(&self) -> u64 {
        self.seen.updates.load(SeqCst)
    }

    /// When the last UPDATE came.
    pub fn last(&self) -> Duration {
        Duration::from_nanos(self.seen.last.load(SeqCst))
    }

    /// The longest time without a word from the daemon.
    pub fn silence(&self) -> Duration {
        Duration::from_nanos(self.seen.silence.load(SeqCst))
    }

    /// Closes the connection without a word, and gives all that was received if it was to be kept.
    pub fn close(self) -> Vec<u8> {
        // It may be closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
        drop(self.writer);
        self.reader.join().expect("a reader does not panic")
    }
}

fn connect(identity: &Identity) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(identity.daemon), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(identity.address, 0).into())?;
    socket.connect(&identity.daemon.into())?;
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(socket.into())
}

/// Exchanges OPENs and first KEEPALIVEs, and gives what came behind them.
fn greet(mut stream: &TcpStream, identity: &Identity) -> Result<Vec<u8>, String> {
    let mut offer = Offer::new(identity.asn, identity.router_id, identity.hold_time);
    offer.capabilities = vec![Capability::Multiprotocol(identity.family).to_owned()];
    let (mut open, mut alive) = (Vec::new(), Vec::new());
    offer.encode(&mut open).map_err(|e| e.to_string())?;
    message::keepalive(&mut alive);
    stream.write_all(&open).map_err(|e| e.to_string())?;
    let (mut octets, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        while let Frame::Message(raw) = frame(&octets, None) {
            let (kind, len) = (raw.kind, raw.len());
            match kind {
                MessageType::OPEN => stream.write_all(&alive).map_err(|e| e.to_string())?,
                MessageType::NOTIFICATION => return Err(format!("it said {:?}", Notification::decode(raw))),
                _ => {}
            }
            octets.drain(..len);
            if kind == MessageType::KEEPALIVE {
                return Ok(octets);
            }
        }
        match stream.read(&mut chunk).map_err(|e| e.to_string())? {
            0 => return Err("it closed the connection".into()),
            read => octets.extend_from_slice(&chunk[..read]),
        }
    }
}

/// Writes what is asked for, and a KEEPALIVE when nothing was for a while.
fn write(mut stream: TcpStream, orders: &Receiver<Arc<[u8]>>, interval: Duration, seen: &Seen) {
    let mut alive = Vec::new();
    message::keepalive(&mut alive);
    loop {
        let written = match orders.recv_timeout(interval) {
            Ok(messages) => {
                let written = stream.write_all(&messages);
                seen.unwritten.fetch_sub(messages.len() as u64, SeqCst);
                written
            }
            Err(RecvTimeoutError::Timeout) => stream.write_all(&alive),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if written.is_err() {
            return seen.down.store(true, SeqCst);
        }
    }
}

/// Reads until the session ends, and looks no closer at messages than to tell their type and length.
fn read(mut stream: TcpStream, mut octets: Vec<u8>, keep: bool, seen: &Seen) -> Vec<u8> {
    let (mut chunk, mut looked, mut heard) = (vec![0; CHUNK], 0, now());
    stream.set_read_timeout(None).expect("a wait can be without end");
    loop {
        let read = stream.read(&mut chunk).unwrap_or_default();
        let at = now();
        let silence = at.saturating_sub(heard).as_nanos() as u64;
        heard = at;
        seen.silence.fetch_max(silence, SeqCst);
        if read == 0 {
            seen.down.store(true, SeqCst);
            return octets;
        }
        octets.extend_from_slice(&chunk[..read]);
        let start = looked;
        let mut updates = 0;
        while let Some([.., high, low, kind]) = octets[looked..].first_chunk::<19>() {
            let len = usize::from(u16::from_be_bytes([*high, *low])).max(19);
            if octets.len() < looked + len {
                break;
            }
            updates += if *kind == MessageType::UPDATE.0 { len as u64 } else { 0 };
            looked += len;
        }
        if updates > 0 {
            seen.last.store(at.as_nanos() as u64, SeqCst);
        }
        seen.updates.fetch_add(updates, SeqCst);
        seen.received.fetch_add((looked - start) as u64, SeqCst);
        if !keep {
            octets.drain(..looked);
            looked = 0;
        }
    }
}
