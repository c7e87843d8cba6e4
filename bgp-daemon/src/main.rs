//! The program `bgp-daemon`: a BGP speaker for a Linux node or a router.

fn main() {}
