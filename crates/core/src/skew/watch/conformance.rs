//! Whether a strategy gives each backend its part of the plan: its decisions, and nothing that was decided elsewhere.

use super::super::{Count, Detector, Latched, Tolerance};
use super::tick::Tick;
use crate::lease::Reason;
use crate::strategy::StrategyKind;

/// Of strategies for which each pick is a decision by the plan: turns, exactly; lots, but for chance. The others go by
/// what picks do not show: load and latency, by which they deviate rightly, or keys, of which few make many picks.
#[derive(Clone, Debug)]
pub(super) struct Conformance {
    test: Detector,
    strategy: StrategyKind,
}

impl Conformance {
    pub(super) fn new(strategy: StrategyKind) -> Self {
        Self { test: Detector::new(Tolerance::PLAN), strategy }
    }

    /// Whether a pick of this strategy can be held against the plan by itself.
    pub(super) fn applies(strategy: StrategyKind) -> bool {
        matches!(strategy, StrategyKind::RoundRobin | StrategyKind::Random)
    }

    pub(super) fn observe(&mut self, tick: &Tick<'_>) {
        if !Self::applies(self.strategy) {
            return;
        }
        // What a full backend passed on was decided, but is not seen where it was decided for.
        let passed_on = tick.snapshot.is_limited() && tick.of_reason(Reason::Spill) > 0.0;
        if !tick.shows_the_plan() || passed_on {
            self.test.pass(tick.now);
            return;
        }
        self.test.observe(tick.now, &self.counts(tick));
    }

    fn counts(&self, tick: &Tick<'_>) -> Vec<Count> {
        let planned: Vec<(u64, Reason)> = tick.snapshot.planned().collect();
        let share = |serial: u64| tick.expected.get(serial).map_or(0.0, |shares| shares.plan);
        let all: f64 = planned.iter().map(|(serial, _)| share(*serial)).sum();
        let count = |(serial, reason): (u64, Reason)| {
            let reading = tick.since.get(&serial)?;
            let mut decided = reading.by_reason[reason as usize];
            // A repeated attempt takes a turn, too.
            if self.strategy == StrategyKind::RoundRobin {
                decided += reading.by_reason[Reason::Retry as usize];
            }
            Some(Count::new(serial, decided, share(serial) / all.max(f64::MIN_POSITIVE)))
        };
        planned.into_iter().filter_map(count).collect()
    }

    pub(super) fn latched(&self) -> Vec<Latched> {
        self.test.latched()
    }

    pub(super) fn nearness(&self) -> f64 {
        self.test.nearness()
    }
}
