//! A router that is nothing but a session: a test reads each message as it comes.

use bgp_proto::{
    family::Family,
    numbers::{Asn, HoldTime, RouterId},
    session::{Action, ConnectionId, Reason, RemoteAs, Session, Settings},
    time::Time,
    wire::{
        capability::{Capability, CapabilityBuf, RestartEntry, RestartFlags},
        nlri::Nlri,
        open::Offer,
        pack,
        update::Update,
    },
};
use lab::Namespace;
use std::{
    collections::BTreeMap,
    net::{self, Ipv4Addr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    time::timeout,
};

/// The longest that anything takes on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

pub(crate) const OURS: u32 = 65000;
pub(crate) const NODES: u32 = 64512;

/// What happens within the bound.
pub(crate) async fn within<T>(what: &str, happens: impl Future<Output = T>) -> T {
    timeout(BOUND, happens).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// A router on loopback, at a port that the kernel chose.
pub(crate) struct Router {
    listener: TcpListener,
    pub(crate) port: u16,
    stream: Option<TcpStream>,
    session: Session,
    connection: ConnectionId,
    unread: Vec<u8>,
    heard: Vec<Heard>,
    /// What it was told of each prefix, and not told otherwise since.
    pub(crate) routes: BTreeMap<String, String>,
}

/// What a message said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// An UPDATE: `+prefix` and `-prefix`.
    Update(Vec<String>),
    /// All of a family was told.
    End(Family),
    /// The session is over.
    Down(String),
}

impl Router {
    pub(crate) async fn new() -> Self {
        Router::at(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap())
    }

    /// The same in a namespace. The runtime is the one that it is asked in later.
    #[allow(dead_code, reason = "the tests on folders have none")]
    pub(crate) fn inside(at: &Namespace, runtime: &Runtime) -> Self {
        let listener = at.run(|| net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        listener.set_nonblocking(true).unwrap();
        let _guard = runtime.enter();
        Router::at(TcpListener::from_std(listener).unwrap())
    }

    fn at(listener: TcpListener) -> Self {
        let port = listener.local_addr().unwrap().port();
        Router {
            listener,
            port,
            stream: None,
            session: session(),
            connection: ConnectionId(0),
            unread: Vec::new(),
            heard: Vec::new(),
            routes: BTreeMap::new(),
        }
    }

    /// The node connects, and the session comes up.
    pub(crate) async fn up(&mut self) {
        let (stream, _) = within("the node to connect", self.listener.accept()).await.unwrap();
        self.stream = Some(stream);
        self.session = session();
        self.unread.clear();
        self.heard.clear();
        self.session.start(Time::START);
        self.connection = self.session.accept(Time::START).unwrap();
        self.write().await;
        while self.session.terms().is_none() {
            assert!(
                within("the session", self.read()).await,
                "it is down before it was up: {:?}",
                self.heard
            );
        }
        // It has nothing to tell, and says so: after a restart it is waited for.
        let families = [Family::IPV4, Family::IPV6];
        self.session.send(|_, out| families.iter().for_each(|family| pack::end_of_rib(*family, out)));
        self.write().await;
    }

    /// The next message that says anything.
    pub(crate) async fn next(&mut self) -> Heard {
        while self.heard.is_empty() {
            within("a message", self.read()).await;
        }
        self.heard.remove(0)
    }

    /// The same, until the session is over.
    pub(crate) async fn next_or_end(&mut self) -> Option<Heard> {
        match self.next().await {
            Heard::Down(_) => None,
            heard => Some(heard),
        }
    }

    /// All UPDATEs until every family was told.
    pub(crate) async fn whole(&mut self) -> Vec<Heard> {
        let mut updates = Vec::new();
        let mut ends = 0;
        while ends < 2 {
            match self.next().await {
                Heard::End(_) => ends += 1,
                heard => updates.push(heard),
            }
        }
        updates
    }

    /// The node's OPEN says that it ran a moment ago.
    pub(crate) fn says_that_it_restarts(&self) -> bool {
        let offer = self.session.peer_offer().unwrap();
        offer
            .capabilities
            .iter()
            .any(|one| matches!(one.view(), Capability::GracefulRestart(flags, _) if flags.restarting))
    }

    /// The connection is closed without a word.
    #[allow(dead_code, reason = "the tests of what is written into a cluster ask for it")]
    pub(crate) fn hang_up(&mut self) {
        self.stream = None;
    }

    /// Nobody connects again.
    pub(crate) fn is_left_alone(&self) -> bool {
        let accepted = std::pin::pin!(self.listener.accept());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        accepted.poll(&mut context).is_pending()
    }

    async fn read(&mut self) -> bool {
        let mut octets = [0; 4096];
        let stream = self.stream.as_mut().unwrap();
        let read = stream.read(&mut octets).await.unwrap_or(0);
        self.unread.extend_from_slice(&octets[..read]);
        let unread = std::mem::take(&mut self.unread);
        let mut input = &unread[..];
        while let Some(action) = self.session.receive(Time::START, self.connection, &mut input) {
            take(&mut self.routes, &mut self.heard, &action);
        }
        self.unread = input.to_vec();
        if read == 0 {
            self.session.closed(Time::START, self.connection);
        }
        while let Some(action) = self.session.poll() {
            take(&mut self.routes, &mut self.heard, &action);
        }
        self.write().await;
        read > 0
    }

    async fn write(&mut self) {
        let octets = self.session.transmit(self.connection).to_vec();
        let stream = self.stream.as_mut().unwrap();
        // Whoever is gone does not read.
        let _ = stream.write_all(&octets).await;
        self.session.sent(Time::START, self.connection, octets.len());
    }
}

fn session() -> Session {
    let mut offer = Offer::new(Asn(OURS), RouterId::new(OURS).unwrap(), HoldTime::new(90).unwrap());
    let families = [Family::IPV4, Family::IPV6];
    for family in families {
        offer.capabilities.push(Capability::Multiprotocol(family).to_owned());
    }
    let entries = families.map(|family| RestartEntry { family, forwarding: true });
    let flags = RestartFlags { restarting: false, notification: true, time: 60 };
    offer.capabilities.push(CapabilityBuf::graceful_restart(flags, &entries));
    let mut settings = Settings::new(offer, RemoteAs::Fixed(Asn(NODES)));
    settings.passive = true;
    Session::new(settings, 1).unwrap()
}

fn take(routes: &mut BTreeMap<String, String>, heard: &mut Vec<Heard>, action: &Action<'_>) {
    match action {
        Action::Update(update) => heard.push(Heard::Update(prefixes(routes, update))),
        Action::EndOfRib(family) => heard.push(Heard::End(*family)),
        Action::Down { reason, .. } | Action::Close { reason, .. } => {
            let text = match reason {
                Reason::Received(notification) => format!("received {notification}"),
                reason => reason.to_string(),
            };
            heard.push(Heard::Down(text));
        }
        _ => {}
    }
}

/// What an UPDATE says of which prefix.
fn prefixes(routes: &mut BTreeMap<String, String>, update: &Update<'_>) -> Vec<String> {
    let attributes = update.attributes();
    let communities: Vec<_> = attributes.communities().map(|community| community.to_string()).collect();
    let mut announced: Vec<_> = update.announced().map(|path| path.item.to_string()).collect();
    let mut withdrawn: Vec<_> = update.withdrawn().map(|path| path.item.to_string()).collect();
    let mut next_hop = attributes.next_hop().map(|next_hop| next_hop.to_string()).unwrap_or_default();
    if let Some(reach) = update.reach() {
        next_hop = reach.next_hop.map(|next_hop| next_hop.to_string()).unwrap_or_default();
        if let Nlri::Ipv6(items) = reach.nlri {
            announced.extend(items.map(|path| path.item.to_string()));
        }
    }
    if let Some(Nlri::Ipv6(items)) = update.unreach().map(|unreach| unreach.nlri) {
        withdrawn.extend(items.map(|path| path.item.to_string()));
    }
    let mut said = Vec::new();
    for prefix in announced {
        said.push(format!("+{prefix}"));
        routes.insert(prefix, format!("{next_hop} {}", communities.join(" ")).trim_end().to_owned());
    }
    for prefix in withdrawn {
        said.push(format!("-{prefix}"));
        routes.remove(&prefix);
    }
    said.sort();
    said
}
