//! What happened to a balancer: typed events in order, the latest in memory, all of them on disk if that is wanted.
//!
//! Whoever has something to tell calls [`Journal::record`], which neither waits nor fails. One thread numbers events, shows
//! them to readers, and writes them down. No runtime is needed.
#![warn(missing_docs)]

mod bounds;
mod counts;
mod dead;
mod event;
mod filter;
mod follow;
mod inbox;
mod journal;
mod kinds;
mod onset;
mod read;
mod ring;
mod store;
mod words;
mod writer;

pub use dead::{Dead, DeadError};
pub use event::{Event, VERSION};
pub use filter::Filter;
pub use follow::Watching;
pub use journal::{Journal, Options, Prepared};
pub use kinds::{Kind, Level, What, Word};
pub use onset::{ChangeReport, onset};
pub use read::{Page, Query};
pub use store::{Keep, OpenError, Trouble};
