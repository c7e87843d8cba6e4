//! What a rule asks of an AS path: sets of ASes, and patterns of them. The pattern language is described in the
//! documentation of [`policy`](super#patterns-of-as-paths).

use super::mistake::Wrong;
use bgp_proto::{
    attr::as_path::{AsPath, Segment, SegmentKind},
    numbers::Asn,
};
use std::str::FromStr;

/// A set of AS numbers: `65000`, `64512-65534`, `private`, or several of these with `|` between.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct AsnSet {
    /// In order and apart from each other.
    ranges: Box<[(u32, u32)]>,
}

const PRIVATE: [(u32, u32); 2] = [(64512, 65534), (4_200_000_000, 4_294_967_294)];

impl AsnSet {
    fn of(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match merged.last_mut() {
                Some((_, end)) if from <= end.saturating_add(1) => *end = to.max(*end),
                _ => merged.push((from, to)),
            }
        }
        AsnSet { ranges: merged.into() }
    }

    /// All that any of these sets holds.
    pub(crate) fn union(sets: &[AsnSet]) -> Self {
        AsnSet::of(sets.iter().flat_map(|set| set.ranges.iter().copied()).collect())
    }

    pub(crate) fn contains(&self, asn: Asn) -> bool {
        let after = self.ranges.partition_point(|(from, _)| *from <= asn.0);
        after.checked_sub(1).is_some_and(|at| asn.0 <= self.ranges[at].1)
    }
}

impl FromStr for AsnSet {
    type Err = Wrong;
    fn from_str(text: &str) -> Result<Self, Wrong> {
        let asn = |text: &str| text.parse().ok().map(|asn: Asn| asn.0).filter(|_| !text.starts_with('+'));
        let range = |word: &str| match word.split_once('-') {
            Some((from, to)) => Some((asn(from)?, asn(to)?)).filter(|(from, to)| from <= to),
            None => asn(word).map(|asn| (asn, asn)),
        };
        let mut ranges = Vec::new();
        for word in text.split('|') {
            match word {
                "private" => ranges.extend(PRIVATE),
                _ => ranges.push(range(word).ok_or_else(|| {
                    Wrong::new(
                        text,
                        "is not a set of ASes",
                        "one like 65000, 64512-65534, private or 65000|65001",
                    )
                })?),
            }
        }
        Ok(AsnSet::of(ranges))
    }
}

/// A pattern of a whole AS path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    terms: Box<[Term]>,
}

/// One place in a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    /// Which ASes; `None`: any.
    set: Option<AsnSet>,
    /// Any number of them, none included; else exactly one.
    repeated: bool,
}

impl Term {
    /// A set counts as one AS of the path, and as each of its members.
    fn holds(&self, step: Step<'_>) -> bool {
        match (&self.set, step) {
            (None, _) => true,
            (Some(set), Step::Asn(asn)) => set.contains(asn),
            (Some(set), Step::Set(segment)) => segment.asns().any(|asn| set.contains(asn)),
        }
    }
}

/// One place in a path.
#[derive(Clone, Copy)]
enum Step<'a> {
    Asn(Asn),
    Set(Segment<'a>),
}

/// The places of a path as its length counts them: confederation segments are none.
fn steps<'a>(path: AsPath<'a>) -> impl Iterator<Item = Step<'a>> {
    path.segments().flat_map(|segment| {
        let (sequence, set) = match segment.kind {
            SegmentKind::SEQUENCE => (Some(segment.asns()), None),
            SegmentKind::SET => (None, Some(segment)),
            _ => (None, None),
        };
        sequence.into_iter().flatten().map(Step::Asn).chain(set.map(Step::Set))
    })
}

/// The places that may come next, as a bit each: bit n is before term n, the bit after the last term is the end.
type Places = u64;

/// As many terms as places fit beside the end.
const MOST_TERMS: usize = 63;

impl Pattern {
    /// Whether the pattern describes the whole path. Every AS is looked at once: no pattern is slow.
    pub(crate) fn matches(&self, path: AsPath<'_>) -> bool {
        let mut places = self.skip(1);
        for step in steps(path) {
            let mut next: Places = 0;
            for (at, term) in self.terms.iter().enumerate().filter(|(at, _)| places >> at & 1 == 1) {
                if term.holds(step) {
                    next |= if term.repeated { 1 << at } else { 2 << at };
                }
            }
            places = self.skip(next);
            if places == 0 {
                return false;
            }
        }
        places >> self.terms.len() & 1 == 1
    }

    /// These places, and those behind terms that may stand for nothing.
    fn skip(&self, mut places: Places) -> Places {
        for (at, _) in self.terms.iter().enumerate().filter(|(_, term)| term.repeated) {
            places |= (places >> at & 1) << (at + 1);
        }
        places
    }
}

impl FromStr for Pattern {
    type Err = Wrong;
    fn from_str(text: &str) -> Result<Self, Wrong> {
        let mut terms = Vec::new();
        for word in text.split_whitespace() {
            let (one, more) = word.strip_suffix('+').map_or((word, false), |one| (one, true));
            let set = match (one, more) {
                ("*", false) => {
                    terms.push(Term { set: None, repeated: true });
                    continue;
                }
                ("?", _) => None,
                _ => Some(one.parse().map_err(|_| {
                    let remedy = "ASes in order like \"65000 * 65010\", where * is any number of ASes, ? is one, 65000+ one or more of \
                                  65000, and 65000|65001, 64512-65534 and private are sets";
                    Wrong::new(text, format_args!("is not a pattern of AS paths because of \"{}\"", word.escape_debug()), remedy)
                })?),
            };
            terms.push(Term { set: set.clone(), repeated: false });
            if more {
                terms.push(Term { set, repeated: true });
            }
        }
        match terms.len() {
            0 => Err(Wrong::new(
                text,
                "is an empty pattern",
                "length = 0 for an empty path, \"*\" for any path",
            )),
            1..=MOST_TERMS => Ok(Pattern { terms: terms.into() }),
            many => Err(Wrong::new(
                text,
                format_args!("has {many} places (a word with + counts twice)"),
                format_args!("a pattern of at most {MOST_TERMS}"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bgp_proto::attr::as_path::AsPathBuf;
    use proptest::prelude::*;

    #[test]
    fn sets_of_ases_hold_what_they_say() {
        let rows: &[(&str, &[u32], &[u32])] = &[
            ("65000", &[65000], &[64999, 65001, 0]),
            ("1.10", &[65546], &[1, 10]),
            ("10-20|15-30|31|5", &[5, 10, 20, 25, 31], &[4, 6, 9, 32]),
            (
                "private",
                &[64512, 65534, 4_200_000_000, 4_294_967_294],
                &[64511, 65535, 4_199_999_999, u32::MAX],
            ),
            ("10-40|15-20", &[10, 15, 35, 40], &[9, 41]),
            ("4294967295|0", &[0, u32::MAX], &[1]),
        ];
        for (text, inside, outside) in rows {
            let set: AsnSet = text.parse().unwrap();
            inside.iter().for_each(|asn| assert!(set.contains(Asn(*asn)), "{text} holds {asn}"));
            outside.iter().for_each(|asn| assert!(!set.contains(Asn(*asn)), "{text} does not hold {asn}"));
        }
        for text in ["", "+1", "1|", "2-1", "AS1", "1-", "4294967296", "Private"] {
            let wrong = text.parse::<AsnSet>().unwrap_err().0;
            assert!(wrong.ends_with(
                "is not a set of ASes; write one like 65000, 64512-65534, private or 65000|65001"
            ));
        }
    }

    #[test]
    fn patterns_describe_whole_paths() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            ("65000", &["65000"], &["", "65001", "65000 65000", "65000 1"]),
            ("*", &["", "1", "1 2 3", "{1,2}"], &[]),
            ("?", &["1", "{1,2}"], &["", "1 2"]),
            (
                "65000 * 65010",
                &["65000 65010", "65000 1 2 65010", "65000 65010 65010"],
                &["65000", "65010", "1 65000 65010", "65000 65010 1"],
            ),
            ("* 65000 *", &["65000", "1 65000", "65000 1", "1 65000 2"], &["", "1 2"]),
            (
                "65000+ 65010+",
                &["65000 65010", "65000 65000 65010 65010 65010"],
                &["65000", "65000 65010 65000"],
            ),
            ("?+", &["1", "1 2 3"], &[""]),
            ("1|3 64512-65534", &["1 64512", "3 65534"], &["2 64512", "1 65535"]),
            ("* private", &["1 65000", "65000"], &["65000 1"]),
            ("1 2", &["1 {2,3}", "1 {3,2}"], &["1 {3,4}", "1 {2} 3"]),
            // Confederation segments are no part of the length, nor of the pattern.
            ("1 2", &["(65000 65001) 1 2", "1 2 [65000]"], &["(1) 2"]),
            ("* 1 * 1 * 1", &["1 1 1", "1 2 1 2 1"], &["1 1", "1 1 1 2"]),
        ];
        for (text, matched, others) in rows {
            let pattern: Pattern = text.parse().unwrap();
            let matches = |path: &str| pattern.matches(path.parse::<AsPathBuf>().unwrap().view());
            matched.iter().for_each(|path| assert!(matches(path), "\"{text}\" describes \"{path}\""));
            others.iter().for_each(|path| assert!(!matches(path), "\"{text}\" does not describe \"{path}\""));
        }
    }

    #[test]
    fn a_wrong_pattern_names_the_word() {
        let wrong = "65000 ^1$ *".parse::<Pattern>().unwrap_err().0;
        assert!(
            wrong.starts_with("\"65000 ^1$ *\" is not a pattern of AS paths because of \"^1$\"; write"),
            "{wrong}"
        );
        assert!("*+".parse::<Pattern>().is_err() && "+".parse::<Pattern>().is_err());
        assert!("".parse::<Pattern>().unwrap_err().0.contains("length = 0"));
        assert!("1 ".repeat(63).parse::<Pattern>().is_ok());
        assert!("1+ ".repeat(32).parse::<Pattern>().unwrap_err().0.contains("has 64 places"));
        assert!(
            "1 ".repeat(63).parse::<Pattern>().unwrap().matches(AsPathBuf::sequence(&[Asn(1); 63]).view())
        );
    }

    fn naive(words: &[&str], path: &[u32]) -> bool {
        match (words, path) {
            ([], rest) => rest.is_empty(),
            (["*", words @ ..], []) => naive(words, path),
            (["*", after @ ..], [_, rest @ ..]) => naive(after, path) || naive(words, rest),
            (_, []) => false,
            ([word, after @ ..], [asn, rest @ ..]) => {
                let (one, more) = word.strip_suffix('+').map_or((*word, false), |one| (one, true));
                let held = one == "?" || one.split('|').any(|number| number.parse() == Ok(*asn));
                held && (naive(after, rest) || more && naive(words, rest))
            }
        }
    }

    proptest! {
        #[test]
        fn patterns_agree_with_a_naive_matcher(
            words in prop::collection::vec(prop::sample::select(vec!["*", "?", "1", "2", "1+", "?+", "1|3"]), 1..7),
            path in prop::collection::vec(1u32..4, 0..8),
        ) {
            let asns: Vec<Asn> = path.iter().copied().map(Asn).collect();
            let pattern: Pattern = words.join(" ").parse().unwrap();
            prop_assert_eq!(pattern.matches(AsPathBuf::sequence(&asns).view()), naive(&words, &path));
        }
    }
}
