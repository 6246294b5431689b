//! Whether each backend gets the share that it should have: a sequential test that may be asked at any time, of any
//! number of requests, while weights change, and that hardly ever raises a false alarm.
//!
//! One [`Detector`] watches one thing that is counted for each backend of a pool (requests, errors, slow responses, ...)
//! against the share of it that each one is expected to have. It needs nothing from the data path but counters, and the
//! same code serves a running balancer, a rehearsal, and a log.
//!
//! ```
//! use evenkeel_core::Nanos;
//! use evenkeel_core::skew::{Count, Detector, Side, Tolerance};
//!
//! let mut detector = Detector::new(Tolerance::PLAN);
//! let tick = |a, b| [Count::new(1, a, 0.5), Count::new(2, b, 0.5)];
//! assert!(detector.observe(Nanos::from_secs(1), &tick(52.0, 48.0)).is_empty());
//! let found = detector.observe(Nanos::from_secs(2), &tick(190.0, 10.0));
//! assert!(found.iter().any(|one| one.backend == 1 && one.side == Side::Above));
//! ```

pub mod contract;
mod detector;
mod evidence;
mod ledger;
mod needed;
mod popular;
mod samples;
mod serials;
pub mod watch;

pub use detector::{Count, Detector, Finding, Latched, Severity};
pub use evidence::Side;
pub use ledger::{Account, Split, Term, ledger};
pub use needed::{design_effect, needed, threshold};
pub use popular::{Often, Popular};
pub use samples::{Drained, Samples};
pub use watch::{
    BackendFigures, Blame, Cause, Dimension, Evenness, Figures, HotKey, Level, Spread, Steps, Symptom,
    Verdict, Watch, Why,
};

/// How far a share may be from the expected one, as part of that, before it counts: 0.0..1.0. Without such a floor
/// every balancer is found guilty in the end, because none is exact to the last digit.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Tolerance(f64);

impl Tolerance {
    /// Requests against what the operator intends.
    pub const INTENT: Self = Self(0.2);
    /// The same where a key decides, whose popularity is not the balancer's doing.
    pub const KEYED_INTENT: Self = Self(0.5);
    /// Decisions against what the configuration says.
    pub const PLAN: Self = Self(0.05);
    /// Errors and slow responses against requests.
    pub const TROUBLE: Self = Self(0.25);
    /// Requests in flight against what the operator intends.
    pub const IN_FLIGHT: Self = Self(0.5);

    /// `None` unless it is from 0.0 to below 1.0.
    pub fn new(part: f64) -> Option<Self> {
        (0.0..1.0).contains(&part).then_some(Self(part))
    }

    /// From 0.0 to below 1.0.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Below and above this a share is outside: the upper end is `None` where everything is inside.
    pub(crate) fn band(self, share: f64) -> (f64, Option<f64>) {
        let upper = share * (1.0 + self.0);
        (share * (1.0 - self.0), (upper < 1.0).then_some(upper))
    }
}
