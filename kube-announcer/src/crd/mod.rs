//! Our own kinds of objects, as people write them, and [`check`](mod@check): from what is written to what is meant.
//!
//! One word, one form: what a TOML file of the daemon says in snake_case stands here in camelCase. Every leaf is read
//! whatever it is, so that all mistakes of an object are found at once; the API server refuses the same by schema and CEL.

mod advertisement;
mod attributes;
pub mod check;
mod peer;
mod probe;
mod schema;
mod selector;
mod status;
mod text;

pub use advertisement::{
    BgpAdvertisement, BgpAdvertisementSpec, RawAggregate, RawDrain, RawPodCidrs, RawPodPrefixes, RawPods,
    RawRequire, RawServiceCidrs, RawServices, RawSource, RawTunnelIps,
};
pub use attributes::RawAttributes;
pub use peer::{
    AddressFrom, BgpPeer, BgpPeerSpec, Mesh, RawBfd, RawGracefulRestart, RawImport, RawTimers, SecretRef,
};
pub use probe::{RawKubeProxy, RawProbe};
pub use selector::{LabelExpression, LabelSelector};
pub use status::{BgpNodeState, BgpNodeStateSpec, Condition, Conditions, NodeState, PeerState};
pub use text::Text;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// The definitions of all kinds of ours, for `kubectl apply`.
pub fn definitions() -> [CustomResourceDefinition; 3] {
    [BgpPeer::crd(), BgpAdvertisement::crd(), BgpNodeState::crd()]
}
