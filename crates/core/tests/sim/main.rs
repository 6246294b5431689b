//! The simulation against theory, and against what the pool is told to do.

mod faults;
mod pools;
mod queues;
mod strategies;
