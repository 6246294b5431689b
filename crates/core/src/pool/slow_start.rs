//! Bringing a member up to its weight, in steps.

use std::time::Duration;

use super::shaping::SlowStart;
use super::slot::Slot;
use super::snapshot::Phase;
use super::state::PoolState;
use crate::units::Nanos;

impl SlowStart {
    /// The part of its weight that a member has at this age, `minimum`..=1: max(minimum, (age / window)^(1 /
    /// aggression)), as Envoy has it; 1 from the end of the window on.
    pub fn factor(&self, age: Duration) -> f64 {
        if age >= self.window {
            return 1.0;
        }
        let line = age.as_secs_f64() / self.window.as_secs_f64();
        line.powf(1.0 / self.aggression).max(self.minimum.get()).min(1.0)
    }

    /// How long it stays as it is: every step changes a snapshot, and perhaps large tables with it. So a share lags by
    /// a twentieth of the window at most, and there are at most twenty steps.
    pub(super) fn step(&self) -> Duration {
        (self.window / STEPS).max(STEP_MIN)
    }

    /// The factor of one that has been ramping since `from`: that of the last step.
    pub(super) fn stepped(&self, from: Nanos, now: Nanos) -> f64 {
        let age = now.since(from);
        if age >= self.window { 1.0 } else { self.factor(self.step() * self.steps(age)) }
    }

    /// When the next step of one that has been ramping since `from` is due.
    fn next(&self, from: Nanos, now: Nanos) -> Option<Nanos> {
        let age = now.since(from);
        let next = || (self.step() * (self.steps(age) + 1)).min(self.window);
        (age < self.window).then(|| from.saturating_add(next()))
    }

    /// Whole steps in an age below the window: there are no more than [`STEPS`].
    fn steps(&self, age: Duration) -> u32 {
        (age.as_nanos() / self.step().as_nanos()) as u32
    }
}

impl PoolState {
    /// Whoever began to serve ramps up if somebody else has served for a whole window: where all are new, there is
    /// nobody to spare them. Decided once, when it begins, so that nobody's share drops because of a change elsewhere.
    pub(super) fn begin_ramps(&mut self, now: Nanos) {
        let window = self.spec.shaping.slow_start.map(|spec| spec.window);
        let warm = window.is_some_and(|window| self.slots.iter().any(|slot| is_warm(slot, window, now)));
        for slot in self.slots.iter_mut().filter(|slot| slot.fresh && slot.phase == Phase::Serving) {
            slot.fresh = false;
            slot.ramps_from = warm.then_some(now);
        }
    }

    /// Forgets the ramps that are over by the specification they ran under: a later one with a longer window would
    /// find them unfinished. Without slow start all are.
    pub(super) fn end_ramps(&mut self, now: Nanos) {
        let spec = self.spec.shaping.slow_start;
        let over = |from: Nanos| spec.is_none_or(|spec| now.since(from) >= spec.window);
        for slot in &mut self.slots {
            slot.ramps_from = slot.ramps_from.filter(|from| !over(*from));
        }
    }

    /// When the next step of anybody is due; steps of different members are kept apart, too.
    pub(super) fn next_ramp(&self, now: Nanos) -> Option<Nanos> {
        let spec = self.spec.shaping.slow_start?;
        let serving = self.slots.iter().filter(|slot| slot.phase == Phase::Serving && slot.counts());
        let next = serving.filter_map(|slot| spec.next(slot.ramps_from?, now)).min()?;
        Some(next.max(now.saturating_add(STEP_MIN)))
    }
}

/// Whether it has served for a whole window.
fn is_warm(slot: &Slot, window: Duration, now: Nanos) -> bool {
    slot.phase == Phase::Serving && slot.counts() && !slot.fresh && now.since(slot.since) >= window
}

/// Of one ramp, at most.
const STEPS: u32 = 20;
/// Between snapshots, at least.
const STEP_MIN: Duration = Duration::from_millis(100);
