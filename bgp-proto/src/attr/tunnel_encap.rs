//! TUNNEL_ENCAPSULATION, typed on request (RFC 9012). What is passed on is never rebuilt from this.

use crate::{numbers::registry, wire::Parsed};
use core::{fmt, net::IpAddr};
use nom::{
    Parser,
    bytes::complete::take,
    combinator::verify,
    multi::length_data,
    number::complete::{be_u8, be_u16},
};

registry! {
    /// A tunnel type.
    TunnelType(u16) {
        GRE = 2, "GRE";
        IP_IN_IP = 7, "IP in IP";
        VXLAN = 8, "VXLAN";
        NVGRE = 9, "NVGRE";
        MPLS = 10, "MPLS";
        MPLS_IN_GRE = 11, "MPLS-in-GRE";
        VXLAN_GPE = 12, "VXLAN-GPE";
        MPLS_IN_UDP = 13, "MPLS-in-UDP";
        GENEVE = 19, "Geneve";
    }
}

/// Sub-TLV types (RFC 9012 §3).
mod sub {
    pub(super) const ENCAPSULATION: u8 = 1;
    pub(super) const PROTOCOL: u8 = 2;
    pub(super) const COLOR: u8 = 4;
    pub(super) const ENDPOINT: u8 = 6;
    pub(super) const UDP_PORT: u8 = 8;
}

/// One tunnel: a view over its sub-TLVs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel<'a> {
    /// What kind of tunnel.
    pub kind: TunnelType,
    parts: &'a [u8],
}

/// A tunnel type and its sub-TLVs.
fn tunnel(input: &[u8]) -> Parsed<'_, Tunnel<'_>> {
    (be_u16, length_data(be_u16)).map(|(kind, parts)| Tunnel { kind: TunnelType(kind), parts }).parse(input)
}

/// One sub-TLV; from type 128 on its length takes two octets.
fn part(input: &[u8]) -> Parsed<'_, (u8, &[u8])> {
    let (input, kind) = be_u8(input)?;
    let (input, len) = if kind < 128 { be_u8.map(u16::from).parse(input)? } else { be_u16(input)? };
    let (input, value) = take(len)(input)?;
    Ok((input, (kind, value)))
}

/// The tunnels of an attribute's value. `None`: the lengths do not add up, so nothing of it means anything.
pub fn tunnels(value: &[u8]) -> Option<impl Iterator<Item = Tunnel<'_>>> {
    let mut rest = value;
    while !rest.is_empty() {
        let (after, found) = tunnel(rest).ok()?;
        let mut parts = found.parts;
        while !parts.is_empty() {
            parts = part(parts).ok()?.0;
        }
        rest = after;
    }
    let mut rest = value;
    Some(core::iter::from_fn(move || {
        let (after, found) = tunnel(rest).ok()?;
        rest = after;
        Some(found)
    }))
}

impl<'a> Tunnel<'a> {
    /// The value of the first sub-TLV of this type.
    pub fn part(&self, wanted: u8) -> Option<&'a [u8]> {
        let mut rest = self.parts;
        loop {
            let (after, (kind, value)) = part(rest).ok()?;
            if kind == wanted {
                return Some(value);
            }
            rest = after;
        }
    }

    /// The address of the tunnel's far end (RFC 9012 §3.1); `None` also where the route's next hop is meant.
    pub fn endpoint(&self) -> Option<IpAddr> {
        let (_, family, address) = endpoint(self.part(sub::ENDPOINT)?).ok()?.1;
        match family {
            1 => address.try_into().ok().map(|octets: [u8; 4]| octets.into()),
            2 => address.try_into().ok().map(|octets: [u8; 16]| octets.into()),
            _ => None,
        }
    }

    /// The GRE key (RFC 9012 §3.2.4).
    pub fn gre_key(&self) -> Option<u32> {
        let gre = matches!(self.kind, TunnelType::GRE | TunnelType::MPLS_IN_GRE);
        let key = self.part(sub::ENCAPSULATION).filter(|_| gre)?;
        key.try_into().ok().map(u32::from_be_bytes)
    }

    /// The VXLAN network identifier, where the V bit says that there is one (RFC 9012 §3.2.1).
    pub fn vni(&self) -> Option<u32> {
        match self.part(sub::ENCAPSULATION).filter(|_| self.kind == TunnelType::VXLAN)? {
            [flags, a, b, c, ..] if flags & 0x80 != 0 => Some(u32::from_be_bytes([0, *a, *b, *c])),
            _ => None,
        }
    }

    /// The protocol inside the tunnel, as an Ethertype (RFC 9012 §3.4.1).
    pub fn protocol(&self) -> Option<u16> {
        self.part(sub::PROTOCOL)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// The colour (RFC 9012 §3.4.2).
    pub fn color(&self) -> Option<u32> {
        match self.part(sub::COLOR)? {
            [3, 0x0b, _, _, color @ ..] => color.try_into().ok().map(u32::from_be_bytes),
            _ => None,
        }
    }

    /// The UDP destination port (RFC 9012 §3.3.2).
    pub fn udp_port(&self) -> Option<u16> {
        self.part(sub::UDP_PORT)?.try_into().ok().map(u16::from_be_bytes)
    }
}

/// A tunnel egress endpoint: reserved word, address family, address.
fn endpoint(input: &[u8]) -> Parsed<'_, (&[u8], u16, &[u8])> {
    let (input, (reserved, family)) = (take(4usize), verify(be_u16, |family| *family <= 2)).parse(input)?;
    Ok((&[], (reserved, family, input)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_tunnels_of_a_cluster_are_read() {
        let gre = [0, 2, 0, 18, 6, 10, 0, 0, 0, 0, 0, 1, 192, 0, 2, 1, 1, 4, 0, 0, 0, 9];
        let vxlan = [0, 8, 0, 14, 1, 12, 0x80, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0];
        let mpls = [0, 11, 0, 4, 2, 2, 0x88, 0x47];
        let value = [&gre[..], &vxlan, &mpls].concat();
        let found = tunnels(&value).unwrap().collect::<alloc::vec::Vec<_>>();
        let [gre, vxlan, mpls] = found[..] else { panic!("{found:?}") };
        assert_eq!(
            (gre.kind, gre.endpoint(), gre.gre_key()),
            (TunnelType::GRE, Some([192, 0, 2, 1].into()), Some(9))
        );
        assert_eq!((vxlan.kind, vxlan.vni(), vxlan.endpoint()), (TunnelType::VXLAN, Some(258), None));
        assert_eq!((mpls.kind, mpls.protocol()), (TunnelType::MPLS_IN_GRE, Some(0x8847)));
    }

    #[test]
    fn lengths_that_do_not_add_up_are_no_tunnels() {
        assert!(tunnels(&[0, 2, 0, 5, 6, 1]).is_none());
        assert!(tunnels(&[0, 2, 0, 2, 6, 9]).is_none());
        assert!(tunnels(&[0, 2, 0, 2, 200, 0]).is_none());
        assert!(tunnels(&[]).unwrap().next().is_none());
    }
}
