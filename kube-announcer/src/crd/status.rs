//! What is said back: conditions of what people wrote, and how each node is doing.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What became of a BgpPeer or BgpAdvertisement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Conditions {
    /// One of each type. A server may hold null here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
}

/// One thing that became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Accepted`, `Overlapping`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// The generation that this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the status last changed.
    pub last_transition_time: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
}

/// How a node is doing. Its object has the node's name and is owned by the Node.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kube-announcer.io",
    version = "v1alpha1",
    kind = "BgpNodeState",
    plural = "bgpnodestates",
    status = "NodeState",
    derive = "PartialEq",
    doc = "What a node's announcer sees, written by itself.",
    printcolumn = r#"{"name":"Peers up","type":"string","jsonPath":".status.peersUp"}"#,
    printcolumn = r#"{"name":"Prefixes","type":"integer","jsonPath":".status.announced"}"#,
    printcolumn = r#"{"name":"Refused","type":"integer","jsonPath":".status.refused"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
pub struct BgpNodeStateSpec {}

/// How a node is doing: small, whatever the size of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeState {
    /// Sessions that are up, of all: `2/3`.
    pub peers_up: String,
    /// The sessions.
    #[schemars(extend("maxItems" = 1000))]
    pub peers: Vec<PeerState>,
    /// Prefixes that are announced.
    pub announced: i64,
    /// Prefixes that are announced, by source.
    pub sources: BTreeMap<String, i64>,
    /// Prefixes that are not, by the code of the reason.
    pub reasons: BTreeMap<String, i64>,
    /// How many things are refused.
    pub refused: i64,
    /// The first of them, each as a sentence.
    #[schemars(extend("maxItems" = 100))]
    pub refusals: Vec<String>,
}

/// How a session is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PeerState {
    /// The BgpPeer.
    pub name: String,
    /// Whom it is with.
    pub address: String,
    /// `Established` or `Down`.
    pub state: String,
    /// Since when it is up or down.
    pub since: String,
    /// What ended the last connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}
