//! Limits of backends and the queue behind them.

use super::super::shares::{Share, Tier};
use super::{PoolRule, Subject};
use crate::diagnostic::Diagnostic;
use crate::values::{percent, show_duration};

pub(super) const RULES: [PoolRule; 3] = [missing, outlier, endless_queue];

/// Times smaller than usual for its share: a digit has slipped.
const OUTLYING: f64 = 10.0;
/// Shorter than any request takes that is worth a queue.
const QUICKEST: f64 = 0.001;

fn limit(share: &Share<'_>) -> Option<f64> {
    share.backend.max_in_flight.as_ref().map(|limit| f64::from(limit.value.get()))
}

/// One without a limit among backends with one: when the others are full it gets everything.
fn missing(subject: &Subject<'_>) -> Option<Diagnostic> {
    // With a queue it is told as what keeps that from being used.
    if subject.pool.queue.value.size > 0 {
        return None;
    }
    let mixed = |tier: &&Tier<'_>| {
        tier.shares.iter().any(|share| limit(share).is_some())
            && tier.shares.iter().any(|share| limit(share).is_none())
    };
    let tier = subject.tiers.iter().find(mixed)?;
    let free = tier.shares.iter().find(|share| limit(share).is_none())?;
    let limited = tier.shares.iter().find_map(|share| share.backend.max_in_flight.as_ref())?;
    let id = &free.backend.id;
    let message = format!("`{}` has no limit, and others of pool `{}` have", id.value, subject.name());
    let found = Diagnostic::warning("limit-missing", id.span.clone(), message)
        .label("no `max_in_flight`")
        .related(limited.span.clone(), "has one")
        .effect(format!(
            "when the others are full, 100 % of what comes more goes to `{}`, which usually has {}",
            id.value,
            percent(free.planned)
        ))
        .help("give each backend a `max_in_flight`, or none");
    Some(found)
}

/// A limit far below the others', for the share that its backend is to get.
fn outlier(subject: &Subject<'_>) -> Option<Diagnostic> {
    let (lowest, usual) = subject.tiers.iter().find_map(outlying)?;
    let at = lowest.backend.max_in_flight.as_ref()?;
    let id = &lowest.backend.id.value;
    let meant = (usual * lowest.planned).round().max(1.0);
    let message = format!("the limit of `{id}` is far below the others' in pool `{}`", subject.name());
    let found = Diagnostic::warning("limit-outlier", at.span.clone(), message)
        .label("far from the others")
        .effect(format!(
            "under load `{id}` would take {} in flight where its {} of requests are {meant:.0}: the rest \
             goes to the others",
            at.value,
            percent(lowest.planned)
        ))
        .help(format!("write `max_in_flight = {meant:.0}`, or a weight as small as the machine is"));
    Some(found)
}

/// The lowest limit for its share and the median of three or more, where they are far apart.
fn outlying<'a, 'b>(tier: &'a Tier<'b>) -> Option<(&'a Share<'b>, f64)> {
    let of = |share: &Share<'_>| limit(share).map(|limit| limit / share.planned);
    let limits: Option<Vec<f64>> = tier.shares.iter().map(of).collect();
    let mut limits = limits.filter(|limits| limits.len() >= 3)?;
    limits.sort_by(f64::total_cmp);
    let usual = limits[(limits.len() - 1) / 2];
    let lowest = tier.shares.iter().min_by(|a, b| of(a).unwrap_or(0.0).total_cmp(&of(b).unwrap_or(0.0)))?;
    (of(lowest)? * OUTLYING <= usual).then_some((lowest, usual))
}

/// A queue whose end cannot be reached within the longest wait.
fn endless_queue(subject: &Subject<'_>) -> Option<Diagnostic> {
    let queue = &subject.pool.queue.value;
    let shares = subject.tiers.iter().flat_map(|tier| &tier.shares);
    let limits: Option<f64> = shares.map(limit).sum();
    let at_a_time = limits.filter(|_| queue.size > 0)?;
    // So many are served within the longest wait if each takes as long as it may for all to be served.
    let each = queue.timeout.as_secs_f64() * at_a_time / queue.size as f64;
    if each >= QUICKEST {
        return None;
    }
    let message = format!("the queue of pool `{}` is longer than can be served in time", subject.name());
    let found = Diagnostic::warning("endless-queue", subject.at("queue.size")?, message)
        .label("most would wait in vain")
        .effect(format!(
            "with {at_a_time:.0} at a time, {} requests are served within {} only if each takes {:.2} ms; \
             the others get 503 after it",
            queue.size,
            show_duration(queue.timeout),
            each * 1000.0
        ))
        .help(format!(
            "write `size = {:.0}` or less: what {at_a_time:.0} at a time do in {} at 20 ms each",
            (queue.timeout.as_secs_f64() * at_a_time / 0.02).max(1.0),
            show_duration(queue.timeout)
        ));
    Some(found)
}
