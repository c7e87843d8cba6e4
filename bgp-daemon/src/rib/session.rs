//! What the RIB knows of a peer whose session is up: what applies to its routes, and to what it is told.

use crate::policy::{
    NextHopChange, Policy,
    standard::{
        LearnedFrom,
        discard::Discards,
        export::ExportSide,
        import::ImportSide,
        next_hop::{self, NextHops, OwnAddresses},
    },
};
use bgp_proto::{
    agreed::{Agreed, FamilyAgreed},
    attr::next_hop::NextHop,
    family::Family,
    numbers::RouterId,
};
use std::net::IpAddr;

/// How large a route's attributes may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// ASes in the path.
    pub as_path: usize,
    /// Communities of all kinds.
    pub communities: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { as_path: 255, communities: 1000 }
    }
}

/// What applies to a peer's routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// What the protocol wants to know of the session.
    pub side: ImportSide,
    /// The user's policy.
    pub policy: Policy,
    /// Routes with more than this are rejected.
    pub limits: Limits,
    /// Attributes that are taken out of routes before the policy sees them.
    pub discards: Discards,
}

/// What applies to the routes that a peer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// What the protocol wants to know of the session.
    pub side: ExportSide,
    /// The user's policy.
    pub policy: Policy,
    /// Our addresses on the session.
    pub own: OwnAddresses,
    /// Which next hop is written where the policy does not say.
    pub next_hop: Option<NextHopChange>,
    /// It is told a default route of our own, whether or not there is one and whatever the policy says.
    pub default_originate: bool,
}

impl Export {
    /// How next hops of a family are written; `None`: the family cannot be announced on the session.
    pub(crate) fn next_hops(&self, family: FamilyAgreed) -> Option<NextHops> {
        let FamilyAgreed { family, extended_next_hop, .. } = family;
        // An address that is always written in place of ours will do, too.
        let given = || self.next_hop?.address(family == Family::IPV4);
        let own = next_hop::own(&self.own, family, extended_next_hop).or_else(given)?;
        Some(NextHops { kind: self.side.kind, family, extended_next_hop, own, configured: self.next_hop })
    }
}

/// A peer whose session is up, as the RIB knows it.
#[derive(Clone, Debug)]
pub struct Session {
    /// The peer's address.
    pub address: IpAddr,
    /// The peer's BGP identifier.
    pub router_id: RouterId,
    /// The interface, where the peer is configured by it.
    pub interface: Option<Box<str>>,
    /// The name of the peer's group in the configuration.
    pub group: Option<Box<str>>,
    /// What the two OPENs settled.
    pub agreed: Agreed,
    /// Enhanced route refresh was agreed on (RFC 7313).
    pub enhanced_refresh: bool,
    /// What applies to its routes.
    pub import: Import,
    /// What applies to the routes that it is told.
    pub export: Export,
}

impl Session {
    /// A session with nothing special about it. Without a policy an external peer's routes are not accepted and it is
    /// told nothing (RFC 8212). `own` is our address on the session.
    pub fn new(agreed: Agreed, side: ImportSide, address: IpAddr, router_id: RouterId, own: IpAddr) -> Self {
        let kind = side.kind;
        let own = OwnAddresses {
            session: NextHop::from(own),
            interface_ipv4: None,
            interface_ipv6: None,
            configured: NextHopChange::Addresses { ipv4: None, ipv6: None },
        };
        let export = ExportSide {
            real_asn: (side.asn != side.real_asn).then_some(side.real_asn),
            role: side.role,
            cluster_id: side.cluster_id,
            aigp: agreed.aigp,
            ..ExportSide::new(kind, side.asn)
        };
        let policy = Policy::default_for(kind);
        Session {
            address,
            router_id,
            interface: None,
            group: None,
            agreed,
            enhanced_refresh: false,
            import: Import {
                side,
                policy: policy.clone(),
                limits: Limits::default(),
                discards: Discards::default(),
            },
            export: Export { side: export, policy, own, next_hop: None, default_originate: false },
        }
    }

    /// The same with these policies.
    #[must_use]
    pub fn with_policies(mut self, import: Policy, export: Policy) -> Self {
        (self.import.policy, self.export.policy) = (import, export);
        self
    }

    pub(super) fn learned_from(&self) -> LearnedFrom {
        let client = self.export.side.client;
        LearnedFrom { kind: self.agreed.peer_kind, router_id: self.router_id, client }
    }

    /// What was agreed for a family, with nothing in it but what changes what is written.
    pub(super) fn written_for(&self, family: Family) -> Option<Agreed> {
        let own = self.agreed.family(family)?;
        Some(self.agreed.with_families([FamilyAgreed { receive_add_path: false, ..own }]))
    }
}
