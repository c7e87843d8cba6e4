//! What becomes of a route that goes out: whether the protocol lets it go to this peer, and what is written.

use super::{
    super::Changes,
    DEFAULT_LOCAL_PREF, LearnedFrom,
    path::{RemovePrivate, leave_confederation, override_asn, prepend_member, remove_private},
    role,
};
use bgp_proto::{
    agreed::PeerKind,
    attr::{community::Community, set::PathAttributes},
    numbers::{Asn, Origin, Role, RouterId},
};
use std::fmt;

/// What the rules need to know of the sessions that a route goes out by: all that changes what is written, and nothing
/// else, so that it can be part of an update group's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExportSide {
    /// Inside or outside of our AS.
    pub kind: PeerKind,
    /// Our AS as the peer knows it.
    pub asn: Asn,
    /// Our AS elsewhere, written behind the other one where the session uses another (`local_asn`). `None`: it is the
    /// same, or not to be seen.
    pub real_asn: Option<Asn>,
    /// The peer's AS, where our own is written in its place (`as_override`).
    pub as_override: Option<Asn>,
    /// Which private ASes are removed, and the peer's AS, which is not.
    pub remove_private: Option<(RemovePrivate, Asn)>,
    /// Our role on the session.
    pub role: Option<Role>,
    /// The cluster that we reflect routes for.
    pub cluster_id: Option<u32>,
    /// The peer is our route reflection client.
    pub client: bool,
    /// AIGP was agreed on.
    pub aigp: bool,
    /// We are about to leave: every route says so (RFC 8326).
    pub leaving: bool,
}

impl ExportSide {
    /// A session with nothing special about it.
    pub const fn new(kind: PeerKind, asn: Asn) -> Self {
        ExportSide {
            kind,
            asn,
            real_asn: None,
            as_override: None,
            remove_private: None,
            role: None,
            cluster_id: None,
            client: false,
            aigp: false,
            leaving: false,
        }
    }

    fn is_external(&self) -> bool {
        self.kind == PeerKind::External
    }

    /// As much of where a route came from as changes what is written here. Routes that share attributes, rule and
    /// provenance share octets.
    pub fn provenance(&self, learned: Option<LearnedFrom>) -> Provenance {
        match (self.kind, learned) {
            (_, None) => Provenance::Ours,
            (PeerKind::External, _) | (_, Some(LearnedFrom { kind: PeerKind::External, .. })) => {
                Provenance::Outside
            }
            (PeerKind::Internal, Some(LearnedFrom { kind: PeerKind::Internal, router_id, .. })) => {
                Provenance::Reflected(router_id)
            }
            _ => Provenance::Inside,
        }
    }
}

/// Where a route came from, as seen from a session that it goes out by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provenance {
    /// It is our own.
    Ours,
    /// It crosses a border of the AS: on its way to us, or from us to the peer.
    Outside,
    /// It stays inside the confederation.
    Inside,
    /// It is reflected, from the iBGP peer with this identifier to another.
    Reflected(RouterId),
}

/// Why a selected route is not sent, whatever the policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Withheld {
    /// It carries a community that keeps it here.
    Community(Community),
    /// It came from iBGP, and is not reflected to this peer.
    Internal,
    /// It was marked to go to customers only (RFC 9234), and the peer is none.
    OnlyToCustomer(Asn),
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Withheld::Community(community) => write!(f, "kept back by community {community}"),
            Withheld::Internal => f.write_str("learned from iBGP, and not reflected to this peer"),
            Withheld::OnlyToCustomer(mark) => {
                write!(f, "for customers only, as marked by AS {mark}, and the peer is none")
            }
        }
    }
}

/// Which kinds of peers a community keeps a route from: internal, external, confederation.
const CONFINING: [(Community, [bool; 3]); 3] = [
    (Community::NO_ADVERTISE, [true, true, true]),
    (Community::NO_EXPORT_SUBCONFED, [false, true, true]),
    (Community::NO_EXPORT, [false, true, false]),
];

/// Whether a route with these attributes, as selected, stays here. The communities of RFC 1997 bind those who received
/// them: `learned` is `None` for a route of our own, whose communities are for the peer.
pub fn withheld(
    side: &ExportSide,
    learned: Option<LearnedFrom>,
    attributes: &PathAttributes,
) -> Option<Withheld> {
    let LearnedFrom { kind, client, .. } = learned?;
    let column = match side.kind {
        PeerKind::Internal => 0,
        PeerKind::External => 1,
        PeerKind::Confederation => 2,
    };
    let carried = |(community, keeps): &&(Community, [bool; 3])| {
        keeps[column] && attributes.communities.contains(community)
    };
    if let Some((community, _)) = CONFINING.iter().find(carried) {
        return Some(Withheld::Community(*community));
    }
    // RFC 4456 §6: from a client to all, from the others to clients.
    let reflected = side.cluster_id.is_some() && (side.client || client);
    if kind == PeerKind::Internal && side.kind == PeerKind::Internal && !reflected {
        return Some(Withheld::Internal);
    }
    let mark =
        attributes.only_to_customer.filter(|mark| side.is_external() && role::keeps(side.role, Some(*mark)));
    mark.map(Withheld::OnlyToCustomer)
}

/// Turns the attributes as selected into those that are written: what belongs to others is taken out, the policy's
/// changes are made, and what the protocol demands of the sender is put in.
pub fn prepare(
    side: &ExportSide,
    provenance: Provenance,
    attributes: &mut PathAttributes,
    policy: Option<&Changes>,
) {
    take_out(side, provenance, attributes);
    if let Some(changes) = policy {
        changes.apply(attributes, side.asn);
    }
    if let Provenance::Reflected(router_id) = provenance {
        reflect(side, router_id, attributes);
    }
    match side.kind {
        PeerKind::Internal => {}
        PeerKind::Confederation => prepend_member(&mut attributes.as_path, side.asn),
        PeerKind::External => leave(side, attributes),
    }
    if !side.is_external() {
        // RFC 4271 §5.1.5.
        let local_pref = if side.leaving { 0 } else { attributes.local_pref.unwrap_or(DEFAULT_LOCAL_PREF) };
        attributes.local_pref = Some(local_pref);
    }
    if side.leaving && !attributes.communities.contains(&Community::GRACEFUL_SHUTDOWN) {
        attributes.communities.push(Community::GRACEFUL_SHUTDOWN);
    }
    if !side.aigp {
        attributes.aigp = None;
    }
    // A learned route has one; ours need not say it.
    attributes.origin = attributes.origin.or(Some(Origin::IGP));
}

/// What a learned route brought along that is not for this peer. Before the policy: what that sets is sent.
fn take_out(side: &ExportSide, provenance: Provenance, attributes: &mut PathAttributes) {
    if !matches!(provenance, Provenance::Reflected(_)) {
        attributes.originator_id = None;
        attributes.cluster_list.clear();
    }
    if provenance == Provenance::Ours {
        return;
    }
    attributes.mark_partial();
    if side.is_external() {
        // RFC 4271 §5.1.4: another AS's MED goes no further than ours. Without a path the route is of our AS.
        attributes.med = attributes.med.filter(|_| attributes.as_path.view().is_empty());
        // RFC 4360 §6, RFC 5701 §2.
        attributes.extended_communities.retain(|community| community.is_transitive());
        attributes.extended_communities_ipv6.retain(|community| community.kind[0] & 0x40 == 0);
    }
}

/// RFC 4456 §8.
fn reflect(side: &ExportSide, from: RouterId, attributes: &mut PathAttributes) {
    attributes.originator_id = attributes.originator_id.or(Some(from));
    if let Some(id) = side.cluster_id {
        attributes.cluster_list.insert(0, id);
    }
}

/// What is written for another AS.
fn leave(side: &ExportSide, attributes: &mut PathAttributes) {
    let path = &mut attributes.as_path;
    leave_confederation(path);
    if let Some((mode, peer)) = side.remove_private {
        remove_private(path, mode, side.asn, peer);
    }
    if let Some(peer) = side.as_override {
        override_asn(path, peer, side.asn);
    }
    if let Some(real) = side.real_asn.filter(|real| *real != side.asn) {
        path.prepend(real, 1);
    }
    path.prepend(side.asn, 1);
    attributes.local_pref = None;
    attributes.only_to_customer = role::outgoing_mark(side.role, attributes.only_to_customer, side.asn);
}

#[cfg(test)]
mod tests;
