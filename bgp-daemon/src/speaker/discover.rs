//! Who is at the other end of a link: both ends send router advertisements, which name their link-local addresses.
//!
//! What is sent offers no route (its lifetime is zero). It is sent while a dial looks for the other end, and at all times
//! on links whose other end is to dial us.

use super::interfaces;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddrV6},
    time::Duration,
};
use tokio::{
    net::UdpSocket,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// ICMPv6 (RFC 4861 §4.1, §4.2): a host asks for routers, and a router that is none for anybody else.
const SOLICITATION: [u8; 8] = [133, 0, 0, 0, 0, 0, 0, 0];
const ADVERTISEMENT: [u8; 16] = [134, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// How often we say that we are there.
const AGAIN: Duration = Duration::from_secs(1);
/// How often we say it where the other end dials (RFC 4861 §6.2.1 has no shorter interval).
const PRESENT: Duration = Duration::from_secs(3);
/// How long others are listened for once the first has answered.
const OTHERS: Duration = Duration::from_millis(100);

/// The links on which we say that we are there.
#[derive(Default)]
pub(super) struct Presence(BTreeMap<Box<str>, JoinHandle<()>>);

impl Presence {
    /// Says it on these links from now on, and on no others.
    pub(super) fn renew(&mut self, interfaces: &BTreeSet<Box<str>>) {
        for (_, task) in self.0.extract_if(.., |interface, _| !interfaces.contains(interface)) {
            task.abort();
        }
        for interface in interfaces {
            let task = || tokio::spawn(stay_known(interface.clone()));
            self.0.entry(interface.clone()).or_insert_with(task);
        }
    }
}

/// Says on a link that we are there, whatever becomes of the link.
async fn stay_known(interface: Box<str>) {
    let mut said = String::new();
    loop {
        let Err(error) = repeat(&interface).await;
        let why = error.to_string();
        if said != why {
            tracing::warn!("the other end of {interface} is not told that we are here: {why}");
            said = why;
        }
        sleep(PRESENT).await;
    }
}

async fn repeat(interface: &str) -> io::Result<Infallible> {
    let index = interfaces::index(interface)?;
    let socket = socket(interface, index)?;
    let mut turns = interval(PRESENT);
    loop {
        turns.tick().await;
        say(&socket, &ADVERTISEMENT, ALL_NODES, index).await?;
    }
}

/// The address at the other end of a link. It looks until there is one.
pub(super) async fn find(interface: &str) -> io::Result<Ipv6Addr> {
    let index = interfaces::index(interface)?;
    let socket = socket(interface, index).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::PermissionDenied => "; that needs the capability CAP_NET_RAW",
            _ => "",
        };
        let why = format!("the other end of {interface} cannot be looked for: {error}{advice}");
        io::Error::new(error.kind(), why)
    })?;
    let first = first(&socket, index).await?;
    let mut found = BTreeSet::from([first]);
    let others = async {
        loop {
            found.insert(heard(&socket).await?);
        }
    };
    if let Ok(ended) = timeout(OTHERS, others).await {
        return ended;
    }
    if found.len() > 1 {
        let all: Vec<String> = found.iter().map(Ipv6Addr::to_string).collect();
        tracing::warn!(
            "{interface} has more than one other end ({}); {first} is dialled; configure the peer by its address",
            all.join(", ")
        );
    }
    Ok(first)
}

async fn first(socket: &UdpSocket, index: u32) -> io::Result<Ipv6Addr> {
    let mut turns = interval(AGAIN);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // The other end refuses whom it has not heard: first of all we say that we are there.
            biased;
            _ = turns.tick() => {
                say(socket, &ADVERTISEMENT, ALL_NODES, index).await?;
                // Some only answer when they are asked.
                say(socket, &SOLICITATION, ALL_ROUTERS, index).await?;
            }
            heard = heard(socket) => return heard,
        }
    }
}

fn socket(interface: &str, index: u32) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV6, Type::RAW.nonblocking(), Some(Protocol::ICMPV6))?;
    // Before anything can come in.
    socket.attach_filter(&filter())?;
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.set_multicast_if_v6(index)?;
    socket.set_multicast_loop_v6(false)?;
    socket.set_multicast_hops_v6(255)?;
    socket.join_multicast_v6(&ALL_NODES, index)?;
    // A raw socket is to tokio as good as one of UDP: datagrams, with addresses.
    UdpSocket::from_std(socket.into())
}

/// A program for the kernel: take only router advertisements that come from the link itself, which the hop limit of 255
/// proves (RFC 4861 §6.1.2).
fn filter() -> [SockFilter; 6] {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
    const EQUALS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    /// From here on the network header is counted.
    const NETWORK: u32 = libc::SKF_NET_OFF as u32;
    [
        SockFilter::new(LOAD, 0, 0, NETWORK + 7),
        SockFilter::new(EQUALS, 0, 3, 255),
        SockFilter::new(LOAD, 0, 0, 0),
        SockFilter::new(EQUALS, 0, 1, u32::from(ADVERTISEMENT[0])),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

async fn say(socket: &UdpSocket, message: &[u8], to: Ipv6Addr, index: u32) -> io::Result<()> {
    socket.send_to(message, SocketAddrV6::new(to, 0, 0, index)).await.map(|_| ())
}

/// Who says that it is there.
async fn heard(socket: &UdpSocket) -> io::Result<Ipv6Addr> {
    let mut scratch = [0; 16];
    loop {
        let (_, from) = socket.recv_from(&mut scratch).await?;
        match from.ip() {
            IpAddr::V6(from) if from.is_unicast_link_local() => return Ok(from),
            _ => {}
        }
    }
}
