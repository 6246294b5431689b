//! What a rehearsal found. Rates are requests a second, shares 0 to 1, times seconds.

use serde::Serialize;

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this structure.
    pub schema: u32,
    /// What must not be deployed like this, worst first.
    pub problems: Vec<Finding>,
    /// What a failure would do, and what else is worth knowing, worst first.
    pub risks: Vec<Finding>,
    /// In file order.
    pub pools: Vec<PoolReport>,
    /// Situations that were played, over all pools.
    pub situations: u64,
    /// Requests that were played, over all situations.
    pub requests: u64,
    /// What the chances came from.
    pub seed: u64,
}

/// Something to act on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Which pool.
    pub pool: String,
    /// Stable name of its kind: `weights`, `expect.members`, `panic`, ...
    pub kind: &'static str,
    /// What would happen, in a sentence or two.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The part of the pool's requests that suffers, about: what findings are sorted by.
    pub harm: f64,
}

/// One pool.
#[derive(Clone, Debug, Serialize)]
pub struct PoolReport {
    /// Its name.
    pub pool: String,
    /// How it picks.
    pub strategy: &'static str,
    /// What the shares are meant to be: `equal`, `capacity` or `weights`.
    pub intent: &'static str,
    /// Listeners and routes that lead to it.
    pub reached: Vec<String>,
    /// What came.
    pub load: LoadReport,
    /// While all is well, in file order.
    pub backends: Vec<BackendReport>,
    /// Failures, worst first.
    pub situations: Vec<SituationReport>,
    /// Failures that were left out because there are too many.
    pub left_out: usize,
}

/// What came to a pool.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LoadReport {
    /// Requests a second.
    pub rate: f64,
    /// Whether that was said, and not assumed.
    pub rate_known: bool,
    /// Requests a second that a backend of capacity 1 can do.
    pub backend_rate: f64,
    /// Whether that was said, and not assumed.
    pub backend_rate_known: bool,
    /// Mean requests that go to the same backend because a session or a connection keeps them together; 1 is none.
    pub kept_together: f64,
    /// Different keys that the strategy goes by; 0 where it goes by none.
    pub keys: u32,
    /// How far the largest share may be off by chance within a minute, as shares: two standard deviations.
    pub spread: f64,
    /// Requests that each situation was played with; 0 where the shares follow without.
    pub played: u64,
}

/// One backend while all is well.
#[derive(Clone, Debug, Serialize)]
pub struct BackendReport {
    /// Its name.
    pub backend: String,
    /// Its tier.
    pub tier: u8,
    /// Its zone.
    pub zone: Option<String>,
    /// Its weight.
    pub weight: u32,
    /// `disabled`, `draining` or `unresolved` where it is out by configuration.
    pub out: Option<&'static str>,
    /// The share that it is meant to have.
    pub intent: f64,
    /// The share that the configuration gives it.
    pub plan: f64,
    /// The share that it got.
    pub share: f64,
    /// Requests a second that it can do.
    pub capacity: f64,
    /// Requests a second that it got, as part of those; `None` where that would rest on assumptions.
    pub utilisation: Option<f64>,
}

/// One pool in one failure.
#[derive(Clone, Debug, Serialize)]
pub struct SituationReport {
    /// `one_down`, `several_down`, `zone_down`, `all_but_one_down`, `one_slow` or `one_flaps`.
    pub kind: &'static str,
    /// For people.
    pub name: String,
    /// Whom it befalls.
    pub failed: Vec<String>,
    /// Failures of others that come to the same, beside this one.
    pub alike: usize,
    /// `normal`, `panic` or `empty`.
    pub mode: &'static str,
    /// The share of each backend's attempts, in the order of the pool's backends.
    pub shares: Vec<f64>,
    /// Who has most for what it can do, the failed aside; `None` when nobody is left.
    pub busiest: Option<String>,
    /// Its share.
    pub busiest_share: f64,
    /// How many times as busy as while all is well it is; `None` where it gets nothing then.
    pub busiest_factor: Option<f64>,
    /// What it gets as part of what it can do; `None` where that would rest on assumptions.
    pub utilisation: Option<f64>,
    /// How many get more than they can do.
    pub overloaded: usize,
    /// The part of the requests that fails for as long as the failure lasts.
    pub failing: f64,
    /// The part of the attempts that goes to another tier than while all is well.
    pub failover: f64,
    /// The part of the attempts that goes to zones that get nothing while all is well.
    pub spill: f64,
    /// Seconds until the pool knows, at most; `None` when it never does, or has nothing to know.
    pub noticed_after: Option<f64>,
    /// Requests that fail until then, about.
    pub failed_meanwhile: f64,
    /// Requests that a skew alarm would need; `None` when the shares stay within tolerance.
    pub alarm_after: Option<u64>,
    /// The part of the requests that suffers, about: what situations are sorted by.
    pub harm: f64,
}

impl Report {
    /// Whether the configuration may be deployed.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}
