//! A passive route collector: accepts every peer and prints what it hears. A session and a thread per connection.
//!
//! `cargo run -p bgp-proto --example collector -- 0.0.0.0:1790 65000 192.0.2.9`

#[path = "shared/clock.rs"]
mod clock;

use bgp_proto::{
    family::Family,
    numbers::{Asn, HoldTime, RouterId},
    session::{Action, RemoteAs, Session, Settings},
    wire::{
        capability::{AddPathEntry, AddPathMode, Capability, CapabilityBuf},
        nlri::Nlri,
        open::Offer,
        update::Update,
    },
};
use std::{
    fmt::Display,
    io::{ErrorKind, Read, Write},
    net::{IpAddr, TcpListener, TcpStream},
    time::Duration,
};

const FAMILIES: [Family; 4] = [Family::IPV4, Family::IPV6, Family::IPV4_MULTICAST, Family::IPV6_MULTICAST];

fn settings(asn: Asn, router_id: RouterId) -> Settings {
    let mut offer = Offer::new(asn, router_id, HoldTime::new(180).unwrap_or(HoldTime::OFF));
    offer.capabilities.extend(FAMILIES.map(|family| Capability::Multiprotocol(family).into()));
    offer
        .capabilities
        .extend([Capability::RouteRefresh, Capability::ExtendedMessage].map(CapabilityBuf::from));
    let every_path = FAMILIES.map(|family| AddPathEntry { family, mode: AddPathMode::RECEIVE });
    offer.capabilities.push(CapabilityBuf::add_path(&every_path));
    let mut settings = Settings::new(offer, RemoteAs::Any);
    settings.passive = true;
    settings
}

fn each(peer: IpAddr, sign: char, prefixes: impl Iterator<Item = impl Display>, why: &str) {
    prefixes.for_each(|prefix| println!("{peer} {sign} {prefix}{why}"));
}

/// Only the families that we offer can be in it.
fn multiprotocol(peer: IpAddr, sign: char, nlri: Nlri<'_>, why: &str) {
    match nlri {
        Nlri::Ipv4(items) => each(peer, sign, items.map(|path| path.item), why),
        Nlri::Ipv6(items) => each(peer, sign, items.map(|path| path.item), why),
        _ => {}
    }
}

fn print(peer: IpAddr, update: &Update<'_>) {
    let attributes = update.attributes();
    // Under RFC 7606 a malformed attribute may turn announcements into withdrawals.
    let sign =
        if update.treatment() == Some(bgp_proto::attr::table::Treatment::Withdraw) { '-' } else { '+' };
    let mut why = format!(" path {}", attributes.as_path().unwrap_or_default());
    attributes.communities().for_each(|community| why += &format!(" {community}"));
    each(peer, '-', update.withdrawn().map(|path| path.item), "");
    if let Some(unreach) = update.unreach() {
        multiprotocol(peer, '-', unreach.nlri, "");
    }
    let by = attributes.next_hop().map(|next_hop| format!(" via {next_hop}{why}")).unwrap_or_default();
    each(peer, sign, update.announced().map(|path| path.item), &by);
    if let Some(reach) = update.reach() {
        let by = reach.next_hop.map(|next_hop| format!(" via {next_hop}{why}")).unwrap_or_default();
        multiprotocol(peer, sign, reach.nlri, &by);
    }
}

fn listen(mut stream: TcpStream, settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let peer = stream.peer_addr()?.ip();
    let now = clock::clock();
    let mut session = Session::new(settings, u64::from(stream.peer_addr()?.port()))?;
    session.start(now());
    let Some(id) = session.accept(now()) else { return Ok(()) };
    let (mut buffer, mut unread) = (vec![0; 65536], Vec::new());
    loop {
        let mut input = unread.as_slice();
        while let Some(action) = session.receive(now(), id, &mut input) {
            match action {
                Action::Update(update) => print(peer, &update),
                Action::Close { last, reason, .. } => {
                    println!("{peer} {reason}");
                    return Ok(stream.write_all(&last)?);
                }
                Action::Established { terms, .. } => {
                    println!("{peer} up: {terms}");
                    terms.refused.iter().for_each(|refused| println!("{peer} without {refused}"));
                }
                other => println!("{peer} {other}"),
            }
        }
        let left = input.len();
        unread.drain(..unread.len() - left);
        let octets = session.transmit(id).to_vec();
        let wait = session.deadline().map_or(Duration::MAX, |due| due - now()).max(Duration::from_millis(1));
        let written = stream.write_all(&octets).and_then(|()| stream.set_read_timeout(Some(wait)));
        session.sent(now(), id, octets.len());
        match written.and_then(|()| stream.read(&mut buffer)) {
            Ok(octets @ 1..) => unread.extend_from_slice(&buffer[..octets]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => session.tick(now()),
            _ => session.closed(now(), id),
        }
    }
}

fn main() -> std::process::ExitCode {
    let result = run();
    if let Err(error) = &result {
        eprintln!("{error}");
    }
    std::process::ExitCode::from(u8::from(result.is_err()))
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, asn, router_id] = arguments.as_slice() else {
        return Err("usage: collector ADDRESS:PORT LOCAL-AS ROUTER-ID".into());
    };
    let (asn, router_id) = (asn.parse()?, router_id.parse()?);
    let refused = |error| {
        format!("cannot listen on {address}: {error}; choose another ADDRESS:PORT, below 1024 only as root")
    };
    let listener = TcpListener::bind(address.as_str()).map_err(refused)?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, settings) = (stream?, settings(asn, router_id));
        std::thread::spawn(move || {
            if let Err(error) = listen(stream, settings) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}
