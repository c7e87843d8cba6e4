//! From what is written to what is meant: all mistakes of an object at once, each with its field, its value, and what
//! to write instead.

mod advertisement;
mod leaf;
mod peer;

use super::{BgpAdvertisement, BgpPeer, LabelSelector, RawAttributes, Text};
use crate::{
    object::{Key, Kind},
    wish::{Advertisement, Attributes, Peer, Requirement, Selector},
};
use std::fmt;

/// What is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The object.
    pub object: Key,
    /// Where in it: `spec.timers.hold`; empty where it is all of it.
    pub field: String,
    /// The value, what is wrong with it and what to write, as a sentence.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mistake { object, field, message } = self;
        if field.is_empty() {
            return write!(f, "{object}: {message}");
        }
        write!(f, "{object}: {field}: {message}")
    }
}

impl std::error::Error for Mistake {}

/// Checks a BgpPeer.
///
/// # Errors
/// All mistakes in it.
pub fn peer(raw: &BgpPeer) -> Result<Peer, Vec<Mistake>> {
    let mut check = Check::new(Key::of(Kind::BgpPeer, &raw.metadata));
    let peer = check.peer(&raw.spec);
    check.done(peer)
}

/// Checks a BgpAdvertisement.
///
/// # Errors
/// All mistakes in it.
pub fn advertisement(raw: &BgpAdvertisement) -> Result<Advertisement, Vec<Mistake>> {
    let mut check = Check::new(Key::of(Kind::BgpAdvertisement, &raw.metadata));
    let advertisement = check.advertisement(&raw.spec);
    check.done(advertisement)
}

/// What is wrong with a leaf.
struct Wrong {
    problem: String,
    remedy: String,
}

/// The mistakes of an object, as they are found. Each reader gives `None` where it found one.
struct Check {
    object: Key,
    mistakes: Vec<Mistake>,
}

impl Check {
    fn new(object: Key) -> Self {
        let mut check = Check { object, mistakes: Vec::new() };
        let name = check.object.name.clone();
        check.one("metadata.name", Some(&(&*name).into()), leaf::own_name);
        check
    }

    fn done<T>(self, value: Option<T>) -> Result<T, Vec<Mistake>> {
        value.filter(|_| self.mistakes.is_empty()).ok_or(self.mistakes)
    }

    /// A sentence about a field.
    fn wrong(&mut self, field: &str, message: impl fmt::Display) {
        let (object, message) = (self.object.clone(), message.to_string());
        self.mistakes.push(Mistake { object, field: field.into(), message });
    }

    fn one<T>(
        &mut self,
        field: &str,
        text: Option<&Text>,
        parse: impl Fn(&Text) -> Result<T, Wrong>,
    ) -> Option<T> {
        let text = text?;
        let Wrong { problem, remedy } = match parse(text) {
            Ok(value) => return Some(value),
            Err(wrong) => wrong,
        };
        let value: String = text.to_string().chars().take(80).flat_map(char::escape_debug).collect();
        self.wrong(field, format_args!("\"{value}\" {problem}; write {remedy}"));
        None
    }

    /// A field that must be there.
    fn needed<T>(
        &mut self,
        field: &str,
        text: Option<&Text>,
        parse: impl Fn(&Text) -> Result<T, Wrong>,
    ) -> Option<T> {
        if text.is_none() {
            self.wrong(field, "is missing");
        }
        self.one(field, text, parse)
    }

    fn each<T>(&mut self, field: &str, texts: &[Text], parse: impl Fn(&Text) -> Result<T, Wrong>) -> Vec<T> {
        let texts = texts.iter().enumerate();
        texts.filter_map(|(at, text)| self.one(&format!("{field}[{at}]"), Some(text), &parse)).collect()
    }

    fn selector(&mut self, field: &str, raw: Option<&LabelSelector>) -> Selector {
        let Some(raw) = raw else { return Selector::default() };
        let mut requirements = Vec::new();
        for (key, value) in &raw.match_labels {
            let at = format!("{field}.matchLabels");
            if let Some(key) = self.one(&at, Some(&key.as_str().into()), leaf::key) {
                requirements.push(Requirement::In((*key).into(), vec![value.to_string().into()]));
            }
        }
        for (at, expression) in raw.match_expressions.iter().enumerate() {
            let at = format!("{field}.matchExpressions[{at}]");
            let key = self.needed(&format!("{at}.key"), expression.key.as_ref(), leaf::key);
            let values: Vec<_> = expression.values.iter().map(|value| value.to_string().into()).collect();
            let operators = [("In", true), ("NotIn", true), ("Exists", false), ("DoesNotExist", false)];
            let words = operators.map(|operator| (operator, operator.0));
            let operator =
                self.needed(&format!("{at}.operator"), expression.operator.as_ref(), leaf::word(&words));
            let (Some(key), Some((operator, with_values))) = (key, operator) else { continue };
            if with_values == values.is_empty() {
                let problem = if with_values { "needs values" } else { "takes no values" };
                self.wrong(&format!("{at}.values"), format_args!("{operator} {problem}"));
            }
            let key = (*key).into();
            requirements.push(match operator {
                "In" => Requirement::In(key, values),
                "NotIn" => Requirement::NotIn(key, values),
                "Exists" => Requirement::Exists(key),
                _ => Requirement::Absent(key),
            });
        }
        Selector(requirements)
    }

    fn attributes(&mut self, field: &str, raw: Option<&RawAttributes>) -> Attributes {
        let Some(raw) = raw else { return Attributes::default() };
        let at = |name: &str| format!("{field}.{name}");
        let plain = leaf::community("65000:1, or a name like no-export");
        let mut communities = self.each(&at("communities"), &raw.communities, plain);
        let large = leaf::community("three numbers, like 65000:1:2");
        let mut large_communities = self.each(&at("largeCommunities"), &raw.large_communities, large);
        communities.sort_unstable();
        communities.dedup();
        large_communities.sort_unstable();
        large_communities.dedup();
        let whole = 0..=i64::from(u32::MAX);
        Attributes {
            communities,
            large_communities,
            local_pref: self.one(&at("localPref"), raw.local_pref.as_ref(), leaf::number(whole.clone())),
            med: self.one(&at("med"), raw.med.as_ref(), leaf::number(whole)),
            prepend: self.one(&at("prepend"), raw.prepend.as_ref(), leaf::number(1..=32)),
            next_hop: self.one(&at("nextHop"), raw.next_hop.as_ref(), leaf::next_hop),
        }
    }
}
