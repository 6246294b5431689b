//! The contract that every strategy in the registry keeps, and that the pool's state keeps whatever happens
//! to it.
//!
//! A new strategy is tested by being in the registry; it has to say in [`bounds`] how near to the weights it
//! promises to stay.

mod adaptive;
mod batches;
mod bounds;
mod error_share;
mod failing;
mod hashing;
mod invariants;
mod key_moves;
mod leases;
mod least_loaded;
mod limits;
mod no_allocation;
mod peers;
mod phases;
mod pools;
mod probing;
mod queues;
mod reloads;
mod sessions;
mod shaping;
mod shares;
mod tried;
