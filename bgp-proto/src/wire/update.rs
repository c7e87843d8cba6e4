//! UPDATE: routes announced and withdrawn, with what RFC 7606 says of its mistakes.

use super::{
    HEADER,
    attributes::{Attributes, Malformed, Walk},
    frame::RawMessage,
    nlri::{Items, Nlri},
};
use crate::{
    agreed::{Agreed, FamilyAgreed},
    attr::{
        next_hop::{self, NextHop},
        table::{AttributeCode, Mistake, Scope, Slot, Treatment, subcode},
    },
    family::{Family, Shape},
    fault::{ErrorCode, Fault},
    numbers::{Afi, Safi},
    prefix::Prefix,
};
use alloc::vec::Vec;

/// A decoded UPDATE: a view. Validated once, so nothing that reads it can fail.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    bytes: &'a [u8],
    attributes: Attributes<'a>,
    /// How many octets the withdrawn prefixes of the body take, and its announced ones.
    withdrawn: u16,
    announced: u16,
    /// Of the families that stand in the message and that the session carries.
    body: Option<FamilyAgreed>,
    reach: Option<FamilyAgreed>,
    unreach: Option<FamilyAgreed>,
    treatment: Option<Treatment>,
    scope: Scope,
}

/// What MP_REACH_NLRI announces (RFC 4760 §3).
#[derive(Clone, Copy, Debug)]
pub struct MpReach<'a> {
    /// The family of the prefixes.
    pub family: Family,
    /// The next hop; `None` for a family whose layout is not known, and for one that was not agreed (RFC 8950).
    pub next_hop: Option<NextHop>,
    /// The octets of the next hop field.
    pub next_hop_octets: &'a [u8],
    /// The prefixes.
    pub nlri: Nlri<'a>,
}

/// What MP_UNREACH_NLRI withdraws (RFC 4760 §4).
#[derive(Clone, Copy, Debug)]
pub struct MpUnreach<'a> {
    /// The family of the prefixes.
    pub family: Family,
    /// The prefixes.
    pub nlri: Nlri<'a>,
}

/// Mistakes that are seen only at the end of a walk: the attribute and the subcode.
const LACKS: [(AttributeCode, u8); 6] = [
    // RFC 7606 §4: the last attribute does not fit; the total length still tells where the NLRI begins.
    (AttributeCode(0), subcode::MALFORMED_LIST),
    (AttributeCode::ORIGIN, subcode::MISSING),
    (AttributeCode::AS_PATH, subcode::MISSING),
    (AttributeCode::NEXT_HOP, subcode::MISSING),
    // RFC 4271 §6.3: the next hop must be a host's address. RFC 4760 §3: NEXT_HOP says nothing where the body
    // announces nothing.
    (AttributeCode::NEXT_HOP, subcode::NEXT_HOP),
    (AttributeCode::MP_REACH, subcode::OPTIONAL),
];

fn lacks(lacking: [bool; LACKS.len()]) -> impl Iterator<Item = (AttributeCode, Mistake)> {
    let found = LACKS.into_iter().zip(lacking).filter(|(_, wrong)| *wrong);
    found.map(|((code, subcode), _)| (code, Mistake { treatment: Treatment::Withdraw, subcode }))
}

const fn fault(subcode: u8) -> Fault {
    Fault::new(ErrorCode::UPDATE, subcode)
}

/// The two octets of a length, that many octets, and the rest.
#[inline]
fn section(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = input.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

/// The family of an MP attribute, and the rest of its value.
#[inline]
fn mp_family(value: &[u8]) -> Option<(Family, &[u8])> {
    match value {
        [high, low, safi, rest @ ..] => {
            Some((Family::new(Afi(u16::from_be_bytes([*high, *low])), Safi(*safi)), rest))
        }
        _ => None,
    }
}

/// The next hop field and the NLRI field of an MP_REACH_NLRI, behind its family.
#[inline]
fn reach_fields(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = rest.split_first()?;
    let (next_hop, rest) = rest.split_at_checked(usize::from(*len))?;
    // One reserved octet stands between.
    Some((next_hop, rest.get(1..)?))
}

impl<'a> Update<'a> {
    /// Decodes a framed UPDATE. `Err` is for what ends the session; every lesser mistake is told by
    /// [`Update::treatment`] and [`Update::malformed`].
    #[inline]
    pub fn decode(raw: RawMessage<'a>, agreed: &Agreed) -> Result<Self, Fault> {
        // RFC 7606 §3 (a): the two lengths must fit the message.
        let parts =
            section(raw.body()).and_then(|(withdrawn, rest)| section(rest).map(|rest| (withdrawn, rest)));
        let (withdrawn, (attributes, announced)) = parts.ok_or(fault(subcode::MALFORMED_LIST))?;
        let mut update = Update {
            bytes: raw.bytes(),
            attributes: Attributes::new(attributes, agreed.four_octet_as),
            // Both fit: they are parts of a message.
            withdrawn: withdrawn.len() as u16,
            announced: announced.len() as u16,
            body: agreed.family(Family::IPV4),
            reach: None,
            unreach: None,
            treatment: None,
            scope: Scope {
                peer_kind: agreed.peer_kind,
                four_octet_as: agreed.four_octet_as,
                aigp: agreed.aigp,
            },
        };
        if let Some(body) = update.body {
            // RFC 7606 §5.3: a prefix that is none leaves no way to tell the others.
            let check = |field| Items::<Prefix<u32>>::check(field, body.receive_add_path);
            check(withdrawn).and(check(announced)).map_err(|_| fault(subcode::NETWORK))?;
        }
        update.judge(agreed, attributes, announced)?;
        Ok(update)
    }

    /// Walks the attributes once: places the good ones, remembers the strongest treatment of the others.
    #[inline]
    fn judge(&mut self, agreed: &Agreed, section: &'a [u8], announced: &[u8]) -> Result<(), Fault> {
        let end = self.bytes.len() - announced.len();
        let start = end - section.len();
        let mut worst: Option<(Mistake, Fault)> = None;
        let mut note = |mistake: Mistake, from: usize, to: usize| {
            if worst.is_none_or(|(worst, _)| worst.treatment < mistake.treatment) {
                worst = Some((mistake, mistake.fault().quoting(from, to)));
            }
        };
        let (mut reachable, mut beside_unreach) = (!announced.is_empty(), false);
        let mut walk = Walk::new(section, self.scope);
        while let Some(step) = walk.step() {
            let (value, from, to) = (step.attribute.value, start + step.at, end - walk.rest().len());
            beside_unreach |= step.slot != Some(Slot::MpUnreach);
            if let Some(mistake) = step.mistake {
                note(mistake, from, to);
            }
            match step.slot {
                // RFC 7606 §3 (g): a repeated one leaves no way to tell which routes are meant.
                Some(Slot::MpReach | Slot::MpUnreach) if step.repeated => {
                    return Err(fault(subcode::MALFORMED_LIST));
                }
                Some(Slot::MpReach) => {
                    reachable |=
                        self.take_reach(value, agreed).ok_or(fault(subcode::OPTIONAL).quoting(from, to))?;
                    self.attributes.place(Slot::MpReach, step.at);
                }
                Some(Slot::MpUnreach) => {
                    self.take_unreach(value, agreed).ok_or(fault(subcode::OPTIONAL).quoting(from, to))?;
                    self.attributes.place(Slot::MpUnreach, step.at);
                }
                Some(slot) if step.mistake.is_none() => self.attributes.place(slot, step.at),
                Some(_) => {}
                None => self.attributes.has_unknown = true,
            }
        }
        // RFC 7606 §3 (j): the prefixes of an attribute that does not fit cannot be told.
        if let [_, 14 | 15, ..] = walk.rest() {
            return Err(fault(subcode::MALFORMED_LIST));
        }
        beside_unreach |= !walk.rest().is_empty();
        let lacking = self.lacking(&walk);
        if lacking.contains(&true) {
            lacks(lacking).for_each(|(_, mistake)| note(mistake, end - walk.rest().len(), end));
        }
        match worst {
            // RFC 7606 §5.2: attributes that announce nothing we can see may have lost their NLRI to the mistake.
            Some((mistake, fault))
                if mistake.treatment == Treatment::Withdraw && !reachable && beside_unreach =>
            {
                Err(fault)
            }
            _ => {
                self.treatment = worst.map(|(mistake, _)| mistake.treatment);
                Ok(())
            }
        }
    }

    /// Checks an MP_REACH_NLRI. `None` ends the session; else whether it announces anything.
    #[inline]
    fn take_reach(&mut self, value: &'a [u8], agreed: &Agreed) -> Option<bool> {
        let (family, rest) = mp_family(value)?;
        let Some(agreed) = agreed.family(family) else {
            return Some(true);
        };
        let (next_hop, nlri) = reach_fields(rest)?;
        if family.shape() != Shape::Opaque && NextHop::decode(next_hop, agreed).is_none() {
            // GoBGP writes IPv6 next hops for IPv4 prefixes to whoever did not agree to them, too. Their lengths are ones
            // that RFC 8950 gives the family, so the prefixes are located for sure, and cost no more than themselves.
            let extended = FamilyAgreed { extended_next_hop: true, ..agreed };
            NextHop::decode(next_hop, extended).filter(|_| !nlri.is_empty())?;
        }
        Nlri::check(family, nlri, agreed.receive_add_path).ok()?;
        self.reach = Some(agreed);
        Some(!nlri.is_empty())
    }

    /// Checks an MP_UNREACH_NLRI. `None` ends the session.
    #[inline]
    fn take_unreach(&mut self, value: &'a [u8], agreed: &Agreed) -> Option<()> {
        let (family, nlri) = mp_family(value)?;
        let Some(agreed) = agreed.family(family) else {
            return Some(());
        };
        Nlri::check(family, nlri, agreed.receive_add_path).ok()?;
        self.unreach = Some(agreed);
        Some(())
    }

    /// Which of [`LACKS`] this UPDATE has, seen at the end of a walk.
    #[inline]
    fn lacking(&self, walk: &Walk<'_>) -> [bool; LACKS.len()] {
        let body = !self.announced().is_empty();
        let reach = self.reach().filter(|reach| !reach.nlri.octets().is_empty());
        let announces = body || reach.is_some();
        let no_host = |next_hop| !next_hop::is_host(next_hop);
        [
            !walk.rest().is_empty(),
            announces && !walk.saw(Slot::Origin),
            announces && !walk.saw(Slot::AsPath),
            body && !walk.saw(Slot::NextHop),
            body && self.attributes.next_hop().is_some_and(no_host),
            reach.is_some_and(|reach| match reach.next_hop {
                Some(next_hop) => !next_hop.is_host(),
                None => reach.family.shape() != Shape::Opaque,
            }),
        ]
    }

    /// What the mistakes of this message cost its announced prefixes; the strongest of all. `None`: there are none.
    /// Under [`Treatment::Withdraw`] the announced prefixes, still readable here, count as withdrawn.
    #[inline]
    pub fn treatment(&self) -> Option<Treatment> {
        self.treatment
    }

    /// Each malformed attribute with what it costs. [`AttributeCode`] 0 stands for octets at the end of the section
    /// that are no whole attribute.
    pub fn malformed(&self) -> Vec<Malformed> {
        let made = |(code, mistake): (AttributeCode, Mistake)| Malformed {
            code,
            treatment: mistake.treatment,
            fault: mistake.fault(),
        };
        let mut walk = Walk::new(self.attributes.octets(), self.scope);
        let mut found = Vec::new();
        while let Some(step) = walk.step() {
            found.extend(step.mistake.map(|mistake| made((step.attribute.code, mistake))));
        }
        found.extend(lacks(self.lacking(&walk)).map(made));
        found
    }

    /// Families that stand in the message although the session does not carry them; their routes are ignored.
    pub fn unnegotiated(&self) -> impl Iterator<Item = Family> + use<> {
        let body = self.body.is_none() && (self.withdrawn != 0 || self.announced != 0 || self.is_empty());
        let family = |slot| self.attributes.value(slot).and_then(mp_family).map(|(family, _)| family);
        [
            body.then_some(Family::IPV4),
            family(Slot::MpReach).filter(|_| self.reach.is_none()),
            family(Slot::MpUnreach).filter(|_| self.unreach.is_none()),
        ]
        .into_iter()
        .flatten()
    }

    /// Whether it says nothing at all: the End-of-RIB marker of IPv4 unicast.
    fn is_empty(&self) -> bool {
        self.bytes.len() == HEADER + 4
    }

    /// The IPv4 prefixes withdrawn in the message's body.
    #[inline]
    pub fn withdrawn(&self) -> Items<'a, Prefix<u32>> {
        let start = HEADER + 2;
        self.items(self.bytes.get(start..start + usize::from(self.withdrawn)))
    }

    /// The IPv4 prefixes announced in the message's body; their next hop is NEXT_HOP.
    #[inline]
    pub fn announced(&self) -> Items<'a, Prefix<u32>> {
        self.items(
            self.bytes.len().checked_sub(usize::from(self.announced)).and_then(|at| self.bytes.get(at..)),
        )
    }

    #[inline]
    fn items(&self, field: Option<&'a [u8]>) -> Items<'a, Prefix<u32>> {
        match (field, self.body) {
            (Some(field), Some(body)) => Items::trusted(field, body.receive_add_path),
            _ => Items::EMPTY,
        }
    }

    /// The path attributes.
    #[inline]
    pub fn attributes(&self) -> &Attributes<'a> {
        &self.attributes
    }

    /// What MP_REACH_NLRI announces.
    #[inline]
    pub fn reach(&self) -> Option<MpReach<'a>> {
        // Only the question is inlined: most UPDATEs have none.
        self.reach.and_then(|agreed| self.read_reach(agreed))
    }

    fn read_reach(&self, agreed: FamilyAgreed) -> Option<MpReach<'a>> {
        let (family, rest) = mp_family(self.attributes.value(Slot::MpReach)?)?;
        let (next_hop_octets, nlri) = reach_fields(rest)?;
        let next_hop =
            if family.shape() == Shape::Opaque { None } else { NextHop::decode(next_hop_octets, agreed) };
        Some(MpReach {
            family,
            next_hop,
            next_hop_octets,
            nlri: Nlri::trusted(family, nlri, agreed.receive_add_path),
        })
    }

    /// What MP_UNREACH_NLRI withdraws.
    #[inline]
    pub fn unreach(&self) -> Option<MpUnreach<'a>> {
        let agreed = self.unreach?;
        let (family, nlri) = mp_family(self.attributes.value(Slot::MpUnreach)?)?;
        Some(MpUnreach { family, nlri: Nlri::trusted(family, nlri, agreed.receive_add_path) })
    }

    /// The family whose first complete set of routes this message ends (RFC 4724 §2).
    pub fn end_of_rib(&self) -> Option<Family> {
        if self.is_empty() {
            return self.body.map(|body| body.family);
        }
        let unreach = self.unreach().filter(|unreach| unreach.nlri.octets().is_empty())?;
        let alone =
            self.attributes.iter().count() == 1 && self.withdrawn().is_empty() && self.announced().is_empty();
        (alone && self.treatment.is_none()).then_some(unreach.family)
    }

    /// The whole message as it was received.
    pub fn octets(&self) -> &'a [u8] {
        self.bytes
    }

    /// Appends the message as it was received, octet for octet.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes);
    }
}
