//! Watches one pool of a running balancer: reads what its backends have counted, tests that in every respect, and says
//! what is wrong, since when, why, and whose doing it is.
//!
//! It reads the counters that strategies go by, and says to backends from when on an answer is slow; the data path knows
//! nothing else of it.

mod bytes;
mod cause;
mod clusters;
mod conformance;
mod figures;
mod groups;
mod homes;
mod pace;
mod reading;
mod slow;
mod spread;
mod standing;
mod tick;
mod told;
mod why;

use std::sync::Arc;
use std::time::Duration;

use super::serials::BySerial;
use super::{Account, Count, Detector, Drained, Latched, Split, Term, Tolerance, ledger, needed};
use crate::pool::{Phase, PoolSnapshot};
use crate::strategy::StrategyKind;
use crate::units::Nanos;

use bytes::Bytes;
pub use cause::{Blame, Cause, Level};
use cause::{Evidence, LEDGER_MIN, is_adaptive};
use clusters::Clusters;
pub use clusters::{HotKey, Spread};
use conformance::Conformance;
use figures::Recent;
pub use figures::{BackendFigures, Evenness, Figures, Steps};
use groups::Groups;
use homes::Homes;
use pace::Pace;
use reading::{Expected, Reading, Sums};
use slow::Slow;
use standing::{Shown, Standing, follow_from, is_balancers};
use tick::Tick;
use told::Told;
pub use why::Why;

/// What is counted at each backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// Attempts, against what the operator intends.
    Requests,
    /// What the strategy decided, against the plan; of strategies whose picks show it.
    Conformance,
    /// Attempts of zones and of tiers, against the plan.
    Groups,
    /// Failed attempts, against attempts.
    Errors,
    /// Answers that took more than 1.5 times as long as nine in ten of the middling backend in the minute before, and more
    /// than a millisecond; against answers.
    Slow,
    /// Requests in flight, against what the operator intends.
    InFlight,
    /// Bytes in both directions, against attempts, or against requests in flight where these are more.
    Bytes,
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
    /// Further causes, and the figures behind all of them.
    pub why: Why,
    /// The zone or tier that it is about, such as `zone eu-1`, instead of a backend; of groups only.
    pub group: Option<Arc<str>>,
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
    conformance: Conformance,
    groups: Groups,
    errors: Detector,
    slow: Slow,
    in_flight: Detector,
    bytes: Bytes,
    /// Of the snapshot that the last tick ended with.
    epoch: u64,
    /// As read at the last tick, by serial.
    before: BySerial<Reading>,
    /// What was expected when the last tick began.
    expected: Expected,
    /// What was expected and what came of it lately.
    sums: BySerial<Sums>,
    /// What explains findings of requests, and of groups.
    told: Told<Split>,
    told_of_groups: Told<Term>,
    pace: Pace,
    /// For [`Watch::figures`].
    recent: Recent,
    /// When requests in flight are counted next.
    look_at: Nanos,
    /// Attempts that the test has seen since shares have last been told.
    seen: f64,
    /// Keyed requests without a key, lately, as part of all.
    keys_missing: f64,
    keys_missing_before: u64,
    tolerance: Tolerance,
    homes: Homes,
    /// What requests of late were told apart by.
    keys: Clusters,
    /// Sessions or connections that stay where they are.
    stays: Clusters,
    connections: bool,
    standing: Standing,
}

/// Fewer requests in flight say nothing: with least_request and one or none at each, who has one is chance.
const IN_FLIGHT_MIN: f64 = 30.0;
/// Evidence that even shares hardly ever bring about: 8 of 20 nats is once in thousands of times.
const PERHAPS: f64 = 0.4;
/// Findings of one kind that are explained, the worst: where thousands are off, these tell why, and a tick stays short.
const EXPLAINED_MAX: usize = 200;
/// Looks at requests in flight are independent when most of those seen before have ended.
const LOOK_LATENCIES: u32 = 2;

impl Dimension {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Requests,
        Self::Conformance,
        Self::Groups,
        Self::Errors,
        Self::Slow,
        Self::InFlight,
        Self::Bytes,
    ];
}

impl Watch {
    /// Nothing seen yet.
    pub fn new(snapshot: &PoolSnapshot, now: Nanos) -> Self {
        let strategy = snapshot.strategy();
        let keyed = strategy.registration().keyed;
        let tolerance = if keyed { Tolerance::KEYED_INTENT } else { Tolerance::INTENT };
        // Some keys take longer, and are larger, than others, and stay where they are.
        let by_key = if keyed { Tolerance::KEYED_INTENT } else { Tolerance::TROUBLE };
        // Where the faster gets more, a zone of faster ones may, too; but not every breath is to be told.
        let of_groups = if is_adaptive(strategy) { Tolerance::INTENT } else { Tolerance::PLAN };
        let mut homes = Homes::default();
        homes.follow(snapshot);
        Self {
            strategy,
            requests: Detector::new(tolerance),
            conformance: Conformance::new(strategy),
            groups: Groups::new(of_groups),
            errors: Detector::new(Tolerance::TROUBLE),
            slow: Slow::new(by_key),
            in_flight: Detector::new(Tolerance::IN_FLIGHT),
            bytes: Bytes::new(by_key),
            epoch: snapshot.epoch(),
            before: Reading::of_all(snapshot, now),
            expected: Expected::of(snapshot, &homes),
            sums: BySerial::default(),
            told: Told::default(),
            told_of_groups: Told::default(),
            pace: Pace::default(),
            recent: Recent::new(now),
            look_at: now,
            seen: 0.0,
            keys_missing: 0.0,
            keys_missing_before: 0,
            tolerance,
            homes,
            keys: Clusters::new(),
            stays: Clusters::new(),
            connections: false,
            standing: Standing::default(),
        }
    }

    /// Whether what is counted as requests are connections and the like, which stay where they are for as long as their
    /// ends want.
    pub fn set_connections(&mut self, connections: bool) {
        self.connections = connections;
    }

    /// See [`Watch::set_connections`].
    pub fn counts_connections(&self) -> bool {
        self.connections
    }

    /// What some requests were told apart by since the last tick, and which of them belong to a session or a connection
    /// that stays at its backend. Before each [tick](Watch::tick), in pools where there is something of the kind.
    pub fn sampled(&mut self, keys: &Drained, stays: &Drained) {
        self.keys.add(keys);
        self.stays.add(stays);
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
        let shown = Shown { fresh: &fresh, found: &found, requests, replanned: self.sums.is_empty() };
        self.standing.tick(&shown, &self.expected, now);
    }

    fn take_in(&mut self, snapshot: &PoolSnapshot, keys_missing: u64, now: Nanos) {
        if snapshot.strategy() != self.strategy {
            *self = Self { keys_missing_before: keys_missing, ..Self::new(snapshot, now) };
            return;
        }
        let readings = Reading::of_all(snapshot, now);
        let since: BySerial<Reading> = readings
            .iter()
            .filter_map(|(serial, reading)| Some((*serial, reading.since(self.before.get(serial)?))))
            .collect();
        self.homes.follow(snapshot);
        let steady = std::mem::replace(&mut self.epoch, snapshot.epoch()) == snapshot.epoch();
        self.before = readings;
        self.recent.tick(&since, now);
        let missing = keys_missing.saturating_sub(self.keys_missing_before) as f64;
        self.keys_missing_before = keys_missing;
        let expected = std::mem::take(&mut self.expected);
        let next = (!steady).then(|| Expected::of(snapshot, &self.homes));
        // What explained findings before somebody changed the weights does not explain what is left of them.
        if next.as_ref().is_some_and(|next| next.weights_print() != expected.weights_print()) {
            self.told.forget(&self.requests.latched());
            self.told_of_groups.forget(&self.groups.latched());
        }
        // A tick in which something else came to be intended is left out: nobody knows which of its requests were before.
        if next.as_ref().is_none_or(|next| expected.intends_the_same(next)) {
            self.observe(&Tick { snapshot, expected: &expected, since: &since, now, steady });
            if next.as_ref().is_none_or(|next| expected.plans_the_same(next)) {
                self.remember(&expected, &since, missing);
            } else {
                // Nobody knows which of its requests followed which plan, and what was before is no explanation of what
                // comes.
                self.sums.clear();
            }
            self.explain();
            // One that is out, or finishes what it has, is slow or fails by itself.
            let serving = since.iter().filter(|(serial, _)| expected.serves(**serial));
            self.pace.tick(serving.map(|(_, reading)| reading), now);
        }
        self.expected = next.unwrap_or(expected);
    }

    fn observe(&mut self, tick: &Tick<'_>) {
        let Tick { expected, since, now, .. } = *tick;
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
        // A connection fails when it ends, and may have begun long before.
        let tried = if self.connections { |reading: &Reading| reading.ended } else { Reading::attempts };
        // Of those alone whose failures are held against it.
        let is_judged = |serial: u64| expected.get(serial).is_some_and(|one| one.phase != Phase::Draining);
        let judged = since.iter().filter(|(serial, _)| is_judged(**serial));
        let all: f64 = judged.map(|(_, reading)| tried(reading)).sum();
        let of_requests = |serial| since.get(&serial).map_or(0.0, |reading| tried(reading) / all.max(1.0));
        self.errors.observe(now, &shown(|reading| reading.failures, &of_requests));
        let in_flight: f64 = since.values().map(|reading| reading.in_flight).sum();
        if in_flight >= IN_FLIGHT_MIN {
            self.observe_in_flight(now, &shown(|reading| reading.in_flight, &intent));
        }
        self.conformance.observe(tick);
        // Of picks by key, a zone gets what those keys are that belong to it.
        if !self.strategy.registration().keyed {
            self.groups.observe(tick);
        }
        self.slow.observe(tick);
        self.bytes.observe(tick);
    }

    fn observe_in_flight(&mut self, now: Nanos, counts: &[Count]) {
        if now >= self.look_at {
            self.look_at = now.saturating_add(self.pace.latency() * LOOK_LATENCIES);
            self.in_flight.observe(now, counts);
        } else if self.connections {
            self.in_flight.glance(now, counts);
        }
    }

    fn remember(&mut self, expected: &Expected, since: &BySerial<Reading>, missing: f64) {
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
        let evidence = Evidence {
            strategy: self.strategy,
            conformance: self.conformance.latched(),
            errors: self.errors.latched(),
            in_flight: self.in_flight.latched(),
            requests: self.requests.latched(),
            keys_missing: self.keys_missing,
            connections: self.connections,
            work: self.work(),
        };
        let mut symptoms = Vec::new();
        for dimension in Dimension::ALL {
            for latched in self.latched(dimension).into_iter().take(EXPLAINED_MAX) {
                symptoms.extend(self.symptom(&evidence, dimension, latched));
            }
        }
        symptoms.sort_by(|one, other| {
            let by_finding = one.latched.finding.worst_first(&other.latched.finding);
            other.level.cmp(&one.level).then(one.dimension.cmp(&other.dimension)).then(by_finding)
        });
        symptoms
    }

    fn symptom(&self, evidence: &Evidence, dimension: Dimension, latched: Latched) -> Option<Symptom> {
        if dimension == Dimension::Groups {
            return self.of_group(evidence, latched);
        }
        let split = self.told.of(latched.finding.backend).filter(|_| dimension == Dimension::Requests);
        let (cause, level) = evidence.explain(dimension, &latched, split)?;
        let why = self.why(evidence, dimension, &latched, cause, split);
        Some(Symptom { dimension, latched, cause, level, split: split.cloned(), why, group: None })
    }

    fn of_group(&self, evidence: &Evidence, latched: Latched) -> Option<Symptom> {
        let number = latched.finding.backend;
        let term = *self.told_of_groups.of(number)?;
        let (cause, level) = evidence.of_requests(term, &latched, Level::Warning);
        Some(Symptom {
            dimension: Dimension::Groups,
            latched,
            cause,
            // By itself a group is nobody's emergency.
            level: level.min(Level::Warning),
            split: None,
            why: Why::default(),
            group: self.groups.name(number).cloned(),
        })
    }

    /// Finds out why, while the ledger is about the time of what has been found.
    fn explain(&mut self) {
        let (requests, groups) = (self.requests.latched(), self.groups.latched());
        let splits =
            if requests.is_empty() && groups.is_empty() { BySerial::default() } else { self.splits() };
        let is_about = |latched: &Latched, size: f64| {
            size / (latched.finding.share - latched.finding.expected) >= LEDGER_MIN
        };
        self.told.update(&requests, |latched| {
            let split = splits.get(&latched.finding.backend)?;
            is_about(latched, split.difference).then(|| split.clone())
        });
        let of_group = |latched: &Latched| {
            let (term, size) = self.groups.cause(latched, &splits)?;
            is_about(latched, size).then_some(term)
        };
        self.told_of_groups.update(&groups, of_group);
    }

    fn latched(&self, dimension: Dimension) -> Vec<Latched> {
        match dimension {
            Dimension::Requests => self.requests.latched(),
            Dimension::Conformance => self.conformance.latched(),
            Dimension::Groups => self.groups.latched(),
            Dimension::Errors => self.errors.latched(),
            Dimension::Slow => self.slow.latched(),
            Dimension::InFlight => self.in_flight.latched(),
            Dimension::Bytes => self.bytes.latched(),
        }
    }

    /// How near the nearest test is to firing, 0.0..1.0.
    pub fn nearness(&self, dimension: Dimension) -> f64 {
        match dimension {
            Dimension::Requests => self.requests.nearness(),
            Dimension::Conformance => self.conformance.nearness(),
            Dimension::Groups => self.groups.nearness(),
            Dimension::Errors => self.errors.nearness(),
            Dimension::Slow => self.slow.nearness(),
            Dimension::InFlight => self.in_flight.nearness(),
            Dimension::Bytes => self.bytes.nearness(),
        }
    }

    /// The zone or tier of this number in what has been found of [groups](Dimension::Groups), such as `zone eu-1`.
    pub fn group(&self, number: u64) -> Option<&str> {
        self.groups.name(number).map(AsRef::as_ref)
    }

    /// From when on an answer is slow: see [`Dimension::Slow`]. `None` until it is known what is usual.
    pub fn slow_above(&self) -> Option<Duration> {
        self.slow.above()
    }

    /// Attempts seen.
    pub fn seen(&self) -> u64 {
        self.seen as u64
    }

    /// Mean time of a request lately, and before that as far as it is known.
    pub fn latency(&self) -> (Duration, Option<Duration>) {
        (self.pace.latency(), self.pace.usual())
    }

    /// How unevenly keys were asked for of late; `None` while too little is known.
    pub fn keys(&self) -> Option<Spread> {
        let spread = self.keys.spread()?;
        Some(Spread { top_share: spread.top_share * self.keyed(), ..spread })
    }

    /// How unevenly sessions, or connections, had requests of late; `None` while too little is known.
    pub fn stays(&self) -> Option<Spread> {
        self.stays.spread()
    }

    /// Since when all backends together are slower, or fail more often, than usual, whatever the shares are.
    pub fn worse_since(&self) -> Option<Nanos> {
        self.pace.worse_since()
    }

    fn splits(&self) -> BySerial<Split> {
        let (serials, accounts): (Vec<u64>, Vec<Account>) =
            self.sums.iter().map(|(serial, sums)| (*serial, sums.account())).unzip();
        serials.into_iter().zip(ledger(&accounts)).collect()
    }
}
