//! Messages for the kernel, many in one datagram, in a buffer that is used again.

use super::numbers::{self as n, flag, kind, route};
use crate::fib::{Buckets, DISCARD, Fib, Gateway, Mark, OBJECTS, Path, plan::Op};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What every message of ours carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) mark: Mark,
    /// The addresses that the machine's own packets carry.
    pub(super) source_ipv4: Option<Ipv4Addr>,
    pub(super) source_ipv6: Option<Ipv6Addr>,
}

/// Messages that are sent together. Only the last is acknowledged; each that is refused is told of by its number.
#[derive(Debug, Default)]
pub(super) struct Batch {
    octets: Vec<u8>,
    /// The number of the first message.
    first: u32,
    count: u32,
    /// Where the last message begins.
    last: usize,
}

const HEADER: usize = 16;

impl Batch {
    /// Begins anew, with numbers that go on where the last batch ended.
    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.first = self.first.wrapping_add(self.count);
        self.count = 0;
    }

    pub(super) fn len(&self) -> u32 {
        self.count
    }

    /// The octets, with the last message acknowledged.
    pub(super) fn octets(&mut self) -> &[u8] {
        if let Some(flags) = self.octets.get_mut(self.last + 6..self.last + 8) {
            let [a, b] = (u16::from_ne_bytes([flags[0], flags[1]]) | flag::ACK).to_ne_bytes();
            flags.copy_from_slice(&[a, b]);
        }
        &self.octets
    }

    /// Which message of the batch has this number.
    pub(super) fn place(&self, number: u32) -> Option<usize> {
        let place = number.wrapping_sub(self.first);
        (place < self.count).then_some(place as usize)
    }

    fn begin(&mut self, kind: u16, flags: u16, head: &[u8]) {
        self.last = self.octets.len();
        self.octets.extend([0; 4]);
        self.octets.extend(kind.to_ne_bytes());
        self.octets.extend((flags | flag::REQUEST).to_ne_bytes());
        self.octets.extend(self.first.wrapping_add(self.count).to_ne_bytes());
        self.octets.extend([0; 4]);
        self.octets.extend(head);
        self.count += 1;
    }

    fn end(&mut self) {
        let len = (self.octets.len() - self.last) as u32;
        self.octets[self.last..self.last + 4].copy_from_slice(&len.to_ne_bytes());
    }

    fn put(&mut self, kind: u16, value: &[u8]) {
        self.octets.extend((value.len() as u16 + 4).to_ne_bytes());
        self.octets.extend(kind.to_ne_bytes());
        self.octets.extend(value);
        self.octets.resize(self.octets.len().next_multiple_of(4), 0);
    }

    fn put_number(&mut self, kind: u16, value: u32) {
        self.put(kind, &value.to_ne_bytes());
    }

    fn put_address(&mut self, kind: u16, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.put(kind, &address.octets()),
            IpAddr::V6(address) => self.put(kind, &address.octets()),
        }
    }

    /// An attribute that holds what `inside` writes.
    fn nest(&mut self, kind: u16, inside: impl FnOnce(&mut Self)) {
        let at = self.octets.len();
        self.octets.extend([0; 2]);
        self.octets.extend(kind.to_ne_bytes());
        inside(self);
        let len = (self.octets.len() - at) as u16;
        self.octets[at..at + 2].copy_from_slice(&len.to_ne_bytes());
    }

    /// Asks for all there is of a kind; `head` is the structure that such messages begin with.
    pub(super) fn dump(&mut self, kind: u16, head: &[u8], table: Option<u32>) {
        self.clear();
        self.begin(kind, flag::DUMP, head);
        if let Some(table) = table {
            self.put_number(route::TABLE, table);
        }
        self.end();
    }

    /// The number of the first message.
    pub(super) fn number(&self) -> u32 {
        self.first
    }

    /// Appends what is to be done.
    pub(super) fn push(&mut self, op: &Op, fib: &Fib, style: &Style) {
        match op {
            Op::Object { id, gateway } => self.push_object(*id, *gateway, style.mark),
            Op::Group { id, members, buckets, replaces } => {
                self.push_group(*id, members, *buckets, *replaces, style.mark);
            }
            Op::DropObject { id } => self.push_drop_object(*id),
            Op::Route { net, way, replaces, .. } => self.push_route(*net, *way, *replaces, fib, style),
            Op::DropRoute { net, .. } => self.push_drop(*net, style.mark.metric, style.mark),
            Op::DropStray { net, metric } => self.push_drop(*net, *metric, style.mark),
        }
        self.end();
    }

    /// Appends the removal of an object that cannot be: it only shows what the kernel is able and willing to do.
    pub(super) fn push_probe(&mut self) {
        self.push_drop_object(0);
        self.end();
    }

    fn push_drop_object(&mut self, id: u32) {
        self.begin(n::DELETE_OBJECT, 0, &[0; 8]);
        self.put_number(n::object::ID, id);
    }

    fn push_object(&mut self, id: u32, gateway: Gateway, mark: Mark) {
        let family = gateway.via.map_or(n::INET, family_of);
        let flags = if gateway.onlink { u32::from(route::ONLINK) } else { 0 };
        let mut head = [0; 8];
        (head[0], head[2]) = (family, mark.protocol);
        head[4..].copy_from_slice(&flags.to_ne_bytes());
        self.begin(n::NEW_OBJECT, flag::CREATE | flag::EXCLUSIVE, &head);
        self.put_number(n::object::ID, id);
        self.put_number(n::object::DEVICE, gateway.device);
        if let Some(via) = gateway.via {
            self.put_address(n::object::GATEWAY, via);
        }
    }

    fn push_group(
        &mut self,
        id: u32,
        members: &[(u32, u16)],
        buckets: Option<Buckets>,
        replaces: bool,
        mark: Mark,
    ) {
        let flags = if replaces { flag::REPLACE } else { flag::CREATE | flag::EXCLUSIVE };
        self.begin(n::NEW_OBJECT, flags, &[0, 0, mark.protocol, 0, 0, 0, 0, 0]);
        self.put_number(n::object::ID, id);
        self.nest(n::object::GROUP, |batch| {
            for (member, weight) in members {
                batch.octets.extend(member.to_ne_bytes());
                batch.octets.extend([(weight.saturating_sub(1)).min(255) as u8, 0, 0, 0]);
            }
        });
        if let Some(Buckets { count, idle, unbalanced }) = buckets {
            self.put(n::object::GROUP_TYPE, &n::object::RESILIENT_TYPE.to_ne_bytes());
            self.nest(n::object::RESILIENT | n::NESTED, |batch| {
                batch.put(n::resilient::BUCKETS, &count.to_ne_bytes());
                batch.put_number(n::resilient::IDLE, idle);
                batch.put_number(n::resilient::UNBALANCED, unbalanced);
            });
        }
    }

    /// Appends what only a kernel with resilient groups takes: one of a way that drops everything, made and taken away
    /// again. It has the last numbers of the range that begins here.
    pub(super) fn push_trial(&mut self, first: u32, buckets: Buckets, mark: Mark) {
        let [group, single] = [1, 2].map(|from_end| first + OBJECTS - from_end);
        self.begin(
            n::NEW_OBJECT,
            flag::CREATE | flag::EXCLUSIVE,
            &[n::INET, 0, mark.protocol, 0, 0, 0, 0, 0],
        );
        self.put_number(n::object::ID, single);
        self.put(n::object::BLACKHOLE, &[]);
        self.end();
        self.push_group(group, &[(single, 1)], Some(buckets), false, mark);
        self.end();
        for id in [group, single] {
            self.push_drop_object(id);
            self.end();
        }
    }

    /// What messages about a route begin with.
    fn begin_route(&mut self, message: u16, flags: u16, net: IpNet, of: [u8; 2], mark: Mark) {
        let [scope, kind] = of;
        let short = u8::try_from(mark.table).unwrap_or_default();
        let head =
            [family_of(net.addr()), net.prefix_len(), 0, 0, short, mark.protocol, scope, kind, 0, 0, 0, 0];
        self.begin(message, flags, &head);
        self.put_address(route::DST, net.network());
        if short == 0 {
            self.put_number(route::TABLE, mark.table);
        }
    }

    fn push_route(&mut self, net: IpNet, way: u32, replaces: bool, fib: &Fib, style: &Style) {
        let flags = flag::CREATE | if replaces { flag::REPLACE } else { flag::EXCLUSIVE };
        let kind = if way == DISCARD { kind::BLACKHOLE } else { kind::UNICAST };
        self.begin_route(n::NEW_ROUTE, flags, net, [0, kind], style.mark);
        self.put_number(route::METRIC, style.mark.metric);
        let source = match net {
            IpNet::V4(_) => style.source_ipv4.map(IpAddr::from),
            IpNet::V6(_) => style.source_ipv6.map(IpAddr::from),
        };
        if way == DISCARD {
            return;
        }
        if let Some(source) = source {
            self.put_address(route::SOURCE, source);
        }
        if let Some(group) = fib.group(way) {
            return self.put_number(route::OBJECT, group);
        }
        match fib.paths(way) {
            [path] => {
                let flags = if path.gateway.onlink { route::ONLINK } else { 0 };
                // The flags of the only gateway are those of the route.
                self.octets[self.last + HEADER + 8] = flags;
                self.put_number(route::DEVICE, path.gateway.device);
                self.put_gateway(net, path.gateway);
            }
            paths => {
                self.nest(route::MULTIPATH, |batch| paths.iter().for_each(|path| batch.put_path(net, path)));
            }
        }
    }

    fn put_path(&mut self, net: IpNet, Path { gateway, weight }: &Path) {
        let at = self.octets.len();
        let flags = if gateway.onlink { route::ONLINK } else { 0 };
        self.octets.extend([0, 0, flags, weight.saturating_sub(1).min(255) as u8]);
        self.octets.extend(gateway.device.to_ne_bytes());
        self.put_gateway(net, *gateway);
        let len = (self.octets.len() - at) as u16;
        self.octets[at..at + 2].copy_from_slice(&len.to_ne_bytes());
    }

    fn put_gateway(&mut self, net: IpNet, gateway: Gateway) {
        match gateway.via {
            Some(via) if via.is_ipv4() == net.addr().is_ipv4() => self.put_address(route::GATEWAY, via),
            Some(IpAddr::V6(via)) => {
                let mut value = [0; 18];
                value[..2].copy_from_slice(&u16::from(n::INET_6).to_ne_bytes());
                value[2..].copy_from_slice(&via.octets());
                self.put(route::VIA, &value);
            }
            _ => {}
        }
    }

    fn push_drop(&mut self, net: IpNet, metric: u32, mark: Mark) {
        self.begin_route(n::DELETE_ROUTE, 0, net, [n::ANY_SCOPE, 0], mark);
        self.put_number(route::METRIC, metric);
    }
}

fn family_of(address: IpAddr) -> u8 {
    if address.is_ipv4() { n::INET } else { n::INET_6 }
}
