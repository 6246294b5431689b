//! Requests of our own, through any balancer: a client that says exactly how an exchange went, who answered, and whether
//! the answers are split as they should be.
//!
//! Nothing here is on Evenkeel's data path.
#![warn(missing_docs)]

pub mod client;
pub mod load;
pub mod page;
pub mod split;
mod vary;
pub mod verify;
mod who;

pub use vary::Vary;
pub use who::{By, Names, guess};
