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
    let asked = situation.failed.iter().filter(|at| shares[**at] > 0.0).count();
    let unseen = lost(stage, asked, hit);
    let Some(total) = after else { return Notice { after, failed: in_flight } };
    let meanwhile = match some_ejected(stage, situation, shares) {
        Some(early) if early.after < total => {
            let each = hit / asked as f64;
            let left = asked.saturating_sub(early.count);
            let hit = each * left as f64 / (1.0 - each * (asked - left) as f64).max(each);
            unseen * early.after + lost(stage, left, hit) * (total - early.after)
        }
        _ => unseen * total,
    };
    Notice { after, failed: in_flight + rate * meanwhile }
}

fn by_checks(stage: &Stage<'_>) -> Option<f64> {
    let health = stage.pool.health.as_ref()?;
    Some(f64::from(health.fall) * health.interval.as_secs_f64())
}

/// As many failures in a row as eject, where all of the failed may be out at once.
fn by_failures(stage: &Stage<'_>, situation: &Situation, shares: &[f64]) -> Option<f64> {
    let ejected = some_ejected(stage, situation, shares)?;
    (situation.failed.len() <= ejected.count).then_some(ejected.after)
}

/// What failed requests alone bring about.
struct Ejected {
    /// Seconds until then.
    after: f64,
    /// Backends that may be out at once.
    count: usize,
}

/// At the rate at which the least asked of the failed gets requests.
fn some_ejected(stage: &Stage<'_>, situation: &Situation, shares: &[f64]) -> Option<Ejected> {
    let passive = stage.spec.passive.as_ref()?;
    let enabled = stage.counting().len();
    let count = (passive.max_ejected.get() * enabled as f64).floor().max(1.0) as usize;
    let asked = situation.failed.iter().map(|at| shares[*at]).filter(|share| *share > 0.0);
    let least = asked.fold(f64::INFINITY, f64::min);
    let leases = stage.rate_of(least) / stage.pace.per_lease;
    (enabled > 1 && leases > 0.0).then(|| Ejected { after: f64::from(passive.consecutive) / leases, count })
}

/// The part of the requests that meet one of the failed, and nobody else in all of their attempts. `failed` are those
/// that get requests, `hit` is the part that they get in all.
fn lost(stage: &Stage<'_>, failed: usize, hit: f64) -> f64 {
    if failed == 0 {
        return 0.0;
    }
    let each = hit / failed as f64;
    let another = |attempt: u32| {
        let gone = each * f64::from(attempt);
        let left = 1.0 - gone;
        if left <= 1e-12 { 1.0 } else { ((hit - gone) / left).clamp(0.0, 1.0) }
    };
    hit * (1..stage.pool.max_attempts).map(another).product::<f64>()
}
