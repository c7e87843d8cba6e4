//! `Node`: what it is called by, where it is, and whether it is about to go.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

/// A node of the cluster.
#[derive(Resource, Clone, Debug, Default, PartialEq, Deserialize)]
#[resource(inherit = k8s_openapi::api::core::v1::Node)]
#[serde(default)]
pub struct Node {
    /// Name, labels, annotations.
    #[serde(deserialize_with = "super::meta::read")]
    pub metadata: ObjectMeta,
    /// What was asked for.
    pub spec: NodeSpec,
    /// What is.
    pub status: NodeStatus,
}

/// The part of a Node that somebody wrote.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeSpec {
    /// The first of the pod ranges.
    #[serde(rename = "podCIDR")]
    pub pod_cidr: Option<String>,
    /// The pod ranges, at most one of each family.
    #[serde(rename = "podCIDRs")]
    pub pod_cidrs: Vec<String>,
    /// What keeps pods away.
    pub taints: Vec<Taint>,
    /// Cordoned.
    pub unschedulable: bool,
}

/// A taint.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Taint {
    /// Its name.
    pub key: String,
    /// Its value, if any.
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

/// The part of a Node that the cluster wrote.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    /// Its addresses, of all kinds.
    pub addresses: Vec<NodeAddress>,
    /// How it is.
    pub conditions: Vec<Condition>,
}

/// An address of a node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct NodeAddress {
    /// `InternalIP`, `ExternalIP`, `Hostname` and others.
    #[serde(rename = "type")]
    pub kind: String,
    /// The address.
    pub address: String,
}

/// A condition of a Node or a Pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// For people.
    pub message: Option<String>,
}
