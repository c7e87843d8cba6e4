//! The control packet: who says it, what is the matter, and how fast the two may talk (RFC 5880 §4.1).

use crate::numbers::registry;
use core::{fmt, time::Duration};

registry! {
    /// Why a session was last down.
    Diagnostic(u8) {
        NONE = 0, "no diagnostic";
        EXPIRED = 1, "control detection time expired";
        ECHO_FAILED = 2, "echo function failed";
        PEER_DOWN = 3, "the peer said that the session is down";
        FORWARDING_RESET = 4, "forwarding plane reset";
        PATH_DOWN = 5, "path down";
        CONCATENATED_DOWN = 6, "concatenated path down";
        ADMIN_DOWN = 7, "administratively down";
        REVERSE_CONCATENATED_DOWN = 8, "reverse concatenated path down";
    }
}

/// The state of a session, as its packets carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the RFC's names say it")]
pub enum State {
    AdminDown,
    Down,
    Init,
    Up,
}

impl State {
    /// All of them, by number.
    pub const ALL: [State; 4] = [State::AdminDown, State::Down, State::Init, State::Up];
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::AdminDown => "AdminDown",
            State::Down => "Down",
            State::Init => "Init",
            State::Up => "Up",
        })
    }
}

/// A control packet without authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Why the sender's session was last down.
    pub diagnostic: Diagnostic,
    /// The sender's state.
    pub state: State,
    /// The sender wants an answer: it changes how fast it talks, or proves that the path is there.
    pub poll: bool,
    /// This is the answer.
    pub is_final: bool,
    /// The sender's BFD does not share the fate of its control plane (the C bit).
    pub independent: bool,
    /// The sender wants no packets while it does not ask for them.
    pub demand: bool,
    /// So many packets in a row must be missing; never zero.
    pub multiplier: u8,
    /// The sender's name for the session; never zero.
    pub discriminator: u32,
    /// The receiver's name for it; zero: the sender does not know it.
    pub your_discriminator: u32,
    /// The sender wants to send no faster than this.
    pub min_transmit: Duration,
    /// The sender takes packets no faster than this; zero: it wants none.
    pub min_receive: Duration,
    /// The sender loops echo packets back no faster than this; zero: not at all.
    pub min_echo_receive: Duration,
}

/// Why a datagram is discarded (RFC 5880 §6.8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// It is shorter than a packet, or than it says.
    Length,
    /// It has another version than 1.
    Version,
    /// It has the multiplier zero.
    Multiplier,
    /// It is a multipoint packet.
    Multipoint,
    /// The sender's discriminator is zero.
    Discriminator,
    /// It does not say which session it is for, although its sender has heard from us.
    Nobody,
    /// It is authenticated, which is not supported.
    Authenticated,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Refused::Length => "its length is wrong",
            Refused::Version => "its version is not 1",
            Refused::Multiplier => "its multiplier is zero",
            Refused::Multipoint => "it is a multipoint packet",
            Refused::Discriminator => "its discriminator is zero",
            Refused::Nobody => "it names no session of ours",
            Refused::Authenticated => "it is authenticated, which is not supported",
        })
    }
}

impl core::error::Error for Refused {}

impl Packet {
    /// Octets of a packet.
    pub const LENGTH: usize = 24;

    /// The largest interval that a packet can carry.
    pub const LONGEST: Duration = Duration::from_micros(u32::MAX as u64);

    /// Decodes the datagram that holds a packet.
    pub fn decode(octets: &[u8]) -> Result<Packet, Refused> {
        let Some((&[first, flags, multiplier, length], numbers)) = octets.split_first_chunk() else {
            return Err(Refused::Length);
        };
        if first >> 5 != 1 {
            return Err(Refused::Version);
        }
        let [mine, yours, transmit, receive, echo, ..] = numbers.as_chunks().0 else {
            return Err(Refused::Length);
        };
        let flag = |bit: u8| flags & bit != 0;
        let least = Self::LENGTH + if flag(AUTHENTICATED) { 2 } else { 0 };
        if !(least..=octets.len()).contains(&usize::from(length)) {
            return Err(Refused::Length);
        }
        let interval = |octets: &[u8; 4]| Duration::from_micros(u32::from_be_bytes(*octets).into());
        let packet = Packet {
            diagnostic: Diagnostic(first & 0x1f),
            state: state(flags >> 6),
            poll: flag(POLL),
            is_final: flag(FINAL),
            independent: flag(INDEPENDENT),
            demand: flag(DEMAND),
            multiplier,
            discriminator: u32::from_be_bytes(*mine),
            your_discriminator: u32::from_be_bytes(*yours),
            min_transmit: interval(transmit),
            min_receive: interval(receive),
            min_echo_receive: interval(echo),
        };
        let unknown = packet.your_discriminator == 0 && packet.state > State::Down;
        let wrong = [
            (multiplier == 0, Refused::Multiplier),
            (flag(MULTIPOINT), Refused::Multipoint),
            (packet.discriminator == 0, Refused::Discriminator),
            (unknown, Refused::Nobody),
            (flag(AUTHENTICATED), Refused::Authenticated),
        ];
        wrong.into_iter().find(|(is_wrong, _)| *is_wrong).map_or(Ok(packet), |(_, why)| Err(why))
    }

    /// The octets. Intervals that are longer than [`Packet::LONGEST`] become that.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let set = |on: bool, bit: u8| if on { bit } else { 0 };
        let flags = (self.state as u8) << 6
            | set(self.poll, POLL)
            | set(self.is_final, FINAL)
            | set(self.independent, INDEPENDENT)
            | set(self.demand, DEMAND);
        let head = [1 << 5 | self.diagnostic.0 & 0x1f, flags, self.multiplier, Self::LENGTH as u8];
        let interval = |span: Duration| u32::try_from(span.as_micros()).unwrap_or(u32::MAX);
        let numbers = [
            self.discriminator,
            self.your_discriminator,
            interval(self.min_transmit),
            interval(self.min_receive),
            interval(self.min_echo_receive),
        ];
        let mut out = [0; Self::LENGTH];
        let octets = head.into_iter().chain(numbers.into_iter().flat_map(u32::to_be_bytes));
        out.iter_mut().zip(octets).for_each(|(to, octet)| *to = octet);
        out
    }
}

const POLL: u8 = 0x20;
const FINAL: u8 = 0x10;
const INDEPENDENT: u8 = 0x08;
const AUTHENTICATED: u8 = 0x04;
const DEMAND: u8 = 0x02;
const MULTIPOINT: u8 = 0x01;

fn state(two_bits: u8) -> State {
    match two_bits {
        0 => State::AdminDown,
        1 => State::Down,
        2 => State::Init,
        _ => State::Up,
    }
}
