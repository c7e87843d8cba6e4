//! A session under events made of the bytes: what happens, in what order, after how long.

use crate::around;
use arbitrary::{Result, Unstructured};
use bgp_proto::{
    agreed::{Agreed, PeerKind},
    attr::{as_path::AsPathBuf, next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::{Afi, Asn, HoldTime, Origin, RouterId, Safi},
    prefix::Prefix,
    session::{
        Cause, ConnectionId, RemoteAs, Session, Settings,
        record::{Event, Line},
    },
    time::Time,
    wire::{
        capability::{Capability, CapabilityBuf, LongLivedEntry, RestartEntry, RestartFlags},
        open::Offer,
        pack::{self, Announcement},
        route_refresh::{RefreshKind, RouteRefresh},
    },
};
use std::time::Duration;

#[path = "../../bgp-proto/tests/session/watch.rs"]
mod watch;

/// Makes settings and events of the bytes and plays them; the session must keep what it promises.
pub fn session(data: &[u8]) {
    conversation(data);
}

/// The same, and returns every action and state with its time.
pub fn conversation(data: &[u8]) -> Vec<String> {
    // Bytes that do not suffice for settings are no case.
    case(&mut Unstructured::new(data)).unwrap_or_default()
}

fn case(u: &mut Unstructured<'_>) -> Result<Vec<String>> {
    let Ok(session) = Session::new(settings(u)?, u.arbitrary()?) else { return Ok(Vec::new()) };
    let mut events = Vec::new();
    while !u.is_empty() && events.len() < 200 {
        let (span, event) = (span(u)?, event(u)?);
        let line = Line { at: Time::START + span, event };
        assert_eq!(line.to_string().parse().as_ref(), Ok(&line), "{line} is read as something else");
        events.push((span, line.event));
    }
    Ok(watch::play(session, &events))
}

/// Our identifier is 5 in AS 65005: between those that peers have.
fn settings(u: &mut Unstructured<'_>) -> Result<Settings> {
    let choice: u32 = u.arbitrary()?;
    let bit = |at: u32| choice >> at & 1 == 1;
    let secs = |length: u64, at| Duration::from_secs(if bit(at) { 0 } else { length });
    let ours = Says { restart: bit(0), restarting: bit(1), long_lived: bit(2), refresh: bit(3) };
    let mut settings = Settings::new(offer(5, 5, if bit(4) { 3 } else { 90 }, ours), RemoteAs::Any);
    (settings.passive, settings.automatic_restart) = (bit(5), !bit(6));
    settings.damp_oscillations = bit(7);
    settings.delay_open = bit(8).then(|| secs(3, 9));
    // Nobody waits for nothing, and nothing may break where somebody does.
    (settings.connect_retry, settings.idle_hold) = (secs(15, 10), secs(1, 11));
    (settings.open_hold, settings.stale_time) = (secs(240, 12), secs(360, 13));
    settings.send_hold = bit(14).then(|| secs(20, 15));
    settings.min_hold_time = HoldTime::new(if bit(16) { 10 } else { 0 }).unwrap_or(HoldTime::OFF);
    (settings.remote, settings.strict_role) =
        (if bit(17) { RemoteAs::External } else { RemoteAs::Any }, bit(18));
    Ok(settings)
}

/// Which capabilities an OPEN has.
#[derive(Clone, Copy)]
struct Says {
    restart: bool,
    restarting: bool,
    long_lived: bool,
    refresh: bool,
}

fn offer(asn: u32, id: u32, hold_time: u16, says: Says) -> Offer {
    let id = RouterId::new(id).unwrap_or_else(|| unreachable!());
    let mut offer = Offer::new(Asn(65000 + asn), id, HoldTime::new(hold_time).unwrap_or(HoldTime::OFF));
    let families = [Family::IPV4, Family::IPV6];
    offer.capabilities.extend(families.map(|family| Capability::Multiprotocol(family).into()));
    if says.restart {
        let flags = RestartFlags { restarting: says.restarting, notification: true, time: 9 };
        let entries = families.map(|family| RestartEntry { family, forwarding: true });
        offer.capabilities.push(CapabilityBuf::graceful_restart(flags, &entries));
    }
    if says.long_lived {
        let longer = families.map(|family| LongLivedEntry { family, forwarding: true, stale_time: 9 });
        offer.capabilities.push(CapabilityBuf::long_lived_graceful_restart(&longer));
    }
    if says.refresh {
        offer.capabilities.push(Capability::RouteRefresh.into());
        offer.capabilities.push(Capability::EnhancedRouteRefresh.into());
    }
    offer
}

fn span(u: &mut Unstructured<'_>) -> Result<Duration> {
    Ok(Duration::from_millis(match u.int_in_range(0..=3u8)? {
        0 | 1 => 0,
        2 => u.int_in_range(0..=5000)?,
        _ => u.int_in_range(0..=500_000)?,
    }))
}

fn cause(u: &mut Unstructured<'_>) -> Result<Cause> {
    let family = Family::IPV6;
    Ok(match u.int_in_range(0..=8u8)? {
        // An empty text is none.
        0 => Cause::Shutdown(Some(u.arbitrary()?).filter(|text: &String| !text.is_empty())),
        1 => Cause::Reset(None),
        2 => Cause::Deconfigured,
        3 => Cause::OutOfResources,
        4 => Cause::MaxPrefixes { family, limit: u.arbitrary()? },
        5 => Cause::Rejected,
        6 => Cause::ConfigurationChange,
        7 => Cause::Reset(Some("now".into())),
        _ => Cause::BfdDown,
    })
}

fn event(u: &mut Unstructured<'_>) -> Result<Event> {
    let kind = u.int_in_range(0..=19u8)?;
    let id = |u: &mut Unstructured<'_>| u.int_in_range(1..=11).map(ConnectionId);
    Ok(match kind {
        0 => Event::Start,
        1 => Event::Stop(cause(u)?),
        2 => Event::Reset(cause(u)?),
        3 => Event::HardReset(cause(u)?),
        4 => Event::Restart,
        5 | 6 => Event::Accept,
        7 | 8 => Event::Connected(id(u)?),
        9 => Event::Closed(id(u)?),
        10 => Event::Sent(id(u)?, u.int_in_range(0..=200)?),
        11 => Event::Wrote(id(u)?, u.int_in_range(0..=200)?),
        12 | 13 => Event::Tick,
        _ => Event::Received(id(u)?, octets(u)?),
    })
}

/// Messages that a peer may send, good and bad, whole or in part, and anything else.
fn octets(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let kind = u.int_in_range(0..=15u8)?;
    let mut octets = match kind {
        0..=2 => [open(u)?, around(4, &[])].concat(),
        3 | 4 => open(u)?,
        5 | 6 => around(4, &[]),
        7 => routes(u)?,
        8 => end_of_rib(u)?,
        9 => refresh(u)?,
        10 => around(3, &[6, u.arbitrary()?, 6, 2]),
        11 => around(3, &[u.arbitrary()?, u.arbitrary()?]),
        12 | 13 => {
            let kind = u.int_in_range(0..=6)?;
            around(kind, noise(u)?)
        }
        _ => noise(u)?.to_vec(),
    };
    // A part now; with luck the other later.
    match u.int_in_range(0..=9u8)? {
        8 => octets.truncate(u.int_in_range(0..=octets.len())?),
        9 => drop(octets.drain(..u.int_in_range(0..=octets.len())?)),
        _ => {}
    }
    Ok(octets)
}

fn noise<'a>(u: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    let len = u.int_in_range(0..=64)?;
    u.bytes(len.min(u.len()))
}

/// An OPEN of a peer that we win against, or it against us, by identifier or by AS, or that is in our AS.
fn open(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let choice: u8 = u.arbitrary()?;
    let bit = |at: u8| choice >> at & 1 == 1;
    let says = Says { restart: bit(0), restarting: bit(1), long_lived: bit(2), refresh: bit(3) };
    let (asn, id) = [(2, 2), (2, 9), (9, 5), (5, 9)][usize::from(choice >> 4 & 3)];
    let hold_time = [90, 3, 0, 30][usize::from(choice >> 6)];
    let mut out = Vec::new();
    offer(asn, id, hold_time, says).encode(&mut out).unwrap_or_else(|error| panic!("{error}"));
    Ok(out)
}

/// A family that nobody offers.
const UNKNOWN: Family = Family::new(Afi::L2VPN, Safi::EVPN);

fn family(u: &mut Unstructured<'_>) -> Result<Family> {
    u.choose(&[Family::IPV4, Family::IPV6, UNKNOWN]).copied()
}

fn end_of_rib(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    pack::end_of_rib(family(u)?, &mut out);
    Ok(out)
}

fn refresh(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    RouteRefresh { family: family(u)?, kind: RefreshKind(u.int_in_range(0..=3)?) }.encode(&mut out);
    Ok(out)
}

/// An UPDATE that announces one prefix, perhaps with an attribute that costs it.
fn routes(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let origin = Some(Origin(u.int_in_range(0..=3)?));
    let as_path = AsPathBuf::sequence(&[Asn(65002)]);
    let (mut attributes, mut out) = (Vec::new(), Vec::new());
    PathAttributes { origin, as_path, ..PathAttributes::default() }.encode(true, &mut attributes);
    let next_hop = NextHop::Ipv4([192, 0, 2, 1].into());
    let announcement = Announcement { family: Family::IPV4, attributes: &attributes, next_hop };
    let prefix = Prefix::<u32>::new(u.arbitrary()?, 32).unwrap_or_default();
    let made = announcement.encode(&Agreed::new(PeerKind::External), [prefix.into()], &mut out);
    made.unwrap_or_else(|error| panic!("{error:?}"));
    Ok(out)
}
