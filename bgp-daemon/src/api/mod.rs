//! HTTP and JSON on unix sockets: how programs, and the command line, see and steer a speaker.
//!
//! Handlers ask the engine in short turns ([`Speaker::ask`](crate::speaker::Speaker::ask)), and make documents of what it
//! says in their own thread. Lists are made page by page, as fast as they are read: a million routes never stand in
//! memory, and never hold the speaker up.

mod asking;
pub mod client;
pub mod document;
#[cfg(feature = "kernel")]
mod kernel;
mod lines;
mod look;
mod metrics;
mod peers;
mod problem;
mod routes;
mod serve;
mod socket;
mod steer;

pub use metrics::{Metrics, OPEN_METRICS};
pub use serve::{Api, Opened, Program, Question, SetLevels};
pub use socket::NoSocket;
