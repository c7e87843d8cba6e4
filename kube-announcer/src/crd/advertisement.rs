//! `BgpAdvertisement` as written: what nodes announce, from where, to whom.

use super::{
    attributes::RawAttributes, probe::RawProbe, schema, selector::LabelSelector, status::Conditions,
    text::Text,
};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What nodes announce.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kube-announcer.io",
    version = "v1alpha1",
    kind = "BgpAdvertisement",
    plural = "bgpadvertisements",
    status = "Conditions",
    derive = "PartialEq",
    doc = "What nodes announce, from where and to whom.",
    printcolumn = r#"{"name":"Peers","type":"string","jsonPath":".spec.peers"}"#,
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.conditions[?(@.type==\"Accepted\")].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(
    transform = schema::open,
    extend("x-kubernetes-validations" = [
        { "rule": "has(self.sources) && size(self.sources) > 0", "message": "write at least one source" },
    ])
)]
pub struct BgpAdvertisementSpec {
    /// The BgpPeers that are told; all, where not said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::names")]
    pub peers: Vec<Text>,
    /// The nodes that announce; all, where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<LabelSelector>,
    /// Where addresses must lie that users of a namespace can write: LoadBalancerIP, ExternalIP, tunnelIps, podPrefixes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::cidrs")]
    pub allowed_cidrs: Vec<Text>,
    /// Where prefixes come from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("maxItems" = 64))]
    pub sources: Vec<RawSource>,
    /// What becomes of a Service without endpoints: withdraw or keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::when_no_endpoints")]
    pub when_no_endpoints: Option<Text>,
    /// Nodes with the label node.kubernetes.io/exclude-from-external-load-balancers announce no LoadBalancerIP; true
    /// where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::flag")]
    pub honour_exclude_label: Option<Text>,
    /// When a node stops announcing Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain: Option<RawDrain>,
    /// What is said with the routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<RawAttributes>,
}

/// When a node stops announcing Services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = schema::open)]
pub struct RawDrain {
    /// While it has one of these taints: key, key=value or key:effect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::taints")]
    pub on_taints: Vec<Text>,
}

/// Where prefixes come from. One of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(
    transform = schema::open,
    extend("x-kubernetes-validations" = [{
        "rule": "[has(self.podCidrs), has(self.pods), has(self.serviceCidrs), has(self.services), has(self.tunnelIps), has(self.podPrefixes), has(self.prefixes)].filter(source, source).size() == 1",
        "message": "write one of podCidrs, pods, serviceCidrs, services, tunnelIps, podPrefixes and prefixes",
    }])
)]
pub struct RawSource {
    /// The node's pod ranges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_cidrs: Option<RawPodCidrs>,
    /// Addresses of the node's pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<RawPods>,
    /// Ranges of ClusterIPs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_cidrs: Option<RawServiceCidrs>,
    /// Addresses of Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<RawServices>,
    /// Addresses of tunnels, from an annotation of Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnel_ips: Option<RawTunnelIps>,
    /// Ranges behind the node's pods, from an annotation of theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_prefixes: Option<RawPodPrefixes>,
    /// These prefixes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cidrs")]
    pub prefixes: Option<Vec<Text>>,
}

/// The node's pod ranges, with nothing to say about them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(transform = schema::open)]
pub struct RawPodCidrs {}

/// Addresses of the node's pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = schema::open)]
pub struct RawPods {
    /// Which pods; all, where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// Of these namespaces; of all, where not said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::names")]
    pub namespaces: Vec<Text>,
    /// Only while the pod is Ready; true where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::flag")]
    pub only_ready: Option<Text>,
}

/// Ranges of ClusterIPs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = schema::open)]
pub struct RawServiceCidrs {
    /// These, in place of what the ServiceCIDR objects say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::cidrs")]
    pub cidrs: Vec<Text>,
}

/// Addresses of Services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = schema::open)]
pub struct RawServices {
    /// ClusterIP, ExternalIP, LoadBalancerIP; LoadBalancerIP where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::address_kinds")]
    pub addresses: Option<Vec<Text>>,
    /// Which Services; all, where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// Of these namespaces; of all, where not said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::names")]
    pub namespaces: Vec<Text>,
    /// LoadBalancerIPs of these classes too, beside those of Services without a class.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::names")]
    pub load_balancer_classes: Vec<Text>,
    /// Which nodes: policy (as the Service's traffic policy says), endpoints (only those that hold one) or all; policy
    /// where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::services_from")]
    pub from: Option<Text>,
    /// Announce covering ranges instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<RawAggregate>,
    /// What a node asks of itself before it announces; nothing, where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<RawProbe>,
}

/// The lengths of covering ranges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = schema::open)]
pub struct RawAggregate {
    /// Of IPv4 addresses; 32 where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::length::<8, 32>")]
    pub ipv4: Option<Text>,
    /// Of IPv6 addresses; 128 where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::length::<16, 128>")]
    pub ipv6: Option<Text>,
}

/// Addresses of tunnels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(
    transform = schema::open,
    extend("x-kubernetes-validations" = [
        { "rule": "has(self.from)", "message": "write from: Local (MPLS tunnels) or Cluster (GRE tunnels)" },
        {
            "rule": "(has(self.from) && self.from == 'Cluster') == has(self.require)",
            "message": "from: Cluster needs require, the pods that run the tunnel router, and from: Local takes none",
        },
    ])
)]
pub struct RawTunnelIps {
    /// Local: nodes with a ready endpoint. Cluster: nodes where a pod chosen by require is Ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tunnels_from")]
    pub from: Option<Text>,
    /// The annotation with the addresses; cmd.nu/tunnel where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::key")]
    pub annotation: Option<Text>,
    /// Which Services; all, where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// Of these namespaces; of all, where not said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::names")]
    pub namespaces: Vec<Text>,
    /// The pods that run the tunnel router.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require: Option<RawRequire>,
    /// What a node asks of itself before it announces; nothing, where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<RawProbe>,
}

/// Pods of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(
    transform = schema::open,
    extend("x-kubernetes-validations" = [{
        "rule": "has(self.namespace) && has(self.podSelector)",
        "message": "write namespace and podSelector: without a namespace anybody's pod could draw traffic to its node",
    }])
)]
pub struct RawRequire {
    /// Their namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name")]
    pub namespace: Option<Text>,
    /// Which of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
}

/// Ranges behind the node's pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = schema::open)]
pub struct RawPodPrefixes {
    /// The annotation with the ranges; kube-announcer.io/prefixes where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::key")]
    pub annotation: Option<Text>,
    /// Which pods; all, where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// Of these namespaces; of all, where not said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::names")]
    pub namespaces: Vec<Text>,
}
