//! The metrics, a row each.

use super::snapshot::Snapshot;
use crate::{
    api::document::{Bfd, Peer},
    engine::{Messages, Notified},
};
use bgp_proto::numbers::MessageType;

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows, and its name ends in `_total`.
    Counter,
    Gauge,
}

/// Labels with their values, and the value.
type Series = (Vec<(&'static str, String)>, u64);

/// A metric.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) series: fn(&Snapshot) -> Vec<Series>,
}

macro_rules! rows {
    ($($kind:ident $name:literal $help:literal $series:expr;)*) => {
        /// All of them.
        pub(super) const ROWS: &[Row] =
            &[$(Row { name: $name, help: $help, kind: Kind::$kind, series: $series }),*];
    };
}

rows! {
    Gauge "bgp_peers" "Peers by state"
        |all| all.states.iter().map(|(state, count)| (vec![("state", state.clone())], *count)).collect();
    Gauge "bgp_peer_state" "1 Idle, 2 Connect, 3 Active, 4 OpenSent, 5 OpenConfirm, 6 Established"
        |all| by_peer(all, state);
    Gauge "bgp_peer_established_seconds" "For how long the session has been up; 0 where it is not"
        |all| by_peer(all, |peer| if peer.state == "Established" { peer.seconds } else { 0 });
    Counter "bgp_peer_flaps" "How often the session went down"
        |all| by_peer(all, |peer| peer.flaps);
    Gauge "bgp_bfd_up" "Whether BFD says that packets get to the peer and back; only of peers that have it"
        |all| by_bfd(all, |bfd| u64::from(bfd.state == "Up"));
    Counter "bgp_bfd_flaps" "How often BFD went down"
        |all| by_bfd(all, |bfd| bfd.flaps);
    Gauge "bgp_routes" "Routes by peer, family and stage: received and held, accepted, advertised"
        |all| all.peers.iter().flat_map(routes).collect();
    Counter "bgp_messages" "Messages by direction and type"
        messages;
    Counter "bgp_notifications" "NOTIFICATIONs that ended connections, by direction, code and subcode; 0: one that has no meaning"
        notifications;
    Counter "bgp_malformed" "Malformed UPDATEs by what they cost"
        |all| TREATMENTS.iter().zip(all.totals.malformed).map(|(treatment, count)| {
            (vec![("treatment", (*treatment).to_owned())], count)
        }).collect();
    Gauge "bgp_rib_prefixes" "Prefixes with at least one route"
        |all| vec![(vec![], all.memory.prefixes)];
    Gauge "bgp_rib_routes" "Routes that are held, learned and our own"
        |all| vec![(vec![], all.memory.routes)];
    Gauge "bgp_attribute_sets" "Different sets of path attributes"
        |all| vec![(vec![], all.memory.attribute_sets)];
    Gauge "bgp_rib_octets" "Octets of memory that tables and attribute sets take"
        |all| vec![(vec![], all.memory.tables_octets)];
    Gauge "bgp_fib_routes" "Routes of ours in the kernel, and those that are kept out of it for a reason"
        |all| all.fib.iter().flat_map(|counts| ["installed", "held"].into_iter().zip(*counts)).map(|(state, count)| {
            (vec![("state", state.to_owned())], count)
        }).collect();
    Counter "bgp_fib_errors" "Messages that the kernel refused, by its error"
        |all| all.fib_errors.iter().map(|(error, count)| (vec![("error", error.clone())], *count)).collect();
    Gauge "process_resident_memory_bytes" "Octets of memory that the process holds"
        |all| all.memory.resident_octets.into_iter().map(|octets| (vec![], octets)).collect();
}

fn by_peer(all: &Snapshot, value: fn(&Peer) -> u64) -> Vec<Series> {
    all.peers.iter().map(|peer| (vec![("peer", peer.peer.clone())], value(peer))).collect()
}

fn by_bfd(all: &Snapshot, value: fn(&Bfd) -> u64) -> Vec<Series> {
    let of = |peer: &Peer| Some((vec![("peer", peer.peer.clone())], value(peer.bfd.as_ref()?)));
    all.peers.iter().filter_map(of).collect()
}

fn state(peer: &Peer) -> u64 {
    const STATES: [&str; 6] = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"];
    STATES.iter().position(|state| *state == peer.state).map_or(0, |at| at as u64 + 1)
}

fn routes(peer: &Peer) -> Vec<Series> {
    let series = |family: &String, stage: &str, count: u64| {
        (vec![("peer", peer.peer.clone()), ("family", family.clone()), ("stage", stage.to_owned())], count)
    };
    let stages = |(family, counts): (&String, &crate::api::document::Counts)| {
        let stages =
            [("received", counts.received), ("accepted", counts.accepted), ("advertised", counts.advertised)];
        stages.map(|(stage, count)| series(family, stage, count))
    };
    peer.families.iter().flat_map(stages).collect()
}

const TREATMENTS: [&str; 3] = ["discard", "withdraw", "reset"];

fn direction(sent: bool) -> (&'static str, String) {
    ("direction", if sent { "sent" } else { "received" }.to_owned())
}

fn messages(all: &Snapshot) -> Vec<Series> {
    let of = |sent: bool, counted: &Messages| {
        let named = |(kind, count): (MessageType, u64)| {
            Some((vec![direction(sent), ("type", kind.name()?.to_ascii_lowercase())], count))
        };
        counted.all().filter_map(named).collect::<Vec<_>>()
    };
    [of(false, &all.totals.received), of(true, &all.totals.sent)].concat()
}

fn notifications(all: &Snapshot) -> Vec<Series> {
    let series = |(kind, count): (&Notified, &u64)| {
        let labels = vec![
            direction(kind.sent),
            ("code", kind.code.to_string()),
            ("subcode", kind.subcode.to_string()),
        ];
        (labels, *count)
    };
    all.totals.notifications.iter().map(series).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_peers_with_bfd_have_its_series() {
        let bfd = Some(Bfd { state: "Up".into(), flaps: 3, ..Bfd::default() });
        let peers = vec![Peer::default(), Peer { peer: "192.0.2.1".into(), bfd, ..Peer::default() }];
        let all = Snapshot { peers, ..Snapshot::default() };
        let series = |name: &str| (ROWS.iter().find(|row| row.name == name).unwrap().series)(&all);
        let labels = || vec![("peer", "192.0.2.1".to_owned())];
        assert_eq!(
            [series("bgp_bfd_up"), series("bgp_bfd_flaps")],
            [vec![(labels(), 1)], vec![(labels(), 3)]]
        );
    }

    #[test]
    fn what_the_kernel_refused_is_counted_by_its_error() {
        let all = Snapshot { fib_errors: [("EEXIST".to_owned(), 2)].into(), ..Snapshot::default() };
        let row = ROWS.iter().find(|row| row.name == "bgp_fib_errors").unwrap();
        assert_eq!((row.series)(&all), [(vec![("error", "EEXIST".to_owned())], 2)]);
    }
}
