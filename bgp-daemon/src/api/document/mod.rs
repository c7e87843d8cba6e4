//! What the API says, as documents with stable names: `docs/api.md` describes them, and a test holds it to that.

mod attributes;
mod kernel;
mod peer;
mod route;

pub(crate) use attributes::hex;
pub use attributes::{Attributes, Other};
pub use kernel::Kernel;
pub use peer::{Bfd, Counts, Ended, Fault, Messages, Peer};
pub use route::{Export, From, Prefix, Route, Why};

use crate::rib;
use serde::{Deserialize, Serialize};

/// The speaker as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The version of the program.
    pub version: String,
    /// Our AS.
    pub asn: u32,
    /// Our identifier.
    pub router_id: String,
    /// For how many seconds the speaker has been running.
    pub seconds: u64,
    /// How many peers are known.
    pub peers: u64,
    /// How many of them have a session.
    pub established: u64,
}

/// A policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub policy: String,
    /// Its rules, in order: the first that matches decides.
    pub rules: Vec<Rule>,
    /// Whose routes are accepted by it.
    pub import: Vec<String>,
    /// Who is told routes by it.
    pub export: Vec<String>,
}

/// A rule of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub name: Option<String>,
    /// What becomes of a route that matches: `accepted` or `rejected`.
    pub verdict: String,
    /// Whether it changes anything in a route that it accepts.
    pub changes: bool,
}

/// A group of peers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub group: String,
    /// From where its peers may connect without being configured one by one.
    pub accept_from: Vec<String>,
    /// How many such peers there may be at a time.
    pub max_peers: u64,
    /// How many peers are in it, configured ones included.
    pub peers: u64,
    /// How many of them have a session.
    pub established: u64,
    /// What is accepted from them, and what they are told; `null`: what the kind of session says.
    pub import: Option<String>,
    /// The policy for what they are told.
    pub export: Option<String>,
}

/// How much there is, and the memory that it takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Prefixes with at least one route.
    pub prefixes: u64,
    /// Routes, learned and our own.
    pub routes: u64,
    /// Different sets of path attributes.
    pub attribute_sets: u64,
    /// Octets that tables and attribute sets take.
    pub tables_octets: u64,
    /// Octets of memory that the process holds, as the kernel counts.
    pub resident_octets: Option<u64>,
}

/// The configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The file that it was read from.
    pub file: Option<String>,
    /// Its text, with passwords left out.
    pub text: Option<String>,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// As a sentence.
    pub done: String,
}

/// What another configuration would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// What would change in the configuration, a line each.
    pub changes: Vec<String>,
    /// What peers would be told by that, those who would be told something.
    pub peers: Vec<Difference>,
}

/// What a peer would be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The peer.
    pub peer: String,
    /// Prefixes that it is not told of now.
    pub gained: Sample,
    /// Prefixes that it is told of and then would not be.
    pub lost: Sample,
    /// Prefixes that it would be told of with other attributes.
    pub changed: Sample,
}

/// Prefixes: how many, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub prefixes: Vec<String>,
}

impl Difference {
    /// Of what was found out.
    pub fn of(peer: String, found: &rib::Difference) -> Self {
        let sample = |sample: &rib::Sample| Sample {
            count: sample.count,
            prefixes: sample.prefixes.iter().map(ToString::to_string).collect(),
        };
        let (gained, lost, changed) = (sample(&found.gained), sample(&found.lost), sample(&found.changed));
        Difference { peer, gained, lost, changed }
    }
}
