//! Where backends stand among each other, and what that leaves of their weights.

use std::num::NonZeroU32;

use evenkeel_core::PoolSnapshot;

use super::Seen;
use crate::telemetry::{Page, catalog};

/// Weights are shown to this precision: a share times a sum is not quite the whole number that it began as.
const PRECISION: f64 = 1e6;

/// Weights, tiers, zones and limits.
pub(super) fn placement(page: &mut Page, seen: &[Seen<'_>]) {
    let weights = seen.iter().flat_map(|pool| {
        let effective = effective_weights(&pool.snapshot).into_iter().enumerate();
        effective.flat_map(|(index, effective)| {
            let configured = f64::from(pool.snapshot.members()[index].member.weight.get());
            let kinds = [("configured", configured), ("effective", effective)];
            kinds.map(|(kind, weight)| (pool.labels(index, kind), weight))
        })
    });
    page.family(&catalog::WEIGHT, weights);
    let each =
        || seen.iter().flat_map(|pool| (0..pool.snapshot.members().len()).map(move |index| (pool, index)));
    let of = |pool: &Seen<'_>, index: usize| pool.snapshot.members()[index].member.placement.clone();
    page.family(
        &catalog::INFO,
        each().map(|(pool, index)| {
            let placement = of(pool, index);
            let backend = pool.snapshot.members()[index].member.id.as_str().to_owned();
            let zone = placement.zone.as_deref().unwrap_or_default().to_owned();
            ([pool.name(), backend, placement.tier.to_string(), zone], 1.0)
        }),
    );
    let limits = each().filter_map(|(pool, index)| {
        let limit = of(pool, index).max_in_flight.map(NonZeroU32::get)?;
        Some((pool.labels(index, ""), f64::from(limit)))
    });
    page.family(&catalog::MAX_IN_FLIGHT, limits);
}

/// What tiers, zones and slow start leave of each weight, on the scale of the configured ones: whoever has most of its
/// weight has all of it. 0 where nothing new goes.
pub(super) fn effective_weights(snapshot: &PoolSnapshot) -> Vec<f64> {
    let members = snapshot.members();
    let part = |view: &evenkeel_core::MemberView| view.plan / f64::from(view.member.weight.get());
    let most = members.iter().map(part).fold(0.0, f64::max);
    let scaled = |plan: f64| if most > 0.0 { (plan / most * PRECISION).round() / PRECISION } else { 0.0 };
    members.iter().map(|view| scaled(view.plan)).collect()
}
