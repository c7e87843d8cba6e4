//! What a node asks of itself, as a source of a `BgpAdvertisement` writes it.

use super::{schema, text::Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a node asks of itself before it announces. One of these. A node that fails leaves to others what others announce
/// too; what it announces alone stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(
    transform = schema::open,
    extend("x-kubernetes-validations" = [{
        "rule": "has(self.kubeProxy) != (has(self.healthCheckNodePort) && self.healthCheckNodePort)",
        "message": "write kubeProxy or healthCheckNodePort: true, one of the two",
    }])
)]
pub struct RawProbe {
    /// Whether the service proxy of the node is healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kube_proxy: Option<RawKubeProxy>,
    /// Whether the service proxy has endpoints of the Service on the node, at the Service's healthCheckNodePort. A
    /// Service without one is announced as if nothing was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::flag")]
    pub health_check_node_port: Option<Text>,
}

/// Where the service proxy says how it is: GET /healthz.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = schema::open)]
pub struct RawKubeProxy {
    /// The port; 10256 where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::port")]
    pub port: Option<Text>,
}
