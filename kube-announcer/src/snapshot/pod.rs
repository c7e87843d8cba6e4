//! What is kept of a Pod.

use super::{names::Names, tags::Tags};
use crate::object::{self, Name};
use std::net::IpAddr;

/// What is kept of a Pod.
#[derive(Debug, Default, PartialEq)]
pub struct Pod {
    /// Labels and annotations.
    pub tags: Tags,
    /// The node that it is on; none while it waits for one.
    pub node: Option<Name>,
    /// Its addresses.
    pub addresses: Box<[IpAddr]>,
    /// What stands where an address should, and is none.
    pub bad_addresses: Box<[Box<str>]>,
    /// When it was made, in seconds; older ones come first.
    pub made: i64,
    /// It has the node's addresses, and none of its own.
    pub host_network: bool,
    /// It ran to its end, or failed.
    pub finished: bool,
    /// It is Ready.
    pub ready: bool,
    /// It is being deleted.
    pub terminating: bool,
}

impl Pod {
    pub(super) fn take(names: &mut Names, pod: &object::Pod) -> Self {
        let status = &pod.status;
        let alone = status.pod_ip.as_ref().filter(|_| status.pod_ips.is_empty());
        let (mut addresses, mut bad_addresses) = (Vec::new(), Vec::new());
        for text in status.pod_ips.iter().map(|ip| &ip.ip).chain(alone).filter(|text| !text.is_empty()) {
            match text.parse() {
                Ok(address) => addresses.push(address),
                Err(_) => bad_addresses.push(text.as_str().into()),
            }
        }
        let ready = status.conditions.iter().find(|condition| condition.kind == "Ready");
        Pod {
            tags: Tags::take(names, &pod.metadata),
            node: pod.spec.node_name.as_deref().filter(|name| !name.is_empty()).map(Name::from),
            addresses: addresses.into(),
            bad_addresses: bad_addresses.into(),
            made: pod.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second()),
            host_network: pod.spec.host_network,
            finished: matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")),
            ready: ready.is_some_and(|condition| condition.status == "True"),
            terminating: pod.metadata.deletion_timestamp.is_some(),
        }
    }

    /// It can take traffic.
    pub fn is_usable(&self) -> bool {
        self.ready && !self.finished
    }
}
