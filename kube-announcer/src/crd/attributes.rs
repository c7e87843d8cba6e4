//! What is said with a route, as written.

use super::{schema, text::Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is said with a route. What is not said is left to others that announce the same prefix, and then to BGP.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = schema::open)]
pub struct RawAttributes {
    /// Communities: 64512:100, or a name like no-export.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::communities")]
    pub communities: Vec<Text>,
    /// Large communities: 64512:1:2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::large_communities")]
    pub large_communities: Vec<Text>,
    /// The local preference. It counts inside of an AS only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::number")]
    pub local_pref: Option<Text>,
    /// The MED.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::number")]
    pub med: Option<Text>,
    /// How often our AS is put in front of the path once more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::prepend")]
    pub prepend: Option<Text>,
    /// self, internalIP, an address, or one of each family with a comma between.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::next_hop")]
    pub next_hop: Option<Text>,
}
