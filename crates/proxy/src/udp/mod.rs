//! Layer 4 over UDP: sessions between clients and backends.
//!
//! A session is an address and port that datagrams come from, and the one backend that they all go to. It has a socket of
//! its own there, so that replies are told apart by the kernel, and a lease for as long as it lasts. What is sent to a
//! client has come from its backend, datagram by datagram: nothing is added, repeated or answered here.

mod batch;
mod counts;
mod desk;
mod endpoint;
mod rate;
mod relay;
mod session;
mod table;
mod watch;

pub(crate) use counts::{Counts, Dropped, End, Lost};
pub(crate) use endpoint::{Endpoint, Opening, Openings, Seat};
pub(crate) use relay::run;
