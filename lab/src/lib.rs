//! The lab: namespaces, real routers and a real control plane as values that clean up after themselves.
//!
//! ```no_run
//! use lab::{BIRD, Config, Lab, Need, Peer};
//!
//! let Some(lab) = Lab::needing(&[Need::Router(BIRD.current()), Need::Router(BIRD.host())]) else { return };
//! let (left, right) = (lab.namespace("left"), lab.namespace("right"));
//! lab.link((&left, &["10.0.0.1/24"]), (&right, &["10.0.0.2/24"]));
//!
//! let to_right = Peer::new("10.0.0.1", "10.0.0.2", 65002);
//! let new = BIRD.current().start(&left, &Config::new(65001, "10.0.0.1").peer(to_right).announce("192.0.2.0/24"));
//! let to_left = Peer::new("10.0.0.2", "10.0.0.1", 65001);
//! let old = BIRD.host().start(&right, &Config::new(65002, "10.0.0.2").peer(to_left));
//!
//! new.wait_established("10.0.0.2");
//! assert_eq!(old.wait_route("192.0.2.0/24").as_path, [65001]);
//! ```
//!
//! What a value starts dies with it: when it is dropped, when the test panics, and when the test process is killed
//! outright. An expectation that is not met in time panics with what every router logged and holds.

mod config;
mod control_plane;
mod daemon;
pub mod docs;
mod flows;
mod keeper;
mod lab;
mod namespace;
mod need;
mod packets;
mod programs;
mod recorder;
mod route;
mod router;
mod wait;

pub use config::{Announcement, Config, Family, Peer};
pub use control_plane::ControlPlane;
pub use daemon::Daemon;
pub use flows::{Flows, Sent, Trace};
pub use lab::Lab;
pub use namespace::Namespace;
pub use need::{Need, need};
pub use packets::{Packets, Tally};
pub use programs::{Age, program};
pub use recorder::{Direction, Recorder};
pub use route::Route;
pub use router::{BIRD, EXABGP, FRR, GOBGP, KINDS, Kind, Model, OPENBGPD, Router};
pub use wait::within;
