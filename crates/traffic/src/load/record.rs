//! Everything that is counted in a run, in memory that does not grow with its length.

use std::collections::HashMap;

use super::latencies::Latencies;
use super::sample::{Class, Failures, Sample};
use super::timeline::Timeline;

/// What happened. Moments are in nanoseconds after the start of the run.
#[derive(Clone, Debug)]
pub struct Record {
    /// From when each request was due: what a user would have waited.
    pub corrected: Latencies,
    /// From when each was sent: what a client sees that waits for one answer before it asks again. A server that stalls is
    /// asked less, so its stalls hardly show.
    pub uncorrected: Latencies,
    /// Requests that have ended, or were never sent.
    pub requests: u64,
    /// How those failed that did.
    pub failures: Failures,
    /// Length of all answers' content.
    pub bytes: u64,
    /// When the last request ended.
    pub ended: u64,
    /// How late the generator itself was with each request.
    pub lag: Latencies,
    /// Requests that had to wait because no connection was free.
    pub waited: u64,
    /// Requests that were due or under way when the run was ended from outside. Their latencies are counted as far as they had
    /// come; they are neither answered nor failed.
    pub left: u64,
    /// Answers that did not say who gave them.
    pub anonymous: u64,
    /// Who answered.
    pub backends: Vec<BackendRecord>,
    /// Requests by the stage in which they were due.
    pub stages: Vec<StageRecord>,
    /// What happened when.
    pub timeline: Timeline,
    /// How connections clung to backends.
    pub clusters: Clusters,
    numbers: HashMap<String, usize>,
}

/// One backend's part.
#[derive(Clone, Debug)]
pub struct BackendRecord {
    /// As it calls itself.
    pub name: String,
    /// Answers, whatever their status.
    pub answers: u64,
    /// Answers with 4xx and 5xx.
    pub failures: Failures,
    /// Length of its answers' content.
    pub bytes: u64,
    /// From when each request was due.
    pub latencies: Latencies,
}

/// One stage's part.
#[derive(Clone, Debug, Default)]
pub struct StageRecord {
    /// Requests due in it.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// From when each was due.
    pub latencies: Latencies,
}

/// Whether requests of one connection go to one backend, which makes them one decision.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clusters {
    /// Connections that had two answers or more.
    pub judged: u64,
    /// Those of them that had answers of more than one backend.
    pub mixed: u64,
    /// Answers of all connections, and the sum of squares of each one's.
    pub answers: f64,
    /// See `answers`.
    pub squares: f64,
}

/// Backends beyond this are counted as one.
const BACKENDS_MAX: usize = 512;
/// Its name.
const OTHERS: &str = "(others)";
/// Of what a backend calls itself, in bytes.
const NAME_MAX: usize = 128;

impl Record {
    /// Nothing yet, for a profile of so many stages.
    pub fn new(stages: usize) -> Self {
        Self {
            corrected: Latencies::new(),
            uncorrected: Latencies::new(),
            requests: 0,
            failures: Failures::default(),
            bytes: 0,
            ended: 0,
            lag: Latencies::new(),
            waited: 0,
            left: 0,
            anonymous: 0,
            backends: Vec::new(),
            stages: vec![StageRecord::default(); stages],
            timeline: Timeline::new(),
            clusters: Clusters::default(),
            numbers: HashMap::new(),
        }
    }

    /// Takes in a request that was due in this stage; gives the number of the backend that answered.
    pub fn add(&mut self, sample: &Sample<'_>, stage: usize) -> Option<usize> {
        let latency = sample.done.saturating_sub(sample.due);
        let is_timed = sample.failure.is_none_or(Class::is_timed);
        let is_answer = sample.failure.is_none_or(Class::is_answer);
        self.requests += 1;
        self.bytes += sample.bytes;
        self.ended = self.ended.max(sample.done);
        self.failures.count(sample.failure);
        if is_timed {
            self.corrected.record(latency);
            // What was never sent has no latency from then.
            if sample.failure != Some(Class::Unsent) {
                self.uncorrected.record(sample.done.saturating_sub(sample.sent));
            }
        }
        if let Some(stage) = self.stages.get_mut(stage) {
            stage.requests += 1;
            stage.failed += u64::from(sample.failure.is_some());
            if is_timed {
                stage.latencies.record(latency);
            }
        }
        let backend = sample.backend.filter(|_| is_answer).map(|name| self.number(name));
        match backend {
            Some(backend) => self.backends[backend].add(sample, latency),
            None => self.anonymous += u64::from(is_answer),
        }
        self.timeline.record(sample, backend);
        backend
    }

    /// Takes in a request that nobody will wait for any more, after so many nanoseconds.
    pub(super) fn left_behind(&mut self, waited: u64) {
        self.left += 1;
        self.corrected.record(waited);
    }

    /// Takes in what another generator counted in the same run.
    pub fn merge(&mut self, other: Self) {
        self.corrected.add(&other.corrected);
        self.uncorrected.add(&other.uncorrected);
        self.lag.add(&other.lag);
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.ended = self.ended.max(other.ended);
        self.waited += other.waited;
        self.left += other.left;
        self.anonymous += other.anonymous;
        self.failures.add(other.failures);
        self.clusters.add(other.clusters);
        for (ours, theirs) in self.stages.iter_mut().zip(&other.stages) {
            ours.requests += theirs.requests;
            ours.failed += theirs.failed;
            ours.latencies.add(&theirs.latencies);
        }
        let mut numbers = Vec::new();
        for theirs in &other.backends {
            let number = self.number(&theirs.name);
            self.backends[number].merge(theirs);
            numbers.push(number);
        }
        self.timeline.add(other.timeline, &numbers);
    }

    /// Requests that failed in any way.
    pub fn failed(&self) -> u64 {
        self.failures.total()
    }

    /// Answers, whatever their status.
    pub fn answers(&self) -> u64 {
        let unanswered = self.failures.classes().filter(|(class, _)| !class.is_answer());
        self.requests - unanswered.map(|(_, count)| count).sum::<u64>()
    }

    fn number(&mut self, name: &str) -> usize {
        let mut end = name.len().min(NAME_MAX);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let mut name = &name[..end];
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        if self.backends.len() >= BACKENDS_MAX {
            name = OTHERS;
            if let Some(number) = self.numbers.get(name) {
                return *number;
            }
        }
        self.backends.push(BackendRecord::new(name));
        self.numbers.insert(name.to_owned(), self.backends.len() - 1);
        self.backends.len() - 1
    }
}

impl BackendRecord {
    fn new(name: &str) -> Self {
        let failures = Failures::default();
        Self { name: name.to_owned(), answers: 0, failures, bytes: 0, latencies: Latencies::new() }
    }

    fn add(&mut self, sample: &Sample<'_>, latency: u64) {
        self.answers += 1;
        self.bytes += sample.bytes;
        self.latencies.record(latency);
        self.failures.count(sample.failure);
    }

    fn merge(&mut self, other: &Self) {
        self.answers += other.answers;
        self.bytes += other.bytes;
        self.latencies.add(&other.latencies);
        self.failures.add(other.failures);
    }

    /// Answers with 4xx and 5xx.
    pub fn failed(&self) -> u64 {
        self.failures.total()
    }
}

impl Clusters {
    /// A connection has ended, or the run has: it had so many answers, of one backend or of several.
    pub fn close(&mut self, answers: u64, is_mixed: bool) {
        self.judged += u64::from(answers > 1);
        self.mixed += u64::from(answers > 1 && is_mixed);
        self.answers += answers as f64;
        self.squares += (answers as f64).powi(2);
    }

    /// How many requests count as one: 1.0 where they are balanced one by one. Where no connection has ever had answers of
    /// two backends, the balancer has decided once for each connection (Kish 1965: Σm²/Σm).
    pub fn design_effect(&self) -> f64 {
        if self.judged == 0 || self.mixed > 0 { 1.0 } else { self.squares / self.answers }
    }

    fn add(&mut self, other: Self) {
        self.judged += other.judged;
        self.mixed += other.mixed;
        self.answers += other.answers;
        self.squares += other.squares;
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;
    use std::sync::Arc;
    use std::time::Duration;

    use crate::client::FailureClass;

    use super::super::{Arrivals, Profile, Schedule};
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const REFUSED: Option<Class> = Some(Class::Unanswered(FailureClass::Refused));
    const TIMEOUT: Option<Class> = Some(Class::Unanswered(FailureClass::Timeout));

    fn sample(backend: &str, failure: Option<Class>) -> Sample<'_> {
        Sample { due: 0, sent: SECOND, done: 2 * SECOND, backend: Some(backend), failure, bytes: 10 }
    }

    /// A server that takes 1 ms, one request at a time on each of `connections`, and stands still from 10 s to 11 s.
    fn stalled(rate: f64, seconds: u64, connections: usize) -> Record {
        let profile = Arc::new(Profile::constant(rate, Duration::from_secs(seconds)));
        let mut record = Record::new(1);
        let mut free: BinaryHeap<Reverse<u64>> = (0..connections).map(|_| Reverse(0)).collect();
        for due in Schedule::new(profile, Arrivals::Constant, 1) {
            let Reverse(free_at) = free.pop().unwrap();
            let sent = due.max(free_at);
            let in_stall = (10 * SECOND..11 * SECOND).contains(&sent);
            let begins = if in_stall { 11 * SECOND } else { sent };
            let done = begins + SECOND / 1000;
            free.push(Reverse(done));
            record.add(&Sample { due, sent, done, backend: Some("a"), failure: None, bytes: 0 }, 0);
        }
        record
    }

    /// At rate r over d seconds, of which the server stalls for s: a part s/d of all requests waits from 0 to s, evenly. So
    /// the part that waits longer than w is (s − w) / d, and the quantile q is s − (1 − q) d.
    #[test]
    fn a_stall_shows_as_the_arithmetic_of_open_load_has_it() {
        let record = stalled(1000.0, 50, 10_000);
        for (quantile, expected) in [(0.99, 0.5), (0.999, 0.95), (0.985, 0.25)] {
            let latency = record.corrected.quantile(quantile).as_secs_f64();
            assert!((latency - expected).abs() < 0.005, "{quantile}: {latency} {expected}");
        }
        assert!(record.corrected.quantile(0.97).as_secs_f64() < 0.002, "the others are not touched");
        let above = record.corrected.above(Duration::from_millis(500));
        assert!(above.abs_diff(500) <= 5, "half of the stall's 1000: {above}");
        assert!((record.corrected.quantile(1.0).as_secs_f64() - 1.0).abs() < 0.003);
    }

    /// With few connections the stall is met by as many requests as there are connections, and by nobody else. What was due
    /// meanwhile comes afterwards, and took hardly any time if counted from then.
    #[test]
    fn counted_from_when_it_was_sent_a_stall_hides() {
        let record = stalled(1000.0, 50, 10);
        // Ten connections send a tenth of the stall's requests each 10 ms: the last one waits for 0.1 s longer than the stall.
        assert!((record.corrected.quantile(0.99).as_secs_f64() - 0.55).abs() < 0.005);
        assert!(record.uncorrected.quantile(0.999) < Duration::from_millis(2));
        assert_eq!(record.uncorrected.above(Duration::from_millis(900)), 10);
    }

    #[test]
    fn failures_are_told_apart_and_only_answers_have_a_backend() {
        let mut record = Record::new(1);
        for failure in [None, Some(Class::Status5xx), REFUSED, TIMEOUT] {
            record.add(&sample("a", failure), 0);
        }
        assert_eq!((record.requests, record.failed(), record.answers()), (4, 3, 2));
        assert_eq!((record.backends[0].answers, record.backends[0].failed()), (2, 1));
        assert_eq!(record.corrected.count(), 3, "refused is no latency, a timeout is one");
        assert_eq!((record.stages[0].requests, record.stages[0].failed), (4, 3));
        record.add(&Sample { backend: None, ..sample("", None) }, 0);
        assert_eq!(record.anonymous, 1);
    }

    #[test]
    fn names_are_bounded_in_number_and_length() {
        let mut record = Record::new(1);
        for number in 0..2_000 {
            record.add(&sample(&format!("backend-{number}"), None), 0);
        }
        assert_eq!(record.backends.len(), BACKENDS_MAX + 1);
        let others = &record.backends[BACKENDS_MAX];
        assert_eq!((others.name.as_str(), others.answers), (OTHERS, 2_000 - BACKENDS_MAX as u64));
        let mut record = Record::new(1);
        record.add(&sample(&"ä".repeat(10_000), None), 0);
        assert!(record.backends[0].name.len() <= NAME_MAX);
    }

    #[test]
    fn merging_is_counting_together() {
        let (mut one, mut two, mut both) = (Record::new(2), Record::new(2), Record::new(2));
        for number in 0..100_u64 {
            let name = ["a", "b", "c"][(number % 3) as usize];
            let failure = (number % 10 == 0).then_some(Class::Status5xx);
            let sample =
                Sample { due: number * SECOND, done: number * SECOND + number, ..sample(name, failure) };
            let half = if number % 2 == 0 { &mut one } else { &mut two };
            half.add(&sample, (number % 2) as usize);
            both.add(&sample, (number % 2) as usize);
        }
        two.merge(one);
        let counted = |record: &Record| {
            let mut backends: Vec<(String, u64, u64)> =
                record.backends.iter().map(|one| (one.name.clone(), one.answers, one.failed())).collect();
            backends.sort();
            let stages: Vec<u64> = record.stages.iter().map(|stage| stage.requests).collect();
            (record.requests, record.failed(), record.bytes, record.corrected.summary(), backends, stages)
        };
        assert_eq!(counted(&two), counted(&both));
    }

    #[test]
    fn connections_that_cling_to_a_backend_count_as_one_decision() {
        let mut clusters = Clusters::default();
        clusters.close(100, false);
        clusters.close(100, false);
        clusters.close(1, false);
        assert!((clusters.design_effect() - 20_001.0 / 201.0).abs() < 1e-9);
        clusters.close(100, true);
        assert_eq!(clusters.design_effect(), 1.0, "requests are balanced one by one");
        assert_eq!(Clusters::default().design_effect(), 1.0);
    }
}
