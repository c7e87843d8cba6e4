//! Pods: their addresses, and the ranges that live behind them.

use super::{Answer, Asking, From, Said, allowed, closed, host, quoted};
use crate::{
    plan::{Code, Kernel, Reason, SourceKind, Verdict},
    snapshot::Pod,
    wish::{PodPrefixes, Pods, Source},
};
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr};

impl Asking<'_> {
    pub(super) fn pod(&mut self) {
        let Some(pod) = self.snapshot.pod(&self.object.name) else { return };
        for from in self.sources() {
            match from.source {
                Source::Pods(wanted) => self.pod_addresses(from, wanted, pod),
                Source::PodPrefixes(wanted) => self.behind(from, wanted, pod),
                _ => {}
            }
        }
    }

    fn is_here(&self, pod: &Pod) -> bool {
        pod.node.as_ref() == Some(&self.here.node)
    }

    /// A pod on another node, with the node's network, or at its end has no address that anybody could want from here.
    fn pod_addresses(&mut self, from: From<'_>, wanted: &Pods, pod: &Pod) {
        let chosen = self.snapshot.chooses(&wanted.choice, &self.object.name, &pod.tags);
        let own = if !chosen {
            Err(Code::NotChosen)
        } else if !self.is_here(pod) {
            Err(Code::PodElsewhere)
        } else if pod.host_network {
            Err(Code::HostNetwork)
        } else if pod.finished {
            Err(Code::PodFinished)
        } else {
            Ok(())
        };
        if own.is_err() && !self.every {
            return;
        }
        if own.is_ok() {
            for text in &pod.bad_addresses {
                self.refuse(Reason::with(Code::NotAnAddress, quoted(text)));
            }
        }
        let verdict = own
            .map_err(Reason::from)
            .and_then(|()| closed(from.here.forbidden.as_ref()))
            .and_then(|()| closed(from.advert.closed.as_ref()))
            .and_then(|()| match pod.ready || !wanted.only_ready {
                true => Ok(if pod.terminating { Verdict::Last } else { Verdict::Yes }),
                false => Err(Code::PodNotReady.into()),
            });
        for address in &pod.addresses {
            let said = Said::of(SourceKind::Pods, !wanted.choice.selector.is_empty());
            let verdict = verdict.clone().and_then(|verdict| super::unicast(*address).map(|()| verdict));
            self.claim(from, host(*address), said, verdict);
        }
    }

    fn behind(&mut self, from: From<'_>, wanted: &PodPrefixes, pod: &Pod) {
        let Some((chosen, words)) = self.listed(&wanted.annotation, &wanted.choice, &pod.tags) else {
            return;
        };
        let mut before = BTreeSet::new();
        for word in words {
            match prefix(word) {
                Some(prefix) if !before.insert(prefix) => {}
                Some(prefix) => {
                    let verdict = if chosen {
                        self.is_claimable(from, pod, prefix).and_then(|()| self.serves(from, pod, prefix))
                    } else {
                        Err(Code::NotChosen.into())
                    };
                    let gateway = of_family(pod, prefix).filter(|_| self.is_here(pod));
                    let said = Said {
                        kernel: gateway.map(Kernel::Pod),
                        ..Said::of(SourceKind::PodPrefixes, !wanted.choice.selector.is_empty())
                    };
                    self.claim(from, prefix, said, verdict);
                }
                None => {
                    let detail = format!("{} in the annotation {}", quoted(word), wanted.annotation);
                    self.refuse(Reason::with(Code::NotAPrefix, detail));
                }
            }
        }
    }

    /// Whether a pod may claim a range at all: not what the cluster itself needs, whatever is allowed.
    fn is_claimable(&self, from: From<'_>, pod: &Pod, prefix: IpNet) -> Answer {
        if prefix.prefix_len() == 0 {
            return Err(Code::DefaultRoute.into());
        }
        if pod.host_network {
            return Err(Code::HostNetwork.into());
        }
        let overlaps = |range: &&IpNet| prefix.contains(*range) || range.contains(&prefix);
        for (_, node) in self.snapshot.nodes() {
            if let Some(range) = node.pod_cidrs.iter().find(overlaps) {
                return Err(Reason::with(Code::OverlapsPods, range));
            }
            if let Some(address) = node.addresses.iter().find(|address| prefix.contains(*address)) {
                return Err(Reason::with(Code::OverlapsNode, address));
            }
        }
        let stated = self.here.advertisements.iter().flat_map(|advert| &advert.wish.sources);
        let stated = stated.filter_map(|source| match source {
            Source::ServiceCidrs(Some(ranges)) => Some(ranges),
            _ => None,
        });
        let mut ranges = self.snapshot.service_cidrs().map(|(_, range)| range).chain(stated.flatten());
        if let Some(range) = ranges.find(overlaps) {
            return Err(Reason::with(Code::OverlapsServices, range));
        }
        allowed(from, prefix, prefix)
    }

    /// Whether a pod can take traffic to what is behind it, here or on its own node.
    fn serves(&self, from: From<'_>, pod: &Pod, prefix: IpNet) -> Result<Verdict, Reason> {
        closed(from.here.forbidden.as_ref())?;
        if pod.finished {
            return Err(Code::PodFinished.into());
        }
        if !pod.ready || pod.node.is_none() {
            return Err(Code::PodNotReady.into());
        }
        if of_family(pod, prefix).is_none() {
            return Err(Code::PodWithoutFamily.into());
        }
        if !self.is_here(pod) {
            // A node that does not announce cannot stand in for another.
            let node = pod.node.as_ref().and_then(|name| self.snapshot.node(name));
            let stands_in =
                node.is_some_and(|node| self.snapshot.selects(&from.advert.wish.node_selector, &node.tags));
            let place = pod.node.as_deref().unwrap_or_default();
            return match stands_in && !pod.terminating {
                true => {
                    let there = Reason::with(Code::PodElsewhere, format_args!(", but Ready on {place}"));
                    Ok(Verdict::Elsewhere(there))
                }
                false => Err(Reason::with(Code::PodElsewhere, format_args!(", but on {place}"))),
            };
        }
        closed(from.advert.closed.as_ref())?;
        Ok(if pod.terminating { Verdict::Last } else { Verdict::Yes })
    }
}

/// A pod's address that leads to a prefix.
fn of_family(pod: &Pod, prefix: IpNet) -> Option<IpAddr> {
    pod.addresses.iter().copied().find(|address| address.is_ipv6() == prefix.addr().is_ipv6())
}

/// A prefix without host bits, or one address.
fn prefix(word: &str) -> Option<IpNet> {
    let prefix = word.parse().or_else(|_| word.parse().map(host)).ok()?;
    (prefix == prefix.trunc()).then_some(prefix)
}
