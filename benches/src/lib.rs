//! The codec of `bgp-proto` beside the other published ones: the same messages through each, everything read back,
//! and the same sum over what was read.

pub mod adapter;
pub mod cases;
pub mod replay;
pub mod sum;
pub mod table;
