//! What strategies can be told beside the weights.

use std::time::Duration;

/// Each strategy reads what concerns it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StrategySettings {
    /// Hashing strategies: a backend at this multiple of its share of what is in flight passes requests on, above 1.
    /// `None` is no bound.
    pub bound: Option<f64>,
    /// `maglev`: entries of its table, a prime, 251..=5,000,011. Shares are off by the number of backends in it.
    pub table_size: u32,
    /// `ring`: points for each unit of weight, 1..=4,096; fewer where a pool would have too many (see its source).
    pub ring_points: u32,
    /// `peak_ewma`: a latency seen this long ago counts e times less.
    pub decay: Duration,
    /// `prequal`.
    pub prequal: PrequalSettings,
}

/// What `prequal` is told. The defaults are those of the paper (Wydrowski et al., "Load is not what you should balance:
/// introducing Prequal", NSDI 2024).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PrequalSettings {
    /// Probes sent for each request, 0.1..=10.
    pub probes_per_request: f64,
    /// Probes kept, 2..=32.
    pub pool_size: u32,
    /// A probe is forgotten after this.
    pub probe_age: Duration,
    /// A backend whose requests in flight are above this quantile of the probes is hot, 0..=1.
    pub hot_quantile: f64,
}

impl Default for StrategySettings {
    fn default() -> Self {
        Self {
            bound: None,
            table_size: 65_537,
            ring_points: 160,
            decay: Duration::from_secs(10),
            prequal: PrequalSettings::default(),
        }
    }
}

impl Default for PrequalSettings {
    fn default() -> Self {
        Self {
            probes_per_request: 3.0,
            pool_size: 16,
            probe_age: Duration::from_secs(1),
            // 2^-0.25
            hot_quantile: 0.84,
        }
    }
}
