//! Connections to backends: opening them, and keeping them for the next request.

mod connect;
mod idle;

pub(crate) use connect::{ConnectError, Upstream, connect};
pub(crate) use idle::{IdlePool, Keep};
