//! Who sends routes: peers and local sources, as the RIB sees them.

use super::session::{Import, Session};
use crate::policy::{RuleMask, Source, standard::LearnedFrom};
use bgp_proto::agreed::PeerKind;
use std::net::{IpAddr, Ipv4Addr};

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

/// A sender as selection and policy see it.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) kind: SenderKind,
    pub(crate) router_id: u32,
    pub(crate) address: IpAddr,
    /// It is gone for good and stays only as long as it has routes.
    pub(crate) removed: bool,
    rest: Box<Rest>,
}

/// What is looked at once for many routes.
#[derive(Clone, Debug, Default)]
struct Rest {
    /// The owner of local routes.
    owner: Box<str>,
    interface: Option<Box<str>>,
    group: Option<Box<str>>,
    learned_from: Option<LearnedFrom>,
    import: Option<(Import, RuleMask)>,
}

impl Sender {
    pub(crate) fn local(owner: &str) -> Self {
        Sender {
            kind: SenderKind::Local,
            router_id: 0,
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            removed: false,
            rest: Box::new(Rest { owner: owner.into(), ..Rest::default() }),
        }
    }

    pub(crate) fn peer(session: &Session) -> Self {
        let mut sender = Sender {
            kind: session.agreed.peer_kind.into(),
            router_id: session.router_id.number(),
            address: session.address,
            removed: false,
            rest: Box::new(Rest {
                interface: session.interface.clone(),
                group: session.group.clone(),
                learned_from: Some(session.learned_from()),
                ..Rest::default()
            }),
        };
        sender.set_import(session.import.clone());
        sender
    }

    /// What applies to its routes from now on.
    pub(crate) fn set_import(&mut self, import: Import) {
        let mask = import.policy.source_mask(&self.source());
        self.rest.import = Some((import, mask));
    }

    /// Policies know it by this group from now on.
    pub(crate) fn set_group(&mut self, group: Option<&str>) {
        self.rest.group = group.map(Into::into);
        if let Some((import, _)) = self.rest.import.take() {
            self.set_import(import);
        }
    }

    /// What applies to its routes, with the rules of the policy that ask for such a sender. `None`: everything of a
    /// source of our own is accepted.
    #[inline]
    pub(crate) fn import(&self) -> Option<&(Import, RuleMask)> {
        self.rest.import.as_ref()
    }

    /// As policies see it.
    pub(crate) fn source(&self) -> Source<'_> {
        let Rest { owner, interface, group, learned_from, .. } = &*self.rest;
        match learned_from {
            None => Source::Local { owner },
            Some(LearnedFrom { kind, .. }) => Source::Peer {
                address: self.address,
                interface: interface.as_deref(),
                group: group.as_deref(),
                kind: *kind,
            },
        }
    }

    /// The link that the peer is on, where that is known.
    pub(crate) fn interface(&self) -> Option<&str> {
        self.rest.interface.as_deref()
    }

    /// As the rules of the protocol see it.
    pub(crate) fn learned_from(&self) -> Option<LearnedFrom> {
        self.rest.learned_from
    }
}
