//! Two speakers in one program: one announces a route, the other one has it.
//!
//! `cargo run -p bgp-daemon --example two_speakers`

use bgp_daemon::{
    config::{Config, Peer, PeerSettings, Remote},
    engine::{Event, Shutdown},
    policy::{NextHopChange, Policy},
    rib::LocalRoute,
    speaker::{Heard, Speaker, Start},
};
use bgp_proto::{
    family::Family,
    numbers::{Asn, RouterId},
    session::RemoteAs,
};
use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr},
};

const LEFT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const RIGHT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Speaks for an address of loopback in an AS, at a port that the kernel chooses.
fn config(address: Ipv4Addr, asn: u32) -> Config {
    Config {
        router_id: RouterId::new(asn),
        listen: vec![(address, 0).into()],
        // Nobody tells this speaker which next hops can be reached.
        resolve_next_hops: false,
        ..Config::new(Asn(asn))
    }
}

/// Takes everything, and tells everything.
fn peer(address: Ipv4Addr, asn: u32, from: Ipv4Addr) -> Peer {
    let settings = PeerSettings {
        source_address: Some(from.into()),
        import: Some(Policy::all()),
        export: Some(Policy::all()),
        // An address of loopback is nobody else's next hop.
        next_hop: Some(NextHopChange::Addresses { ipv4: Some([192, 0, 2, 1].into()), ipv6: None }),
        ..PeerSettings::new(RemoteAs::Fixed(Asn(asn)))
    };
    Peer { remote: Remote::Address(IpAddr::V4(address), None), group: None, settings }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut right = config(RIGHT, 65002);
    right.peers.push(peer(LEFT, 65001, RIGHT));
    right.peers[0].settings.passive = true;
    let right = Speaker::start(right, Start::default())?;
    let mut events = right.events();

    let mut left = config(LEFT, 65001);
    left.peers.push(peer(RIGHT, 65002, LEFT));
    left.peers[0].settings.port = right.listening().await?[0].port();
    // It says that it has told everything only when the pods' routes are known.
    let left = Speaker::start(left, Start { expects: vec!["pods".into()], ..Start::default() })?;
    let pods = left.source("pods");
    pods.replace(vec![LocalRoute::new("198.51.100.0/24".parse()?)]).await?;

    while let Some(heard) = events.next().await {
        let Heard::Event(event) = heard else { continue };
        println!("{event}");
        if matches!(event, Event::EndOfRib(_, Family::IPV4)) {
            break;
        }
    }
    let prefix = "198.51.100.0/24".parse()?;
    let routes = right.ask(move |engine, _| engine.routes(prefix)).await?;
    assert_eq!(routes.len(), 1);
    println!("{prefix} came by the path {}", routes[0].learned.0.as_path);
    left.shutdown(Shutdown::Leave(Some("the example is over".into()))).await;
    right.shutdown(Shutdown::Leave(None)).await;
    Ok(())
}
