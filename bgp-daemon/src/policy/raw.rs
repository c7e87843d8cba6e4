//! Policies as people write them, in TOML and Kubernetes objects alike. Nothing in here is resolved: every leaf is a
//! text, so that one [`check`](super::check()) finds all mistakes at once.

mod read;

use read::{some_table, table, tables};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt};

/// Policies by name: the `[policy.NAME]` tables.
pub type RawPolicies = BTreeMap<String, RawPolicy>;

/// A policy: rules in order, of which the first that matches decides. Where none does, the route is rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPolicy {
    /// The rules.
    #[serde(deserialize_with = "tables")]
    pub rules: Vec<RawRule>,
}

/// A rule: `{ match = { … }, set = { … }, then = "accept" }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawRule {
    /// A name that reasons show beside the number.
    pub name: Option<String>,
    /// What must hold; all of it. Nothing: every route.
    #[serde(rename = "match", deserialize_with = "table")]
    pub matches: RawMatch,
    /// What changes in a route that is accepted.
    #[serde(deserialize_with = "table")]
    pub set: RawSet,
    /// `accept` or `reject`.
    pub then: Option<Text>,
}

/// What a rule asks of a route. All that is said must hold; of a list, one element.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawMatch {
    /// `10.0.0.0/8` (exactly), `10.0.0.0/8 le 24`, `… ge 9`, `… ge 9 le 24`; both families in one list.
    pub prefix: Option<Texts>,
    /// `ipv4` or `ipv6`.
    pub family: Option<Texts>,
    /// The peer that the route came from: an address, or an interface.
    pub peer: Option<Texts>,
    /// The `[[group]]` of the peer that the route came from.
    pub group: Option<Texts>,
    /// Where the route came from: `local`, `local:OWNER`, `internal`, `external`, `confederation`.
    pub source: Option<Texts>,
    /// The AS path.
    #[serde(deserialize_with = "table")]
    pub as_path: RawAsPath,
    /// The communities.
    #[serde(deserialize_with = "table")]
    pub communities: RawCommunities,
    /// Prefixes of which one holds the next hop: `192.0.2.0/24`.
    pub next_hop: Option<Texts>,
    /// A number or a range: `100`, `ge 100`, `le 200`, `ge 100 le 200`. A route without MED counts as 0.
    pub med: Option<Text>,
    /// The same. A route without local preference counts as 100.
    pub local_pref: Option<Text>,
    /// `igp`, `egp` or `incomplete`.
    pub origin: Option<Texts>,
}

/// What a rule asks of the AS path. A set of ASes is written `65000`, `64512-65534`, `private` or several of these
/// with `|` between.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawAsPath {
    /// One of these ASes is somewhere in it.
    pub contains: Option<Texts>,
    /// The AS that the route came from is one of these.
    pub starts: Option<Texts>,
    /// The AS where the route began is one of these.
    pub origin: Option<Texts>,
    /// The length as route selection counts it, a number or a range.
    pub length: Option<Text>,
    /// The whole path, as a [pattern](super#patterns-of-as-paths).
    pub pattern: Option<Texts>,
}

/// What a rule asks of the communities, of all kinds: `65000:1`, `no-export`, `65000:1:2`, `rt:65000:1`,
/// `rt:[2001:db8::1]:1`. Numbers may be `*` or a range like `100-199`; `*` alone is any community at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table of any, all and none, like { any = [\"65000:*\"] }"
)]
pub struct RawCommunities {
    /// One of these is there.
    pub any: Option<Texts>,
    /// All of these are there.
    pub all: Option<Texts>,
    /// None of these is there.
    pub none: Option<Texts>,
}

/// What changes in a route that is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSet {
    /// The local preference.
    pub local_pref: Option<Text>,
    /// The MED: a number, or `remove`.
    pub med: Option<Text>,
    /// What is added to the MED; it may be negative. A route without MED counts as 0.
    pub add_med: Option<Text>,
    /// `igp`, `egp` or `incomplete`.
    pub origin: Option<Text>,
    /// `self`, `unchanged`, or an address of one or of each family.
    pub next_hop: Option<Texts>,
    /// These communities and no others, of any kind.
    pub communities: Option<Texts>,
    /// Communities that are added.
    pub add_communities: Option<Texts>,
    /// Communities that are removed, before others are added; `*` and ranges as in a match.
    pub remove_communities: Option<Texts>,
    /// An AS put in front of the AS path.
    #[serde(deserialize_with = "some_table")]
    pub prepend: Option<RawPrepend>,
}

/// An AS put in front of the AS path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawPrepend {
    /// Which; our own where not said.
    pub asn: Option<Text>,
    /// How many times; once where not said.
    pub times: Option<Text>,
}

/// A text, or a number taken as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

/// One text or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Texts {
    /// `"a"`.
    One(Text),
    /// `["a", "b"]`.
    Many(Vec<Text>),
}

impl<T: fmt::Display> From<T> for Text {
    fn from(value: T) -> Self {
        Text(value.to_string())
    }
}

impl<T: Into<Text>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        Texts::Many(texts.into_iter().map(Into::into).collect())
    }
}
