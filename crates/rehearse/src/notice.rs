//! How long a failure goes unnoticed, and what it costs until then.

use crate::cast::Situation;
use crate::stage::Stage;

/// What happens before the pool knows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Notice {
    /// Seconds until it knows, at most; `None` is never.
    pub(crate) after: Option<f64>,
    /// Requests that fail until then, about. Where it is never, those in flight when it happened.
    pub(crate) failed: f64,
}

/// Of a failure whose servers refuse connections from one moment on; `shares` are those before it.
pub(crate) fn notice(stage: &Stage<'_>, situation: &Situation, shares: &[f64]) -> Notice {
    if !situation.kind.is_down() {
        return Notice::default();
    }
    let hit: f64 = situation.failed.iter().map(|at| shares[*at]).sum();
    if hit <= 0.0 {
        return Notice { after: by_checks(stage), failed: 0.0 };
    }
    let after = match (by_checks(stage), by_failures(stage, situation, shares)) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    let rate = stage.rate_of(1.0);
    // What a backend may have acted on is not sent again.
    let in_flight = rate * hit * stage.pace.latency.as_secs_f64();
    let lost = hit * unlucky(stage, situation, hit);
    Notice { after, failed: in_flight + rate * lost * after.unwrap_or_default() }
}

fn by_checks(stage: &Stage<'_>) -> Option<f64> {
    let health = stage.pool.health.as_ref()?;
    Some(f64::from(health.fall) * health.interval.as_secs_f64())
}

/// As many failures in a row as eject, at the rate at which the least asked of the failed gets requests.
fn by_failures(stage: &Stage<'_>, situation: &Situation, shares: &[f64]) -> Option<f64> {
    let passive = stage.spec.passive.as_ref()?;
    let enabled = stage.counting().len();
    let cap = (passive.max_ejected.get() * enabled as f64).floor().max(1.0);
    let asked = situation.failed.iter().map(|at| shares[*at]).filter(|share| *share > 0.0);
    let least = asked.fold(f64::INFINITY, f64::min);
    let leases = stage.rate_of(least) / stage.pace.per_lease;
    let can = enabled > 1 && situation.failed.len() as f64 <= cap && leases > 0.0;
    can.then(|| f64::from(passive.consecutive) / leases)
}

/// The chance of a request that met one of the failed to meet nobody else in all of its attempts.
fn unlucky(stage: &Stage<'_>, situation: &Situation, hit: f64) -> f64 {
    let each = hit / situation.failed.len() as f64;
    let another = |attempt: u32| {
        let gone = each * f64::from(attempt);
        let left = 1.0 - gone;
        if left <= 1e-12 { 1.0 } else { ((hit - gone) / left).clamp(0.0, 1.0) }
    };
    (1..stage.pool.max_attempts).map(another).product()
}
