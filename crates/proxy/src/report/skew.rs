//! Whether pools are as even as they should be.

use std::collections::HashMap;

use evenkeel_core::MemberView;
use evenkeel_core::skew::{Dimension, Watch};

use super::Seen;
use crate::proxy::{Inner, lock};
use crate::skew::{self, Alarms, Watches};
use crate::telemetry::{Page, catalog};

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
            let members = pool.snapshot.members().iter();
            let by_serial: HashMap<u64, &MemberView> =
                members.map(|view| (view.member.serial, view)).collect();
            watch.symptoms().into_iter().filter_map(move |symptom| {
                let backend = || Some(by_serial.get(&symptom.latched.finding.backend)?.member.id.as_str());
                let labels = [
                    pool.name(),
                    symptom.group.as_deref().or_else(backend)?.to_owned(),
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
            Dimension::ALL.map(|dimension| {
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
    clusters(page, &watched);
    contracts(page, &watches, seen);
    drop(watches);
    receivers(page, inner);
}

/// How many requests hang together.
fn clusters(page: &mut Page, watched: &[(&Seen<'_>, &Watch, &Alarms)]) {
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

/// What stays where it is.
fn unit(watch: &Watch) -> &'static str {
    if watch.counts_connections() { "connection" } else { "session" }
}
