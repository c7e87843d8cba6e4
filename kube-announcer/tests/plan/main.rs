//! The plan and all that stands around it, without a network: objects in, decisions and what a speaker is told out.

mod cases;
mod cluster;
mod crd;
mod properties;
mod speak;
