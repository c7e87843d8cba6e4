//! Services: their addresses, and on which nodes traffic to them finds an endpoint.

use super::{Answer, Asking, From, Said, allowed, closed, host, quoted, unicast};
use crate::{
    plan::{Code, Kernel, Reason, SourceKind, Verdict},
    snapshot::{Address, Endpoints, Service},
    wish::{self, AddressKind, Services, Source},
};
use ipnet::IpNet;

/// What a Service has here and anywhere, by family; asked once, when the first source asks.
#[derive(Default)]
pub(super) struct Seen([Option<Endpoints>; 2]);

impl Asking<'_> {
    pub(super) fn service(&mut self) {
        let Some(service) = self.snapshot.service(&self.object.name) else { return };
        let mut seen = Seen::default();
        for from in self.sources() {
            match from.source {
                Source::Services(wanted) => self.addresses(from, wanted, service, &mut seen),
                Source::TunnelIps(wanted) => self.tunnels(from, wanted, service, &mut seen),
                _ => {}
            }
        }
    }

    fn addresses(&mut self, from: From<'_>, wanted: &Services, service: &Service, seen: &mut Seen) {
        let chosen = self.snapshot.chooses(&wanted.choice, &self.object.name, &service.tags);
        if !chosen && !self.every {
            return;
        }
        for (kind, text) in service.bad_addresses.iter().filter(|(kind, _)| wanted.addresses.contains(kind)) {
            let name =
                AddressKind::NAMES.iter().find(|(known, _)| known == kind).map_or("", |(_, name)| name);
            self.refuse(Reason::with(Code::NotAnAddress, format_args!("{} as {name}", quoted(text))));
        }
        for address in &service.addresses {
            let asked = chosen && wanted.addresses.contains(&address.kind);
            if asked {
                self.address(from, wanted, service, *address, seen);
            } else if self.every {
                let said = Said::of(SourceKind::Services, false);
                self.claim(from, host(address.ip), said, Err(Code::NotChosen.into()));
            }
        }
    }

    fn address(
        &mut self,
        from: From<'_>,
        wanted: &Services,
        service: &Service,
        address: Address,
        seen: &mut Seen,
    ) {
        let ip = address.ip;
        let length = wanted.aggregate[usize::from(ip.is_ipv6())];
        let covering = IpNet::new(ip, length).unwrap_or_else(|_| host(ip)).trunc();
        let aggregate = covering != host(ip);
        let said = Said {
            covers: aggregate.then_some(ip),
            kernel: aggregate.then_some(Kernel::Discard),
            ..Said::of(SourceKind::Services, !wanted.choice.selector.is_empty())
        };
        let verdict = is_sound(from, wanted, service, address)
            .and_then(|()| covered(from, address, covering))
            .and_then(|()| closed(from.here.forbidden.as_ref()))
            .and_then(|()| closed(from.advert.services_closed.as_ref()))
            .and_then(|()| is_included(from, self.here.excluded, address))
            .and_then(|()| serves(wanted, from, service, address, || self.endpoints(ip.is_ipv6(), seen)));
        let probe = self.probe(from, service).filter(|_| verdict.is_ok());
        let verdict = verdict.and_then(|()| {
            self.passes(from, probe, covering, |other| {
                let name = &self.object.name;
                let endpoints = || self.snapshot.endpoints(name, &other.node, ip.is_ipv6());
                is_included(from, other.excluded, address).is_ok()
                    && serves(wanted, from, service, address, endpoints).is_ok()
            })
        });
        self.claim(from, covering, Said { probe, ..said }, verdict.map(|()| Verdict::Yes));
    }

    pub(super) fn endpoints(&self, ipv6: bool, seen: &mut Seen) -> Endpoints {
        let name = &self.object.name;
        *seen.0[usize::from(ipv6)].get_or_insert_with(|| self.snapshot.endpoints(name, &self.here.node, ipv6))
    }
}

/// Load balancers leave nodes with a certain label alone.
fn is_included(from: From<'_>, excluded: bool, address: Address) -> Answer {
    if excluded && from.advert.wish.honour_exclude_label && address.kind == AddressKind::LoadBalancerIp {
        return Err(Code::NodeExcluded.into());
    }
    Ok(())
}

/// Whether a node delivers what comes to an address, as these endpoints are.
fn serves(
    wanted: &Services,
    from: From<'_>,
    service: &Service,
    address: Address,
    endpoints: impl FnOnce() -> Endpoints,
) -> Answer {
    let local = match (wanted.from, address.kind) {
        (wish::From::All, _) => return Ok(()),
        (wish::From::Endpoints, _) => true,
        (wish::From::Policy, AddressKind::ClusterIp) => service.internal_local,
        (wish::From::Policy, _) => service.external_local,
    };
    deliverable(endpoints(), local, from.advert.wish.keep, address.ip.is_ipv6())
}

/// Whether an address is one that can be announced at all.
fn is_sound(from: From<'_>, wanted: &Services, service: &Service, address: Address) -> Answer {
    if service.external_name {
        return Err(Code::ExternalName.into());
    }
    unicast(address.ip)?;
    match address.kind {
        AddressKind::ClusterIp => return Ok(()),
        AddressKind::ExternalIp if service.headless => return Err(Code::HeadlessExternalIp.into()),
        AddressKind::LoadBalancerIp if address.proxy => return Err(Code::IpModeProxy.into()),
        AddressKind::LoadBalancerIp => {
            let foreign = service.class.as_ref().filter(|class| !wanted.classes.contains(class));
            if let Some(class) = foreign {
                return Err(Reason::with(Code::LoadBalancerClass, class));
            }
        }
        AddressKind::ExternalIp => {}
    }
    allowed(from, host(address.ip), address.ip)
}

/// A covering range is allowed as a whole, where its addresses have to be.
fn covered(from: From<'_>, address: Address, covering: IpNet) -> Answer {
    if address.kind == AddressKind::ClusterIp {
        return Ok(());
    }
    allowed(from, covering, "").map_err(|_| Code::AggregateOutsideAllowedCidrs.into())
}

/// Whether traffic finds an endpoint: on the node where it must stay there, in the cluster otherwise.
pub(super) fn deliverable(endpoints: Endpoints, local: bool, keep: bool, ipv6: bool) -> Answer {
    if !endpoints.usable() {
        if keep {
            return Ok(());
        }
        let other = if ipv6 { "; it has endpoints of IPv4" } else { "; it has endpoints of IPv6" };
        return Err(Reason::with(Code::NoEndpoints, if endpoints.other_family { other } else { "" }));
    }
    if local && !endpoints.usable_here() { Err(Code::NoLocalEndpoint.into()) } else { Ok(()) }
}
