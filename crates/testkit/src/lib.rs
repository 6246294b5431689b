//! What Evenkeel's tests stand on: scripted backends, a raw client, load, share assertions, child processes.
//!
//! Nothing here shares code with the proxy: messages are read by a strict parser of its own, so that a mistake in
//! the proxy's reading of HTTP cannot hide itself. Every wait has a deadline; nothing sleeps to synchronise.

mod backend;
mod client;
mod datagrams;
mod dir;
mod dnsmasq;
mod haproxy;
mod http;
pub mod http2;
mod load;
mod metrics;
mod nginx;
mod port;
mod process;
mod python;
mod shares;
mod wait;

pub use backend::{Answer, Backend, Capacity, Gate, Received, Reply, Step};
pub use client::Client;
pub use datagrams::{UdpBackend, UdpClient};
pub use dir::TempDir;
pub use dnsmasq::Dnsmasq;
pub use haproxy::Haproxy;
pub use http::{Digest, Fields, Framing, Head, Response, pattern};
pub use load::{Load, Tally};
pub use metrics::Metrics;
pub use nginx::Nginx;
pub use port::{ClosedPort, free_port};
pub use process::{Evenkeel, Finished, Signal, run_to_end};
pub use python::python;
pub use serde_json::Value as Json;
pub use shares::{Share, assert_shares, shares_table};
pub use wait::{PATIENCE, until, until_within};
