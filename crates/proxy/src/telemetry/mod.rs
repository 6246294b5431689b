//! What is counted, and how it is shown.

mod access_log;
pub(crate) mod catalog;
mod collector;
mod histogram;
mod text;

pub(crate) use access_log::{AccessEntry, AccessLog, RelayEntry};
pub(crate) use collector::Page;
pub(crate) use histogram::Histogram;
pub(crate) use text::{Shared, pair};
