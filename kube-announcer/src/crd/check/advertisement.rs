//! BgpAdvertisement: where prefixes come from, and when.

use super::{Check, leaf};
use crate::{
    crd::{
        BgpAdvertisementSpec, LabelSelector, RawAggregate, RawPodPrefixes, RawPods, RawProbe, RawServices,
        RawSource, RawTunnelIps, Text,
    },
    object::Name,
    wish::{
        AddressKind, Advertisement, Choice, From, KUBE_PROXY_PORT, PREFIXES_ANNOTATION, PodPrefixes, Pods,
        Probe, Services, Source, TUNNEL_ANNOTATION, TunnelIps,
    },
};

impl Check {
    /// `None` where no source is left.
    pub(super) fn advertisement(&mut self, raw: &BgpAdvertisementSpec) -> Option<Advertisement> {
        if raw.sources.is_empty() {
            self.wrong("spec.sources", "is empty, so nothing would be announced; write at least one source");
        }
        let sources = raw.sources.iter().enumerate();
        let sources: Vec<_> =
            sources.filter_map(|(at, source)| self.source(&format!("spec.sources[{at}]"), source)).collect();
        let on_taints = raw.drain.as_ref().map_or(&[][..], |drain| &drain.on_taints);
        let keep = [(false, "withdraw"), (true, "keep")];
        let honour = raw.honour_exclude_label.as_ref();
        let advertisement = Advertisement {
            name: self.object.name.clone(),
            peers: self.each("spec.peers", &raw.peers, leaf::name),
            node_selector: self.selector("spec.nodeSelector", raw.node_selector.as_ref()),
            allowed: self.each("spec.allowedCidrs", &raw.allowed_cidrs, leaf::cidr),
            keep: self
                .one("spec.whenNoEndpoints", raw.when_no_endpoints.as_ref(), leaf::word(&keep))
                .unwrap_or(false),
            honour_exclude_label: self.one("spec.honourExcludeLabel", honour, leaf::flag).unwrap_or(true),
            drain: self.each("spec.drain.onTaints", on_taints, leaf::taint),
            attributes: self.attributes("spec.attributes", raw.attributes.as_ref()),
            sources,
        };
        (!advertisement.sources.is_empty()).then_some(advertisement)
    }

    fn source(&mut self, field: &str, raw: &RawSource) -> Option<Source> {
        let at = |name: &str| format!("{field}.{name}");
        let cidrs = |check: &mut Self, name: &str, texts: &[Text]| check.each(&at(name), texts, leaf::cidr);
        let written = [
            raw.pod_cidrs.as_ref().map(|_| Source::PodCidrs),
            raw.pods.as_ref().map(|pods| Source::Pods(self.pods(&at("pods"), pods))),
            raw.service_cidrs.as_ref().map(|ranges| {
                let given = cidrs(self, "serviceCidrs.cidrs", &ranges.cidrs);
                Source::ServiceCidrs((!ranges.cidrs.is_empty()).then_some(given))
            }),
            raw.services.as_ref().map(|services| Source::Services(self.services(&at("services"), services))),
            raw.tunnel_ips
                .as_ref()
                .map(|tunnels| Source::TunnelIps(self.tunnel_ips(&at("tunnelIps"), tunnels))),
            raw.pod_prefixes
                .as_ref()
                .map(|behind| Source::PodPrefixes(self.pod_prefixes(&at("podPrefixes"), behind))),
            raw.prefixes.as_ref().map(|prefixes| Source::Prefixes(cidrs(self, "prefixes", prefixes))),
        ];
        let mut written: Vec<_> = written.into_iter().flatten().collect();
        if written.len() != 1 {
            let names = "podCidrs, pods, serviceCidrs, services, tunnelIps, podPrefixes and prefixes";
            self.wrong(field, format_args!("must say one thing; write one of {names}"));
        }
        written.pop()
    }

    fn choice(&mut self, field: &str, selector: Option<&LabelSelector>, namespaces: &[Text]) -> Choice {
        Choice {
            selector: self.selector(&format!("{field}.selector"), selector),
            namespaces: self.each(&format!("{field}.namespaces"), namespaces, leaf::name),
        }
    }

    fn pods(&mut self, field: &str, raw: &RawPods) -> Pods {
        let only_ready = self.one(&format!("{field}.onlyReady"), raw.only_ready.as_ref(), leaf::flag);
        Pods {
            choice: self.choice(field, raw.selector.as_ref(), &raw.namespaces),
            only_ready: only_ready.unwrap_or(true),
        }
    }

    fn services(&mut self, field: &str, raw: &RawServices) -> Services {
        let kinds = leaf::word(&AddressKind::NAMES);
        let addresses = match raw.addresses.as_deref() {
            None => vec![AddressKind::LoadBalancerIp],
            Some([]) => {
                self.wrong(
                    &format!("{field}.addresses"),
                    "is empty, so nothing would be announced; leave it out",
                );
                Vec::new()
            }
            Some(texts) => self.each(&format!("{field}.addresses"), texts, kinds),
        };
        let ways = [(From::Policy, "policy"), (From::Endpoints, "endpoints"), (From::All, "all")];
        Services {
            choice: self.choice(field, raw.selector.as_ref(), &raw.namespaces),
            addresses,
            classes: self.each(&format!("{field}.loadBalancerClasses"), &raw.load_balancer_classes, class),
            from: self
                .one(&format!("{field}.from"), raw.from.as_ref(), leaf::word(&ways))
                .unwrap_or(From::Policy),
            aggregate: self.aggregate(&format!("{field}.aggregate"), raw.aggregate.as_ref()),
            probe: raw.probe.as_ref().and_then(|probe| self.probe(&format!("{field}.probe"), probe)),
        }
    }

    fn probe(&mut self, field: &str, raw: &RawProbe) -> Option<Probe> {
        let by_service = self.one(
            &format!("{field}.healthCheckNodePort"),
            raw.health_check_node_port.as_ref(),
            leaf::flag,
        );
        match (&raw.kube_proxy, by_service) {
            (Some(proxy), None | Some(false)) => {
                let port = self.one(
                    &format!("{field}.kubeProxy.port"),
                    proxy.port.as_ref(),
                    leaf::number(1..=65535),
                );
                Some(Probe::KubeProxy(port.unwrap_or(KUBE_PROXY_PORT)))
            }
            (None, Some(true)) => Some(Probe::HealthCheckNodePort),
            // It was said just now what is wrong with it.
            (None, None) if raw.health_check_node_port.is_some() => None,
            _ => {
                self.wrong(field, "must say one thing; write kubeProxy: {} or healthCheckNodePort: true");
                None
            }
        }
    }

    fn aggregate(&mut self, field: &str, raw: Option<&RawAggregate>) -> [u8; 2] {
        let nothing = RawAggregate::default();
        let raw = raw.unwrap_or(&nothing);
        let ipv4 = self.one(&format!("{field}.ipv4"), raw.ipv4.as_ref(), leaf::number(8..=32));
        let ipv6 = self.one(&format!("{field}.ipv6"), raw.ipv6.as_ref(), leaf::number(16..=128));
        [ipv4.unwrap_or(32), ipv6.unwrap_or(128)]
    }

    fn tunnel_ips(&mut self, field: &str, raw: &RawTunnelIps) -> TunnelIps {
        let ways = [(false, "Local"), (true, "Cluster")];
        let cluster = self.needed(&format!("{field}.from"), raw.from.as_ref(), leaf::word(&ways));
        let at = format!("{field}.require");
        let require = raw.require.as_ref().map(|require| {
            let namespace = self.needed(&format!("{at}.namespace"), require.namespace.as_ref(), leaf::name);
            if require.pod_selector.is_none() {
                self.wrong(&format!("{at}.podSelector"), "is missing");
            }
            let selector = self.selector(&format!("{at}.podSelector"), require.pod_selector.as_ref());
            Choice { selector, namespaces: namespace.into_iter().collect() }
        });
        match cluster {
            Some(true) if require.is_none() => {
                let what = "from: Cluster announces where the tunnel router runs; write namespace and podSelector of \
                            its pods";
                self.wrong(&at, what);
            }
            Some(false) if require.is_some() => {
                self.wrong(&at, "from: Local follows the Service's endpoints; leave require out");
            }
            _ => {}
        }
        TunnelIps {
            choice: self.choice(field, raw.selector.as_ref(), &raw.namespaces),
            annotation: self.annotation(field, raw.annotation.as_ref(), TUNNEL_ANNOTATION),
            require,
            probe: raw.probe.as_ref().and_then(|probe| self.probe(&format!("{field}.probe"), probe)),
        }
    }

    fn pod_prefixes(&mut self, field: &str, raw: &RawPodPrefixes) -> PodPrefixes {
        PodPrefixes {
            choice: self.choice(field, raw.selector.as_ref(), &raw.namespaces),
            annotation: self.annotation(field, raw.annotation.as_ref(), PREFIXES_ANNOTATION),
        }
    }

    fn annotation(&mut self, field: &str, text: Option<&Text>, otherwise: &str) -> Name {
        self.one(&format!("{field}.annotation"), text, leaf::key).unwrap_or_else(|| otherwise.into())
    }
}

/// The name of a class: like a label's key.
fn class(text: &Text) -> Result<Name, super::Wrong> {
    leaf::key(text)
}
