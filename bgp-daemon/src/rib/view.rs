//! How a group's members are told of routes: everything that changes the octets.

use super::intern::{AttrId, Sets};
use bgp_proto::{
    agreed::{Agreed, FamilyAgreed, PeerKind},
    attr::{next_hop::NextHop, set::PathAttributes},
    family::Family,
    numbers::Asn,
    wire::attributes::Attributes,
};

/// A group's export view of one family.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    family: Family,
    agreed: Agreed,
    local_asn: Asn,
    next_hop: Option<NextHop>,
}

/// Memory that is used again for each attribute set.
#[derive(Default)]
pub(super) struct Scratch {
    attributes: PathAttributes,
    pub(super) section: Vec<u8>,
}

impl View {
    pub(super) fn new(family: Family, agreed: Agreed, local_asn: Asn, next_hop: Option<NextHop>) -> Self {
        View { family, agreed, local_asn, next_hop }
    }

    pub(super) fn family(&self) -> Family {
        self.family
    }

    pub(super) fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// What it takes to read our own runs.
    pub(super) fn reading(&self) -> Agreed {
        let families = self
            .agreed
            .families()
            .map(|family| FamilyAgreed { receive_add_path: family.send_add_path, ..family });
        self.agreed.with_families(families.collect::<Vec<_>>())
    }

    /// Writes a set's attributes as the members are told them, and says the next hop. `None`: they cannot be told.
    pub(super) fn write(
        &self,
        sets: &Sets,
        id: AttrId,
        _rule: u16,
        scratch: &mut Scratch,
    ) -> Option<NextHop> {
        let (next_hop, section) = sets.octets_of(id);
        scratch.attributes.read(&Attributes::of_section(section));
        let attributes = &mut scratch.attributes;
        if self.agreed.peer_kind == PeerKind::External {
            attributes.as_path.prepend(self.local_asn, 1);
            (attributes.local_pref, attributes.med) = (None, None);
        }
        scratch.section.clear();
        attributes.encode(self.agreed.four_octet_as, &mut scratch.section);
        self.next_hop.or(next_hop)
    }
}
