//! From what stands out to why, and whose doing that is.

use std::collections::HashMap;

use super::super::{Latched, Severity, Side, Split, Term};
use super::Dimension;
use super::conformance::Conformance;
use crate::lease::Reason;
use crate::strategy::StrategyKind;

/// Why a share is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The configured weights are not what is intended.
    Weights,
    /// Configured backends are missing, or there are others.
    ConfigDrift,
    /// Backends are unhealthy, ejected or draining.
    Health,
    /// All others are disabled or draining in the configuration.
    Alone,
    /// Slow start, tiers, zones.
    Shaping,
    /// One key, or few, make most of the requests.
    HotKey,
    /// The table of a strategy that goes by a key gives a backend more of the keys than it should have.
    Ring,
    /// Nearly all requests have the same key.
    ConstantKey,
    /// Requests have no key, and so go by load.
    HashKeyMissing,
    /// Sessions stay where they are.
    Stickiness,
    /// Connections stay where they are.
    LongLivedConnections,
    /// Failed attempts go to others.
    Retries,
    /// Backends, zones or tiers are full.
    Capacity,
    /// A backend takes longer than the others.
    SlowBackend,
    /// A backend fails more often than the others.
    FailingBackend,
    /// A backend fails fast, and so gets more.
    BlackHole,
    /// A backend is faster than the others, and so gets more.
    FastBackend,
    /// Few transfers are far larger than the others.
    LargeTransfers,
    /// The strategy does not do what it should.
    BalancerBug,
}

/// Whose doing something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The balancer's, as configured.
    Balancer,
    /// One backend's.
    Backend,
    /// Those who ask.
    Clients,
}

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// It is so, and as it should be.
    Info,
    /// Somebody should look at it today.
    Warning,
    /// Somebody should look at it now.
    Critical,
}

/// Everything that is known at once.
pub(super) struct Evidence {
    pub(super) strategy: StrategyKind,
    pub(super) requests: Vec<Latched>,
    pub(super) conformance: Vec<Latched>,
    pub(super) errors: Vec<Latched>,
    pub(super) in_flight: Vec<Latched>,
    /// Part of the keyed requests.
    pub(super) keys_missing: f64,
    /// What is counted are connections and the like, which last as long as their ends want.
    pub(super) connections: bool,
    /// The part of the attempts that did not fail which each backend had of late, by serial.
    pub(super) work: HashMap<u64, f64>,
}

/// With so many requests without a key, that is what makes the difference.
const KEYS_MISSING: f64 = 0.2;
/// No client is so much of the traffic: it is the key that is none.
const ONE_KEY: f64 = 0.9;
/// The ledger shows so much of what has been found, or it is not about the same time.
pub(super) const LEDGER_MIN: f64 = 0.3;
/// Below this part of its share a backend is starved.
const STARVED: f64 = 0.1;
/// Who has so many times as much in flight as of what does not fail takes longer.
const SLOW: f64 = 1.25;

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 19] = [
        Self::Weights,
        Self::ConfigDrift,
        Self::Health,
        Self::Alone,
        Self::Shaping,
        Self::HotKey,
        Self::Ring,
        Self::ConstantKey,
        Self::HashKeyMissing,
        Self::Stickiness,
        Self::LongLivedConnections,
        Self::Retries,
        Self::Capacity,
        Self::SlowBackend,
        Self::FailingBackend,
        Self::BlackHole,
        Self::FastBackend,
        Self::LargeTransfers,
        Self::BalancerBug,
    ];

    /// The name in metrics, logs and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::ConfigDrift => "config_drift",
            Self::Health => "health",
            Self::Alone => "alone",
            Self::Shaping => "shaping",
            Self::HotKey => "hot_key",
            Self::Ring => "ring",
            Self::ConstantKey => "constant_key",
            Self::HashKeyMissing => "hash_key_missing",
            Self::Stickiness => "stickiness",
            Self::LongLivedConnections => "long_lived_connections",
            Self::Retries => "retries",
            Self::Capacity => "capacity",
            Self::SlowBackend => "slow_backend",
            Self::FailingBackend => "failing_backend",
            Self::BlackHole => "black_hole",
            Self::FastBackend => "fast_backend",
            Self::LargeTransfers => "large_transfers",
            Self::BalancerBug => "balancer_bug",
        }
    }

    /// Whose doing it is.
    pub fn blame(self) -> Blame {
        match self {
            Self::Health | Self::SlowBackend | Self::FailingBackend | Self::BlackHole | Self::FastBackend => {
                Blame::Backend
            }
            Self::HotKey | Self::LargeTransfers => Blame::Clients,
            _ => Blame::Balancer,
        }
    }
}

impl Blame {
    /// `balancer`, `backend` or `clients`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Balancer => "balancer",
            Self::Backend => "backend",
            Self::Clients => "clients",
        }
    }
}

impl Level {
    fn of(severity: Severity) -> Self {
        match severity {
            Severity::Warning => Self::Warning,
            Severity::Critical => Self::Critical,
        }
    }

    /// `info`, `warning` or `critical`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl Evidence {
    /// Why, and how much it matters. `None` for what follows from something else that is told.
    pub(super) fn explain(
        &self,
        dimension: Dimension,
        latched: &Latched,
        split: Option<&Split>,
    ) -> Option<(Cause, Level)> {
        let finding = &latched.finding;
        let level = Level::of(finding.severity);
        match (dimension, finding.side) {
            (Dimension::Requests, _) => {
                // What has only just begun may not have come into the ledger yet: the next tick will tell.
                Some(self.of_requests(self.beyond_chance(split?, latched)?, latched, level))
            }
            // New ones are spread as they should be, or requests would say so: it is those that are open which are not.
            (Dimension::InFlight, _) if self.connections => {
                let hot = self.has(&self.requests, finding.backend, finding.side);
                (!hot).then_some((Cause::LongLivedConnections, level.min(Level::Warning)))
            }
            (Dimension::Conformance, _) => Some((Cause::BalancerBug, level)),
            // Told by whoever knows the groups.
            (Dimension::Groups, _) => None,
            // Fewer errors than its share of the requests: somebody else has more.
            (_, Side::Below) => None,
            (Dimension::Bytes, Side::Above) => Some((Cause::LargeTransfers, Level::Info)),
            (Dimension::Errors, Side::Above) => {
                match self.level(&self.requests, finding.backend, Side::Above) {
                    Some(_) if self.is_adaptive() => None,
                    // One that has too many requests may fail because of them, so those come first.
                    Some(hot) => Some((Cause::FailingBackend, level.min(hot))),
                    None => Some((Cause::FailingBackend, level)),
                }
            }
            // A backend that has too many requests has them in flight, and is slow for it.
            (Dimension::Slow | Dimension::InFlight, Side::Above) => {
                let hot = self.has(&self.requests, finding.backend, Side::Above);
                // Where others refuse what they are given, who does not has it all in flight.
                let work = self.work.get(&finding.backend).copied().unwrap_or(0.0);
                let slow = finding.share >= SLOW * work;
                (!hot && slow).then_some((Cause::SlowBackend, level.min(Level::Warning)))
            }
        }
    }

    /// What a term of the ledger comes to.
    pub(super) fn cause_of(&self, term: Term, latched: &Latched) -> Cause {
        self.of_requests(term, latched, Level::Info).0
    }

    /// What a split says, but that a strategy fails its plan only where the test of that says so, too: of few requests, what
    /// fell out by lot may be the largest part.
    fn beyond_chance(&self, split: &Split, latched: &Latched) -> Option<Term> {
        let (cause, finding) = (split.cause()?, &latched.finding);
        let by_lot = cause == Term::Reason(Reason::Algorithm) && Conformance::applies(self.strategy);
        if !by_lot || self.has(&self.conformance, finding.backend, finding.side) {
            return Some(cause);
        }
        let others = split.terms.iter().filter(|term| term.0 != cause);
        let parts = others.map(|(term, size)| (*term, size / split.difference)).filter(|part| part.1 > 0.0);
        parts.max_by(|one, other| one.1.total_cmp(&other.1)).map(|part| part.0)
    }

    pub(super) fn of_requests(&self, term: Term, latched: &Latched, level: Level) -> (Cause, Level) {
        let cause = match term {
            Term::Weights => Cause::Weights,
            Term::Discovery => Cause::ConfigDrift,
            Term::Health => Cause::Health,
            Term::Shaping => Cause::Shaping,
            Term::Table => Cause::Ring,
            Term::Reason(Reason::Hash) if self.is_all_one_key() => Cause::ConstantKey,
            Term::Reason(Reason::Hash) => Cause::HotKey,
            Term::Reason(Reason::Sticky) => Cause::Stickiness,
            Term::Reason(Reason::Pinned) => Cause::LongLivedConnections,
            Term::Reason(Reason::Retry | Reason::Hedge) => Cause::Retries,
            Term::Reason(Reason::Spill | Reason::Failover | Reason::Panic) => Cause::Capacity,
            Term::Reason(Reason::OnlyChoice) => Cause::Health,
            // Without a key a request goes to whoever has least to do.
            Term::Reason(Reason::Algorithm) if self.is_keyed() && self.keys_missing >= KEYS_MISSING => {
                Cause::HashKeyMissing
            }
            Term::Reason(Reason::Algorithm) if !self.is_adaptive() && !self.is_keyed() => Cause::BalancerBug,
            Term::Reason(Reason::Algorithm) => return self.of_load(latched, level),
        };
        (cause, level)
    }

    /// What a strategy that goes by load has made of the backends' speed.
    fn of_load(&self, latched: &Latched, level: Level) -> (Cause, Level) {
        let finding = &latched.finding;
        match finding.side {
            Side::Above if self.has(&self.errors, finding.backend, Side::Above) => {
                (Cause::BlackHole, Level::Critical)
            }
            // It is as it should be: who is faster gets more.
            Side::Above => (Cause::FastBackend, Level::Info),
            // One that fails is taken for a busy one, and so gets little.
            Side::Below if self.has(&self.errors, finding.backend, Side::Above) => {
                (Cause::FailingBackend, level)
            }
            // One that goes by latencies starves whoever answered late once, until it is asked again: nothing that backend did.
            Side::Below if finding.ratio <= STARVED && !self.goes_by_latency() => (Cause::SlowBackend, level),
            Side::Below if self.has(&self.in_flight, finding.backend, Side::Above) => {
                (Cause::SlowBackend, Level::Warning)
            }
            Side::Below => (Cause::SlowBackend, Level::Info),
        }
    }

    fn has(&self, findings: &[Latched], backend: u64, side: Side) -> bool {
        self.level(findings, backend, side).is_some()
    }

    fn level(&self, findings: &[Latched], backend: u64, side: Side) -> Option<Level> {
        let found = findings.iter().find(|one| (one.finding.backend, one.finding.side) == (backend, side));
        found.map(|found| Level::of(found.finding.severity))
    }

    fn is_keyed(&self) -> bool {
        self.strategy.registration().keyed
    }

    /// Whether what requests are told apart by tells hardly any apart.
    fn is_all_one_key(&self) -> bool {
        let most = |found: &Latched| found.finding.side == Side::Above && found.finding.share >= ONE_KEY;
        self.requests.iter().any(most)
    }

    fn goes_by_latency(&self) -> bool {
        matches!(self.strategy, StrategyKind::PeakEwma | StrategyKind::Prequal)
    }

    fn is_adaptive(&self) -> bool {
        is_adaptive(self.strategy)
    }
}

/// Whether shares are meant to follow the backends' speed.
pub(super) fn is_adaptive(strategy: StrategyKind) -> bool {
    matches!(
        strategy,
        StrategyKind::LeastRequest | StrategyKind::P2c | StrategyKind::PeakEwma | StrategyKind::Prequal
    )
}
