//! Whether pools are as even as they should be.

use evenkeel_core::skew::{Dimension, Watch};

use super::Seen;
use crate::proxy::{Inner, lock};
use crate::skew;
use crate::telemetry::{Page, catalog};

const DIMENSIONS: [Dimension; 3] = [Dimension::Requests, Dimension::Errors, Dimension::InFlight];

/// What has been found, how near the tests are to finding something, and what has been raised since start.
pub(super) fn skew(page: &mut Page, inner: &Inner, seen: &[Seen<'_>]) {
    let watches = lock(&inner.watches);
    let watched: Vec<_> = seen
        .iter()
        .filter_map(|pool| watches.of(&pool.cell.id).map(|(watch, alarms)| (pool, watch, alarms)))
        .collect();
    page.family(
        &catalog::SKEW_STATE,
        watched.iter().flat_map(|(pool, watch, _)| {
            watch.symptoms().into_iter().filter_map(|symptom| {
                let serial = symptom.latched.finding.backend;
                let view = pool.snapshot.members().iter().find(|view| view.member.serial == serial)?;
                let labels = [
                    pool.name(),
                    view.member.id.as_str().to_owned(),
                    skew::dimension(symptom.dimension).to_owned(),
                    symptom.cause.as_str().to_owned(),
                    symptom.level.as_str().to_owned(),
                ];
                Some((labels, 1.0))
            })
        }),
    );
    page.family(
        &catalog::SKEW_EVIDENCE,
        watched.iter().flat_map(|(pool, watch, _)| {
            DIMENSIONS.map(|dimension| {
                ([pool.name(), skew::dimension(dimension).to_owned()], watch.nearness(dimension))
            })
        }),
    );
    page.family(
        &catalog::SKEW_ALARMS,
        watched.iter().flat_map(|(pool, _, alarms)| {
            alarms.iter().map(|((dimension, cause), count)| {
                let labels = [pool.name(), skew::dimension(*dimension).to_owned(), cause.as_str().to_owned()];
                (labels, *count as f64)
            })
        }),
    );
    let top = |watch: &Watch| watch.keys().map(|keys| keys.top_share);
    page.family(
        &catalog::TOP_KEY,
        watched.iter().filter_map(|(pool, watch, _)| Some(([pool.name()], top(watch)?))),
    );
    page.family(
        &catalog::DESIGN_EFFECT,
        watched.iter().flat_map(|(pool, watch, _)| {
            let units = [("key", watch.keys()), (unit(watch), watch.stays())];
            let known = units.into_iter().filter_map(|(unit, spread)| Some((unit, spread?.design_effect)));
            known.map(|(unit, effect)| ([pool.name(), unit.to_owned()], effect)).collect::<Vec<_>>()
        }),
    );
}

/// What stays where it is.
fn unit(watch: &Watch) -> &'static str {
    if watch.counts_connections() { "connection" } else { "session" }
}
