//! What a rule asks of communities and does to them. The form of a text says which kind it is, so all kinds stand in
//! one list.

use super::{
    mistake::Wrong,
    span::{Span, number},
};
use bgp_proto::attr::{
    community::{Community, ExtendedCommunity, ExtendedCommunityIpv6, LargeCommunity},
    set::PathAttributes,
};
use std::{fmt, net::Ipv6Addr, str::FromStr};

const REMEDY: &str = "65000:1, a name like no-export, 65000:1:2, rt:65000:1 or rt:[2001:db8::1]:1";

/// A community of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnyCommunity {
    Plain(Community),
    Large(LargeCommunity),
    Extended(ExtendedCommunity),
    ExtendedIpv6(ExtendedCommunityIpv6),
}

impl AnyCommunity {
    fn parse(text: &str) -> Option<Self> {
        // No two kinds share a form: a large community has two colons, an extended one starts with a word.
        let plain = || text.parse().ok().map(AnyCommunity::Plain);
        let large = || text.parse().ok().map(AnyCommunity::Large);
        let extended = || text.parse().ok().map(AnyCommunity::Extended);
        let ipv6 = || text.parse().ok().map(AnyCommunity::ExtendedIpv6);
        plain().or_else(large).or_else(extended).or_else(ipv6)
    }

    /// Adds the community at the end of its list, unless it is in it.
    pub(crate) fn add_to(self, attributes: &mut PathAttributes) {
        fn add<T: PartialEq>(list: &mut Vec<T>, value: T) {
            if !list.contains(&value) {
                list.push(value);
            }
        }
        match self {
            AnyCommunity::Plain(community) => add(&mut attributes.communities, community),
            AnyCommunity::Large(community) => add(&mut attributes.large_communities, community),
            AnyCommunity::Extended(community) => add(&mut attributes.extended_communities, community),
            AnyCommunity::ExtendedIpv6(community) => {
                add(&mut attributes.extended_communities_ipv6, community);
            }
        }
    }
}

impl FromStr for AnyCommunity {
    type Err = Wrong;
    fn from_str(text: &str) -> Result<Self, Wrong> {
        AnyCommunity::parse(text).ok_or_else(|| match Pattern::from_str(text) {
            Ok(_) => Wrong::new(text, "stands for many communities where one is needed", REMEDY),
            Err(_) => Wrong::new(text, "is not a community", REMEDY),
        })
    }
}

/// Octets of an extended community, of which only those under the mask count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Masked {
    value: u64,
    mask: u64,
}

/// A set of communities of one kind, or of every kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Every,
    Plain([Span; 2]),
    Large([Span; 3]),
    Extended(Box<[Masked]>),
    ExtendedIpv6 { kind: Option<[u8; 2]>, admin: Option<Ipv6Addr>, number: Option<u16> },
}

impl Pattern {
    fn plain(&self, community: Community) -> bool {
        match self {
            Pattern::Every => true,
            Pattern::Plain([high, low]) => {
                high.contains(community.0 >> 16) && low.contains(community.0 & 0xffff)
            }
            _ => false,
        }
    }

    fn large(&self, community: LargeCommunity) -> bool {
        match self {
            Pattern::Every => true,
            Pattern::Large([admin, first, second]) => {
                admin.contains(community.admin.0)
                    && first.contains(community.first)
                    && second.contains(community.second)
            }
            _ => false,
        }
    }

    fn extended(&self, community: ExtendedCommunity) -> bool {
        let octets = u64::from_be_bytes(community.0);
        match self {
            Pattern::Every => true,
            Pattern::Extended(ways) => ways.iter().any(|way| octets & way.mask == way.value),
            _ => false,
        }
    }

    fn extended_ipv6(&self, community: ExtendedCommunityIpv6) -> bool {
        match self {
            Pattern::Every => true,
            Pattern::ExtendedIpv6 { kind, admin, number } => {
                kind.is_none_or(|kind| kind == community.kind)
                    && admin.is_none_or(|admin| admin == community.admin)
                    && number.is_none_or(|number| number == community.number)
            }
            _ => false,
        }
    }

    /// Whether one of the route's communities is in the set.
    pub(crate) fn is_in(&self, attributes: &PathAttributes) -> bool {
        attributes.communities.iter().any(|c| self.plain(*c))
            || attributes.large_communities.iter().any(|c| self.large(*c))
            || attributes.extended_communities.iter().any(|c| self.extended(*c))
            || attributes.extended_communities_ipv6.iter().any(|c| self.extended_ipv6(*c))
    }

    /// Takes the set's communities out of the route's.
    pub(crate) fn remove_from(&self, attributes: &mut PathAttributes) {
        attributes.communities.retain(|c| !self.plain(*c));
        attributes.large_communities.retain(|c| !self.large(*c));
        attributes.extended_communities.retain(|c| !self.extended(*c));
        attributes.extended_communities_ipv6.retain(|c| !self.extended_ipv6(*c));
    }

    fn parse(text: &str) -> Option<Self> {
        let exact = || AnyCommunity::parse(text).map(Pattern::from);
        if text == "*" {
            Some(Pattern::Every)
        } else {
            exact().or_else(|| numbers(text)).or_else(|| extended(text)).or_else(|| bracketed(text))
        }
    }
}

impl From<AnyCommunity> for Pattern {
    fn from(community: AnyCommunity) -> Self {
        let one = |n: u32| Span { from: n, to: n };
        match community {
            AnyCommunity::Plain(Community(c)) => Pattern::Plain([one(c >> 16), one(c & 0xffff)]),
            AnyCommunity::Large(c) => Pattern::Large([one(c.admin.0), one(c.first), one(c.second)]),
            AnyCommunity::Extended(c) => {
                Pattern::Extended([Masked { value: u64::from_be_bytes(c.0), mask: u64::MAX }].into())
            }
            AnyCommunity::ExtendedIpv6(c) => {
                Pattern::ExtendedIpv6 { kind: Some(c.kind), admin: Some(c.admin), number: Some(c.number) }
            }
        }
    }
}

/// `65000:*`, `65000:100-199`, `65000:*:1`.
fn numbers(text: &str) -> Option<Pattern> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        [high, low] => Some(Pattern::Plain([Span::part(high, 0xffff)?, Span::part(low, 0xffff)?])),
        [admin, first, second] => {
            let part = |text| Span::part(text, u32::MAX);
            Some(Pattern::Large([part(admin)?, part(first)?, part(second)?]))
        }
        _ => None,
    }
}

/// The words for extended communities with the types (two octets) that they stand for.
const KINDS: [(&str, &[u16]); 6] = [
    ("rt", &[0x0002, 0x0102, 0x0202]),
    ("ro", &[0x0003, 0x0103, 0x0203]),
    ("bandwidth", &[0x4004]),
    ("bandwidth-transitive", &[0x0004]),
    ("color", &[0x030b]),
    ("encap", &[0x030c]),
];

/// `rt:*`, `rt:65000:*`, `rt:192.0.2.1:*`, `color:0:*`.
fn extended(text: &str) -> Option<Pattern> {
    let (kind, rest) = text.strip_suffix('*')?.split_once(':')?;
    let (_, types) = KINDS.iter().find(|(name, _)| *name == kind)?;
    if rest.is_empty() {
        let ways = types.iter().map(|octets| Masked { value: u64::from(*octets) << 48, mask: 0xffff << 48 });
        return Some(Pattern::Extended(ways.collect()));
    }
    // The community with the number 0 has everything right but its number.
    let zero: ExtendedCommunity = format!("{kind}:{rest}0").parse().ok()?;
    let zero = u64::from_be_bytes(zero.0);
    // An address or a four-octet AS leaves two octets to the number, anything else four.
    let wide = matches!((zero >> 56, zero >> 48 & 0xff), (1 | 2, 2 | 3));
    let mask = if wide { !0xffff } else { !0xffff_ffff };
    (rest.ends_with(':') && zero & !mask == 0)
        .then(|| Pattern::Extended([Masked { value: zero, mask }].into()))
}

/// `rt:[2001:db8::1]:*`, `rt:[*]:1`, `ro:[*]:*`.
fn bracketed(text: &str) -> Option<Pattern> {
    let (kind, rest) = text.split_once(":[")?;
    let (admin, value) = rest.split_once("]:")?;
    let zero: ExtendedCommunityIpv6 = format!("{kind}:[::]:0").parse().ok()?;
    let admin = if admin == "*" { None } else { Some(admin.parse().ok()?) };
    let number = if value == "*" { None } else { Some(u16::try_from(number(value)?).ok()?) };
    Some(Pattern::ExtendedIpv6 { kind: Some(zero.kind), admin, number })
}

impl FromStr for Pattern {
    type Err = Wrong;
    fn from_str(text: &str) -> Result<Self, Wrong> {
        Pattern::parse(text).ok_or_else(|| {
            Wrong::new(
                text,
                "is not a community",
                format_args!("{REMEDY}; numbers may be * or a range: 65000:*, 65000:100-199, rt:65000:*, *"),
            )
        })
    }
}

impl fmt::Display for AnyCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AnyCommunity::Plain(community) => fmt::Display::fmt(community, f),
            AnyCommunity::Large(community) => fmt::Display::fmt(community, f),
            AnyCommunity::Extended(community) => fmt::Display::fmt(community, f),
            AnyCommunity::ExtendedIpv6(community) => fmt::Display::fmt(community, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(communities: &[&str]) -> PathAttributes {
        let mut attributes = PathAttributes::default();
        communities.iter().for_each(|text| text.parse::<AnyCommunity>().unwrap().add_to(&mut attributes));
        attributes
    }

    fn texts(attributes: &PathAttributes) -> Vec<String> {
        let plain = attributes.communities.iter().map(ToString::to_string);
        let large = attributes.large_communities.iter().map(ToString::to_string);
        let extended = attributes.extended_communities.iter().map(ToString::to_string);
        let ipv6 = attributes.extended_communities_ipv6.iter().map(ToString::to_string);
        plain.chain(large).chain(extended).chain(ipv6).collect()
    }

    const ALL: [&str; 17] = [
        "65000:1",
        "65000:150",
        "65001:1",
        "no-export",
        "65000:1:2",
        "65000:1:3",
        "65000:2:2",
        "rt:65000:1",
        "rt:192.0.2.1:1",
        "rt:4200000000:1",
        "ro:65000:1",
        "bandwidth:65000:125000000",
        "color:0:100",
        "encap:8",
        "rt:[2001:db8::1]:1",
        "rt:[2001:db8::2]:1",
        "ro:[2001:db8::1]:2",
    ];

    #[test]
    fn patterns_take_out_exactly_what_they_stand_for() {
        let rows: &[(&str, &[&str])] = &[
            ("*", &ALL),
            ("65000:1", &["65000:1"]),
            ("65000:*", &["65000:1", "65000:150"]),
            ("*:1", &["65000:1", "65001:1"]),
            ("65000:100-199", &["65000:150"]),
            ("*:*", &["65000:1", "65000:150", "65001:1", "no-export"]),
            ("65535:*", &["no-export"]),
            ("65535:65281", &["no-export"]),
            ("no-export", &["no-export"]),
            ("65000:1:2", &["65000:1:2"]),
            ("65000:1:*", &["65000:1:2", "65000:1:3"]),
            ("*:*:2", &["65000:1:2", "65000:2:2"]),
            ("65000:2-9:*", &["65000:2:2"]),
            ("rt:65000:1", &["rt:65000:1"]),
            ("rt:65000:*", &["rt:65000:1"]),
            ("rt:192.0.2.1:*", &["rt:192.0.2.1:1"]),
            ("rt:4200000000:*", &["rt:4200000000:1"]),
            ("rt:*", &["rt:65000:1", "rt:192.0.2.1:1", "rt:4200000000:1"]),
            ("ro:*", &["ro:65000:1"]),
            ("bandwidth:*", &["bandwidth:65000:125000000"]),
            ("bandwidth:65000:*", &["bandwidth:65000:125000000"]),
            ("color:0:*", &["color:0:100"]),
            ("encap:*", &["encap:8"]),
            ("rt:[2001:db8::1]:1", &["rt:[2001:db8::1]:1"]),
            ("rt:[*]:1", &["rt:[2001:db8::1]:1", "rt:[2001:db8::2]:1"]),
            ("ro:[2001:db8::1]:*", &["ro:[2001:db8::1]:2"]),
            ("1:1", &[]),
            ("bandwidth-transitive:*", &[]),
        ];
        for (text, expected) in rows {
            let pattern: Pattern = text.parse().unwrap();
            let mut left = route(&ALL);
            assert_eq!(pattern.is_in(&left), !expected.is_empty(), "{text}");
            pattern.remove_from(&mut left);
            let others: Vec<_> = ALL.iter().filter(|c| !expected.contains(c)).copied().collect();
            assert_eq!(texts(&left), others, "{text}");
            assert!(!pattern.is_in(&left), "{text}");
        }
    }

    #[test]
    fn a_community_is_added_once() {
        let twice: Vec<_> = ALL.iter().chain(&ALL).copied().collect();
        assert_eq!(texts(&route(&twice)), ALL);
    }

    #[test]
    fn wrong_texts_name_the_value_and_the_remedy() {
        for text in [
            "",
            "65536:1",
            "1:2:3:4",
            "rt:65000",
            "rt:x:*",
            "foo:*",
            "65000:2-1",
            "no-such",
            "rt:[x]:1",
            "encap:1*",
            "rt:1:1*",
            "color:*:1",
        ] {
            let wrong = text.parse::<Pattern>().unwrap_err().0;
            assert!(wrong.starts_with(&format!("\"{text}\" is not a community; write 65000:1, ")), "{wrong}");
            let wrong = text.parse::<AnyCommunity>().unwrap_err().0;
            assert!(wrong.starts_with(&format!("\"{text}\" is not a community; write 65000:1, ")), "{wrong}");
        }
        for text in ["*", "65000:*", "1:2:3-4", "rt:*", "rt:[*]:1"] {
            let wrong = text.parse::<AnyCommunity>().unwrap_err().0;
            assert!(
                wrong.starts_with(&format!(
                    "\"{text}\" stands for many communities where one is needed; write"
                )),
                "{wrong}"
            );
        }
    }
}
