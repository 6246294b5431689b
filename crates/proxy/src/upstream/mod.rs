//! Connections to backends: opening them, and keeping them for the next request.

mod connect;
pub(crate) mod engine;
mod idle;
mod shared;

pub(crate) use connect::{ConnectError, TlsFault, Upstream, connect, is_local};
pub(crate) use idle::{IdlePool, Keep, is_silent};
pub(crate) use shared::{SharedPool, Wanted};
