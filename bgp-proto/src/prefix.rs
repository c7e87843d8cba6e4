//! Prefixes: an address of either width with a length, host bits always zero.

use crate::text::ParseError;
use core::{fmt, hash::Hash, net::IpAddr, net::Ipv4Addr, net::Ipv6Addr, str::FromStr};

mod sealed {
    pub trait Sealed {}
    impl Sealed for u32 {}
    impl Sealed for u128 {}
}

/// The integer that holds an address: `u32` for IPv4, `u128` for IPv6.
pub trait Address: sealed::Sealed + Copy + Ord + Hash + fmt::Debug + Default + 'static {
    /// Width in bits.
    const WIDTH: u8;
    /// The mask that keeps the first `len` bits.
    fn mask(len: u8) -> Self;
    /// These bits under that mask.
    fn masked(self, len: u8) -> Self;
    /// The address as std knows it.
    fn ip(self) -> IpAddr;
    /// How many octets a prefix of this length takes on the wire.
    #[doc(hidden)]
    fn octets(len: u8) -> usize;
    /// The address that starts at the front of `bytes`: one load where `bytes` is long enough, a copy padded
    /// with zeros where it is not. Bits past the prefix are whatever follows: mask them.
    #[doc(hidden)]
    fn load(bytes: &[u8]) -> Self;
    /// Appends an octet and, behind it, the first `octets` octets of the address.
    #[doc(hidden)]
    fn store(self, front: u8, octets: usize, out: &mut alloc::vec::Vec<u8>);
    #[doc(hidden)]
    fn parse(ip: IpAddr) -> Option<Self>;
}

macro_rules! address {
    ($int:ty, $bytes:literal, $std:ident, $variant:ident, $mask:expr, $octets:expr, $load:expr) => {
        impl Address for $int {
            const WIDTH: u8 = $bytes * 8;
            #[inline]
            fn mask(len: u8) -> Self {
                $mask(len)
            }
            #[inline]
            fn masked(self, len: u8) -> Self {
                self & Self::mask(len)
            }
            fn ip(self) -> IpAddr {
                IpAddr::$variant($std::from_bits(self))
            }
            #[inline]
            fn octets(len: u8) -> usize {
                $octets(len)
            }
            #[inline]
            fn load(bytes: &[u8]) -> Self {
                $load(bytes)
            }
            #[inline]
            fn store(self, front: u8, octets: usize, out: &mut alloc::vec::Vec<u8>) {
                // All at once and the rest cut off: one look at the capacity, and a copy of known width.
                let mut whole = [front; 1 + $bytes];
                let [_, address @ ..] = &mut whole;
                *address = self.to_be_bytes();
                let end = out.len() + 1 + octets;
                out.extend_from_slice(&whole);
                out.truncate(end);
            }
            fn parse(ip: IpAddr) -> Option<Self> {
                match ip {
                    IpAddr::$variant(address) => Some(address.to_bits()),
                    _ => None,
                }
            }
        }
    };
}
address!(u32, 4, Ipv4Addr, V4, mask_32, octets_32, load_32);
address!(u128, 16, Ipv6Addr, V6, mask_128, octets, load_128);

#[inline]
const fn mask_32(len: u8) -> u32 {
    // Ones shifted in from above, in a word that is wide enough for any length: no branch for zero.
    let len = if len < 32 { len } else { 32 };
    ((u32::MAX as u64) << 32 >> len) as u32
}

#[inline]
const fn mask_128(len: u8) -> u128 {
    // By halves: a shift of 128 bits by a variable is a dozen instructions.
    const fn half(len: u8) -> u64 {
        if len < 64 { !(u64::MAX >> len) } else { u64::MAX }
    }
    (half(len) as u128) << 64 | half(len.saturating_sub(64)) as u128
}

#[inline]
const fn octets(len: u8) -> usize {
    (len as usize).div_ceil(8)
}

/// Nearly all IPv4 prefixes are of /17 to /24. A branch that guesses so lets the CPU go on to the next prefix before
/// this one's length has arrived from memory, which is what a walk would wait for otherwise.
#[inline]
fn octets_32(len: u8) -> usize {
    #[cold]
    #[inline(never)]
    fn rare(len: u8) -> usize {
        octets(len)
    }
    if matches!(len, 17..=24) { 3 } else { rare(len) }
}

#[inline]
fn load_32(bytes: &[u8]) -> u32 {
    match (bytes.first_chunk(), bytes) {
        (Some(whole), _) => u32::from_be_bytes(*whole),
        (_, [a, b, c]) => u32::from_be_bytes([*a, *b, *c, 0]),
        (_, [a, b]) => u32::from_be_bytes([*a, *b, 0, 0]),
        (_, [a]) => u32::from_be_bytes([*a, 0, 0, 0]),
        _ => 0,
    }
}

#[inline]
fn load_128(bytes: &[u8]) -> u128 {
    match bytes.first_chunk() {
        Some(whole) => u128::from_be_bytes(*whole),
        None => load_short(bytes),
    }
}

/// Kept out of the loops over prefixes: they are inlined only while they are small.
#[inline(never)]
fn load_short(bytes: &[u8]) -> u128 {
    let (high, low) = match bytes.split_first_chunk() {
        Some((high, rest)) => (u64::from_be_bytes(*high), load_64(rest)),
        None => (load_64(bytes), 0),
    };
    u128::from(high) << 64 | u128::from(low)
}

/// From fewer than eight octets.
#[inline]
fn load_64(bytes: &[u8]) -> u64 {
    let (high, low) = match bytes.split_first_chunk() {
        Some((high, rest)) => (u32::from_be_bytes(*high), load_32(rest)),
        None => (load_32(bytes), 0),
    };
    u64::from(high) << 32 | u64::from(low)
}

/// A prefix of one address width. Host bits are zero by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Prefix<A> {
    bits: A,
    len: u8,
}

impl<A: Address> Prefix<A> {
    /// The prefix of this length that holds the address; host bits are cleared. `None` when it is too long.
    #[inline]
    pub fn new(bits: A, len: u8) -> Option<Self> {
        (len <= A::WIDTH).then(|| Prefix { bits: bits.masked(len), len })
    }

    /// The prefix of these bits, masked already, and a length that was checked.
    #[inline]
    pub(crate) fn trusted(bits: A, len: u8) -> Self {
        Prefix { bits, len }
    }

    /// The network address.
    #[inline]
    pub fn bits(self) -> A {
        self.bits
    }

    /// The length in bits.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "the length of a prefix, not of a collection")]
    pub fn len(self) -> u8 {
        self.len
    }

    /// Whether `other` is this prefix or a longer one inside it.
    pub fn covers(self, other: Self) -> bool {
        self.len <= other.len && other.bits.masked(self.len) == self.bits
    }

    /// How many octets the address part takes on the wire.
    #[inline]
    pub(crate) fn octets(self) -> usize {
        A::octets(self.len)
    }
}

impl<A: Address> fmt::Display for Prefix<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bits.ip(), self.len)
    }
}

impl<A: Address> FromStr for Prefix<A> {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let strict = || {
            let (address, len) = text.split_once('/')?;
            let (bits, len) = (A::parse(address.parse().ok()?)?, len.parse().ok()?);
            Prefix::new(bits, len).filter(|prefix| prefix.bits == bits)
        };
        let remedy = if A::WIDTH == 32 {
            "one like 192.0.2.0/24, host bits zero"
        } else {
            "one like 2001:db8::/32, host bits zero"
        };
        strict().ok_or_else(|| {
            ParseError::new(if A::WIDTH == 32 { "an IPv4 prefix" } else { "an IPv6 prefix" }, text, remedy)
        })
    }
}

crate::text::serde_as_text!(Prefix<u32>, Prefix<u128>);

macro_rules! ipnet {
    ($int:ty, $net:ident, $variant:ident) => {
        impl From<ipnet::$net> for Prefix<$int> {
            fn from(net: ipnet::$net) -> Self {
                Prefix { bits: net.network().to_bits(), len: net.prefix_len() }
            }
        }
        impl From<Prefix<$int>> for ipnet::$net {
            fn from(prefix: Prefix<$int>) -> Self {
                ipnet::$net::new(prefix.bits.into(), prefix.len).unwrap_or_default()
            }
        }
        impl From<Prefix<$int>> for ipnet::IpNet {
            fn from(prefix: Prefix<$int>) -> Self {
                ipnet::IpNet::$variant(prefix.into())
            }
        }
    };
}
ipnet!(u32, Ipv4Net, V4);
ipnet!(u128, Ipv6Net, V6);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn host_bits_are_cleared_and_refused_in_text() {
        let prefix = Prefix::<u32>::new(0xc000_02ff, 24).unwrap();
        assert_eq!(prefix.to_string(), "192.0.2.0/24");
        assert_eq!("192.0.2.0/24".parse(), Ok(prefix));
        let error = "192.0.2.1/24".parse::<Prefix<u32>>().unwrap_err();
        assert!(error.to_string().contains("host bits zero"), "{error}");
    }

    #[test]
    fn masks_hold_at_both_ends() {
        assert_eq!((u32::mask(0), u32::mask(1), u32::mask(32)), (0, 1 << 31, u32::MAX));
        assert_eq!((u128::mask(0), u128::mask(127), u128::mask(128)), (0, u128::MAX - 1, u128::MAX));
        assert_eq!(Prefix::<u32>::new(1, 33), None);
    }

    #[test]
    fn covers_is_by_bits_and_length() {
        let p = |t: &str| t.parse::<Prefix<u128>>().unwrap();
        assert!(p("::/0").covers(p("2001:db8::/32")) && p("2001:db8::/32").covers(p("2001:db8::/32")));
        assert!(
            !p("2001:db8::/32").covers(p("2001:db9::/48")) && !p("2001:db8::/48").covers(p("2001:db8::/32"))
        );
    }
}
