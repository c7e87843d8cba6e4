//! Path attributes: the table of them, and their types.

pub mod aggregator;
pub mod aigp;
pub mod as_path;
pub mod community;
pub mod next_hop;
pub mod set;
pub mod table;
pub mod tunnel_encap;
