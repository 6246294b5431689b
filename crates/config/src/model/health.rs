//! `health` and `passive` of a pool.

use std::time::Duration;

use evenkeel_core::Ratio;

/// `health = { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// What is asked.
    pub check: Check,
    /// Between the starts of two checks of one backend.
    pub interval: Duration,
    /// A check that takes longer has failed; at most `interval`.
    pub timeout: Duration,
    /// Passes in a row until an unhealthy backend serves again.
    pub rise: u32,
    /// Failures in a row until a serving backend is unhealthy.
    pub fall: u32,
    /// Each wait is `interval` times a random factor within 1 ± this, 0..=0.5.
    pub jitter: Ratio,
    /// Port to check instead of the backend's own.
    pub port: Option<u16>,
}

/// What a health check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// `type = "tcp"`: the connection opens.
    Tcp,
    /// `path = "/healthz"`: a GET answers with an expected status.
    Http {
        /// Request target.
        path: String,
        /// `Host` field; `None` sends the backend's address.
        host: Option<String>,
        /// Inclusive ranges of passing status codes.
        expect_status: Vec<(u16, u16)>,
    },
    /// `grpc = "shop.Cart"`: `grpc.health.v1.Health/Check` answers SERVING.
    Grpc {
        /// The service asked for; empty is the server as a whole.
        service: String,
    },
}

/// `passive = { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Passive {
    /// Failures in a row until ejection.
    pub consecutive: u32,
    /// First ejection; the n-th lasts n times as long.
    pub base: Duration,
    /// Upper bound of an ejection.
    pub max: Duration,
    /// Largest share of the pool that may be out at once.
    pub max_ejected: Ratio,
    /// Also eject whose share of the failures is beyond its share of the attempts by more than this part of it; `None`
    /// goes by failures in a row alone.
    pub error_share: Option<Ratio>,
}
