//! A backend that comes and goes, as slowly as checks need to follow it.

use std::time::Duration;

use evenkeel_core::{Nanos, PoolEvent, PoolState, Reason};

use crate::cast::Situation;
use crate::play::{Played, planned};
use crate::stage::Stage;

/// Times up and down that are played.
const CYCLES: u32 = 10;

/// Drives the state machine by checks and the clock, and takes the mean of what it plans.
///
/// The backend is down until one check more than takes it out, then up until one more than brings it back.
pub(crate) fn play(stage: &Stage<'_>, situation: &Situation, mut state: PoolState) -> Played {
    let (Some(health), Some(flapping)) = (&stage.pool.health, situation.failed.first().copied()) else {
        return mean(stage, flat(&state), 0.0, &state);
    };
    let down = health.fall.saturating_add(1).min(CHECKS_MAX);
    let cycle = down + health.rise.saturating_add(1).min(CHECKS_MAX);
    let mut sums = vec![0.0; stage.pool.backends.len()];
    let mut failing = 0.0;
    let (mut now, mut checks) = (Nanos::ZERO, 0.0);
    for check in 0..CYCLES * cycle {
        let is_down = check % cycle < down;
        let result = if is_down { Err("connection refused".into()) } else { Ok(()) };
        state.apply(PoolEvent::Probed { id: stage.spec.members[flapping].id.clone(), result }, now);
        let next = now.saturating_add(health.interval);
        catch_up(&mut state, next);
        for (sum, view) in sums.iter_mut().zip(state.snapshot().members()) {
            *sum += view.plan;
        }
        if is_down && stage.pool.max_attempts <= 1 {
            failing += state.snapshot().members()[flapping].plan;
        }
        (now, checks) = (next, checks + 1.0);
    }
    mean(stage, sums.into_iter().map(|sum| sum / checks).collect(), failing / checks, &state)
}

/// Times in which the backend is down, where nobody checks: half of the time, in tenths of it.
pub(crate) fn outages(span: Duration) -> Vec<(Nanos, Nanos)> {
    let part = span / (2 * CYCLES);
    let at = |count: u32| Nanos::ZERO.saturating_add(part.saturating_mul(count));
    (0..CYCLES).map(|cycle| (at(2 * cycle), at(2 * cycle + 1))).collect()
}

fn catch_up(state: &mut PoolState, until: Nanos) {
    while let Some(due) = state.next_deadline().filter(|due| *due < until) {
        state.apply(PoolEvent::Tick, due);
        if state.next_deadline() == Some(due) {
            return;
        }
    }
}

fn flat(state: &PoolState) -> Vec<f64> {
    state.snapshot().members().iter().map(|view| view.plan).collect()
}

fn mean(stage: &Stage<'_>, shares: Vec<f64>, failing: f64, state: &PoolState) -> Played {
    let snapshot = state.snapshot();
    let reasons = vec![[0; Reason::ALL.len()]; stage.pool.backends.len()];
    Played {
        mode: snapshot.mode(),
        members: planned(&snapshot),
        shares,
        attempts: 1.0,
        failing,
        reasons,
        requests: 0,
    }
}

/// Checks of a time up, and of one down, however large `rise` and `fall` are.
const CHECKS_MAX: u32 = 32;
