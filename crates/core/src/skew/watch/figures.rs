//! What a dashboard shows of a pool: shares, ratios, indices of evenness. Measured, without error control: whether
//! something is wrong is told by the test, never by one of these.

use std::collections::HashMap;

use super::super::Split;
use super::super::serials::BySerial;
use super::Watch;
use super::reading::{Reading, Shares};
use crate::units::Nanos;

/// A pool as it was at the last tick.
#[derive(Clone, Debug)]
pub struct Figures {
    /// By serial.
    pub backends: HashMap<u64, BackendFigures>,
    /// The plan against what is intended.
    pub plan: Evenness,
    /// Requests of the last ticks against what is intended.
    pub requests: Evenness,
    /// Mean requests in flight at a backend that gets requests, from this instance, over the last ticks. Below about 0.5
    /// requests in flight tell a strategy next to nothing.
    pub occupancy: f64,
}

/// One backend. Shares are 0.0..=1.0; ratios are shares over the expected one, 0 and up, and not a number where nothing
/// was counted or expected.
#[derive(Clone, Debug)]
pub struct BackendFigures {
    /// What configuration and health make of the intent, step by step.
    pub steps: Steps,
    /// Requests of the last ticks over what is intended.
    pub requests_ratio: f64,
    /// Failures over requests.
    pub errors_ratio: f64,
    /// Mean in flight over what is intended.
    pub in_flight_ratio: f64,
    /// The ledger of the last ticks.
    pub split: Split,
}

/// Shares of one backend, each as the one before with one more thing taken into account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// What the operator has in mind.
    pub intent: f64,
    /// What the configured weights say.
    pub weights: f64,
    /// Of those whose names are resolved.
    pub discovered: f64,
    /// Of those that are healthy.
    pub healthy: f64,
    /// What strategies go by.
    pub plan: f64,
}

/// How even shares are, against what is intended; not numbers where there is nothing to compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evenness {
    /// Total variation distance, 0.0..=1.0: the part of all that is where it should not be.
    pub tvd: f64,
    /// Jain's index of share over intent: 1 is even, 1 / backends is all at one.
    pub jain: f64,
    /// The largest share over its intent, 1 and up.
    pub peak_ratio: f64,
}

/// What was counted lately: older ticks count less and less, half of all is 7 ticks old or less.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    by_serial: HashMap<u64, Counted>,
    /// Requests in flight at all backends together.
    in_flight: f64,
    last_tick: Nanos,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    attempts: f64,
    failures: f64,
    busy: f64,
}

/// The part of the newest tick.
const NEW: f64 = 0.1;

impl Watch {
    /// What a dashboard shows.
    pub fn figures(&self) -> Figures {
        let mut splits = self.splits();
        let nothing = || Split { difference: f64::NAN, terms: Vec::new(), chance: 0.0, moved: 0.0 };
        let total = self.recent.total();
        let intended: HashMap<u64, f64> =
            self.sums.iter().map(|(serial, sums)| (*serial, sums.account().intent)).collect();
        let backends = self.expected.iter().map(|(serial, shares)| {
            let split = splits.remove(serial).unwrap_or_else(nothing);
            let figures = self.recent.backend(*serial, &total, shares, intended.get(serial), split);
            (*serial, figures)
        });
        let backends: HashMap<u64, BackendFigures> = backends.collect();
        let used = backends.values().filter(|backend| backend.steps.plan > 0.0).count();
        Figures {
            plan: Evenness::of(backends.values().map(|backend| (backend.steps.plan, backend.steps.intent))),
            requests: Evenness::of(backends.iter().map(|(serial, backend)| {
                let intent = intended.get(serial).copied().unwrap_or(backend.steps.intent);
                (intent + backend.split.difference, intent)
            })),
            occupancy: if used > 0 { self.recent.in_flight / used as f64 } else { 0.0 },
            backends,
        }
    }
}

impl Recent {
    pub(super) fn new(now: Nanos) -> Self {
        Self { by_serial: HashMap::new(), in_flight: 0.0, last_tick: now }
    }

    /// Takes in what came since the last tick.
    pub(super) fn tick(&mut self, since: &BySerial<Reading>, now: Nanos) {
        let seconds = now.since(self.last_tick).as_secs_f64();
        self.last_tick = now;
        self.by_serial.retain(|serial, _| since.contains_key(serial));
        for (serial, reading) in since {
            self.by_serial.entry(*serial).or_default().add(reading);
        }
        if seconds > 0.0 {
            let busy: f64 = since.values().map(|reading| reading.busy).sum();
            self.in_flight += (busy / seconds - self.in_flight) * NEW;
        }
    }

    fn total(&self) -> Counted {
        let sum = |sum: Counted, one: &Counted| Counted {
            attempts: sum.attempts + one.attempts,
            failures: sum.failures + one.failures,
            busy: sum.busy + one.busy,
        };
        self.by_serial.values().fold(Counted::default(), sum)
    }

    fn backend(
        &self,
        serial: u64,
        total: &Counted,
        shares: &Shares,
        intended: Option<&f64>,
        split: Split,
    ) -> BackendFigures {
        let here = self.by_serial.get(&serial).copied().unwrap_or_default();
        let steps = shares.steps();
        let intended = intended.copied().unwrap_or(steps.intent);
        let share = |part: f64, all: f64| if all > 0.0 { part / all } else { f64::NAN };
        BackendFigures {
            requests_ratio: (intended + split.difference) / intended,
            errors_ratio: share(here.failures, total.failures) / share(here.attempts, total.attempts),
            in_flight_ratio: share(here.busy, total.busy) / steps.intent,
            steps,
            split,
        }
    }
}

impl Counted {
    fn add(&mut self, reading: &Reading) {
        let older = 1.0 - NEW;
        self.attempts = self.attempts * older + reading.attempts();
        self.failures = self.failures * older + reading.failures;
        self.busy = self.busy * older + reading.busy;
    }
}

impl Evenness {
    /// Of shares, each with the intended one.
    fn of(shares: impl Iterator<Item = (f64, f64)> + Clone) -> Self {
        let apart: f64 = shares.clone().map(|(share, intent)| (share - intent).abs()).sum();
        let ratios = shares.filter(|(_, intent)| *intent > 0.0).map(|(share, intent)| share / intent);
        let (mut count, mut sum, mut squares, mut peak) = (0.0, 0.0, 0.0, f64::NAN);
        for ratio in ratios {
            count += 1.0;
            sum += ratio;
            squares += ratio * ratio;
            peak = if ratio.is_nan() { ratio } else { ratio.max(peak) };
        }
        Self { tvd: apart / 2.0, jain: sum * sum / (count * squares), peak_ratio: peak }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn evenness_is_as_defined() {
        let even = Evenness::of([(0.5, 0.5), (0.5, 0.5)].into_iter());
        assert_eq!(even, Evenness { tvd: 0.0, jain: 1.0, peak_ratio: 1.0 });
        // 5 : 1 : 1 where thirds are meant.
        let third = 1.0 / 3.0;
        let uneven = Evenness::of([(5.0 / 7.0, third), (1.0 / 7.0, third), (1.0 / 7.0, third)].into_iter());
        assert!(close(uneven.tvd, 5.0 / 7.0 - third), "{uneven:?}");
        assert!(close(uneven.jain, 49.0 / 81.0) && close(uneven.peak_ratio, 15.0 / 7.0), "{uneven:?}");
        let all_at_one = Evenness::of([(1.0, 0.25), (0.0, 0.25), (0.0, 0.25), (0.0, 0.25)].into_iter());
        assert_eq!(all_at_one, Evenness { tvd: 0.75, jain: 0.25, peak_ratio: 4.0 });
    }

    /// What nobody means to have anything counts as being in the wrong place, and has no ratio.
    #[test]
    fn what_is_not_meant_to_have_any_has_no_ratio() {
        let spilled = Evenness::of([(0.5, 1.0), (0.5, 0.0)].into_iter());
        assert_eq!(spilled, Evenness { tvd: 0.5, jain: 1.0, peak_ratio: 0.5 });
    }

    #[test]
    fn nothing_counted_is_not_a_number() {
        let none = Evenness::of([(f64::NAN, 0.5), (f64::NAN, 0.5)].into_iter());
        assert!(none.tvd.is_nan() && none.jain.is_nan() && none.peak_ratio.is_nan(), "{none:?}");
        assert!(Evenness::of([].into_iter()).peak_ratio.is_nan());
    }
}
