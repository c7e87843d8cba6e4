//! What a node's kernel knows and its cluster does not: the default gateways.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

/// A default gateway, with its interface where the address counts on one link only.
pub type Gateway = (IpAddr, Option<Box<str>>);

/// Routes that are up and go through a gateway: `RTF_UP | RTF_GATEWAY`.
const THROUGH: u32 = 3;

/// The default gateways of the machine whose root folder this is, each once, IPv4 first.
pub fn gateways(root: &Path) -> Vec<Gateway> {
    let read = |file: &str| fs::read_to_string(root.join("proc/net").join(file)).unwrap_or_default();
    let (ipv4, ipv6) = (read("route"), read("ipv6_route"));
    let mut gateways: Vec<Gateway> =
        ipv4.lines().filter_map(route).chain(ipv6.lines().filter_map(ipv6_route)).collect();
    gateways.sort();
    gateways.dedup();
    gateways
}

/// `eth0 00000000 0100A8C0 0003 0 0 100 00000000 …`: addresses as they lie in memory.
fn route(line: &str) -> Option<Gateway> {
    let columns: Vec<_> = line.split_whitespace().collect();
    let [_, "00000000", gateway, flags, _, _, _, "00000000", ..] = columns[..] else { return None };
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let gateway = Ipv4Addr::from(u32::from_str_radix(gateway, 16).ok()?.to_ne_bytes());
    (flags & THROUGH == THROUGH).then_some((gateway.into(), None))
}

/// Destination, its length, source, its length, gateway, metric, references, uses, flags, interface.
fn ipv6_route(line: &str) -> Option<Gateway> {
    let columns: Vec<_> = line.split_whitespace().collect();
    let [_, "00", _, "00", gateway, _, _, _, flags, interface] = columns[..] else { return None };
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let gateway = Ipv6Addr::from(u128::from_str_radix(gateway, 16).ok()?);
    let zone = gateway.is_unicast_link_local().then(|| interface.into());
    (flags & THROUGH == THROUGH).then_some((gateway.into(), zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_gateways_are_those_of_both_families() {
        let root = tempfile::tempdir().unwrap();
        let net = root.path().join("proc/net");
        fs::create_dir_all(&net).unwrap();
        let gateway = u32::from_ne_bytes([192, 0, 2, 1]);
        let route = format!(
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
             eth0\t00000000\t{gateway:08X}\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
             eth1\t00000000\t{gateway:08X}\t0003\t0\t0\t200\t00000000\t0\t0\t0\n\
             eth0\t000200C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
        );
        fs::write(net.join("route"), route).unwrap();
        let zeros = "0".repeat(32);
        let link = "fe800000000000000000000000000001";
        let ipv6 = format!(
            "{zeros} 00 {zeros} 00 {link} 00000400 00000001 00000000 00000003     eth0\n\
             {zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       lo\n\
             fe800000000000000000000000000000 40 {zeros} 00 {zeros} 00000100 00000001 00000000 00000001     eth0\n"
        );
        fs::write(net.join("ipv6_route"), ipv6).unwrap();
        let found = gateways(root.path());
        let expected: [Gateway; 2] =
            [("192.0.2.1".parse().unwrap(), None), ("fe80::1".parse().unwrap(), Some("eth0".into()))];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_machine_without_such_files_has_no_gateways() {
        assert_eq!(gateways(Path::new("/nowhere")), []);
    }
}
