//! What a source asks of the node itself before it announces.

use super::{Answer, Asking, From};
use crate::{
    plan::{
        Code, Reason,
        stand_in::{StandIn, comes_before, probe},
    },
    snapshot::Service,
    wish::Probe,
};
use ipnet::IpNet;

/// The port of the node that a source asks about a Service.
pub(super) fn port(from: From<'_>, service: &Service) -> Option<u16> {
    match probe(from.source)? {
        Probe::KubeProxy(port) => Some(port),
        Probe::HealthCheckNodePort => Some(service.health_port).filter(|port| *port != 0),
    }
}

impl Asking<'_> {
    /// Whether the node itself says that it can deliver. Where it does not, a node that comes before it has to be there:
    /// one for which `serves` holds too.
    pub(super) fn probed(
        &self,
        from: From<'_>,
        port: Option<u16>,
        prefix: IpNet,
        serves: impl Fn(&StandIn) -> bool,
    ) -> Answer {
        let failing = &self.here.probes.failing;
        let Some(port) = port.filter(|port| failing.contains(port)) else { return Ok(()) };
        let (prefix, family) = (prefix.trunc(), usize::from(prefix.addr().is_ipv6()));
        let others = from.standing.into_iter().flat_map(|standing| &standing.nodes);
        let mut stand_in = others.filter(|other| {
            other.tells[family] && comes_before(prefix, &other.node, &self.here.node) && serves(other)
        });
        stand_in.next().map_or(Ok(()), |other| {
            let detail = format_args!("its port {port} says no, and {} announces it", other.node);
            Err(Reason::with(Code::NotDeliverable, detail))
        })
    }
}
