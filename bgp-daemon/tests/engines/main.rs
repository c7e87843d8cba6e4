//! Whole speakers in one thread and virtual time, with wires between them and faults.

mod convergence;
mod flaps;
mod many;
mod model;
mod policies;
mod restarts;
mod walk;
mod world;
