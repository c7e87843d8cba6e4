//! Listening: a task for each address, and the keys that its socket needs before the first segment comes.

use super::{Error, dial::Ends, socket};
use crate::config::Password;
use ipnet::IpNet;
use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::sleep,
};

/// How many connections wait at the most to be looked at; more wait in the kernel.
pub(super) const ARRIVALS: usize = 16;
/// How long to wait after the first of several failures, and at the most.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(1)];

/// Somebody connected.
pub(super) struct Arrival {
    pub(super) stream: TcpStream,
    pub(super) ends: Ends,
}

/// The sockets that listen.
pub(super) struct Listeners {
    open: BTreeMap<SocketAddr, Listener>,
    keys: BTreeMap<IpNet, Password>,
    arrivals: mpsc::Sender<Arrival>,
}

struct Listener {
    socket: Arc<TcpListener>,
    task: JoinHandle<()>,
}

/// A socket that listens already, for the address that was asked for.
pub(super) type Bound = (SocketAddr, std::net::TcpListener);

/// Begins to listen. Connections wait in the kernel until somebody takes them.
pub(super) fn bind(address: SocketAddr) -> Result<Bound, Error> {
    let bound = socket::listening(address).map_err(|error| Error::Listen(address, error))?;
    Ok((address, bound.into()))
}

impl Listeners {
    pub(super) fn new(arrivals: mpsc::Sender<Arrival>) -> Self {
        Listeners { open: BTreeMap::new(), keys: BTreeMap::new(), arrivals }
    }

    /// Where they really are, in the order of what was asked for.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.open.values().filter_map(|listener| listener.socket.local_addr().ok()).collect()
    }

    /// Takes connections from these, too.
    pub(super) fn add(&mut self, bound: Vec<Bound>) -> Result<(), Error> {
        for (address, socket) in bound {
            let socket = TcpListener::from_std(socket).map_err(|error| Error::Listen(address, error))?;
            let socket = Arc::new(socket);
            self.keys.iter().for_each(|(peers, password)| sign(&socket, *peers, Some(password)));
            let task = tokio::spawn(accept(Arc::clone(&socket), address, self.arrivals.clone()));
            self.open.insert(address, Listener { socket, task });
        }
        Ok(())
    }

    /// Listens at these addresses and nowhere else; on failure, where it did before.
    pub(super) async fn listen(&mut self, wanted: &[SocketAddr]) -> Result<(), Error> {
        let open: Vec<SocketAddr> = self.open.keys().copied().collect();
        let gone: Vec<_> = open.iter().copied().filter(|address| !wanted.contains(address)).collect();
        let fresh = wanted.iter().copied().filter(|address| !open.contains(address));
        // First, for an old address may hold the port of a new one.
        for address in &gone {
            self.close(address).await;
        }
        let bound: Result<Vec<Bound>, Error> = fresh.map(bind).collect();
        match bound {
            Ok(bound) => self.add(bound),
            Err(error) => {
                let back: Result<Vec<Bound>, Error> = gone.into_iter().map(bind).collect();
                back.and_then(|back| self.add(back))?;
                Err(error)
            }
        }
    }

    /// Listens nowhere any more.
    pub(super) async fn close_all(&mut self) {
        let open: Vec<SocketAddr> = self.open.keys().copied().collect();
        for address in &open {
            self.close(address).await;
        }
    }

    async fn close(&mut self, address: &SocketAddr) {
        if let Some(mut listener) = self.open.remove(address) {
            listener.task.abort();
            // That it was aborted is an error to who waits for it.
            let _ = (&mut listener.task).await;
        }
    }

    /// Signs what is said to these peers, and to nobody else.
    pub(super) fn set_keys(&mut self, keys: impl Iterator<Item = (IpNet, Password)>) {
        let mut wanted: BTreeMap<IpNet, Password> = BTreeMap::new();
        for (peers, password) in keys {
            if wanted.get(&peers).is_some_and(|other| *other != password) {
                tracing::error!(
                    "{peers} has two passwords, and the kernel knows one for the same addresses on all interfaces; \
                     use the same on each"
                );
            }
            wanted.entry(peers).or_insert(password);
        }
        let sockets = || self.open.values().map(|listener| &listener.socket);
        for peers in self.keys.keys().filter(|peers| !wanted.contains_key(peers)) {
            sockets().for_each(|socket| sign(socket, *peers, None));
        }
        for (peers, password) in
            wanted.iter().filter(|(peers, password)| self.keys.get(peers) != Some(password))
        {
            sockets().for_each(|socket| sign(socket, *peers, Some(password)));
        }
        self.keys = wanted;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn sign(socket: &TcpListener, peers: IpNet, password: Option<&Password>) {
    let same_width = socket.local_addr().is_ok_and(|at| at.is_ipv4() == peers.addr().is_ipv4());
    if same_width && let Err(error) = socket::set_key(socket, peers, password) {
        tracing::error!(
            "the key for segments of {peers} cannot be set, and none of its sessions comes up: {error}"
        );
    }
}

/// Takes connections, no more than somebody looks at. Where the process has no room for one more, that is said once,
/// and tried again until there is.
async fn accept(socket: Arc<TcpListener>, address: SocketAddr, arrivals: mpsc::Sender<Arrival>) {
    let [shortest, longest] = PAUSES;
    let mut pause = None;
    // It ends with the speaker.
    while let Ok(place) = arrivals.reserve().await {
        match socket.accept().await {
            Ok((stream, remote)) => {
                if pause.take().is_some_and(|pause| pause >= longest) {
                    tracing::info!("{address} accepts connections again");
                }
                // One that is gone already has no address.
                if let Ok(local) = stream.local_addr() {
                    place.send(Arrival { stream, ends: (local, remote) });
                }
            }
            Err(error) if is_of_one(&error) => {}
            Err(error) => {
                let next = pause.map_or(shortest, |pause: Duration| (pause * 2).min(longest));
                if next == longest && pause != Some(longest) {
                    tracing::error!("{address} cannot accept connections for the moment: {error}");
                }
                pause = Some(next);
                sleep(next).await;
            }
        }
    }
}

/// Only the connection that was to be accepted is concerned.
fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
