//! Reads every value that a decoded UPDATE offers, and sums them up so that nothing can be left out.

use bgp_proto::{
    agreed::Agreed,
    attr::next_hop::NextHop,
    wire::{
        message::Message,
        nlri::{Item, Items, Nlri},
        update::Update,
    },
};
use std::fmt::Debug;

/// What a reader came by: how many values, and a number that depends on all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How many values were read.
    pub(crate) values: usize,
    /// A checksum over them.
    pub(crate) sum: u64,
}

impl Seen {
    fn add(&mut self, value: u64) {
        self.values += 1;
        self.sum = self.sum.rotate_left(5) ^ value;
    }

    fn octets(&mut self, octets: &[u8]) {
        octets.iter().for_each(|octet| self.add(u64::from(*octet)));
    }

    fn items<'a, T: Item<'a>>(&mut self, items: Items<'a, T>, read: impl Fn(&T) -> u128) {
        for path in items {
            let value = read(&path.item);
            self.add(u64::from(path.id) ^ (value >> 64) as u64 ^ value as u64);
        }
    }

    fn nlri(&mut self, nlri: Nlri<'_>) {
        let labels = |labels: bgp_proto::wire::nlri::Labels<'_>| labels.iter().map(u128::from).sum::<u128>();
        let rd = |rd: bgp_proto::wire::nlri::RouteDistinguisher| u128::from(u64::from_be_bytes(rd.0));
        match nlri {
            Nlri::Ipv4(items) => self.items(items, |p| u128::from(p.bits()) ^ u128::from(p.len())),
            Nlri::Ipv6(items) => self.items(items, |p| p.bits() ^ u128::from(p.len())),
            Nlri::LabelledIpv4(items) => {
                self.items(items, |p| u128::from(p.prefix().bits()) + labels(p.labels()));
            }
            Nlri::LabelledIpv6(items) => self.items(items, |p| p.prefix().bits() ^ labels(p.labels())),
            Nlri::VpnIpv4(items) => {
                self.items(items, |p| u128::from(p.prefix().bits()) + labels(p.labels()) + rd(p.rd()));
            }
            Nlri::VpnIpv6(items) => {
                self.items(items, |p| p.prefix().bits() ^ labels(p.labels()) ^ rd(p.rd()));
            }
            Nlri::Opaque(octets) => self.octets(octets),
            other => panic!("an NLRI that this reader does not know: {other:?}"),
        }
    }
}

/// Reads everything of an UPDATE without allocating.
pub(crate) fn update(update: &Update<'_>) -> Seen {
    let mut seen = Seen::default();
    seen.nlri(Nlri::Ipv4(update.withdrawn()));
    seen.nlri(Nlri::Ipv4(update.announced()));
    if let Some(reach) = update.reach() {
        seen.octets(reach.next_hop_octets);
        seen.add(u64::from(reach.next_hop.is_some_and(NextHop::is_host)));
        seen.nlri(reach.nlri);
    }
    if let Some(unreach) = update.unreach() {
        seen.nlri(unreach.nlri);
    }
    attributes(update, &mut seen);
    update.unnegotiated().for_each(|family| seen.add(u64::from(family.afi.0)));
    seen.add(update.treatment().map_or(9, |treatment| treatment as u64));
    seen.add(update.end_of_rib().map_or(0, |family| u64::from(family.safi.0)));
    seen
}

fn attributes(update: &Update<'_>, seen: &mut Seen) {
    let attributes = update.attributes();
    for attribute in attributes.iter() {
        seen.add(u64::from(attribute.flags) << 8 | u64::from(attribute.code.0));
        seen.octets(attribute.value);
    }
    attributes.unknown().for_each(|attribute| seen.add(u64::from(attribute.code.0)));
    for path in attributes.as_path().into_iter().chain(attributes.as4_path()) {
        path.segments().for_each(|segment| seen.add(u64::from(segment.kind.0) ^ segment.count() as u64));
        path.asns().for_each(|asn| seen.add(u64::from(asn.0)));
        seen.add(path.len() as u64 ^ u64::from(path.first().or(path.origin()).unwrap_or_default().0));
    }
    seen.add(attributes.origin().map_or(9, |origin| u64::from(origin.0)));
    seen.add(attributes.next_hop().map_or(0, |next_hop| u64::from(next_hop.to_bits())));
    seen.add(u64::from(attributes.med().unwrap_or(1)) ^ u64::from(attributes.local_pref().unwrap_or(2)));
    seen.add(u64::from(attributes.atomic_aggregate()));
    seen.add(attributes.aggregator().map_or(0, |a| u64::from(a.asn.0) ^ u64::from(a.address.to_bits())));
    attributes.communities().for_each(|community| seen.add(u64::from(community.0)));
    for community in attributes.extended_communities() {
        seen.add(u64::from_be_bytes(community.0) ^ u64::from(community.decode().is_some()));
    }
    attributes.extended_communities_ipv6().for_each(|c| seen.add(c.admin.to_bits() as u64));
    for c in attributes.large_communities() {
        seen.add(u64::from(c.admin.0) ^ u64::from(c.first) << 8 ^ u64::from(c.second) << 16);
    }
    seen.add(attributes.originator_id().map_or(0, |id| u64::from(id.number())));
    attributes.cluster_list().for_each(|cluster| seen.add(u64::from(cluster)));
    seen.add(attributes.aigp().unwrap_or(3) ^ attributes.only_to_customer().map_or(0, |a| u64::from(a.0)));
    for tunnel in attributes.tunnels().into_iter().flatten() {
        seen.add(u64::from(tunnel.kind.0) ^ u64::from(tunnel.endpoint().is_some()));
        let numbers = [tunnel.gre_key(), tunnel.vni(), tunnel.color(), tunnel.protocol().map(u32::from)];
        numbers.into_iter().flatten().for_each(|number| seen.add(u64::from(number)));
        seen.add(u64::from(tunnel.udp_port().unwrap_or_default()));
    }
    attributes.shared().for_each(|piece| seen.octets(piece));
}

/// Reads everything of any message, through its text form where it has one.
pub(crate) fn message(message: &Message<'_>, agreed: &Agreed) -> Seen {
    let mut seen = Seen::default();
    let mut say = |thing: &dyn Debug| seen.octets(format!("{thing:?}").as_bytes());
    match message {
        Message::Open(open) => {
            say(open);
            for capability in open.capabilities() {
                say(&(capability.to_string(), capability, capability.to_owned()));
            }
        }
        Message::Update(decoded) => {
            say(&decoded.malformed());
            let read = update(decoded);
            seen = Seen { values: seen.values + read.values, sum: seen.sum ^ read.sum };
        }
        Message::Notification(notification) => say(&(notification.to_string(), notification.text())),
        Message::Keepalive => {}
        Message::RouteRefresh(refresh) => say(&(refresh, agreed.family(refresh.family))),
    }
    seen
}
