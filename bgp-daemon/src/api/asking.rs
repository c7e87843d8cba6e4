//! What handlers ask of the engine: everything in here runs in the speaker's own thread, for well under a millisecond.

use super::{
    document::{self, Counts, Ended, Fault, From, Messages},
    problem::Problem,
};
use crate::{
    config::Remote,
    engine::{self, Engine, Messages as Counted, PeerId, PeerView, Sent},
    rib::SenderId,
};
use bgp_proto::{attr::table::Treatment, numbers::MessageType, session::RemoteAs, time::Time};
use std::{collections::BTreeMap, time::Duration};

/// Who the senders of routes are.
pub(super) type Names = BTreeMap<SenderId, From>;

/// The senders there are.
pub(super) fn names(engine: &Engine) -> Names {
    let named = |(id, sent): (SenderId, Sent<'_>)| {
        let from = match sent {
            Sent::Peer(peer, remote) => From {
                peer: Some(remote.to_string()),
                group: engine.peer(peer).and_then(|peer| peer.group).map(Into::into),
                owner: None,
            },
            Sent::Owner(owner) => From { owner: Some(owner.into()), ..From::default() },
        };
        (id, from)
    };
    engine.senders().map(named).collect()
}

/// Whether a peer answers to a name: its address, with or without the interface, its interface, or its description.
fn answers_to(peer: &PeerView<'_>, name: &str) -> bool {
    let by_place = match peer.remote {
        Remote::Address(address, interface) => {
            name.parse() == Ok(*address) || interface.is_some() && peer.remote.to_string() == name
        }
        Remote::Interface(interface) => **interface == *name,
    };
    by_place
        || peer.description == Some(name)
        || peer.address.is_some_and(|address| name.parse() == Ok(address))
}

/// The peer that answers to a name.
pub(super) fn find<'e>(engine: &'e Engine, name: &str) -> Result<PeerView<'e>, Problem> {
    let mut found: Vec<_> = engine.peers().filter(|peer| answers_to(peer, name)).collect();
    match (found.pop(), found.len()) {
        (Some(peer), 0) => Ok(peer),
        (None, _) => {
            let sentence = "there is no peer {NAME}; `bgp-daemon show peers` lists those there are";
            Err(Problem::missing(sentence.replace("{NAME}", &name.escape_debug().to_string())))
        }
        (Some(last), _) => {
            found.push(last);
            let all: Vec<_> = found.iter().map(|peer| peer.remote.to_string()).collect();
            let name = name.escape_debug();
            Err(Problem::missing(format!(
                "{} peers are called {name}; write one of {}",
                all.len(),
                all.join(", ")
            )))
        }
    }
}

fn seconds(now: Time, since: Time) -> u64 {
    now.since(since).as_secs()
}

/// Type by type, as far as there is a name for it.
fn messages(counted: &Counted) -> BTreeMap<String, u64> {
    let named = |(kind, count): (MessageType, u64)| Some((kind.name()?.to_ascii_lowercase(), count));
    counted.all().filter_map(named).collect()
}

/// What two sides can agree to beside families.
fn agreed(terms: &bgp_proto::session::Terms) -> Vec<String> {
    let rows = [
        (terms.agreed.four_octet_as, "4-octet AS numbers"),
        (terms.agreed.extended_message, "extended messages"),
        (terms.route_refresh, "route refresh"),
        (terms.enhanced_route_refresh, "enhanced route refresh"),
        (terms.restart.is_some(), "graceful restart"),
        (terms.agreed.families().any(|family| family.extended_next_hop), "IPv6 next hops of IPv4 routes"),
        (
            terms.agreed.families().any(|family| family.receive_add_path),
            "several routes to a prefix, received",
        ),
    ];
    let mut agreed: Vec<_> = rows.iter().filter(|(is, _)| *is).map(|(_, name)| (*name).to_owned()).collect();
    agreed.extend(terms.peer_role.map(|role| format!("the peer is our {role}")));
    agreed
}

fn treatment(of: Treatment) -> &'static str {
    match of {
        Treatment::Discard => "discard",
        Treatment::Withdraw => "withdraw",
        Treatment::Reset => "reset",
    }
}

/// Why a connection ended, with what the system says to it.
fn reason(ended: &engine::Ended) -> String {
    let why = ended.why.as_ref().map(|why| format!(": {}", engine::Shown(why)));
    format!("{}{}", ended.reason, why.unwrap_or_default())
}

/// A peer's document.
pub(super) fn peer(view: &PeerView<'_>, now: Time) -> document::Peer {
    let configured = match view.asn {
        RemoteAs::Fixed(asn) => Some(asn.0),
        _ => None,
    };
    let terms = view.terms;
    let families = view.routes.iter().map(|counts| {
        let of = |count: u32| u64::from(count);
        let (received, accepted, advertised) =
            (of(counts.received), of(counts.accepted), of(counts.advertised));
        (counts.family.to_string(), Counts { received, accepted, advertised })
    });
    let treatments = [Treatment::Discard, Treatment::Withdraw, Treatment::Reset];
    let malformed = treatments.into_iter().map(treatment).zip(view.malformed);
    document::Peer {
        peer: view.remote.to_string(),
        description: view.description.map(Into::into),
        group: view.group.map(Into::into),
        dynamic: view.dynamic,
        asn: terms.map(|terms| terms.remote_asn.0).or(configured),
        state: view.state.to_string(),
        seconds: seconds(now, view.since),
        router_id: terms.map(|terms| terms.router_id.to_string()),
        local_address: view.local_address.map(|address| address.to_string()),
        address: view.address.map(|address| address.to_string()),
        hold_time: terms.map(|terms| terms.hold_time.seconds()),
        agreed: terms.map(agreed).unwrap_or_default(),
        refused: terms
            .map(|terms| terms.refused.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        stale: view.stale.iter().map(ToString::to_string).collect(),
        families: families.collect(),
        messages: Messages { received: messages(&view.received), sent: messages(&view.sent) },
        malformed: malformed.map(|(treatment, count)| (treatment.to_owned(), count)).collect(),
        ups: view.ups,
        flaps: view.flaps,
        kept_down: view.kept_down.map(ToString::to_string),
        last: view.last.map(|last| Ended { seconds: seconds(now, last.at), reason: reason(last) }),
        bfd: view.path.map(|seen| bfd(view, seen, now)),
    }
}

fn bfd(view: &PeerView<'_>, seen: &engine::PathSeen, now: Time) -> document::Bfd {
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let last = |(at, why): &(Time, Box<str>)| Ended { seconds: seconds(now, *at), reason: why.to_string() };
    document::Bfd {
        state: seen.state.to_string(),
        seconds: seconds(now, seen.since),
        interval_ms: seen.interval.map(millis),
        silence_ms: seen.silence.map(millis),
        ups: view.path_ups,
        flaps: view.path_flaps,
        last: seen.last.as_ref().map(last),
        refused: seen.refused.map(|why| why.to_string()),
    }
}

/// The messages of a peer that were not as they should be.
pub(super) fn faults(view: &PeerView<'_>, now: Time) -> Vec<Fault> {
    let now = now.nanos() / 1_000_000_000;
    let fault = |faulty: &&engine::Faulty| Fault {
        seconds: now.saturating_sub(faulty.at.into()),
        treatment: treatment(faulty.treatment).to_owned(),
        what: engine::Shown(&faulty.what).to_string(),
        octets: document::hex(&faulty.octets),
    };
    view.faulty.iter().map(fault).collect()
}

/// The number of a peer, for what is done to it later.
pub(super) fn id(engine: &Engine, name: &str) -> Result<(PeerId, String), Problem> {
    find(engine, name).map(|peer| (peer.id, peer.remote.to_string()))
}
