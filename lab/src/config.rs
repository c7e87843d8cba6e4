//! What a router is told, in our words; each router's file writes it down in its own.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

/// The address families that the lab's routers exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4 unicast.
    Ipv4,
    /// IPv6 unicast.
    Ipv6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }
}

/// A router's whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its own AS number.
    pub asn: u32,
    /// Its identifier.
    pub router_id: Ipv4Addr,
    /// The port it listens on, on every address of its namespace.
    pub port: u16,
    /// Whether learned routes go into the kernel of its namespace, so that it forwards packets. GoBGP and ExaBGP cannot.
    pub forwarding: bool,
    /// Whom it peers with.
    pub peers: Vec<Peer>,
    /// What it announces to all of them.
    pub announced: Vec<Announcement>,
    /// Its main file, when it is not to be written from all this; the peers are still named, to be asked about.
    pub text: Option<String>,
}

/// One configured peer. Times are short: hold time 9 s, connect again after 1 s.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The own address of the session.
    pub local: IpAddr,
    /// The peer's address.
    pub address: IpAddr,
    /// The peer's AS number.
    pub asn: u32,
    /// The peer's port.
    pub port: u16,
    /// Only wait for the peer to connect.
    pub passive: bool,
    /// TCP MD5 key.
    pub password: Option<String>,
    /// Families to negotiate; at first that of the address.
    pub families: Vec<Family>,
    /// Peer over several hops, with this TTL.
    pub multihop: Option<u8>,
    /// The link that the peer is on, where its address is link-local. Only BIRD can.
    pub interface: Option<String>,
    /// Refuse what did not come from the link itself (RFC 5082). ExaBGP cannot.
    pub ttl_security: bool,
    /// Graceful restart, with this restart time in seconds.
    pub graceful_restart: Option<u16>,
    /// BFD with packets every so many milliseconds, of which three in a row may not be missing. FRR and BIRD can.
    pub bfd: Option<u16>,
    /// Several paths for one prefix, both ways.
    pub add_path: bool,
    /// IPv4 prefixes with IPv6 next hops.
    pub extended_next_hop: bool,
    /// Behave like a speaker from before four-octet AS numbers. Only BIRD can.
    pub two_octet_as: bool,
}

/// A prefix to announce, with its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The prefix.
    pub prefix: IpNet,
    /// The next hop, when it is not the router itself.
    pub next_hop: Option<IpAddr>,
    /// Communities such as `65001:100`.
    pub communities: Vec<String>,
    /// Large communities such as `65001:1:2`.
    pub large_communities: Vec<String>,
    /// Extended communities: route targets such as `65001:7`.
    pub route_targets: Vec<String>,
    /// Multi-exit discriminator.
    pub med: Option<u32>,
}

impl Config {
    /// A router with an AS number and an identifier, and no peers yet.
    ///
    /// # Panics
    /// When the identifier is no IPv4 address.
    #[must_use]
    pub fn new(asn: u32, router_id: &str) -> Self {
        let router_id =
            router_id.parse().unwrap_or_else(|_| panic!("router id {router_id:?}: use an IPv4 address"));
        Self {
            asn,
            router_id,
            port: 179,
            forwarding: false,
            peers: Vec::new(),
            announced: Vec::new(),
            text: None,
        }
    }

    /// Listens on another port than 179.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Puts learned routes into the kernel of its namespace.
    #[must_use]
    pub fn forwarding(mut self) -> Self {
        self.forwarding = true;
        self
    }

    /// Has this main file, as somebody else wrote it.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// One more peer.
    #[must_use]
    pub fn peer(mut self, peer: Peer) -> Self {
        self.peers.push(peer);
        self
    }

    /// One more prefix, or several.
    #[must_use]
    pub fn announce(mut self, announced: impl Announced) -> Self {
        self.announced.extend(announced.announcements());
        self
    }
}

impl Peer {
    /// A peer at `address` in AS `asn`, spoken to from the address `local`.
    ///
    /// # Panics
    /// When one of them is no address.
    #[must_use]
    pub fn new(local: &str, address: &str, asn: u32) -> Self {
        let parse = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text:?}: use an IP address"));
        let (local, address): (IpAddr, IpAddr) = (parse(local), parse(address));
        Self {
            local,
            address,
            asn,
            port: 179,
            passive: false,
            password: None,
            families: vec![Family::of(address)],
            multihop: None,
            interface: None,
            ttl_security: false,
            graceful_restart: None,
            bfd: None,
            add_path: false,
            extended_next_hop: false,
            two_octet_as: false,
        }
    }

    /// The peer listens on this port.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Never connects itself.
    #[must_use]
    pub fn passive(self) -> Self {
        Self { passive: true, ..self }
    }

    /// Signs the session with this TCP MD5 key.
    #[must_use]
    pub fn password(self, key: &str) -> Self {
        Self { password: Some(key.to_owned()), ..self }
    }

    /// Negotiates exactly these families.
    #[must_use]
    pub fn families(self, families: &[Family]) -> Self {
        Self { families: families.to_vec(), ..self }
    }

    /// Peers over several hops.
    #[must_use]
    pub fn multihop(self, ttl: u8) -> Self {
        Self { multihop: Some(ttl), ..self }
    }

    /// Is on this link, where its address is link-local.
    #[must_use]
    pub fn interface(self, name: &str) -> Self {
        Self { interface: Some(name.to_owned()), ..self }
    }

    /// Refuses what did not come from the link itself.
    #[must_use]
    pub fn ttl_security(self) -> Self {
        Self { ttl_security: true, ..self }
    }

    /// Offers graceful restart.
    #[must_use]
    pub fn graceful_restart(self, seconds: u16) -> Self {
        Self { graceful_restart: Some(seconds), ..self }
    }

    /// Speaks BFD, with packets every so many milliseconds.
    #[must_use]
    pub fn bfd(self, millis: u16) -> Self {
        Self { bfd: Some(millis), ..self }
    }

    /// Offers to send and receive several paths for one prefix.
    #[must_use]
    pub fn add_path(self) -> Self {
        Self { add_path: true, ..self }
    }

    /// Offers IPv4 prefixes with IPv6 next hops.
    #[must_use]
    pub fn extended_next_hop(self) -> Self {
        Self { extended_next_hop: true, ..self }
    }

    /// Does not know four-octet AS numbers.
    #[must_use]
    pub fn two_octet_as(self) -> Self {
        Self { two_octet_as: true, ..self }
    }
}

impl Announcement {
    /// A prefix without any attributes of its own.
    ///
    /// # Panics
    /// When it is no prefix.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let prefix =
            prefix.parse().unwrap_or_else(|_| panic!("{prefix:?}: use a prefix such as 192.0.2.0/24"));
        Self {
            prefix,
            next_hop: None,
            communities: Vec::new(),
            large_communities: Vec::new(),
            route_targets: Vec::new(),
            med: None,
        }
    }

    /// Whether it is announced with more than the prefix.
    #[must_use]
    pub fn has_attributes(&self) -> bool {
        *self != Self { prefix: self.prefix, ..Self::new("0.0.0.0/0") }
    }
}

/// What can be announced: a prefix as text, an [`Announcement`], or a vector of them.
pub trait Announced {
    /// The single announcements.
    fn announcements(self) -> Vec<Announcement>;
}

impl Announced for &str {
    fn announcements(self) -> Vec<Announcement> {
        vec![Announcement::new(self)]
    }
}

impl Announced for Announcement {
    fn announcements(self) -> Vec<Announcement> {
        vec![self]
    }
}

impl Announced for Vec<Announcement> {
    fn announcements(self) -> Vec<Announcement> {
        self
    }
}
