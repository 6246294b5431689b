//! What is uneven, since when, and what that looks like.

use std::collections::HashMap;
use std::time::Duration;

use evenkeel_core::Nanos;
use evenkeel_core::skew::{Count, Detector, Finding, Severity, Side, Tolerance};

use crate::Options;
use crate::report::{Cause, client};
use crate::series::Counts;
use crate::survey::PoolSurvey;

/// What is wrong in a pool, requests first, then worst first. Names and expected shares are in the order of its backends.
pub(crate) fn causes(
    survey: &PoolSurvey,
    names: &[String],
    expected: &[f64],
    options: &Options,
) -> Vec<Cause> {
    let begin = survey.series.slices().next().map_or(0, |(second, _)| second);
    let pool = Pool { survey, names, expected, options, begin };
    let requests = pool.find(Dimension::Requests);
    let errors = pool.find(Dimension::Errors);
    let slow = pool.find(Dimension::Slow);
    let mut causes: Vec<Cause> = requests.iter().map(|finding| pool.uneven(finding, &errors)).collect();
    let above = |finding: &&Finding| finding.side == Side::Above;
    causes.extend(errors.iter().filter(above).map(|finding| pool.trouble(Dimension::Errors, finding)));
    causes.extend(slow.iter().filter(above).map(|finding| pool.trouble(Dimension::Slow, finding)));
    causes
}

/// What is counted at each backend.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Requests,
    Errors,
    Slow,
}

impl Dimension {
    fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Errors => "errors",
            Self::Slow => "slow",
        }
    }

    fn tolerance(self) -> Tolerance {
        match self {
            Self::Requests => Tolerance::INTENT,
            Self::Errors | Self::Slow => Tolerance::TROUBLE,
        }
    }

    fn of(self, counts: &Counts) -> f64 {
        let count = match self {
            Self::Requests => counts.attempts,
            Self::Errors => counts.errors,
            Self::Slow => counts.slow,
        };
        count as f64
    }
}

struct Pool<'a> {
    survey: &'a PoolSurvey,
    names: &'a [String],
    expected: &'a [f64],
    options: &'a Options,
    /// The first second.
    begin: i64,
}

impl Pool<'_> {
    /// Each backend in one slice of time. Errors and slow requests are held against requests: a backend that has twice the
    /// requests may have twice the errors.
    fn counts(&self, dimension: Dimension, slice: &HashMap<usize, Counts>) -> Vec<Count> {
        let attempts: u64 = slice.values().map(|counts| counts.attempts).sum();
        let of_backend = |index: usize| {
            let counts = slice.get(&index).copied().unwrap_or_default();
            let share = match dimension {
                Dimension::Requests => self.expected[index],
                Dimension::Errors | Dimension::Slow => counts.attempts as f64 / attempts.max(1) as f64,
            };
            Count::new(index as u64, dimension.of(&counts), share)
        };
        (0..self.names.len()).map(of_backend).collect()
    }

    /// One finding for each backend and side, since the first, with the shares of all the time since then.
    fn find(&self, dimension: Dimension) -> Vec<Finding> {
        let mut detector = Detector::new(dimension.tolerance());
        let mut found: Vec<Finding> = Vec::new();
        for (second, slice) in self.survey.series.slices() {
            let past = (second + self.survey.series.width() - self.begin).unsigned_abs();
            let now = Nanos::ZERO.saturating_add(Duration::from_secs(past));
            for finding in detector.observe(now, &self.counts(dimension, slice)) {
                let same =
                    |known: &&mut Finding| (known.backend, known.side) == (finding.backend, finding.side);
                match found.iter_mut().find(same) {
                    Some(known) => known.severity = known.severity.max(finding.severity),
                    None => found.push(finding),
                }
            }
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
    fn second(&self, finding: &Finding) -> i64 {
        self.begin + (finding.since.0 / 1_000_000_000).cast_signed()
    }

    /// What it looks like when a backend has too many requests, or too few.
    fn uneven(&self, finding: &Finding, errors: &[Finding]) -> Cause {
        let index = finding.backend as usize;
        let name = &self.names[index];
        let should = percent(finding.expected);
        let got =
            format!("{name} gets {} of the requests, {should} would be its share", percent(finding.share));
        let fails = |error: &Finding| error.backend == finding.backend && error.side == Side::Above;
        let (kind, sentence) = if finding.side == Side::Above && errors.iter().any(fails) {
            let why =
                "and its errors are more than its requests explain: it fails fast, and so gets even more";
            ("black_hole", format!("{got}, {why}"))
        } else if let Some((who, share)) = self.hot_client(finding) {
            let why = "so stickiness or a hash is the reason";
            ("hot_client", format!("{got}; {who} alone makes {} of all, {why}", percent(share)))
        } else if self.survey.backends[index].attempts == 0 {
            let why = "it is down, drained, or not configured";
            ("missing", format!("{name} gets nothing, {should} would be its share: {why}"))
        } else {
            let why = "no single client explains it: look at the weights, the strategy, and who is up";
            ("weights", format!("{got}; {why}"))
        };
        self.cause(Dimension::Requests, finding, kind, sentence)
    }

    /// The client without which a backend with too many requests would be inside its band, and its share of all.
    fn hot_client(&self, finding: &Finding) -> Option<(String, f64)> {
        let backend = &self.survey.backends[finding.backend as usize];
        let (who, count) = *backend.clients.top(1).first()?;
        let all: u64 = self.survey.backends.iter().map(|backend| backend.attempts).sum();
        let without = backend.attempts.saturating_sub(count) as f64 / all.saturating_sub(count).max(1) as f64;
        let inside = without <= finding.expected * (1.0 + Dimension::Requests.tolerance().get());
        let explains = finding.side == Side::Above && inside;
        explains.then(|| (client(who, self.options), count as f64 / all as f64))
    }

    /// What it looks like when a backend fails, or is slow, more than its requests explain.
    fn trouble(&self, dimension: Dimension, finding: &Finding) -> Cause {
        let (what, kind) = match dimension {
            Dimension::Errors => ("errors", "bad_backend"),
            _ => ("slow responses", "slow_backend"),
        };
        let sentence = format!(
            "{} makes {} of the {what} with {} of the requests: it is this backend, not what all of them share",
            self.names[finding.backend as usize],
            percent(finding.share),
            percent(finding.expected),
        );
        self.cause(dimension, finding, kind, sentence)
    }

    fn cause(&self, dimension: Dimension, finding: &Finding, kind: &'static str, sentence: String) -> Cause {
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

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
