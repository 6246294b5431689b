//! What a pool is said to get at its peak (`expect`), against what its backends can take, and what its strategy sees.

use super::super::shares::Share;
use super::{PoolRule, Subject};
use crate::diagnostic::Diagnostic;
use crate::span::At;
use crate::values::percent;

pub(super) const RULES: [PoolRule; 3] = [no_headroom, limits_below_peak, idle_strategy];

/// Seconds that a request takes at least, on the average, where it is worth a balancer.
const QUICKEST: f64 = 0.002;
/// Requests a second of a backend below which it has none in flight when the next one comes, unless each takes ten
/// seconds.
const BUSY: f64 = 0.1;

/// Of what a backend can take: from here on it has a request in flight for a tenth of the time or more.
const OCCUPIED: f64 = 0.1;

/// Requests a second at the peak.
fn peak<'a>(subject: &Subject<'a>) -> Option<&'a At<f64>> {
    subject.pool.expect.as_ref()?.peak_rate.as_ref()
}

/// What a backend gets at the peak while all are healthy, as a part of what it can take.
fn load(subject: &Subject<'_>, share: &Share<'_>) -> Option<f64> {
    let each = subject.pool.expect.as_ref()?.backend_rate.as_ref()?.value;
    Some(share.planned * peak(subject)?.value / (each * share.backend.capacity.unwrap_or(1.0)))
}

/// A single failure that overloads the rest, where nothing is said about failures.
fn no_headroom(subject: &Subject<'_>) -> Option<Diagnostic> {
    let (peak, tier) = (peak(subject)?, subject.alone()?);
    let promised = subject.pool.expect.as_ref().is_some_and(|expect| expect.survives.is_some());
    if promised || tier.shares.len() < 2 {
        return None;
    }
    let mut loads: Vec<_> =
        tier.shares.iter().map(|share| Some((share, load(subject, share)?))).collect::<Option<_>>()?;
    loads.sort_by(|a, b| b.1.total_cmp(&a.1));
    // A pool that is too small with everybody up breaks its contract, which is told.
    if loads[0].1 > 1.0 {
        return None;
    }
    // Whoever fails, the others' loads grow alike: it is the fullest of them that counts.
    let worst = tier.shares.iter().map(|failed| {
        let fullest = loads.iter().find(|(share, _)| !std::ptr::eq(*share, failed)).unwrap_or(&loads[0]);
        (failed, fullest.0, fullest.1 / (1.0 - failed.planned).max(f64::MIN_POSITIVE))
    });
    let (failed, fullest, load) =
        worst.max_by(|a, b| a.2.total_cmp(&b.2)).filter(|(_, _, load)| *load > 1.0)?;
    let share = fullest.planned / (1.0 - failed.planned);
    let gets = share * peak.value;
    let message = format!("pool `{}` cannot lose a backend at its peak", subject.name());
    let found = Diagnostic::warning("no-headroom", peak.span.clone(), message)
        .label("with everybody up alone")
        .related(failed.backend.id.span.clone(), "the worst one to lose")
        .effect(format!(
            "with `{}` down, `{}` would get {} of requests, {} a second; it can take {}",
            failed.backend.id.value,
            fullest.backend.id.value,
            percent(share),
            number(gets),
            number(gets / load)
        ))
        .help(
            "add a backend; `survives = 0` in `expect` says that a failure may cost answers, and ends this \
             warning",
        );
    Some(found)
}

/// A whole number, short however large it is.
fn number(value: f64) -> String {
    if value < 1e9 { format!("{value:.0}") } else { format!("{value:.0e}") }
}

fn limits_below_peak(subject: &Subject<'_>) -> Option<Diagnostic> {
    let peak = peak(subject)?;
    let shares = subject.tiers.iter().flat_map(|tier| &tier.shares);
    let limits: Option<Vec<f64>> = shares
        .map(|share| share.backend.max_in_flight.as_ref().map(|limit| f64::from(limit.value.get())))
        .collect();
    let all: f64 = limits?.into_iter().sum();
    let each = all / peak.value;
    if each >= QUICKEST {
        return None;
    }
    let limit = subject.tiers.first()?.shares.first()?.backend.max_in_flight.as_ref()?;
    let message = format!("the limits of pool `{}` are below what it gets at its peak", subject.name());
    let found = Diagnostic::warning("limits-below-peak", limit.span.clone(), message)
        .label(format!("{} in all", number(all)))
        .related(peak.span.clone(), "the peak")
        .effect(format!(
            "unless a request is over within {:.2} ms, the backends are full at the peak and the rest is \
             refused with 503",
            each * 1000.0
        ))
        .help(format!(
            "write limits that come to {} or more: {} a second at 20 ms each",
            number(peak.value * 0.02),
            number(peak.value)
        ));
    Some(found)
}

/// A strategy that goes by what is in flight, or was lately, where there is nothing.
fn idle_strategy(subject: &Subject<'_>) -> Option<Diagnostic> {
    let peak = peak(subject)?;
    let used = subject.pool.used();
    let rate = peak.value / used as f64;
    let strategy = subject.pool.strategy.as_str();
    let settings = &subject.pool.settings;
    // Whoever says what a backend can take says how long it is busy with each.
    let occupied = || {
        let mut shares = subject.tiers.iter().flat_map(|tier| &tier.shares);
        shares.any(|share| load(subject, share).is_some_and(|load| load >= OCCUPIED))
    };
    let (blind, sees) = match strategy {
        "least_request" => {
            (rate < BUSY && !occupied(), "nothing is in flight when the next one comes: all look alike")
        }
        "peak_ewma" => {
            (rate * settings.decay.as_secs_f64() < 1.0, "latencies are forgotten before the next one comes")
        }
        "prequal" => (
            peak.value * settings.prequal.probes_per_request * settings.prequal.probe_age.as_secs_f64() < 2.0,
            "answers to probes are forgotten before the next request comes",
        ),
        _ => return None,
    };
    if !blind || used < 2 {
        return None;
    }
    let span = subject.at("strategy").unwrap_or_else(|| peak.span.clone());
    let message = format!("`{strategy}` has nothing to go by in pool `{}`", subject.name());
    let found = Diagnostic::warning("idle-strategy", span, message)
        .label("too few requests for it")
        .related(peak.span.clone(), "the peak")
        .effect(format!(
            "at its peak a backend gets a request every {} s; {sees}, and a slow backend keeps its {}",
            number(1.0 / rate),
            percent(1.0 / used as f64)
        ))
        .help(
            "write `strategy = \"round_robin\"`, which is exact at any rate; checks find a slow backend \
             (`timeout`)",
        );
    Some(found)
}
