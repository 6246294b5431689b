//! What has been found and still holds, although what follows from it hides it for a while.
//!
//! A backend with too much weight is overloaded, fails, and is ejected: then it has too little, because it is ejected, and
//! everything is slow. Said anew each second that would be three verdicts, of which the first is the true one.

use std::time::Duration;

use super::reading::Expected;
use super::{Blame, Cause, Dimension, Level, Symptom, Why};
use crate::skew::{Finding, Latched, Severity, Side};
use crate::units::Nanos;

/// Of one pool.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    now: Nanos,
    /// What the configured weights were when the rest was found.
    weights: u64,
    /// Why a backend had too much before it went out, as traffic has shown.
    roots: Vec<Symptom>,
    /// What was said of requests last.
    last: Vec<Symptom>,
    /// Until then what has been counted since the plan changed is too little to say why.
    young: Nanos,
    lone: Option<Lone>,
    /// Since when nobody that should serve does.
    down: Option<Nanos>,
    /// From when on shares were wrong, or nobody served, and when that was told last.
    uneven: Option<(Nanos, Nanos)>,
}

/// One backend that the configuration gives everything to, although there are others.
#[derive(Clone, Copy, Debug)]
struct Lone {
    backend: u64,
    /// That are configured.
    of: usize,
    since: Nanos,
    requests: f64,
}

impl Lone {
    fn matters(&self) -> bool {
        self.requests >= LONE_REQUESTS
    }
}

/// What a tick has shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    /// What is said now.
    pub(super) fresh: &'a [Symptom],
    /// What has been found about requests, explained or not.
    pub(super) found: &'a [Latched],
    /// That came.
    pub(super) requests: f64,
    /// The plan has just changed.
    pub(super) replanned: bool,
}

impl Shown<'_> {
    /// Since when somebody has too much for whom there is no explanation yet.
    fn unexplained(&self, now: Nanos) -> Option<Nanos> {
        let is_told = |found: &Latched| {
            let is_about = |one: &Symptom| one.latched.finding.backend == found.finding.backend;
            self.fresh.iter().any(|one| one.dimension == Dimension::Requests && is_about(one))
        };
        let new = self.found.iter().filter(|found| {
            found.finding.side == Side::Above && now.since(found.confirmed) < EXPLAINED && !is_told(found)
        });
        new.map(|found| found.finding.since).min()
    }
}

/// What is not explained by then will not be.
const EXPLAINED: Duration = Duration::from_secs(6);
/// So long after the plan has changed what was said before still explains.
const YOUNG: Duration = Duration::from_secs(8);
/// Queues that uneven shares have filled are empty after so long.
const AFTERMATH: Duration = Duration::from_secs(15);
/// What begins so much later than something else is not its cause.
const LATER: Duration = Duration::from_secs(5);
/// Who waits behind one backend alone: enough requests that it matters.
const LONE_REQUESTS: f64 = 20.0;

impl Standing {
    /// Takes in what a tick has shown.
    pub(super) fn tick(&mut self, shown: &Shown<'_>, expected: &Expected, now: Nanos) {
        let Shown { fresh, requests, .. } = *shown;
        self.now = now;
        let weights = expected.weights_print();
        if std::mem::replace(&mut self.weights, weights) != weights {
            self.roots.clear();
            self.last.clear();
        }
        if shown.replanned {
            self.young = now.saturating_add(YOUNG);
        }
        let of_requests = || fresh.iter().filter(|one| one.dimension == Dimension::Requests);
        let (young, roots) = (now <= self.young, of_requests().filter(|one| is_root(one)));
        // Of one that is out nothing new can be told; of one that serves, what is not told again is over.
        let is_out = |root: &Symptom| expected.is_out(root.latched.finding.backend) || young;
        self.roots.retain(|root| is_out(root) && now.since(root.latched.confirmed) < root.latched.hold);
        for root in roots {
            self.roots.retain(|known| known.latched.finding.backend != root.latched.finding.backend);
            self.roots.push(root.clone());
        }
        if of_requests().next().is_some() || now > self.young {
            self.last = of_requests().cloned().collect();
        }
        self.alone(expected, requests, now);
        self.down = expected.nobody_serves().then(|| self.down.unwrap_or(now));
        let wrong = of_requests().filter(|one| one.level > Level::Info).chain(&self.roots);
        let wrong = wrong.map(|one| one.latched.finding.since).chain(shown.unexplained(now));
        let alone = self.lone.filter(Lone::matters).map(|lone| lone.since);
        if let Some(since) = wrong.chain(self.down).chain(alone).min() {
            let goes_on = self.uneven.filter(|(_, last)| now.since(*last) < AFTERMATH);
            self.uneven = Some((goes_on.map_or(since, |(from, _)| from.min(since)), now));
        }
    }

    fn alone(&mut self, expected: &Expected, requests: f64, now: Nanos) {
        let known = self.lone.take();
        self.lone = expected.lone().map(|(backend, of)| match known {
            Some(known) if known.backend == backend => {
                Lone { of, requests: known.requests + requests, ..known }
            }
            _ => Lone { backend, of, since: now, requests },
        });
    }

    /// What is said now, with what holds besides: the root before what follows from it.
    pub(super) fn complete(&self, fresh: Vec<Symptom>) -> Vec<Symptom> {
        let mut all: Vec<Symptom> = self.lone.iter().filter_map(|lone| self.of_lone(lone)).collect();
        let is_told = |told: &[Symptom], one: &Symptom| {
            let key = |symptom: &Symptom| (symptom.dimension, symptom.latched.finding.backend, symptom.cause);
            told.iter().any(|other| key(other) == key(one))
        };
        let roots = self.roots.iter().filter(|root| !is_told(&fresh, root)).cloned();
        all.extend(roots);
        if !fresh.iter().any(|one| one.dimension == Dimension::Requests) && self.now <= self.young {
            let last: Vec<Symptom> = self.last.iter().filter(|last| !is_told(&all, last)).cloned().collect();
            all.extend(last);
        }
        all.extend(fresh);
        all
    }

    fn of_lone(&self, lone: &Lone) -> Option<Symptom> {
        let finding = Finding {
            backend: lone.backend,
            side: Side::Above,
            since: lone.since,
            ratio: lone.of as f64,
            share: 1.0,
            expected: 1.0 / lone.of as f64,
            total: lone.requests,
            severity: Severity::Warning,
        };
        // A plan of somebody's, perhaps, until it does not serve.
        let level = if self.down.is_some() { Level::Critical } else { Level::Warning };
        let latched = Latched { finding, confirmed: self.now, hold: Duration::ZERO };
        lone.matters().then(|| Symptom {
            dimension: Dimension::Requests,
            latched,
            cause: Cause::Alone,
            level,
            split: None,
            why: Why::default(),
            group: None,
        })
    }

    /// Since when nobody serves, if that is nobody's configuration.
    pub(super) fn down(&self) -> Option<Nanos> {
        self.down
    }

    /// Whether what became slow, or fails, since then has come of uneven shares, or of nobody who served: it is no more
    /// than their aftermath.
    pub(super) fn explains(&self, worse_since: Nanos) -> bool {
        self.uneven.is_some_and(|(from, last)| {
            from < worse_since.saturating_add(LATER) && self.now.since(last) < AFTERMATH
        })
    }
}

/// Whether it gives a backend more than it should have, and not just because others are out or full.
fn is_root(symptom: &Symptom) -> bool {
    let follows = matches!(symptom.cause, Cause::Health | Cause::Shaping | Cause::Retries | Cause::Capacity);
    symptom.level > Level::Info && symptom.latched.finding.side == Side::Above && !follows
}

/// Whether the configuration is to blame for any of these.
pub(super) fn is_balancers(symptoms: &[Symptom]) -> bool {
    symptoms.iter().any(|one| one.level > Level::Info && one.cause.blame() == Blame::Balancer)
}

/// Whether all of these that matter are backends that went out of balancing when everything had been slow or failing for a
/// while: the first ones to give up, not those whose fault it is. What is only worth knowing must not hide what is wrong.
pub(super) fn follow_from(worse_since: Nanos, symptoms: &[Symptom]) -> bool {
    let later = worse_since.saturating_add(LATER);
    let follows = |one: &Symptom| one.cause == Cause::Health && one.latched.finding.since >= later;
    symptoms.iter().all(|one| one.level == Level::Info || follows(one))
}
