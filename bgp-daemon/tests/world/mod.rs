//! What tests of the RIB share: sessions, messages, and a peer that listens.

#![allow(dead_code, reason = "each test file uses a part")]

use bgp_daemon::{
    policy::{self, Names, Policy, raw::RawPolicies, standard::import::ImportSide},
    rib::{LocalRoute, Rib, SenderId, Session},
};
use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    attr::{as_path::AsPathBuf, next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::{Asn, MessageType, Origin, RouterId},
    prefix::Prefix,
    wire::{
        frame::{Frame, frame},
        nlri::Path,
        pack::{self, Announcement},
        route_refresh::RouteRefresh,
        update::Update,
    },
};
use std::{collections::BTreeMap, net::IpAddr};

pub(crate) fn agreed() -> Agreed {
    Agreed::new(PeerKind::External).with_families([Family::IPV4, Family::IPV6].map(FamilyAgreed::plain))
}

/// A session that takes and tells everything.
pub(crate) fn session(kind: PeerKind, number: u8) -> Session {
    let address = IpAddr::from([192, 0, 2, number]);
    let router_id = RouterId::new(number.into()).unwrap();
    let ours = RouterId::new(65000).unwrap();
    let side = ImportSide {
        first_asn: false,
        ..ImportSide::new(kind, Asn(65000), Asn(65000 + u32::from(number)), ours)
    };
    let mut agreed = agreed();
    agreed.peer_kind = kind;
    Session::new(agreed, side, address, router_id, [198, 51, 100, 1].into())
        .with_policies(Policy::all(), Policy::all())
}

pub(crate) fn up(rib: &mut Rib, number: u8) -> SenderId {
    let id = rib.add_peer().unwrap();
    rib.peer_up(id, &session(PeerKind::External, number));
    id
}

/// The policy with these rules, as they stand between `[` and `]`.
pub(crate) fn policy(rules: &str) -> Policy {
    let raw: RawPolicies = toml::from_str(&format!("test.rules = [{}]", rules.replace('\n', " "))).unwrap();
    policy::check(&raw, &Names::default()).unwrap().find("test").unwrap().clone()
}

pub(crate) fn attributes(path: &[u32]) -> PathAttributes {
    let as_path = AsPathBuf::sequence(&path.iter().copied().map(Asn).collect::<Vec<_>>());
    PathAttributes { origin: Some(Origin::IGP), as_path, ..PathAttributes::default() }
}

pub(crate) fn local(prefix: &str, path: &[u32]) -> LocalRoute {
    LocalRoute { attributes: attributes(path), ..LocalRoute::new(prefix.parse().unwrap()) }
}

pub(crate) fn announce(attributes: &PathAttributes, prefixes: &[&str]) -> Vec<u8> {
    announce_to(&agreed(), attributes, prefixes)
}

pub(crate) fn announce_to(agreed: &Agreed, attributes: &PathAttributes, prefixes: &[&str]) -> Vec<u8> {
    announce_paths(agreed, attributes, prefixes.iter().map(|p| Path::from(p.parse::<Prefix<u32>>().unwrap())))
}

pub(crate) fn announce_paths(
    agreed: &Agreed,
    attributes: &PathAttributes,
    paths: impl IntoIterator<Item = Path<Prefix<u32>>>,
) -> Vec<u8> {
    let mut section = Vec::new();
    attributes.encode(true, &mut section);
    let next_hop = NextHop::Ipv4([192, 0, 2, 9].into());
    let announcement = Announcement { family: Family::IPV4, attributes: &section, next_hop };
    let mut out = Vec::new();
    announcement.encode(agreed, paths, &mut out).unwrap();
    out
}

pub(crate) fn withdraw(prefixes: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    let paths = prefixes.iter().map(|p| Path::from(p.parse::<Prefix<u32>>().unwrap()));
    pack::withdraw(Family::IPV4, &agreed(), paths, &mut out);
    out
}

pub(crate) fn learn(rib: &mut Rib, from: SenderId, octets: &[u8]) {
    let mut agreed = agreed();
    agreed.extended_message = true;
    let mut rest = octets;
    while let Frame::Message(raw) = frame(rest, Some(&agreed)) {
        rest = &rest[raw.len()..];
        rib.learn(from, &Update::decode(raw, &agreed).unwrap(), 0);
    }
    assert!(rest.is_empty(), "{rest:?}");
}

/// What a peer holds after all it was told: prefix → AS path.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) routes: BTreeMap<String, String>,
    /// UPDATEs, End-of-RIB apart.
    pub(crate) messages: usize,
    pub(crate) ends: usize,
    /// Prefixes of which anything was told, in the order of the prefixes.
    pub(crate) touched: Vec<String>,
    /// Marks and announced prefixes as they came.
    pub(crate) log: Vec<String>,
    /// The peer is inside our AS.
    pub(crate) internal: bool,
    /// The attributes heard last.
    pub(crate) last: PathAttributes,
}

impl Heard {
    pub(crate) fn listen(&mut self, rib: &mut Rib, peer: SenderId) -> &mut Self {
        let mut agreed = agreed();
        agreed.peer_kind = if self.internal { PeerKind::Internal } else { PeerKind::External };
        while rib.work(1000) {}
        while let Some(octets) = rib.take(peer) {
            let mut rest = &octets[..];
            while let Frame::Message(raw) = frame(rest, Some(&agreed)) {
                rest = &rest[raw.len()..];
                if raw.kind == MessageType::ROUTE_REFRESH {
                    self.log.push(RouteRefresh::decode(raw).unwrap().kind.to_string());
                } else {
                    self.hear(&Update::decode(raw, &agreed).unwrap());
                }
            }
            assert!(rest.is_empty(), "a run is whole messages");
        }
        self.touched.sort();
        self
    }

    fn hear(&mut self, update: &Update<'_>) {
        if update.end_of_rib().is_some() {
            self.ends += 1;
            self.log.push("end of RIB".into());
            return;
        }
        self.messages += 1;
        for path in update.withdrawn() {
            self.routes.remove(&path.item.to_string());
            self.touched.push(path.item.to_string());
        }
        self.last.read(update.attributes());
        let as_path = update.attributes().as_path().unwrap_or_default().to_string();
        for path in update.announced() {
            self.routes.insert(path.item.to_string(), as_path.clone());
            self.touched.push(path.item.to_string());
            self.log.push(path.item.to_string());
        }
    }

    pub(crate) fn routes(&self) -> Vec<String> {
        self.routes.iter().map(|(prefix, path)| format!("{prefix} {path}")).collect()
    }
}
