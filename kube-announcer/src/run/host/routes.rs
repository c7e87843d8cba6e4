//! Netlink, as much of it as default routes take: a question, and the gateways in the answer (rtnetlink(7)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const DONE: u16 = 3;
const ERROR: u16 = 2;
const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const ALL: u16 = 0x301;

const INTERFACE: u16 = 4;
const GATEWAY: u16 = 5;
const NEXT_HOPS: u16 = 9;
/// A gateway of another family than the route's.
const VIA: u16 = 18;

const MAIN: u8 = 254;
const UNICAST: u8 = 1;
/// `RTNH_F_DEAD | RTNH_F_LINKDOWN`: nothing goes there now.
const DOWN: u32 = 0x11;

/// How a part of an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// There is more to come.
    Open,
    /// It was all.
    Done,
    /// The kernel does not say, and this is why.
    Refused(i32),
}

/// Asks for all routes of a family.
pub(super) fn question(family: u8) -> Vec<u8> {
    let route = [family, 0, 0, 0, MAIN, 0, 0, 0, 0, 0, 0, 0];
    let mut question = Vec::new();
    question.extend(28_u32.to_ne_bytes());
    question.extend(GET_ROUTE.to_ne_bytes());
    question.extend(ALL.to_ne_bytes());
    question.extend([0; 8]);
    question.extend(route);
    question
}

/// Takes the gateways of default routes out of an answer, with the numbers of their interfaces.
pub(super) fn answer(mut octets: &[u8], gateways: &mut Vec<(IpAddr, u32)>) -> End {
    while let Some((message, rest)) = cut(octets, word(octets, 0)) {
        octets = rest;
        let body = message.get(16..).unwrap_or_default();
        match half(message, 4) {
            Some(DONE) => return End::Done,
            Some(ERROR) => {
                let number = word(body, 0).unwrap_or_default();
                return End::Refused(i32::from_ne_bytes(number.to_ne_bytes()).saturating_neg());
            }
            Some(NEW_ROUTE) => route(body, gateways),
            _ => {}
        }
    }
    End::Open
}

fn route(body: &[u8], gateways: &mut Vec<(IpAddr, u32)>) {
    let [_, 0, 0, 0, MAIN, _, _, UNICAST, ..] = body else { return };
    let flags = word(body, 8).unwrap_or(DOWN);
    let attributes = body.get(12..).unwrap_or_default();
    next_hop(attributes, find(attributes, INTERFACE).and_then(|value| word(value, 0)), flags, gateways);
    let mut hops = find(attributes, NEXT_HOPS).unwrap_or_default();
    while let Some((hop, rest)) = cut(hops, half(hops, 0).map(u32::from)) {
        hops = rest;
        let flags = hop.get(2).map_or(DOWN, |flags| u32::from(*flags));
        next_hop(hop.get(8..).unwrap_or_default(), word(hop, 4), flags, gateways);
    }
}

fn next_hop(attributes: &[u8], interface: Option<u32>, flags: u32, gateways: &mut Vec<(IpAddr, u32)>) {
    let via = || find(attributes, VIA).and_then(|value| value.get(2..));
    let gateway = find(attributes, GATEWAY).or_else(via).and_then(address);
    if let (Some(gateway), Some(interface)) = (gateway, interface)
        && flags & DOWN == 0
    {
        gateways.push((gateway, interface));
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let short = <[u8; 4]>::try_from(octets).map(|octets| Ipv4Addr::from(octets).into());
    short.or_else(|_| <[u8; 16]>::try_from(octets).map(|octets| Ipv6Addr::from(octets).into())).ok()
}

/// The value of an attribute.
fn find(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    while let Some((attribute, rest)) = cut(attributes, half(attributes, 0).map(u32::from)) {
        if half(attribute, 2) == Some(wanted) {
            return attribute.get(4..);
        }
        attributes = rest;
    }
    None
}

/// What a length covers, and what comes behind it and its padding.
fn cut(octets: &[u8], length: Option<u32>) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(length?).ok().filter(|length| *length >= 4)?;
    let rest = octets.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((octets.get(..length)?, rest))
}

fn half(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(octets.get(at..at + 2)?.try_into().ok()?))
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(octets.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).unwrap();
        let mut all = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        all.extend(value);
        all.resize(all.len().next_multiple_of(4), 0);
        all
    }

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + body.len()).unwrap();
        [&length.to_ne_bytes(), &kind.to_ne_bytes()[..], &[0; 10], body].concat()
    }

    fn default_route(attributes: &[u8]) -> Vec<u8> {
        message(NEW_ROUTE, &[&[2, 0, 0, 0, MAIN, 3, 0, UNICAST, 0, 0, 0, 0], attributes].concat())
    }

    #[test]
    fn gateways_are_found_alone_and_among_several_next_hops() {
        let one = [attribute(GATEWAY, &[192, 0, 2, 1]), attribute(INTERFACE, &7_u32.to_ne_bytes())].concat();
        let hop = |flags: u8, interface: u32, gateway: &[u8]| {
            let attributes = attribute(GATEWAY, gateway);
            let length = u16::try_from(8 + attributes.len()).unwrap();
            [&length.to_ne_bytes(), &[flags, 0][..], &interface.to_ne_bytes(), &attributes].concat()
        };
        let hops =
            [hop(0, 7, &[192, 0, 2, 1]), hop(0x10, 8, &[192, 0, 2, 5]), hop(0, 9, &[192, 0, 2, 9])].concat();
        let octets =
            [default_route(&one), default_route(&attribute(NEXT_HOPS, &hops)), message(DONE, &[0; 4])]
                .concat();
        let mut gateways = Vec::new();
        assert_eq!(answer(&octets, &mut gateways), End::Done);
        let expected =
            [(1, 7), (1, 7), (9, 9)].map(|(last, interface)| ([192, 0, 2, last].into(), interface));
        assert_eq!(gateways, expected);
    }

    #[test]
    fn a_refusal_is_one() {
        let octets = message(ERROR, &(-1_i32).to_ne_bytes());
        assert_eq!(answer(&octets, &mut Vec::new()), End::Refused(1));
    }

    proptest! {
        #[test]
        fn any_octets_are_read_to_an_end(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            answer(&octets, &mut Vec::new());
            answer(&default_route(&octets), &mut Vec::new());
        }
    }
}
