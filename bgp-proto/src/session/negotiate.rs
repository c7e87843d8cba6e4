//! Negotiation: two OPENs and our settings in, the terms of the session or a NOTIFICATION out. A pure function.

use super::{
    settings::Settings,
    terms::{Refusal, Refused, Restart, Terms, Why},
};
use crate::{
    agreed::{Agreed, FamilyAgreed, MAX_FAMILIES, PeerKind},
    family::Family,
    fault::ErrorCode,
    numbers::{Afi, Asn, CapabilityCode, HoldTime, Role},
    wire::{
        capability::{Capability, CapabilityBuf, LongLivedEntry, RestartEntry, RestartFlags},
        notification::NotificationBuf,
        open::Offer,
    },
};
use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

fn refusal(subcode: u8, why: String) -> Refusal {
    Refusal { notification: NotificationBuf { code: ErrorCode::OPEN, subcode, data: Vec::new() }, why }
}

/// RFC 5492 §5: the data is what is missing, as an OPEN would say it.
fn lacking<'a>(missing: impl Iterator<Item = Capability<'a>>) -> Refusal {
    let (mut data, mut why) = (Vec::new(), String::from("the peer does not offer"));
    for (n, capability) in missing.enumerate() {
        capability.encode(&mut data);
        why += &format!("{} {capability}", if n == 0 { "" } else { "," });
    }
    let notification = NotificationBuf { code: ErrorCode::OPEN, subcode: UNSUPPORTED_CAPABILITY, data };
    Refusal { notification, why }
}

const BAD_PEER_AS: u8 = 2;
const BAD_IDENTIFIER: u8 = 3;
const UNACCEPTABLE_HOLD_TIME: u8 = 6;
const UNSUPPORTED_CAPABILITY: u8 = 7;
const ROLE_MISMATCH: u8 = 11;

/// What the two OPENs settle. `Err` is the NOTIFICATION that refuses the peer's.
pub fn negotiate(settings: &Settings, ours: &Offer, theirs: &Offer) -> Result<Terms, Refusal> {
    check_identity(settings, ours, theirs)?;
    let hold_time = hold_time(settings, ours, theirs)?;
    let peer_kind = peer_kind(settings, ours, theirs);
    let peer_role = role(settings, peer_kind, ours, theirs)?;
    check_required(settings, theirs)?;
    let mut refused = Vec::new();
    let families = families(ours, theirs, &mut refused)?;
    let mut both = |code| {
        let (we, they) = match code {
            CapabilityCode::FOUR_OCTET_AS => (ours.four_octet_as, theirs.four_octet_as),
            code => (has(ours, code), has(theirs, code)),
        };
        let why = if we { Why::PeerLacks } else { Why::WeLack };
        if we != they {
            refused.push(Refused { capability: code, family: None, why });
        }
        we && they
    };
    let mut agreed = Agreed::new(peer_kind).with_families(families);
    agreed.four_octet_as = both(CapabilityCode::FOUR_OCTET_AS);
    agreed.extended_message = both(CapabilityCode::EXTENDED_MESSAGE);
    let route_refresh = both(CapabilityCode::ROUTE_REFRESH);
    let enhanced_route_refresh = both(CapabilityCode::ENHANCED_ROUTE_REFRESH);
    let graceful = both(CapabilityCode::GRACEFUL_RESTART);
    let long_lived = both(CapabilityCode::LONG_LIVED_GRACEFUL_RESTART);
    agreed.aigp = settings.aigp.unwrap_or(peer_kind == PeerKind::Internal);
    let restart = graceful.then(|| restart(&agreed, ours, theirs, long_lived, &mut refused)).flatten();
    if long_lived && restart.is_none() {
        let capability = CapabilityCode::LONG_LIVED_GRACEFUL_RESTART;
        refused.push(Refused { capability, family: None, why: Why::NoGracefulRestart });
    }
    let (remote_asn, router_id) = (theirs.asn, theirs.router_id);
    Ok(Terms {
        agreed,
        remote_asn,
        router_id,
        hold_time,
        route_refresh,
        enhanced_route_refresh,
        peer_role,
        restart,
        refused,
    })
}

/// AS number and BGP identifier (RFC 4271 §6.2, 6286 §2.2, 6793, 7607).
fn check_identity(settings: &Settings, ours: &Offer, theirs: &Offer) -> Result<(), Refusal> {
    // AS_TRANS stands for a number that an old speaker cannot write: nobody's own.
    let nobody = theirs.asn.0 == 0 || theirs.asn == Asn::TRANS;
    if nobody || !settings.remote.admits(ours.asn, theirs.asn) {
        let why = format!("the peer is in AS {}, and {} is wanted", theirs.asn, settings.remote);
        return Err(refusal(BAD_PEER_AS, why));
    }
    if ours.asn == theirs.asn && ours.router_id == theirs.router_id {
        let why = format!("the peer has our router id {}; give one of both another", ours.router_id);
        return Err(refusal(BAD_IDENTIFIER, why));
    }
    Ok(())
}

fn hold_time(settings: &Settings, ours: &Offer, theirs: &Offer) -> Result<HoldTime, Refusal> {
    if theirs.hold_time < settings.min_hold_time {
        let why = format!(
            "the peer proposes a hold time of {}, and at least {} is wanted",
            theirs.hold_time, settings.min_hold_time
        );
        return Err(refusal(UNACCEPTABLE_HOLD_TIME, why));
    }
    Ok(ours.hold_time.min(theirs.hold_time))
}

fn peer_kind(settings: &Settings, ours: &Offer, theirs: &Offer) -> PeerKind {
    if ours.asn == theirs.asn {
        PeerKind::Internal
    } else if settings.confederation.contains(&theirs.asn) {
        PeerKind::Confederation
    } else {
        PeerKind::External
    }
}

/// RFC 9234 §4.2: roles are for external sessions, must be each other's counterpart and said once.
fn role(
    settings: &Settings,
    peer_kind: PeerKind,
    ours: &Offer,
    theirs: &Offer,
) -> Result<Option<Role>, Refusal> {
    let (Some(our_role), PeerKind::External) = (roles(ours).next(), peer_kind) else { return Ok(None) };
    let Some(role) = roles(theirs).next() else {
        let why = || format!("our role is {our_role}, the peer says none, and strict mode wants one");
        return if settings.strict_role { Err(refusal(ROLE_MISMATCH, why())) } else { Ok(None) };
    };
    if let Some(other) = roles(theirs).find(|other| *other != role) {
        return Err(refusal(ROLE_MISMATCH, format!("the peer says two roles, {role} and {other}")));
    }
    if our_role.counterpart() != Some(role) {
        return Err(refusal(ROLE_MISMATCH, format!("our role is {our_role} and the peer's {role}")));
    }
    Ok(Some(role))
}

fn roles(offer: &Offer) -> impl Iterator<Item = Role> + '_ {
    offer.capabilities.iter().filter_map(|capability| match capability.view() {
        Capability::Role(role) => Some(role),
        _ => None,
    })
}

fn check_required(settings: &Settings, theirs: &Offer) -> Result<(), Refusal> {
    let lacks = |wanted: &Capability<'_>| match wanted {
        Capability::Multiprotocol(family) => !offers(theirs, *family),
        Capability::FourOctetAs(_) => !theirs.four_octet_as,
        other => !has(theirs, other.code()),
    };
    let mut missing = settings.required.iter().map(CapabilityBuf::view).filter(lacks).peekable();
    if missing.peek().is_none() { Ok(()) } else { Err(lacking(missing)) }
}

/// Whether a capability of this code, with a value that its code allows, is in the offer.
fn has(offer: &Offer, code: CapabilityCode) -> bool {
    offer.capabilities.iter().any(|capability| {
        let view = capability.view();
        view.code() == code && !matches!(view, Capability::Unknown { .. })
    })
}

fn multiprotocol(offer: &Offer) -> impl Iterator<Item = Family> + '_ {
    offer.capabilities.iter().filter_map(|capability| match capability.view() {
        Capability::Multiprotocol(family) => Some(family),
        _ => None,
    })
}

/// RFC 4760 §8: who lists no family means IPv4 unicast.
pub(super) fn offers(offer: &Offer, family: Family) -> bool {
    let mut listed = multiprotocol(offer).peekable();
    if listed.peek().is_none() { family == Family::IPV4 } else { listed.any(|other| other == family) }
}

fn families(ours: &Offer, theirs: &Offer, refused: &mut Vec<Refused>) -> Result<Vec<FamilyAgreed>, Refusal> {
    let mut agreed: Vec<FamilyAgreed> = Vec::new();
    let mut refuse =
        |capability, family, why| refused.push(Refused { capability, family: Some(family), why });
    let implied = multiprotocol(ours).next().is_none().then_some(Family::IPV4);
    for family in multiprotocol(ours).chain(implied) {
        if agreed.iter().any(|agreed| agreed.family == family) {
            continue;
        }
        if !offers(theirs, family) {
            refuse(CapabilityCode::MULTIPROTOCOL, family, Why::PeerLacks);
        } else if agreed.len() == MAX_FAMILIES {
            refuse(CapabilityCode::MULTIPROTOCOL, family, Why::TooMany);
        } else {
            agreed.push(FamilyAgreed::plain(family));
        }
    }
    for family in multiprotocol(theirs).filter(|family| !offers(ours, *family)) {
        refuse(CapabilityCode::MULTIPROTOCOL, family, Why::WeLack);
    }
    if agreed.is_empty() {
        // A session that can carry nothing would only look alive.
        return Err(lacking(multiprotocol(ours).chain(implied).map(Capability::Multiprotocol)));
    }
    for family in &mut agreed {
        add_path(ours, theirs, family, &mut refuse);
        extended_next_hop(ours, theirs, family, &mut refuse);
    }
    Ok(agreed)
}

/// What an offer says of ADD-PATH for a family: whether it receives and whether it sends several paths.
fn add_path_of(offer: &Offer, family: Family) -> (bool, bool) {
    let entries = offer.capabilities.iter().filter_map(|capability| match capability.view() {
        Capability::AddPath(entries) => Some(entries),
        _ => None,
    });
    let entry = entries.flatten().find(|entry| entry.family == family);
    entry.map_or((false, false), |entry| (entry.mode.receives(), entry.mode.sends()))
}

fn add_path(
    ours: &Offer,
    theirs: &Offer,
    agreed: &mut FamilyAgreed,
    refuse: &mut impl FnMut(CapabilityCode, Family, Why),
) {
    let (we_receive, we_send) = add_path_of(ours, agreed.family);
    let (they_receive, they_send) = add_path_of(theirs, agreed.family);
    agreed.receive_add_path = we_receive && they_send;
    agreed.send_add_path = we_send && they_receive;
    if agreed.receive_add_path || agreed.send_add_path {
        return;
    }
    let why = match (we_receive || we_send, they_receive || they_send) {
        (true, true) => Why::SameDirection,
        (true, false) => Why::PeerLacks,
        (false, true) => Why::WeLack,
        (false, false) => return,
    };
    refuse(CapabilityCode::ADD_PATH, agreed.family, why);
}

fn extended_next_hop(
    ours: &Offer,
    theirs: &Offer,
    agreed: &mut FamilyAgreed,
    refuse: &mut impl FnMut(CapabilityCode, Family, Why),
) {
    let says = |offer: &Offer| {
        offer.capabilities.iter().any(|capability| match capability.view() {
            Capability::ExtendedNextHop(mut entries) => {
                entries.any(|entry| entry.family == agreed.family && entry.next_hop == Afi::IPV6)
            }
            _ => false,
        })
    };
    let (we, they) = (says(ours), says(theirs));
    agreed.extended_next_hop = we && they;
    if we != they {
        let why = if we { Why::PeerLacks } else { Why::WeLack };
        refuse(CapabilityCode::EXTENDED_NEXT_HOP, agreed.family, why);
    }
}

/// Flags and families of graceful restart. RFC 4724 §3: of several the last counts.
fn graceful(offer: &Offer) -> Option<(RestartFlags, impl Iterator<Item = RestartEntry> + '_)> {
    offer.capabilities.iter().rev().find_map(|capability| match capability.view() {
        Capability::GracefulRestart(flags, entries) => Some((flags, entries)),
        _ => None,
    })
}

fn restart(
    agreed: &Agreed,
    ours: &Offer,
    theirs: &Offer,
    long_lived: bool,
    refused: &mut Vec<Refused>,
) -> Option<Restart> {
    let (flags, entries) = graceful(theirs)?;
    let (our_flags, _) = graceful(ours)?;
    let mut families: Vec<RestartEntry> = Vec::new();
    for entry in entries {
        if agreed.family(entry.family).is_none() {
            let capability = CapabilityCode::GRACEFUL_RESTART;
            refused.push(Refused { capability, family: Some(entry.family), why: Why::FamilyNotAgreed });
        } else if families.iter().all(|known| known.family != entry.family) {
            families.push(entry);
        }
    }
    let listed = theirs.capabilities.iter().filter_map(|capability| match capability.view() {
        Capability::LongLivedGracefulRestart(entries) if long_lived => Some(entries),
        _ => None,
    });
    let mut longer: Vec<LongLivedEntry> = Vec::new();
    for entry in listed.flatten() {
        let known = longer.iter().any(|known| known.family == entry.family);
        if agreed.family(entry.family).is_some() && !known {
            longer.push(entry);
        }
    }
    Some(Restart {
        restarting: flags.restarting,
        notification: flags.notification && our_flags.notification,
        time: Duration::from_secs(u64::from(flags.time)),
        families,
        long_lived: longer,
    })
}
