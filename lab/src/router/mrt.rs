//! Announcements as a table dump (RFC 6396, TABLE_DUMP_V2): how GoBGP takes many of them at once.

use std::net::IpAddr;

use crate::config::{Announcement, Config, Family};
use crate::route::numbers;

/// How the next hop of an IPv6 route is written.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// Alone (RFC 6396 §4.3.4).
    Short,
    /// In a whole MP_REACH_NLRI.
    Whole,
}

/// The dump of all that is announced, as if one peer had sent it.
pub(super) fn table(config: &Config, form: Form) -> Vec<u8> {
    let id = config.router_id.octets();
    // One peer: its identifier and address, IPv4, AS number of four octets.
    let asn = config.asn.to_be_bytes();
    let peers = [&id[..], &[0, 0], &[0, 1], &[2], &id, &id, &asn].concat();
    let mut dump = record(1, &peers);
    for (number, one) in (0_u32..).zip(&config.announced) {
        let family = Family::of(one.prefix.addr());
        let attributes = attributes(one, config, form);
        let head = [&number.to_be_bytes()[..], &prefix(one)].concat();
        // One path: of peer 0, at no time.
        let path = [&[0, 1, 0, 0, 0, 0, 0, 0][..], &length(&attributes), &attributes].concat();
        dump.extend(record(if family == Family::Ipv4 { 2 } else { 4 }, &[head, path].concat()));
    }
    dump
}

fn record(subtype: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a record is short").to_be_bytes();
    [&[0; 4][..], &13_u16.to_be_bytes(), &subtype.to_be_bytes(), &length, body].concat()
}

fn length(octets: &[u8]) -> [u8; 2] {
    u16::try_from(octets.len()).expect("the attributes of a route are short").to_be_bytes()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}

fn prefix(one: &Announcement) -> Vec<u8> {
    let len = one.prefix.prefix_len();
    let octets = octets(one.prefix.network());
    [&[len][..], &octets[..usize::from(len.div_ceil(8))]].concat()
}

fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    [&[flags | 0x10, code][..], &length(value), value].concat()
}

fn attributes(one: &Announcement, config: &Config, form: Form) -> Vec<u8> {
    let family = Family::of(one.prefix.addr());
    let own = config.peers.iter().map(|peer| peer.local).find(|local| Family::of(*local) == family);
    let hop = one.next_hop.or(own).map(octets).unwrap_or_default();
    let hop = match (family, form) {
        (Family::Ipv4, _) => attribute(0x40, 3, &hop),
        (Family::Ipv6, Form::Short) => attribute(0x80, 14, &[&[16][..], &hop].concat()),
        (Family::Ipv6, Form::Whole) => attribute(0x80, 14, &[&[0, 2, 1, 16][..], &hop, &[0]].concat()),
    };
    let wide = |text: &String| numbers(text).iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<_>>();
    let pair = |text: &String| {
        let [high, low] = numbers(text)[..] else { panic!("{text:?}: use two numbers with a colon between") };
        (high as u16, low)
    };
    let narrow = |text: &String| {
        let (high, low) = pair(text);
        [high.to_be_bytes(), (low as u16).to_be_bytes()].concat()
    };
    let target = |text: &String| {
        let (high, low) = pair(text);
        [&[0, 2][..], &high.to_be_bytes(), &low.to_be_bytes()].concat()
    };
    let lists = [
        (8, one.communities.iter().flat_map(narrow).collect::<Vec<_>>()),
        (16, one.route_targets.iter().flat_map(target).collect()),
        (32, one.large_communities.iter().flat_map(wide).collect()),
    ];
    let lists = lists.into_iter().filter(|(_, value)| !value.is_empty());
    let med = one.med.map(|med| attribute(0x80, 4, &med.to_be_bytes())).unwrap_or_default();
    let mut all = [attribute(0x40, 1, &[0]), attribute(0x40, 2, &[]), hop, med].concat();
    all.extend(lists.flat_map(|(code, value)| attribute(0xc0, code, &value)));
    all
}
