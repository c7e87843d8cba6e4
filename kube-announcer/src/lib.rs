//! Announces what a Kubernetes cluster makes reachable on a node: pod networks, Services, tunnel addresses.

pub mod router_config;
