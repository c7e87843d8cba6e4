//! Encode, decode, the same: routes made of the bytes, so that the fuzzer looks for values and not for framing.

use crate::agreed;
use arbitrary::{Result, Unstructured};
use bgp_proto::{
    agreed::PeerKind,
    attr::{
        aggregator::Aggregator,
        as_path::{AsPathBuf, SegmentKind},
        community::{Community, ExtendedCommunity, ExtendedCommunityIpv6, LargeCommunity},
        next_hop::NextHop,
        set::{OpaqueAttribute, PathAttributes},
    },
    family::Family,
    numbers::{Asn, Origin, RouterId},
    prefix::{Address, Prefix},
    wire::{
        frame::{Frame, frame},
        nlri::{Item, Items, Labelled, Labels, Nlri, Path, RouteDistinguisher, Vpn},
        pack::{self, Announcement},
        update::Update,
    },
};

/// Makes an agreement, attributes and prefixes of the bytes; sends them, and reads the same.
pub fn identity(data: &[u8]) {
    // Bytes that do not suffice for a case are no case.
    let _ = case(&mut Unstructured::new(data));
}

fn some<'a, T>(
    u: &mut Unstructured<'a>,
    make: impl FnOnce(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Option<T>> {
    if u.arbitrary()? { make(u).map(Some) } else { Ok(None) }
}

fn many<'a, T>(
    u: &mut Unstructured<'a>,
    most: usize,
    mut make: impl FnMut(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..u.int_in_range(0..=most)?).map(|_| make(u)).collect()
}

fn as_path(u: &mut Unstructured<'_>, confederation: bool, four_octet_as: bool) -> Result<AsPathBuf> {
    let mut path = AsPathBuf::default();
    let asn = |u: &mut Unstructured<'_>, wide: bool| {
        Ok(Asn(u.int_in_range(1..=if wide { u32::MAX } else { 0xffff })?))
    };
    // Confederation segments come first and narrow: AS4_PATH cannot tell more of them.
    if confederation {
        let members = many(u, 255, |u| asn(u, four_octet_as))?;
        path.push(SegmentKind::CONFED_SEQUENCE, members.into_iter());
        if path.view().is_empty() {
            path.push(SegmentKind::CONFED_SEQUENCE, [Asn(1)].into_iter());
        }
    }
    for _ in 0..u.int_in_range(0..=3)? {
        let kind = SegmentKind(u.int_in_range(1..=2)?);
        path.push(kind, many(u, 300, |u| asn(u, true))?.into_iter());
    }
    Ok(path)
}

fn attributes(u: &mut Unstructured<'_>, confederation: bool, four_octet_as: bool) -> Result<PathAttributes> {
    let mut large = many(u, 40, |u| {
        Ok(LargeCommunity { admin: Asn(u.arbitrary()?), first: u.arbitrary()?, second: u.arbitrary()? })
    })?;
    large.sort();
    large.dedup();
    let mut opaque = many(u, 3, |u| {
        let code = u.choose(&[11u8, 19, 22, 23, 24, 27, 31, 33, 34, 36, 40, 99, 128, 255]).copied()?;
        Ok(OpaqueAttribute { flags: if u.arbitrary()? { 0xe0 } else { 0xc0 }, code, value: u.arbitrary()? })
    })?;
    opaque.sort_by_key(|attribute| attribute.code);
    opaque.dedup_by_key(|attribute| attribute.code);
    Ok(PathAttributes {
        origin: Some(Origin(u.int_in_range(0..=2)?)),
        as_path: as_path(u, confederation, four_octet_as)?,
        med: u.arbitrary()?,
        local_pref: u.arbitrary()?,
        atomic_aggregate: u.arbitrary()?,
        aggregator: some(u, |u| {
            let asn = Asn(u.int_in_range(1..=u32::MAX)?);
            Ok(Aggregator { asn, address: u.arbitrary::<[u8; 4]>()?.into() })
        })?,
        communities: many(u, 300, |u| u.arbitrary().map(Community))?,
        originator_id: RouterId::new(u.arbitrary()?),
        cluster_list: many(u, 20, Unstructured::arbitrary)?,
        extended_communities: many(u, 60, |u| u.arbitrary().map(ExtendedCommunity))?,
        extended_communities_ipv6: many(u, 20, |u| {
            Ok(ExtendedCommunityIpv6 {
                kind: u.arbitrary()?,
                admin: u.arbitrary::<u128>()?.into(),
                number: u.arbitrary()?,
            })
        })?,
        aigp: u.arbitrary()?,
        large_communities: large,
        only_to_customer: u.arbitrary::<Option<u32>>()?.map(Asn),
        opaque,
    })
}

fn prefix<A: Address>(u: &mut Unstructured<'_>) -> Result<Prefix<A>> {
    let octets: [u8; 16] = u.arbitrary()?;
    let len = u.int_in_range(0..=A::WIDTH)?;
    Ok(Prefix::new(A::load(&octets), len).unwrap_or_default())
}

fn next_hop(u: &mut Unstructured<'_>, v6: bool) -> Result<NextHop> {
    let made = if v6 {
        let link_local = some(u, Unstructured::arbitrary::<u128>)?.map(Into::into);
        NextHop::Ipv6 { global: u.arbitrary::<u128>()?.into(), link_local }
    } else {
        NextHop::Ipv4(u.arbitrary::<[u8; 4]>()?.into())
    };
    // What no host can have costs the routes, and is not what this target is about.
    if made.is_host() { Ok(made) } else { Err(arbitrary::Error::IncorrectFormat) }
}

fn case(u: &mut Unstructured<'_>) -> Result<()> {
    let choice: u8 = u.arbitrary()?;
    let agreed = agreed(choice);
    let family = *u.choose(Family::KNOWN)?;
    let Some(settled) = agreed.family(family) else { return Ok(()) };
    let confederation = agreed.peer_kind == PeerKind::Confederation;
    let mut sent = attributes(u, confederation, agreed.four_octet_as)?;
    // From outside these are dropped, and so is a metric that was not agreed.
    if agreed.peer_kind == PeerKind::External {
        sent.local_pref = None;
    }
    if agreed.peer_kind != PeerKind::Internal {
        (sent.originator_id, sent.cluster_list) = (None, Vec::new());
    }
    sent.aigp = sent.aigp.filter(|_| agreed.aigp);
    let v6 = family.afi.0 == 2 || (settled.extended_next_hop && u.arbitrary()?);
    let route = Route { agreed, family, add_path: settled.send_add_path, sent, next_hop: next_hop(u, v6)? };
    let mut labels = Vec::new();
    Labels::encode(&many(u, 9, |u| u.int_in_range(1..=0xf_ffff))?, &mut labels);
    let labels = Labels::from_octets(&labels).unwrap_or(Labels::WITHDRAWN);
    let shape = (family.safi.0, family.afi.0);
    match shape {
        (1 | 2, 1) => route.check(u, prefix::<u32>, |nlri| match nlri {
            Nlri::Ipv4(items) => Some(items),
            _ => None,
        }),
        (1 | 2, _) => route.check(u, prefix::<u128>, |nlri| match nlri {
            Nlri::Ipv6(items) => Some(items),
            _ => None,
        }),
        _ => labelled(u, &route, labels),
    }
}

/// The shapes that borrow their labels are compared item by item: measured, written and read.
fn labelled(u: &mut Unstructured<'_>, route: &Route, labels: Labels<'_>) -> Result<()> {
    fn item<'a, T: Item<'a>>(item: Option<T>, out: &'a mut Vec<u8>) {
        let Some(item) = item else { return };
        item.encode(out);
        assert!(out.len() <= T::LONGEST && T::measure(out) == Some(out.len()), "{item:?}");
        assert_eq!(T::decode(out), Some((item, out.len())));
    }
    let rd = RouteDistinguisher(u.arbitrary()?);
    let (v4, v6) = (prefix::<u32>(u)?, prefix::<u128>(u)?);
    item(Labelled::new(labels, v4), &mut Vec::new());
    item(Labelled::new(labels, v6), &mut Vec::new());
    item(Vpn::new(labels, rd, v4), &mut Vec::new());
    item(Vpn::new(labels, rd, v6), &mut Vec::new());
    route.attributes_come_back();
    Ok(())
}

struct Route {
    agreed: bgp_proto::agreed::Agreed,
    family: Family,
    add_path: bool,
    sent: PathAttributes,
    next_hop: NextHop,
}

impl Route {
    fn check<T>(
        &self,
        u: &mut Unstructured<'_>,
        make: impl Fn(&mut Unstructured<'_>) -> Result<T>,
        typed: impl for<'x> Fn(Nlri<'x>) -> Option<Items<'x, T>>,
    ) -> Result<()>
    where
        T: for<'x> Item<'x>,
    {
        let path = |u: &mut Unstructured<'_>| {
            Ok(Path { id: if self.add_path { u.arbitrary()? } else { 0 }, item: make(u)? })
        };
        let paths = many(u, 1500, path)?;
        let mut section = Vec::new();
        self.sent.encode(self.agreed.four_octet_as, &mut section);
        let announcement =
            Announcement { family: self.family, attributes: &section, next_hop: self.next_hop };
        let mut out = vec![7];
        let Ok(messages) = announcement.encode(&self.agreed, paths.iter().copied(), &mut out) else {
            assert!(section.len() > 3_900 && out == [7]);
            return Ok(());
        };
        let (mut found, mut read) = (Vec::new(), PathAttributes::default());
        let count = self.each(&out[1..], |update| {
            assert_eq!(update.treatment(), None, "{:?}", update.malformed());
            read.read(update.attributes());
            assert_eq!(read, self.sent);
            let next_hop =
                update.reach().map_or(update.attributes().next_hop().map(NextHop::Ipv4), |r| r.next_hop);
            assert_eq!(next_hop, Some(self.next_hop));
            let nlri = update.reach().map_or(Nlri::Ipv4(update.announced()), |reach| reach.nlri);
            found.extend(typed(nlri).into_iter().flatten());
        });
        assert_eq!((count, &found), (messages, &paths));
        let (mut gone, mut out) = (Vec::new(), Vec::new());
        let messages = pack::withdraw(self.family, &self.agreed, paths.iter().copied(), &mut out);
        let count = self.each(&out, |update| {
            let nlri = update.unreach().map_or(Nlri::Ipv4(update.withdrawn()), |unreach| unreach.nlri);
            gone.extend(typed(nlri).into_iter().flatten());
        });
        assert_eq!((count, &gone), (messages, &paths));
        Ok(())
    }

    /// The attributes alone, in one message.
    fn attributes_come_back(&self) {
        let mut section = Vec::new();
        self.sent.encode(self.agreed.four_octet_as, &mut section);
        if section.len() > 4_000 {
            return;
        }
        let len = (section.len() as u16).to_be_bytes();
        let bytes = crate::around(2, &[&[0, 0][..], &len, &section].concat());
        let mut read = PathAttributes::default();
        self.each(&bytes, |update| read.read(update.attributes()));
        assert_eq!(read, self.sent);
    }

    /// Decodes every message of the buffer, which holds whole ones only.
    fn each(&self, mut rest: &[u8], mut see: impl FnMut(&Update<'_>)) -> usize {
        let mut count = 0;
        while !rest.is_empty() {
            let Frame::Message(raw) = frame(rest, Some(&self.agreed)) else { panic!("{rest:02x?}") };
            let update =
                Update::decode(raw, &self.agreed).unwrap_or_else(|fault| panic!("{fault}: {rest:02x?}"));
            see(&update);
            rest = &rest[raw.len()..];
            count += 1;
        }
        count
    }
}
