//! What the RIB is told of a session that came up: what applies to the peer's routes, and to what it is told.

use super::{Engine, Link, PeerId};
use crate::{
    config::{Config, PeerSettings, Remote},
    policy::{
        Policy,
        standard::{export::ExportSide, import::ImportSide, next_hop::OwnAddresses},
    },
    rib::{Export, Import, Session},
};
use bgp_proto::{
    agreed::{FamilyAgreed, PeerKind},
    attr::next_hop::NextHop,
    numbers::{Asn, RouterId},
    session::{ConnectionId, Terms},
};
use std::net::IpAddr;

/// What a peer's side of import and export follow from.
#[derive(Clone, Copy)]
pub(super) struct Basis<'a> {
    /// Our AS, whatever this session calls it.
    pub(super) asn: Asn,
    pub(super) router_id: RouterId,
    /// The cluster that we reflect routes for.
    pub(super) cluster_id: Option<u32>,
    pub(super) settings: &'a PeerSettings,
    pub(super) terms: &'a Terms,
    pub(super) link: &'a Link,
}

impl Basis<'_> {
    fn kind(&self) -> PeerKind {
        self.terms.agreed.peer_kind
    }

    fn import_side(&self) -> ImportSide {
        let Basis { settings, terms, .. } = self;
        let asn = settings.local_asn.unwrap_or(self.asn);
        ImportSide {
            real_asn: self.asn,
            cluster_id: self.cluster_id,
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

/// The cluster that we reflect routes for, if we do.
pub(super) fn cluster_id(config: &Config, router_id: RouterId) -> Option<u32> {
    let peers = config.peers.iter().map(|peer| &peer.settings);
    let mut all = peers.chain(config.groups.iter().map(|group| &group.settings));
    all.any(|peer| peer.client).then(|| config.cluster_id.unwrap_or(router_id.number()))
}

/// Whether a family can be announced on a session: there is an address of ours for the next hop.
pub(super) fn is_announced(session: &Session, family: FamilyAgreed) -> bool {
    session.export.next_hops(family).is_some()
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

impl Engine {
    /// A session that came up, as the RIB is told of it.
    pub(super) fn rib_session(&self, id: PeerId, on: ConnectionId, terms: &Terms) -> Option<Session> {
        let router_id = self.router_id();
        let peer = self.peers.get(&id)?;
        let link = peer.wires.iter().find(|wire| wire.id == on)?.link.as_ref()?;
        let (asn, cluster_id) = (self.config.asn, cluster_id(&self.config, router_id));
        let basis = Basis { asn, router_id, cluster_id, settings: &peer.settings, terms, link };
        let interface = match &peer.remote {
            Remote::Interface(interface) => Some(interface.clone()),
            // A link-local next hop is one of its link.
            Remote::Address(..) => link.interface.clone().filter(|_| is_link_local(link.address())),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::standard::next_hop;
    use bgp_proto::{
        agreed::Agreed,
        family::Family,
        numbers::HoldTime,
        session::{RemoteAs, Settings, negotiate::negotiate},
        wire::{capability::Capability, open::Offer},
    };

    fn terms() -> Terms {
        let offer = |asn: u32| {
            let mut offer = Offer::new(Asn(asn), RouterId::new(asn).unwrap(), HoldTime::new(90).unwrap());
            offer.capabilities =
                [Family::IPV4, Family::IPV6].map(|f| Capability::Multiprotocol(f).to_owned()).into();
            offer
        };
        let settings = Settings::new(offer(1), RemoteAs::Any);
        negotiate(&settings, &settings.offer, &offer(2)).unwrap()
    }

    fn own(link: &Link) -> OwnAddresses {
        let (settings, terms) = (PeerSettings::new(RemoteAs::Any), terms());
        let router_id = RouterId::new(1).unwrap();
        Basis { asn: Asn(1), router_id, cluster_id: None, settings: &settings, terms: &terms, link }
            .export()
            .own
    }

    #[test]
    fn the_link_local_address_of_a_session_stands_beside_a_global_one() {
        let (link_local, global) = ("fe80::1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let mut link = Link::new("[fe80::1]:179".parse().unwrap(), "[fe80::2]:1".parse().unwrap());
        assert_eq!(own(&link).session, NextHop::Ipv6 { global: link_local, link_local: None });
        link.interface_ipv6 = Some(global);
        assert_eq!(own(&link).session, NextHop::Ipv6 { global, link_local: Some(link_local) });
    }

    #[test]
    fn a_family_is_announced_where_there_is_an_address_of_ours_for_it() {
        let announced = |link: &Link| {
            let own = own(link);
            let agreed = Agreed::new(PeerKind::External);
            let families = [Family::IPV4, Family::IPV6].map(FamilyAgreed::plain);
            let agreed = agreed.with_families(families);
            agreed.families().map(|f| next_hop::own(&own, f.family, false).is_some()).collect::<Vec<_>>()
        };
        let mut over_ipv4 = Link::new("192.0.2.1:179".parse().unwrap(), "192.0.2.2:1".parse().unwrap());
        assert_eq!(announced(&over_ipv4), [true, false]);
        over_ipv4.interface_ipv6 = Some("2001:db8::1".parse().unwrap());
        assert_eq!(announced(&over_ipv4), [true, true]);
        let mut over_ipv6 =
            Link::new("[2001:db8::1]:179".parse().unwrap(), "[2001:db8::2]:1".parse().unwrap());
        assert_eq!(announced(&over_ipv6), [false, true]);
        over_ipv6.interface_ipv4 = Some([192, 0, 2, 1].into());
        assert_eq!(announced(&over_ipv6), [true, true]);
    }
}
