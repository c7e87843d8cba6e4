//! The codec of `bgp-proto` beside the other published ones: the same messages through each, everything read back,
//! and the same sum over what was read. And the traffic that the RIB is fed with.

pub mod adapter;
pub mod cases;
pub mod cluster;
pub mod load;
pub mod measure;
pub mod meter;
pub mod replay;
pub mod sum;
pub mod table;
pub mod traffic;
