//! Where to listen, as people write it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// `192.0.2.1:9479`, `[2001:db8::1]:9479`, or `9479` for all addresses of both families.
pub(super) fn parse(text: &str) -> Result<SocketAddr, String> {
    match (text.parse::<u16>(), text.parse::<SocketAddr>()) {
        (Ok(port), _) => Ok(everywhere(port)),
        (_, Ok(place)) => Ok(place),
        _ => Err("write ADDRESS:PORT, with an IPv6 address in brackets, or a PORT alone".to_owned()),
    }
}

/// A socket of IPv6 hears IPv4 as well. A kernel that was started without IPv6 has none.
fn everywhere(port: u16) -> SocketAddr {
    match UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)) {
        Ok(_) => (Ipv6Addr::UNSPECIFIED, port).into(),
        Err(_) => (Ipv4Addr::UNSPECIFIED, port).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_address_with_a_port_or_a_port() {
        assert_eq!(parse("192.0.2.1:80"), Ok(([192, 0, 2, 1], 80).into()));
        assert_eq!(parse("[::1]:80"), Ok((Ipv6Addr::LOCALHOST, 80).into()));
        let everywhere = parse("9479").unwrap();
        assert!(everywhere.ip().is_unspecified() && everywhere.port() == 9479);
        for bad in ["", "localhost:80", "::1:80x", "65536", "192.0.2.1"] {
            assert!(parse(bad).unwrap_err().contains("ADDRESS:PORT"), "{bad}");
        }
    }
}
