//! `ServiceCIDR`: ranges that ClusterIPs come from.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

/// Ranges that ClusterIPs come from.
#[derive(Resource, Clone, Debug, Default, PartialEq, Deserialize)]
#[resource(inherit = k8s_openapi::api::networking::v1::ServiceCIDR)]
#[serde(default)]
pub struct ServiceCidr {
    /// Its name.
    #[serde(deserialize_with = "super::meta::read")]
    pub metadata: ObjectMeta,
    /// What was asked for.
    pub spec: ServiceCidrSpec,
}

/// The ranges.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ServiceCidrSpec {
    /// At most one of each family.
    pub cidrs: Vec<String>,
}
