//! Where a route came from, as far as rules can ask.

use super::mistake::Wrong;
use bgp_proto::agreed::PeerKind;
use std::{fmt, net::IpAddr, str::FromStr};

/// Where a route came from, on import and export alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// Ours.
    Local {
        /// Who announces it.
        owner: &'a str,
    },
    /// Learned from a peer.
    Peer {
        /// The peer's address.
        address: IpAddr,
        /// The interface, where the peer is configured by it.
        interface: Option<&'a str>,
        /// The name of its `[[group]]`.
        group: Option<&'a str>,
        /// Inside or outside of our AS.
        kind: PeerKind,
    },
}

/// One element of `match.source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SourceKind {
    Local { owner: Option<Box<str>> },
    Learned(PeerKind),
}

impl SourceKind {
    pub(crate) fn holds(&self, source: &Source<'_>) -> bool {
        match (self, source) {
            (SourceKind::Local { owner: None }, Source::Local { .. }) => true,
            (SourceKind::Local { owner: Some(wanted) }, Source::Local { owner }) => **wanted == **owner,
            (SourceKind::Learned(wanted), Source::Peer { kind, .. }) => wanted == kind,
            _ => false,
        }
    }
}

impl FromStr for SourceKind {
    type Err = Wrong;
    fn from_str(text: &str) -> Result<Self, Wrong> {
        match text {
            "local" => Ok(SourceKind::Local { owner: None }),
            "internal" => Ok(SourceKind::Learned(PeerKind::Internal)),
            "external" => Ok(SourceKind::Learned(PeerKind::External)),
            "confederation" => Ok(SourceKind::Learned(PeerKind::Confederation)),
            _ => match text.strip_prefix("local:") {
                Some(owner) if !owner.is_empty() => Ok(SourceKind::Local { owner: Some(owner.into()) }),
                _ => Err(Wrong::new(
                    text,
                    "is not a source",
                    "local, local:OWNER, internal, external or confederation",
                )),
            },
        }
    }
}

/// A peer as it is named in configuration: by its address, or by an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerName {
    /// An address.
    Address(IpAddr),
    /// An interface.
    Interface(Box<str>),
}

impl PeerName {
    pub(crate) fn holds(&self, source: &Source<'_>) -> bool {
        match (self, source) {
            (PeerName::Address(wanted), Source::Peer { address, .. }) => wanted == address,
            (PeerName::Interface(wanted), Source::Peer { interface, .. }) => *interface == Some(&**wanted),
            (_, Source::Local { .. }) => false,
        }
    }
}

/// Every text names something: what is not an address is an interface.
impl From<&str> for PeerName {
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| PeerName::Interface(text.into()), PeerName::Address)
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerName::Address(address) => fmt::Display::fmt(address, f),
            PeerName::Interface(name) => f.write_str(name),
        }
    }
}
