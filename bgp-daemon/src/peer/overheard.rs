//! Messages of a peer as lines for people: decoded, and never longer than a person reads.

use crate::engine::{Event, Who};
use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    attr::table::AttributeCode,
    numbers::MessageType,
    wire::{
        attributes::Attributes,
        frame::{Frame, RawMessage, frame},
        message::Message,
        nlri::{Nlri, Path},
        open::Open,
        update::Update,
    },
};
use std::fmt::{Display, Write as _};

/// As many prefixes, communities and the like are shown of a list.
const ITEMS: usize = 8;

/// As many octets of a line are shown.
const LONGEST: usize = 1024;

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The peer sent it.
    Received,
    /// We sent it.
    Sent,
}

/// A peer whose messages are to be shown.
pub(crate) struct Overheard(pub(crate) Who);

impl Overheard {
    /// A line for each of these whole messages. What UPDATEs mean is known only while a session is up.
    #[cold]
    pub(crate) fn lines(&self, way: Way, octets: &[u8], agreed: Option<&Agreed>) -> Vec<Event> {
        let agreed = agreed.map(|agreed| as_read(*agreed, way));
        // Lengths were looked at where the octets were read or made.
        let mut longest = Agreed::new(PeerKind::External);
        longest.extended_message = true;
        let mut rest = octets;
        std::iter::from_fn(|| {
            let what = match frame(rest, Some(&longest)) {
                Frame::Message(raw) => {
                    rest = rest.get(raw.len()..).unwrap_or_default();
                    line(raw, agreed.as_ref())
                }
                Frame::Fault(fault) => {
                    rest = &[];
                    format!("octets that are no message: {fault}")
                }
                Frame::More(_) => return None,
            };
            Some(Event::Message { who: self.0.clone(), way, what: bounded(what) })
        })
        .collect()
    }
}

/// What was agreed, as the side that reads it sees it.
fn as_read(agreed: Agreed, way: Way) -> Agreed {
    if way == Way::Received {
        return agreed;
    }
    let turned = |family: FamilyAgreed| FamilyAgreed {
        receive_add_path: family.send_add_path,
        send_add_path: family.receive_add_path,
        ..family
    };
    let families: Vec<_> = agreed.families().map(turned).collect();
    agreed.with_families(families)
}

fn bounded(mut text: String) -> Box<str> {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text.into()
}

fn line(raw: RawMessage<'_>, agreed: Option<&Agreed>) -> String {
    if raw.kind == MessageType::UPDATE && agreed.is_none() {
        return format!("UPDATE of {} octets; no session is up that would tell how to read it", raw.len());
    }
    let unused = Agreed::new(PeerKind::External);
    match Message::decode(raw, agreed.unwrap_or(&unused)) {
        Ok(Message::Open(message)) => open(&message),
        Ok(Message::Update(message)) => update(&message),
        Ok(Message::Notification(said)) => format!("NOTIFICATION {said}"),
        Ok(Message::Keepalive) => "KEEPALIVE".to_owned(),
        Ok(Message::RouteRefresh(refresh)) => format!("ROUTE-REFRESH {}, {}", refresh.family, refresh.kind),
        Err(fault) => format!("{} that cannot be read: {fault}", raw.kind),
    }
}

fn open(open: &Open<'_>) -> String {
    let Open { asn, router_id, hold_time, .. } = open;
    let mut line = format!("OPEN AS {asn}, router id {router_id}, hold time {hold_time}; capabilities:");
    list(&mut line, open.capabilities(), ",", usize::MAX);
    line
}

fn update(update: &Update<'_>) -> String {
    if let Some(family) = update.end_of_rib() {
        return format!("UPDATE end of {family}");
    }
    let mut line = "UPDATE".to_owned();
    if !update.withdrawn().is_empty() {
        line += " withdraws";
        list(&mut line, update.withdrawn().map(Shown), "", ITEMS);
        line += ";";
    }
    if let Some(unreach) = update.unreach() {
        let _ = write!(line, " withdraws {}", unreach.family);
        nlri(&mut line, unreach.nlri);
        line += ";";
    }
    if !update.announced().is_empty() {
        line += " announces";
        list(&mut line, update.announced().map(Shown), "", ITEMS);
        line += ";";
    }
    if let Some(reach) = update.reach() {
        let _ = write!(line, " announces {}", reach.family);
        nlri(&mut line, reach.nlri);
        line += ";";
        say(&mut line, "next hop", reach.next_hop);
    }
    attributes(&mut line, update.attributes());
    let wrong = update.malformed();
    if !wrong.is_empty() {
        line += "; malformed:";
        list(&mut line, wrong.iter().map(|wrong| format!("{}: {}", wrong.code, wrong.fault)), ",", ITEMS);
    }
    line.trim_end_matches(';').to_owned()
}

/// A prefix, with its path where there are several.
struct Shown<T>(Path<T>);

impl<T: Display> Display for Shown<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Path { id, item } = &self.0;
        item.fmt(f)?;
        if *id == 0 { Ok(()) } else { write!(f, " (path {id})") }
    }
}

fn nlri(line: &mut String, nlri: Nlri<'_>) {
    match nlri {
        Nlri::Ipv4(items) => list(line, items.map(Shown), "", ITEMS),
        Nlri::Ipv6(items) => list(line, items.map(Shown), "", ITEMS),
        other => {
            let _ = write!(line, " ({} octets)", other.octets().len());
        }
    }
}

/// Attributes that [`attributes`] shows with their values, and those that prefixes stand in.
const SHOWN: [AttributeCode; 15] = [
    AttributeCode::ORIGIN,
    AttributeCode::AS_PATH,
    AttributeCode::NEXT_HOP,
    AttributeCode::MED,
    AttributeCode::LOCAL_PREF,
    AttributeCode::ATOMIC_AGGREGATE,
    AttributeCode::AGGREGATOR,
    AttributeCode::COMMUNITIES,
    AttributeCode::ORIGINATOR_ID,
    AttributeCode::MP_REACH,
    AttributeCode::MP_UNREACH,
    AttributeCode::EXTENDED_COMMUNITIES,
    AttributeCode::AIGP,
    AttributeCode::LARGE_COMMUNITIES,
    AttributeCode::ONLY_TO_CUSTOMER,
];

fn attributes(line: &mut String, attributes: &Attributes<'_>) {
    say(line, "next hop", attributes.next_hop());
    say(line, "path", attributes.as_path());
    say(line, "origin", attributes.origin());
    say(line, "MED", attributes.med());
    say(line, "local preference", attributes.local_pref());
    say(line, "aggregator", attributes.aggregator());
    say(line, "originator", attributes.originator_id());
    say(line, "AIGP", attributes.aigp());
    say(line, "only to customer", attributes.only_to_customer());
    if attributes.atomic_aggregate() {
        *line += " atomic aggregate,";
    }
    some(line, "communities", attributes.communities());
    some(line, "extended communities", attributes.extended_communities());
    some(line, "large communities", attributes.large_communities());
    let others = attributes.iter().filter(|attribute| !SHOWN.contains(&attribute.code));
    some(line, "and", others.map(|other| format!("{} ({} octets)", other.code, other.value.len())));
    line.truncate(line.trim_end_matches(',').len());
}

fn say(line: &mut String, name: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        let _ = write!(line, " {name} {value},");
    }
}

fn some(line: &mut String, name: &str, items: impl Iterator<Item = impl Display>) {
    let mut items = items.peekable();
    if items.peek().is_some() {
        let _ = write!(line, " {name}");
        list(line, items, "", ITEMS);
        *line += ",";
    }
}

/// The first of these, and how many more there are.
fn list(line: &mut String, mut items: impl Iterator<Item = impl Display>, between: &str, most: usize) {
    for (at, item) in items.by_ref().take(most).enumerate() {
        let _ = write!(line, "{} {item}", if at == 0 { "" } else { between });
    }
    let more = items.count();
    if more > 0 {
        let _ = write!(line, " and {more} more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Remote, engine::PeerId};
    use bgp_proto::{
        attr::{as_path::AsPathBuf, next_hop::NextHop, set::PathAttributes},
        family::Family,
        numbers::{Asn, HoldTime, Origin, RouterId},
        prefix::Prefix,
        wire::{
            capability::Capability,
            message::keepalive,
            notification::{Notification, cease},
            open::Offer,
            pack::{self, Announcement},
            route_refresh::{RefreshKind, RouteRefresh},
        },
    };

    fn shown(octets: &[u8], agreed: Option<&Agreed>) -> Vec<String> {
        let remote = Remote::Address([192, 0, 2, 1].into(), None);
        let overheard = Overheard(Who { id: PeerId(1), remote, description: None });
        let lines = overheard.lines(Way::Received, octets, agreed);
        let line = |event: &Event| event.to_string().split_once("received ").unwrap().1.to_owned();
        lines.iter().map(line).collect()
    }

    fn announced(family: Family, next_hop: NextHop, prefixes: usize, out: &mut Vec<u8>) {
        let set = PathAttributes {
            origin: Some(Origin::IGP),
            as_path: AsPathBuf::sequence(&[Asn(65001), Asn(65002)]),
            med: Some(10),
            communities: (1..=9).map(|n| format!("65001:{n}").parse().unwrap()).collect(),
            ..PathAttributes::default()
        };
        let mut section = Vec::new();
        set.encode(true, &mut section);
        let announcement = Announcement { family, attributes: &section, next_hop };
        let agreed = agreed();
        if family == Family::IPV4 {
            let of = |n| Path::from(Prefix::new(0x0a00_0000_u32 + ((n as u32) << 8), 24).unwrap());
            announcement.encode(&agreed, (0..prefixes).map(of), out).unwrap();
        } else {
            let of = |n| Path::from(Prefix::new((0x2001_u128 << 112) + ((n as u128) << 64), 64).unwrap());
            announcement.encode(&agreed, (0..prefixes).map(of), out).unwrap();
        }
    }

    fn agreed() -> Agreed {
        Agreed::new(PeerKind::External).with_families([Family::IPV4, Family::IPV6].map(FamilyAgreed::plain))
    }

    #[test]
    fn every_kind_of_message_is_one_line_that_a_person_reads() {
        let mut offer = Offer::new(Asn(65001), RouterId::new(7).unwrap(), HoldTime::new(90).unwrap());
        offer.capabilities.push(Capability::Multiprotocol(Family::IPV6).into());
        offer.capabilities.push(Capability::RouteRefresh.into());
        let mut octets = Vec::new();
        offer.encode(&mut octets).unwrap();
        keepalive(&mut octets);
        announced(Family::IPV4, NextHop::Ipv4([192, 0, 2, 9].into()), 10, &mut octets);
        let next_hop = NextHop::Ipv6 { global: "2001:db8::9".parse().unwrap(), link_local: None };
        announced(Family::IPV6, next_hop, 1, &mut octets);
        let gone = [Path::from("10.0.0.0/8".parse::<Prefix<u32>>().unwrap())];
        pack::withdraw(Family::IPV4, &agreed(), gone, &mut octets);
        pack::end_of_rib(Family::IPV6, &mut octets);
        RouteRefresh { family: Family::IPV4, kind: RefreshKind::REQUEST }.encode(&mut octets);
        let data = Notification::text_data("bye\n");
        Notification {
            code: bgp_proto::fault::ErrorCode::CEASE,
            subcode: cease::ADMIN_SHUTDOWN,
            data: &data,
        }
        .encode(&mut octets);
        insta::assert_snapshot!(shown(&octets, Some(&agreed())).join("\n"));
    }

    #[test]
    fn what_cannot_be_read_is_said_and_nothing_is_longer_than_a_line() {
        let mut octets = Vec::new();
        announced(Family::IPV4, NextHop::Ipv4([192, 0, 2, 9].into()), 1, &mut octets);
        assert!(shown(&octets, None)[0].starts_with("UPDATE of "), "{:?}", shown(&octets, None));
        octets[0] = 0;
        assert!(shown(&octets, None)[0].starts_with("octets that are no message: "));
        assert_eq!(bounded("ö".repeat(2000)).chars().count(), 513);
    }
}
