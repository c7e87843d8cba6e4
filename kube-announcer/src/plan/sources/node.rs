//! What a node announces without asking pods or Services: its pod ranges, ranges of Services, static prefixes.

use super::{Asking, From, Said, closed, quoted};
use crate::{
    plan::{Code, Kernel, Reason, SourceKind, Verdict},
    snapshot::Evidence,
    wish::{Advertisement, Peer, Source},
};
use bgp_proto::session::RemoteAs;
use ipnet::IpNet;

impl Asking<'_> {
    /// The node's own Node: its pod ranges. No rule of Services holds for them.
    pub(super) fn node(&mut self) {
        if self.object.name != self.here.node {
            return;
        }
        let Some(node) = self.snapshot.node(&self.object.name) else { return };
        for from in self.sources().filter(|from| matches!(from.source, Source::PodCidrs)) {
            for text in &node.bad_pod_cidrs {
                self.refuse(Reason::with(
                    Code::NotAPrefix,
                    format_args!("{} in spec.podCIDRs", quoted(text)),
                ));
            }
            for range in &node.pod_cidrs {
                let evidence = self.snapshot.evidence(&self.here.node, range.addr().is_ipv6());
                let verdict = closed(from.here.forbidden.as_ref())
                    .and_then(|()| closed(from.advert.closed.as_ref()))
                    .and_then(|()| match evidence {
                        Evidence::Outside => Err(Code::PodCidrUnused.into()),
                        Evidence::None | Evidence::Inside => Ok(Verdict::Yes),
                    });
                self.claim(from, *range, Said::of(SourceKind::PodCidrs, false), verdict);
            }
        }
    }

    /// A ServiceCIDR object: its ranges, where nobody wrote others.
    pub(super) fn service_cidr(&mut self) {
        let snapshot = self.snapshot;
        let ranges: Vec<IpNet> = snapshot
            .service_cidrs()
            .filter(|(name, _)| **name == self.object.name)
            .map(|(_, range)| *range)
            .collect();
        for from in self.sources().filter(|from| matches!(from.source, Source::ServiceCidrs(None))) {
            self.service_ranges(from, &ranges);
        }
    }

    /// An advertisement itself: what it writes out. What it cannot read is said here, for nothing else would say it.
    pub(super) fn advertisement(&mut self) {
        let here = self.here.advertisements.iter().find(|advert| advert.wish.name == self.object.name);
        here.into_iter().for_each(|advert| self.audience(&advert.wish));
        for from in self.sources().filter(|from| from.advert.wish.name == self.object.name) {
            if let Some(reason) = &from.here.forbidden {
                self.refuse(reason.clone());
            }
            match from.source {
                Source::ServiceCidrs(Some(ranges)) => self.service_ranges(from, ranges),
                Source::Prefixes(prefixes) => {
                    for prefix in prefixes {
                        let verdict = closed(from.advert.closed.as_ref()).map(|()| Verdict::Yes);
                        self.claim(from, *prefix, Said::of(SourceKind::Prefixes, false), verdict);
                    }
                }
                _ => {}
            }
        }
    }

    /// Ranges of ClusterIPs: aggregates, of which most addresses lead nowhere.
    fn service_ranges(&mut self, from: From<'_>, ranges: &[IpNet]) {
        for range in ranges {
            let verdict = closed(from.here.forbidden.as_ref())
                .and_then(|()| closed(from.advert.services_closed.as_ref()));
            let said = Said { kernel: Some(Kernel::Discard), ..Said::of(SourceKind::ServiceCidrs, false) };
            self.claim(from, *range, said, verdict.map(|()| Verdict::Yes));
        }
    }

    /// Whom an advertisement names, and what it says to them.
    fn audience(&mut self, wish: &Advertisement) {
        let snapshot = self.snapshot;
        for name in &wish.peers {
            if !snapshot.peers().any(|peer| peer.name == *name) {
                self.refuse(Reason::with(Code::UnknownPeer, name));
            }
        }
        let named = snapshot.peers().filter(|peer| wish.peers.is_empty() || wish.peers.contains(&peer.name));
        let outside: Vec<_> = named.filter(|peer| is_outside(peer)).map(|peer| peer.name.as_ref()).collect();
        if wish.attributes.local_pref.is_some() && !outside.is_empty() {
            self.refuse(Reason::with(Code::LocalPrefUnused, outside.join(", ")));
        }
    }

    /// A BgpPeer: what it says that nobody will hear.
    pub(super) fn peer(&mut self) {
        let Some(peer) = self.snapshot.peers().find(|peer| peer.name == self.object.name) else { return };
        if peer.attributes.local_pref.is_some() && is_outside(peer) {
            self.refuse(Reason::with(Code::LocalPrefUnused, &peer.name));
        }
        if peer.import.is_some() && !self.here.kernel_routes {
            self.refuse(Code::ImportOff.into());
        }
    }
}

fn is_outside(peer: &Peer) -> bool {
    match peer.asn {
        RemoteAs::Internal => false,
        RemoteAs::Fixed(asn) => asn != peer.local_asn,
        _ => true,
    }
}
