//! Backend pools at run time: the snapshot that requests read, and the keeper that writes it.

mod announce;
mod cell;
mod grpc_check;
mod http_check;
mod keeper;
mod line;
mod load_probe;
mod load_report;
mod probe;
mod queue;
mod resolve;
mod sticky;
mod told_apart;

pub(crate) use cell::{Attempt, OpenTunnel, PoolCell, PoolSettings, Tunnels, Wanted};
pub(crate) use http_check::connect;
pub(crate) use keeper::{Command, Keeper, Target};
pub(crate) use load_probe::Prober;
pub(crate) use queue::{Place, Queue};
pub(crate) use resolve::Name;
pub(crate) use sticky::{SetCookie, Sticky};
pub(crate) use told_apart::{Stay, ToldApart};
