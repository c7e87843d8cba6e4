//! Prefix lists: does any entry match? One search in a sorted array, whatever the length of the list.

use super::{mistake::Wrong, span::bounds};
use bgp_proto::prefix::{Address, Prefix};
use std::{any::Any, collections::BTreeMap, net::IpAddr, str::FromStr};

/// A prefix list of both families. Any entry that matches counts; their order says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct PrefixList {
    ipv4: Sorted<u32>,
    ipv6: Sorted<u128>,
}

impl PrefixList {
    pub(crate) fn new(entries: &[Entry]) -> Self {
        let ipv4 =
            entries.iter().filter_map(|entry| if let Entry::Ipv4(of) = entry { Some(*of) } else { None });
        let ipv6 =
            entries.iter().filter_map(|entry| if let Entry::Ipv6(of) = entry { Some(*of) } else { None });
        PrefixList { ipv4: Sorted::new(ipv4), ipv6: Sorted::new(ipv6) }
    }

    /// The entries of one width. The compiler knows which of the two it is, so nothing is left of the question.
    #[inline]
    fn of<A: Address>(&self) -> Option<&Sorted<A>> {
        let (ipv4, ipv6): (&dyn Any, &dyn Any) = (&self.ipv4, &self.ipv6);
        ipv4.downcast_ref().or_else(|| ipv6.downcast_ref())
    }

    #[inline]
    pub(crate) fn contains<A: Address>(&self, prefix: Prefix<A>) -> bool {
        self.of().is_some_and(|sorted| sorted.contains(prefix))
    }

    /// Whether there is an entry for the address alone.
    pub(crate) fn contains_address(&self, address: IpAddr) -> bool {
        fn host<A: Address>(bits: A) -> Prefix<A> {
            Prefix::new(bits, A::WIDTH).unwrap_or_default()
        }
        match address {
            IpAddr::V4(address) => self.ipv4.contains(host(address.to_bits())),
            IpAddr::V6(address) => self.ipv6.contains(host(address.to_bits())),
        }
    }

    /// Whether there is no entry of this width.
    pub(crate) fn is_empty<A: Address>(&self) -> bool {
        self.of::<A>().is_none_or(|sorted| sorted.prefixes.is_empty())
    }
}

/// An entry as written: what lies in the prefix with one of these lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryOf<A> {
    prefix: Prefix<A>,
    shortest: u8,
    longest: u8,
}

/// An entry of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Ipv4(EntryOf<u32>),
    Ipv6(EntryOf<u128>),
}

impl FromStr for Entry {
    type Err = Wrong;
    fn from_str(text: &str) -> Result<Self, Wrong> {
        if text.contains(':') {
            EntryOf::parse(text).map(Entry::Ipv6)
        } else {
            EntryOf::parse(text).map(Entry::Ipv4)
        }
    }
}

impl Entry {
    /// The same prefix, and all that lies in it.
    pub(crate) fn and_longer(self) -> Self {
        match self {
            Entry::Ipv4(entry) => Entry::Ipv4(EntryOf { longest: u32::WIDTH, ..entry }),
            Entry::Ipv6(entry) => Entry::Ipv6(EntryOf { longest: u128::WIDTH, ..entry }),
        }
    }
}

impl<A: Address> EntryOf<A> {
    fn parse(text: &str) -> Result<Self, Wrong> {
        let mut words = text.split_whitespace();
        let first = words.next().unwrap_or_default();
        let prefix = first.parse::<Prefix<A>>().map_err(|error| match network::<A>(first) {
            Some(network) => Wrong::new(text, "has bits set behind its length", network),
            None => Wrong(error.to_string()),
        })?;
        let (ge, le) = bounds(words).ok_or_else(|| {
            Wrong::new(
                text,
                "does not end in lengths",
                format_args!("{prefix}, or the same with \"ge N\", \"le N\" or both"),
            )
        })?;
        let (len, width) = (u32::from(prefix.len()), u32::from(A::WIDTH));
        let (shortest, longest) = match (ge, le) {
            (None, None) => (len, len),
            (ge, le) => (ge.unwrap_or(len), le.unwrap_or(width)),
        };
        if shortest < len || shortest > longest || longest > width {
            let remedy = format_args!("lengths with {len} <= ge <= le <= {width}").to_string();
            return Err(Wrong::new(text, "matches no prefix", remedy));
        }
        // Both fit: the width was compared.
        Ok(EntryOf { prefix, shortest: shortest as u8, longest: longest as u8 })
    }
}

/// The prefix that was meant by one with host bits set.
fn network<A: Address>(text: &str) -> Option<Prefix<A>> {
    let (address, len) = text.split_once('/')?;
    let len: u8 = len.parse().ok()?;
    let host: Prefix<A> = format!("{address}/{}", A::WIDTH).parse().ok()?;
    Prefix::new(host.bits(), len)
}

/// A set of prefix lengths, 0 to 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Lengths([u64; 3]);

impl Lengths {
    fn insert(&mut self, len: u8) {
        if let Some(word) = self.0.get_mut(usize::from(len >> 6)) {
            *word |= 1 << (len & 63);
        }
    }

    #[inline]
    fn contains(&self, len: u8) -> bool {
        self.0.get(usize::from(len >> 6)).is_some_and(|word| word >> (len & 63) & 1 != 0)
    }

    fn add(&mut self, other: &Lengths) {
        self.0.iter_mut().zip(other.0).for_each(|(word, more)| *word |= more);
    }
}

/// The entries of one width in order, each with the lengths that it and all entries around it allow. Prefixes lie
/// apart or inside one another, so the last entry before a prefix, or one around that entry, is the closest around it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
struct Sorted<A> {
    prefixes: Box<[Prefix<A>]>,
    nodes: Box<[Node]>,
    lengths: Box<[Lengths]>,
}

/// What is known of an entry, apart from its prefix so that the search touches little memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    /// The closest entry around this one, or itself where there is none.
    around: u32,
    /// Index of the lengths: few sets are in use, however long the list.
    lengths: u32,
}

impl<A: Address> Sorted<A> {
    fn new(entries: impl Iterator<Item = EntryOf<A>>) -> Self {
        let mut own: BTreeMap<Prefix<A>, Lengths> = BTreeMap::new();
        for entry in entries {
            let lengths = own.entry(entry.prefix).or_default();
            (entry.shortest..=entry.longest).for_each(|len| lengths.insert(len));
        }
        let mut numbers: BTreeMap<Lengths, u32> = BTreeMap::new();
        let mut nodes = Vec::with_capacity(own.len());
        // The entries around the current one, outermost first, with all that they allow.
        let mut open: Vec<(u32, Prefix<A>, Lengths)> = Vec::new();
        for (at, (prefix, mut lengths)) in
            (0u32..).zip(&own).map(|(at, (prefix, lengths))| (at, (*prefix, *lengths)))
        {
            while open.pop_if(|(_, around, _)| !around.covers(prefix)).is_some() {}
            let around = open.last().map_or(at, |(around, _, allowed)| {
                lengths.add(allowed);
                *around
            });
            open.push((at, prefix, lengths));
            let next = numbers.len() as u32;
            nodes.push(Node { around, lengths: *numbers.entry(lengths).or_insert(next) });
        }
        let mut lengths = vec![Lengths::default(); numbers.len()];
        for (set, number) in numbers {
            lengths[number as usize] = set;
        }
        Sorted { prefixes: own.into_keys().collect(), nodes: nodes.into(), lengths: lengths.into() }
    }

    #[inline]
    fn contains(&self, prefix: Prefix<A>) -> bool {
        let mut at = match self.prefixes.partition_point(|entry| *entry <= prefix) {
            0 => return false,
            after => after - 1,
        };
        loop {
            let node = self.nodes[at];
            if self.prefixes[at].covers(prefix) {
                return self.lengths[node.lengths as usize].contains(prefix.len());
            }
            match node.around as usize {
                itself if itself == at => return false,
                around => at = around,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(entries: &[&str]) -> PrefixList {
        PrefixList::new(&entries.iter().map(|text| text.parse().unwrap()).collect::<Vec<Entry>>())
    }

    fn has(list: &PrefixList, prefix: &str) -> bool {
        match prefix.parse::<Prefix<u32>>() {
            Ok(prefix) => list.contains(prefix),
            Err(_) => list.contains(prefix.parse::<Prefix<u128>>().unwrap()),
        }
    }

    #[test]
    fn lengths_say_which_prefixes_match() {
        let rows: &[(&[&str], &[&str], &[&str])] = &[
            (&["10.0.0.0/8"], &["10.0.0.0/8"], &["10.0.0.0/9", "10.0.0.0/7", "11.0.0.0/8", "::/8"]),
            (&["10.0.0.0/8 le 10"], &["10.0.0.0/8", "10.64.0.0/10"], &["10.0.0.0/11", "0.0.0.0/0"]),
            (&["10.0.0.0/8 ge 31"], &["10.1.2.2/31", "10.255.255.255/32"], &["10.0.0.0/8", "10.0.0.0/30"]),
            (&["10.0.0.0/8 ge 9 le 10"], &["10.128.0.0/9"], &["10.0.0.0/8", "10.0.0.0/11", "12.0.0.0/9"]),
            (&["0.0.0.0/0"], &["0.0.0.0/0"], &["0.0.0.0/1", "::/0"]),
            (&["0.0.0.0/0 le 32"], &["0.0.0.0/0", "255.255.255.255/32"], &["::/0"]),
            (&["::/0 le 128"], &["::/0", "2001:db8::1/128"], &["0.0.0.0/0"]),
            (
                &["2001:db8::/32 ge 48 le 64"],
                &["2001:db8:1::/48", "2001:db8::/64"],
                &["2001:db8::/47", "2001:db8::/65"],
            ),
            // The entry before 10.2.0.0/16 is inside 10.1.0.0/16: the one around that decides.
            (
                &["10.0.0.0/8 le 16", "10.1.0.0/16 ge 24", "10.1.1.0/24"],
                &["10.2.0.0/16", "10.1.0.0/16", "10.1.9.0/24"],
                &["10.2.0.0/24", "10.1.0.0/20"],
            ),
            (&["10.0.0.0/8", "10.0.0.0/8 ge 16 le 16"], &["10.0.0.0/8", "10.9.0.0/16"], &["10.0.0.0/12"]),
            (&[], &[], &["0.0.0.0/0", "::/0"]),
        ];
        for (entries, matched, others) in rows {
            let list = list(entries);
            matched.iter().for_each(|prefix| assert!(has(&list, prefix), "{entries:?} matches {prefix}"));
            others
                .iter()
                .for_each(|prefix| assert!(!has(&list, prefix), "{entries:?} does not match {prefix}"));
        }
    }

    #[test]
    fn a_wrong_entry_names_the_value_and_the_remedy() {
        let rows = [
            ("10.0.0.1/8", "\"10.0.0.1/8\" has bits set behind its length; write 10.0.0.0/8"),
            (
                "10.0.0.0/8 le 7",
                "\"10.0.0.0/8 le 7\" matches no prefix; write lengths with 8 <= ge <= le <= 32",
            ),
            (
                "10.0.0.0/8 ge 20 le 10",
                "\"10.0.0.0/8 ge 20 le 10\" matches no prefix; write lengths with 8 <= ge <= le <= 32",
            ),
            ("::/0 le 129", "\"::/0 le 129\" matches no prefix; write lengths with 0 <= ge <= le <= 128"),
            (
                "10.0.0.0/8 le",
                "\"10.0.0.0/8 le\" does not end in lengths; write 10.0.0.0/8, or the same with \"ge N\", \"le N\" or both",
            ),
            ("10/8", "\"10/8\" is not an IPv4 prefix; write one like 192.0.2.0/24, host bits zero"),
            ("", "\"\" is not an IPv4 prefix; write one like 192.0.2.0/24, host bits zero"),
        ];
        for (text, wrong) in rows {
            assert_eq!(text.parse::<Entry>().unwrap_err().0, wrong);
        }
    }

    fn entry<A: Address>(bits: A, len: u8, a: u8, b: u8) -> EntryOf<A> {
        let prefix = Prefix::new(bits, len.min(A::WIDTH)).unwrap();
        let within = |n: u8| prefix.len() + n % (A::WIDTH + 1 - prefix.len());
        EntryOf { prefix, shortest: within(a).min(within(b)), longest: within(a).max(within(b)) }
    }

    fn agrees<A: Address>(entries: &[EntryOf<A>], asked: Prefix<A>) -> bool {
        let naive =
            entries.iter().any(|e| e.prefix.covers(asked) && (e.shortest..=e.longest).contains(&asked.len()));
        Sorted::new(entries.iter().copied()).contains(asked) == naive
    }

    proptest! {
        #[test]
        fn the_search_finds_what_asking_every_entry_finds(
            // Few bits, so that entries lie inside one another.
            entries in prop::collection::vec((0u32..16, 0u8..=32, any::<u8>(), any::<u8>()), 0..24),
            asked in prop::collection::vec((0u32..16, 0u8..=32), 1..24),
        ) {
            let narrow: Vec<_> = entries.iter().map(|(bits, len, a, b)| entry(bits << 28, *len, *a, *b)).collect();
            let wide: Vec<_> =
                entries.iter().map(|(bits, len, a, b)| entry(u128::from(*bits) << 124, len * 4, *a, *b)).collect();
            for (bits, len) in asked {
                prop_assert!(agrees(&narrow, Prefix::new(bits << 28, len).unwrap()));
                prop_assert!(agrees(&wide, Prefix::new(u128::from(bits) << 124, len * 4).unwrap()));
            }
        }
    }
}
