//! `Service`: its addresses, and how traffic to them is spread.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

/// A Service.
#[derive(Resource, Clone, Debug, Default, PartialEq, Deserialize)]
#[resource(inherit = k8s_openapi::api::core::v1::Service)]
#[serde(default)]
pub struct Service {
    /// Name, labels, annotations.
    #[serde(deserialize_with = "super::meta::read")]
    pub metadata: ObjectMeta,
    /// What was asked for.
    pub spec: ServiceSpec,
    /// What is.
    pub status: ServiceStatus,
}

/// The part of a Service that somebody wrote.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceSpec {
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The first of the cluster's own addresses, or `None` where it is headless.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: Option<String>,
    /// The cluster's own addresses.
    #[serde(rename = "clusterIPs")]
    pub cluster_ips: Vec<String>,
    /// Addresses that a user wrote.
    #[serde(rename = "externalIPs")]
    pub external_ips: Vec<String>,
    /// `Local` or `Cluster`, for addresses outside of the cluster.
    pub external_traffic_policy: Option<String>,
    /// `Local` or `Cluster`, for the cluster's own addresses.
    pub internal_traffic_policy: Option<String>,
    /// Who gives it addresses.
    pub load_balancer_class: Option<String>,
    /// Where each node says whether it has endpoints; 0 where there is none.
    pub health_check_node_port: u16,
    /// Its ports.
    pub ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ServicePort {
    /// The number.
    pub port: u16,
    /// `TCP`, `UDP` or `SCTP`; `TCP` where not said.
    pub protocol: Option<String>,
}

/// The part of a Service that the cluster wrote.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceStatus {
    /// What the load balancer gave.
    pub load_balancer: LoadBalancer,
}

/// What a load balancer gave a Service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LoadBalancer {
    /// Where traffic comes in.
    pub ingress: Vec<Ingress>,
}

/// A place where traffic comes in.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Ingress {
    /// The address; none where it is a name.
    pub ip: Option<String>,
    /// `VIP` or `Proxy`; `VIP` where not said.
    pub ip_mode: Option<String>,
}
