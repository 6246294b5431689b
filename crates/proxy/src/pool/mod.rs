//! Backend pools at run time: the snapshot that requests read, and the keeper that writes it.

mod announce;
mod cell;
mod http_check;
mod keeper;
mod line;
mod probe;
mod resolve;

pub(crate) use cell::{Attempt, PoolCell, PoolSettings};
pub(crate) use keeper::{Command, Keeper, Target};
pub(crate) use resolve::Name;
