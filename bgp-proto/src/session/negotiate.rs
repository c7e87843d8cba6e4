//! Negotiation: two OPENs and our settings in, the terms of the session or a NOTIFICATION out. A pure function.

use super::settings::Settings;
use crate::{
    agreed::{Agreed, FamilyAgreed, MAX_FAMILIES, PeerKind},
    family::Family,
    fault::ErrorCode,
    numbers::{Afi, Asn, CapabilityCode, HoldTime, Role, RouterId},
    wire::{
        capability::{Capability, CapabilityBuf, LongLivedEntry, RestartEntry, RestartFlags},
        notification::NotificationBuf,
        open::Offer,
    },
};
use alloc::vec::Vec;
use core::{fmt, time::Duration};

/// What the two OPENs settled, beside what a message's meaning depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// Families and widths: what decoding and encoding take.
    pub agreed: Agreed,
    /// The peer's AS number.
    pub remote_asn: Asn,
    /// The peer's BGP identifier.
    pub router_id: RouterId,
    /// The shorter of both hold times.
    pub hold_time: HoldTime,
    /// Both sides understand ROUTE-REFRESH.
    pub route_refresh: bool,
    /// Both sides mark the begin and end of a refresh (RFC 7313).
    pub enhanced_route_refresh: bool,
    /// What the peer sees itself as, where both sides said a role (RFC 9234).
    pub peer_role: Option<Role>,
    /// Graceful restart, where both sides do it.
    pub restart: Option<Restart>,
    /// What one side offered and the session does without.
    pub refused: Vec<Refused>,
}

/// What the peer said about its restarts (RFC 4724, 8538, 9494), where we do graceful restart too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restart {
    /// The peer has just restarted: do not wait for its End-of-RIB before sending ours.
    pub restarting: bool,
    /// Both sides keep routes through a NOTIFICATION that is no Hard Reset.
    pub notification: bool,
    /// How long the peer may take to come back.
    pub time: Duration,
    /// The agreed families whose routes are kept meanwhile, with whether the peer kept forwarding.
    pub families: Vec<RestartEntry>,
    /// Of those, the ones that are kept longer still.
    pub long_lived: Vec<LongLivedEntry>,
}

/// Something that one side offered and the session does without, and why. Its `Display` is a line for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The capability.
    pub capability: CapabilityCode,
    /// The family, where it is about one.
    pub family: Option<Family>,
    /// The reason.
    pub why: Why,
}

/// Why the session does without something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// We offered it, the peer did not.
    PeerLacks,
    /// The peer offered it, we did not.
    WeLack,
    /// More families than [`MAX_FAMILIES`].
    TooMany,
    /// The family it is about is not agreed.
    FamilyNotAgreed,
    /// Both would send several paths and neither, or both would receive and neither send.
    SameDirection,
    /// It needs graceful restart, which is not agreed.
    NoGracefulRestart,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.capability, self.family) {
            (CapabilityCode::MULTIPROTOCOL, Some(family)) => write!(f, "{family}")?,
            (capability, None) => write!(f, "{capability}")?,
            (capability, Some(family)) => write!(f, "{capability} for {family}")?,
        }
        f.write_str(match self.why {
            Why::PeerLacks => ": the peer did not offer it",
            Why::WeLack => ": only the peer offered it",
            Why::TooMany => ": the session carries 16 families already",
            Why::FamilyNotAgreed => ": the family is not agreed",
            Why::SameDirection => ": both sides offered the same direction only",
            Why::NoGracefulRestart => ": graceful restart is not agreed",
        })
    }
}

impl Terms {
    /// How long the peer may be silent; `Duration::MAX` where the hold time is off.
    pub const fn hold(&self) -> Duration {
        match self.hold_time.seconds() {
            0 => Duration::MAX,
            seconds => Duration::from_secs(seconds as u64),
        }
    }

    /// How often to say that we are here: a third of the hold time, at least a second; `Duration::MAX` where off.
    pub const fn keepalive(&self) -> Duration {
        match self.hold_time.seconds() {
            0 => Duration::MAX,
            seconds => Duration::from_millis(seconds as u64 * 1000 / 3),
        }
    }
}

/// For logs: `AS 65001, router id 192.0.2.1, hold time 90s, ipv4, ipv6`.
impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS {}, router id {}, hold time {}", self.remote_asn, self.router_id, self.hold_time)?;
        self.agreed.families().try_for_each(|family| write!(f, ", {}", family.family))
    }
}

const fn refusal(subcode: u8, data: Vec<u8>) -> NotificationBuf {
    NotificationBuf { code: ErrorCode::OPEN, subcode, data }
}

const BAD_PEER_AS: u8 = 2;
const BAD_IDENTIFIER: u8 = 3;
const UNACCEPTABLE_HOLD_TIME: u8 = 6;
const UNSUPPORTED_CAPABILITY: u8 = 7;
const ROLE_MISMATCH: u8 = 11;

/// What the two OPENs settle. `Err` is the NOTIFICATION that refuses the peer's.
pub fn negotiate(settings: &Settings, ours: &Offer, theirs: &Offer) -> Result<Terms, NotificationBuf> {
    check_identity(settings, ours, theirs)?;
    let hold_time = hold_time(settings, ours, theirs)?;
    let peer_kind = peer_kind(settings, ours, theirs);
    let peer_role = role(settings, peer_kind, ours, theirs)?;
    check_required(settings, theirs)?;
    let mut refused = Vec::new();
    let families = families(ours, theirs, &mut refused)?;
    let mut both = |code| {
        let (we, they) = (has(ours, code), has(theirs, code));
        let why = if we { Why::PeerLacks } else { Why::WeLack };
        if we != they {
            refused.push(Refused { capability: code, family: None, why });
        }
        we && they
    };
    let mut agreed = Agreed::new(peer_kind).with_families(families);
    agreed.extended_message = both(CapabilityCode::EXTENDED_MESSAGE);
    let route_refresh = both(CapabilityCode::ROUTE_REFRESH);
    let enhanced_route_refresh = both(CapabilityCode::ENHANCED_ROUTE_REFRESH);
    let graceful = both(CapabilityCode::GRACEFUL_RESTART);
    let long_lived = both(CapabilityCode::LONG_LIVED_GRACEFUL_RESTART);
    agreed.four_octet_as = ours.four_octet_as && theirs.four_octet_as;
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
fn check_identity(settings: &Settings, ours: &Offer, theirs: &Offer) -> Result<(), NotificationBuf> {
    // AS_TRANS stands for a number that an old speaker cannot write: nobody's own.
    let nobody = theirs.asn.0 == 0 || theirs.asn == Asn::TRANS;
    if nobody || !settings.remote.admits(ours.asn, theirs.asn) {
        return Err(refusal(BAD_PEER_AS, Vec::new()));
    }
    if ours.asn == theirs.asn && ours.router_id == theirs.router_id {
        return Err(refusal(BAD_IDENTIFIER, Vec::new()));
    }
    Ok(())
}

fn hold_time(settings: &Settings, ours: &Offer, theirs: &Offer) -> Result<HoldTime, NotificationBuf> {
    if theirs.hold_time < settings.min_hold_time {
        return Err(refusal(UNACCEPTABLE_HOLD_TIME, Vec::new()));
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
) -> Result<Option<Role>, NotificationBuf> {
    let mismatch = Err(refusal(ROLE_MISMATCH, Vec::new()));
    let (Some(our_role), PeerKind::External) = (roles(ours).next(), peer_kind) else { return Ok(None) };
    let Some(role) = roles(theirs).next() else {
        return if settings.strict_role { mismatch } else { Ok(None) };
    };
    let same = roles(theirs).all(|other| other == role);
    if same && our_role.counterpart() == Some(role) { Ok(Some(role)) } else { mismatch }
}

fn roles(offer: &Offer) -> impl Iterator<Item = Role> + '_ {
    offer.capabilities.iter().filter_map(|capability| match capability.view() {
        Capability::Role(role) => Some(role),
        _ => None,
    })
}

/// RFC 5492 §5: the data lists what is missing, as an OPEN would.
fn check_required(settings: &Settings, theirs: &Offer) -> Result<(), NotificationBuf> {
    let missing = settings.required.iter().map(CapabilityBuf::view).filter(|wanted| match wanted {
        Capability::Multiprotocol(family) => !offers(theirs, *family),
        Capability::FourOctetAs(_) => !theirs.four_octet_as,
        other => !has(theirs, other.code()),
    });
    let mut data = Vec::new();
    missing.for_each(|wanted| wanted.encode(&mut data));
    if data.is_empty() { Ok(()) } else { Err(refusal(UNSUPPORTED_CAPABILITY, data)) }
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

fn families(
    ours: &Offer,
    theirs: &Offer,
    refused: &mut Vec<Refused>,
) -> Result<Vec<FamilyAgreed>, NotificationBuf> {
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
        let mut data = Vec::new();
        let wanted = multiprotocol(ours).chain(implied);
        wanted.for_each(|family| Capability::Multiprotocol(family).encode(&mut data));
        return Err(refusal(UNSUPPORTED_CAPABILITY, data));
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
