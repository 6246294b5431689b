//! Shares and what makes them, for dashboards: a bounded number of series, whatever the size of a pool.

use std::collections::{HashMap, HashSet};

use evenkeel_core::skew::{BackendFigures, Evenness, Figures, Symptom, Term, Watch};
use evenkeel_core::{BackendLoad, Nanos, Reason};

use super::{Seen, failures};
use crate::proxy::{Inner, View, lock};
use crate::skew;
use crate::telemetry::{Page, catalog};

/// Of pools with more backends than this only those are shown in detail whose share is known to be wrong, and no more than
/// this many of them. All others keep the series that say what they should have, would have, and had.
const DETAILED_MAX: usize = 1000;

/// A pool, its figures, and whom of it to show in detail.
struct Detail<'a> {
    pool: &'a Seen<'a>,
    figures: Figures,
    shown: Vec<usize>,
    /// All backends are slower or fail alike.
    shared: bool,
}

/// Shares, how far they are from what is intended, and why.
pub(super) fn evenness(page: &mut Page, inner: &Inner, view: &View, seen: &[Seen<'_>]) {
    let now = inner.clock.now();
    let details: Vec<Detail<'_>> = {
        let watches = lock(&inner.watches);
        let watch = |pool: &Seen<'_>| watches.of(&pool.cell.id).map(|(watch, _)| watch);
        seen.iter().map(|pool| Detail::new(pool, watch(pool), now)).collect()
    };
    shares(page, &details, now);
    ratios(page, &details);
    ledgers(page, &details);
    pools(page, &details);
    let plans = view.config.pools.iter();
    page.family(
        &catalog::PLAN_INFO,
        plans.map(|pool| ([pool.id.as_str().to_owned(), super::plan_hash::plan_hash(pool)], 1.0)),
    );
}

impl<'a> Detail<'a> {
    /// A pool that has not been watched yet has its series all the same.
    fn new(pool: &'a Seen<'a>, watch: Option<&Watch>, now: Nanos) -> Self {
        let fresh = || Watch::new(&pool.snapshot, now);
        let symptoms = watch.map(Watch::symptoms).unwrap_or_default();
        Self {
            figures: watch.map_or_else(|| fresh().figures(), Watch::figures),
            shown: shown(pool, &symptoms),
            shared: symptoms.is_empty() && watch.is_some_and(|watch| watch.worse_since().is_some()),
            pool,
        }
    }

    /// Each one that is shown, as far as it was there at the last tick.
    fn backends(&self) -> impl Iterator<Item = (usize, &BackendFigures)> {
        self.shown.iter().filter_map(|&index| Some((index, self.figures.backends.get(&self.serial(index))?)))
    }

    fn serial(&self, index: usize) -> u64 {
        self.pool.snapshot.members()[index].member.serial
    }
}

/// Whom to show in detail.
fn shown(pool: &Seen<'_>, symptoms: &[Symptom]) -> Vec<usize> {
    let members = pool.snapshot.members();
    if members.len() <= DETAILED_MAX {
        return (0..members.len()).collect();
    }
    let places: HashMap<u64, usize> =
        members.iter().enumerate().map(|(index, view)| (view.member.serial, index)).collect();
    let mut told = HashSet::new();
    let worst_first = symptoms.iter().map(|symptom| symptom.latched.finding.backend);
    let worst_first = worst_first.filter(|serial| told.insert(*serial));
    worst_first.filter_map(|serial| places.get(&serial).copied()).take(DETAILED_MAX).collect()
}

/// What is counted at a backend, and the kind of share that this is.
type Counted = (&'static str, fn(&BackendLoad, Nanos) -> f64);

const COUNTED: [Counted; 4] = [
    ("in_flight", |load, _| f64::from(load.in_flight())),
    ("busy", |load, now| load.busy(now).as_secs_f64()),
    ("bytes", |load, _| (load.bytes_sent() + load.bytes_received()) as f64),
    ("errors", |load, _| failures().map(|outcome| load.outcomes(outcome)).sum::<u64>() as f64),
];

fn shares(page: &mut Page, details: &[Detail<'_>], now: Nanos) {
    let always = details.iter().flat_map(|detail| {
        let members = detail.pool.snapshot.members().iter().enumerate();
        members.flat_map(|(index, view)| {
            let shares =
                [("intent", view.intent), ("plan", view.plan), ("requests", detail.pool.observed(index))];
            shares.map(|(kind, share)| (detail.pool.labels(index, kind), share))
        })
    });
    let steps = details.iter().flat_map(|detail| {
        detail.backends().flat_map(|(index, backend)| {
            let steps = &backend.steps;
            let shares =
                [("weights", steps.weights), ("discovered", steps.discovered), ("healthy", steps.healthy)];
            shares.map(|(kind, share)| (detail.pool.labels(index, kind), share))
        })
    });
    let counted = details.iter().flat_map(|detail| {
        COUNTED.iter().flat_map(move |(kind, count)| {
            let count = move |index: usize| count(&detail.pool.snapshot.members()[index].member.load, now);
            let total: f64 = (0..detail.pool.attempts.len()).map(count).sum();
            let part = move |part: f64| if total > 0.0 { part / total } else { 0.0 };
            detail.shown.iter().map(move |&index| (detail.pool.labels(index, kind), part(count(index))))
        })
    });
    page.family(&catalog::SHARE, always.chain(steps).chain(counted));
}

fn ratios(page: &mut Page, details: &[Detail<'_>]) {
    let ratios = details.iter().flat_map(|detail| {
        detail.backends().flat_map(|(index, backend)| {
            let ratios = [
                ("requests", backend.requests_ratio),
                ("errors", backend.errors_ratio),
                ("in_flight", backend.in_flight_ratio),
            ];
            ratios.map(|(dimension, ratio)| (detail.pool.labels(index, dimension), ratio))
        })
    });
    page.family(&catalog::SKEW_RATIO, ratios);
}

/// The terms that every pool has, and one for each reason for which it has ever picked.
fn ledgers(page: &mut Page, details: &[Detail<'_>]) {
    let ledgers = details.iter().flat_map(|detail| {
        let terms = terms(detail.pool);
        detail.backends().flat_map(move |(index, backend)| {
            let size = |term: Term| {
                let told = backend.split.terms.iter().find(|(told, _)| *told == term);
                told.map_or(0.0, |(_, size)| *size)
            };
            let sizes: Vec<_> =
                terms.iter().map(|&term| (detail.pool.labels(index, skew::term(term)), size(term))).collect();
            sizes
        })
    });
    page.family(&catalog::SKEW_LEDGER, ledgers);
}

fn terms(pool: &Seen<'_>) -> Vec<Term> {
    let used =
        |reason: &Reason| pool.snapshot.members().iter().any(|view| view.member.load.attempts(*reason) > 0);
    let always = [Term::Weights, Term::Discovery, Term::Health, Term::Shaping];
    always.into_iter().chain(Reason::ALL.into_iter().filter(used).map(Term::Reason)).collect()
}

fn pools(page: &mut Page, details: &[Detail<'_>]) {
    let indices = |index: fn(&Evenness) -> f64| {
        details.iter().flat_map(move |detail| {
            let of = [("plan", &detail.figures.plan), ("requests", &detail.figures.requests)];
            of.map(|(kind, evenness)| ([detail.pool.name(), kind.to_owned()], index(evenness)))
        })
    };
    page.family(&catalog::SKEW_TVD, indices(|evenness| evenness.tvd));
    page.family(&catalog::SKEW_JAIN, indices(|evenness| evenness.jain));
    page.family(&catalog::SKEW_PEAK_RATIO, indices(|evenness| evenness.peak_ratio));
    let each = |value: fn(&Detail<'_>) -> f64| {
        details.iter().map(move |detail| ([detail.pool.name()], value(detail)))
    };
    page.family(&catalog::SHARED_SUSPECTED, each(|detail| f64::from(u8::from(detail.shared))));
    page.family(&catalog::OCCUPANCY, each(|detail| detail.figures.occupancy));
}
