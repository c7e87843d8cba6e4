//! Speakers in one process that talk over loopback. Speaker `n` is 127.0.0.`n` in AS 65000 + `n`.

#![allow(dead_code, reason = "each test file uses a part")]

use bgp_daemon::{
    config::{Config, Peer, PeerSettings, Remote},
    engine::{Event, Who},
    policy::{NextHopChange, Policy},
    rib::LocalRoute,
    speaker::{Error, Events, Heard, Speaker, Start},
};
use bgp_proto::{
    numbers::{Asn, RouterId},
    session::RemoteAs,
};
use std::{future::Future, net::IpAddr, time::Duration};
use tokio::time::timeout;

/// The longest that anything takes on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

/// What happens within the bound.
pub(crate) async fn within<T>(what: &str, happens: impl Future<Output = T>) -> T {
    timeout(BOUND, happens).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

pub(crate) fn address(number: u8) -> IpAddr {
    [127, 0, 0, number].into()
}

pub(crate) fn remote(number: u8) -> Remote {
    Remote::Address(address(number), None)
}

/// Speaker `number`, listening, without peers.
pub(crate) fn config(number: u8) -> Config {
    Config {
        router_id: RouterId::new(u32::from(number)),
        resolve_next_hops: false,
        listen: vec![(address(number), 0).into()],
        ..Config::new(Asn(65000 + u32::from(number)))
    }
}

/// Takes and tells everything, and comes back soon.
pub(crate) fn settings(ours: u8, theirs: u8) -> PeerSettings {
    let mut settings = PeerSettings {
        source_address: Some(address(ours)),
        import: Some(Policy::all()),
        export: Some(Policy::all()),
        // An address of loopback is nobody else's next hop.
        next_hop: Some(NextHopChange::Addresses { ipv4: Some([192, 0, 2, ours].into()), ipv6: None }),
        ..PeerSettings::new(RemoteAs::Fixed(Asn(65000 + u32::from(theirs))))
    };
    settings.timers.idle_hold = Duration::from_millis(10);
    settings.timers.connect_retry = Duration::from_millis(200);
    settings
}

/// Waits to be connected by speaker `theirs`.
pub(crate) fn passive(ours: u8, theirs: u8) -> Peer {
    let settings = PeerSettings { passive: true, ..settings(ours, theirs) };
    Peer { remote: remote(theirs), group: None, settings }
}

/// Dials speaker `theirs`, which listens at this port.
pub(crate) fn active(ours: u8, theirs: u8, port: u16) -> Peer {
    let settings = PeerSettings { port, ..settings(ours, theirs) };
    Peer { remote: remote(theirs), group: None, settings }
}

pub(crate) fn route(prefix: &str) -> LocalRoute {
    LocalRoute::new(prefix.parse().unwrap())
}

/// A speaker and what happened in it since it was started.
pub(crate) struct Running {
    pub(crate) speaker: Speaker,
    pub(crate) events: Events,
    pub(crate) port: u16,
}

pub(crate) async fn start(config: Config) -> Running {
    start_as(config, Start::default()).await.unwrap()
}

pub(crate) async fn start_as(config: Config, start: Start) -> Result<Running, Error> {
    let speaker = Speaker::start(config, start)?;
    let events = speaker.events();
    let port = speaker.listening().await?.first().map_or(0, std::net::SocketAddr::port);
    Ok(Running { speaker, events, port })
}

/// Two speakers whose session is up: 1 dials 2.
pub(crate) async fn pair() -> (Running, Running) {
    let mut second = start(Config { peers: vec![passive(2, 1)], ..config(2) }).await;
    let mut first = start(Config { peers: vec![active(1, 2, second.port)], ..config(1) }).await;
    first.up(2).await;
    second.up(1).await;
    (first, second)
}

impl Running {
    /// The next event that is looked for.
    pub(crate) async fn event(&mut self, what: &str, mut is: impl FnMut(&Event) -> bool) -> Event {
        let seen = async {
            loop {
                match self.events.next().await {
                    Some(Heard::Event(event)) if is(&event) => return event,
                    Some(_) => {}
                    None => panic!("the speaker ended before {what}"),
                }
            }
        };
        within(what, seen).await
    }

    /// The session with a speaker is up; it may have been before anybody listened.
    pub(crate) async fn up(&mut self, number: u8) {
        let wanted = remote(number);
        if self.is_up(number).await {
            return;
        }
        let is = |event: &Event| matches!(event, Event::Up(Who { remote, .. }, _) if *remote == wanted);
        self.event(&format!("the session with {number}"), is).await;
    }

    pub(crate) async fn down(&mut self, number: u8) -> String {
        let wanted = remote(number);
        let is = |event: &Event| matches!(event, Event::Down { who, .. } if who.remote == wanted);
        self.event(&format!("the end of the session with {number}"), is).await.to_string()
    }

    pub(crate) async fn is_up(&self, number: u8) -> bool {
        let wanted = remote(number);
        let asked = self
            .speaker
            .ask(move |engine, _| engine.peers().any(|peer| *peer.remote == wanted && peer.terms.is_some()));
        asked.await.unwrap()
    }

    /// The paths of the selected routes to a prefix.
    pub(crate) async fn paths(&self, prefix: &str) -> Vec<String> {
        let prefix = prefix.parse().unwrap();
        let listed = self.speaker.ask(move |engine, _| engine.routes(prefix)).await.unwrap();
        listed.iter().map(|route| route.learned.0.as_path.to_string()).collect()
    }

    /// Looks again and again until it has as many routes to a prefix as that.
    pub(crate) async fn has(&self, prefix: &str, routes: usize) {
        let looked = async {
            while self.paths(prefix).await.len() != routes {
                tokio::task::yield_now().await;
            }
        };
        within(&format!("{routes} routes to {prefix}"), looked).await;
    }
}
