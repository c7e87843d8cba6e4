//! `BgpPeer` as written: whom nodes talk to.

use super::{attributes::RawAttributes, schema, selector::LabelSelector, status::Conditions, text::Text};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A router, or several, that nodes talk to.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kube-announcer.io",
    version = "v1alpha1",
    kind = "BgpPeer",
    plural = "bgppeers",
    status = "Conditions",
    derive = "PartialEq",
    doc = "Whom nodes talk BGP with.",
    printcolumn = r#"{"name":"Local AS","type":"integer","jsonPath":".spec.localAsn"}"#,
    printcolumn = r#"{"name":"AS","type":"string","jsonPath":".spec.asn"}"#,
    printcolumn = r#"{"name":"Address","type":"string","jsonPath":".spec.address"}"#,
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.conditions[?(@.type==\"Accepted\")].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(
    transform = schema::open,
    extend("x-kubernetes-validations" = [
        { "rule": "has(self.localAsn) && has(self.asn)", "message": "write localAsn and asn" },
        {
            "rule": "[has(self.address), has(self.gateway) && self.gateway, has(self.interface), has(self.addressFrom), has(self.nodes)].filter(place, place).size() == 1",
            "message": "write one of address, gateway: true, interface, addressFrom and nodes",
        },
        {
            "rule": "!(has(self.ttlSecurity) && self.ttlSecurity && has(self.multihop))",
            "message": "ttlSecurity is for a peer on a link of ours, multihop for one farther away; write one of them",
        },
    ])
)]
pub struct BgpPeerSpec {
    /// The nodes that talk to it; all, where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<LabelSelector>,
    /// The nodes' AS.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::local_asn")]
    pub local_asn: Option<Text>,
    /// The peer's AS: a number, internal (the nodes' own) or external (any other).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::asn")]
    pub asn: Option<Text>,
    /// The peer's address; a link-local one with its interface, like fe80::1%eth1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::address")]
    pub address: Option<Text>,
    /// Every default gateway of the node is a peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::flag")]
    pub gateway: Option<Text>,
    /// Whoever is at the other end of this interface's link.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::interface")]
    pub interface: Option<Text>,
    /// The address stands at each node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_from: Option<AddressFrom>,
    /// A mesh of the chosen nodes: each of them talks to all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Mesh>,
    /// The port that is dialled; 179 where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::port")]
    pub port: Option<Text>,
    /// The Secret with the password, in our own namespace, under the key password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<SecretRef>,
    /// The peer is on a link of ours, and what comes from farther away is dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::flag")]
    pub ttl_security: Option<Text>,
    /// The peer is up to so many hops away.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::multihop")]
    pub multihop: Option<Text>,
    /// The times of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timers: Option<RawTimers>,
    /// ipv4, ipv6 or both; both where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::families")]
    pub families: Option<Vec<Text>>,
    /// What the peer does while we restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graceful_restart: Option<RawGracefulRestart>,
    /// BFD beside the session: a broken path is found within a fraction of a second. Off, where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bfd: Option<RawBfd>,
    /// What is taken from the peer; nothing, where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<RawImport>,
    /// What is said to this peer with every route, before what an announcement says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<RawAttributes>,
}

/// Where at the node the address stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(
    transform = schema::open,
    extend("x-kubernetes-validations" = [{ "rule": "has(self.annotation)", "message": "write annotation" }])
)]
pub struct AddressFrom {
    /// In this annotation: an address, or several with commas between.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::key")]
    pub annotation: Option<Text>,
}

/// Nodes that talk to each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = schema::open)]
pub struct Mesh {
    /// Which; all, where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// A Secret in our own namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(
    transform = schema::open,
    extend("x-kubernetes-validations" = [{ "rule": "has(self.name)", "message": "write name" }])
)]
pub struct SecretRef {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name")]
    pub name: Option<Text>,
}

/// The times of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(
    transform = schema::open,
    extend("x-kubernetes-validations" = [{
        "rule": "!has(self.keepalive) || (duration(self.keepalive) > duration('0s') && duration(self.keepalive) + duration(self.keepalive) + duration(self.keepalive) <= duration(has(self.hold) ? self.hold : '90s'))",
        "message": "write a keepalive of at most a third of hold",
    }])
)]
pub struct RawTimers {
    /// How long the peer may be silent; 0s: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::hold")]
    pub hold: Option<Text>,
    /// How often we say that we are there; a third of hold where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub keepalive: Option<Text>,
    /// How long a dial may take, and how long until the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::connect_retry")]
    pub connect_retry: Option<Text>,
}

/// What the peer does while we restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = schema::open)]
pub struct RawGracefulRestart {
    /// How long it waits for us; 120s where not said, 0s: it forgets our routes at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::restart_time")]
    pub restart_time: Option<Text>,
}

/// How fast a broken path is to be found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = schema::open)]
pub struct RawBfd {
    /// How often packets go each way; 300ms where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bfd_interval")]
    pub interval: Option<Text>,
    /// After so many missing in a row the path counts as broken; 3 where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bfd_multiplier")]
    pub multiplier: Option<Text>,
}

/// What is taken from a peer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = schema::open)]
pub struct RawImport {
    /// Prefixes with lengths, like 10.0.0.0/8 le 24.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::accept")]
    pub accept: Vec<Text>,
    /// The pod ranges of other nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::flag")]
    pub pod_routes: Option<Text>,
    /// Routes whose path has our AS already: between nodes of one AS, through routers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::flag")]
    pub allow_own_asn: Option<Text>,
    /// The most prefixes of a family that the peer may send.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::number")]
    pub max_prefixes: Option<Text>,
}
