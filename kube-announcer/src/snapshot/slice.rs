//! What is kept of an EndpointSlice: on which nodes its Service has endpoints, four octets each.

use super::names::{NameId, Names};
use crate::object::{self, SERVICE_NAME};

/// What is kept of an EndpointSlice.
#[derive(Debug, PartialEq)]
pub(super) struct Slice {
    pub(super) ipv6: bool,
    /// Where endpoints are that count at all, each place once.
    places: Box<[Place]>,
}

/// A node with endpoints, or no node, and in two bits whether one of them is ready, or serves while it terminates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place(u32);

const READY: u32 = 1 << 31;
const LAST: u32 = 1 << 30;
const NODE: u32 = LAST - 1;
/// An endpoint that is on no node.
const NOWHERE: u32 = NODE;

/// What a Service has on one node and anywhere. A sum: more slices only add to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// One is ready on the node.
    pub ready_here: bool,
    /// One is ready.
    pub ready: bool,
    /// One on the node still serves while it terminates.
    pub last_here: bool,
    /// One still serves while it terminates.
    pub last: bool,
    /// There are endpoints of the other family.
    pub other_family: bool,
}

impl Endpoints {
    /// Traffic that reaches the cluster finds one. Those that terminate count only while none is ready.
    pub fn usable(self) -> bool {
        self.ready || self.last
    }

    /// Traffic that reaches the node, and must stay there, finds one.
    pub fn usable_here(self) -> bool {
        self.ready_here || (!self.ready && self.last_here)
    }
}

impl Slice {
    /// `None`: its endpoints are names, not addresses.
    pub(super) fn take(names: &mut Names, slice: &object::EndpointSlice) -> Option<Self> {
        let ipv6 = match &*slice.address_type {
            "IPv4" => false,
            "IPv6" => true,
            _ => return None,
        };
        let mut places: Vec<Place> = Vec::new();
        for endpoint in slice.endpoints.iter().flatten() {
            let conditions = endpoint.conditions;
            let ready = conditions.ready.unwrap_or(true);
            let last = conditions.terminating.unwrap_or(false) && conditions.serving.unwrap_or(ready);
            let flags = if ready { READY } else { 0 } | if last { LAST } else { 0 };
            if flags == 0 {
                continue;
            }
            let node = match endpoint.node_name.as_deref() {
                None => NOWHERE,
                Some(name) => {
                    // A name that no number is left for stands nowhere: it still counts for the cluster.
                    names.take(name).map_or(NOWHERE, NameId::number)
                }
            };
            places.push(Place(flags | node));
        }
        Some(Slice { ipv6, places: merge(names, places) })
    }

    pub(super) fn release(&self, names: &mut Names) {
        for place in &self.places {
            if place.0 & NODE != NOWHERE {
                names.release(NameId::from_number(place.0 & NODE));
            }
        }
    }

    /// Adds what is here to what is known.
    pub(super) fn add_to(&self, known: &mut Endpoints, node: Option<NameId>) {
        let node = node.map(NameId::number);
        for place in &self.places {
            let (ready, last) = (place.0 & READY != 0, place.0 & LAST != 0);
            let here = Some(place.0 & NODE) == node;
            known.ready |= ready;
            known.last |= last;
            known.ready_here |= ready && here;
            known.last_here |= last && here;
        }
    }
}

/// Each node once, with all that holds of it.
fn merge(names: &mut Names, mut places: Vec<Place>) -> Box<[Place]> {
    places.sort_unstable_by_key(|place| place.0 & NODE);
    places.dedup_by(|next, kept| {
        let same = next.0 & NODE == kept.0 & NODE;
        if same {
            kept.0 |= next.0;
            if kept.0 & NODE != NOWHERE {
                names.release(NameId::from_number(kept.0 & NODE));
            }
        }
        same
    });
    places.into()
}

/// The Service that a slice belongs to, with its namespace.
pub(super) fn service_of(slice: &object::EndpointSlice) -> Option<String> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    Some(format!("{}/{name}", slice.metadata.namespace.as_deref().unwrap_or("default")))
}
