//! `EndpointSlice`: on which nodes a Service has endpoints, and in which condition.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

/// The label that names a slice's Service.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// A slice of a Service's endpoints.
#[derive(Resource, Clone, Debug, Default, PartialEq, Deserialize)]
#[resource(inherit = k8s_openapi::api::discovery::v1::EndpointSlice)]
#[serde(default, rename_all = "camelCase")]
pub struct EndpointSlice {
    /// Name and labels, of which [`SERVICE_NAME`] counts.
    #[serde(deserialize_with = "super::meta::read")]
    pub metadata: ObjectMeta,
    /// `IPv4`, `IPv6` or `FQDN`.
    pub address_type: String,
    /// The endpoints; an empty list may be written as null.
    pub endpoints: Option<Vec<Endpoint>>,
}

/// An endpoint. Its addresses say nothing that a plan needs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Endpoint {
    /// The node that it is on, where it is on one.
    pub node_name: Option<String>,
    /// How it is.
    pub conditions: Conditions,
}

/// How an endpoint is. What is not said counts as Kubernetes says it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// It takes new connections; true where not said.
    pub ready: Option<bool>,
    /// It still answers; the same as `ready` where not said.
    pub serving: Option<bool>,
    /// It is about to go; false where not said.
    pub terminating: Option<bool>,
}
