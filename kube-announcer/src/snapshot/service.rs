//! What is kept of a Service.

use super::{names::Names, tags::Tags};
use crate::{
    object::{self, Name},
    wish::AddressKind,
};
use std::net::IpAddr;

/// What is kept of a Service.
#[derive(Debug, Default, PartialEq)]
pub struct Service {
    /// Labels and annotations.
    pub tags: Tags,
    /// Its addresses, in the order of their kinds.
    pub addresses: Box<[Address]>,
    /// What stands where an address should, and is none.
    pub bad_addresses: Box<[(AddressKind, Box<str>)]>,
    /// Port and protocol, the first octet of whose name tells it from others.
    pub ports: Box<[(u16, u8)]>,
    /// Who gives it addresses.
    pub class: Option<Name>,
    /// Where each node says whether it has endpoints; 0 where there is none.
    pub health_port: u16,
    /// `externalTrafficPolicy: Local`.
    pub external_local: bool,
    /// `internalTrafficPolicy: Local`.
    pub internal_local: bool,
    /// It has no address of the cluster's own, on purpose.
    pub headless: bool,
    /// It is a name for something elsewhere.
    pub external_name: bool,
}

/// An address of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// What it is.
    pub kind: AddressKind,
    /// It.
    pub ip: IpAddr,
    /// A proxy of the load balancer's answers there, not the cluster.
    pub proxy: bool,
}

impl Service {
    pub(super) fn take(names: &mut Names, service: &object::Service) -> Self {
        let spec = &service.spec;
        let alone = spec.cluster_ip.as_ref().filter(|_| spec.cluster_ips.is_empty());
        let own = || spec.cluster_ips.iter().chain(alone).map(String::as_str);
        let ingress = service.status.load_balancer.ingress.iter();
        let written = own()
            .filter(|text| !matches!(*text, "" | "None"))
            .map(|text| (AddressKind::ClusterIp, text, false))
            .chain(spec.external_ips.iter().map(|text| (AddressKind::ExternalIp, text.as_str(), false)))
            .chain(ingress.filter_map(|ingress| {
                let proxy = ingress.ip_mode.as_deref() == Some("Proxy");
                Some((AddressKind::LoadBalancerIp, ingress.ip.as_deref()?, proxy))
            }));
        let (mut addresses, mut bad_addresses) = (Vec::new(), Vec::new());
        for (kind, text, proxy) in written {
            match text.parse() {
                Ok(ip) if addresses.iter().any(|a: &Address| (a.kind, a.ip) == (kind, ip)) => {}
                Ok(ip) => addresses.push(Address { kind, ip, proxy }),
                Err(_) => bad_addresses.push((kind, text.into())),
            }
        }
        let protocol = |name: Option<&str>| name.unwrap_or("TCP").bytes().next().unwrap_or_default();
        Service {
            tags: Tags::take(names, &service.metadata),
            addresses: addresses.into(),
            bad_addresses: bad_addresses.into(),
            ports: spec.ports.iter().map(|port| (port.port, protocol(port.protocol.as_deref()))).collect(),
            class: spec.load_balancer_class.as_deref().map(Name::from),
            health_port: spec.health_check_node_port,
            external_local: spec.external_traffic_policy.as_deref() == Some("Local"),
            internal_local: spec.internal_traffic_policy.as_deref() == Some("Local"),
            headless: own().any(|text| text == "None"),
            external_name: spec.kind.as_deref() == Some("ExternalName"),
        }
    }
}
