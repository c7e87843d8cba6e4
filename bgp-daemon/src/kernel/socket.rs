//! Sockets to the kernel's routing tables: one to ask and tell, one to listen.

use super::{
    batch::Batch,
    numbers::{DUMP_ADDRESS, DUMP_LINK, DUMP_OBJECT, DUMP_ROUTE, GROUPS, INET, INET_6, flag},
    read::{Refusal, messages},
};
use crate::fib::Event;
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{SockFilter, SockRef};
use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};
use tokio::io::{Interest, unix::AsyncFd};

/// The largest datagram that the kernel sends, and room for more.
const DATAGRAM: usize = 256 * 1024;
/// Room for what the kernel tells while we do something else: a route takes less than a thousand octets of it.
const TOLD: usize = 16 << 20;
/// Room for refusals of a whole batch.
const REFUSALS: usize = 1 << 20;

/// Asks and tells, and waits for each answer.
pub(super) struct Requests {
    socket: Socket,
    port: u32,
    buffer: Vec<u8>,
    refusals: Vec<Refusal>,
}

/// A dump of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Links,
    Addresses,
    Objects,
    /// Of one width and one table.
    Routes(u8, u32),
}

impl Part {
    /// Links, addresses and next hop objects.
    pub(super) const FIRST: [Part; 3] = [Part::Links, Part::Addresses, Part::Objects];

    /// Routes of both widths in these tables.
    pub(super) fn routes(tables: &[u32]) -> impl Iterator<Item = Part> {
        tables.iter().flat_map(|table| [INET, INET_6].map(|family| Part::Routes(family, *table)))
    }

    fn ask(self, batch: &mut Batch) {
        match self {
            Part::Links => batch.dump(DUMP_LINK, &[0; 16], None),
            Part::Addresses => batch.dump(DUMP_ADDRESS, &[0; 8], None),
            Part::Objects => batch.dump(DUMP_OBJECT, &[0; 8], None),
            Part::Routes(family, table) => {
                batch.dump(DUMP_ROUTE, &[family, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Some(table));
            }
        }
    }
}

impl Requests {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        let port = socket.bind_auto()?.port_number();
        socket.set_cap_ack(true)?;
        socket.set_ext_ack(true)?;
        // Older kernels tell more than they are asked for, which is sorted out later.
        let _ = socket.set_netlink_get_strict_chk(true);
        widen(&socket, REFUSALS);
        Ok(Requests { socket, port, buffer: Vec::with_capacity(DATAGRAM), refusals: Vec::new() })
    }

    /// Sends a batch; returns what was refused, by its place in the batch.
    pub(super) fn send(&mut self, batch: &mut Batch) -> io::Result<&[Refusal]> {
        self.refusals.clear();
        if batch.len() == 0 {
            return Ok(&self.refusals);
        }
        let last = batch.len() as usize - 1;
        self.socket.send(batch.octets(), 0)?;
        let mut over = false;
        while !over {
            receive(&self.socket, &mut self.buffer)?;
            for ending in messages(&self.buffer).filter_map(|message| message.ending()) {
                let Some(place) = batch.place(ending.number) else { continue };
                over |= place == last;
                if ending.error != 0 {
                    self.refusals.push(Refusal { number: place as u32, ..ending });
                }
            }
        }
        Ok(&self.refusals)
    }

    /// Has all there is of something told. False: it changed meanwhile, and something may be missing.
    pub(super) fn dump(
        &mut self,
        batch: &mut Batch,
        part: Part,
        mut tell: impl FnMut(Event),
    ) -> io::Result<bool> {
        part.ask(batch);
        self.socket.send(batch.octets(), 0)?;
        let mut whole = true;
        loop {
            receive(&self.socket, &mut self.buffer)?;
            for message in messages(&self.buffer).filter(|message| message.number == batch.number()) {
                whole &= !message.is_interrupted();
                match message.ending() {
                    // There is no such table yet.
                    Some(Refusal { error: 0 | libc::ENOENT, .. }) => return Ok(whole),
                    Some(Refusal { error, .. }) => return Err(io::Error::from_raw_os_error(error)),
                    None => message.event().into_iter().for_each(&mut tell),
                }
            }
        }
    }

    /// Whom the kernel takes us for.
    pub(super) fn port(&self) -> u32 {
        self.port
    }
}

/// Reads one datagram.
fn receive(socket: &Socket, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    match socket.recv(buffer, 0) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => receive(socket, buffer),
        other => other.map(drop),
    }
}

/// As much room as the machine allows.
fn widen(socket: &Socket, octets: usize) {
    // Who may change routes may have more than others. A smaller one is found out when it overruns.
    if setsockopt(&socket.as_fd(), sockopt::RcvBufForce, &octets).is_err() {
        let _ = setsockopt(&socket.as_fd(), sockopt::RcvBuf, &octets);
    }
}

/// Hears of what changes.
pub(super) struct Watch {
    socket: Socket,
    buffer: Vec<u8>,
}

/// How listening went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// There is nothing more to be heard now.
    All,
    /// There may be more.
    Some,
    /// Something was missed.
    Missed,
}

impl Watch {
    /// Listens to everybody's changes but those asked for through this port.
    pub(super) fn open(but: u32) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.set_non_blocking(true)?;
        widen(&socket, TOLD);
        SockRef::from(&socket.as_fd()).attach_filter(&but_from(but))?;
        for group in GROUPS {
            match socket.add_membership(group) {
                // Kernels without next hop objects do not know the last one.
                Err(error) if group == GROUPS[5] && error.kind() == io::ErrorKind::InvalidInput => {}
                other => other?,
            }
        }
        Ok(Watch { socket, buffer: Vec::with_capacity(DATAGRAM) })
    }

    /// Takes the socket into the runtime that this is called in.
    #[expect(unsafe_code, reason = "the runtime wants to be told that the descriptor is ours")]
    pub(super) fn register(self) -> io::Result<AsyncFd<Watch>> {
        // SAFETY: the descriptor is that of a socket that `self` owns, never changes and closes only when it is dropped.
        Ok(unsafe { AsyncFd::register_with_interest(self, Interest::READABLE) }?)
    }

    /// Takes what waits, up to so many datagrams.
    pub(super) fn hear(&mut self, limit: usize, mut tell: impl FnMut(Event)) -> io::Result<Heard> {
        for _ in 0..limit {
            match receive(&self.socket, &mut self.buffer) {
                Ok(()) => messages(&self.buffer).filter_map(|message| message.event()).for_each(&mut tell),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Heard::All),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Ok(Heard::Missed),
                Err(error) => return Err(error),
            }
        }
        Ok(Heard::Some)
    }
}

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A program for the kernel: what was asked for through this port is not told. Where the sender stands in a message is
/// read as if it had come from a network.
fn but_from(port: u32) -> [SockFilter; 4] {
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const SENDER: u32 = 12;
    [
        SockFilter::new(LOAD_WORD, 0, 0, SENDER),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, port.to_be()),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
}

/// What the kernel refused, in words. `None`: it only did not find what was to be removed.
pub(super) fn words(refusal: &Refusal, removes: bool) -> Option<String> {
    if removes && matches!(refusal.error, libc::ESRCH | libc::ENOENT) {
        return None;
    }
    let system = io::Error::from_raw_os_error(refusal.error);
    Some(match &refusal.words {
        Some(words) => format!("{words} ({system})"),
        None => system.to_string(),
    })
}

/// Whether an error says that the kernel has no next hop objects.
pub(super) fn is_unknown(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EINVAL))
}

const _: () = assert!(flag::DUMP == flag::REPLACE | flag::EXCLUSIVE);
