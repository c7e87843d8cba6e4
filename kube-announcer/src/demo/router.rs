//! What is seen of routes: what a router of ours has learned, or what one node has sent to a real one.

use crate::object::Name;
use anyhow::Context;
use bgp_daemon::{
    config::{Config, Peer, PeerSettings, Remote},
    engine::{Engine, Sent},
    policy::Policy,
    rib::{Listed, Place},
    speaker::{Speaker, Start},
};
use bgp_proto::{
    family::Family,
    numbers::{Asn, RouterId},
    session::RemoteAs,
    time::Time,
};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::time::sleep;

/// The router, as the example's BgpPeer knows it, beside its address.
const ASN: Asn = Asn(65000);
/// The AS of the nodes.
const NODES: Asn = Asn(64512);

/// How often it is looked whether a session is up.
const LOOK: Duration = Duration::from_millis(50);

/// Which nodes announce each prefix.
pub(super) type Routes = BTreeMap<IpNet, BTreeSet<Name>>;

/// The address on loopback that stands for a node, or for the router: 0.
pub(super) fn loopback(number: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 179, 1 + number).into()
}

/// Where routes are looked at.
pub(super) enum Router {
    /// A router of ours, that knows nodes by their addresses.
    Ours(Speaker, BTreeMap<IpAddr, Name>),
    /// One of somebody else's: only what this node has sent it is known.
    Real(Speaker, Name),
}

impl Router {
    /// A router of ours on loopback, and where it listens.
    pub(super) async fn start(nodes: &[Name]) -> anyhow::Result<(Self, SocketAddr)> {
        let numbered: BTreeMap<_, _> = (1..).map(loopback).zip(nodes.iter().cloned()).collect();
        let peer = |(address, node): (&IpAddr, &Name)| {
            let settings = PeerSettings {
                description: Some((**node).into()),
                passive: true,
                source_address: Some(loopback(0)),
                families: vec![Family::IPV4, Family::IPV6],
                import: Some(Policy::all()),
                export: Some(Policy::none()),
                ..PeerSettings::new(RemoteAs::Fixed(NODES))
            };
            Peer { remote: Remote::Address(*address, None), group: None, settings }
        };
        let config = Config {
            router_id: RouterId::new(ASN.0),
            // Next hops are the nodes' own addresses, to which this machine has no way.
            resolve_next_hops: false,
            listen: vec![(loopback(0), 0).into()],
            peers: numbered.iter().map(peer).collect(),
            ..Config::new(ASN)
        };
        let speaker = Speaker::start(config, Start::default())?;
        let listening = speaker.listening().await?.first().copied().context("the router listens nowhere")?;
        Ok((Router::Ours(speaker, numbered), listening))
    }

    fn speaker(&self) -> &Speaker {
        match self {
            Router::Ours(speaker, _) | Router::Real(speaker, _) => speaker,
        }
    }

    /// The routes now, and when that is.
    pub(super) async fn look(&self) -> anyhow::Result<(Time, Routes)> {
        let seen = match self {
            Router::Ours(speaker, nodes) => {
                let nodes = nodes.clone();
                speaker.ask(move |engine, now| (now, learned(engine, &nodes))).await
            }
            Router::Real(speaker, node) => {
                let node = node.clone();
                speaker.ask(move |engine, now| (now, sent(engine, &node))).await
            }
        };
        Ok(seen?)
    }

    /// Waits for a session, and says what keeps it from coming up.
    pub(super) async fn up(&self, say: impl Fn(&str)) -> anyhow::Result<()> {
        let mut said = None;
        loop {
            let (up, last) = self.speaker().ask(|engine, _| (is_up(engine), ended(engine))).await?;
            if up {
                return Ok(());
            }
            if last != said {
                last.iter().for_each(|why| {
                    say(&format!("No session yet: {why}. It is tried again; Ctrl-C ends the demo."));
                });
                said = last;
            }
            sleep(LOOK).await;
        }
    }
}

fn is_up(engine: &Engine) -> bool {
    engine.peers().any(|peer| peer.terms.is_some())
}

/// How the last connection ended.
fn ended(engine: &Engine) -> Option<String> {
    let last = engine.peers().find_map(|peer| peer.last)?;
    Some(last.why.as_ref().map_or_else(|| last.reason.to_string(), |why| format!("{}: {why}", last.reason)))
}

/// All prefixes with what there is of each.
fn all(engine: &Engine) -> Vec<(IpNet, Vec<Listed>)> {
    let mut all = Vec::new();
    let mut from = Some(Place::default());
    while let Some(place) = from {
        let page = engine.page(place, 1000);
        all.extend(page.prefixes);
        from = page.next;
    }
    all
}

fn learned(engine: &Engine, nodes: &BTreeMap<IpAddr, Name>) -> Routes {
    let node = |listed: &Listed| match engine.sender(listed.sender)? {
        Sent::Peer(_, Remote::Address(address, _)) if !listed.stale => nodes.get(address).cloned(),
        _ => None,
    };
    let routes =
        all(engine).into_iter().map(|(prefix, listed)| (prefix, listed.iter().filter_map(node).collect()));
    routes.filter(|(_, from): &(IpNet, BTreeSet<Name>)| !from.is_empty()).collect()
}

fn sent(engine: &Engine, node: &Name) -> Routes {
    let told = all(engine).into_iter().filter(|(_, listed)| listed.iter().any(|one| !one.told.is_empty()));
    told.map(|(prefix, _)| (prefix, [node.clone()].into())).collect()
}
