//! Addresses of tunnels, from an annotation of Services: a comma list.

use super::{
    Asking, From, Said, allowed, closed, host, quoted,
    services::{Seen, deliverable},
    unicast,
};
use crate::{
    plan::{Code, Reason, SourceKind, Verdict},
    snapshot::Service,
    wish::TunnelIps,
};
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr};

impl Asking<'_> {
    pub(super) fn tunnels(&mut self, from: From<'_>, wanted: &TunnelIps, service: &Service, seen: &mut Seen) {
        let Some((chosen, words)) = self.listed(&wanted.annotation, &wanted.choice, &service.tags) else {
            return;
        };
        let mut before = BTreeSet::new();
        for word in words {
            match address(word) {
                Ok(address) if !before.insert(address) => {}
                Ok(address) if chosen => self.tunnel(from, wanted, service, address, seen),
                Ok(address) => {
                    let said = Said::of(SourceKind::TunnelIps, false);
                    self.claim(from, host(address), said, Err(Code::NotChosen.into()));
                }
                Err(code) => {
                    let detail = format!("{} in the annotation {}", quoted(word), wanted.annotation);
                    self.refuse(Reason::with(code, detail));
                }
            }
        }
    }

    fn tunnel(&mut self, from: From<'_>, wanted: &TunnelIps, service: &Service, ip: IpAddr, seen: &mut Seen) {
        let sound = if service.external_name { Err(Code::ExternalName.into()) } else { unicast(ip) };
        let verdict = sound
            .and_then(|()| allowed(from, host(ip), ip))
            .and_then(|()| closed(from.here.forbidden.as_ref()))
            .and_then(|()| closed(from.advert.services_closed.as_ref()))
            .and_then(|()| match &wanted.require {
                Some(_) if !from.here.router => Err(Code::NoTunnelRouter.into()),
                _ => Ok(()),
            })
            .and_then(|()| {
                let endpoints = self.endpoints(ip.is_ipv6(), seen);
                deliverable(endpoints, wanted.require.is_none(), from.advert.wish.keep, ip.is_ipv6())
            });
        let probe = self.probe(from, service).filter(|_| verdict.is_ok());
        let verdict = verdict.and_then(|()| {
            self.passes(from, probe, host(ip), |other| {
                let routers =
                    from.standing.and_then(|standing| standing.routers.get(usize::from(from.number)));
                let router = routers.is_some_and(|routers| routers.contains(&other.node));
                let endpoints = self.snapshot.endpoints(&self.object.name, &other.node, ip.is_ipv6());
                let local = wanted.require.is_none();
                (local || router)
                    && deliverable(endpoints, local, from.advert.wish.keep, ip.is_ipv6()).is_ok()
            })
        });
        let said = Said::of(SourceKind::TunnelIps, !wanted.choice.selector.is_empty());
        self.claim(from, host(ip), Said { probe, ..said }, verdict.map(|()| Verdict::Yes));
    }
}

/// An address, with or without the length that says so.
fn address(word: &str) -> Result<IpAddr, Code> {
    if let Ok(address) = word.parse() {
        return Ok(address);
    }
    let range: IpNet = word.parse().map_err(|_| Code::NotAnAddress)?;
    if range.prefix_len() == range.max_prefix_len() { Ok(range.addr()) } else { Err(Code::NotAHost) }
}
