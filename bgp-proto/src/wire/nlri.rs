//! NLRI: prefixes as UPDATEs carry them, of every family whose layout is known. The hot loop of a speaker.

use crate::{
    family::{Family, Shape},
    numbers::Afi,
    prefix::{Address, Prefix},
    text::{ParseError, serde_as_text},
};
use alloc::vec::Vec;
use core::{fmt, marker::PhantomData, str::FromStr};

/// One encoded thing of a family: a prefix, perhaps with labels and a route distinguisher in front.
pub trait Item<'a>: Copy + fmt::Debug + PartialEq {
    /// The longest encoding, a path identifier not included.
    const LONGEST: usize;
    /// How many octets the item at the front of `bytes` takes, if a whole valid one is there.
    fn measure(bytes: &[u8]) -> Option<usize>;
    /// Reads the item at the front and says how many octets it took.
    fn decode(bytes: &'a [u8]) -> Option<(Self, usize)>;
    /// Appends the encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Validates a run of items with `skip` octets in front of each. `Err` holds the offset of the first bad item.
    #[doc(hidden)]
    #[inline]
    fn check_run(run: &[u8], skip: usize) -> Result<(), usize> {
        let mut rest = run;
        while !rest.is_empty() {
            let after = rest.get(skip..).and_then(|item| item.get(Self::measure(item)?..));
            rest = after.ok_or(run.len() - rest.len())?;
        }
        Ok(())
    }

    /// Takes the item at the front of a validated run. Returns it and the rest.
    #[doc(hidden)]
    #[inline]
    fn take(run: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (item, octets) = Self::decode(run)?;
        Some((item, run.get(octets..)?))
    }
}

impl<'a, A: Address> Item<'a> for Prefix<A> {
    const LONGEST: usize = 1 + A::WIDTH as usize / 8;

    #[inline]
    fn check_run(run: &[u8], skip: usize) -> Result<(), usize> {
        // One comparison an item: whether the last one is whole shows at the end.
        let (mut last, mut at) = (0, 0);
        while let Some(len) = run.get(at + skip) {
            if *len > A::WIDTH {
                return Err(at);
            }
            last = at;
            at += skip + 1 + A::octets(*len);
        }
        if at == run.len() { Ok(()) } else { Err(if at < run.len() { at } else { last }) }
    }

    #[inline]
    fn take(run: &'a [u8]) -> Option<(Self, &'a [u8])> {
        // One load of the full width, masked, is several times faster than a copy of as many octets as there are.
        let (len, address) = run.split_first()?;
        let rest = address.get(A::octets(*len)..)?;
        Some((Prefix::trusted(A::load(address).masked(*len), *len), rest))
    }

    #[inline]
    fn measure(bytes: &[u8]) -> Option<usize> {
        let len = *bytes.first()?;
        let octets = 1 + usize::from(len).div_ceil(8);
        (len <= A::WIDTH && octets <= bytes.len()).then_some(octets)
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let (len, address) = bytes.split_first()?;
        let octets = 1 + usize::from(*len).div_ceil(8);
        if octets > bytes.len() {
            return None;
        }
        Some((Prefix::new(A::load(address), *len)?, octets))
    }

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        self.bits().store(self.len(), self.octets(), out);
    }
}

/// A stack of MPLS labels as it stands in NLRI: three octets each.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Labels<'a>(&'a [u8]);

impl<'a> Labels<'a> {
    /// What stands for the labels of a prefix that is withdrawn (RFC 8277 §2.4).
    pub const WITHDRAWN: Labels<'static> = Labels(&[0x80, 0, 0]);

    /// The labels, outermost first; 20 bits each.
    pub fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.0.as_chunks::<3>().0.iter().map(|[a, b, c]| u32::from_be_bytes([0, *a, *b, *c]) >> 4)
    }

    /// Appends a stack: the last label has the bottom bit set.
    pub fn encode(labels: &[u32], out: &mut Vec<u8>) {
        for (depth, label) in labels.iter().enumerate() {
            let bottom = u32::from(depth + 1 == labels.len());
            let [_, octets @ ..] = ((label & 0xf_ffff) << 4 | bottom).to_be_bytes();
            out.extend_from_slice(&octets);
        }
    }

    /// A stack from its octets, as [`Labels::encode`] makes them.
    pub fn from_octets(octets: &'a [u8]) -> Option<Self> {
        let whole = octets.len().is_multiple_of(3) && !octets.is_empty() && octets.len() <= 24;
        (whole && stack_len(octets)? == octets.len()).then_some(Labels(octets))
    }
}

impl fmt::Debug for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Octets of the label stack at the front: up to the bottom bit, or one label that means "withdrawn".
fn stack_len(bytes: &[u8]) -> Option<usize> {
    let (labels, _) = bytes.as_chunks::<3>();
    let ends = |label: &[u8; 3]| label[2] & 1 == 1 || *label == [0x80, 0, 0] || *label == [0, 0, 0];
    labels.iter().position(ends).map(|depth| (depth + 1) * 3)
}

/// A route distinguisher (RFC 4364 §4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteDistinguisher(pub [u8; 8]);

impl fmt::Display for RouteDistinguisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [t0, t1, a, b, c, d, e, g] = self.0;
        match u16::from_be_bytes([t0, t1]) {
            0 => write!(f, "{}:{}", u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, g])),
            1 => write!(f, "{a}.{b}.{c}.{d}:{}", u16::from_be_bytes([e, g])),
            2 => write!(f, "{}L:{}", u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e, g])),
            _ => write!(f, "0x{:016x}", u64::from_be_bytes(self.0)),
        }
    }
}

impl fmt::Debug for RouteDistinguisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RouteDistinguisher {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let of = |kind: u16, value: u64| {
            let [a, b, rest @ ..] = value.to_be_bytes();
            let ([t0, t1], true) = (kind.to_be_bytes(), (a, b) == (0, 0)) else { return None };
            let [c, d, e, g, h, i] = rest;
            Some(RouteDistinguisher([t0, t1, c, d, e, g, h, i]))
        };
        let parse = || {
            if let Some(hex) = text.strip_prefix("0x") {
                return u64::from_str_radix(hex, 16)
                    .ok()
                    .map(|number| RouteDistinguisher(number.to_be_bytes()));
            }
            let (admin, number) = text.split_once(':')?;
            if let Ok(address) = admin.parse::<core::net::Ipv4Addr>() {
                return of(1, u64::from(address.to_bits()) << 16 | u64::from(number.parse::<u16>().ok()?));
            }
            if let Some(wide) = admin.strip_suffix('L') {
                return of(
                    2,
                    u64::from(wide.parse::<u32>().ok()?) << 16 | u64::from(number.parse::<u16>().ok()?),
                );
            }
            match (admin.parse::<u16>(), admin.parse::<u32>()) {
                (Ok(narrow), _) => of(0, u64::from(narrow) << 32 | u64::from(number.parse::<u32>().ok()?)),
                (_, Ok(wide)) => of(2, u64::from(wide) << 16 | u64::from(number.parse::<u16>().ok()?)),
                _ => None,
            }
        };
        parse().ok_or_else(|| {
            ParseError::new("a route distinguisher", text, "65000:1, 192.0.2.1:1 or 4200000000:1")
        })
    }
}

serde_as_text!(RouteDistinguisher);

/// A prefix with labels (RFC 8277).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Labelled<'a, A> {
    labels: Labels<'a>,
    prefix: Prefix<A>,
}

impl<'a, A: Address> Labelled<'a, A> {
    /// A prefix behind its labels. `None`: they need more bits together than the length octet can count.
    pub fn new(labels: Labels<'a>, prefix: Prefix<A>) -> Option<Self> {
        fits(labels, 0, prefix).then_some(Labelled { labels, prefix })
    }

    /// The labels.
    pub fn labels(&self) -> Labels<'a> {
        self.labels
    }

    /// The prefix.
    pub fn prefix(&self) -> Prefix<A> {
        self.prefix
    }
}

/// A prefix of a VPN: labels and a route distinguisher (RFC 4364, 4659).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vpn<'a, A> {
    labels: Labels<'a>,
    rd: RouteDistinguisher,
    prefix: Prefix<A>,
}

impl<'a, A: Address> Vpn<'a, A> {
    /// A prefix behind its labels and route distinguisher. `None`: they need more bits together than the length octet
    /// can count.
    pub fn new(labels: Labels<'a>, rd: RouteDistinguisher, prefix: Prefix<A>) -> Option<Self> {
        fits(labels, 8, prefix).then_some(Vpn { labels, rd, prefix })
    }

    /// The labels.
    pub fn labels(&self) -> Labels<'a> {
        self.labels
    }

    /// The VPN it belongs to.
    pub fn rd(&self) -> RouteDistinguisher {
        self.rd
    }

    /// The prefix.
    pub fn prefix(&self) -> Prefix<A> {
        self.prefix
    }
}

fn fits<A: Address>(labels: Labels<'_>, rd: usize, prefix: Prefix<A>) -> bool {
    (labels.0.len() + rd) * 8 + usize::from(prefix.len()) <= 255
}

/// The parts of an item whose length octet counts everything behind it: octets in front of the address, the length
/// of the prefix proper, octets in all.
fn split<A: Address>(bytes: &[u8], rd: usize) -> Option<(&[u8], &[u8], u8, usize)> {
    let (bits, rest) = bytes.split_first()?;
    let field = rest.get(..usize::from(*bits).div_ceil(8))?;
    let labels = stack_len(field)?;
    let len = usize::from(*bits).checked_sub((labels + rd) * 8)?;
    let len = u8::try_from(len).ok().filter(|len| *len <= A::WIDTH)?;
    let (front, address) = field.split_at_checked(labels + rd)?;
    Some((front, address, len, 1 + field.len()))
}

fn put_item<A: Address>(front: &[&[u8]], prefix: Prefix<A>, out: &mut Vec<u8>) {
    let octets: usize = front.iter().map(|part| part.len()).sum();
    // At most 255: an item that is larger is never made.
    out.push((octets * 8 + usize::from(prefix.len())) as u8);
    front.iter().for_each(|part| out.extend_from_slice(part));
    // The octet in front goes together with the address.
    let last = out.pop().unwrap_or_default();
    prefix.bits().store(last, prefix.octets(), out);
}

impl<'a, A: Address> Item<'a> for Labelled<'a, A> {
    const LONGEST: usize = 1 + 32;

    fn measure(bytes: &[u8]) -> Option<usize> {
        split::<A>(bytes, 0).map(|(.., octets)| octets)
    }

    fn decode(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let (labels, address, len, octets) = split::<A>(bytes, 0)?;
        Some((Labelled { labels: Labels(labels), prefix: Prefix::new(A::load(address), len)? }, octets))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_item(&[self.labels.0], self.prefix, out);
    }
}

impl<'a, A: Address> Item<'a> for Vpn<'a, A> {
    const LONGEST: usize = 1 + 32;

    fn measure(bytes: &[u8]) -> Option<usize> {
        split::<A>(bytes, 8).map(|(.., octets)| octets)
    }

    fn decode(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let (front, address, len, octets) = split::<A>(bytes, 8)?;
        let (labels, rd) = front.split_last_chunk::<8>()?;
        let prefix = Prefix::new(A::load(address), len)?;
        Some((Vpn { labels: Labels(labels), rd: RouteDistinguisher(*rd), prefix }, octets))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_item(&[self.labels.0, &self.rd.0], self.prefix, out);
    }
}

/// An item with the path it is about (RFC 7911). Without ADD-PATH the identifier is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path<T> {
    /// The path identifier.
    pub id: u32,
    /// The prefix.
    pub item: T,
}

impl<T> From<T> for Path<T> {
    fn from(item: T) -> Self {
        Path { id: 0, item }
    }
}

/// A validated run of items: iterating cannot fail.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a, T> {
    rest: &'a [u8],
    add_path: bool,
    kind: PhantomData<T>,
}

impl<'a, T: Item<'a>> Items<'a, T> {
    /// Validates a whole run. `Err` holds the offset of the first item that is none.
    #[inline]
    pub fn check(bytes: &'a [u8], add_path: bool) -> Result<Self, usize> {
        let items = Items::trusted(bytes, add_path);
        items.check_all()?;
        Ok(items)
    }

    #[inline]
    fn check_all(&self) -> Result<(), usize> {
        if self.add_path { T::check_run(self.rest, 4) } else { T::check_run(self.rest, 0) }
    }

    #[inline]
    pub(crate) fn trusted(bytes: &'a [u8], add_path: bool) -> Self {
        Items { rest: bytes, add_path, kind: PhantomData }
    }

    /// A run without items.
    pub const EMPTY: Items<'static, T> = Items { rest: &[], add_path: false, kind: PhantomData };

    /// The octets that are left to read.
    pub fn octets(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether nothing is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    // By value: a reference to the iterator would keep it in memory, and each item would wait for that.
    #[cold]
    fn take_with_id(run: &'a [u8]) -> Option<(Path<T>, &'a [u8])> {
        let (id, run) = run.split_first_chunk::<4>()?;
        let (item, rest) = T::take(run)?;
        Some((Path { id: u32::from_be_bytes(*id), item }, rest))
    }
}

impl<'a, T: Item<'a>> Iterator for Items<'a, T> {
    type Item = Path<T>;

    #[inline]
    fn next(&mut self) -> Option<Path<T>> {
        let (path, rest) = if self.add_path {
            Self::take_with_id(self.rest)?
        } else {
            let (item, rest) = T::take(self.rest)?;
            (Path { id: 0, item }, rest)
        };
        self.rest = rest;
        Some(path)
    }
}

/// The items of one multiprotocol attribute, typed by family.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Nlri<'a> {
    /// IPv4 unicast and multicast.
    Ipv4(Items<'a, Prefix<u32>>),
    /// IPv6 unicast and multicast.
    Ipv6(Items<'a, Prefix<u128>>),
    /// Labelled IPv4.
    LabelledIpv4(Items<'a, Labelled<'a, u32>>),
    /// Labelled IPv6.
    LabelledIpv6(Items<'a, Labelled<'a, u128>>),
    /// VPNv4.
    VpnIpv4(Items<'a, Vpn<'a, u32>>),
    /// VPNv6.
    VpnIpv6(Items<'a, Vpn<'a, u128>>),
    /// A family whose NLRI this crate carries and does not read.
    Opaque(&'a [u8]),
}

impl<'a> Nlri<'a> {
    /// Validates the octets as NLRI of the family. `Err` holds the offset of the first bad item.
    #[inline]
    pub fn check(family: Family, bytes: &'a [u8], add_path: bool) -> Result<Self, usize> {
        let nlri = Nlri::trusted(family, bytes, add_path);
        match &nlri {
            Nlri::Ipv4(items) => items.check_all(),
            Nlri::Ipv6(items) => items.check_all(),
            Nlri::LabelledIpv4(items) => items.check_all(),
            Nlri::LabelledIpv6(items) => items.check_all(),
            Nlri::VpnIpv4(items) => items.check_all(),
            Nlri::VpnIpv6(items) => items.check_all(),
            Nlri::Opaque(_) => Ok(()),
        }?;
        Ok(nlri)
    }

    /// The same without looking: for octets that were validated before.
    #[inline]
    pub(crate) fn trusted(family: Family, bytes: &'a [u8], add_path: bool) -> Self {
        let v4 = family.afi == Afi::IPV4;
        match (family.shape(), v4) {
            (Shape::Prefix, true) => Nlri::Ipv4(Items::trusted(bytes, add_path)),
            (Shape::Prefix, false) => Nlri::Ipv6(Items::trusted(bytes, add_path)),
            (Shape::Labelled, true) => Nlri::LabelledIpv4(Items::trusted(bytes, add_path)),
            (Shape::Labelled, false) => Nlri::LabelledIpv6(Items::trusted(bytes, add_path)),
            (Shape::Vpn, true) => Nlri::VpnIpv4(Items::trusted(bytes, add_path)),
            (Shape::Vpn, false) => Nlri::VpnIpv6(Items::trusted(bytes, add_path)),
            (Shape::Opaque, _) => Nlri::Opaque(bytes),
        }
    }

    /// The octets that are left to read.
    pub fn octets(&self) -> &'a [u8] {
        match self {
            Nlri::Ipv4(items) => items.octets(),
            Nlri::Ipv6(items) => items.octets(),
            Nlri::LabelledIpv4(items) => items.octets(),
            Nlri::LabelledIpv6(items) => items.octets(),
            Nlri::VpnIpv4(items) => items.octets(),
            Nlri::VpnIpv6(items) => items.octets(),
            Nlri::Opaque(bytes) => bytes,
        }
    }
}
