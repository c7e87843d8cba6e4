//! What a Kubernetes cluster makes reachable on a node, decided as plain values: objects in, a plan out.

#![deny(missing_docs)]

pub mod check_host;
mod clock;
pub mod crd;
pub mod demo;
pub mod manifests;
pub mod object;
pub mod plan;
pub mod report;
pub mod router_config;
pub mod run;
pub mod snapshot;
pub mod source;
pub mod speak;
pub mod status;
pub mod wish;
