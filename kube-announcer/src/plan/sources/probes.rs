//! What a source asks of the node itself before it announces.

use super::{Answer, Asking, From};
use crate::{
    plan::{
        Code, Probed, Reason,
        stand_in::{StandIn, comes_before, probe},
    },
    snapshot::Service,
    wish::Probe,
};
use ipnet::IpNet;

impl Asking<'_> {
    /// What a source asks the node about a Service.
    pub(super) fn probe(&self, from: From<'_>, service: &Service) -> Option<Probed> {
        let port = match probe(from.source)? {
            Probe::KubeProxy(port) => port,
            Probe::HealthCheckNodePort => service.health_port,
        };
        (port != 0).then(|| Probed { port, fails: self.here.probes.failing.contains(&port) })
    }

    /// Whether the node can deliver by what it was asked. Where it fails, a node that comes before it has to be there:
    /// one for which `serves` holds too.
    pub(super) fn passes(
        &self,
        from: From<'_>,
        probe: Option<Probed>,
        prefix: IpNet,
        serves: impl Fn(&StandIn) -> bool,
    ) -> Answer {
        let Some(Probed { port, fails: true }) = probe else { return Ok(()) };
        let family = usize::from(prefix.addr().is_ipv6());
        let others = from.standing.into_iter().flat_map(|standing| &standing.nodes);
        let mut stand_in = others.filter(|other| {
            other.tells[family] && comes_before(prefix, &other.node, &self.here.node) && serves(other)
        });
        stand_in.next().map_or(Ok(()), |other| {
            let detail = format_args!("its port {port} fails its probe, and {} announces it too", other.node);
            Err(Reason::with(Code::NotDeliverable, detail))
        })
    }
}
