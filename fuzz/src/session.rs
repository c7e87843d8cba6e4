//! A session under events made of the bytes: what happens, in what order, after how long.

use crate::around;
use arbitrary::{Result, Unstructured};
use bgp_proto::{
    family::Family,
    numbers::{Asn, HoldTime, RouterId},
    session::{Cause, ConnectionId, RemoteAs, Session, Settings, record::Event},
    wire::{
        capability::{Capability, CapabilityBuf, LongLivedEntry, RestartEntry, RestartFlags},
        open::Offer,
    },
};
use std::time::Duration;

#[path = "../../bgp-proto/tests/session/watch.rs"]
mod watch;

/// Makes settings and events of the bytes and plays them; the session must keep what it promises.
pub fn session(data: &[u8]) {
    // Bytes that do not suffice for a case are no case.
    let _ = case(&mut Unstructured::new(data));
}

fn case(u: &mut Unstructured<'_>) -> Result<()> {
    let mut settings = Settings::new(offer(1, u.arbitrary()?), RemoteAs::Any);
    settings.passive = u.ratio(1, 4)?;
    settings.automatic_restart = u.ratio(7, 8)?;
    settings.damp_oscillations = u.arbitrary()?;
    settings.delay_open = u.ratio(1, 4)?.then_some(Duration::from_secs(3));
    let Ok(session) = Session::new(settings, u.arbitrary()?) else { return Ok(()) };
    let mut events = Vec::new();
    while !u.is_empty() && events.len() < 200 {
        events.push((span(u)?, event(u)?));
    }
    watch::play(session, &events);
    Ok(())
}

/// An OPEN with or without graceful restart.
fn offer(id: u32, restart: bool) -> Offer {
    let hold_time = HoldTime::new(90).unwrap_or(HoldTime::OFF);
    let mut offer =
        Offer::new(Asn(65000 + id), RouterId::new(id).unwrap_or_else(|| unreachable!()), hold_time);
    let families = [Family::IPV4, Family::IPV6];
    offer.capabilities.extend(families.map(|family| Capability::Multiprotocol(family).into()));
    if restart {
        let flags = RestartFlags { restarting: false, notification: true, time: 9 };
        let entries = families.map(|family| RestartEntry { family, forwarding: true });
        offer.capabilities.push(CapabilityBuf::graceful_restart(flags, &entries));
        let longer = families.map(|family| LongLivedEntry { family, forwarding: true, stale_time: 9 });
        offer.capabilities.push(CapabilityBuf::long_lived_graceful_restart(&longer));
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
    Ok(match u.int_in_range(0..=5u8)? {
        0 => Cause::Shutdown(Some(u.arbitrary()?)),
        1 => Cause::Reset(None),
        2 => Cause::Deconfigured,
        3 => Cause::OutOfResources,
        4 => Cause::MaxPrefixes { family: Family::IPV6, limit: u.arbitrary()? },
        _ => Cause::BfdDown,
    })
}

fn event(u: &mut Unstructured<'_>) -> Result<Event> {
    let kind = u.int_in_range(0..=19u8)?;
    let id = ConnectionId(u.int_in_range(1..=11)?);
    Ok(match kind {
        0 => Event::Start,
        1 => Event::Stop(cause(u)?),
        2 => Event::Reset(cause(u)?),
        3 => Event::HardReset(cause(u)?),
        4 => Event::Restart,
        5 | 6 => Event::Accept,
        7 | 8 => Event::Connected(id),
        9 => Event::Closed(id),
        10 => Event::Sent(id, u.int_in_range(0..=200)?),
        11 => Event::Wrote(id, u.int_in_range(0..=200)?),
        12 | 13 => Event::Tick,
        _ => Event::Received(id, octets(u)?),
    })
}

/// Messages that a peer may send, good and bad, and anything else.
fn octets(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let open = |id, restart| {
        let mut out = Vec::new();
        offer(id, restart).encode(&mut out).map(|()| out).unwrap_or_default()
    };
    Ok(match u.int_in_range(0..=9u8)? {
        0 | 1 => [open(2, true), around(4, &[])].concat(),
        2 => open(2, false),
        3 => open(3, true),
        4 | 5 => around(4, &[]),
        6 => around(2, &[0, 0, 0, 0]),
        7 => {
            let kind = u.int_in_range(0..=6)?;
            let len = u.int_in_range(0..=64)?;
            around(kind, u.bytes(len)?)
        }
        8 => around(3, &[6, u.arbitrary()?, 6, 2]),
        _ => {
            let len = u.int_in_range(0..=64)?;
            u.bytes(len)?.to_vec()
        }
    })
}
