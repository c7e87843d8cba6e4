//! Whole speakers in one thread and virtual time, with wires between them and faults.

mod convergence;
mod model;
mod world;
