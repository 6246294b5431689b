//! Watches one pool of a running balancer: reads what its backends have counted, tests that in every respect, and says
//! what is wrong, since when, why, and whose doing it is.
//!
//! It reads the counters that strategies go by, and nothing else: the data path does not know that it is watched.

mod cause;
mod pace;
mod reading;
mod standing;

use std::collections::HashMap;
use std::time::Duration;

use super::{Account, Count, Detector, Latched, Split, Tolerance, ledger, needed};
use crate::pool::{Phase, PoolSnapshot};
use crate::strategy::StrategyKind;
use crate::units::Nanos;

pub use cause::{Blame, Cause, Level};
use cause::{Evidence, is_adaptive};
use pace::Pace;
use reading::{Expected, Reading, Sums};
use standing::{Standing, Told, follow_from, is_balancers};

/// What is counted at each backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// Attempts, against what the operator intends.
    Requests,
    /// Failed attempts, against attempts.
    Errors,
    /// Requests in flight, against what the operator intends.
    InFlight,
}

/// Something that is wrong with one backend's share, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Symptom {
    /// In which respect.
    pub dimension: Dimension,
    /// Whose share, by serial; since when, how much, how sure.
    pub latched: Latched,
    /// Why.
    pub cause: Cause,
    /// How much that matters.
    pub level: Level,
    /// Of what the difference consists; of requests only.
    pub split: Option<Split>,
}

/// What there is to say of a pool.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Traffic is uneven, or a backend stands out: worst first, never empty.
    Skewed(Vec<Symptom>),
    /// Shares are even, but everything has become slower, or fails, alike: since when.
    Shared(Nanos),
    /// Shares are as they should be, as far as so many requests can tell.
    Even,
    /// There have been too few: about so many more would show a backend that has twice its share.
    NotEnough(u64),
    /// Nobody that should serve does: all have failed their checks, are ejected, or cannot be found. Since when.
    Down(Nanos),
    /// There is nobody else to send anything to.
    NoAlternative,
}

/// Watches one pool.
#[derive(Clone, Debug)]
pub struct Watch {
    strategy: StrategyKind,
    requests: Detector,
    errors: Detector,
    in_flight: Detector,
    /// As read at the last tick, by serial.
    before: HashMap<u64, Reading>,
    /// What was expected when the last tick began.
    expected: Expected,
    /// What was expected and what came of it lately.
    sums: HashMap<u64, Sums>,
    pace: Pace,
    /// When requests in flight are counted next.
    look_at: Nanos,
    /// Attempts that the test has seen since shares have last been told.
    seen: f64,
    /// Keyed requests without a key, lately, as part of all.
    keys_missing: f64,
    keys_missing_before: u64,
    standing: Standing,
}

/// Fewer requests in flight say nothing: with least_request and one or none at each, who has one is chance.
const IN_FLIGHT_MIN: f64 = 30.0;
/// Evidence that even shares hardly ever bring about: 8 of 20 nats is once in thousands of times.
const PERHAPS: f64 = 0.4;
/// Looks at requests in flight are independent when most of those seen before have ended.
const LOOK_LATENCIES: u32 = 2;

impl Watch {
    /// Nothing seen yet.
    pub fn new(snapshot: &PoolSnapshot, now: Nanos) -> Self {
        let strategy = snapshot.strategy();
        let tolerance =
            if strategy.registration().keyed { Tolerance::KEYED_INTENT } else { Tolerance::INTENT };
        Self {
            strategy,
            requests: Detector::new(tolerance),
            errors: Detector::new(Tolerance::TROUBLE),
            in_flight: Detector::new(Tolerance::IN_FLIGHT),
            before: Reading::of_all(snapshot, now),
            expected: Expected::of(snapshot),
            sums: HashMap::new(),
            pace: Pace::default(),
            look_at: now,
            seen: 0.0,
            keys_missing: 0.0,
            keys_missing_before: 0,
            standing: Standing::default(),
        }
    }

    /// Takes in what has happened since the last tick; one a second is right. `keys_missing` counts, since ever, keyed
    /// requests without their key.
    pub fn tick(&mut self, snapshot: &PoolSnapshot, keys_missing: u64, now: Nanos) {
        let seen = self.seen;
        self.take_in(snapshot, keys_missing, now);
        let found = self.requests.latched();
        let fresh = if found.is_empty() { Vec::new() } else { self.explained() };
        // A strategy that has just been put in place has seen nothing.
        let requests = (self.seen - seen).max(0.0);
        let told = Told { fresh: &fresh, found: &found, requests, replanned: self.sums.is_empty() };
        self.standing.tick(&told, &self.expected, now);
    }

    fn take_in(&mut self, snapshot: &PoolSnapshot, keys_missing: u64, now: Nanos) {
        if snapshot.strategy() != self.strategy {
            *self = Self { keys_missing_before: keys_missing, ..Self::new(snapshot, now) };
            return;
        }
        let readings = Reading::of_all(snapshot, now);
        let since: HashMap<u64, Reading> = readings
            .iter()
            .filter_map(|(serial, reading)| Some((*serial, reading.since(self.before.get(serial)?))))
            .collect();
        let expected = std::mem::replace(&mut self.expected, Expected::of(snapshot));
        self.before = readings;
        let missing = keys_missing.saturating_sub(self.keys_missing_before) as f64;
        self.keys_missing_before = keys_missing;
        // A tick in which something else came to be intended is left out: nobody knows which of its requests were before.
        if !expected.intends_the_same(&self.expected) {
            return;
        }
        self.observe(&expected, &since, now);
        if expected.plans_the_same(&self.expected) {
            self.remember(&expected, &since, missing);
        } else {
            // Nobody knows which of its requests followed which plan, and what was before is no explanation of what comes.
            self.sums.clear();
        }
        self.pace.tick(&since, now);
    }

    fn observe(&mut self, expected: &Expected, since: &HashMap<u64, Reading>, now: Nanos) {
        let shown = |reading: fn(&Reading) -> f64, share: &dyn Fn(u64) -> f64| -> Vec<Count> {
            // One that drains keeps its sessions: it should have nothing new, and what it has is no mistake.
            let judged = expected.iter().filter(|(_, shares)| shares.phase != Phase::Draining);
            let counts = judged.filter_map(|(serial, _)| {
                Some(Count::new(*serial, reading(since.get(serial)?), share(*serial)))
            });
            counts.collect()
        };
        let intent = |serial| expected.get(serial).map_or(0.0, |shares| shares.intent);
        let requests = shown(Reading::attempts, &intent);
        let total: f64 = requests.iter().map(|count| count.observed).sum();
        self.seen += total;
        self.requests.observe(now, &requests);
        let of_requests =
            |serial| since.get(&serial).map_or(0.0, |reading| reading.attempts() / total.max(1.0));
        self.errors.observe(now, &shown(|reading| reading.failures, &of_requests));
        let in_flight: f64 = since.values().map(|reading| reading.in_flight).sum();
        if now >= self.look_at && in_flight >= IN_FLIGHT_MIN {
            self.look_at = now.saturating_add(self.pace.latency() * LOOK_LATENCIES);
            self.in_flight.observe(now, &shown(|reading| reading.in_flight, &intent));
        }
    }

    fn remember(&mut self, expected: &Expected, since: &HashMap<u64, Reading>, missing: f64) {
        let total: f64 = since.values().map(Reading::attempts).sum();
        if total <= 0.0 {
            return;
        }
        self.sums.retain(|serial, _| expected.get(*serial).is_some());
        for (serial, shares) in expected.iter() {
            let sums = self.sums.entry(*serial).or_default();
            sums.add(shares, total, since.get(serial));
        }
        self.keys_missing += (missing / total - self.keys_missing) * Sums::NEW;
    }

    /// What there is to say now.
    pub fn verdict(&self) -> Verdict {
        let judged = self.expected.iter().filter(|(_, shares)| shares.intent > 0.0).count();
        if self.expected.iter().count() < 2 {
            return Verdict::NoAlternative;
        }
        let symptoms = self.symptoms();
        if let Some(since) = self.standing.down()
            && !is_balancers(&symptoms)
        {
            return Verdict::Down(since);
        }
        let worse = self.pace.worse_since();
        let worse = worse.filter(|since| !self.standing.explains(*since) && !self.is_perhaps_uneven());
        if let Some(since) = worse
            && follow_from(since, &symptoms)
        {
            return Verdict::Shared(since);
        }
        if !symptoms.is_empty() {
            return Verdict::Skewed(symptoms);
        }
        let equal = 1.0 / judged.max(2) as f64;
        let tolerance = Tolerance::INTENT;
        let wanted = needed(equal, (2.0 * equal).min(1.0), tolerance, judged).unwrap_or(u64::MAX);
        let missing = wanted.saturating_sub(self.seen as u64);
        if missing > 0 { Verdict::NotEnough(missing) } else { Verdict::Even }
    }

    /// Whether it is too early to call shares even, and nothing has been found yet. Where they follow the backends' speed
    /// they never are, exactly.
    fn is_perhaps_uneven(&self) -> bool {
        let new = self.requests.latched().is_empty() && self.requests.nearness() > PERHAPS;
        new && !is_adaptive(self.strategy)
    }

    /// Everything that is wrong, worst first; what the rest follows from before all.
    pub fn symptoms(&self) -> Vec<Symptom> {
        self.standing.complete(self.explained())
    }

    /// What can be told and explained by what has been counted of late.
    fn explained(&self) -> Vec<Symptom> {
        let splits = self.splits();
        let tests = [
            (Dimension::Requests, &self.requests),
            (Dimension::Errors, &self.errors),
            (Dimension::InFlight, &self.in_flight),
        ];
        let evidence = Evidence {
            strategy: self.strategy,
            errors: self.errors.latched(),
            in_flight: self.in_flight.latched(),
            requests: self.requests.latched(),
            keys_missing: self.keys_missing,
        };
        let mut symptoms = Vec::new();
        for (dimension, test) in tests {
            for latched in test.latched() {
                let split = splits.get(&latched.finding.backend).filter(|_| dimension == Dimension::Requests);
                if let Some((cause, level)) = evidence.explain(dimension, &latched, split) {
                    symptoms.push(Symptom { dimension, latched, cause, level, split: split.cloned() });
                }
            }
        }
        symptoms.sort_by(|one, other| {
            let by_finding = one.latched.finding.worst_first(&other.latched.finding);
            other.level.cmp(&one.level).then(one.dimension.cmp(&other.dimension)).then(by_finding)
        });
        symptoms
    }

    /// How near the nearest test is to firing, 0.0..1.0.
    pub fn nearness(&self, dimension: Dimension) -> f64 {
        match dimension {
            Dimension::Requests => self.requests.nearness(),
            Dimension::Errors => self.errors.nearness(),
            Dimension::InFlight => self.in_flight.nearness(),
        }
    }

    /// Attempts seen.
    pub fn seen(&self) -> u64 {
        self.seen as u64
    }

    /// Mean time of a request lately, and before that as far as it is known.
    pub fn latency(&self) -> (Duration, Option<Duration>) {
        (self.pace.latency(), self.pace.usual())
    }

    fn splits(&self) -> HashMap<u64, Split> {
        let (serials, accounts): (Vec<u64>, Vec<Account>) =
            self.sums.iter().map(|(serial, sums)| (*serial, sums.account())).unzip();
        serials.into_iter().zip(ledger(&accounts)).collect()
    }
}
