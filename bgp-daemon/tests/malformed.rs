//! Malformed UPDATEs over real sockets: each row of RFC 7606's tables that a session of ours can meet, and behind each
//! one a clean UPDATE that must arrive.

#![cfg(feature = "speaker")]

#[path = "../../bgp-proto/tests/rfc7606/attributes.rs"]
mod attributes;
#[path = "../../bgp-proto/tests/rfc7606/case.rs"]
#[allow(dead_code, reason = "what is decoded is looked at in bgp-proto's own tests")]
mod case;
#[path = "../../bgp-proto/tests/rfc7606/choices.rs"]
mod choices;
#[path = "../../bgp-proto/tests/common/mod.rs"]
mod common;
#[path = "../../bgp-proto/tests/rfc7606/flags.rs"]
mod flags;
#[path = "../../bgp-proto/tests/rfc7606/list.rs"]
mod list;
#[path = "../../bgp-proto/tests/rfc7606/nlri.rs"]
mod nlri;
#[path = "../../bgp-proto/tests/rfc7606/old_speakers.rs"]
mod old_speakers;

use bgp_daemon::{
    config::{Config, Group, PeerSettings},
    policy::Policy,
    speaker::{Speaker, Start},
};
use bgp_proto::{
    agreed::{Agreed, PeerKind},
    family::Family,
    numbers::{Asn, RouterId},
    session::RemoteAs,
};
use case::{Carrier, Case, Expect, V4, good, reach_value};
use common::{attr, message, update};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// The longest that anything takes on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

/// Our AS; external peers are in 65001, which their paths begin with.
const OURS: u16 = 65500;
const THEIRS: u16 = 65001;

/// What a session is, as far as rows differ in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Profile {
    internal: bool,
    four_octet_as: bool,
    ipv4: bool,
    ipv6: bool,
    extended_next_hop: bool,
}

impl Profile {
    /// The session that a row is about; `None`: we have no such sessions.
    fn of(agreed: &Agreed) -> Option<Profile> {
        let (ipv4, ipv6) = (agreed.family(Family::IPV4), agreed.family(Family::IPV6));
        let is_plain = agreed.families().all(|family| !family.receive_add_path);
        let is_ours = agreed.peer_kind != PeerKind::Confederation && !agreed.aigp && is_plain;
        (is_ours && (ipv4.is_some() || ipv6.is_some())).then_some(Profile {
            internal: agreed.peer_kind == PeerKind::Internal,
            four_octet_as: agreed.four_octet_as,
            ipv4: ipv4.is_some(),
            ipv6: ipv6.is_some(),
            extended_next_hop: ipv4.is_some_and(|family| family.extended_next_hop),
        })
    }

    fn open(self) -> Vec<u8> {
        let asn = if self.internal { OURS } else { THEIRS };
        let mut capabilities = Vec::new();
        for (is_there, afi) in [(self.ipv4, 1), (self.ipv6, 2)] {
            if is_there {
                capabilities.extend([1, 4, 0, afi, 0, 1]);
            }
        }
        if self.four_octet_as {
            capabilities.extend([65, 4, 0, 0]);
            capabilities.extend(asn.to_be_bytes());
        }
        if self.extended_next_hop {
            capabilities.extend([5, 6, 0, 1, 0, 1, 0, 2]);
        }
        let length = u8::try_from(capabilities.len()).unwrap();
        let asn = asn.to_be_bytes();
        // Version, AS, no hold time, identifier, one parameter with all capabilities.
        let head = [4, asn[0], asn[1], 0, 0, 10, 8, 8, 8, length + 2, 2, length];
        message(1, &[&head[..], &capabilities].concat())
    }
}

/// Whether a row of a speaker of many families is about one that we do not agree to.
fn is_of_a_foreign_family(case: &Case) -> bool {
    if case.expect == Expect::Clean {
        return false;
    }
    let families = |family: Family| [0, family.afi.0 as u8, family.safi.0];
    let ours = [families(Family::IPV4), families(Family::IPV6)];
    let body = &case.message[19..];
    let withdrawn = usize::from(u16::from_be_bytes([body[0], body[1]]));
    let mut rest = body.get(4 + withdrawn..).unwrap_or_default();
    while let [flags, code, more @ ..] = rest {
        let (len, value) = match (flags & 0x10 != 0, more) {
            (false, [len, value @ ..]) => (usize::from(*len), value),
            (true, [high, low, value @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), value),
            _ => return false,
        };
        let Some((value, behind)) = value.split_at_checked(len) else { return false };
        if matches!(code, 14 | 15) && value.len() >= 3 && !ours.iter().any(|family| value.starts_with(family))
        {
            return true;
        }
        rest = behind;
    }
    false
}

/// One of our speakers, which takes any peer of loopback.
struct Stage {
    speaker: Speaker,
    listens: SocketAddr,
    peers: u32,
    markers: u16,
}

/// A peer that says whatever octets it is told to.
struct Raw {
    stream: TcpStream,
    address: Ipv4Addr,
    profile: Profile,
}

impl Stage {
    async fn new() -> Stage {
        let group = |name: &str, range: &str, asn| Group {
            name: name.into(),
            accept_from: vec![range.parse().unwrap()],
            max_peers: 1000,
            settings: PeerSettings {
                import: Some(Policy::all()),
                export: Some(Policy::none()),
                first_asn: false,
                ..PeerSettings::new(asn)
            },
        };
        let config = Config {
            router_id: RouterId::new(0x0a09_0909),
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            resolve_next_hops: false,
            groups: vec![
                group("external", "127.1.0.0/16", RemoteAs::Fixed(Asn(THEIRS.into()))),
                group("internal", "127.2.0.0/16", RemoteAs::Internal),
            ],
            ..Config::new(Asn(OURS.into()))
        };
        let speaker = Speaker::start(config, Start::default()).unwrap();
        let listens = speaker.listening().await.unwrap()[0];
        Stage { speaker, listens, peers: 0, markers: 0 }
    }

    /// A session with a peer that nobody has seen before.
    async fn connect(&mut self, profile: Profile) -> Raw {
        self.peers += 1;
        let [_, _, high, low] = self.peers.to_be_bytes();
        let address = Ipv4Addr::new(127, if profile.internal { 2 } else { 1 }, high, low);
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        let mut stream = socket.connect(self.listens).await.unwrap();
        stream.write_all(&[profile.open(), message(4, &[])].concat()).await.unwrap();
        let mut raw = Raw { stream, address, profile };
        while raw.next().await.0 != 4 {}
        raw
    }

    /// Whether the table has a route of this peer to each of these prefixes; `None`: its session is over.
    async fn has(&self, raw: &Raw, prefixes: &[String]) -> Option<Vec<bool>> {
        let prefixes: Vec<_> = prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect();
        let address = raw.address.into();
        let asked = self.speaker.ask(move |engine, _| {
            let peer = engine.peers().find(|peer| peer.address == Some(address) && peer.terms.is_some())?;
            let of_peer = |route: &bgp_daemon::rib::Listed| route.sender == peer.sender;
            let has = |prefix| engine.routes(prefix).iter().any(|one| of_peer(one) && one.accepted.is_some());
            Some(prefixes.into_iter().map(has).collect())
        });
        asked.await.unwrap()
    }

    /// Sends a route that nobody has seen before, and waits until it is in the table. `false`: the session ended.
    async fn marks(&mut self, raw: &mut Raw) -> bool {
        self.markers += 1;
        let [high, low] = self.markers.to_be_bytes();
        let agreed = raw.agreed();
        let (marker, prefix) = if raw.profile.ipv4 {
            let attributes = good(&agreed, Carrier::Body, &[]);
            (update(&[], &attributes, &[24, 10, high, low]), format!("10.{high}.{low}.0/24"))
        } else {
            let nlri = [48, 0x20, 0x01, 0x0d, 0xb9, high, low];
            let reach = attr(0x80, 14, &reach_value(2, 1, &case::GLOBAL, &nlri));
            let attributes = [reach, good(&agreed, Carrier::Reach, &[14])].concat();
            (update(&[], &attributes, &[]), format!("2001:db9:{:x}::/48", self.markers))
        };
        // It may have been closed at the other end already.
        let _ = raw.stream.write_all(&marker).await;
        let arrives = async {
            loop {
                match self.has(raw, std::slice::from_ref(&prefix)).await {
                    None => return false,
                    Some(has) if has[0] => return true,
                    Some(_) => tokio::task::yield_now().await,
                }
            }
        };
        timeout(BOUND, arrives).await.unwrap_or_else(|_| panic!("{prefix} does not arrive"))
    }

    /// Plays a row, and says what is not as it should be.
    async fn play(&mut self, raw: &mut Raw, case: &Case) -> Result<(), String> {
        let agreed = raw.agreed();
        let is_withdrawn = matches!(case.expect, Expect::Withdraw(_));
        let before = if is_withdrawn { raw.routes() } else { raw.withdrawals() };
        raw.stream.write_all(&before).await.unwrap();
        if is_withdrawn && !self.marks(raw).await {
            return Err("its good routes ended the session".to_owned());
        }
        let _ = raw.stream.write_all(&case.message).await;
        if let Expect::Reset(subcode, data) = &case.expect {
            if self.marks(raw).await {
                return Err("the session lives".to_owned());
            }
            let said = raw.notification().await;
            *raw = self.connect(raw.profile).await;
            return match (said.as_slice(), data) {
                ([3, code, ..], None) if code == subcode => Ok(()),
                ([3, code, found @ ..], Some(data)) if code == subcode && found == data => Ok(()),
                _ => Err(format!("it says {said:02x?}")),
            };
        }
        if !self.marks(raw).await {
            let said = raw.notification().await;
            *raw = self.connect(raw.profile).await;
            return Err(format!("the session ended with {said:02x?}"));
        }
        let announced: Vec<_> =
            case.announced.iter().filter(|one| agreed.family(family(one)).is_some()).cloned().collect();
        match self.has(raw, &announced).await {
            Some(has) if has.iter().all(|has| *has != is_withdrawn) => Ok(()),
            has => Err(format!("of {announced:?} there are {has:?}")),
        }
    }
}

fn family(prefix: &str) -> Family {
    if prefix.contains(':') { Family::IPV6 } else { Family::IPV4 }
}

impl Raw {
    fn agreed(&self) -> Agreed {
        let kind = if self.profile.internal { PeerKind::Internal } else { PeerKind::External };
        let families = [(self.profile.ipv4, Family::IPV4), (self.profile.ipv6, Family::IPV6)];
        let families = families.into_iter().filter(|(is_there, _)| *is_there);
        let mut agreed = Agreed::new(kind)
            .with_families(families.map(|(_, family)| bgp_proto::agreed::FamilyAgreed::plain(family)));
        agreed.four_octet_as = self.profile.four_octet_as;
        agreed
    }

    /// Good routes to the prefixes of the rows.
    fn routes(&self) -> Vec<u8> {
        let agreed = self.agreed();
        let mut octets = Vec::new();
        if self.profile.ipv4 {
            octets.extend(update(&[], &good(&agreed, Carrier::Body, &[]), &V4));
        }
        if self.profile.ipv6 {
            octets.extend(update(&[], &good(&agreed, Carrier::Reach, &[]), &[]));
        }
        octets
    }

    fn withdrawals(&self) -> Vec<u8> {
        let mut octets = update(if self.profile.ipv4 { &V4 } else { &[] }, &[], &[]);
        if self.profile.ipv6 {
            let unreach = attr(0x80, 15, &[0, 2, 1, 32, 0x20, 0x01, 0x0d, 0xb8]);
            octets.extend(update(&[], &unreach, &[]));
        }
        octets
    }

    /// The next message: its type and body.
    async fn next(&mut self) -> (u8, Vec<u8>) {
        let read = async {
            let mut header = [0; 19];
            self.stream.read_exact(&mut header).await?;
            let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
            let mut body = vec![0; length - header.len()];
            self.stream.read_exact(&mut body).await?;
            Ok::<_, std::io::Error>((header[18], body))
        };
        let read = timeout(BOUND, read).await.unwrap_or_else(|_| panic!("{} hears nothing", self.address));
        read.unwrap_or_else(|error| panic!("{}: {error}", self.address))
    }

    async fn notification(&mut self) -> Vec<u8> {
        loop {
            let (kind, body) = self.next().await;
            if kind == 3 {
                return body;
            }
        }
    }
}

#[tokio::test]
async fn every_mistake_costs_what_the_rfcs_say_and_what_follows_arrives() {
    let tables = [
        attributes::cases(),
        flags::cases(),
        list::cases(),
        nlri::cases(),
        old_speakers::cases(),
        choices::cases(),
    ];
    let mut by_profile: BTreeMap<Profile, Vec<Case>> = BTreeMap::new();
    let mut skipped = 0;
    for case in tables.into_iter().flatten() {
        match Profile::of(&case.agreed).filter(|_| !is_of_a_foreign_family(&case)) {
            Some(profile) => by_profile.entry(profile).or_default().push(case),
            None => skipped += 1,
        }
    }
    let mut stage = Stage::new().await;
    let (mut wrong, mut rows) = (Vec::new(), 0);
    for (profile, cases) in by_profile {
        let mut raw = stage.connect(profile).await;
        for case in cases {
            rows += 1;
            if let Err(said) = stage.play(&mut raw, &case).await {
                let Case { section, what, expect, .. } = case;
                wrong.push(format!("{section} {what} ({profile:?}): expected {expect:?}, but {said}"));
            }
        }
        assert!(stage.marks(&mut raw).await, "{profile:?}: the last session is over");
    }
    println!("{rows} rows, {skipped} of sessions that we do not have");
    assert!(wrong.is_empty(), "{} of {rows} rows:\n{}", wrong.len(), wrong.join("\n"));
    assert!(rows >= 219, "only {rows} rows");
}
