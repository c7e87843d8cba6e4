//! Ranges of numbers as people write them: `100`, `ge 100`, `le 200`, `ge 100 le 200`.

use super::mistake::Wrong;
use std::str::FromStr;

/// The numbers from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Span {
    pub(crate) const ALL: Span = Span { from: 0, to: u32::MAX };

    pub(crate) fn contains(self, number: u32) -> bool {
        (self.from..=self.to).contains(&number)
    }

    /// `7`, `7-9` or `*`: a range inside a longer word, its numbers up to `max`.
    pub(crate) fn part(text: &str, max: u32) -> Option<Span> {
        if text == "*" {
            return Some(Span::ALL);
        }
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let span = Span { from: number(from)?, to: number(to)? };
        (span.from <= span.to && span.to <= max).then_some(span)
    }
}

/// Decimal digits and nothing else: no sign, which `u32::from_str` would take.
pub(crate) fn number(text: &str) -> Option<u32> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?
}

/// What `ge N` and `le N` among these words say, each once at the most. `None`: there is something else.
pub(crate) fn bounds<'a>(words: impl Iterator<Item = &'a str>) -> Option<(Option<u32>, Option<u32>)> {
    let (mut ge, mut le) = (None, None);
    let mut words = words;
    while let Some(word) = words.next() {
        let bound = match word {
            "ge" => &mut ge,
            "le" => &mut le,
            _ => return None,
        };
        let value = number(words.next()?)?;
        if bound.replace(value).is_some() {
            return None;
        }
    }
    Some((ge, le))
}

impl FromStr for Span {
    type Err = Wrong;
    fn from_str(text: &str) -> Result<Self, Wrong> {
        let exact = || number(text).map(|n| Span { from: n, to: n });
        let range = || match bounds(text.split_whitespace())? {
            (None, None) => None,
            (ge, le) => Some(Span { from: ge.unwrap_or(0), to: le.unwrap_or(u32::MAX) }),
        };
        let span = exact().or_else(range).ok_or_else(|| {
            Wrong::new(
                text,
                "is not a number or range",
                "one like 100, \"ge 100\", \"le 200\" or \"ge 100 le 200\"",
            )
        })?;
        if span.from > span.to {
            return Err(Wrong::new(
                text,
                "holds no number",
                format_args!("\"ge {} le {}\"", span.to, span.from),
            ));
        }
        Ok(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_others_refused_with_a_remedy() {
        let rows = [
            ("7", 7, 7),
            ("ge 7", 7, u32::MAX),
            ("le 7", 0, 7),
            ("ge 7 le 9", 7, 9),
            ("le 9  ge 7", 7, 9),
            ("4294967295", u32::MAX, u32::MAX),
        ];
        for (text, from, to) in rows {
            assert_eq!(text.parse(), Ok(Span { from, to }), "{text}");
        }
        for text in ["", "+7", "-7", "7-9", "ge", "ge 7 ge 8", "ge x", "4294967296", "gt 7"] {
            let wrong = text.parse::<Span>().unwrap_err().0;
            assert!(wrong.contains("is not a number or range; write"), "{wrong}");
        }
        assert_eq!(
            "ge 9 le 7".parse::<Span>().unwrap_err().0,
            "\"ge 9 le 7\" holds no number; write \"ge 7 le 9\""
        );
    }

    #[test]
    fn parts_know_their_width() {
        assert_eq!(Span::part("1-65535", 65535), Some(Span { from: 1, to: 65535 }));
        assert_eq!(Span::part("*", 65535), Some(Span::ALL));
        for text in ["65536", "9-7", "", "-", "1-", "1-2-3"] {
            assert_eq!(Span::part(text, 65535), None, "{text}");
        }
    }
}
