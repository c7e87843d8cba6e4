//! One row: a message, who sent it, and what it must cost.

use crate::common::{agreed, attr, framed, update};
use bgp_proto::{
    agreed::{Agreed, PeerKind},
    attr::table::{AttributeCode, Treatment},
    fault::ErrorCode,
    wire::{
        nlri::Nlri,
        update::{MpReach, Update},
    },
};

/// What the RFC demands. The number is the subcode of the UPDATE fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing is wrong.
    Clean,
    /// The attribute goes, the routes stay.
    Discard,
    /// The announced prefixes count as withdrawn.
    Withdraw(u8),
    /// NOTIFICATION 3 with this subcode and, where RFC 4271 §6.3 defines it, this data.
    Reset(u8, Option<Vec<u8>>),
}

/// Where the announced prefixes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// 192.0.2.0/24 in the NLRI field.
    Body,
    /// 2001:db8::/32 in MP_REACH_NLRI.
    Reach,
    /// Nowhere: the message announces nothing.
    Nothing,
}

pub(crate) const PEERS: [PeerKind; 3] = [PeerKind::External, PeerKind::Internal, PeerKind::Confederation];

/// A row of a table.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) section: &'static str,
    pub(crate) what: String,
    pub(crate) agreed: Agreed,
    pub(crate) message: Vec<u8>,
    /// The attribute that is wrong; `None` where it is not one.
    pub(crate) code: Option<u8>,
    /// The prefixes that must be readable unless the session ends.
    pub(crate) announced: Vec<String>,
    pub(crate) expect: Expect,
}

pub(crate) const V4: [u8; 4] = [24, 192, 0, 2];
const V6: [u8; 5] = [32, 0x20, 0x01, 0x0d, 0xb8];

/// An MP_REACH_NLRI value: family, next hop, NLRI.
pub(crate) fn reach_value(afi: u16, safi: u8, next_hop: &[u8], nlri: &[u8]) -> Vec<u8> {
    let [high, low] = afi.to_be_bytes();
    [&[high, low, safi, u8::try_from(next_hop.len()).unwrap()][..], next_hop, &[0], nlri].concat()
}

pub(crate) const GLOBAL: [u8; 16] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// A well-formed MP_REACH_NLRI of 2001:db8::/32.
pub(crate) fn reach() -> Vec<u8> {
    attr(0x80, 14, &reach_value(2, 1, &GLOBAL, &V6))
}

/// AS numbers in the width that was agreed.
pub(crate) fn asns(agreed: &Agreed, numbers: &[u32]) -> Vec<u8> {
    let wide = |n: &u32| n.to_be_bytes().to_vec();
    let narrow = |n: &u32| (*n as u16).to_be_bytes().to_vec();
    numbers.iter().flat_map(|n| if agreed.four_octet_as { wide(n) } else { narrow(n) }).collect()
}

/// The well-formed attributes of a route from such a peer, but those of `without`.
pub(crate) fn good(agreed: &Agreed, carrier: Carrier, without: &[u8]) -> Vec<u8> {
    let confederation = [&[3, 1][..], &asns(agreed, &[65100])].concat();
    let sequence = [&[2, 2][..], &asns(agreed, &[65001, 65002])].concat();
    let path = match agreed.peer_kind {
        PeerKind::Confederation => [confederation, sequence].concat(),
        _ => sequence,
    };
    let inside = agreed.peer_kind != PeerKind::External;
    let all = [
        (14, carrier == Carrier::Reach, reach()),
        (1, carrier != Carrier::Nothing, attr(0x40, 1, &[0])),
        (2, carrier != Carrier::Nothing, attr(0x40, 2, &path)),
        (3, carrier == Carrier::Body, attr(0x40, 3, &[192, 0, 2, 1])),
        (5, carrier != Carrier::Nothing && inside, attr(0x40, 5, &[0, 0, 0, 100])),
    ];
    let wanted = all.into_iter().filter(|(code, there, _)| *there && !without.contains(code));
    wanted.flat_map(|(.., octets)| octets).collect()
}

impl Case {
    /// A route with well-formed attributes and `bad` behind them in place of the good ones of the same codes.
    pub(crate) fn route(
        section: &'static str,
        what: impl Into<String>,
        agreed: Agreed,
        carrier: Carrier,
        bad: &[u8],
        expect: Expect,
    ) -> Case {
        let code = bad.get(1).copied();
        let attributes =
            [good(&agreed, carrier, &code.map_or(vec![], |code| vec![code])), bad.to_vec()].concat();
        Case::of(section, what, agreed, carrier, &attributes, code, expect)
    }

    /// A message with exactly these attributes.
    pub(crate) fn of(
        section: &'static str,
        what: impl Into<String>,
        agreed: Agreed,
        carrier: Carrier,
        attributes: &[u8],
        code: Option<u8>,
        expect: Expect,
    ) -> Case {
        let (nlri, announced): (&[u8], _) = match carrier {
            Carrier::Body => (&V4, vec!["192.0.2.0/24".to_owned()]),
            Carrier::Reach => (&[], vec!["2001:db8::/32".to_owned()]),
            Carrier::Nothing => (&[], vec![]),
        };
        let message = update(&[], attributes, nlri);
        let what = format!("{} ({:?}, {carrier:?})", what.into(), agreed.peer_kind);
        Case { section, what, agreed, message, code, announced, expect }
    }

    /// The row once for each place of prefixes. RFC 7606 §5.2: where nothing is announced, what would be
    /// treat-as-withdraw ends the session, and RFC 4271 §6.3 says with which data.
    pub(crate) fn everywhere(
        section: &'static str,
        what: &str,
        agreed: Agreed,
        bad: &[u8],
        expect: &Expect,
    ) -> [Case; 3] {
        let alone = match expect {
            // §6.3 defines the attribute as data of these subcodes.
            Expect::Withdraw(subcode @ (2 | 4 | 5 | 6 | 8 | 9)) => {
                Expect::Reset(*subcode, Some(bad.to_vec()))
            }
            Expect::Withdraw(subcode) => Expect::Reset(*subcode, None),
            other => other.clone(),
        };
        [
            Case::route(section, what, agreed, Carrier::Body, bad, expect.clone()),
            Case::route(section, what, agreed, Carrier::Reach, bad, expect.clone()),
            Case::route(section, format!("§5.2: {what}"), agreed, Carrier::Nothing, bad, alone),
        ]
    }

    /// Decodes the message and says what is not as the row expects.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        let raw = framed(&self.message, &self.agreed)[0];
        let found = Update::decode(raw, &self.agreed);
        let said = match (&found, &self.expect) {
            (Ok(update), expect) => self.survived(update, expect),
            (Err(fault), Expect::Reset(subcode, data)) => {
                let notification = fault.notification(&self.message);
                let said = (notification.code, notification.subcode);
                match data {
                    _ if said != (ErrorCode::UPDATE, *subcode) => Err(format!("reset with {fault}")),
                    Some(data) if data != notification.data => {
                        Err(format!("data {:02x?}", notification.data))
                    }
                    _ => Ok(()),
                }
            }
            (Err(fault), _) => Err(format!("reset with {fault}")),
        };
        said.map_err(|said| format!("{} {}: expected {:?}, but {said}", self.section, self.what, self.expect))
    }

    fn survived(&self, update: &Update<'_>, expect: &Expect) -> Result<(), String> {
        let malformed = update.malformed();
        let (treatment, subcode) = match expect {
            Expect::Clean => (None, None),
            Expect::Discard => (Some(Treatment::Discard), None),
            Expect::Withdraw(subcode) => (Some(Treatment::Withdraw), Some(*subcode)),
            Expect::Reset(..) => return Err(format!("the session lives: {:?}", update.treatment())),
        };
        if update.treatment() != treatment {
            return Err(format!("{:?}, {malformed:?}", update.treatment()));
        }
        let named = |code: AttributeCode| self.code.is_none_or(|wanted| AttributeCode(wanted) == code);
        let told = malformed.iter().any(|m| {
            Some(m.treatment) == treatment && subcode.is_none_or(|s| s == m.fault.subcode) && named(m.code)
        });
        if treatment.is_some() != told || (treatment.is_none() && !malformed.is_empty()) {
            return Err(format!("{malformed:?}"));
        }
        let announced = announced(update);
        if announced != self.announced {
            return Err(format!("it announces {announced:?}"));
        }
        let mut again = Vec::new();
        update.encode(&mut again);
        if again == self.message { Ok(()) } else { Err("it does not re-encode".to_owned()) }
    }
}

/// The announced prefixes of body and MP_REACH_NLRI, as text.
fn announced(update: &Update<'_>) -> Vec<String> {
    let mut found: Vec<String> = update.announced().map(|path| path.item.to_string()).collect();
    match update.reach().map(|MpReach { nlri, .. }| nlri) {
        Some(Nlri::Ipv4(items)) => found.extend(items.map(|path| path.item.to_string())),
        Some(Nlri::Ipv6(items)) => found.extend(items.map(|path| path.item.to_string())),
        Some(Nlri::VpnIpv4(items)) => found.extend(items.map(|path| path.item.prefix().to_string())),
        Some(Nlri::LabelledIpv4(items)) => found.extend(items.map(|path| path.item.prefix().to_string())),
        _ => {}
    }
    found
}

/// What was agreed with such a peer: all families, 4-octet AS numbers.
pub(crate) fn with(peer_kind: PeerKind) -> Agreed {
    agreed(peer_kind)
}
