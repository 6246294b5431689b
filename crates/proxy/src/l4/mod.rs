//! Layer 4: connections passed on byte by byte, to the one pool of their listener, or by the name that a TLS client asks
//! for. One task drives both directions of both connections.

mod account;
pub mod client_hello;
mod names;
mod open;
mod passthrough;
mod relay;
mod serve;

pub(crate) use account::{ENDINGS, RelayCounts};
pub(crate) use names::NameTable;
pub(crate) use relay::CHUNK;
pub(crate) use serve::serve;
