//! A label selector as written.

use super::{schema, text::Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Chooses objects by their labels. All that is said must hold; nothing said chooses everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = schema::open)]
pub struct LabelSelector {
    /// Labels with their values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "maxProperties" = 64,
        "x-kubernetes-validations" = [{
            "rule": "self.all(key, key.matches('^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$'))",
            "message": "write keys of labels, like example.com/rack",
        }]
    ))]
    pub match_labels: BTreeMap<String, Text>,
    /// What else must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("maxItems" = 64))]
    pub match_expressions: Vec<LabelExpression>,
}

/// What must hold of one label.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(
    transform = schema::open,
    extend("x-kubernetes-validations" = [
        {
            "rule": "has(self.key) && has(self.operator)",
            "message": "write key and operator",
        },
        {
            "rule": "!has(self.operator) || (self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
            "message": "In and NotIn need values, Exists and DoesNotExist take none",
        },
    ])
)]
pub struct LabelExpression {
    /// The label.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::key")]
    pub key: Option<Text>,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::operator")]
    pub operator: Option<Text>,
    /// Values for `In` and `NotIn`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("maxItems" = 64))]
    pub values: Vec<Text>,
}
