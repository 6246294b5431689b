//! Takes in what comes, and decides when it is enough. No I/O: tests play answers to it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::bound::Kept;
use super::mixing::Mixing;
use super::plan::{Pattern, Plan};
use super::report::Unit;
use super::sessions::Sessions;
use super::sighting::Sighting;
use crate::client::Answer;
use crate::split::{State, Trial};
use crate::who::suggest;
use crate::{By, guess};

/// How far a verification has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Requests done.
    pub requests: u64,
    /// Requests at most.
    pub limit: u64,
    /// How near the test is to refusing, 0.0..=1.0.
    pub nearness: f64,
}

/// A verification under way.
#[derive(Debug)]
pub(super) struct Course<'a> {
    pub(super) plan: &'a Plan,
    pub(super) by: Option<By>,
    /// What might name backends, where nothing is known to.
    pub(super) suggested: Vec<By>,
    /// Answers that have not been read, because it is not known yet what names backends.
    waiting: Vec<Sighting>,
    /// Every answer.
    pub(super) requests: Trial,
    /// The first answer of each connection or session.
    pub(super) units: Trial,
    pub(super) mixing: Mixing,
    pub(super) sessions: Sessions,
    pub(super) tally: Tally,
}

/// What is merely counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) failures: BTreeMap<&'static str, u64>,
    /// What the first failure of each class said.
    pub(super) said: BTreeMap<&'static str, String>,
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) unnamed: u64,
    pub(super) named: u64,
    pub(super) cookies: u64,
    failures_in_a_row: u64,
    times: HashMap<String, (u64, Duration)>,
    pub(super) interrupted: bool,
}

/// Answers from which it is found out what names backends.
const GUESS_FROM: usize = 12;
/// After so many requests without one answer that can be used, there will be none.
const HOPELESS_AFTER: u64 = 24;
/// After so many failures in a row, the rest will fail, too.
const FAILURES_IN_A_ROW: u64 = 60;
/// So many answers of one backend alone say that there is nobody to compare it with.
const ALONE_AFTER: u64 = 100;
/// So many sessions that moved are enough.
const MOVED_ENOUGH: u64 = 5;

impl<'a> Course<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        let trial = Trial::new(plan.expectation.clone(), plan.tolerance, plan.factor);
        Self {
            plan,
            by: plan.by.clone(),
            suggested: Vec::new(),
            waiting: Vec::new(),
            requests: trial.clone(),
            units: trial,
            mixing: Mixing::default(),
            sessions: Sessions::default(),
            tally: Tally::default(),
        }
    }

    /// Takes in what came of a request. Whether another one would be of use.
    pub(super) fn take(&mut self, sighting: Sighting) -> bool {
        self.tally.sent += 1;
        match &sighting.outcome {
            Err(failure) => {
                let class = failure.class().as_str();
                *self.tally.failures.entry(class).or_default() += 1;
                self.tally.said.entry(class).or_insert_with(|| failure.to_string());
                self.tally.failures_in_a_row += 1;
            }
            Ok(answer) => {
                *self.tally.statuses.entry(answer.status).or_default() += 1;
                self.tally.failures_in_a_row = 0;
                self.waiting.push(sighting);
                if self.by.is_some() || self.waiting.len() >= GUESS_FROM {
                    self.read();
                }
            }
        }
        !self.is_over()
    }

    /// There will be no more.
    pub(super) fn end(&mut self) {
        self.read();
        self.requests.end();
        self.units.end();
    }

    /// What is balanced one by one, as far as can be told.
    pub(super) fn unit(&self) -> Unit {
        match self.plan.pattern {
            _ if self.plan.sticky => Unit::Session,
            Pattern::Kept if self.mixing.by_request() => Unit::Request,
            Pattern::Kept => Unit::Connection,
            Pattern::Fresh | Pattern::Streams => Unit::Request,
        }
    }

    /// The test that counts.
    pub(super) fn trial(&self) -> &Trial {
        match self.unit() {
            Unit::Request => &self.requests,
            Unit::Connection | Unit::Session => &self.units,
        }
    }

    /// How far it has come.
    pub(super) fn progress(&self) -> Progress {
        let nearness = self.trial().nearness();
        Progress { requests: self.tally.sent, limit: self.plan.requests, nearness }
    }

    /// Reads the answers that wait.
    fn read(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if self.by.is_none() {
            let answers: Vec<Answer> =
                waiting.iter().filter_map(|sighting| sighting.outcome.as_ref().ok().cloned()).collect();
            self.by = guess(&answers);
            if self.by.is_none() && self.suggested.is_empty() {
                self.suggested = suggest(&answers);
            }
        }
        for sighting in waiting {
            if let Ok(answer) = &sighting.outcome {
                self.weigh(sighting.unit, sighting.first, answer);
            }
        }
    }

    fn weigh(&mut self, unit: u64, first: bool, answer: &Answer) {
        if first && self.plan.sticky && answer.headers.contains_key(http::header::SET_COOKIE) {
            self.tally.cookies += 1;
        }
        let Some(seen) = self.by.as_ref().and_then(|by| by.name_in(answer)) else {
            self.tally.unnamed += 1;
            return;
        };
        let name = self.plan.names.resolve(&seen);
        self.tally.named += 1;
        self.tally.time(name, answer.first_byte);
        self.requests.count(name);
        if first {
            self.units.count(name);
        }
        if self.plan.sticky {
            self.sessions.see(unit, name);
        } else if self.plan.pattern == Pattern::Kept {
            self.mixing.see(unit, name);
        }
    }

    fn is_over(&self) -> bool {
        let tally = &self.tally;
        if tally.named == 0 && self.waiting.is_empty() && tally.sent >= HOPELESS_AFTER
            || tally.failures_in_a_row >= FAILURES_IN_A_ROW
        {
            return true;
        }
        let trial = self.trial();
        let alone = trial.needed().is_none() && trial.backends_seen() == 1 && trial.answers() >= ALONE_AFTER;
        let shown = match trial.state() {
            State::Open => false,
            State::Refused => true,
            State::Shown => {
                let bounds = self.bounds();
                bounds.needed == 0 || !bounds.broken.is_empty()
            }
        };
        alone || self.sessions.moved() >= MOVED_ENOUGH || shown
    }

    /// What the contract says of what has come.
    pub(super) fn bounds(&self) -> Kept {
        Kept::of(&self.plan.bounds, self.trial())
    }
}

impl Tally {
    /// Mean time to the first byte of a backend's answers, in milliseconds.
    pub(super) fn mean_ms(&self, name: &str) -> Option<f64> {
        let (answers, sum) = self.times.get(name)?;
        Some(sum.as_secs_f64() * 1e3 / *answers as f64)
    }

    /// Requests that failed.
    pub(super) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    fn time(&mut self, name: &str, took: Duration) {
        if let Some((answers, sum)) = self.times.get_mut(name) {
            (*answers, *sum) = (*answers + 1, *sum + took);
        } else if self.times.len() < crate::split::BACKENDS_MAX {
            self.times.insert(name.to_owned(), (1, took));
        }
    }
}

#[cfg(test)]
#[path = "course_tests.rs"]
mod tests;
