//! Counts answers and weighs them as they come.

use std::collections::HashMap;

use evenkeel_core::Nanos;
use evenkeel_core::skew::{Count, Detector, Finding, Tolerance};

use super::Expectation;
use super::size::{Excluded, answers_to_exclude, excluded};

/// Backends told apart; answers of others are counted together and not weighed.
pub const BACKENDS_MAX: usize = 2_000;
/// Answers that are weighed at once, and more with many backends, of which each costs time.
const BATCH: usize = 4;
/// Where there is one backend to expect, so many answers from it are enough.
const ANSWERS_OF_ONE: u64 = 50;

/// How far a trial has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// More answers are needed.
    Open,
    /// The split is not the expected one.
    Refused,
    /// Had it been wrong by the factor that is looked for, that would have been found.
    Shown,
}

/// One backend's part of the answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Its name; `None` for one that is expected and has not answered, where only their number is known.
    pub backend: Option<String>,
    /// Answers.
    pub answers: u64,
    /// Of all answers, 0.0..=1.0.
    pub share: f64,
    /// What it should be.
    pub expected: f64,
    /// What the test found.
    pub finding: Option<Finding>,
}

/// The test of one split. Times in its findings are numbers of answers.
#[derive(Clone, Debug)]
pub struct Trial {
    expectation: Expectation,
    tolerance: Tolerance,
    factor: f64,
    slots: Vec<Slot>,
    by_name: HashMap<String, usize>,
    answers: u64,
    beyond: u64,
    batch: Vec<usize>,
    detector: Detector,
    refused: bool,
    goal: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    name: Option<String>,
    answers: u64,
    finding: Option<Finding>,
}

impl Trial {
    /// Nothing has been answered. Shares are not looked at more closely than `tolerance`; the trial ends well when a
    /// backend with `factor` times its share, or that part of it, would have been found (above 1 plus the tolerance).
    pub fn new(expectation: Expectation, tolerance: Tolerance, factor: f64) -> Self {
        let names: Vec<Option<String>> = match &expectation {
            Expectation::Shares(shares) => shares.iter().map(|(name, _)| Some(name.clone())).collect(),
            Expectation::Equal(number) => vec![None; (*number).min(BACKENDS_MAX)],
            Expectation::EqualSeen => Vec::new(),
        };
        let by_name =
            names.iter().enumerate().filter_map(|(slot, name)| Some((name.clone()?, slot))).collect();
        let slots = names.into_iter().map(|name| Slot { name, ..Slot::default() }).collect();
        let detector = Detector::new(tolerance);
        let (answers, beyond, batch) = (0, 0, Vec::new());
        let mut trial = Self {
            expectation,
            tolerance,
            factor,
            slots,
            by_name,
            answers,
            beyond,
            batch,
            detector,
            refused: false,
            goal: None,
        };
        trial.aim();
        trial
    }

    /// An answer of the backend called `name`.
    pub fn count(&mut self, name: &str) {
        self.answers += 1;
        let Some(slot) = self.by_name.get(name).copied().or_else(|| self.meet(name)) else {
            self.beyond += 1;
            return;
        };
        self.slots[slot].answers += 1;
        self.batch.push(slot);
        if self.batch.len() >= BATCH.max(self.slots.len() / 8) {
            self.weigh();
        }
    }

    /// Weighs what has not been weighed yet: there will be no more.
    pub fn end(&mut self) {
        self.weigh();
    }

    /// How far it has come.
    pub fn state(&self) -> State {
        match self.goal {
            _ if self.refused => State::Refused,
            Some(goal) if self.answers - self.beyond >= goal => State::Shown,
            _ => State::Open,
        }
    }

    /// Answers so far.
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// Answers of backends beyond the first [`BACKENDS_MAX`].
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Backends that have answered.
    pub fn backends_seen(&self) -> usize {
        self.slots.iter().filter(|slot| slot.answers > 0).count()
    }

    /// Answers that are still needed for an end; `None` when no number of them would do.
    pub fn needed(&self) -> Option<u64> {
        self.goal.map(|goal| goal.saturating_sub(self.answers))
    }

    /// By how much shares may be wrong without having been found.
    pub fn excluded(&self) -> Excluded {
        excluded(&self.expected(), self.answers, self.tolerance, self.slots.len())
    }

    /// How near the test is to refusing, 0.0..1.0.
    pub fn nearness(&self) -> f64 {
        if self.refused { 1.0 } else { self.detector.nearness() }
    }

    /// Everybody who is expected or has answered; those with names in the order of the expectation, then of appearance.
    pub fn shares(&self) -> Vec<Share> {
        let expected = self.expected();
        let total = self.answers.max(1) as f64;
        let share = |(slot, expected): (&Slot, f64)| Share {
            backend: slot.name.clone(),
            answers: slot.answers,
            share: slot.answers as f64 / total,
            expected,
            finding: slot.finding,
        };
        self.slots.iter().zip(expected).map(share).collect()
    }

    /// A place for somebody new.
    fn meet(&mut self, name: &str) -> Option<usize> {
        let free = match self.expectation {
            Expectation::Equal(_) => self.slots.iter().position(|slot| slot.name.is_none()),
            _ => None,
        };
        let slot = match free {
            Some(slot) => slot,
            None if self.slots.len() >= BACKENDS_MAX => return None,
            None => {
                self.slots.push(Slot::default());
                self.slots.len() - 1
            }
        };
        self.slots[slot].name = Some(name.to_owned());
        self.by_name.insert(name.to_owned(), slot);
        self.aim();
        Some(slot)
    }

    /// What each slot should have.
    fn expected(&self) -> Vec<f64> {
        let given = match &self.expectation {
            Expectation::Shares(shares) => shares.iter().map(|(_, share)| *share).collect(),
            Expectation::Equal(number) => vec![1.0 / *number as f64; (*number).min(BACKENDS_MAX)],
            Expectation::EqualSeen => vec![1.0 / self.slots.len().max(1) as f64; self.slots.len()],
        };
        let mut expected: Vec<f64> = given;
        expected.resize(self.slots.len(), 0.0);
        expected
    }

    fn aim(&mut self) {
        let expected = self.expected();
        let sharing = expected.iter().filter(|share| **share > 0.0).count();
        self.goal = match sharing {
            0 => None,
            1 if self.expectation == Expectation::EqualSeen => None,
            1 => Some(ANSWERS_OF_ONE),
            _ => answers_to_exclude(&expected, self.factor, self.tolerance, self.slots.len()),
        };
    }

    fn weigh(&mut self) {
        if self.batch.is_empty() || self.refused {
            self.batch.clear();
            return;
        }
        let mut observed = vec![0.0; self.slots.len()];
        for slot in self.batch.drain(..) {
            observed[slot] += 1.0;
        }
        let counts: Vec<Count> = observed
            .into_iter()
            .zip(self.expected())
            .enumerate()
            .map(|(slot, (observed, share))| Count::new(slot as u64, observed, share))
            .collect();
        for finding in self.detector.observe(Nanos(self.answers), &counts) {
            self.slots[finding.backend as usize].finding = Some(finding);
            self.refused = true;
        }
    }
}

#[cfg(test)]
#[path = "trial_tests.rs"]
mod tests;
