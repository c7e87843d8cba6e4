//! A router that is nothing but a session: it notes when each UPDATE comes, and what it says.

use crate::load::now;
use bgp_proto::{
    family::Family,
    numbers::{Asn, HoldTime, RouterId},
    session::{Action, ConnectionId, RemoteAs, Session, Settings},
    time::Time,
    wire::{
        capability::{Capability, CapabilityBuf, RestartEntry, RestartFlags},
        open::Offer,
        pack,
        update::Update,
    },
};
use lab::Namespace;
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};

const FAMILIES: [Family; 2] = [Family::IPV4, Family::IPV6];
/// Octets that are read at a time.
const CHUNK: usize = 64 * 1024;
/// UPDATEs that nobody has looked at.
const WAITING: usize = 65_536;
/// Nobody who measures waits for a KEEPALIVE: there are none.
const HOLD_TIME: u16 = 0;

/// What came, and when.
#[derive(Debug)]
struct Heard {
    at: Duration,
    what: What,
}

#[derive(Debug)]
enum What {
    Up,
    Update { announced: Vec<Ipv4Addr>, withdrawn: Vec<Ipv4Addr> },
    Down,
}

/// A router, and what it was told so far.
pub struct Router {
    heard: Receiver<Heard>,
    /// When each address was announced for the last time, or withdrawn.
    told: BTreeMap<Ipv4Addr, (bool, Duration)>,
    /// UPDATEs that announce or withdraw something.
    pub updates: u64,
    /// When the last of them came.
    pub last: Duration,
    /// Sessions that came up.
    pub ups: u64,
    /// Sessions that ended.
    pub downs: u64,
}

impl Router {
    /// A router in a namespace.
    ///
    /// # Panics
    /// When it cannot listen at this address.
    #[must_use]
    pub fn new(namespace: &Namespace, address: Ipv4Addr) -> Self {
        let (tell, heard) = sync_channel(WAITING);
        let listener = namespace.run(|| TcpListener::bind(SocketAddr::new(address.into(), 179)));
        let listener = listener.expect("the address is the namespace's");
        thread::spawn(move || {
            // It ends with the program, or with whoever listens to it.
            while let Ok((stream, _)) = listener.accept() {
                if talk(stream, &tell).is_none() {
                    return;
                }
            }
        });
        Router { heard, told: BTreeMap::new(), updates: 0, last: Duration::ZERO, ups: 0, downs: 0 }
    }

    /// How many addresses it has.
    #[must_use]
    pub fn held(&self) -> usize {
        self.told.values().filter(|(there, _)| *there).count()
    }

    /// How many addresses were announced since a moment.
    #[must_use]
    pub fn announced_since(&self, since: Duration) -> usize {
        self.told.values().filter(|(there, at)| *there && *at >= since).count()
    }

    /// When an address was told to be there, or not to be, if that is so since a moment.
    #[must_use]
    pub fn told(&self, address: Ipv4Addr, there: bool, since: Duration) -> Option<Duration> {
        self.told.get(&address).filter(|(is, at)| *is == there && *at >= since).map(|(_, at)| *at)
    }

    /// Takes in what comes until there is an answer. `None`: there is none within the bound.
    pub fn wait<T>(&mut self, bound: Duration, mut answer: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let until = now() + bound;
        loop {
            self.look();
            if let Some(found) = answer(self) {
                return Some(found);
            }
            let left = until.saturating_sub(now());
            match self.heard.recv_timeout(left) {
                Ok(heard) => self.take(heard),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Takes in what has come.
    pub fn look(&mut self) {
        while let Ok(heard) = self.heard.try_recv() {
            self.take(heard);
        }
    }

    fn take(&mut self, Heard { at, what }: Heard) {
        match what {
            What::Up => self.ups += 1,
            What::Down => {
                self.downs += 1;
                self.told.clear();
            }
            What::Update { announced, withdrawn } => {
                (self.updates, self.last) = (self.updates + 1, at);
                self.told.extend(announced.into_iter().map(|address| (address, (true, at))));
                self.told.extend(withdrawn.into_iter().map(|address| (address, (false, at))));
            }
        }
    }
}

/// A session until it ends. `None`: nobody listens any more.
fn talk(mut stream: TcpStream, tell: &SyncSender<Heard>) -> Option<()> {
    // Nothing that we write is worth waiting for.
    let _ = stream.set_nodelay(true);
    let mut session = session();
    session.start(Time::START);
    let Some(connection) = session.accept(Time::START) else { return Some(()) };
    let (mut unread, mut chunk, mut is_up) = (Vec::new(), vec![0; CHUNK], false);
    loop {
        write(&mut stream, &mut session, connection);
        let read = stream.read(&mut chunk).unwrap_or(0);
        let at = now();
        unread.extend_from_slice(&chunk[..read]);
        let mut input = &unread[..];
        while let Some(action) = session.receive(Time::START, connection, &mut input) {
            if let Some(what) = heard(&action) {
                tell.send(Heard { at, what }).ok()?;
            }
        }
        unread = input.to_vec();
        if session.terms().is_some() && !is_up {
            is_up = true;
            tell.send(Heard { at, what: What::Up }).ok()?;
            // It has nothing to tell, and says so: after a restart it is waited for.
            session.send(|_, out| FAMILIES.iter().for_each(|family| pack::end_of_rib(*family, out)));
        }
        if read == 0 {
            return tell.send(Heard { at, what: What::Down }).ok();
        }
    }
}

fn write(stream: &mut TcpStream, session: &mut Session, connection: ConnectionId) {
    let octets = session.transmit(connection).to_vec();
    // Whoever is gone does not read.
    let _ = stream.write_all(&octets);
    session.sent(Time::START, connection, octets.len());
}

fn session() -> Session {
    let (asn, id) = (Asn(65000), RouterId::new(65000).expect("not zero"));
    let mut offer = Offer::new(asn, id, HoldTime::new(HOLD_TIME).expect("0 is allowed"));
    offer.capabilities.extend(FAMILIES.map(|family| Capability::Multiprotocol(family).to_owned()));
    let entries = FAMILIES.map(|family| RestartEntry { family, forwarding: true });
    let flags = RestartFlags { restarting: false, notification: true, time: 60 };
    offer.capabilities.push(CapabilityBuf::graceful_restart(flags, &entries));
    let mut settings = Settings::new(offer, RemoteAs::Fixed(Asn(64512)));
    settings.passive = true;
    Session::new(settings, 1).expect("it is a sound one")
}

fn heard(action: &Action<'_>) -> Option<What> {
    match action {
        Action::Update(update) => Some(said(update)),
        _ => None,
    }
}

fn said(update: &Update<'_>) -> What {
    let announced = update.announced().map(|path| Ipv4Addr::from_bits(path.item.bits())).collect();
    let withdrawn = update.withdrawn().map(|path| Ipv4Addr::from_bits(path.item.bits())).collect();
    What::Update { announced, withdrawn }
}
