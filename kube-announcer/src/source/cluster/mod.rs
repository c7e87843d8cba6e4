//! Objects of a cluster, as its API server has them.

mod access;

pub use access::Access;

/// The announcer's namespace where nothing else is said.
pub const NAMESPACE: &str = "kube-announcer";
