//! What a session is made with, from what is configured.

use crate::config::{self, PeerSettings, Remote};
use bgp_proto::{
    family::Family,
    numbers::{Afi, Asn, RouterId},
    session::{RemoteAs, Settings},
    wire::{
        capability::{
            AddPathEntry, AddPathMode, Capability, CapabilityBuf, ExtendedNextHopEntry, RestartEntry,
            RestartFlags,
        },
        open::Offer,
    },
};
use std::{net::IpAddr, time::Duration};

/// What beside a peer's settings goes into its OPEN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Us {
    pub(crate) asn: Asn,
    pub(crate) router_id: RouterId,
    /// We have restarted, and this peer was not told yet.
    pub(crate) restarting: bool,
    /// Our forwarding is what it was before the last session.
    pub(crate) forwarding: bool,
}

/// How long a stranger's OPEN is waited for: it holds a place that others may want.
const PATIENCE: Duration = Duration::from_secs(30);

/// The settings of a peer's session. `dynamic`: it has to connect.
pub(crate) fn settings(us: Us, remote: &Remote, peer: &PeerSettings, dynamic: bool) -> Settings {
    let asn = peer.local_asn.unwrap_or(us.asn);
    let mut offer = Offer::new(asn, us.router_id, peer.timers.hold);
    offer.capabilities = capabilities(us, remote, peer, asn);
    let restart = peer.graceful_restart.unwrap_or_default();
    let mut settings = Settings::new(offer, peer.asn.clone());
    settings.strict_role = peer.strict_role;
    settings.min_hold_time = peer.timers.min_hold;
    settings.keepalive = peer.timers.keepalive;
    settings.passive = peer.passive || dynamic;
    settings.connect_retry = peer.timers.connect_retry;
    settings.idle_hold = peer.timers.idle_hold;
    settings.idle_hold_max = peer.timers.idle_hold_max;
    settings.stale_time = restart.stale_time;
    if dynamic {
        settings.open_hold = PATIENCE;
    }
    settings
}

fn capabilities(us: Us, remote: &Remote, peer: &PeerSettings, asn: Asn) -> Vec<CapabilityBuf> {
    let mut all: Vec<_> =
        peer.families.iter().map(|family| Capability::Multiprotocol(*family).to_owned()).collect();
    all.push(Capability::RouteRefresh.to_owned());
    all.push(Capability::EnhancedRouteRefresh.to_owned());
    all.push(Capability::ExtendedMessage.to_owned());
    if peer.extended_next_hop && wants_extended_next_hop(remote, &peer.families) {
        let entry = ExtendedNextHopEntry { family: Family::IPV4, next_hop: Afi::IPV6 };
        all.push(CapabilityBuf::extended_next_hop(&[entry]));
    }
    // RFC 9234 §4.1: roles are for external sessions.
    let internal = matches!(&peer.asn, RemoteAs::Internal) || peer.asn == RemoteAs::Fixed(asn);
    if let (Some(role), false) = (peer.role, internal) {
        all.push(Capability::Role(role).to_owned());
    }
    if peer.receive_add_path {
        let entry = |family: &Family| AddPathEntry { family: *family, mode: AddPathMode::RECEIVE };
        all.push(CapabilityBuf::add_path(&peer.families.iter().map(entry).collect::<Vec<_>>()));
    }
    all.push(graceful_restart(us, peer));
    all
}

fn wants_extended_next_hop(remote: &Remote, families: &[Family]) -> bool {
    let over_ipv6 = !matches!(remote, Remote::Address(IpAddr::V4(_), _));
    families.contains(&Family::IPV4) && (over_ipv6 || families.contains(&Family::IPV6))
}

/// Without a restart of our own it lists no family: we are only patient with the peer's (RFC 4724 §3).
fn graceful_restart(us: Us, peer: &PeerSettings) -> CapabilityBuf {
    let config::GracefulRestart { restart_time, notification, .. } = peer
        .graceful_restart
        .unwrap_or(config::GracefulRestart { restart_time: Duration::ZERO, ..Default::default() });
    let entry = |family: &Family| RestartEntry { family: *family, forwarding: us.forwarding };
    let entries: Vec<_> =
        peer.graceful_restart.iter().flat_map(|_| peer.families.iter().map(entry)).collect();
    let flags = RestartFlags {
        restarting: us.restarting && peer.graceful_restart.is_some(),
        notification,
        time: u16::try_from(restart_time.as_secs()).unwrap_or(u16::MAX),
    };
    CapabilityBuf::graceful_restart(flags, &entries)
}
