//! What a rehearsal is told beside the configuration.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::recorded::Recorded;

/// How to rehearse.
#[derive(Clone, Debug)]
pub struct Options {
    /// What comes.
    pub load: Load,
    /// Only these pools; all if empty.
    pub pools: Vec<String>,
    /// Whether every two backends fail together, too.
    pub pairs: bool,
    /// Most requests that one situation is played with.
    pub requests: u64,
    /// Most requests that all situations together are played with; each gets its part of it, but never fewer than 500.
    pub requests_in_all: u64,
    /// The same seed gives the same report.
    pub seed: u64,
    /// What a log says of the pools. Its rate and latency count where `load` has none.
    pub recorded: Vec<Recorded>,
    /// What host names came to; names that are not in it have some address.
    pub addresses: Addresses,
}

/// By host and port: the address, or why there is none.
pub type Addresses = HashMap<(String, u16), Result<SocketAddr, String>>;

/// The requests that come.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Requests a second that each pool gets, where `rates` does not say more. `None` is the peak of the pool's `expect`,
    /// or else half of what its backends can do.
    pub rate: Option<f64>,
    /// Requests a second of single pools, by name.
    pub rates: Vec<(String, f64)>,
    /// Requests a second that a backend of capacity 1 can do. `None` is that of the pool's `expect`, or else twice what
    /// it gets.
    pub backend_rate: Option<f64>,
    /// Mean time that a backend takes for a request; `None` is 20 ms.
    pub latency: Option<Duration>,
    /// Different keys, where a strategy goes by keys.
    pub keys: u32,
    /// How popular they are: the k-th as often as 1/k to the power of this. 0 is all alike, or as popular as the clients
    /// of a recorded log are.
    pub zipf: f64,
    /// Mean requests of a session, where sessions stick to a backend; 1 or more.
    pub session_length: f64,
    /// Mean requests of a connection, where whole connections are balanced (layer 4); 1 or more.
    pub connection_length: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            load: Load::default(),
            pools: Vec::new(),
            pairs: false,
            requests: 100_000,
            requests_in_all: 10_000_000,
            seed: 1,
            recorded: Vec::new(),
            addresses: Addresses::new(),
        }
    }
}

impl Default for Load {
    fn default() -> Self {
        Self {
            rate: None,
            rates: Vec::new(),
            backend_rate: None,
            latency: None,
            keys: 100_000,
            zipf: 0.0,
            session_length: 20.0,
            connection_length: 50.0,
        }
    }
}
