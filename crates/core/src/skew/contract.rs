//! Whether a pool that runs is what its contract says: how many serve, who gets which share, what it could still lose.
//!
//! Shares are tested as skew is, between the ends that the contract gives: a share inside them is hardly ever found to be
//! outside, however few requests there are and however often one looks. The other clauses are facts, which must hold
//! for a moment to be told, and be mended for a while to be over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Tolerance;
use super::detector::{Count, Detector};
use super::evidence::Side;
use crate::pool::{MemberView, Mode, Phase, PoolSnapshot};
use crate::units::Nanos;

/// What a pool must hold to while it runs. A clause that is not there holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// Backends that serve (or drain), exactly.
    pub members: Option<u32>,
    /// Least share of each backend that is meant to have one, 0.0..=1.0.
    pub min_share: Option<f64>,
    /// Largest share of each backend, 0.0..=1.0.
    pub max_share: Option<f64>,
    /// Largest share over the mean of those that are meant to have one; 1.0 and up.
    pub peak_to_mean: Option<f64>,
    /// So many more may fail at once; 0 promises nothing.
    pub survives: u32,
    /// Zones that must get nothing.
    pub forbidden_zones: Vec<Arc<str>>,
    /// Shares count once every backend has served for so long: slow start is no breach.
    pub settle: Duration,
}

/// A part of a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Clause {
    /// How many serve.
    Members,
    /// How many may still fail.
    Survives,
    /// Zones that must get nothing.
    ForbiddenZones,
    /// The least share.
    MinShare,
    /// The largest share.
    MaxShare,
    /// The largest share over the mean one.
    PeakToMean,
}

/// A clause that does not hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breach {
    /// Which.
    pub clause: Clause,
    /// Since when, right within a tick or so.
    pub since: Nanos,
    /// Which backend is furthest off, by serial; `None` where it is about the pool.
    pub backend: Option<u64>,
    /// What is: a number of backends, a share, or a ratio of shares. Of forbidden zones the share they have got.
    pub observed: f64,
    /// What should be: the number, or the end of the band. 0 for forbidden zones.
    pub expected: f64,
}

/// One pool's contract, watched.
#[derive(Clone, Debug)]
pub struct Contract {
    terms: Terms,
    standing: HashMap<Clause, Standing>,
    shares: Vec<Bounded>,
    /// Attempts as read at the last tick, and what was intended then, by serial.
    before: HashMap<u64, (u64, f64)>,
}

/// A fact about the pool.
#[derive(Clone, Debug, Default)]
struct Standing {
    wrong_since: Option<Nanos>,
    right_since: Option<Nanos>,
    breach: Option<Breach>,
}

/// A bound on shares.
#[derive(Clone, Debug)]
struct Bounded {
    clause: Clause,
    limit: f64,
    detector: Detector,
    /// Backends that are meant to have something, when shares were counted last.
    meant: usize,
}

/// What one tick has brought to one backend.
struct Gain<'a> {
    view: &'a MemberView,
    attempts: f64,
}

/// Shares that differ by less are one: a schedule gives them to within a turn, and `check` allows as much.
const ROUNDING: f64 = 0.001;
/// What has been so for less is not told: a reload, a backend that fails one check.
const TOLD_AFTER: Duration = Duration::from_secs(3);
/// And what has been mended for less is not over.
const OVER_AFTER: Duration = Duration::from_secs(10);
/// Who has come back a moment ago is given what the others have not finished.
const SETTLE_MIN: Duration = Duration::from_secs(10);

impl Clause {
    /// Every clause.
    pub const ALL: [Self; 6] = [
        Self::Members,
        Self::Survives,
        Self::ForbiddenZones,
        Self::MinShare,
        Self::MaxShare,
        Self::PeakToMean,
    ];

    /// The key in the configuration, and the name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Survives => "survives",
            Self::ForbiddenZones => "forbidden_zones",
            Self::MinShare => "min_share",
            Self::MaxShare => "max_share",
            Self::PeakToMean => "peak_to_mean",
        }
    }
}

impl Terms {
    /// Whether it says anything of this.
    pub fn has(&self, clause: Clause) -> bool {
        match clause {
            Clause::Members => self.members.is_some(),
            Clause::Survives => self.survives > 0,
            Clause::ForbiddenZones => !self.forbidden_zones.is_empty(),
            Clause::MinShare | Clause::MaxShare | Clause::PeakToMean => self.limit(clause).is_some(),
        }
    }

    fn limit(&self, clause: Clause) -> Option<f64> {
        match clause {
            Clause::MinShare => self.min_share,
            Clause::MaxShare => self.max_share,
            Clause::PeakToMean => self.peak_to_mean,
            Clause::Members | Clause::Survives | Clause::ForbiddenZones => None,
        }
    }
}

impl Contract {
    /// Nothing seen yet.
    pub fn new(terms: Terms, snapshot: &PoolSnapshot) -> Self {
        let bounded = |clause: Clause| {
            let limit = terms.limit(clause)?;
            Some(Bounded { clause, limit, detector: Detector::new(Tolerance::INTENT), meant: 1 })
        };
        let shares = Clause::ALL.into_iter().filter_map(bounded).collect();
        Self { shares, standing: HashMap::new(), before: readings(snapshot), terms }
    }

    /// What it says.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Takes in what has happened since the last tick; one a second is right. `reserve` is how many more backends may fail
    /// at once, as far as that is known: of no interest where `survives` is 0.
    pub fn tick(&mut self, snapshot: &PoolSnapshot, reserve: u32, now: Nanos) {
        let before = std::mem::replace(&mut self.before, readings(snapshot));
        let gains = gains(snapshot, &before);
        self.members(snapshot, now);
        let lost = reserve < self.terms.survives;
        let wrong = lost.then(|| (None, f64::from(reserve), f64::from(self.terms.survives)));
        self.stand(Clause::Survives, wrong, now);
        self.zones(&gains, now);
        let same = self.before.iter().all(|(serial, (_, intent))| {
            before.get(serial).is_some_and(|(_, then)| (then - intent).abs() < ROUNDING)
        });
        let counts = (same && self.is_settled(snapshot, now)).then(|| counts(&gains));
        for bounded in &mut self.shares {
            match &counts {
                Some(counts) => bounded.observe(now, counts),
                None => bounded.detector.pass(now),
            }
        }
    }

    /// What does not hold, in the order of [`Clause::ALL`].
    pub fn breaches(&self) -> Vec<Breach> {
        let standing = Clause::ALL.into_iter().filter_map(|clause| self.standing.get(&clause)?.breach);
        standing.chain(self.shares.iter().filter_map(Bounded::breach)).collect()
    }

    fn members(&mut self, snapshot: &PoolSnapshot, now: Nanos) {
        let Some(members) = self.terms.members else { return };
        let serves = |view: &&MemberView| matches!(view.phase, Phase::Serving | Phase::Draining);
        let serving = snapshot.members().iter().filter(serves).count() as f64;
        let expected = f64::from(members);
        let wrong = ((serving - expected).abs() > 0.5).then_some((None, serving, expected));
        self.stand(Clause::Members, wrong, now);
    }

    /// What forbidden zones have got, whether planned or not.
    fn zones(&mut self, gains: &[Gain<'_>], now: Nanos) {
        if self.terms.forbidden_zones.is_empty() {
            return;
        }
        let all: f64 = gains.iter().map(|gain| gain.attempts).sum();
        let forbidden = |view: &MemberView| {
            view.member.placement.zone.as_ref().is_some_and(|zone| self.terms.forbidden_zones.contains(zone))
        };
        let there = || gains.iter().filter(|gain| gain.attempts > 0.0 && forbidden(gain.view));
        let got: f64 = there().map(|gain| gain.attempts).sum();
        let most = there().max_by(|one, other| one.attempts.total_cmp(&other.attempts));
        let wrong = most.map(|gain| (Some(gain.view.member.serial), got / all, 0.0));
        self.stand(Clause::ForbiddenZones, wrong, now);
    }

    fn stand(&mut self, clause: Clause, wrong: Option<(Option<u64>, f64, f64)>, now: Nanos) {
        if self.terms.has(clause) {
            self.standing.entry(clause).or_default().look(clause, wrong, now);
        }
    }

    /// Whether shares are what the contract is about: everybody well, and for long enough.
    fn is_settled(&self, snapshot: &PoolSnapshot, now: Nanos) -> bool {
        let settle = self.terms.settle.max(SETTLE_MIN);
        let well = |view: &MemberView| match view.phase {
            Phase::Disabled | Phase::Draining => true,
            Phase::Serving => now.since(view.since) >= settle,
            Phase::Joining | Phase::Unhealthy | Phase::Ejected | Phase::Unresolved => false,
        };
        snapshot.mode() == Mode::Normal && snapshot.members().iter().all(well)
    }
}

impl Standing {
    fn look(&mut self, clause: Clause, wrong: Option<(Option<u64>, f64, f64)>, now: Nanos) {
        let Some((backend, observed, expected)) = wrong else {
            self.wrong_since = None;
            let right_since = *self.right_since.get_or_insert(now);
            if now.since(right_since) >= OVER_AFTER {
                self.breach = None;
            }
            return;
        };
        self.right_since = None;
        let since = *self.wrong_since.get_or_insert(now);
        let since = self.breach.map_or(since, |known| known.since);
        // What must never happen need not last to be told.
        if clause == Clause::ForbiddenZones || self.breach.is_some() || now.since(since) >= TOLD_AFTER {
            self.breach = Some(Breach { clause, since, backend, observed, expected });
        }
    }
}

impl Bounded {
    fn observe(&mut self, now: Nanos, counts: &[Count]) {
        self.meant = counts.iter().filter(|count| count.share > 0.0).count().max(1);
        let (clause, edge) = (self.clause, self.edge());
        self.detector.observe_within(now, counts, |share| match clause {
            // Those of later tiers are not meant to have anything.
            Clause::MinShare if share > 0.0 => ((edge - ROUNDING).max(0.0), None),
            Clause::MinShare => (0.0, None),
            _ => (0.0, Some(edge + ROUNDING).filter(|edge| *edge < 1.0)),
        });
    }

    /// The share that is the last one inside.
    fn edge(&self) -> f64 {
        if self.clause == Clause::PeakToMean { self.limit / self.meant as f64 } else { self.limit }
    }

    fn breach(&self) -> Option<Breach> {
        let outside = if self.clause == Clause::MinShare { Side::Below } else { Side::Above };
        let found = self.detector.latched().into_iter().filter(|latched| latched.finding.side == outside);
        let furthest = found.max_by(|one, other| {
            let off = |share: f64| (share - self.edge()).abs();
            off(one.finding.share).total_cmp(&off(other.finding.share))
        })?;
        let finding = furthest.finding;
        let unit = if self.clause == Clause::PeakToMean { self.meant as f64 } else { 1.0 };
        Some(Breach {
            clause: self.clause,
            since: finding.since,
            backend: Some(finding.backend),
            observed: finding.share * unit,
            expected: self.limit,
        })
    }
}

/// Attempts and intended shares, by serial.
fn readings(snapshot: &PoolSnapshot) -> HashMap<u64, (u64, f64)> {
    snapshot
        .members()
        .iter()
        .map(|view| (view.member.serial, (view.member.load.attempts_total(), view.intent)))
        .collect()
}

/// What has come since `before`. Who was not there then is left out: nobody knows what it had.
fn gains<'a>(snapshot: &'a PoolSnapshot, before: &HashMap<u64, (u64, f64)>) -> Vec<Gain<'a>> {
    let now = readings(snapshot);
    let gain = |view: &'a MemberView| {
        let (then, now) = (before.get(&view.member.serial)?.0, now.get(&view.member.serial)?.0);
        Some(Gain { view, attempts: now.saturating_sub(then) as f64 })
    };
    snapshot.members().iter().filter_map(gain).collect()
}

/// What is judged: one that drains keeps its sessions, and that is no mistake.
fn counts(gains: &[Gain<'_>]) -> Vec<Count> {
    let judged = gains.iter().filter(|gain| gain.view.phase != Phase::Draining);
    judged.map(|gain| Count::new(gain.view.member.serial, gain.attempts, gain.view.intent)).collect()
}
