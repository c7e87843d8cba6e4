//! The lab: namespaces, real routers and a real control plane as values that clean up after themselves.
