//! What a file says of itself: what a pool must hold to, which warnings are meant, which pool answers what.

use std::sync::Arc;

use evenkeel_core::PoolId;

/// `expect = { ... }` of a pool: a contract, checked, rehearsed and watched. Everything is optional.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// Enabled backends, exactly.
    pub members: Option<u32>,
    /// Least share of each enabled backend of the first tier while all are healthy, 0..=1.
    pub min_share: Option<f64>,
    /// Largest share of each backend while all are healthy, 0..=1.
    pub max_share: Option<f64>,
    /// Any so many backends may fail at once without panic, without a share for a forbidden zone, and without more for
    /// a backend than it can take.
    pub survives: u32,
    /// Largest share over the mean share, at most; 1.0 or more.
    pub peak_to_mean: Option<f64>,
    /// Zones that must get nothing.
    pub forbidden_zones: Vec<Arc<str>>,
    /// Requests a second that the pool gets at its peak, above 0.
    pub peak_rate: Option<f64>,
    /// Requests a second that a backend of capacity 1 can take, above 0.
    pub backend_rate: Option<f64>,
}

/// An entry of `allow`: a warning that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// The id of a rule that warns.
    pub rule: &'static str,
    /// Why it is meant; not empty.
    pub reason: String,
}

/// `[[test.route]]`: a request and the pool that must answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTest {
    /// Where it comes in; `None` is every listener for requests.
    pub listener: Option<String>,
    /// The host that it asks for, in lower case and without port; empty for one that no route names.
    pub host: String,
    /// What it asks for there, with a query if need be.
    pub path: String,
    /// Which pool must answer.
    pub pool: PoolId,
}
