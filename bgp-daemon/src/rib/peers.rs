//! Who sends routes: peers and local sources, as the RIB sees them.

use bgp_proto::{agreed::PeerKind, numbers::RouterId};
use std::net::IpAddr;

/// A sender of routes: a peer, or a local source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SenderId(pub(crate) u16);

/// What kind of sender, in the order in which selection prefers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SenderKind {
    /// A source of our own: configuration, the API, a cluster.
    Local,
    /// A peer outside of our AS.
    External,
    /// A peer in another member of our confederation.
    Confederation,
    /// A peer inside our AS.
    Internal,
}

impl From<PeerKind> for SenderKind {
    fn from(kind: PeerKind) -> Self {
        match kind {
            PeerKind::Internal => SenderKind::Internal,
            PeerKind::External => SenderKind::External,
            PeerKind::Confederation => SenderKind::Confederation,
        }
    }
}

/// A sender as selection sees it.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) kind: SenderKind,
    pub(crate) router_id: u32,
    pub(crate) address: IpAddr,
    /// It is gone for good and stays only as long as it has routes.
    pub(crate) removed: bool,
}

impl Sender {
    pub(crate) fn local() -> Self {
        let address = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        Sender { kind: SenderKind::Local, router_id: 0, address, removed: false }
    }

    pub(crate) fn peer(kind: PeerKind, router_id: RouterId, address: IpAddr) -> Self {
        Sender { kind: kind.into(), router_id: router_id.number(), address, removed: false }
    }
}
