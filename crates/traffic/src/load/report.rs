//! What a run comes to, for people, scripts and pictures.

use std::time::Duration;

use evenkeel_core::skew::Tolerance;
use serde::Serialize;

use super::capacity::Capacity;
use super::latencies::{Summary, millis};
use super::objective::Objective;
use super::plan::Plan;
use super::record::{BackendRecord, Record};
use super::sample::Failures;
use super::split::{self, Expected, Split};
use super::timeline::Slice;
use crate::split::Expectation;

/// Everything that is told of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this structure.
    pub schema: u32,
    /// Where requests went.
    pub url: String,
    /// `constant` or `poisson`.
    pub arrivals: &'static str,
    /// How many connections there were at a time.
    pub connections: usize,
    /// How many requests at a time on each.
    pub streams: usize,
    /// How long requests were due for, in seconds.
    pub seconds: f64,
    /// Whether it was ended before its time.
    pub interrupted: bool,
    /// Requests that were due.
    pub requests: u64,
    /// Answers, whatever their status.
    pub answers: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests that were due or under way when it was ended before its time.
    pub left: u64,
    /// Requests due a second.
    pub offered_rate: f64,
    /// Answers a second that were no failure, until the last one.
    pub answered_rate: f64,
    /// Length of all answers' content.
    pub bytes: u64,
    /// From when each request was due.
    pub latency: Summary,
    /// From when each was sent: what a client sees that waits for one answer before it asks again.
    pub uncorrected: Summary,
    /// Percentiles, for a curve.
    pub curve: Vec<CurvePoint>,
    /// How those failed that did.
    pub errors: Failures,
    /// How well this generator did.
    pub generator: Generator,
    /// What named the backends.
    pub by: Option<String>,
    /// Answers that did not say who gave them.
    pub anonymous: u64,
    /// Who answered, most first, and who should have.
    pub backends: Vec<BackendReport>,
    /// Whether the shares are as they should be.
    pub split: Split,
    /// What was asked for.
    pub objective: Option<ObjectiveReport>,
    /// Where the rate was stepped.
    pub stages: Vec<StageReport>,
    /// What was found where the capacity was searched for; the rest is then about the highest rate that was good enough.
    pub capacity: Option<Capacity>,
    /// What happened when.
    pub timeline: Vec<SliceReport>,
}

/// One percentile.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CurvePoint {
    /// 0.0..1.0: this part of requests took less.
    pub quantile: f64,
    /// From when each was due.
    pub latency_ms: f64,
    /// From when each was sent.
    pub uncorrected_ms: f64,
}

/// Whether the generator did what it should.
#[derive(Clone, Debug, Serialize)]
pub struct Generator {
    /// Whether it was late itself, so that latencies are in part its own.
    pub behind: bool,
    /// How late, in milliseconds.
    pub lag_p99_ms: f64,
    /// The most that it was late.
    pub lag_max_ms: f64,
    /// Requests that found no free connection when they were due.
    pub waited_for_connection: u64,
    /// In words, where there is something to say.
    pub notes: Vec<String>,
}

/// What was asked for, and whether it holds.
#[derive(Clone, Debug, Serialize)]
pub struct ObjectiveReport {
    /// What.
    pub objective: String,
    /// Whether it was met.
    pub met: bool,
    /// What was not.
    pub misses: Vec<String>,
}

/// One backend.
#[derive(Clone, Debug, Serialize)]
pub struct BackendReport {
    /// Its name; `None` for one that is expected and has not answered, where only their number is known.
    pub backend: Option<String>,
    /// Answers.
    pub answers: u64,
    /// Of all answers that named a backend.
    pub share: f64,
    /// What it should be.
    pub expected: f64,
    /// Answers with 4xx and 5xx.
    pub failed: u64,
    /// How those failed that did.
    pub errors: Failures,
    /// Length of its answers' content.
    pub bytes: u64,
    /// From when each request was due; `None` without any.
    pub latency: Option<Summary>,
}

/// One step of the rate.
#[derive(Clone, Debug, Serialize)]
pub struct StageReport {
    /// Requests a second when it began.
    pub from: f64,
    /// Requests a second when it ended.
    pub to: f64,
    /// Its length.
    pub seconds: f64,
    /// Requests that were due in it.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// From when each was due.
    pub latency: Summary,
}

/// One stretch of time.
#[derive(Clone, Debug, Serialize)]
pub struct SliceReport {
    /// Seconds after the start at which it begins.
    pub at: f64,
    /// Requests due in it, a second.
    pub rate: f64,
    /// Those that failed.
    pub failed: u64,
    /// Half took less, in milliseconds; `None` without any.
    pub p50_ms: Option<f64>,
    /// 99 % took less.
    pub p99_ms: Option<f64>,
    /// The longest.
    pub max_ms: Option<f64>,
    /// Answers of each backend, in the order of `backends`.
    pub backends: Vec<u32>,
}

/// Later than this at p99, and the generator is part of what was measured.
const LATE_P99: Duration = Duration::from_millis(2);
/// The same for the most that it was late; a machine that others use may pause for a moment.
const LATE_MAX: Duration = Duration::from_millis(100);

/// Puts everything together.
pub fn report(
    plan: &Plan,
    record: &Record,
    seconds: f64,
    (expectation, objective): (&Expectation, Option<&Objective>),
) -> Report {
    let seconds = seconds.max(1e-3);
    let failed = record.failures.total();
    let expected = split::expected(record, expectation);
    let (backends, order) = backends(record, &expected);
    Report {
        schema: 1,
        url: plan.target.to_string(),
        arrivals: plan.arrivals.as_str(),
        connections: plan.connections,
        streams: plan.streams,
        seconds,
        interrupted: record.left > 0 || seconds < plan.profile.lasts().as_secs_f64() - 1e-3,
        requests: record.requests + record.left,
        answers: record.answers(),
        failed,
        left: record.left,
        offered_rate: (record.requests + record.left) as f64 / seconds,
        // What was due in the end may have been answered after it.
        answered_rate: (record.requests - failed) as f64 / seconds.max(record.ended as f64 / 1e9),
        bytes: record.bytes,
        latency: record.corrected.summary(),
        uncorrected: record.uncorrected.summary(),
        curve: curve(record),
        errors: record.failures,
        generator: generator(plan, record),
        by: plan.by.as_ref().map(ToString::to_string),
        anonymous: record.anonymous,
        split: split::judge(record, expectation, tolerance(plan)),
        objective: objective.map(|objective| met(objective, record)),
        stages: stages(plan, record),
        capacity: None,
        timeline: timeline(record, &order, seconds),
        backends,
    }
}

impl Report {
    /// Whether everything that was asked is answered with yes: the split is not skewed, the objective was met, and not
    /// every request failed.
    pub fn is_yes(&self) -> bool {
        let is_met = self.objective.as_ref().is_none_or(|objective| objective.met);
        let is_found = self.capacity.as_ref().is_none_or(|capacity| capacity.rate.is_some());
        self.split.verdict != split::Verdict::Skewed && is_met && is_found && self.is_any_good()
    }

    /// Whether a single request was answered well.
    pub fn is_any_good(&self) -> bool {
        self.requests > self.failed + self.left
    }
}

/// Few keys are not spread evenly by any hash.
fn tolerance(plan: &Plan) -> Tolerance {
    if plan.keys.is_some() { Tolerance::KEYED_INTENT } else { Tolerance::INTENT }
}

pub(super) fn generator(plan: &Plan, record: &Record) -> Generator {
    let (p99, max) = (record.lag.quantile(0.99), record.lag.quantile(1.0));
    let behind = p99 > LATE_P99 || max > LATE_MAX;
    let mut notes = Vec::new();
    if behind {
        notes.push(format!(
            "the generator fell behind by up to {:.1} ms (p99 {:.1} ms): this machine is too busy, or the rate too high \
             for it, and latencies are in part its own",
            millis(max),
            millis(p99)
        ));
    }
    if record.waited * 100 > record.requests {
        let seats = plan.connections * plan.streams.max(1);
        let more = if plan.streams > 1 { "--connections or --streams" } else { "--connections" };
        notes.push(format!(
            "{} of {} requests found all {seats} places taken when they were due, and waited: that is part of their \
             latency; {more} gives more",
            record.waited, record.requests
        ));
    }
    let (lag_p99_ms, lag_max_ms) = (millis(p99), millis(max));
    Generator { behind, lag_p99_ms, lag_max_ms, waited_for_connection: record.waited, notes }
}

fn met(objective: &Objective, record: &Record) -> ObjectiveReport {
    let misses = objective.misses(&record.corrected, record.requests, record.failures.total());
    let misses: Vec<String> = misses.iter().map(ToString::to_string).collect();
    ObjectiveReport { objective: objective.to_string(), met: misses.is_empty(), misses }
}

/// Most answers first, and the number in the record of each.
fn backends(record: &Record, expected: &[Expected]) -> (Vec<BackendReport>, Vec<usize>) {
    let total: u64 = record.backends.iter().map(|backend| backend.answers).sum();
    let mut all: Vec<(usize, BackendReport)> = expected
        .iter()
        .enumerate()
        .map(|(number, expected)| (number, backend(record.backends.get(number), expected, total)))
        .collect();
    all.sort_by(|(_, one), (_, other)| {
        other.answers.cmp(&one.answers).then_with(|| one.backend.cmp(&other.backend))
    });
    let order = all.iter().map(|(number, _)| *number).collect();
    (all.into_iter().map(|(_, report)| report).collect(), order)
}

fn backend(record: Option<&BackendRecord>, expected: &Expected, total: u64) -> BackendReport {
    let answers = record.map_or(0, |record| record.answers);
    BackendReport {
        backend: expected.backend.clone(),
        answers,
        share: answers as f64 / total.max(1) as f64,
        expected: expected.share,
        failed: record.map_or(0, |record| record.failures.total()),
        errors: record.map_or_else(Failures::default, |record| record.failures),
        bytes: record.map_or(0, |record| record.bytes),
        latency: record.map(|record| record.latencies.summary()),
    }
}

/// Eight points for each nine, down to a single request.
fn curve(record: &Record) -> Vec<CurvePoint> {
    let count = record.corrected.count() as f64;
    let rarities = (0..).map(|step| 10_f64.powf(f64::from(step) / 8.0)).take_while(|rarity| *rarity <= count);
    let points = rarities.map(|rarity| 1.0 - 1.0 / rarity).map(|quantile| CurvePoint {
        quantile,
        latency_ms: millis(record.corrected.quantile(quantile)),
        uncorrected_ms: millis(record.uncorrected.quantile(quantile)),
    });
    points.collect()
}

fn stages(plan: &Plan, record: &Record) -> Vec<StageReport> {
    let each = plan.profile.stages().iter().zip(&record.stages);
    let told = each.map(|(stage, record)| StageReport {
        from: stage.from,
        to: stage.to,
        seconds: stage.lasts.as_secs_f64(),
        requests: record.requests,
        failed: record.failed,
        latency: record.latencies.summary(),
    });
    told.collect()
}

fn timeline(record: &Record, order: &[usize], seconds: f64) -> Vec<SliceReport> {
    let width = record.timeline.width() as f64 / 1e9;
    let slices = record.timeline.slices().iter().enumerate();
    let told = slices.map(|(index, slice)| {
        let at = index as f64 * width;
        // The last slice may be cut short by the end.
        slice_report(slice, at, width.min((seconds - at).max(width / 10.0)), order)
    });
    told.collect()
}

fn slice_report(slice: &Slice, at: f64, width: f64, order: &[usize]) -> SliceReport {
    let quantile = |part| slice.latencies.as_ref().map(|latencies| millis(latencies.quantile(part)));
    SliceReport {
        // To the microsecond: a sum of tenths has more digits than it means.
        at: (at * 1e6).round() / 1e6,
        rate: (slice.due as f64 / width * 1e3).round() / 1e3,
        failed: slice.failed,
        p50_ms: quantile(0.5),
        p99_ms: quantile(0.99),
        max_ms: quantile(1.0),
        backends: order.iter().map(|number| slice.backends.get(*number).copied().unwrap_or(0)).collect(),
    }
}
