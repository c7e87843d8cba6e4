//! Policies: immutable values, resolved once, that cannot fail when they are asked.
//!
//! [`raw`] is what people write; [`check()`] resolves it and names every mistake at once; a [`Policy`] decides. Its rules
//! are asked in order, the first that matches decides, and a route that none matches is rejected. What the protocol
//! itself demands beside a user's policy is in [`standard`].
//!
//! # Speed
//!
//! Routes share attribute sets, and sessions have many routes. So a decision is taken in three parts, of which two are
//! made once and kept by the caller:
//!
//! * [`Policy::attribute_mask`], once for each attribute set: the rules that these attributes do not rule out,
//! * [`Policy::source_mask`], once for each peer or owner of local routes,
//! * [`Policy::decide`], for each prefix: the first rule in both whose prefix list has the prefix. It allocates nothing.
//!
//! ```
//! use bgp_daemon::policy::{self, Names, Source, Verdict, raw::RawPolicies};
//! use bgp_proto::attr::set::PathAttributes;
//!
//! let raw: RawPolicies = toml::from_str(r#"
//!     [from-transit]
//!     rules = [
//!       { match = { prefix = "10.0.0.0/8 le 32" }, then = "reject" },
//!       { match = { as_path = { pattern = "65000 * 65010" } }, set = { local_pref = 200 }, then = "accept" },
//!     ]
//! "#).unwrap();
//! let policies = policy::check(&raw, &Names::default()).unwrap();
//! let policy = policies.find("from-transit").unwrap();
//!
//! let route = PathAttributes { as_path: "65000 65001 65010".parse().unwrap(), ..PathAttributes::default() };
//! let attributes = policy.attribute_mask(&route, None);
//! let source = policy.source_mask(&Source::Local { owner: "config" });
//! let rule = policy.decide::<u32>(&attributes, &source, "192.0.2.0/24".parse().unwrap());
//! assert_eq!(policy.verdict(rule), Verdict::Accept);
//! assert_eq!(policy.reason(rule).to_string(), "accepted by policy from-transit, rules[1]");
//! let rule = policy.decide::<u32>(&attributes, &source, "10.1.0.0/16".parse().unwrap());
//! assert_eq!(policy.verdict(rule), Verdict::Reject);
//! ```
//!
//! # Patterns of AS paths
//!
//! A pattern describes a whole path, one word for each place in it:
//!
//! | word | stands for |
//! |---|---|
//! | `65000` | this AS, once |
//! | `64512-65534` | one AS of a range |
//! | `private` | one AS that is reserved for private use (RFC 6996) |
//! | `65000\|65001\|private` | one AS of several |
//! | `?` | one AS, whichever |
//! | `65000+`, `?+` | one or more of these in a row |
//! | `*` | any number of ASes, or none |
//!
//! So `65000 *` came from 65000, `* 65010` began in 65010, `* 65005 *` went through 65005, and `65000+ 65010+` went from
//! 65000 to 65010 directly, however often they prepend. An AS_SET is one place, and each of its members at once, as its
//! length is 1; confederation segments are not part of the path. Matching looks at each AS once.

mod as_path;
mod changes;
mod check;
mod communities;
mod mask;
mod mistake;
mod prefixes;
pub mod raw;
mod rule;
mod source;
mod span;
pub mod standard;

pub use changes::{Changes, NextHopChange};
pub use check::{Names, check};
pub(crate) use communities::AnyCommunity;
pub use mask::RuleMask;
pub use mistake::Mistake;
pub(crate) use mistake::Wrong;
pub use rule::{Rule, Verdict};
pub use source::{PeerName, Source};
pub(crate) use span::number;

use bgp_proto::{
    agreed::PeerKind,
    attr::{next_hop::NextHop, set::PathAttributes},
    prefix::{Address, Prefix},
};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// A policy: immutable, and cheap to clone. Equal where names and rules are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy(Arc<Resolved>);

#[derive(Debug, PartialEq, Eq)]
struct Resolved {
    name: Box<str>,
    rules: Box<[Rule]>,
    /// The rules that prefixes of 32 and of 128 bits can match.
    widths: [RuleMask; 2],
    needs_attributes: bool,
    needs_source: bool,
    needs_prefix: bool,
    /// What decides where no rule does.
    otherwise: Rule,
}

/// The number of a rule in its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIndex(u16);

impl RuleIndex {
    /// The number, from 0.
    pub fn number(self) -> u16 {
        self.0
    }
}

/// A number that was kept; of a rule that there is not, [`Policy::rule`] says that it rejects.
impl From<u16> for RuleIndex {
    fn from(number: u16) -> Self {
        RuleIndex(number)
    }
}

impl Policy {
    fn new(name: &str, rules: Box<[Rule]>) -> Self {
        Policy(Arc::new(Resolved {
            name: name.into(),
            widths: [
                RuleMask::new(rules.len(), |rule| rules[rule].width_holds::<u32>()),
                RuleMask::new(rules.len(), |rule| rules[rule].width_holds::<u128>()),
            ],
            needs_attributes: rules.iter().any(|rule| !rule.attributes.is_empty()),
            needs_source: rules.iter().any(|rule| !rule.sources.is_empty()),
            needs_prefix: rules.iter().any(|rule| rule.prefixes.is_some()),
            rules,
            otherwise: Rule::always(Verdict::Reject),
        }))
    }

    /// The built-in policy `all`: accepts every route as it is.
    pub fn all() -> Policy {
        Policy::new("all", [Rule::always(Verdict::Accept)].into())
    }

    /// The built-in policy `none`: rejects every route.
    pub fn none() -> Policy {
        Policy::new("none", [].into())
    }

    /// The policy where none is configured: `none` for eBGP (RFC 8212), `all` inside the AS and the confederation.
    pub fn default_for(kind: PeerKind) -> Policy {
        match kind {
            PeerKind::External => Policy::none(),
            PeerKind::Internal | PeerKind::Confederation => Policy::all(),
        }
    }

    /// Whether it rejects every route.
    pub fn is_none(&self) -> bool {
        self.0.rules.iter().all(|rule| rule.verdict() == Verdict::Reject)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.0.rules
    }

    /// Whether any rule asks for attributes or the next hop. If not, every attribute set has the same mask.
    pub fn needs_attributes(&self) -> bool {
        self.0.needs_attributes
    }

    /// Whether any rule asks where the route came from. If not, every source has the same mask.
    pub fn needs_source(&self) -> bool {
        self.0.needs_source
    }

    /// Whether any rule asks for the prefix. If not, one decision holds for all prefixes of a family that have the same
    /// attributes and source.
    pub fn needs_prefix(&self) -> bool {
        self.0.needs_prefix
    }

    /// The rules that a route with these attributes can match.
    pub fn attribute_mask(&self, attributes: &PathAttributes, next_hop: Option<NextHop>) -> RuleMask {
        let Resolved { rules, needs_attributes, .. } = &*self.0;
        RuleMask::new(rules.len(), |rule| {
            !needs_attributes || rules[rule].attributes_hold(attributes, next_hop)
        })
    }

    /// The rules that a route from there can match.
    pub fn source_mask(&self, source: &Source<'_>) -> RuleMask {
        let Resolved { rules, needs_source, .. } = &*self.0;
        RuleMask::new(rules.len(), |rule| !needs_source || rules[rule].source_holds(source))
    }

    /// The rule that decides on a prefix, of those in both masks, which are this policy's. `None`: no rule matches, and
    /// the route is rejected.
    #[inline]
    pub fn decide<A: Address>(
        &self,
        attributes: &RuleMask,
        source: &RuleMask,
        prefix: Prefix<A>,
    ) -> Option<RuleIndex> {
        let Resolved { rules, widths: [narrow, wide], .. } = &*self.0;
        let width = if A::WIDTH == 32 { narrow } else { wide };
        let words = attributes.words().iter().zip(source.words()).zip(width.words());
        for (at, ((attributes, source), width)) in words.enumerate() {
            let mut left = attributes & source & width;
            while left != 0 {
                let number = at * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                let prefixes = &rules[number].prefixes;
                if prefixes.as_ref().is_none_or(|list| list.contains(prefix)) {
                    // At most u16::MAX rules: checked.
                    return Some(RuleIndex(number as u16));
                }
            }
        }
        None
    }

    /// The rule that decided. Where none did, or the number is another policy's, one that rejects.
    #[inline]
    pub fn rule(&self, decision: Option<RuleIndex>) -> &Rule {
        decision.and_then(|index| self.0.rules.get(usize::from(index.0))).unwrap_or(&self.0.otherwise)
    }

    /// What the decision says.
    #[inline]
    pub fn verdict(&self, decision: Option<RuleIndex>) -> Verdict {
        self.rule(decision).verdict()
    }

    /// The decision in words.
    pub fn reason(&self, decision: Option<RuleIndex>) -> Reason<'_> {
        Reason { policy: self, decision }
    }

    /// The first rule that writes `next_hop = "self"` or `"unchanged"`, which say nothing about a route that comes in.
    pub fn only_for_export(&self) -> Option<RuleIndex> {
        let words = |rule: &Rule| {
            let next_hop = rule.changes().and_then(Changes::next_hop);
            matches!(next_hop, Some(NextHopChange::Own | NextHopChange::Unchanged))
        };
        self.0.rules.iter().position(words).map(|number| RuleIndex(number as u16))
    }
}

/// Why a policy decided as it did: `accepted by policy from-cluster, rules[0] "pods"`.
#[derive(Clone, Copy, Debug)]
pub struct Reason<'a> {
    policy: &'a Policy,
    decision: Option<RuleIndex>,
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.policy.rule(self.decision);
        write!(f, "{} by policy {}", rule.verdict(), self.policy.name())?;
        match (self.decision, rule.name()) {
            _ if Policies::BUILT_IN.contains(&self.policy.name()) => Ok(()),
            (None, _) => f.write_str(": no rule matches"),
            (Some(index), None) => write!(f, ", rules[{}]", index.0),
            (Some(index), Some(name)) => write!(f, ", rules[{}] \"{}\"", index.0, name.escape_debug()),
        }
    }
}

/// Checked policies by name, `all` and `none` among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies(BTreeMap<String, Policy>);

impl Policies {
    pub(crate) const BUILT_IN: [&str; 2] = ["all", "none"];

    /// The policy of this name.
    pub fn find(&self, name: &str) -> Option<&Policy> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.0.values()
    }

    /// How many were written, beside those that are built in.
    pub(crate) fn written(&self) -> usize {
        self.0.len() - Policies::BUILT_IN.len()
    }

    /// The policy that a configuration names at `path`.
    ///
    /// # Errors
    /// There is none of this name; the mistake says which there are.
    pub fn resolve(&self, path: &str, name: &str) -> Result<Policy, Mistake> {
        self.find(name).cloned().ok_or_else(|| {
            let names: Vec<_> = self.0.keys().map(String::as_str).collect();
            let wrong = Wrong::new(name, "is no policy", format_args!("one of {}", names.join(", ")));
            Mistake { path: path.into(), message: wrong.0 }
        })
    }
}

impl Default for Policies {
    fn default() -> Self {
        let built_in = [Policy::all(), Policy::none()].map(|policy| (policy.name().to_owned(), policy));
        Policies(built_in.into())
    }
}
