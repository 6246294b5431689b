//! The test of one pool in one respect: evidence for each backend, and what follows from it.

use std::cmp::Ordering;
use std::time::Duration;

use super::evidence::{Evidence, Side, Step, Sum};
use super::serials::{BySerial, Serials};
use super::{Tolerance, threshold};
use crate::units::Nanos;

/// What was counted at one backend since the last tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    /// Which one, by a number that stays its own.
    pub backend: u64,
    /// How much: 0 and up. Where counts come in clusters, divided by their [design effect](super::design_effect).
    pub observed: f64,
    /// The part of all that it should have had, 0.0..=1.0, as known when the tick began; all together 1.
    pub share: f64,
}

/// A share that has been found to be outside its band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// Whose.
    pub backend: u64,
    /// Which way.
    pub side: Side,
    /// When it began, as far as can be told: right within a tick or so.
    pub since: Nanos,
    /// Its share over the expected one since then: 0.0 for one that gets nothing. Infinite if it should get nothing.
    pub ratio: f64,
    /// Its share since then.
    pub share: f64,
    /// Its expected share since then.
    pub expected: f64,
    /// Counted at all backends since then.
    pub total: f64,
    /// How bad that is.
    pub severity: Severity,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Severity {
    /// Outside its band.
    Warning,
    /// At least twice or at most a tenth of its share, or one backend has more than half of all and half as much again
    /// as it should.
    Critical,
}

/// A finding that holds until nothing has confirmed it for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latched {
    /// As confirmed last; since when is told by the first.
    pub finding: Finding,
    /// When it was confirmed last.
    pub confirmed: Nanos,
    /// How long it takes without confirmation until it is taken back.
    pub hold: Duration,
}

/// Watches one pool in one respect.
#[derive(Clone, Debug)]
pub struct Detector {
    tolerance: Tolerance,
    evidence: BySerial<Evidence>,
    latched: BySerial<Latched>,
    last_tick: Nanos,
}

/// A finding is held at least this long.
const HOLD_MIN: Duration = Duration::from_secs(60);
/// And for this many times as long as it took to find.
const HOLD_FACTOR: u32 = 4;

impl Count {
    /// `observed` at `backend`, which should have `share` of all.
    pub fn new(backend: u64, observed: f64, share: f64) -> Self {
        Self { backend, observed, share }
    }
}

impl Finding {
    /// Order: by severity, then by how much is where it should not be, then by number.
    pub fn worst_first(&self, other: &Self) -> Ordering {
        let amount = |finding: &Self| (finding.share - finding.expected).abs();
        let by_severity = other.severity.cmp(&self.severity);
        by_severity.then(amount(other).total_cmp(&amount(self))).then(self.backend.cmp(&other.backend))
    }
}

impl Detector {
    /// Nothing observed yet.
    pub fn new(tolerance: Tolerance) -> Self {
        Self {
            tolerance,
            evidence: BySerial::default(),
            latched: BySerial::default(),
            last_tick: Nanos::ZERO,
        }
    }

    /// Takes in what was counted since the last call, for every backend that should have had some or had some, and
    /// returns what is found now: one finding a backend at most, worst first.
    ///
    /// Shares may differ from call to call: cut a tick where they change. Findings that nothing has confirmed for long
    /// enough are taken back.
    pub fn observe(&mut self, now: Nanos, counts: &[Count]) -> Vec<Finding> {
        let tolerance = self.tolerance;
        self.observe_within(now, counts, |share| tolerance.band(share))
    }

    /// The same, where `band` says between which shares one with this expected share is inside: no upper end where all is.
    pub(super) fn observe_within(
        &mut self,
        now: Nanos,
        counts: &[Count],
        band: impl Fn(f64) -> (f64, Option<f64>),
    ) -> Vec<Finding> {
        self.weigh(now, counts, band, true)
    }

    /// As [`Detector::observe`], for counts of which most have been seen before: what is still there, not what has come.
    /// They add to no evidence, and are found to be outside only where they alone are enough. That holds at any tick,
    /// however much two of them have in common, with the same mean time between false alarms.
    pub fn glance(&mut self, now: Nanos, counts: &[Count]) -> Vec<Finding> {
        let tolerance = self.tolerance;
        self.weigh(now, counts, |share| tolerance.band(share), false)
    }

    fn weigh(
        &mut self,
        now: Nanos,
        counts: &[Count],
        band: impl Fn(f64) -> (f64, Option<f64>),
        adds: bool,
    ) -> Vec<Finding> {
        let from = std::mem::replace(&mut self.last_tick, now);
        let total: f64 = counts.iter().map(|count| count.observed).sum();
        let mut found = Vec::new();
        if total > 0.0 && counts.len() > 1 {
            let fires_at = threshold(counts.len());
            for count in counts {
                let (lower, upper) = band(count.share);
                let step = Step { from, observed: count.observed, total, share: count.share, lower, upper };
                let mut alone = Evidence::default();
                let evidence =
                    if adds { self.evidence.entry(count.backend).or_default() } else { &mut alone };
                evidence.add(&step);
                if !evidence.is_on() {
                    continue;
                }
                let (side, sum) = evidence.strongest();
                if sum.nats >= fires_at {
                    evidence.clear();
                    found.push(finding(count.backend, side, &sum));
                }
            }
        }
        self.forget_others(counts);
        for finding in &found {
            self.latch(now, *finding);
        }
        self.take_back(now);
        found.sort_by(Finding::worst_first);
        found
    }

    /// Lets a time go by that says nothing: evidence stays as it is. Findings that nothing has confirmed for long enough
    /// are taken back.
    pub fn pass(&mut self, now: Nanos) {
        self.last_tick = now;
        self.take_back(now);
    }

    /// What nothing has confirmed for long enough is over.
    fn take_back(&mut self, now: Nanos) {
        self.latched.retain(|_, latched| now.since(latched.confirmed) < latched.hold);
    }

    /// Backends that are no longer counted leave nothing behind.
    fn forget_others(&mut self, counts: &[Count]) {
        // Everybody who is counted has come in by now, unless there was nothing to count.
        if self.evidence.len() <= counts.len() && self.latched.is_empty() {
            return;
        }
        let counted: Serials = counts.iter().map(|count| count.backend).collect();
        self.evidence.retain(|backend, _| counted.contains(backend));
        self.latched.retain(|backend, _| counted.contains(backend));
    }

    fn latch(&mut self, now: Nanos, finding: Finding) {
        let hold = HOLD_MIN.max(now.since(finding.since) * HOLD_FACTOR);
        let before = self.latched.get(&finding.backend).filter(|before| before.finding.side == finding.side);
        let since = before.map_or(finding.since, |before| before.finding.since);
        let hold = before.map_or(hold, |before| before.hold.max(hold));
        let latched = Latched { finding: Finding { since, ..finding }, confirmed: now, hold };
        self.latched.insert(finding.backend, latched);
    }

    /// What has been found and not taken back, worst first.
    pub fn latched(&self) -> Vec<Latched> {
        let mut all: Vec<Latched> = self.latched.values().copied().collect();
        all.sort_by(|one, other| one.finding.worst_first(&other.finding));
        all
    }

    /// How near the test is to firing: 0.0..1.0 of the evidence that it takes.
    pub fn nearness(&self) -> f64 {
        let most = self.evidence.values().map(|evidence| evidence.strongest().1.nats);
        most.fold(0.0, f64::max) / threshold(self.evidence.len())
    }
}

fn finding(backend: u64, side: Side, sum: &Sum) -> Finding {
    let ratio = sum.observed / sum.expected;
    let (share, expected) = (sum.observed / sum.total, sum.expected / sum.total);
    let critical = ratio >= 2.0 || ratio <= 0.1 || share > f64::max(0.5, 1.5 * expected);
    let severity = if critical { Severity::Critical } else { Severity::Warning };
    Finding { backend, side, since: sum.since, ratio, share, expected, total: sum.total, severity }
}
