//! What is uneven, and since when.

use std::time::Duration;

use evenkeel_core::Nanos;
use evenkeel_core::skew::{Count, Detector, Finding, Severity, Side, Tolerance};

use crate::Options;
use crate::explain::Explainer;
use crate::report::Cause;
use crate::series::{Counts, Slice};
use crate::survey::PoolSurvey;

/// What is wrong in a pool, requests first, then worst first. Names and expected shares are in the order of its backends.
pub(crate) fn causes(
    survey: &PoolSurvey,
    names: &[String],
    expected: &[f64],
    options: &Options,
) -> Vec<Cause> {
    let pool = Pool::new(survey, names, expected, options);
    let requests = pool.find(Dimension::Requests);
    let errors = pool.find(Dimension::Errors);
    let slow = pool.find(Dimension::Slow);
    let bytes = if survey.connections > 0 { pool.find(Dimension::Bytes) } else { Vec::new() };
    let explainer = Explainer { pool: &pool, requests: &requests, errors: &errors, slow: &slow };
    let mut causes: Vec<Cause> = requests
        .iter()
        .map(|finding| pool.cause(Dimension::Requests, finding, explainer.uneven(finding)))
        .collect();
    let above = |finding: &&Finding| finding.side == Side::Above;
    for (dimension, findings) in [(Dimension::Errors, &errors), (Dimension::Slow, &slow)] {
        let told = findings.iter().filter(above);
        causes.extend(
            told.map(|finding| pool.cause(dimension, finding, explainer.trouble(dimension, finding))),
        );
    }
    // Who has too many connections carries too much, which needs no cause of its own.
    let own = |finding: &&Finding| !requests.iter().any(|request| request.backend == finding.backend);
    let heavy = bytes.iter().filter(above).filter(own);
    causes.extend(heavy.map(|finding| pool.cause(Dimension::Bytes, finding, explainer.pinned(finding))));
    causes
}

/// What is counted at each backend.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    Requests,
    Errors,
    Slow,
    /// What connections carried.
    Bytes,
}

impl Dimension {
    fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Errors => "errors",
            Self::Slow => "slow",
            Self::Bytes => "bytes",
        }
    }

    pub(crate) fn tolerance(self) -> Tolerance {
        match self {
            Self::Requests => Tolerance::INTENT,
            Self::Errors | Self::Slow => Tolerance::TROUBLE,
            Self::Bytes => Tolerance::IN_FLIGHT,
        }
    }

    /// Requests that a tick has at least. Those that errors are held against are counted in the same tick: of few, their
    /// shares would be as much by chance as the errors'.
    fn tick_min(self) -> u64 {
        match self {
            Self::Requests | Self::Bytes => 0,
            Self::Errors | Self::Slow => 200,
        }
    }

    fn of(self, counts: &Counts) -> f64 {
        let count = match self {
            Self::Requests => counts.attempts,
            Self::Errors => counts.errors,
            Self::Slow => counts.slow,
            Self::Bytes => counts.bytes,
        };
        count as f64
    }
}

/// A pool, with what its backends are called and should have.
pub(crate) struct Pool<'a> {
    pub(crate) survey: &'a PoolSurvey,
    pub(crate) names: &'a [String],
    pub(crate) expected: &'a [f64],
    pub(crate) options: &'a Options,
    /// The first second.
    begin: i64,
}

impl<'a> Pool<'a> {
    pub(crate) fn new(
        survey: &'a PoolSurvey,
        names: &'a [String],
        expected: &'a [f64],
        options: &'a Options,
    ) -> Self {
        let begin = survey.series.slices().next().map_or(0, |(second, _)| second);
        Self { survey, names, expected, options, begin }
    }

    /// Each backend in one slice of time. Errors and slow requests are held against requests: a backend that has twice the
    /// requests may have twice the errors.
    fn counts(&self, dimension: Dimension, slice: &Slice) -> Vec<Count> {
        let attempts: u64 = slice.values().map(|counts| counts.attempts).sum();
        // Bytes come by the connection: few large ones are no more evidence than few requests.
        let cluster = if dimension == Dimension::Bytes { self.survey.heavy.design_effect() } else { 1.0 };
        let of_backend = |index: usize| {
            let counts = slice.get(&index).copied().unwrap_or_default();
            let share = match dimension {
                Dimension::Requests | Dimension::Bytes => self.expected[index],
                Dimension::Errors | Dimension::Slow => counts.attempts as f64 / attempts.max(1) as f64,
            };
            Count::new(index as u64, dimension.of(&counts) / cluster, share)
        };
        (0..self.names.len()).map(of_backend).collect()
    }

    /// One finding for each backend and side, since the first, with the shares of all the time since then.
    fn find(&self, dimension: Dimension) -> Vec<Finding> {
        let mut detector = Detector::new(dimension.tolerance());
        let mut found: Vec<Finding> = Vec::new();
        let mut tick = Slice::new();
        let mut slices = self.survey.series.slices().peekable();
        while let Some((second, slice)) = slices.next() {
            slice.iter().for_each(|(&backend, counts)| *tick.entry(backend).or_default() += *counts);
            let attempts: u64 = tick.values().map(|counts| counts.attempts).sum();
            if attempts < dimension.tick_min() && slices.peek().is_some() {
                continue;
            }
            let past = (second + self.survey.series.width() - self.begin).unsigned_abs();
            let now = Nanos::ZERO.saturating_add(Duration::from_secs(past));
            for finding in detector.observe(now, &self.counts(dimension, &tick)) {
                let same =
                    |known: &&mut Finding| (known.backend, known.side) == (finding.backend, finding.side);
                match found.iter_mut().find(same) {
                    Some(known) => known.severity = known.severity.max(finding.severity),
                    None => found.push(finding),
                }
            }
            tick.clear();
        }
        found.iter_mut().for_each(|finding| self.sum_up(dimension, finding));
        found.sort_by(Finding::worst_first);
        found
    }

    /// The shares of all the time since it began: what was found was found in a few requests.
    fn sum_up(&self, dimension: Dimension, finding: &mut Finding) {
        let since = self.second(finding);
        let (mut observed, mut expected, mut total) = (0.0, 0.0, 0.0);
        for (_, slice) in self.survey.series.slices().filter(|(second, _)| *second >= since) {
            let counts = self.counts(dimension, slice);
            let here: f64 = counts.iter().map(|count| count.observed).sum();
            let own = counts[finding.backend as usize];
            observed += own.observed;
            expected += here * own.share;
            total += here;
        }
        if total > 0.0 {
            finding.share = observed / total;
            finding.expected = expected / total;
        }
    }

    /// When it began, in seconds since 1970.
    pub(crate) fn second(&self, finding: &Finding) -> i64 {
        self.begin + (finding.since.0 / 1_000_000_000).cast_signed()
    }

    fn cause(
        &self,
        dimension: Dimension,
        finding: &Finding,
        (kind, sentence): (&'static str, String),
    ) -> Cause {
        Cause {
            dimension: dimension.name(),
            backend: self.names[finding.backend as usize].clone(),
            above: finding.side == Side::Above,
            share: finding.share,
            expected: finding.expected,
            critical: finding.severity == Severity::Critical,
            since: self.second(finding),
            kind,
            sentence,
        }
    }
}
