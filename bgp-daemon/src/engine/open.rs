//! What the RIB is told of a session that came up: what applies to the peer's routes, and to what it is told.

use super::{Engine, Link, PeerId};
use crate::{
    config::{Config, PeerSettings, Remote},
    policy::{
        Policy,
        standard::{
            export::ExportSide,
            import::ImportSide,
            next_hop::{self, OwnAddresses},
        },
    },
    rib::{Export, Import, Session},
};
use bgp_proto::{
    agreed::{FamilyAgreed, PeerKind},
    attr::next_hop::NextHop,
    numbers::RouterId,
    session::{ConnectionId, Terms},
};
use std::net::IpAddr;

/// What a peer's side of import and export follow from.
#[derive(Clone, Copy)]
pub(super) struct Basis<'a> {
    pub(super) config: &'a Config,
    pub(super) router_id: RouterId,
    pub(super) settings: &'a PeerSettings,
    pub(super) terms: &'a Terms,
    pub(super) link: &'a Link,
}

impl Basis<'_> {
    fn kind(&self) -> PeerKind {
        self.terms.agreed.peer_kind
    }

    /// The cluster that we reflect routes for, if we do.
    fn cluster_id(&self) -> Option<u32> {
        let peers = self.config.peers.iter().map(|peer| &peer.settings);
        let mut all = peers.chain(self.config.groups.iter().map(|group| &group.settings));
        all.any(|peer| peer.client).then(|| self.config.cluster_id.unwrap_or(self.router_id.number()))
    }

    fn import_side(&self) -> ImportSide {
        let Basis { config, settings, terms, .. } = self;
        let asn = settings.local_asn.unwrap_or(config.asn);
        ImportSide {
            real_asn: config.asn,
            cluster_id: self.cluster_id(),
            allow_own_asn: settings.allow_own_asn,
            first_asn: settings.first_asn,
            role: settings.role.filter(|_| self.kind() == PeerKind::External),
            blackhole: settings.blackhole,
            ..ImportSide::new(self.kind(), asn, terms.remote_asn, self.router_id)
        }
    }

    /// What applies to the peer's routes.
    pub(super) fn import(&self) -> Import {
        let policy = self.settings.import.clone();
        Import {
            side: self.import_side(),
            policy: policy.unwrap_or_else(|| Policy::default_for(self.kind())),
            limits: self.settings.limits,
            discards: self.settings.discards,
        }
    }

    /// What applies to what the peer is told.
    pub(super) fn export(&self) -> Export {
        let Basis { settings, terms, .. } = self;
        let import = self.import_side();
        let side = ExportSide {
            real_asn: (import.asn != import.real_asn).then_some(import.real_asn),
            as_override: settings.as_override.then_some(terms.remote_asn),
            remove_private: settings.remove_private.map(|how| (how, terms.remote_asn)),
            role: import.role,
            cluster_id: import.cluster_id,
            client: settings.client,
            aigp: terms.agreed.aigp,
            ..ExportSide::new(self.kind(), import.asn)
        };
        Export {
            side,
            policy: settings.export.clone().unwrap_or_else(|| Policy::default_for(self.kind())),
            own: self.own_addresses(),
            next_hop: settings.next_hop,
            default_originate: settings.default_originate,
        }
    }

    fn own_addresses(&self) -> OwnAddresses {
        let Link { interface_ipv4, interface_ipv6, .. } = self.link;
        let session = match self.link.own() {
            // RFC 2545 §3: the link-local address stands beside a global one, where there is one.
            IpAddr::V6(own) if own.is_unicast_link_local() => match interface_ipv6 {
                Some(global) => NextHop::Ipv6 { global: *global, link_local: Some(own) },
                None => NextHop::Ipv6 { global: own, link_local: None },
            },
            own => NextHop::from(own),
        };
        OwnAddresses {
            session,
            interface_ipv4: interface_ipv4.map(|address| NextHop::from(IpAddr::V4(address))),
            interface_ipv6: interface_ipv6.map(|address| NextHop::from(IpAddr::V6(address))),
            configured: self.settings.next_hop_addresses,
        }
    }
}

/// Whether a family can be announced on a session: there is an address of ours for the next hop.
pub(super) fn is_announced(session: &Session, family: FamilyAgreed) -> bool {
    next_hop::own(&session.export.own, family.family, family.extended_next_hop).is_some()
}

impl Engine {
    /// A session that came up, as the RIB is told of it.
    pub(super) fn rib_session(&mut self, id: PeerId, on: ConnectionId, terms: &Terms) -> Option<Session> {
        let router_id = self.router_id();
        let peer = self.peers.get(&id)?;
        let link = peer.wires.iter().find(|wire| wire.id == on)?.link.as_ref()?;
        let basis = Basis { config: &self.config, router_id, settings: &peer.settings, terms, link };
        let interface = match &peer.remote {
            Remote::Interface(interface) => Some(interface.clone()),
            Remote::Address(..) => None,
        };
        Some(Session {
            address: link.address(),
            router_id: terms.router_id,
            interface,
            group: peer.group.clone(),
            agreed: terms.agreed,
            enhanced_refresh: terms.enhanced_route_refresh,
            import: basis.import(),
            export: basis.export(),
        })
    }
}
