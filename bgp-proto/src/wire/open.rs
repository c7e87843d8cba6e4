//! OPEN: what each side offers (RFC 4271 §4.2, extended parameters of RFC 9072).

use super::{
    MAX_MESSAGE, Parsed,
    capability::{Capabilities, Capability},
    frame::{self, RawMessage},
    patch_length,
};
use crate::{
    fault::{ErrorCode, Fault},
    numbers::{Asn, CapabilityCode, HoldTime, MessageType, RouterId},
};
use alloc::vec::Vec;
use nom::{
    Parser,
    multi::length_data,
    number::complete::{be_u8, be_u16},
};

/// The only version there is.
const VERSION: u8 = 4;
/// Optional parameter: capabilities (RFC 5492).
const CAPABILITIES: u8 = 2;
/// Optional parameter type, and length, that announce RFC 9072's form.
const EXTENDED: u8 = 255;

/// A decoded OPEN: a view over its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    bytes: &'a [u8],
    /// The sender's AS number: from the 4-octet AS capability where it has one.
    pub asn: Asn,
    /// The hold time that the sender proposes.
    pub hold_time: HoldTime,
    /// The sender's BGP identifier.
    pub router_id: RouterId,
    parameters: &'a [u8],
    extended: bool,
}

impl<'a> Open<'a> {
    /// Decodes a framed OPEN and checks all of RFC 4271 §6.2 that needs no configuration.
    pub fn decode(raw: RawMessage<'a>) -> Result<Self, Fault> {
        let fault = |subcode| Fault::new(ErrorCode::OPEN, subcode);
        let [version, as_high, as_low, hold_high, hold_low, id @ .., short_len] =
            raw.body().first_chunk::<10>().ok_or(fault(0))?;
        if *version != VERSION {
            return Err(fault(1).saying(u16::from(VERSION)));
        }
        let (parameters, extended) = parameters(raw, *short_len).ok_or(fault(0))?;
        let narrow = u16::from_be_bytes([*as_high, *as_low]);
        let asn = check_parameters(raw, parameters, extended)?.unwrap_or(Asn(u32::from(narrow)));
        // RFC 7607 §2: AS 0 in either place is a bad peer AS.
        if narrow == 0 || asn.0 == 0 {
            return Err(fault(2));
        }
        let router_id = RouterId::new(u32::from_be_bytes(*id)).ok_or(fault(3))?;
        let hold_time = HoldTime::new(u16::from_be_bytes([*hold_high, *hold_low])).ok_or(fault(6))?;
        Ok(Open { bytes: raw.bytes(), asn, hold_time, router_id, parameters, extended })
    }

    /// The capabilities in the order sent, repetitions included.
    pub fn capabilities(&self) -> Capabilities<'a> {
        Capabilities::new(self.parameters, self.extended)
    }

    /// The octets of this capability of the message, code and length included: the data of an "Unsupported
    /// Capability" NOTIFICATION (RFC 5492 §5).
    pub fn raw_capability(&self, code: CapabilityCode) -> Option<&'a [u8]> {
        self.capabilities().raw().find(|(c, _)| *c == code).map(|(_, whole)| whole)
    }

    /// Appends the message as it was received.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes);
    }
}

/// The optional parameters and whether their lengths are two octets wide. RFC 9072 §2: the form is told by the
/// *type* of the first parameter; a length octet of 255 with another type is the old form.
fn parameters(raw: RawMessage<'_>, short_len: u8) -> Option<(&[u8], bool)> {
    let rest = raw.body().get(10..)?;
    let (parameters, extended) = match rest {
        [EXTENDED, high, low, parameters @ ..] if short_len != 0 => (parameters.len()
            == usize::from(u16::from_be_bytes([*high, *low])))
        .then_some((parameters, true))?,
        _ => (rest.len() == usize::from(short_len)).then_some((rest, false))?,
    };
    Some((parameters, extended))
}

/// One parameter: type and value.
#[inline]
pub(super) fn parameter(input: &[u8], extended: bool) -> Parsed<'_, (u8, &[u8])> {
    let (input, kind) = be_u8(input)?;
    let (input, value) =
        if extended { length_data(be_u16).parse(input)? } else { length_data(be_u8).parse(input)? };
    Ok((input, (kind, value)))
}

/// Walks all parameters and capabilities once. Returns the 4-octet AS number, if there is one.
fn check_parameters(raw: RawMessage<'_>, mut rest: &[u8], extended: bool) -> Result<Option<Asn>, Fault> {
    let mut asn = None;
    while !rest.is_empty() {
        let start = raw.len() - rest.len();
        let Ok((after, (kind, mut value))) = parameter(rest, extended) else {
            return Err(Fault::new(ErrorCode::OPEN, 0));
        };
        if kind != CAPABILITIES {
            return Err(Fault::new(ErrorCode::OPEN, 4).quoting(start, raw.len() - after.len()));
        }
        while !value.is_empty() {
            let Ok((next, (code, capability))) = super::capability::raw(value) else {
                return Err(Fault::new(ErrorCode::OPEN, 0));
            };
            // RFC 5492 §4: of repeated capabilities of one value any may be taken; we take the first.
            if code == CapabilityCode::FOUR_OCTET_AS
                && let Capability::FourOctetAs(number) = Capability::decode(code, capability)
            {
                asn = asn.or(Some(number));
            }
            value = next;
        }
        rest = after;
    }
    Ok(asn)
}

/// Everything that one side says in its OPEN, owned: what a session is configured with, and what it keeps of the
/// other side's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Offer {
    /// The AS number.
    pub asn: Asn,
    /// The proposed hold time.
    pub hold_time: HoldTime,
    /// The BGP identifier.
    pub router_id: RouterId,
    /// All capabilities but 4-octet AS, which follows from `asn`, in the order to send.
    pub capabilities: Vec<super::capability::CapabilityBuf>,
    /// Whether AS numbers are four octets wide. Off only to imitate an old speaker.
    pub four_octet_as: bool,
}

impl Offer {
    /// An offer without any capability but 4-octet AS.
    pub fn new(asn: Asn, router_id: RouterId, hold_time: HoldTime) -> Offer {
        Offer { asn, hold_time, router_id, capabilities: Vec::new(), four_octet_as: true }
    }

    /// What an OPEN said.
    pub fn of(open: &Open<'_>) -> Offer {
        let four_octet = |c: &Capability<'_>| matches!(c, Capability::FourOctetAs(_));
        Offer {
            asn: open.asn,
            hold_time: open.hold_time,
            router_id: open.router_id,
            capabilities: open.capabilities().filter(|c| !four_octet(c)).map(|c| c.to_owned()).collect(),
            four_octet_as: open.capabilities().any(|c| four_octet(&c)),
        }
    }

    /// Appends the OPEN. Each capability has a parameter of its own, which the oldest speakers read too; RFC 9072's
    /// form is used only when 255 octets do not suffice. `Err` when 4,096 do not either: nothing was appended.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), OpenTooLong> {
        let start = frame::begin(MessageType::OPEN, out);
        out.push(VERSION);
        out.extend_from_slice(&self.asn.two_octets().to_be_bytes());
        out.extend_from_slice(&self.hold_time.seconds().to_be_bytes());
        out.extend_from_slice(&self.router_id.number().to_be_bytes());
        let at = out.len();
        out.push(0);
        self.put_parameters(false, out);
        match u8::try_from(out.len() - at - 1) {
            Ok(len) => {
                if let Some(field) = out.get_mut(at) {
                    *field = len;
                }
            }
            Err(_) => {
                out.truncate(at);
                out.extend_from_slice(&[EXTENDED, EXTENDED, 0, 0]);
                self.put_parameters(true, out);
                patch_length(out, at + 2, 0);
            }
        }
        if out.len() - start > MAX_MESSAGE {
            let octets = out.len() - start;
            out.truncate(start);
            return Err(OpenTooLong { octets });
        }
        frame::end(start, out);
        Ok(())
    }

    fn put_parameters(&self, extended: bool, out: &mut Vec<u8>) {
        let four_octet = self.four_octet_as.then_some(Capability::FourOctetAs(self.asn));
        for capability in
            self.capabilities.iter().map(super::capability::CapabilityBuf::view).chain(four_octet)
        {
            out.push(CAPABILITIES);
            let at = out.len();
            out.extend_from_slice(if extended { &[0, 0] } else { &[0] });
            capability.encode(out);
            if extended {
                patch_length(out, at, 0);
            } else {
                // Longer than 255 is possible only where `extended` follows, which starts anew.
                let len = (out.len() - at - 1).min(255) as u8;
                if let Some(field) = out.get_mut(at) {
                    *field = len;
                }
            }
        }
    }
}

/// An OPEN whose capabilities do not fit 4,096 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenTooLong {
    /// How long it would be.
    pub octets: usize,
}

impl core::fmt::Display for OpenTooLong {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the OPEN would be {} octets long, 4096 are allowed; offer fewer capabilities", self.octets)
    }
}

impl core::error::Error for OpenTooLong {}
