//! `Pod`: its addresses, its node, and whether it is ready.

use super::node::Condition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

/// A pod.
#[derive(Resource, Clone, Debug, Default, PartialEq, Deserialize)]
#[resource(inherit = k8s_openapi::api::core::v1::Pod)]
#[serde(default)]
pub struct Pod {
    /// Name, labels, annotations, when it was made and whether it is being deleted.
    #[serde(deserialize_with = "super::meta::read")]
    pub metadata: ObjectMeta,
    /// What was asked for.
    pub spec: PodSpec,
    /// What is.
    pub status: PodStatus,
}

/// The part of a Pod that somebody wrote.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    /// The node that it is on.
    pub node_name: Option<String>,
    /// It has the node's addresses and none of its own.
    pub host_network: bool,
}

/// The part of a Pod that its node wrote.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: Option<String>,
    /// How it is.
    pub conditions: Vec<Condition>,
    /// The first of its addresses.
    #[serde(rename = "podIP")]
    pub pod_ip: Option<String>,
    /// Its addresses, at most one of each family.
    #[serde(rename = "podIPs")]
    pub pod_ips: Vec<PodIp>,
}

/// An address of a pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PodIp {
    /// The address.
    pub ip: String,
}
