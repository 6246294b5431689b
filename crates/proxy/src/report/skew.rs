//! Whether pools are as even as they should be.

use evenkeel_core::skew::Dimension;

use super::Seen;
use crate::proxy::{Inner, lock};
use crate::skew::{self, Watches};
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
    contracts(page, &watches, seen);
    drop(watches);
    receivers(page, inner);
}

/// What pools promise, and whether that holds.
fn contracts(page: &mut Page, watches: &Watches, seen: &[Seen<'_>]) {
    let promised = seen.iter().filter_map(|pool| Some((pool, watches.promised(&pool.cell.id)?)));
    page.family(
        &catalog::EXPECT_BROKEN,
        promised.flat_map(|(pool, promised)| {
            promised.clauses().map(|(clause, broken)| {
                ([pool.name(), clause.as_str().to_owned()], f64::from(u8::from(broken)))
            })
        }),
    );
}

/// What has become of messages about alarms.
fn receivers(page: &mut Page, inner: &Inner) {
    let receivers = inner.notifier.counts();
    page.family(
        &catalog::NOTIFICATIONS,
        receivers.iter().flat_map(|(name, counts)| {
            counts.iter().map(|(result, count)| ([name.clone(), (*result).to_owned()], *count as f64))
        }),
    );
}
